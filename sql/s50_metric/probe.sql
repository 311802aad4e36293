-- Owns: create_probe, drop_probe, sampling, and reading what was sampled.

CREATE OR REPLACE FUNCTION tally_internal._most_label_sets() RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    noted  text := current_setting('tally.most_label_sets_noted', true);
    wanted text;
BEGIN
    IF noted <> '' THEN RETURN noted; END IF;
    wanted := tally_internal._setting('tally.most_label_sets');
    IF wanted IS NULL THEN RETURN tally_internal._usual_setting('tally.most_label_sets'); END IF;
    RETURN tally_internal._whole('tally.most_label_sets', wanted, 1, 10000000);
END $$;
COMMENT ON FUNCTION tally_internal._most_label_sets() IS
'How many label sets a probe or threshold may yield at a tick: the setting tally.most_label_sets, by default 10,000.';

CREATE OR REPLACE FUNCTION tally_internal._note_limits(begins boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('tally.query_timeout_noted', '', true), set_config('tally.most_label_sets_noted', '', true);
    IF begins THEN
        PERFORM set_config('tally.query_timeout_noted', tally_internal._limit('tally.query_timeout')::text, true),
            set_config('tally.most_label_sets_noted', tally_internal._most_label_sets()::text, true);
    END IF;
EXCEPTION WHEN data_exception THEN
    -- Each definition says for itself that the setting is wrong.
    NULL;
END $$;
COMMENT ON FUNCTION tally_internal._note_limits(boolean) IS
'Notes the limits of a query for a run over many definitions, each of which would look them up, or ends that (false). An error takes the note with it.';

CREATE OR REPLACE FUNCTION tally_internal._check_label_sets(seen bigint, what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most int := tally_internal._most_label_sets();
BEGIN
    -- Each that changes is filed, one after the other, while all others wait.
    IF seen > most THEN
        PERFORM tally_internal._refuse('program_limit_exceeded', format('%s yields more than %s label sets', what, most),
            'Each label set is an alert of its own, and filing them takes time that all others wait for.',
            format('SELECT tally.set(''tally.most_label_sets'', ''%s'');  -- or aggregate in the query', LEAST(most::bigint * 10, 10000000)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_label_sets(bigint, text) IS
'An error where a probe or threshold yields more label sets than the setting tally.most_label_sets allows.';

CREATE OR REPLACE FUNCTION tally_internal._labelled(owner regrole, search_path text, query text, tick timestamptz) RETURNS TABLE (labels jsonb, value float8,
        samples float8)
-- PL/pgSQL, because it runs for each threshold, and an SQL function is planned anew at every call.
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    -- Numbers that are equal are one label: 1.0 and 1.00, also within JSON. Where the engine wrote the query, the labels are in one column.
    SELECT COALESCE((SELECT jsonb_object_agg(l.key, CASE jsonb_typeof(l.value) WHEN 'string' THEN l.value #>> '{}' WHEN 'null' THEN NULL
                                                    ELSE tally_internal._jsonb_text(l.value) END)
                       FROM jsonb_each(CASE jsonb_typeof(x -> 'the labels') WHEN 'object' THEN x -> 'the labels'
                                                    ELSE x - 'value' - 'samples' END) l), '{}'), (x ->> 'value')::float8,
        (x ->> 'samples')::float8
      -- One more than may be, so that too many are noticed and not all are fetched.
      FROM tally.run_as(owner, search_path, format(E'SELECT * FROM (%s\n) tally_query LIMIT %s', tally_internal._with_as_of(query),
               tally_internal._most_label_sets() + 1), tally_internal._limit('tally.query_timeout'), 'UTC', tick) x;
END $$;
COMMENT ON FUNCTION tally_internal._labelled(regrole, text, text, timestamptz) IS
'Runs a probe''s or threshold''s query as its owner: value, samples, and every other column as a label; :as_of is the tick.';

CREATE OR REPLACE FUNCTION tally_internal._check_labels(query text, search_path text, what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    wrong record;
BEGIN
    -- Which types the columns have, PostgreSQL says when it makes a view.
    PERFORM set_config('search_path', tally_internal._bound_path(search_path), true);
    EXECUTE format(E'CREATE TEMPORARY VIEW tally_query_view AS SELECT * FROM (%s\n) tally_query', query);
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type INTO wrong FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation
     WHERE a.attrelid = to_regclass('pg_temp.tally_query_view') AND a.attname <> ALL ('{value,samples}')
       AND (NOT c.collisdeterministic OR tally_internal._equals_look_different(a.atttypid)
            AND tally_internal._base_type(a.atttypid) <> ALL ('{numeric,float4,float8,jsonb}'::regtype[])) LIMIT 1;
    EXECUTE format('DROP VIEW %s.tally_query_view', pg_my_temp_schema()::regnamespace);
    IF wrong.attname IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported',
            format('label %L of %s expected of a type whose equal values have one text, got %s', wrong.attname, what, wrong.type),
            'A label is text, and equal values that are written in several ways would be several labels, each with an incident of its own.',
            format('SELECT …, lower((%1$I)::text) COLLATE "default" AS %1$I FROM …', wrong.attname));
    END IF;
EXCEPTION WHEN invalid_table_definition OR insufficient_privilege THEN
    -- A view cannot have a column of that type, or this role no temporary view; then a label is what PostgreSQL writes.
    NULL;
END $$;
COMMENT ON FUNCTION tally_internal._check_labels(text, text, text) IS
'An error in four parts where a query has a label whose equal values are written in several ways (citext, intervals, a collation that is not deterministic).';

CREATE OR REPLACE FUNCTION tally_internal._check_query(query text, search_path text, what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    alone text := tally_internal._with_as_of(query, 'now()');
BEGIN
    PERFORM set_config('search_path', tally_internal._bound_path(search_path), true);
    -- It is run alone first, because a text that closes the parenthesis around it is no query.
    PERFORM tally_internal._parse_tree(alone);
    EXECUTE format(E'SELECT value::pg_catalog.float8 FROM (%s\n) tally_query LIMIT 0', tally_internal._with_as_of(query)) USING now();
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM tally_internal._check_labels(alone, search_path, what);
EXCEPTION WHEN undefined_column OR undefined_table OR undefined_function OR syntax_error OR cannot_coerce OR insufficient_privilege OR ambiguous_column
    OR duplicate_column OR datatype_mismatch OR indeterminate_datatype OR feature_not_supported OR grouping_error OR windowing_error OR undefined_object THEN
    IF SQLERRM LIKE 'label % of %' THEN RAISE; END IF;
    PERFORM tally_internal._refuse(SQLSTATE, format('%s cannot be read: %s', what, SQLERRM),
        format('Got %s. A query yields a number named value, optionally samples, and labels.', query),
        'Use for example ''SELECT queue, extract(epoch FROM :as_of - min(created_at)) AS value FROM jobs GROUP BY queue''.');
END $$;
COMMENT ON FUNCTION tally_internal._check_query(text, text, text) IS 'An error in four parts where a query does not yield a value.';

CREATE OR REPLACE FUNCTION tally.create_probe(
    name        text,
    query       text,
    unit        text DEFAULT NULL,
    description text DEFAULT NULL,
    direction   text DEFAULT 'neutral',
    every       interval DEFAULT '1 minute',
    keep        interval DEFAULT '14 days',
    enabled     boolean DEFAULT true,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    old  tally.probes;
    made tally.probes;
    home text := tally_internal._home(search_path, tally_internal._current_role());
BEGIN
    PERFORM tally_internal._check_name(name, 'probe');
    every := COALESCE(every, '1 minute');
    keep := COALESCE(keep, '14 days');
    enabled := COALESCE(enabled, true);
    IF query IS NULL OR octet_length(query) > 100000 OR COALESCE(direction, '') NOT IN ('up_is_good', 'down_is_good', 'neutral')
       OR tally_internal._no_length(every, '1 second', '366 days', false) OR tally_internal._no_length(keep, '1 second', '100 years') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('probe %L needs a query, a direction of up_is_good, down_is_good or neutral, every from 1 second to 366 days without months, '
                'and keep from 1 second to 100 years', name),
            format('Got direction %L, every %L, keep %L.', direction, every, keep),
            format('SELECT tally.create_probe(%L, ''SELECT 1 AS value'');', COALESCE(name, 'queue age')));
    ELSIF tally_internal._is_metric(home, name) THEN
        PERFORM tally_internal._refuse('duplicate_object', format('probe %L has the name of a metric', name),
            'A threshold names a metric or a probe, so the two must not share a name.',
            format('SELECT tally.create_probe(%L, …);', name || ' now'));
    END IF;
    PERFORM tally_internal._check_query(query, search_path, format('probe %L', name));
    SELECT * INTO old FROM tally.probes p WHERE p.schema = home AND p.name = name;
    made := jsonb_populate_record(made, jsonb_build_object('schema', home, 'name', name, 'search_path', search_path,
                                                           'query', query, 'unit', unit, 'description',
                                                           description, 'direction', direction,
                                                           'every', every, 'keep', keep, 'enabled', enabled));
    IF old.id IS NULL THEN
        PERFORM tally_internal._store_probe(made);
    ELSIF (old.query, old.unit, old.description, old.direction, old.every, old.keep, old.enabled) IS NOT DISTINCT FROM (query, unit, description, direction,
            every, keep, enabled) THEN
        PERFORM tally_internal._note_unchanged(format('probe %L', name));
    ELSE
        PERFORM tally_internal._store_probe(made);
        RAISE NOTICE USING MESSAGE = format('probe %L changed', name);
    END IF;
    RETURN name;
END $$;
COMMENT ON FUNCTION tally.create_probe(text, text, text, text, text, interval, interval, boolean, text) IS
'Defines a probe: a query that yields value, optionally samples, and labels (every other column); :as_of stands for the tick. every: how often evaluate() '
    'samples it; keep: how long samples are kept; thresholds name it as their metric. If you define it again with changes, the new definition replaces the '
    'old one.';

CREATE OR REPLACE FUNCTION tally_internal._find_probe(name text) RETURNS tally.probes
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.* FROM tally.probes p WHERE p.id = (
        SELECT tally_internal._choose('probe', $1, array_agg(x.id), array_agg(x.schema), array_agg(x.name))
          FROM tally.probes x WHERE x.name IN (SELECT w.name FROM tally_internal._readings($1) w))
$$;
COMMENT ON FUNCTION tally_internal._find_probe(text) IS 'The probe of a name among those that the current role sees, where there is one.';

CREATE OR REPLACE FUNCTION tally_internal._called(p tally.probes) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._called_by(p.schema, p.name, EXISTS (SELECT FROM tally.probes x WHERE x.name = p.name AND x.id <> p.id))
$$;
COMMENT ON FUNCTION tally_internal._called(tally.probes) IS
'The name by which a probe is found from everywhere: with its schema where the bare name is not clear.';

CREATE OR REPLACE FUNCTION tally.drop_probe(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    p tally.probes := tally_internal._find_probe(name);
BEGIN
    PERFORM tally_internal._announce('probe_drops', p.id) WHERE p.id IS NOT NULL;
    IF p.id IS NULL OR NOT tally_internal._forget_probe(p.id) THEN
        PERFORM tally_internal._refuse('undefined_object', format('probe %L does not exist, or belongs to another role', name), NULL,
            'SELECT name, query FROM tally.probes ORDER BY name;');
    END IF;
END $$;
COMMENT ON FUNCTION tally.drop_probe(text) IS 'Drops a probe and its samples. Refused while thresholds watch it.';

CREATE OR REPLACE FUNCTION tally_internal._sample_probes(as_of timestamptz, who bigint DEFAULT tally_internal._me())
    RETURNS TABLE (probe text, tick timestamptz, series int, error text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' SET tally.actor = '' AS $$
#variable_conflict use_column
DECLARE
    p       tally.probes;
    began   timestamptz;
    spent   jsonb := '{}';
    most    float8 := tally_internal._turn_limit('tally.role_timeout');
    owners  regrole[];
    waiting text[];
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.sample_probes(timestamptz)'::regprocedure);
    PERFORM tally_internal._check_as_of(as_of, 'SELECT tally.sample_probes(now());');
    PERFORM tally_internal._note_limits();
    -- Those that were slow the last time come last; those that were put off come before those that were not.
    FOR p IN SELECT x.* FROM tally.probes x WHERE x.enabled ORDER BY COALESCE(x.last_ms > 1000, false), x.last_tick NULLS FIRST, x.id LOOP
        -- If its distance of ticks cannot be reckoned with, a probe is tried every minute, and says so.
        tick := COALESCE(tally_internal._tick(p.every, as_of), date_bin('1 minute', as_of, timestamptz '2000-01-01 00:00:00+00'));
        -- It is sampled once per tick. A tick in the future of the real clock means that the clock was set back since.
        CONTINUE WHEN p.last_tick >= tick AND NOT (as_of = now() AND p.last_tick > now());
        IF NOT tally_internal._has_turn(spent, p.owner, most) THEN
            owners := owners || p.owner::regrole;
            waiting := waiting || p.name;
            CONTINUE;
        END IF;
        began := clock_timestamp();
        probe := p.name; series := 0; error := NULL; p.sqlstate := NULL; p.message := NULL;
        -- Whoever changes a probe may keep his transaction open for as long as he likes. Only that probe waits for it.
        PERFORM FROM tally.probes x WHERE x.id = p.id FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            error := '55P03: somebody is changing this probe in a transaction that is still open; it is sampled the next time';
            RETURN NEXT;
            CONTINUE;
        END IF;
        BEGIN
            IF tally_internal._tick(p.every, as_of) IS NULL THEN
                PERFORM tally_internal._refuse('invalid_parameter_value',
                    format('every must be from 1 second to 366 days, without months, got %s', p.every), NULL, NULL);
            END IF;
            DELETE FROM tally.probe_samples s WHERE s.probe_id = p.id AND s.at < tick - p.keep;
            INSERT INTO tally.probe_samples (probe_id, at, labels, value, samples)
            SELECT p.id, tick, l.labels, l.value, l.samples FROM tally_internal._labelled(p.owner, p.search_path, p.query, tick) l;
            GET DIAGNOSTICS series = ROW_COUNT;
            PERFORM tally_internal._check_label_sets(series, format('probe %L', p.name));
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS p.sqlstate = RETURNED_SQLSTATE, p.message = MESSAGE_TEXT;
            p.message := left(p.message, 1000);
            series := 0;
            error := format('%s: %s', p.sqlstate, p.message);
        END;
        UPDATE tally.probes x SET last_tick = tick, sqlstate = p.sqlstate, message = p.message,
            last_ms = extract(epoch FROM clock_timestamp() - began) * 1000 WHERE x.id = p.id;
        spent := tally_internal._spend(spent, p.owner, began);
        RETURN NEXT;
    END LOOP;
    PERFORM tally_internal._note_limits(false);
    PERFORM tally_internal._put_off('probes', NULL, owners, waiting, spent, 'tally.role_timeout');
END $$;
COMMENT ON FUNCTION tally_internal._sample_probes(timestamptz, bigint) IS 'sample_probes(), with the engine''s rights, for those who may call it.';

CREATE OR REPLACE FUNCTION tally.sample_probes(as_of timestamptz DEFAULT now()) RETURNS TABLE (probe text, tick timestamptz, series int, error text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM tally_internal._sample_probes(as_of);
END $$;
COMMENT ON FUNCTION tally.sample_probes(timestamptz) IS
'Samples every enabled probe whose tick has not been sampled yet. evaluate() begins with it. A probe that fails does not stop the others; its error is '
'in tally.probes.';

CREATE OR REPLACE FUNCTION tally.probe_series(probe text, since text DEFAULT '24 hours', until text DEFAULT NULL,
                                   as_of timestamptz DEFAULT now()) RETURNS SETOF tally.point
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.at, COALESCE((SELECT string_agg(l.value, ', ' ORDER BY l.key) FROM jsonb_each_text(s.labels) l), p.name), s.labels, s.value
      FROM tally.probes p JOIN tally.probe_samples s ON s.probe_id = p.id
     WHERE p.id = (tally_internal._find_probe($1)).id AND s.at >= tally_internal._parse_since(since, as_of, 'since', 'UTC')
         AND s.at <= tally_internal._parse_since(until, as_of, 'until', 'UTC') ORDER BY 1, 2
$$;
COMMENT ON FUNCTION tally.probe_series(text, text, text, timestamptz) IS 'What a probe saw over time, in the long form of timeseries().';
