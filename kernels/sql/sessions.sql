-- Owns: sessions of an actor's times as arrays, and the paths of actors, in SQL.

CREATE FUNCTION tally_internal._session_numbers(times timestamptz[], gap interval, "values" text[] DEFAULT NULL)
    RETURNS TABLE (n bigint, at timestamptz, value text, session bigint)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF array_position(times, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'times expected, got a NULL';
    END IF;
    RETURN QUERY SELECT x.k, x.t, x.v, sum(CASE WHEN x.apart > (extract(year FROM gap) * 12 + extract(month FROM gap)) * 2592000 + extract(day FROM gap) * 86400
                                           + extract(hour FROM gap) * 3600 + extract(minute FROM gap) * 60 + extract(second FROM gap) THEN 1 ELSE 0 END)
                                  OVER (ORDER BY x.k)
      FROM (SELECT u.k, u.t, u.v, extract(epoch FROM u.t) - extract(epoch FROM lag(u.t) OVER (ORDER BY u.k)) AS apart
              FROM (SELECT row_number() OVER (ORDER BY e.t, e.v COLLATE "C") AS k, e.t, e.v FROM unnest(times, "values") e(t, v)) u) x;
END $$;
COMMENT ON FUNCTION tally_internal._session_numbers(timestamptz[], interval, text[]) IS
'Times in order, perhaps with a value each, with the number of the session that each is in.';
CREATE OR REPLACE FUNCTION tally_internal._session_times(times timestamptz[], gap interval, ends boolean) RETURNS timestamptz[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT CASE WHEN ends THEN max(s.at) ELSE min(s.at) END FROM tally_internal._session_numbers(times, gap) s
                  GROUP BY s.session ORDER BY s.session)
$$;
CREATE OR REPLACE FUNCTION tally_internal._session_counts(times timestamptz[], gap interval) RETURNS bigint[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT count(*) FROM tally_internal._session_numbers(times, gap) s GROUP BY s.session ORDER BY s.session)
$$;
CREATE OR REPLACE FUNCTION tally_internal._session_values(times timestamptz[], gap interval, "values" text[], lasts boolean) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF cardinality("values") <> cardinality(times) THEN
        RAISE EXCEPTION USING ERRCODE = 'array_subscript_error',
            MESSAGE = format('as many values as times expected, got %s and %s', cardinality("values"), cardinality(times)),
            HINT = 'SELECT tally.create_sessions(''visits'', ''events'', ''event_time'', ''user_id'');';
    END IF;
    RETURN ARRAY(SELECT (array_agg(s.value ORDER BY CASE WHEN lasts THEN -s.n ELSE s.n END) FILTER (WHERE s.value IS NOT NULL))[1]
                   FROM tally_internal._session_numbers(times, gap, "values") s
                  GROUP BY s.session ORDER BY s.session);
END $$;

CREATE OR REPLACE FUNCTION tally.next_event_path(times timestamptz[], events text[], anchor text, steps int DEFAULT 3) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 50 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text[];
    place int;
BEGIN
    IF cardinality(times) <> cardinality(events) THEN
        RAISE EXCEPTION USING ERRCODE = 'array_subscript_error',
            MESSAGE = format('as many times as events expected, got %s and %s', cardinality(times), cardinality(events)),
            HINT = 'SELECT tally.next_event_path(array_agg(event_time), array_agg(event_type), ''signup'', 3) FROM … GROUP BY user_id';
    END IF;
    SELECT array_agg(e.name ORDER BY e.at, e.name COLLATE "C") INTO names FROM unnest(times, events) e(at, name) WHERE e.at IS NOT NULL AND e.name IS NOT NULL;
    place := array_position(names, anchor);
    RETURN CASE WHEN place IS NULL THEN NULL WHEN steps < 0 THEN names[greatest(place + steps, 1) : place - 1] ELSE names[place + 1 : place + steps] END;
END $$;

-- A window function cannot be written in SQL. An aggregate can be one: rows of one time are in one session, so it does not matter that they come together.
CREATE FUNCTION tally_internal._sessionize_trans(state tally_internal.session_state, event_time timestamptz, gap interval) RETURNS tally_internal.session_state
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hint CONSTANT text := 'SELECT tally.sessionize(event_time, ''30 minutes'') OVER (PARTITION BY user_id ORDER BY event_time) FROM …';
BEGIN
    IF event_time IS NULL THEN RETURN ROW(state.at, state.n, true); END IF;
    IF gap IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'gap of a session expected, got NULL', HINT = hint;
    ELSIF gap < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', HINT = hint,
            MESSAGE = 'gap of a session expected to be 0 or longer, got a negative interval';
    ELSIF event_time < state.at THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'events expected in time order, got one earlier than the row before', HINT = hint;
    END IF;
    RETURN ROW(event_time, COALESCE(state.n, 0) + CASE WHEN event_time = state.at THEN 0
                                                       WHEN NOT isfinite(event_time) OR NOT isfinite(state.at) OR state.at IS NULL THEN 1
                                                       WHEN event_time - state.at > gap THEN 1 ELSE 0 END, false);
END $$;
COMMENT ON FUNCTION tally_internal._sessionize_trans(tally_internal.session_state, timestamptz, interval) IS
'Takes the next row into the state of tally.sessionize().';
CREATE FUNCTION tally_internal._sessionize_final(state tally_internal.session_state) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN NOT (state).absent THEN (state).n END;
COMMENT ON FUNCTION tally_internal._sessionize_final(tally_internal.session_state) IS 'The session of the present row.';
CREATE OR REPLACE AGGREGATE tally.sessionize(event_time timestamptz, gap interval) (
    SFUNC = tally_internal._sessionize_trans, STYPE = tally_internal.session_state, FINALFUNC = tally_internal._sessionize_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.sessionize(timestamptz, interval) IS
'Number of the session that a row is in, from 1 in each partition; a gap longer than the given one starts a new session. For OVER (PARTITION BY … ORDER BY '
'event_time); a NULL time is in no session. Slow: PL/pgSQL runs for each row, about 10 µs.';
