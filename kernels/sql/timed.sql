-- Owns: tally.timed in SQL, the first or last value of a series with its time.

CREATE FUNCTION tally_internal._timed_before(kind text, a text, b text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE kind WHEN 'float8' THEN a::float8 < b::float8 WHEN 'bigint' THEN a::bigint < b::bigint ELSE a COLLATE "C" < b COLLATE "C" END
$$;
COMMENT ON FUNCTION tally_internal._timed_before(text, text, text) IS 'Whether one value of a type is less than another, both as text.';

CREATE OR REPLACE FUNCTION tally_internal._timed_merge(state tally.timed, sketch tally.timed) RETURNS tally.timed
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN sketch; END IF;
    IF sketch IS NULL THEN RETURN state; END IF;
    IF state.last <> sketch.last OR state.kind <> sketch.kind THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
            MESSAGE = format('a %s value of type %s expected, got a %s value of type %s', CASE WHEN state.last THEN 'last' ELSE 'first' END, state.kind,
                             CASE WHEN sketch.last THEN 'last' ELSE 'first' END, sketch.kind),
            DETAIL = 'All values of a group must be of one type, and all first ones or all last ones.',
            HINT = 'SELECT tally.rollup(value) FROM … GROUP BY value::jsonb ->> ''which'', value::jsonb ->> ''type''';
    END IF;
    -- At one instant the least is first, the greatest last.
    RETURN CASE WHEN state.time = sketch.time
                THEN CASE WHEN tally_internal._timed_before(state.kind, state.value, sketch.value) = state.last THEN sketch ELSE state END
                WHEN (state.time < sketch.time) = state.last THEN sketch ELSE state END;
END $$;

CREATE FUNCTION tally_internal._timed_taken(state tally.timed, last boolean, kind text, value text, "time" timestamptz) RETURNS tally.timed
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL OR "time" IS NULL OR NOT isfinite("time") THEN RETURN state; END IF;
    RETURN tally_internal._timed_merge(state, ROW(last, kind, value, "time")::tally.timed);
END $$;
COMMENT ON FUNCTION tally_internal._timed_taken(tally.timed, boolean, text, text, timestamptz) IS 'Takes a value into the state of tally.first or tally.last.';

CREATE OR REPLACE FUNCTION tally_internal._first_trans(state tally.timed, value float8, "time" timestamptz) RETURNS tally.timed
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._timed_taken(state, false, 'float8', tally_internal._float_text(value), "time");
CREATE OR REPLACE FUNCTION tally_internal._first_trans(state tally.timed, value bigint, "time" timestamptz) RETURNS tally.timed
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._timed_taken(state, false, 'bigint', value::pg_catalog.text, "time");
CREATE OR REPLACE FUNCTION tally_internal._first_trans(state tally.timed, value text, "time" timestamptz) RETURNS tally.timed
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._timed_taken(state, false, 'text', value, "time");
CREATE OR REPLACE FUNCTION tally_internal._last_trans(state tally.timed, value float8, "time" timestamptz) RETURNS tally.timed
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._timed_taken(state, true, 'float8', tally_internal._float_text(value), "time");
CREATE OR REPLACE FUNCTION tally_internal._last_trans(state tally.timed, value bigint, "time" timestamptz) RETURNS tally.timed
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._timed_taken(state, true, 'bigint', value::pg_catalog.text, "time");
CREATE OR REPLACE FUNCTION tally_internal._last_trans(state tally.timed, value text, "time" timestamptz) RETURNS tally.timed
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._timed_taken(state, true, 'text', value, "time");
-- How the engine computes tally.first and tally.last where it refreshes: no PL/pgSQL runs per row. Which type a value has, PostgreSQL decides as for them.
CREATE FUNCTION tally_internal._timed_value(value float8, "time" timestamptz) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN pg_catalog.isfinite("time") THEN value END;
COMMENT ON FUNCTION tally_internal._timed_value(float8, timestamptz) IS 'A number, where its time is one.';
CREATE FUNCTION tally_internal._timed_value(value bigint, "time" timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN pg_catalog.isfinite("time") THEN value END;
COMMENT ON FUNCTION tally_internal._timed_value(bigint, timestamptz) IS 'A whole number, where its time is one.';
CREATE FUNCTION tally_internal._timed_value(value text, "time" timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN pg_catalog.isfinite("time") THEN value END;
COMMENT ON FUNCTION tally_internal._timed_value(text, timestamptz) IS 'A text, where its time is one.';

CREATE FUNCTION tally_internal._timed_of(last boolean, "values" anyarray, times timestamptz[]) RETURNS tally.timed
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind  text := CASE pg_typeof("values") WHEN 'float8[]'::regtype THEN 'float8' WHEN 'bigint[]'::regtype THEN 'bigint' ELSE 'text' END;
    at    timestamptz := times[1];
    alike "values"%TYPE := "values";
    value text;
BEGIN
    -- A statement takes longer than all the rest where groups are small.
    IF cardinality("values") > 1 THEN
        SELECT CASE WHEN last THEN max(x.t) ELSE min(x.t) END INTO at FROM (SELECT unnest("values") AS v, unnest(times) AS t) x WHERE x.v IS NOT NULL;
        alike := ARRAY(SELECT x.v FROM (SELECT unnest("values") AS v, unnest(times) AS t) x WHERE x.t = at AND x.v IS NOT NULL);
    END IF;
    -- At one instant the least is first, the greatest last.
    IF cardinality(alike) > 1 AND kind = 'text' THEN
        SELECT ARRAY[CASE WHEN last THEN max(v::text COLLATE "C") ELSE min(v::text COLLATE "C") END] INTO alike FROM unnest(alike) v;
    ELSIF cardinality(alike) > 1 THEN
        SELECT ARRAY[CASE WHEN last THEN max(v) ELSE min(v) END] INTO alike FROM unnest(alike) v;
    END IF;
    value := CASE kind WHEN 'float8' THEN tally_internal._float_text(alike[1]::float8) ELSE alike[1]::text END;
    RETURN CASE WHEN value IS NOT NULL THEN ROW(last, kind, value, at)::tally.timed END;
END $$;
COMMENT ON FUNCTION tally_internal._timed_of(boolean, anyarray, timestamptz[]) IS
'The first or last of the values of a group with its time; NULL of nothing.';

CREATE OR REPLACE FUNCTION tally_internal._timed_final(state tally.timed) RETURNS tally.timed
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT state';
CREATE OR REPLACE FUNCTION tally.merge(a tally.timed, b tally.timed) RETURNS tally.timed
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._timed_merge(a, b);
CREATE OR REPLACE FUNCTION tally.value(sketch tally.timed) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF sketch.kind = 'text' THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch', MESSAGE = 'a value of type float8 or bigint expected, got one of type text',
            DETAIL = 'tally.value() reads numbers.', HINT = 'SELECT tally.value_text(tally.last(v, t)) FROM (VALUES (''a'', now())) AS x(v, t)';
    END IF;
    RETURN sketch.value::float8;
END $$;
CREATE OR REPLACE FUNCTION tally.value_text(sketch tally.timed) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.value';
CREATE OR REPLACE FUNCTION tally.value_time(sketch tally.timed) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.time';
CREATE OR REPLACE FUNCTION tally_internal._timed_jsonb(sketch tally.timed) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('which', CASE WHEN sketch.last THEN 'last' ELSE 'first' END, 'time', tally_internal._moment_text(sketch.time),
                              'type', sketch.kind, 'value', CASE sketch.kind WHEN 'float8' THEN to_jsonb(sketch.value::float8)
                                                                 WHEN 'bigint' THEN to_jsonb(sketch.value::bigint) ELSE to_jsonb(sketch.value) END)
$$;
