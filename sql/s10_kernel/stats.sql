-- Owns: tally.stats, moments of one or two variables that merge: the type, its aggregates and the functions that read it.

CREATE OR REPLACE FUNCTION tally_internal._stats_trans(state tally.stats, y float8) RETURNS tally.stats
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_trans';
COMMENT ON FUNCTION tally_internal._stats_trans(tally.stats, float8) IS 'Transition of tally.stats(y).';

CREATE OR REPLACE FUNCTION tally_internal._stats_trans(state tally.stats, y float8, x float8) RETURNS tally.stats
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_trans_pair';
COMMENT ON FUNCTION tally_internal._stats_trans(tally.stats, float8, float8) IS 'Transition of tally.stats(y, x).';

CREATE OR REPLACE FUNCTION tally_internal._stats_merge(state tally.stats, sketch tally.stats) RETURNS tally.stats
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_merge';
COMMENT ON FUNCTION tally_internal._stats_merge(tally.stats, tally.stats) IS 'Combines partial states, and merges sketches for tally.rollup.';

CREATE OR REPLACE AGGREGATE tally.stats(y float8) (
    SFUNC = tally_internal._stats_trans, STYPE = tally.stats, COMBINEFUNC = tally_internal._stats_merge,
    SSPACE = 64, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stats(float8) IS 'Moments of y: count, mean, variance, skewness, kurtosis. NULLs are skipped.';

CREATE OR REPLACE AGGREGATE tally.stats(y float8, x float8) (
    SFUNC = tally_internal._stats_trans, STYPE = tally.stats, COMBINEFUNC = tally_internal._stats_merge,
    SSPACE = 144, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stats(float8, float8) IS
'Moments of y and x with their covariance, in the order of PostgreSQLs regr_ functions. Rows with a NULL are skipped.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.stats) (
    SFUNC = tally_internal._stats_merge, STYPE = tally.stats, COMBINEFUNC = tally_internal._stats_merge,
    SSPACE = 144, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.rollup(tally.stats) IS 'Merges moments exactly.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.stats, b tally.stats) RETURNS tally.stats
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_merge';
COMMENT ON FUNCTION tally.merge(tally.stats, tally.stats) IS 'Both as one; a NULL counts as empty.';

CREATE OR REPLACE FUNCTION tally.count(sketch tally.stats) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_count';
COMMENT ON FUNCTION tally.count(tally.stats) IS 'How many rows.';

CREATE OR REPLACE FUNCTION tally.sum(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_sum';
COMMENT ON FUNCTION tally.sum(tally.stats) IS 'Sum of y.';

CREATE OR REPLACE FUNCTION tally.mean(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_mean';
COMMENT ON FUNCTION tally.mean(tally.stats) IS 'Mean of y.';

CREATE OR REPLACE FUNCTION tally.variance(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_variance';
COMMENT ON FUNCTION tally.variance(tally.stats) IS 'Sample variance of y (n - 1); NULL under two rows.';

CREATE OR REPLACE FUNCTION tally.stddev(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_stddev';
COMMENT ON FUNCTION tally.stddev(tally.stats) IS 'Sample standard deviation of y.';

CREATE OR REPLACE FUNCTION tally.skewness(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_skewness';
COMMENT ON FUNCTION tally.skewness(tally.stats) IS 'Population skewness of y.';

CREATE OR REPLACE FUNCTION tally.kurtosis(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_kurtosis';
COMMENT ON FUNCTION tally.kurtosis(tally.stats) IS 'Population excess kurtosis of y: 0 for a normal distribution.';

CREATE OR REPLACE FUNCTION tally.mean_x(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_mean_x';
COMMENT ON FUNCTION tally.mean_x(tally.stats) IS 'Mean of x; NULL for one variable.';

CREATE OR REPLACE FUNCTION tally.variance_x(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_variance_x';
COMMENT ON FUNCTION tally.variance_x(tally.stats) IS 'Sample variance of x.';

CREATE OR REPLACE FUNCTION tally.covariance(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_covariance';
COMMENT ON FUNCTION tally.covariance(tally.stats) IS 'Sample covariance of y and x.';

CREATE OR REPLACE FUNCTION tally.correlation(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_correlation';
COMMENT ON FUNCTION tally.correlation(tally.stats) IS 'Correlation of y and x.';

CREATE OR REPLACE FUNCTION tally.slope(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_slope';
COMMENT ON FUNCTION tally.slope(tally.stats) IS 'Slope of the least-squares line of y on x.';

CREATE OR REPLACE FUNCTION tally.intercept(sketch tally.stats) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_stats_intercept';
COMMENT ON FUNCTION tally.intercept(tally.stats) IS 'Intercept of the least-squares line of y on x.';
