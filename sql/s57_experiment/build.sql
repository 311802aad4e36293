-- Owns: making the rollups of an experiment. They are made in the transaction of the caller, all of them or none.

CREATE OR REPLACE FUNCTION tally_internal._free_rollup_name(target text, wanted text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT x.label FROM generate_series(1, 1000) i, LATERAL (SELECT wanted || CASE i WHEN 1 THEN '' ELSE '_' || i END) x(label)
     WHERE to_regclass(format('%I.%I', target, x.label)) IS NULL
       AND NOT EXISTS (SELECT FROM tally.rollups r WHERE r.name = x.label AND tally_internal._schema_of(r.relation) = target) ORDER BY i LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._free_rollup_name(text, text) IS 'The wanted name for a rollup in a schema, with a number where it is taken.';

CREATE OR REPLACE FUNCTION tally_internal._shared_units(given jsonb, search_path text) RETURNS tally.experiments
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The same text by another search_path may mean something else.
    SELECT e.* FROM tally.experiments e JOIN tally.rollups r ON r.id = e.units
     WHERE e.owner::oid = tally_internal._current_role()::oid AND r.search_path = $2
       AND NOT EXISTS (SELECT FROM unnest('{exposures,unit,arm,time_column,time_type,experiment_column,dimensions,zone,where}'::text[]) k
                        WHERE (e.definition || jsonb_build_object('exposures', e.exposures::text)) -> k IS DISTINCT FROM given -> k)
     ORDER BY e.id LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._shared_units(jsonb, text) IS 'An experiment of the current role that has the same units; NULL where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._build_units(target text, given jsonb, schedule text, with_data boolean, search_path text, OUT units int,
    OUT arrivals int)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    source regclass := (given ->> 'exposures')::regclass;
    short  text := (SELECT left(c.relname, 32) FROM pg_class c WHERE c.oid = source);
    made   regclass;
    days   regclass;
BEGIN
    made := tally.create_rollup(format('%I.%I', target, tally_internal._free_rollup_name(target, short || '_units')), source,
        key => (CASE WHEN given ->> 'experiment_column' IS NULL THEN '[]' ELSE jsonb_build_array(given -> 'experiment_column') END
            || jsonb_build_array(given -> 'unit'))::text,
        measures => tally_internal._units_measures(given),
        "where" => format('%I IS NOT NULL', given ->> 'unit') || COALESCE(' AND (' || (given ->> 'where') || ')', ''),
        schedule => schedule, zone => given ->> 'zone', search_path => search_path, with_data => with_data,
        description => 'Experiments: the first exposure of each unit, and its arm.');
    EXECUTE format('CREATE INDEX ON %s (first_at)', made);
    days := tally.create_rollup(format('%I.%I', target, tally_internal._free_rollup_name(target, short || '_arrivals')), made, time_column => 'first_at',
        bucket => '1 day',
        dimensions => CASE WHEN given ->> 'experiment_column' IS NULL THEN '[]'::jsonb
                           ELSE jsonb_build_array(jsonb_build_object('experiment', quote_ident(given ->> 'experiment_column'))) END
            || '["arm", "mixed"]'::jsonb || COALESCE((SELECT jsonb_agg(d -> 'name') FROM jsonb_array_elements(given -> 'dimensions') d),
                '[]'),
        measures => '{"units": "count(*)"}', "where" => 'first_at IS NOT NULL', schedule => schedule, zone => given ->> 'zone', search_path => search_path,
        with_data => with_data, description => 'Experiments: units by the day of their first exposure.');
    SELECT r.id INTO units FROM tally.rollups r WHERE r.relation = made;
    SELECT r.id INTO arrivals FROM tally.rollups r WHERE r.relation = days;
END $$;
COMMENT ON FUNCTION tally_internal._build_units(text, jsonb, text, boolean, text) IS
'Makes two rollups: one per unit, from its exposures, and one over days, from the units.';

