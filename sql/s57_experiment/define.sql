-- Owns: create_experiment and drop_experiment. An experiment is three kinds of rollups: units (first exposure and arm), the values of units, and
-- cells of moments by day, arm and dimensions. A unit lies in one cell, so cells add up; a late exposure or event marks its unit, whose new values
-- mark the cells it leaves and enters.

CREATE OR REPLACE FUNCTION tally.create_experiment(
    name              text,
    exposures         regclass,
    unit              text,
    arms              json,
    metrics           text[],
    control           text DEFAULT 'control',
    arm               text DEFAULT 'arm',
    time_column       text DEFAULT 'at',
    experiment_column text DEFAULT NULL,
    experiment_key    text DEFAULT NULL,
    dimensions        jsonb DEFAULT '[]',
    "where"           text DEFAULT NULL,
    "window"          interval DEFAULT '7 days',
    delay             interval DEFAULT '0',
    covariate_days    int DEFAULT 7,
    twice             text DEFAULT 'exclude',
    starts            date DEFAULT NULL,
    ends              date DEFAULT NULL,
    planned_units     bigint DEFAULT NULL,
    alpha             float8 DEFAULT 0.05,
    correction        text DEFAULT 'holm',
    zone              text DEFAULT 'UTC',
    schedule          text DEFAULT '*/15 * * * *',
    description       text DEFAULT NULL,
    with_data         boolean DEFAULT false,
    search_path       text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS text
-- Numbers go into the definition as they are, whatever the session prints.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
#variable_conflict use_variable
DECLARE
    parts text[] := tally_internal._name_parts(name);
    label text := parts[array_upper(parts, 1)];
    home  text := tally_internal._target_schema(parts, search_path);
    measured tally.experiment_metrics[] := ARRAY(SELECT tally_internal._experiment_metric(m) FROM unnest(metrics) WITH ORDINALITY u(m, n) ORDER BY n);
    again text := format('SELECT tally.create_experiment(%L, %L, unit => %L, arms => ''{"control": 1, "new": 1}'', metrics => %L, time_column => ''at'');',
        label,
                         exposures, unit, metrics);
    given jsonb;
    made  tally.experiments;
    lacks text;
BEGIN
    given := jsonb_build_object('exposures', exposures::text, 'unit', unit, 'arm', tally_internal._closed(arm), 'time_column', time_column,
        'experiment_column', experiment_column,
        'experiment_key', CASE WHEN experiment_column IS NOT NULL THEN COALESCE(experiment_key, label) END, 'where', tally_internal._closed("where"),
        'dimensions', tally_internal._listed_dimensions(dimensions), 'window', "window", 'delay', delay, 'covariate_days', covariate_days, 'twice', twice,
        'starts', starts, 'ends', ends, 'planned_units', planned_units, 'alpha', alpha, 'correction', correction, 'zone', zone, 'control', control,
        'arms', (SELECT jsonb_agg(jsonb_build_object('arm', a.arm, 'weight', a.weight, 'parameters', a.parameters) ORDER BY a.place)
                   FROM tally_internal._experiment_arms(arms, label) a), 'metrics', to_jsonb(metrics));
    IF tally_internal._experiment_is(home, label, given, measured) THEN RETURN label; END IF;
    PERFORM tally_internal._check_experiment(label, given, again);
    PERFORM tally_internal._check_shape(label, dimensions, '{}');
    PERFORM tally_internal._check_experiment_column(format('experiment %L', label), exposures, c.given, c.argument, again)
       FROM (VALUES (unit, 'unit'), (time_column, 'time_column'), (experiment_column, 'experiment_column')) c(given, argument)
      WHERE c.given IS NOT NULL OR c.argument <> 'experiment_column';
    given := given || jsonb_build_object('time_type', tally_internal._experiment_time(label, exposures, time_column, again));
    IF COALESCE(cardinality(metrics), 0) NOT BETWEEN 1 AND 200 OR (SELECT count(DISTINCT m.id) < count(*) FROM unnest(measured) m) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('experiment %L needs 1 to 200 metrics, each once, got %s', label,
            COALESCE(metrics::text, 'NULL')),
            'Metrics are made before.', 'SELECT tally.create_experiment_metric(''revenue'', ''events'', expression => ''amount'');');
    END IF;
    PERFORM tally_internal._check_measurable(m, tally_internal._current_role()) FROM unnest(measured) m;
    PERFORM tally_internal._check_arms_seen(label, given, search_path);
    made := tally_internal._build_experiment(label, home, given, measured, description, schedule, with_data, search_path);
    SELECT string_agg(DISTINCT format('CREATE INDEX ON %s (%I);', r.source, r.key[1]), ' ') INTO lacks FROM tally.rollups r
     WHERE r.id IN (SELECT c.unit_values FROM tally.experiment_cells c WHERE c.experiment_id = made.id) AND NOT tally_internal._key_index(r.source, r.key);
    RAISE NOTICE USING MESSAGE = format('experiment %L is defined%s', label, CASE WHEN with_data THEN '' ELSE '; its history is not computed yet' END),
        DETAIL = CASE WHEN lacks IS NULL THEN 'Its report is exact already.' ELSE 'No index leads with the unit, so each refresh scans all events.' END,
        HINT = COALESCE(lacks, format('CALL tally.backfill(%L);', (SELECT tally_internal._called(r) FROM tally.experiment_cells c
                                                                     JOIN tally.rollups r ON r.id = c.cells
                                                                    WHERE c.experiment_id = made.id ORDER BY c.place LIMIT 1)));
    RETURN label;
