-- Owns: tally.topk, heavy hitters with error bounds that merge.

CREATE OR REPLACE FUNCTION tally_internal._topk_trans(state tally.topk, item text) RETURNS tally.topk
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_topk_trans';
COMMENT ON FUNCTION tally_internal._topk_trans(tally.topk, text) IS 'Transition of tally.topk(item).';

CREATE OR REPLACE FUNCTION tally_internal._topk_trans(state tally.topk, item text, k int) RETURNS tally.topk
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_topk_trans';
COMMENT ON FUNCTION tally_internal._topk_trans(tally.topk, text, int) IS 'Transition of tally.topk(item, k).';

CREATE OR REPLACE FUNCTION tally_internal._topk_trans(state tally.topk, item text, k int, weight bigint) RETURNS tally.topk
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_topk_trans';
COMMENT ON FUNCTION tally_internal._topk_trans(tally.topk, text, int, bigint) IS 'Transition of tally.topk(item, k, weight).';

CREATE OR REPLACE FUNCTION tally_internal._topk_merge(state tally.topk, sketch tally.topk) RETURNS tally.topk
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_topk_merge';
COMMENT ON FUNCTION tally_internal._topk_merge(tally.topk, tally.topk) IS 'Combines partial states, and merges for tally.rollup.';

CREATE OR REPLACE FUNCTION tally_internal._topk_final(state tally.topk) RETURNS tally.topk
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_topk_final';
COMMENT ON FUNCTION tally_internal._topk_final(tally.topk) IS 'Finishes a state: items sorted, no more of them than counters.';

CREATE OR REPLACE AGGREGATE tally.topk(item text) (
    SFUNC = tally_internal._topk_trans, FINALFUNC = tally_internal._topk_final, STYPE = tally.topk, COMBINEFUNC = tally_internal._topk_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.topk(text) IS 'Counts of the ten heaviest items, exact up to 160 distinct ones. NULLs are skipped.';

CREATE OR REPLACE AGGREGATE tally.topk(item text, k int) (
    SFUNC = tally_internal._topk_trans, FINALFUNC = tally_internal._topk_final, STYPE = tally.topk, COMBINEFUNC = tally_internal._topk_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.topk(text, int) IS 'Counts of the k heaviest items (k is 1 to 1000), exact for up to 16 × k distinct items.';

CREATE OR REPLACE AGGREGATE tally.topk(item text, k int, weight bigint) (
    SFUNC = tally_internal._topk_trans, FINALFUNC = tally_internal._topk_final, STYPE = tally.topk, COMBINEFUNC = tally_internal._topk_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.topk(text, int, bigint) IS 'Weights of the k heaviest items.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.topk) (
    SFUNC = tally_internal._topk_merge, FINALFUNC = tally_internal._topk_final, STYPE = tally.topk, COMBINEFUNC = tally_internal._topk_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.rollup(tally.topk) IS 'Merges counts of heavy items; the smaller k is kept.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.topk, b tally.topk) RETURNS tally.topk
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_topk_merge';
COMMENT ON FUNCTION tally.merge(tally.topk, tally.topk) IS 'Both as one; a NULL counts as empty.';

CREATE OR REPLACE FUNCTION tally.count(sketch tally.topk) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_topk_count';
COMMENT ON FUNCTION tally.count(tally.topk) IS 'Weight of all items seen.';

CREATE OR REPLACE FUNCTION tally.top(sketch tally.topk) RETURNS TABLE (item text, count bigint, lower bigint, upper bigint)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_topk_top';
COMMENT ON FUNCTION tally.top(tally.topk) IS 'The k heaviest items with the estimate of their count; the true count lies between lower and upper.';

CREATE OR REPLACE FUNCTION tally.top(sketch tally.topk, n int) RETURNS TABLE (item text, count bigint, lower bigint, upper bigint)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_topk_top';
COMMENT ON FUNCTION tally.top(tally.topk, int) IS 'The n heaviest items with the estimate of their count; the true count lies between lower and upper.';

-- As with tally.hll: without these casts tally.topk(column of text) would be read as a cast of text.
CREATE OR REPLACE FUNCTION tally_internal._topk_from_text(sketch text) RETURNS tally.topk
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_topk_from_text';
COMMENT ON FUNCTION tally_internal._topk_from_text(text) IS 'Explicit cast of a sketch''s text to tally.topk.';

CREATE OR REPLACE FUNCTION tally_internal._topk_from_bpchar(sketch bpchar) RETURNS tally.topk
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_topk_from_text';
COMMENT ON FUNCTION tally_internal._topk_from_bpchar(bpchar) IS 'Explicit cast of a sketch''s text to tally.topk.';
