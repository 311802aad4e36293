-- Owns: tally.hll, distinct counts that merge: the type, its aggregates and the functions that read it.
--
-- SSPACE is what a group of about ten distinct values takes with its chunk header (128 + 16 bytes).

CREATE OR REPLACE FUNCTION tally_internal._hll_trans(state tally.hll, value anyelement) RETURNS tally.hll
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_hll_trans';
COMMENT ON FUNCTION tally_internal._hll_trans(tally.hll, anyelement) IS 'Transition of tally.hll(value).';

CREATE OR REPLACE FUNCTION tally_internal._hll_trans(state tally.hll, value anyelement, "precision" int) RETURNS tally.hll
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_hll_trans';
COMMENT ON FUNCTION tally_internal._hll_trans(tally.hll, anyelement, int) IS 'Transition of tally.hll(value, precision).';

CREATE OR REPLACE FUNCTION tally_internal._hll_merge(state tally.hll, sketch tally.hll) RETURNS tally.hll
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_hll_merge';
COMMENT ON FUNCTION tally_internal._hll_merge(tally.hll, tally.hll) IS 'Combines partial states, and merges sketches for tally.rollup.';

CREATE OR REPLACE FUNCTION tally_internal._hll_final(state tally.hll) RETURNS tally.hll
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_hll_final';
COMMENT ON FUNCTION tally_internal._hll_final(tally.hll) IS 'Finishes a state: hashes sorted, registers packed; equal sets give equal bytes.';

CREATE OR REPLACE FUNCTION tally_internal._hll_final_distinct(state tally.hll) RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_hll_final_distinct';
COMMENT ON FUNCTION tally_internal._hll_final_distinct(tally.hll) IS 'Finishes tally.approx_distinct.';

CREATE OR REPLACE AGGREGATE tally.hll(value anyelement) (
    SFUNC = tally_internal._hll_trans, FINALFUNC = tally_internal._hll_final, STYPE = tally.hll, COMBINEFUNC = tally_internal._hll_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.hll(anyelement) IS
'Sketch of the values for distinct counts: exact up to 766 distinct values, within about 1.15 % beyond. NULLs are skipped. Values are one when the '
'type''s = says so, integers of any width too.';

CREATE OR REPLACE AGGREGATE tally.hll(value anyelement, "precision" int) (
    SFUNC = tally_internal._hll_trans, FINALFUNC = tally_internal._hll_final, STYPE = tally.hll, COMBINEFUNC = tally_internal._hll_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.hll(anyelement, int) IS
'Sketch with 2^precision registers (4 to 18; 13 unless given). The precision of a group is that of its first row.';

-- The measures of a keyed rollup. The key comes first, so that the engine changes nothing but the head of a call (_keyed_sql()).
CREATE OR REPLACE FUNCTION tally_internal._keyed_hll_trans(state tally.hll, key bytea, value anyelement) RETURNS tally.hll
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_keyed_hll_trans';
COMMENT ON FUNCTION tally_internal._keyed_hll_trans(tally.hll, bytea, anyelement) IS 'Transition of tally_internal._keyed_hll(key, value).';

CREATE OR REPLACE FUNCTION tally_internal._keyed_hll_trans(state tally.hll, key bytea, value anyelement, "precision" int) RETURNS tally.hll
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_keyed_hll_trans';
COMMENT ON FUNCTION tally_internal._keyed_hll_trans(tally.hll, bytea, anyelement, int) IS 'Transition of tally_internal._keyed_hll(key, value, precision).';

CREATE OR REPLACE AGGREGATE tally_internal._keyed_hll(key bytea, value anyelement) (
    SFUNC = tally_internal._keyed_hll_trans, FINALFUNC = tally_internal._hll_final, STYPE = tally.hll, COMBINEFUNC = tally_internal._hll_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally_internal._keyed_hll(bytea, anyelement) IS
'tally.hll(value) under a secret key: its number in two bytes, low byte first, and 16 bytes. Who has not the key cannot test a value against the sketch.';

CREATE OR REPLACE AGGREGATE tally_internal._keyed_hll(key bytea, value anyelement, "precision" int) (
    SFUNC = tally_internal._keyed_hll_trans, FINALFUNC = tally_internal._hll_final, STYPE = tally.hll, COMBINEFUNC = tally_internal._hll_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally_internal._keyed_hll(bytea, anyelement, int) IS 'The same of a given precision.';

CREATE OR REPLACE AGGREGATE tally.approx_distinct(value anyelement) (
    SFUNC = tally_internal._hll_trans, FINALFUNC = tally_internal._hll_final_distinct, STYPE = tally.hll, COMBINEFUNC = tally_internal._hll_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.approx_distinct(anyelement) IS 'Count of distinct values: exact up to 766, within about 1.15 % beyond.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.hll) (
    SFUNC = tally_internal._hll_merge, FINALFUNC = tally_internal._hll_final, STYPE = tally.hll, COMBINEFUNC = tally_internal._hll_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.rollup(tally.hll) IS 'Merges distinct counts; few stay exact, unequal precisions merge to the smaller.';

CREATE OR REPLACE FUNCTION tally.add(sketch tally.hll, value anyelement) RETURNS tally.hll
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_hll_trans';
COMMENT ON FUNCTION tally.add(tally.hll, anyelement) IS 'The sketch with one more value; a NULL sketch counts as empty, a NULL value adds nothing.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.hll, b tally.hll) RETURNS tally.hll
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_hll_merge';
COMMENT ON FUNCTION tally.merge(tally.hll, tally.hll) IS 'The union of both; a NULL counts as empty.';

CREATE OR REPLACE FUNCTION tally.distinct_count(sketch tally.hll) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'tally_hll_distinct';
COMMENT ON FUNCTION tally.distinct_count(tally.hll) IS
'How many distinct values the sketch has seen: exact up to 766 of them (at precision 13), an estimate beyond, as far off as relative_error() says.';

CREATE OR REPLACE FUNCTION tally.relative_error(sketch tally.hll) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'tally_hll_error';
COMMENT ON FUNCTION tally.relative_error(tally.hll) IS 'Relative standard error of distinct_count: 0 while exact, 1.04 / sqrt(2^precision) beyond.';

-- A function that bears the name of a type is read as a cast where PostgreSQL knows one through text (func_get_detail):
-- tally.hll(column of text) would parse the text as a stored sketch. A cast with a function is not taken so, and the
-- call reaches the aggregate.
CREATE OR REPLACE FUNCTION tally_internal._hll_from_text(sketch text) RETURNS tally.hll
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_hll_from_text';
COMMENT ON FUNCTION tally_internal._hll_from_text(text) IS 'Explicit cast of a sketch''s text to tally.hll.';
CREATE OR REPLACE FUNCTION tally_internal._hll_from_bpchar(sketch bpchar) RETURNS tally.hll
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_hll_from_text';
COMMENT ON FUNCTION tally_internal._hll_from_bpchar(bpchar) IS 'Explicit cast of a sketch''s text to tally.hll.';
CREATE OR REPLACE FUNCTION tally_internal._hll_from_name(sketch name) RETURNS tally.hll
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN tally_internal._hll_from_text(sketch::text);
COMMENT ON FUNCTION tally_internal._hll_from_name(name) IS 'Explicit cast of a name to tally.hll; here so that tally.hll(name) is the aggregate.';