END $$;
COMMENT ON FUNCTION tally.create_experiment(text, regclass, text, json, text[], text, text, text, text, text, jsonb, text, interval, interval, int, text, date,
                                            date, bigint, float8, text, text, text, text, boolean, text) IS
'Defines an experiment: exposures (a table with a row per exposure: unit, a column; arm, an expression; time_column; experiment_column where it holds '
    'several, of '
    'which experiment_key is this one, by default its name), arms ''{"control": 1, "new": {"weight": 1, "budget": 100}}'' with weights and parameters, '
        'control, '
    'metrics (of create_experiment_metric), dimensions (as they were at first exposure), window and delay after each unit''s first exposure, covariate_days '
        'before '
    'it (CUPED; 0 for none), twice (a unit seen in two arms: exclude, or its first arm), starts and ends (days of the zone, both included, in which the first '
    'exposure of a unit lies), planned_units, alpha, correction for several questions (holm, benjamini_hochberg, none). Read it with experiment_report(). '
        'The same '
    'definition again changes nothing.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_time(label text, exposures regclass, time_column text, again text) RETURNS regtype
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_ regtype := tally_internal._check_experiment_column(format('experiment %L', label), exposures, time_column, 'time_column', again);
BEGIN
    IF found_ NOT IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN
        PERFORM tally_internal._refuse('datatype_mismatch', format('experiment %L needs exposures with a time, got %L of type %s', label, time_column, found_),
            'A unit counts from its first exposure. The column is of type timestamptz, timestamp or date.', again);
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._experiment_time(text, regclass, text, text) IS
'The type of the column with the exposures'' time. An error where it is not a type of times.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_is(home text, label text, given jsonb, measured tally.experiment_metrics[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    old     tally.experiments;
    changes text;
BEGIN
    SELECT * INTO old FROM tally.experiments e WHERE e.schema = home AND e.name = label;
    IF old.name IS NULL THEN RETURN false; END IF;
    -- What it names may have got another name since.
    old.definition := old.definition || jsonb_build_object('exposures', old.exposures::text);
    SELECT string_agg(format('%s: %s to %s', n.key, old.definition -> n.key, n.value), '; ' ORDER BY n.key) INTO changes
      FROM jsonb_each(given) n
     WHERE CASE WHEN n.key <> 'metrics' THEN old.definition -> n.key IS DISTINCT FROM n.value
                ELSE ARRAY(SELECT c.metric_id FROM tally.experiment_cells c WHERE c.experiment_id = old.id ORDER BY c.place)
                     <> ARRAY(SELECT m.id FROM unnest(measured) m) END;
    IF changes IS NOT NULL THEN
        PERFORM tally_internal._refuse('duplicate_object', format('experiment %L exists already with another definition', label),
            format('It would change %s.', changes), format('SELECT tally.drop_experiment(%L);', tally_internal._called(old)));
    END IF;
    PERFORM tally_internal._note_unchanged(format('experiment %L', label));
    RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._experiment_is(text, text, jsonb, tally.experiment_metrics[]) IS
'Whether a schema has an experiment of this name that is defined just so; an error that lists what differs where it is defined otherwise.';

CREATE OR REPLACE FUNCTION tally.drop_experiment(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    e     tally.experiments := tally_internal._experiment(name);
    done  tally.experiment_cells[] := ARRAY(SELECT c FROM tally.experiment_cells c WHERE c.experiment_id = e.id);
    view  text := tally_internal._experiment_view(e);
    one   tally.rollups;
BEGIN
    IF tally_internal._holds(e.owner, tally_internal._relation_named(view)) THEN
        EXECUTE format('DROP VIEW %s', view);
    END IF;
    PERFORM tally_internal._forget_experiment(e.id);
    FOR one IN SELECT r.* FROM tally.rollups r WHERE r.id IN (SELECT c.unit_values FROM unnest(done) c) ORDER BY r.id DESC LOOP
        PERFORM tally.drop_rollup(tally_internal._called(one), "cascade" => true);
    END LOOP;
    -- The last one on these exposures takes the units along.
    IF NOT EXISTS (SELECT FROM tally.experiments x WHERE x.units = e.units) THEN
        PERFORM tally.drop_rollup((SELECT tally_internal._called(r) FROM tally.rollups r WHERE r.id = e.units), "cascade" => true);
    END IF;
END $$;
COMMENT ON FUNCTION tally.drop_experiment(text) IS
'Drops an experiment with its view and its rollups. The rollups of its units go too, if no other experiment uses them. Exposures, events and metrics '
'stay.';