CREATE OR REPLACE FUNCTION tally_internal._parsed_text(words text, source regclass, path text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET timezone = 'UTC' AS $$
#variable_conflict use_variable
DECLARE
    origin text := source::text;
    result text;
BEGIN
    -- PostgreSQL keeps what it has parsed of a view, functions and operators by number, and runs nothing.
    PERFORM set_config('search_path', tally_internal._bound_path(path), true);
    EXECUTE format(E'CREATE TEMPORARY VIEW tally_probe_view AS SELECT (%s\n) AS value FROM %s', words, origin);
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT (regexp_match(w.ev_action::text, ':targetList (.*) :override '))[1] INTO result FROM pg_rewrite w
     WHERE w.ev_class = 'pg_temp.tally_probe_view'::regclass;
    EXECUTE format('DROP VIEW %s.tally_probe_view', pg_my_temp_schema()::regnamespace);
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    -- A name is not found by this path.
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._parsed_text(text, regclass, text) IS
'What PostgreSQL reads an expression over a table as, by a search_path and with the rights of the current role; null where it finds a name of it not at all.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_other_reading(m tally.experiment_metrics, path text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    makers text := replace(m.search_path, '"$user"', m.owner::text);
    words  text;
    hidden text;
BEGIN
    FOR words IN SELECT t FROM tally_internal._metric_texts(m) t LOOP
        -- What its maker finds in a schema that this role may not use cannot be compared.
        SELECT n.nspname INTO hidden FROM pg_namespace n
         WHERE tally_internal._path_renamed(makers, n.nspname, '') <> tally_internal._path_renamed(makers, '', '') AND NOT has_schema_privilege(n.oid, 'USAGE')
           AND (EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND strpos(lower(words), p.proname) > 0)
                OR EXISTS (SELECT FROM pg_type t WHERE t.typnamespace = n.oid AND strpos(lower(words), t.typname) > 0)
                OR EXISTS (SELECT FROM pg_operator o WHERE o.oprnamespace = n.oid AND strpos(words, o.oprname) > 0)) LIMIT 1;
        IF hidden IS NOT NULL THEN
            PERFORM tally_internal._refuse('insufficient_privilege',
                format('experiment metric %L of %s uses names of schema %I, which %s may not use', m.name, m.owner, hidden,
                    tally_internal._current_role()),
                format('Its text is %s. Read with the rights of %s it would mean something else.', words, tally_internal._current_role()),
                format('GRANT USAGE ON SCHEMA %I TO %s;', hidden, tally_internal._current_role()));
        END IF;
        IF tally_internal._parsed_text(words, m.source, makers) IS DISTINCT FROM tally_internal._parsed_text(words, m.source, path) THEN
            PERFORM tally_internal._refuse('ambiguous_alias',
                format('experiment metric %L of %s must mean the same by the search_path of the experiment, got another reading', m.name, m.owner),
                format('Its text is %s. It was defined by the search_path %s, and the experiment has %s. A metric of another role is read with the rights and '
                    'the search_path of the experiment''s maker.', words, m.search_path, path),
                format('SET search_path = %s;', makers));
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_other_reading(tally.experiment_metrics, text) IS
'An error where a metric of another role would mean something else by the search_path of an experiment than it does to its maker.';

