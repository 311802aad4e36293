-- Owns: tally.tdigest, percentiles that merge: the type, its aggregates and the functions that read it.
--
-- The aggregates' state is the type itself, changed in place (src/pg/aggregate.rs). SSPACE is what a group of about ten
-- values takes with its chunk header (128 + 16 bytes); without it the planner sorts or spills where it could hash.

CREATE OR REPLACE FUNCTION tally_internal._tdigest_trans(state tally.tdigest, value float8) RETURNS tally.tdigest
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_tdigest_trans';
COMMENT ON FUNCTION tally_internal._tdigest_trans(tally.tdigest, float8) IS 'Transition of tally.tdigest(value).';

CREATE OR REPLACE FUNCTION tally_internal._tdigest_trans(state tally.tdigest, value float8, compression int) RETURNS tally.tdigest
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_tdigest_trans';
COMMENT ON FUNCTION tally_internal._tdigest_trans(tally.tdigest, float8, int) IS 'Transition of tally.tdigest(value, compression).';

CREATE OR REPLACE FUNCTION tally_internal._tdigest_trans(state tally.tdigest, value float8, weight bigint, compression int) RETURNS tally.tdigest
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_tdigest_trans_weighted';
COMMENT ON FUNCTION tally_internal._tdigest_trans(tally.tdigest, float8, bigint, int) IS 'Transition of tally.tdigest(value, weight, compression).';

CREATE OR REPLACE FUNCTION tally_internal._tdigest_trans_percentile(state tally.tdigest, value float8, q float8) RETURNS tally.tdigest
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_tdigest_trans_percentile';
COMMENT ON FUNCTION tally_internal._tdigest_trans_percentile(tally.tdigest, float8, float8) IS 'Transition of tally.approx_percentile(value, q).';

CREATE OR REPLACE FUNCTION tally_internal._tdigest_merge(state tally.tdigest, sketch tally.tdigest) RETURNS tally.tdigest
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_tdigest_merge';
COMMENT ON FUNCTION tally_internal._tdigest_merge(tally.tdigest, tally.tdigest) IS 'Combines partial states, and merges sketches for tally.rollup.';

CREATE OR REPLACE FUNCTION tally_internal._tdigest_final(state tally.tdigest) RETURNS tally.tdigest
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_tdigest_final';
COMMENT ON FUNCTION tally_internal._tdigest_final(tally.tdigest) IS
'Finishes a state: values sorted, centroids compacted; the same values give the same bytes while exact.';

CREATE OR REPLACE FUNCTION tally_internal._tdigest_final_percentile(state tally.tdigest) RETURNS float8
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_tdigest_final_percentile';
COMMENT ON FUNCTION tally_internal._tdigest_final_percentile(tally.tdigest) IS 'Finishes tally.approx_percentile(value, q).';

