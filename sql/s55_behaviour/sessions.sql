-- Owns: create_sessions and drop_sessions. Sessions are two rollups per key: one per actor, which holds the ends of all its sessions as arrays,
-- and one with a row for each session on it. A late, changed or deleted event marks its actor. The actor's sessions are computed anew from all
-- its events, so an event that joins two sessions or splits one leaves no trace of the old ones.

CREATE OR REPLACE FUNCTION tally.create_sessions(
    name        text,
    source      regclass,
    time_column text,
    actor       text,
    gap         interval DEFAULT '30 minutes',
    page        text DEFAULT NULL,
    dimensions  jsonb DEFAULT '[]',
    "where"     text DEFAULT NULL,
    zone        text DEFAULT 'UTC',
    schedule    text DEFAULT '*/5 * * * *',
    description text DEFAULT NULL,
    with_data   boolean DEFAULT false,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    parts    text[] := tally_internal._name_parts(name);
    label    text := parts[array_upper(parts, 1)];
    home     text := tally_internal._target_schema(parts, search_path);
    prefix   text := COALESCE(quote_ident(home) || '.', '');
    given    jsonb := jsonb_build_object('source', source::text, 'time_column', time_column, 'actor', actor, 'gap', gap,
                          'page', tally_internal._one_expression(page, format('page of sessions %L', label)), 'dimensions', dimensions,
                          'where', tally_internal._one_expression("where", format('where of sessions %L', label)), 'zone', zone);
    people   regclass;
    sessions regclass;
BEGIN
    sessions := tally_internal._behaviour_just_so(home, label, 'sessions', given);
    IF sessions IS NOT NULL THEN RETURN sessions; END IF;
    PERFORM tally_internal._check_one_zone(format('sessions %L', label), source, zone,
                format('SELECT tally.create_sessions(%L, %L, %L, %L, zone => ''UTC'');', label, source::text, time_column, actor)),
            tally_internal._check_sessions(label, given);
    people := tally.create_rollup(prefix || quote_ident(label || '_actors'), source, key => jsonb_build_array(actor)::text,
        measures => tally_internal._session_measures(given, label),
        "where" => format('%I IS NOT NULL AND pg_catalog.isfinite(%s)', actor, tally_internal._funnel_at(given, label))
            || COALESCE(' AND (' || (given ->> 'where') || ')', ''),
        schedule => schedule, zone => zone, search_path => search_path, with_data => with_data,
        description => format('Sessions %s: the ends of the sessions of each actor, in the order of time.', label));
    sessions := tally.create_rollup(prefix || quote_ident(label), people, key => jsonb_build_array(actor)::text,
        expand => tally_internal._session_rows(given), dimensions => '[{"session": "_started"}]', measures => tally_internal._session_facts(given),
        schedule => schedule, zone => zone, search_path => search_path, with_data => with_data,
        description => COALESCE(description || E'\n', '')
            || format('Sessions %s: a row for each session of an actor. A gap of more than %s ends one.', label, gap));
    EXECUTE format('CREATE INDEX ON %s (started_at)', sessions);
    PERFORM tally_internal._store_behaviour('sessions', sessions, given);
    RETURN sessions;
END $$;
COMMENT ON FUNCTION tally.create_sessions(text, regclass, text, text, interval, text, jsonb, text, text, text, text, boolean, text) IS
'Defines sessions: the events of an actor (a column) with no gap longer than gap between two of them. Makes the rollups <name>_actors and <name>; <name> has a '
    'row for each session: the actor, session (its start, as text), started_at, ended_at, seconds, events; with page (an expression) entry and exit, the first '
    'and last page that is not NULL; and each of dimensions as it was at the first event that has it. <name>_live is exact at once. It is a source for rollups '
    '(time_column started_at), funnels and retentions. The same definition again changes nothing.';

CREATE OR REPLACE FUNCTION tally_internal._check_sessions(label text, given jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own   CONSTANT text[] := ARRAY['session', 'started_at', 'ended_at', 'seconds', 'events', 'entry', 'exit', given ->> 'actor'];
    -- Columns of the two rollups beside the actor, which is the key of both.
    beside CONSTANT text[] := '{session,started_at,ended_at,seconds,events,starts,ends,counts}'
        || CASE WHEN given ->> 'page' IS NOT NULL THEN '{entry,exit}'::text[] END;
BEGIN
    PERFORM tally_internal._check_own_names('sessions', label, given, beside, own);
    IF (given ->> 'gap')::interval IS NULL OR (given ->> 'gap')::interval < interval '0' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('gap of sessions %L must be 0 or longer, got %s', label, COALESCE(given ->> 'gap', 'NULL')),
            'A longer pause than the gap ends a session.',
            format('SELECT tally.create_sessions(%L, %L, %L, %L, gap => ''30 minutes'');', label, given ->> 'source', given ->> 'time_column',
                   given ->> 'actor'));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_sessions(text, jsonb) IS
'An error where a gap is negative, or where the actor or a dimension of sessions has the name of another column.';

CREATE OR REPLACE FUNCTION tally_internal._session_columns(given jsonb) RETURNS TABLE (name text, expression text, lasts boolean, place bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'entry', given ->> 'page', false, 1::bigint WHERE given ->> 'page' IS NOT NULL
    UNION ALL SELECT 'exit', given ->> 'page', true, 2 WHERE given ->> 'page' IS NOT NULL
    UNION ALL SELECT t.name, t.expression, false, 2 + t.place FROM tally_internal._funnel_touches(given) t
$$;
COMMENT ON FUNCTION tally_internal._session_columns(jsonb) IS
'Columns of sessions that come from their events: name, expression over the source, and whether the last event decides.';

CREATE OR REPLACE FUNCTION tally_internal._session_measures(given jsonb, label text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at    text := tally_internal._funnel_at(given, label);
    -- The same aggregate in several measures is computed once.
    times text := format('tally_internal._times(%s), %L::interval', at, given ->> 'gap');
BEGIN
    RETURN jsonb_build_object('starts', format('tally_internal._session_times(%s, false)', times),
                              'ends', format('tally_internal._session_times(%s, true)', times), 'counts', format('tally_internal._session_counts(%s)', times))
        -- Two arrays of one group hold its rows in the same order, whatever order that is.
        || COALESCE((SELECT jsonb_object_agg(tally_internal._inner_name('values_of_', c.name),
                           format('tally_internal._session_values(pg_catalog.array_agg(%1$s), %2$L::interval, pg_catalog.array_agg((%3$s)::text), %4$s)',
                                  at, given ->> 'gap', c.expression, c.lasts::text))
                       FROM tally_internal._session_columns(given) c), '{}');
END $$;
COMMENT ON FUNCTION tally_internal._session_measures(jsonb, text) IS 'Measures of the rollup per actor behind sessions: an array for each column of a session.';

CREATE OR REPLACE FUNCTION tally_internal._session_rows(given jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('ROWS FROM (pg_catalog.unnest(starts), pg_catalog.unnest(ends), pg_catalog.unnest(counts)%s) AS _session(_started, _ended, _events%s)',
                  string_agg(format(', pg_catalog.unnest(%I)', tally_internal._inner_name('values_of_', c.name)), '' ORDER BY c.place),
                  string_agg(format(', %I', tally_internal._inner_name('_value_of_', c.name)), '' ORDER BY c.place))
      FROM tally_internal._session_columns(given) c
$$;
COMMENT ON FUNCTION tally_internal._session_rows(jsonb) IS 'SQL text that makes a row for each session of an actor out of the arrays.';

CREATE OR REPLACE FUNCTION tally_internal._session_facts(given jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Each is an aggregate over the one row of its session.
    SELECT jsonb_build_object('started_at', 'pg_catalog.min(_started)', 'ended_at', 'pg_catalog.max(_ended)',
               'seconds', 'extract(epoch FROM pg_catalog.max(_ended) - pg_catalog.min(_started))::pg_catalog.float8', 'events',
               'pg_catalog.max(_events)')
        || COALESCE((SELECT jsonb_object_agg(c.name, format('pg_catalog.min(%I)', tally_internal._inner_name('_value_of_', c.name)))
                       FROM tally_internal._session_columns(given) c), '{}')
$$;
COMMENT ON FUNCTION tally_internal._session_facts(jsonb) IS 'Measures of the rollup with a row for each session.';

CREATE OR REPLACE FUNCTION tally.drop_sessions(name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._drop_behaviour(tally_internal._behaviour($1, 'sessions')) $$;
COMMENT ON FUNCTION tally.drop_sessions(text) IS 'Drops sessions: both rollups. Source rows stay.';
