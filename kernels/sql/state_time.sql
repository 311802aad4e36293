-- Owns: tally.state_time in SQL: how long something was in which state. core/src/sketch/state_time says what holds.

CREATE FUNCTION tally_internal._states_whole(times timestamptz[], states text[], parts tally_internal.states_part[]) RETURNS tally_internal.states_part
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part tally_internal.states_part;
    bad  record;
BEGIN
    -- A row is a part of one. If several states come at one instant, the greatest by its bytes holds.
    WITH steps AS (
        SELECT i.*, row_number() OVER w AS place, count(*) OVER () AS places, lag(i.lt) OVER w AS bt, lag(i.ls) OVER w AS bs
          FROM (SELECT u.t, u.s COLLATE "C", u.t, u.s COLLATE "C", 1::bigint, 0::bigint, '{}'::jsonb, 0 FROM unnest(times, states) u(t, s)
                UNION ALL
                SELECT p.first_time, p.first_state COLLATE "C", p.last_time, p.last_state COLLATE "C", p.count, p.changes, p.micros, 1 FROM unnest(parts) p)
               i(ft, fs, lt, ls, n, ch, micros, of_part)
        WINDOW w AS (ORDER BY i.ft, i.fs, i.of_part)),
    spent AS (
        SELECT m.state, sum(m.micros) AS micros
          FROM (SELECT s.bs, trunc((extract(epoch FROM s.ft) - extract(epoch FROM s.bt)) * 1000000) FROM steps s WHERE s.place > 1
                UNION ALL SELECT e.key COLLATE "C", e.value::numeric FROM steps s, jsonb_each_text(s.micros) e) m(state, micros)
         WHERE m.micros > 0 GROUP BY m.state)
    SELECT sum(s.n), min(s.ft) FILTER (WHERE s.place = 1), min(s.fs) FILTER (WHERE s.place = 1), min(s.lt) FILTER (WHERE s.place = s.places),
           min(s.ls) FILTER (WHERE s.place = s.places), sum(s.ch + (s.place > 1 AND s.fs <> s.bs)::int),
           COALESCE((SELECT jsonb_object_agg(x.state, x.micros) FROM spent x), '{}')
      INTO part FROM steps s;
    IF cardinality(parts) > 0 AND cardinality(parts) + cardinality(times) > 1 THEN
        SELECT s.ft, s.bt INTO bad
          FROM (SELECT i.*, lag(i.lt) OVER w AS bt, lag(i.ls) OVER w AS bs
                  FROM (SELECT u.t, u.s COLLATE "C", u.t, u.s COLLATE "C", 0 FROM unnest(times, states) u(t, s)
                        UNION ALL SELECT p.first_time, p.first_state COLLATE "C", p.last_time, p.last_state COLLATE "C", 1 FROM unnest(parts) p)
                       i(ft, fs, lt, ls, of_part)
                WINDOW w AS (ORDER BY i.ft, i.fs, i.of_part)) s
         WHERE (s.ft, s.fs) < (s.bt, s.bs) ORDER BY s.ft, s.fs LIMIT 1;
        IF FOUND THEN PERFORM tally_internal._refuse_overlap('state_time', bad.ft, bad.bt); END IF;
    END IF;
    RETURN part;
END $$;
COMMENT ON FUNCTION tally_internal._states_whole(timestamptz[], text[], tally_internal.states_part[]) IS
'All rows and parts as one part; parts of one time are refused.';

CREATE OR REPLACE FUNCTION tally_internal._state_time_trans(sketch tally.state_time, state text, "time" timestamptz) RETURNS tally.state_time
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL OR "time" IS NULL OR NOT isfinite("time") THEN RETURN sketch; END IF;
    IF sketch IS NULL THEN RETURN ROW(ARRAY["time"], ARRAY[state], '{}')::tally.state_time; END IF;
    sketch.times := sketch.times || "time";
    sketch.states := sketch.states || state;
    RETURN sketch;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._state_time_merge(state tally.state_time, sketch tally.state_time) RETURNS tally.state_time
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN sketch; END IF;
    IF sketch IS NULL THEN RETURN state; END IF;
    RETURN ROW(state.times || sketch.times, state.states || sketch.states, state.parts || sketch.parts)::tally.state_time;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._state_time_final(state tally.state_time) RETURNS tally.state_time
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN NULL; END IF;
    RETURN ROW('{}', '{}', ARRAY[tally_internal._states_whole(state.times, state.states, state.parts)])::tally.state_time;
