-- Owns: create_experiment_metric and drop_experiment_metric. A metric says what is measured of a unit. Experiments use it by its name.

CREATE OR REPLACE FUNCTION tally_internal._is_share_kind(kind text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT kind IN ('proportion', 'retention', 'funnel') $$;
COMMENT ON FUNCTION tally_internal._is_share_kind(text) IS 'Whether metrics of a kind are shares: of each unit they say only whether it did something.';

CREATE OR REPLACE FUNCTION tally.create_experiment_metric(
    name        text,
    source      regclass,
    kind        text DEFAULT 'mean',
    expression  text DEFAULT NULL,
    denominator text DEFAULT NULL,
    time_column text DEFAULT 'at',
    unit        text DEFAULT NULL,
    "where"     text DEFAULT NULL,
    steps       json DEFAULT NULL,
    level       float8 DEFAULT NULL,
    cap         float8 DEFAULT NULL,
    cap_level   float8 DEFAULT NULL,
    direction   text DEFAULT 'up_is_good',
    "window"    interval DEFAULT NULL,
    delay       interval DEFAULT NULL,
    description text DEFAULT NULL,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS text
-- Numbers go into the definition as they are, whatever the session prints.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
#variable_conflict use_variable
DECLARE
    again text := format('SELECT tally.create_experiment_metric(%L, %L, kind => ''mean'', expression => ''amount'', time_column => ''at'', unit '
        '=> ''user_id'');',
                         name, source);
    given jsonb;
    old   tally.experiment_metrics;
    made  tally.experiment_metrics;
BEGIN
    PERFORM tally_internal._check_name(name, 'experiment metric');
    IF COALESCE(kind, '') NOT IN ('mean', 'proportion', 'ratio', 'quantile', 'retention', 'funnel') OR COALESCE(direction, '') NOT IN ('up_is_good',
        'down_is_good') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('experiment metric %L needs a kind of mean, proportion, ratio, quantile, retention or funnel and a direction of up_is_good or '
                'down_is_good', name),
            format('Got kind %L and direction %L.', kind, direction), again);
    END IF;
    given := jsonb_strip_nulls(jsonb_build_object('expression', COALESCE(expression, CASE kind WHEN 'mean' THEN '1' WHEN 'ratio' THEN '1' WHEN 'proportion'
        THEN 'true'
                                                                         WHEN 'retention' THEN 'true' END),
        'denominator', denominator, 'time_column', time_column, 'unit', unit, 'where', "where", 'level', level, 'cap', cap, 'cap_level', cap_level,
        'window', "window", 'delay', delay,
        'steps', CASE WHEN kind = 'funnel' THEN tally_internal._funnel_steps_of(steps, name) END));
    PERFORM tally_internal._check_experiment_metric(name, source, kind, given, again);
    PERFORM tally_internal._check_metric_texts(name, source, kind, given, search_path, again);
    made := jsonb_populate_record(made, jsonb_build_object(
        'schema', tally_internal._home(search_path, tally_internal._current_role()), 'name', name, 'kind', kind, 'direction', direction,
        'definition', given, 'search_path', search_path, 'description', description));
    made.source := source;
    SELECT * INTO old FROM tally.experiment_metrics m WHERE m.schema = made.schema AND m.name = name;
    IF old.name IS NULL THEN
        PERFORM tally_internal._store_experiment_metric(made);
    ELSIF (old.source, old.kind, old.direction, old.definition) = (source, kind, direction, given) THEN
        PERFORM tally_internal._note_unchanged(format('experiment metric %L', name));
    ELSE
        PERFORM tally_internal._refuse('duplicate_object', format('experiment metric %L exists already with another definition', name),
            format('It is a %s of %s: %s.', old.kind, old.source, old.definition), format('SELECT tally.drop_experiment_metric(%L);',
                tally_internal._called(old)));
    END IF;
    RETURN name;
END $$;
COMMENT ON FUNCTION tally.create_experiment_metric(text, regclass, text, text, text, text, text, text, json, float8, float8, float8, text, interval,
    interval, text, text) IS
'Defines what experiments measure of a unit: source (a table of events with time_column and unit, the column that names the unit; the same name as in the '
    'exposures by default), kind: mean (sum of expression per unit), proportion (units with an event of which expression is true), ratio (sum of expression '
    'by sum of denominator), quantile (level, of the events'' values), retention (a proportion that begins after delay), funnel (units that reach the last of '
    'steps); where (condition on events), cap (no unit counts more) or cap_level (the cap is this quantile of the units; move_experiment_caps() moves it), '
    'direction, window and delay after exposure (those of the experiment by default). The same '
    'definition again changes nothing.';

CREATE OR REPLACE FUNCTION tally_internal._check_experiment_metric(label text, source regclass, kind text, given jsonb, again text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    what    text := format('experiment metric %L', label);
    time_   regtype;
    problem text;
BEGIN
    time_ := tally_internal._check_experiment_column(what, source, given ->> 'time_column', 'time_column', again);
    IF given ? 'unit' THEN
        PERFORM tally_internal._check_experiment_column(what, source, given ->> 'unit', 'unit', again);
    END IF;
    problem := CASE
        WHEN time_ NOT IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN
            format('a time_column of type timestamptz, timestamp or date, got %L of type %s', given ->> 'time_column', time_)
        WHEN kind IN ('quantile') AND NOT given ? 'expression' THEN 'an expression, got none'
        WHEN kind = 'ratio' AND NOT given ? 'denominator' THEN 'a denominator, got none'
        WHEN kind <> 'ratio' AND given ? 'denominator' THEN format('no denominator where it is a %s, got %L', kind, given ->> 'denominator')
        WHEN kind = 'quantile' AND NOT COALESCE((given ->> 'level')::float8 > 0 AND (given ->> 'level')::float8 < 1, false) THEN
            format('a level between 0 and 1, got %s', COALESCE(given ->> 'level', 'NULL'))
        WHEN kind = 'retention' AND NOT COALESCE((given ->> 'delay')::interval > '0', false) THEN 'a delay after which units count as retained, got none'
        WHEN (given ? 'cap' OR given ? 'cap_level') AND kind NOT IN ('mean', 'ratio') THEN format('no cap where it is a %s', kind)
        WHEN given ? 'cap' AND given ? 'cap_level' THEN 'a cap or a cap_level, got both'
        WHEN given ? 'cap_level' AND NOT ((given ->> 'cap_level')::float8 > 0 AND (given ->> 'cap_level')::float8 < 1) THEN
            format('a cap_level between 0 and 1, got %s', given ->> 'cap_level')
        WHEN (given ->> 'cap')::float8 <> (given ->> 'cap')::float8 OR abs((given ->> 'cap')::float8) = 'infinity' THEN 'a cap that is a finite number'
        WHEN given ? 'window' AND tally_internal._no_length((given ->> 'window')::interval, '1 second', '366 days', false) THEN
            format('a window from 1 second to 366 days, without months, got %s', given ->> 'window')
        WHEN given ? 'delay' AND tally_internal._no_length((given ->> 'delay')::interval, '0', '366 days', false) THEN
            format('a delay from 0 to 366 days, without months, got %s', given ->> 'delay') END;
    IF problem IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('%s needs %s', what, problem), 'Nothing was made.', again);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_experiment_metric(text, regclass, text, jsonb, text) IS
'An error where columns, level, cap or windows of a metric cannot be; again is the statement to run instead.';

CREATE OR REPLACE FUNCTION tally_internal._check_metric_texts(label text, source regclass, kind text, given jsonb, search_path text, again text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    origin text := source::text;
    item   record;
BEGIN
    FOR item IN SELECT x.words, x.given, CASE WHEN x.number THEN 'pg_catalog.sum((%s))::pg_catalog.float8' ELSE 'pg_catalog.bool_or((%s))' END AS form
                  FROM (VALUES ('expression', given ->> 'expression', kind NOT IN ('proportion', 'retention')), ('denominator', given ->> 'denominator', true),
                               ('where', given ->> 'where', false)) x(words, given, number) WHERE x.given IS NOT NULL
                UNION ALL SELECT format('step %L', s ->> 'name'), s ->> 'condition', 'pg_catalog.bool_or((%s))'
                            FROM jsonb_array_elements(COALESCE(given -> 'steps', '[]')) s LOOP
        PERFORM tally_internal._check_expression(item.given);
        BEGIN
            PERFORM set_config('search_path', tally_internal._bound_path(search_path), true);
            EXECUTE format('SELECT %s FROM %s WHERE false', format(item.form, tally_internal._closed(item.given)), origin);
            PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
        EXCEPTION WHEN OTHERS THEN
            PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
            PERFORM tally_internal._refuse(SQLSTATE, format('experiment metric %L: its %s cannot be computed: %s', label, item.words, SQLERRM),
                format('The text is %s, over %s.', item.given, source), again);
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._check_metric_texts(text, regclass, text, jsonb, text, text) IS
'An error where an expression or condition of a metric is none over its source.';

CREATE OR REPLACE FUNCTION tally.drop_experiment_metric(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    m     tally.experiment_metrics := tally_internal._experiment_metric(name);
    users text;
BEGIN
    SELECT string_agg(format('SELECT tally.drop_experiment(%L);', tally_internal._called(e)), ' ' ORDER BY e.schema, e.name) INTO users
      FROM tally.experiments e WHERE e.id IN (SELECT c.experiment_id FROM tally.experiment_cells c WHERE c.metric_id = m.id);
    IF users IS NOT NULL THEN
        PERFORM tally_internal._refuse('dependent_objects_still_exist', format('experiment metric %L cannot be dropped: experiments measure it', m.name),
            'Their cells hold its values.', users);
    END IF;
    PERFORM tally_internal._forget_experiment_metric(m.id);
END $$;
COMMENT ON FUNCTION tally.drop_experiment_metric(text) IS 'Drops a metric of experiments. Refused while an experiment measures it.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_metric(name text) RETURNS tally.experiment_metrics
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.experiment_metrics;
BEGIN
    SELECT * INTO found_ FROM tally.experiment_metrics m WHERE m.id = (
        SELECT tally_internal._choose('experiment metric', name, array_agg(x.id), array_agg(x.schema), array_agg(x.name))
          FROM tally.experiment_metrics x WHERE x.name IN (SELECT w.name FROM tally_internal._readings(name) w));
    IF found_.name IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('experiment metric %L does not exist', name),
            COALESCE('Known: ' || tally_internal._closest_names(name, ARRAY(SELECT m.name FROM tally.experiment_metrics m)) || '.', 'None is known.'),
            'SELECT name, kind, source FROM tally.experiment_metrics;');
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._experiment_metric(text) IS
'The experiments'' metric with this name; an error that lists the known names where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._check_measurable(m tally.experiment_metrics, role regrole) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT tally_internal._has_rights(role, m.owner) AND NOT EXISTS (SELECT FROM pg_roles o WHERE o.oid = m.owner AND o.rolsuper) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format(
            'experiment metric %L must belong to a role whose rights %s has, or to a superuser, got %s', m.name, role, m.owner),
            'The experiment would run its texts with the rights of its own owner, and keep theirs from dropping it.',
            format('SELECT tally.create_experiment_metric(%L, %L, kind => %L, direction => %L%s);', m.name, m.source, m.kind, m.direction,
                   (SELECT string_agg(format(', %I => %L', d.key, d.value), '' ORDER BY d.key) FROM jsonb_each_text(m.definition) d)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_measurable(tally.experiment_metrics, regrole) IS
'An error where a role may not measure a metric of experiments: it is an ordinary role''s whose rights it lacks. The hint makes one of its own.';

CREATE OR REPLACE FUNCTION tally_internal._called(m tally.experiment_metrics) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._called_by(m.schema, m.name, EXISTS (SELECT FROM tally.experiment_metrics x WHERE x.name = m.name AND x.id <> m.id))
$$;
COMMENT ON FUNCTION tally_internal._called(tally.experiment_metrics) IS
'The name by which a metric of experiments is found from everywhere: with its schema where the bare name is not clear.';