CREATE OR REPLACE FUNCTION tally_internal._effective_metrics(label text, given jsonb, metrics tally.experiment_metrics[], search_path text)
    RETURNS jsonb[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result jsonb[] := '{}';
    m      tally.experiment_metrics;
    one    jsonb;
    path   text;
BEGIN
    FOREACH m IN ARRAY metrics LOOP
        one := jsonb_build_object('window', given -> 'window', 'delay', given -> 'delay', 'unit', given -> 'unit') || m.definition
            || jsonb_build_object('metric_id', m.id, 'metric', CASE WHEN (SELECT count(*) > 1 FROM unnest(metrics) x WHERE x.name = m.name)
                   THEN tally_internal._with_schema(m.schema, m.name) ELSE m.name END,
                 'place', cardinality(result) + 1, 'kind', m.kind, 'direction', m.direction, 'source', m.source::text,
                 'covariate_days', CASE WHEN m.kind IN ('mean', 'ratio') THEN given -> 'covariate_days' ELSE '0' END);
        one := one || jsonb_build_object('time_type', tally_internal._check_experiment_column(format('experiment metric %L', m.name), m.source,
            one ->> 'time_column',
            'time_column', format('SELECT tally.drop_experiment_metric(%L);', tally_internal._called(m))));
        -- Its texts mean what they meant to its maker. Another role's search_path could lead to functions of that role.
        IF tally_internal._has_rights(tally_internal._current_role(), m.owner) THEN
            path := replace(m.search_path, '"$user"', m.owner::text);
        ELSE
            PERFORM tally_internal._refuse_other_reading(m, search_path);
            path := search_path;
        END IF;
        one := one || jsonb_build_object('search_path', path);
        -- What it reads may be gone since it was defined.
        PERFORM tally_internal._check_metric_texts(m.name, m.source, m.kind, m.definition, path,
            format('SELECT tally.drop_experiment_metric(%L);  -- and create it again', tally_internal._called(m)));
        PERFORM tally_internal._check_experiment_column(format('experiment metric %L of experiment %L', m.name, label), m.source, one ->> 'unit', 'unit',
            format('SELECT tally.drop_experiment_metric(%1$L); SELECT tally.create_experiment_metric(%1$L, %2$L, kind => %3$L, expression => %4$L, unit => '
                '%5$L);',
                   tally_internal._called(m), m.source, m.kind, m.definition ->> 'expression',
                   (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = m.source AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LIMIT 1)));
        result := result || one;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._effective_metrics(text, jsonb, tally.experiment_metrics[], text) IS
'The metrics of an experiment as it measures them, with its window, delay and covariate where they have none of their own.';

CREATE OR REPLACE FUNCTION tally_internal._build_values(label text, target text, given jsonb, units int, metrics jsonb[], schedule text,
    OUT unit_values int, OUT cells int, OUT caps float8[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    one      jsonb := metrics[1];
    beside   tally.rollups;
    item     text;
    measures jsonb := '{"first_at": "pg_catalog.min(_exposure_at)", "arm": "pg_catalog.min(_exposure_arm)", "mixed": "pg_catalog.bool_or(_exposure_mixed)"}';
    moments  jsonb := '{}';
    made     regclass;
    days     regclass;
BEGIN
    SELECT * INTO beside FROM tally.rollups r WHERE r.id = units;
    SELECT one || jsonb_build_object('before', make_interval(days => max((m ->> 'covariate_days')::int)), 'after',
        max((m ->> 'delay')::interval + (m ->> 'window')::interval))
      INTO one FROM unnest(metrics) m;
    SELECT measures || COALESCE(jsonb_object_agg(d ->> 'name', format('pg_catalog.min(%I)', '_exposure_' || (d ->> 'name'))), '{}') INTO measures
      FROM jsonb_array_elements(given -> 'dimensions') d;
    FOR i IN 1 .. cardinality(metrics) LOOP
        measures := measures || tally_internal._value_measures(metrics[i], (metrics[i] ->> 'place')::int, given ->> 'zone', one);
    END LOOP;
    item := tally_internal._beside_unit_sql(one, given, one ->> 'unit');
    made := tally.create_rollup(format('%I.%I', target, tally_internal._free_rollup_name(target, label || '_values')), (one ->> 'source')::regclass,
        key => jsonb_build_array(one -> 'unit')::text, measures => measures, expand => replace(item, '{beside}', beside.relation::text), schedule => schedule,
        zone => given ->> 'zone', search_path => one ->> 'search_path',
        description => format('Experiment %s: values of each unit with events from before and after its exposure.', label));
    SELECT r.id INTO unit_values FROM tally.rollups r WHERE r.relation = made;
    PERFORM tally_internal._stand_beside(unit_values, units, ARRAY[given ->> 'unit'], given ->> 'experiment_column', given ->> 'experiment_key', item);
    EXECUTE format('CREATE INDEX ON %s (first_at)', made);
    FOR i IN 1 .. cardinality(metrics) LOOP
        caps[i] := CASE WHEN metrics[i] ? 'cap_level' THEN tally_internal._cap_now(given, metrics[i], units, unit_values, now()) END;
        moments := moments || tally_internal._cell_measures(tally_internal._with_cap(metrics[i], caps[i]), (metrics[i] ->> 'place')::int);
    END LOOP;
    days := tally.create_rollup(format('%I.%I', target, tally_internal._free_rollup_name(target, label || '_cells')), made, time_column => 'first_at',
        bucket => '1 day',
        dimensions => '["arm", "mixed"]'::jsonb || COALESCE((SELECT jsonb_agg(d -> 'name') FROM jsonb_array_elements(given -> 'dimensions') d), '[]'),
        measures => moments, schedule => schedule, zone => given ->> 'zone', search_path => one ->> 'search_path',
        description => format('Experiment %s: moments of the units'' values by the day of first exposure.', label));
    SELECT r.id INTO cells FROM tally.rollups r WHERE r.relation = days;
END $$;
COMMENT ON FUNCTION tally_internal._build_values(text, text, jsonb, int, jsonb[], text) IS
'Makes the rollup of the values of units for metrics on one table, beside the units, and the cells on it.';

CREATE OR REPLACE FUNCTION tally_internal._build_experiment(label text, target text, given jsonb, measured tally.experiment_metrics[],
                                                            description text, schedule text, with_data boolean, search_path text) RETURNS tally.experiments
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
#variable_conflict use_variable
DECLARE
    metrics jsonb[] := tally_internal._effective_metrics(label, given, measured, search_path);
    made    tally.experiments;
    shared  tally.experiments := tally_internal._shared_units(given, search_path);
    same    jsonb[];
    cell    tally.experiment_cells;
    caps    float8[];
BEGIN
    PERFORM tally_internal._may_create(label, target, (given ->> 'exposures')::regclass);
    IF shared.name IS NULL THEN
        SELECT u.units, u.arrivals INTO shared.units, shared.arrivals FROM tally_internal._build_units(target, given, schedule, with_data, search_path) u;
    END IF;
    made.schema := target;
    made.name := label;
    made.units := shared.units;
    made.arrivals := shared.arrivals;
    made.definition := given;
    made.description := description;
    made.id := tally_internal._store_experiment(made);
    -- Metrics on one table by one column and time, read by one search_path, share their rollups.
    FOR same IN SELECT array_agg(m ORDER BY (m ->> 'place')::int) FROM unnest(metrics) m
                 GROUP BY m ->> 'source', m ->> 'unit', m ->> 'time_column', m ->> 'search_path' ORDER BY min((m ->> 'place')::int) LOOP
        SELECT v.unit_values, v.cells, v.caps INTO cell.unit_values, cell.cells, caps
          FROM tally_internal._build_values(label, target, given, made.units, same, schedule) v;
        FOR i IN 1 .. cardinality(same) LOOP
            cell.experiment_id := made.id;
            cell.metric := same[i] ->> 'metric';
            cell.metric_id := (same[i] ->> 'metric_id')::int;
            cell.place := (same[i] ->> 'place')::int;
            cell.definition := tally_internal._with_cap(same[i], caps[i]) - '{metric_id,search_path}'::text[];
            PERFORM tally_internal._store_experiment_cells(cell);
        END LOOP;
        IF with_data THEN
            PERFORM tally.refresh((SELECT tally_internal._called(r) FROM tally.rollups r WHERE r.id = cell.cells));
        END IF;
    END LOOP;
    PERFORM tally_internal._make_experiment_view(made, target);
    RETURN made;
END $$;
COMMENT ON FUNCTION tally_internal._build_experiment(text, text, jsonb, tally.experiment_metrics[], text, text, boolean, text) IS
'Makes what an experiment of a checked definition consists of, in the caller''s transaction: all of it or nothing.';