END $$;
CREATE OR REPLACE FUNCTION tally.merge(a tally.state_time, b tally.state_time) RETURNS tally.state_time
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._state_time_final(tally_internal._state_time_merge(a, b));

-- How the engine computes it where it refreshes: no PL/pgSQL runs per row.
CREATE FUNCTION tally_internal._state_time_of(states text[], times timestamptz[]) RETURNS tally.state_time
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t timestamptz[];
    s text[];
BEGIN
    SELECT array_agg(u.t), array_agg(u.s) INTO t, s FROM unnest(times, states) u(t, s) WHERE u.s IS NOT NULL AND isfinite(u.t);
    RETURN CASE WHEN t IS NOT NULL THEN tally_internal._state_time_final(ROW(t, s, '{}')::tally.state_time) END;
END $$;
COMMENT ON FUNCTION tally_internal._state_time_of(text[], timestamptz[]) IS 'Times of the states of a group; NULL of nothing.';

CREATE FUNCTION tally_internal._states_part(sketch tally.state_time) RETURNS tally_internal.states_part
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF cardinality(sketch.times) = 0 AND cardinality(sketch.parts) = 1 THEN RETURN sketch.parts[1]; END IF;
    RETURN tally_internal._states_whole(sketch.times, sketch.states, sketch.parts);
END $$;
COMMENT ON FUNCTION tally_internal._states_part(tally.state_time) IS 'Times of states as one part.';

CREATE OR REPLACE FUNCTION tally.duration_in(sketch tally.state_time, state text) RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%s microseconds', COALESCE((tally_internal._states_part(sketch)).micros ->> state, '0'))::interval
$$;
CREATE OR REPLACE FUNCTION tally.states(sketch tally.state_time) RETURNS TABLE (state text, duration interval, share float8)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.key, format('%s microseconds', e.value)::interval, e.value::float8 / sum(e.value::numeric) OVER ()::float8
      FROM tally_internal._states_part(sketch) p, jsonb_each_text(p.micros) e ORDER BY e.key COLLATE "C"
$$;
CREATE OR REPLACE FUNCTION tally.count(sketch tally.state_time) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._states_part(sketch)).count';
CREATE OR REPLACE FUNCTION tally.changes(sketch tally.state_time) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._states_part(sketch)).changes';
CREATE OR REPLACE FUNCTION tally.first_state(sketch tally.state_time) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._states_part(sketch)).first_state';
CREATE OR REPLACE FUNCTION tally.last_state(sketch tally.state_time) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._states_part(sketch)).last_state';
CREATE OR REPLACE FUNCTION tally.first_time(sketch tally.state_time) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._states_part(sketch)).first_time';
CREATE OR REPLACE FUNCTION tally.last_time(sketch tally.state_time) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._states_part(sketch)).last_time';

CREATE OR REPLACE FUNCTION tally.within(sketch tally.state_time, since timestamptz, until timestamptz, before tally.state_time) RETURNS tally.state_time
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part   tally_internal.states_part := tally_internal._states_part(sketch);
    f      tally_internal.states_part := tally_internal._states_part(before);
    times  timestamptz[] := ARRAY[until];
    states text[] := ARRAY[part.last_state];
BEGIN
    IF sketch IS NULL OR since IS NULL OR until IS NULL THEN RETURN NULL; END IF;
    IF part.first_time < since OR part.last_time > until OR f.last_time > since OR NOT isfinite(since) OR NOT isfinite(until) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'states within the range expected, and the one before it outside, got others',
            DETAIL = 'The range is that of the states'' bucket: its start, and the start of the next one.',
            HINT = 'SELECT tally.within(s, bucket, bucket + interval ''1 hour'', lag(s) OVER (ORDER BY bucket)) FROM …';
    END IF;
    IF f.count > 0 AND (since, f.last_state COLLATE "C") < (part.first_time, part.first_state COLLATE "C") THEN
        times := times || since;
        states := states || f.last_state;
    END IF;
    RETURN ROW('{}', '{}', ARRAY[tally_internal._states_whole(times, states, ARRAY[part])])::tally.state_time;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._state_time_jsonb(sketch tally.state_time) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('parts', jsonb_build_array(
               jsonb_build_object('count', p.count, 'first', jsonb_build_array(tally_internal._moment_text(p.first_time), p.first_state))
               || CASE WHEN p.count = 1 THEN '{}' ELSE jsonb_build_object('last', jsonb_build_array(tally_internal._moment_text(p.last_time), p.last_state),
                      'changes', p.changes, 'microseconds', p.micros) END))
      FROM tally_internal._states_part(sketch) p
$$;
