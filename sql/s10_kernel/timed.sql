-- Owns: tally.timed, the first or last value of a series with its time, mergeable in any order: its aggregates and readers.

CREATE OR REPLACE FUNCTION tally_internal._first_trans(state tally.timed, value float8, "time" timestamptz) RETURNS tally.timed
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_first_float_trans';
COMMENT ON FUNCTION tally_internal._first_trans(tally.timed, float8, timestamptz) IS 'Transition of tally.first for values of type float8.';

CREATE OR REPLACE FUNCTION tally_internal._first_trans(state tally.timed, value bigint, "time" timestamptz) RETURNS tally.timed
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_first_int_trans';
COMMENT ON FUNCTION tally_internal._first_trans(tally.timed, bigint, timestamptz) IS 'Transition of tally.first for values of type bigint.';

CREATE OR REPLACE FUNCTION tally_internal._first_trans(state tally.timed, value text, "time" timestamptz) RETURNS tally.timed
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_first_text_trans';
COMMENT ON FUNCTION tally_internal._first_trans(tally.timed, text, timestamptz) IS 'Transition of tally.first for values of type text.';

CREATE OR REPLACE FUNCTION tally_internal._last_trans(state tally.timed, value float8, "time" timestamptz) RETURNS tally.timed
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_last_float_trans';
COMMENT ON FUNCTION tally_internal._last_trans(tally.timed, float8, timestamptz) IS 'Transition of tally.last for values of type float8.';

CREATE OR REPLACE FUNCTION tally_internal._last_trans(state tally.timed, value bigint, "time" timestamptz) RETURNS tally.timed
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_last_int_trans';
COMMENT ON FUNCTION tally_internal._last_trans(tally.timed, bigint, timestamptz) IS 'Transition of tally.last for values of type bigint.';

CREATE OR REPLACE FUNCTION tally_internal._last_trans(state tally.timed, value text, "time" timestamptz) RETURNS tally.timed
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_last_text_trans';
COMMENT ON FUNCTION tally_internal._last_trans(tally.timed, text, timestamptz) IS 'Transition of tally.last for values of type text.';

CREATE OR REPLACE FUNCTION tally_internal._timed_merge(state tally.timed, sketch tally.timed) RETURNS tally.timed
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_timed_merge';
COMMENT ON FUNCTION tally_internal._timed_merge(tally.timed, tally.timed) IS 'Combines partial states, and merges for tally.rollup.';

CREATE OR REPLACE FUNCTION tally_internal._timed_final(state tally.timed) RETURNS tally.timed
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_timed_final';
COMMENT ON FUNCTION tally_internal._timed_final(tally.timed) IS 'Finishes a state of tally.first or tally.last.';

CREATE OR REPLACE AGGREGATE tally.first(value float8, "time" timestamptz) (
    SFUNC = tally_internal._first_trans, FINALFUNC = tally_internal._timed_final, STYPE = tally.timed, COMBINEFUNC = tally_internal._timed_merge,
    SSPACE = 64, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.first(float8, timestamptz) IS
    'The first value by time, with its time. Of values at one instant it is the least. NULLs and infinite times are skipped.';

CREATE OR REPLACE AGGREGATE tally.first(value bigint, "time" timestamptz) (
    SFUNC = tally_internal._first_trans, FINALFUNC = tally_internal._timed_final, STYPE = tally.timed, COMBINEFUNC = tally_internal._timed_merge,
    SSPACE = 64, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.first(bigint, timestamptz) IS
    'The first whole number by time, with its time. Of values at one instant it is the least. NULLs and infinite times are skipped.';

CREATE OR REPLACE AGGREGATE tally.first(value text, "time" timestamptz) (
    SFUNC = tally_internal._first_trans, FINALFUNC = tally_internal._timed_final, STYPE = tally.timed, COMBINEFUNC = tally_internal._timed_merge,
    SSPACE = 64, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.first(text, timestamptz) IS
    'The first text by time, with its time. Of values at one instant it is the least by its bytes. NULLs and infinite times are skipped.';

CREATE OR REPLACE AGGREGATE tally.last(value float8, "time" timestamptz) (
    SFUNC = tally_internal._last_trans, FINALFUNC = tally_internal._timed_final, STYPE = tally.timed, COMBINEFUNC = tally_internal._timed_merge,
    SSPACE = 64, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.last(float8, timestamptz) IS
    'The last value by time, with its time. Of values at one instant it is the greatest. NULLs and infinite times are skipped.';

CREATE OR REPLACE AGGREGATE tally.last(value bigint, "time" timestamptz) (
    SFUNC = tally_internal._last_trans, FINALFUNC = tally_internal._timed_final, STYPE = tally.timed, COMBINEFUNC = tally_internal._timed_merge,
    SSPACE = 64, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.last(bigint, timestamptz) IS
    'The last whole number by time, with its time. Of values at one instant it is the greatest. NULLs and infinite times are skipped.';

CREATE OR REPLACE AGGREGATE tally.last(value text, "time" timestamptz) (
    SFUNC = tally_internal._last_trans, FINALFUNC = tally_internal._timed_final, STYPE = tally.timed, COMBINEFUNC = tally_internal._timed_merge,
    SSPACE = 64, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.last(text, timestamptz) IS
    'The last text by time, with its time. Of values at one instant it is the greatest by its bytes. NULLs and infinite times are skipped.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.timed) (
    SFUNC = tally_internal._timed_merge, FINALFUNC = tally_internal._timed_final, STYPE = tally.timed, COMBINEFUNC = tally_internal._timed_merge,
    SSPACE = 64, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.rollup(tally.timed) IS 'Merges first values to the first of all, or last values to the last of all, exactly and in any order.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.timed, b tally.timed) RETURNS tally.timed
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_timed_merge';
COMMENT ON FUNCTION tally.merge(tally.timed, tally.timed) IS 'The first (or last) of both; a NULL counts as empty.';

CREATE OR REPLACE FUNCTION tally.value(sketch tally.timed) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_timed_value';
COMMENT ON FUNCTION tally.value(tally.timed) IS
    'The value, a number. For a text use tally.value_text(); for a bigint beyond 2^53 tally.value_text(…)::bigint.';

CREATE OR REPLACE FUNCTION tally.value_text(sketch tally.timed) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_timed_text';
COMMENT ON FUNCTION tally.value_text(tally.timed) IS 'The value as text, with all its digits.';

CREATE OR REPLACE FUNCTION tally.value_time(sketch tally.timed) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_timed_time';
COMMENT ON FUNCTION tally.value_time(tally.timed) IS 'The time of the value.';
