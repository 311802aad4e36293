-- Owns: tally.totals, key-wise sums of JSON numbers that merge, and jsonb_ratio.

CREATE OR REPLACE FUNCTION tally_internal._totals_trans(state tally.totals, value jsonb) RETURNS tally.totals
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_totals_trans';
COMMENT ON FUNCTION tally_internal._totals_trans(tally.totals, jsonb) IS 'Transition of tally.jsonb_totals(value).';

CREATE OR REPLACE FUNCTION tally_internal._totals_merge(state tally.totals, sketch tally.totals) RETURNS tally.totals
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_totals_merge';
COMMENT ON FUNCTION tally_internal._totals_merge(tally.totals, tally.totals) IS 'Combines partial states, and merges for tally.rollup.';

CREATE OR REPLACE FUNCTION tally_internal._totals_final(state tally.totals) RETURNS tally.totals
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_totals_final';
COMMENT ON FUNCTION tally_internal._totals_final(tally.totals) IS 'Finishes a state: keys sorted.';

CREATE OR REPLACE AGGREGATE tally.jsonb_totals(value jsonb) (
    SFUNC = tally_internal._totals_trans, FINALFUNC = tally_internal._totals_final, STYPE = tally.totals, COMBINEFUNC = tally_internal._totals_merge,
    SSPACE = 200, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.jsonb_totals(jsonb) IS 'Key-wise sums of the numeric leaves; other leaves are counted as ignored. NULLs are skipped.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.totals) (
    SFUNC = tally_internal._totals_merge, FINALFUNC = tally_internal._totals_final, STYPE = tally.totals, COMBINEFUNC = tally_internal._totals_merge,
    SSPACE = 200, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.rollup(tally.totals) IS 'Merges sums by key.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.totals, b tally.totals) RETURNS tally.totals
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_totals_merge';
COMMENT ON FUNCTION tally.merge(tally.totals, tally.totals) IS 'Both as one; a NULL counts as empty.';

CREATE OR REPLACE FUNCTION tally.count(sketch tally.totals) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_totals_count';
COMMENT ON FUNCTION tally.count(tally.totals) IS 'How many JSON values were added.';

CREATE OR REPLACE FUNCTION tally.ignored(sketch tally.totals) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_totals_ignored';
COMMENT ON FUNCTION tally.ignored(tally.totals) IS 'How many leaves were no numbers.';

CREATE OR REPLACE FUNCTION tally.total(sketch tally.totals, key text) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_totals_total';
COMMENT ON FUNCTION tally.total(tally.totals, text) IS 'The sum at one key (nested: a.b); NULL where there is none.';

CREATE OR REPLACE FUNCTION tally.jsonb_ratio(a jsonb, b jsonb) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_jsonb_ratio';
COMMENT ON FUNCTION tally.jsonb_ratio(jsonb, jsonb) IS 'Key-wise a / b of the numbers that both objects have; null where b is 0.';