CREATE OR REPLACE AGGREGATE tally.tdigest(value float8) (
    SFUNC = tally_internal._tdigest_trans, FINALFUNC = tally_internal._tdigest_final, STYPE = tally.tdigest, COMBINEFUNC = tally_internal._tdigest_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.tdigest(float8) IS
'Sketch of the values for percentiles: exact up to 253 values, an estimate beyond. NULLs are skipped; NaN counts as the greatest value, as PostgreSQL '
'orders it.';

CREATE OR REPLACE AGGREGATE tally.tdigest(value float8, compression int) (
    SFUNC = tally_internal._tdigest_trans, FINALFUNC = tally_internal._tdigest_final, STYPE = tally.tdigest, COMBINEFUNC = tally_internal._tdigest_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.tdigest(float8, int) IS
'Sketch of the values with a greatest number of centroids (20 to 5000; 180 unless given). The compression of a group is that of its first row.';

CREATE OR REPLACE AGGREGATE tally.tdigest(value float8, weight bigint, compression int) (
    SFUNC = tally_internal._tdigest_trans, FINALFUNC = tally_internal._tdigest_final, STYPE = tally.tdigest, COMBINEFUNC = tally_internal._tdigest_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.tdigest(float8, bigint, int) IS 'Sketch in which each value counts weight times.';

CREATE OR REPLACE AGGREGATE tally.approx_percentile(value float8, q float8) (
    SFUNC = tally_internal._tdigest_trans_percentile, FINALFUNC = tally_internal._tdigest_final_percentile, STYPE = tally.tdigest,
        COMBINEFUNC = tally_internal._tdigest_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.approx_percentile(float8, float8) IS 'Percentile q (0 to 1) of the values: exact up to 253 values, by t-digest beyond.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.tdigest) (
    SFUNC = tally_internal._tdigest_merge, FINALFUNC = tally_internal._tdigest_final, STYPE = tally.tdigest, COMBINEFUNC = tally_internal._tdigest_merge,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.rollup(tally.tdigest) IS 'Merges t-digests; few values stay exact, unequal compressions merge to the smaller.';

CREATE OR REPLACE FUNCTION tally.add(sketch tally.tdigest, value float8) RETURNS tally.tdigest
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_tdigest_trans';
COMMENT ON FUNCTION tally.add(tally.tdigest, float8) IS 'The sketch with one more value; a NULL sketch counts as empty, a NULL value adds nothing.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.tdigest, b tally.tdigest) RETURNS tally.tdigest
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_tdigest_merge';
COMMENT ON FUNCTION tally.merge(tally.tdigest, tally.tdigest) IS 'Both sketches as one; a NULL counts as empty.';

CREATE OR REPLACE FUNCTION tally.percentile(sketch tally.tdigest, q float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_tdigest_percentile';
COMMENT ON FUNCTION tally.percentile(tally.tdigest, float8) IS
'The value at the share q (0 to 1) of all values, as percentile_cont defines it; NULL when empty. Exact up to 253 values (with 180 centroids), an estimate '
'beyond.';

CREATE OR REPLACE FUNCTION tally.percentile(sketch tally.tdigest, q float8[]) RETURNS float8[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_tdigest_percentiles';
COMMENT ON FUNCTION tally.percentile(tally.tdigest, float8[]) IS 'The values at several shares, in the order asked; exact or estimated as that at one share.';

CREATE OR REPLACE FUNCTION tally.percentile_rank(sketch tally.tdigest, value float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_tdigest_rank';
COMMENT ON FUNCTION tally.percentile_rank(tally.tdigest, float8) IS
'The share of values below the given one, equal ones counted half: exact up to 253 values (with 180 centroids), an estimate beyond; NULL when empty.';

CREATE OR REPLACE FUNCTION tally.percentile_rank(sketch tally.tdigest, value float8[]) RETURNS float8[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_tdigest_ranks';
COMMENT ON FUNCTION tally.percentile_rank(tally.tdigest, float8[]) IS
'The shares of values below several, equal ones counted half; exact or estimated as that below one.';

CREATE OR REPLACE FUNCTION tally.count(sketch tally.tdigest) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'tally_tdigest_count';
COMMENT ON FUNCTION tally.count(tally.tdigest) IS 'How many values the sketch has seen.';

CREATE OR REPLACE FUNCTION tally.sum(sketch tally.tdigest) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'tally_tdigest_sum';
COMMENT ON FUNCTION tally.sum(tally.tdigest) IS 'Sum of the values; NULL when empty.';

CREATE OR REPLACE FUNCTION tally.mean(sketch tally.tdigest) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'tally_tdigest_mean';
COMMENT ON FUNCTION tally.mean(tally.tdigest) IS 'Mean of the values; NULL when empty.';

CREATE OR REPLACE FUNCTION tally.min(sketch tally.tdigest) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'tally_tdigest_min';
COMMENT ON FUNCTION tally.min(tally.tdigest) IS 'Least value, exact; NULL when empty.';

CREATE OR REPLACE FUNCTION tally.max(sketch tally.tdigest) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'tally_tdigest_max';
COMMENT ON FUNCTION tally.max(tally.tdigest) IS 'Greatest value, exact; NULL when empty.';

CREATE OR REPLACE FUNCTION tally.trimmed_mean(sketch tally.tdigest, low float8, high float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_tdigest_trimmed_mean';
COMMENT ON FUNCTION tally.trimmed_mean(tally.tdigest, float8, float8) IS
'Mean of the values between the shares low and high: (0.1, 0.9) leaves out the lowest and highest tenth.';

CREATE OR REPLACE FUNCTION tally.histogram(sketch tally.tdigest, edges float8[]) RETURNS bigint[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_tdigest_histogram';
COMMENT ON FUNCTION tally.histogram(tally.tdigest, float8[]) IS
'Counts of the values below the first edge, between each two edges (the lower one included), and from the last edge on: '
'exact up to 253 values (with 180 centroids), estimates beyond.';
