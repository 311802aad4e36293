-- Owns: tally.ohlc, the first, highest, lowest and last of a series with their times, mergeable in any order: its aggregates and readers.

CREATE OR REPLACE FUNCTION tally_internal._ohlc_trans(state tally.ohlc, value float8, "time" timestamptz) RETURNS tally.ohlc
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_trans';
COMMENT ON FUNCTION tally_internal._ohlc_trans(tally.ohlc, float8, timestamptz) IS 'Transition of tally.ohlc.';

CREATE OR REPLACE FUNCTION tally_internal._ohlc_merge(state tally.ohlc, sketch tally.ohlc) RETURNS tally.ohlc
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_merge';
COMMENT ON FUNCTION tally_internal._ohlc_merge(tally.ohlc, tally.ohlc) IS 'Combines partial states, and merges for tally.rollup.';

CREATE OR REPLACE AGGREGATE tally.ohlc(value float8, "time" timestamptz) (
    SFUNC = tally_internal._ohlc_trans, STYPE = tally.ohlc, COMBINEFUNC = tally_internal._ohlc_merge,
    SSPACE = 72, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.ohlc(float8, timestamptz) IS
    'First, highest, lowest and last value by time (open, high, low, close), each with its time. At one instant the least value is the first and '
    'the greatest the last. NULLs and infinite times are skipped.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.ohlc) (
    SFUNC = tally_internal._ohlc_merge, STYPE = tally.ohlc, COMBINEFUNC = tally_internal._ohlc_merge,
    SSPACE = 72, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.rollup(tally.ohlc) IS 'Merges series exactly and in any order.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.ohlc, b tally.ohlc) RETURNS tally.ohlc
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_merge';
COMMENT ON FUNCTION tally.merge(tally.ohlc, tally.ohlc) IS 'Both as one; a NULL counts as empty.';

CREATE OR REPLACE FUNCTION tally.open(sketch tally.ohlc) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_open';
COMMENT ON FUNCTION tally.open(tally.ohlc) IS 'The first value.';

CREATE OR REPLACE FUNCTION tally.open_time(sketch tally.ohlc) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_open_time';
COMMENT ON FUNCTION tally.open_time(tally.ohlc) IS 'The time of the first value.';

CREATE OR REPLACE FUNCTION tally.high(sketch tally.ohlc) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_high';
COMMENT ON FUNCTION tally.high(tally.ohlc) IS 'The highest value.';

CREATE OR REPLACE FUNCTION tally.high_time(sketch tally.ohlc) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_high_time';
COMMENT ON FUNCTION tally.high_time(tally.ohlc) IS 'The time of the highest value, the first time that it was seen.';

CREATE OR REPLACE FUNCTION tally.low(sketch tally.ohlc) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_low';
COMMENT ON FUNCTION tally.low(tally.ohlc) IS 'The lowest value.';

CREATE OR REPLACE FUNCTION tally.low_time(sketch tally.ohlc) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_low_time';
COMMENT ON FUNCTION tally.low_time(tally.ohlc) IS 'The time of the lowest value, the first time that it was seen.';

CREATE OR REPLACE FUNCTION tally.close(sketch tally.ohlc) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_close';
COMMENT ON FUNCTION tally.close(tally.ohlc) IS 'The last value.';

CREATE OR REPLACE FUNCTION tally.close_time(sketch tally.ohlc) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_ohlc_close_time';
COMMENT ON FUNCTION tally.close_time(tally.ohlc) IS 'The time of the last value.';
