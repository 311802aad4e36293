-- Owns: tally.ohlc in SQL: first, highest, lowest and last of a series.

CREATE OR REPLACE FUNCTION tally_internal._ohlc_merge(state tally.ohlc, sketch tally.ohlc) RETURNS tally.ohlc
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN sketch; END IF;
    IF sketch IS NULL THEN RETURN state; END IF;
    -- At one instant the least is first, the greatest last. The highest and the lowest count from the first time that they were seen.
    IF (sketch.open_time, sketch.open) < (state.open_time, state.open) THEN
        state.open_time := sketch.open_time;
        state.open := sketch.open;
    END IF;
    IF (sketch.close_time, sketch.close) > (state.close_time, state.close) THEN
        state.close_time := sketch.close_time;
        state.close := sketch.close;
    END IF;
    IF sketch.high > state.high OR sketch.high = state.high AND sketch.high_time < state.high_time THEN
        state.high_time := sketch.high_time;
        state.high := sketch.high;
    END IF;
    IF sketch.low < state.low OR sketch.low = state.low AND sketch.low_time < state.low_time THEN
        state.low_time := sketch.low_time;
        state.low := sketch.low;
    END IF;
    RETURN state;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._ohlc_trans(state tally.ohlc, value float8, "time" timestamptz) RETURNS tally.ohlc
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL OR "time" IS NULL OR NOT isfinite("time") THEN RETURN state; END IF;
    RETURN tally_internal._ohlc_merge(state, ROW("time", value, "time", value, "time", value, "time", value)::tally.ohlc);
END $$;
-- How the engine computes it where it refreshes: no PL/pgSQL runs per row.
CREATE FUNCTION tally_internal._ohlc_of("values" float8[], times timestamptz[]) RETURNS tally.ohlc
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o tally.ohlc;
BEGIN
    SELECT min(x.t), max(x.t), min(x.v), max(x.v) INTO o.open_time, o.close_time, o.low, o.high
      FROM (SELECT unnest("values") AS v, unnest(times) AS t) x WHERE x.v IS NOT NULL;
    SELECT min(x.v) FILTER (WHERE x.t = o.open_time), max(x.v) FILTER (WHERE x.t = o.close_time), min(x.t) FILTER (WHERE x.v = o.low),
           min(x.t) FILTER (WHERE x.v = o.high) INTO o.open, o.close, o.low_time, o.high_time
      FROM (SELECT unnest("values") AS v, unnest(times) AS t) x WHERE x.v IS NOT NULL;
    RETURN CASE WHEN o.open_time IS NOT NULL THEN o END;
END $$;
COMMENT ON FUNCTION tally_internal._ohlc_of(float8[], timestamptz[]) IS 'First, highest, lowest and last of the values of a group; NULL of nothing.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.ohlc, b tally.ohlc) RETURNS tally.ohlc
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._ohlc_merge(a, b);
CREATE OR REPLACE FUNCTION tally.open(sketch tally.ohlc) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.open';
CREATE OR REPLACE FUNCTION tally.open_time(sketch tally.ohlc) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.open_time';
CREATE OR REPLACE FUNCTION tally.high(sketch tally.ohlc) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.high';
CREATE OR REPLACE FUNCTION tally.high_time(sketch tally.ohlc) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.high_time';
CREATE OR REPLACE FUNCTION tally.low(sketch tally.ohlc) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.low';
CREATE OR REPLACE FUNCTION tally.low_time(sketch tally.ohlc) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.low_time';
CREATE OR REPLACE FUNCTION tally.close(sketch tally.ohlc) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.close';
CREATE OR REPLACE FUNCTION tally.close_time(sketch tally.ohlc) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.close_time';
CREATE OR REPLACE FUNCTION tally_internal._ohlc_jsonb(sketch tally.ohlc) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_object_agg(p.name, jsonb_build_array(tally_internal._moment_text(p.at), p.value))
      FROM (VALUES ('open', sketch.open_time, sketch.open), ('high', sketch.high_time, sketch.high), ('low', sketch.low_time, sketch.low),
                   ('close', sketch.close_time, sketch.close)) p(name, at, value)
$$;
