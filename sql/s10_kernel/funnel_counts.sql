-- Owns: what many actors of a funnel add up to: tally.funnel_counts, mergeable, with the time that each step took.

CREATE OR REPLACE FUNCTION tally_internal._funnel_counts_trans(state tally.funnel_counts, level int) RETURNS tally.funnel_counts
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_funnel_counts_trans';
COMMENT ON FUNCTION tally_internal._funnel_counts_trans(tally.funnel_counts, int) IS 'Transition of tally.funnel_counts(level).';

CREATE OR REPLACE FUNCTION tally_internal._funnel_counts_trans(state tally.funnel_counts, path timestamptz[]) RETURNS tally.funnel_counts
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_funnel_counts_trans_path';
COMMENT ON FUNCTION tally_internal._funnel_counts_trans(tally.funnel_counts, timestamptz[]) IS 'Transition of tally.funnel_counts(path).';

CREATE OR REPLACE FUNCTION tally_internal._funnel_counts_merge(state tally.funnel_counts, counts tally.funnel_counts) RETURNS tally.funnel_counts
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_funnel_counts_merge';
COMMENT ON FUNCTION tally_internal._funnel_counts_merge(tally.funnel_counts, tally.funnel_counts) IS
'Combines partial states, and merges counts for tally.rollup.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_counts_final(state tally.funnel_counts) RETURNS tally.funnel_counts
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_funnel_counts_final';
COMMENT ON FUNCTION tally_internal._funnel_counts_final(tally.funnel_counts) IS 'Finishes a state.';

CREATE OR REPLACE AGGREGATE tally.funnel_counts(level int) (
    SFUNC = tally_internal._funnel_counts_trans, FINALFUNC = tally_internal._funnel_counts_final, STYPE = tally.funnel_counts,
        COMBINEFUNC = tally_internal._funnel_counts_merge,
    SSPACE = 512, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.funnel_counts(int) IS 'Actors per step, from the level of each actor (tally.window_funnel). Level 0 and NULL are not in the funnel.';

CREATE OR REPLACE AGGREGATE tally.funnel_counts(path timestamptz[]) (
    SFUNC = tally_internal._funnel_counts_trans, FINALFUNC = tally_internal._funnel_counts_final, STYPE = tally.funnel_counts,
        COMBINEFUNC = tally_internal._funnel_counts_merge,
    SSPACE = 512, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.funnel_counts(timestamptz[]) IS
'Actors per step and digests of the seconds from step to step, from the chain of each actor (tally.funnel_path).';

CREATE OR REPLACE AGGREGATE tally.rollup(counts tally.funnel_counts) (
    SFUNC = tally_internal._funnel_counts_merge, FINALFUNC = tally_internal._funnel_counts_final, STYPE = tally.funnel_counts,
        COMBINEFUNC = tally_internal._funnel_counts_merge,
    SSPACE = 512, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.rollup(tally.funnel_counts) IS 'Adds up funnel counts.';

CREATE OR REPLACE FUNCTION tally.reached(counts tally.funnel_counts) RETURNS bigint[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_funnel_reached';
COMMENT ON FUNCTION tally.reached(tally.funnel_counts) IS 'How many actors reached each step, up to the furthest step that anybody reached.';

CREATE OR REPLACE FUNCTION tally.time_to_convert(counts tally.funnel_counts, step int) RETURNS tally.tdigest
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_funnel_time_to_convert';
COMMENT ON FUNCTION tally.time_to_convert(tally.funnel_counts, int) IS
'Digest of the seconds from the step before to this one (from 2 on); NULL where only levels were counted.';

CREATE OR REPLACE FUNCTION tally.funnel_steps(counts tally.funnel_counts, names text[] DEFAULT NULL)
    RETURNS TABLE (step int, name text, actors bigint, of_previous float8, of_first float8, seconds_mean float8, seconds_p50 float8, seconds_p90 float8)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 8 AS 'MODULE_PATHNAME', 'tally_funnel_steps';
COMMENT ON FUNCTION tally.funnel_steps(tally.funnel_counts, text[]) IS
'A row per step: actors, their shares of the step before and of the first, and the seconds since the step before. If names are given, steps that nobody '
'reached have a row too.';
