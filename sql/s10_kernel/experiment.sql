-- Owns: statistics of experiments, each from a handful of numbers: comparisons of two arms.
-- An arm is the control (a) or the variation (b). Nothing here reads a table.

CREATE OR REPLACE FUNCTION tally.compare_means(
    n_a bigint, mean_a float8, variance_a float8, n_b bigint, mean_b float8, variance_b float8, relative boolean DEFAULT false,
    alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000
) RETURNS tally.effect
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_compare_means';
COMMENT ON FUNCTION tally.compare_means(bigint, float8, float8, bigint, float8, float8, boolean, float8, float8) IS
    'Compares two means by Welch''s t test, degrees of freedom by Satterthwaite, from units, mean and sample variance of each arm. The lift''s variance '
    'is vB/a² + vA b²/a⁴ by the delta method. relative gives the lift in place of the difference, planned is the number of units of both arms at which '
    'the sequential interval is tightest.';

CREATE OR REPLACE FUNCTION tally.compare_cuped(
    n_a bigint, mean_a float8, variance_a float8, covariate_mean_a float8, covariate_variance_a float8, covariance_a float8, n_b bigint,
    mean_b float8, variance_b float8, covariate_mean_b float8, covariate_variance_b float8, covariance_b float8,
    relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000
) RETURNS tally.effect
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_compare_cuped';
COMMENT ON FUNCTION tally.compare_cuped(
    bigint, float8, float8, float8, float8, float8, bigint, float8, float8, float8, float8, float8, boolean, float8, float8) IS
    'Compares two means, each adjusted by a covariate from before exposure (CUPED, Deng et al. 2013): θ = cov/var over both arms as one. The lift is over '
    'the control''s plain mean, and its variance takes into account that this mean is part of the difference too. relative gives the lift in place of the '
    'difference, planned is the number of units of both arms at which the sequential interval is tightest.';

CREATE OR REPLACE FUNCTION tally.cuped_theta(
    n_a bigint, mean_a float8, variance_a float8, covariate_mean_a float8, covariate_variance_a float8, covariance_a float8, n_b bigint,
    mean_b float8, variance_b float8, covariate_mean_b float8, covariate_variance_b float8, covariance_b float8
) RETURNS float8
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_cuped_theta';
COMMENT ON FUNCTION tally.cuped_theta(bigint, float8, float8, float8, float8, float8, bigint, float8, float8, float8, float8, float8) IS
    'The θ by which tally.compare_cuped adjusts; 0 where the covariate or the value does not vary, NULL where an arm has under two units.';

CREATE OR REPLACE FUNCTION tally.compare_ratios(
    n_a bigint, numerator_a float8, denominator_a float8, numerator_variance_a float8, denominator_variance_a float8, covariance_a float8,
    n_b bigint, numerator_b float8, denominator_b float8, numerator_variance_b float8, denominator_variance_b float8, covariance_b float8,
    relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000
) RETURNS tally.effect
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_compare_ratios';
COMMENT ON FUNCTION tally.compare_ratios(
    bigint, float8, float8, float8, float8, float8, bigint, float8, float8, float8, float8, float8, boolean, float8, float8) IS
    'Compares two ratios of sums, as revenue per order where the unit is the person, from the means, variances and the covariance per unit: (Vm - 2 R C + '
    'R² Vd) / (n d²) by the delta method. relative gives the lift in place of the difference, planned is the number of units of both arms at which the '
    'sequential interval is tightest.';

CREATE OR REPLACE FUNCTION tally.compare_ratios_cuped(
    n_a bigint, means_a float8[], covariances_a float8[], n_b bigint, means_b float8[], covariances_b float8[],
    relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000
) RETURNS tally.effect
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_compare_ratios_cuped';
COMMENT ON FUNCTION tally.compare_ratios_cuped(bigint, float8[], float8[], bigint, float8[], float8[], boolean, float8, float8) IS
    'Compares two ratios adjusted by the same ratio from before exposure. means: numerator, denominator, earlier numerator, earlier denominator; '
    'covariances: the sixteen of these, row by row. relative gives the lift in place of the difference, planned is the number of units of both arms at '
    'which the sequential interval is tightest.';

CREATE OR REPLACE FUNCTION tally.compare_proportions(
    successes_a bigint, n_a bigint, successes_b bigint, n_b bigint, relative boolean DEFAULT false, alpha float8 DEFAULT 0.05,
    planned float8 DEFAULT 5000, method text DEFAULT 'auto'
) RETURNS tally.effect
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_compare_proportions';
COMMENT ON FUNCTION tally.compare_proportions(bigint, bigint, bigint, bigint, boolean, float8, float8, text) IS
    'Compares two proportions. method z: two-sided z test with the pooled proportion, interval with each arm''s own; fisher: Fisher''s exact p, '
    'Newcombe''s interval (for the lift the interval of the ratio from the same Wilson limits), standard error and sequential interval with one more '
    'success and failure in each arm; welch: as tally.compare_means with variance p (1 - p); auto: fisher where an expected count is under 5, and for '
    'the lift where nobody succeeded in b, else z. '
    'auto gives no number for an arm of one unit or where nobody or everybody succeeded; fisher does.';

CREATE OR REPLACE FUNCTION tally.fisher_exact(successes_a bigint, n_a bigint, successes_b bigint, n_b bigint) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'tally_fisher_exact';
COMMENT ON FUNCTION tally.fisher_exact(bigint, bigint, bigint, bigint) IS
    'Two-sided p of Fisher''s exact test: the chance of a table at most as likely as this one, given its margins.';

CREATE OR REPLACE FUNCTION tally.newcombe_interval(
    successes_a bigint, n_a bigint, successes_b bigint, n_b bigint, alpha float8 DEFAULT 0.05, OUT low float8, OUT high float8
)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_newcombe_interval';
COMMENT ON FUNCTION tally.newcombe_interval(bigint, bigint, bigint, bigint, float8) IS
    'Interval of the difference of two proportions, b - a, by Newcombe''s hybrid of Wilson intervals (method 10, 1998): right for small counts too. NULL '
    'where an arm is empty.';

CREATE OR REPLACE FUNCTION tally.compare_strata(
    n_a bigint[], mean_a float8[], variance_a float8[], n_b bigint[], mean_b float8[], variance_b float8[], relative boolean DEFAULT false,
    alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000
) RETURNS tally.effect
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_compare_strata';
COMMENT ON FUNCTION tally.compare_strata(bigint[], float8[], float8[], bigint[], float8[], float8[], boolean, float8, float8) IS
    'Compares two means within strata (an element of the arrays each) and averages by the strata''s shares of both arms'' units: post-stratification '
    '(Miratrix, Sekhon, Yu 2013). Strata with under two units in an arm are taken together. relative gives the lift in place of the difference, planned '
    'is the number of units of both arms at which the sequential interval is tightest.';

CREATE OR REPLACE FUNCTION tally.quantile_bounds(level float8, n bigint, OUT low float8, OUT high float8)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_quantile_bounds';
COMMENT ON FUNCTION tally.quantile_bounds(float8, bigint) IS
'The two levels just below and above a quantile whose values give its standard error, for n values. NULL if there are too few values for the level.';

CREATE OR REPLACE FUNCTION tally.compare_quantiles(
    n_a bigint, value_a float8, low_a float8, high_a float8, n_b bigint, value_b float8, low_b float8, high_b float8,
    relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000, cluster_factor_a float8 DEFAULT 1,
    cluster_factor_b float8 DEFAULT 1
) RETURNS tally.effect
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_compare_quantiles';
COMMENT ON FUNCTION tally.compare_quantiles(
    bigint, float8, float8, float8, bigint, float8, float8, float8, boolean, float8, float8, float8, float8) IS
    'Compares a quantile of two arms (Deng, Knoblich, Lu 2018): units, the quantile, and the quantiles at the levels of tally.quantile_bounds(level, '
    'values). Where a unit has several values the variance is multiplied by tally.cluster_factor(). relative gives the lift in place of the difference, '
    'planned is the number of units of both arms at which the sequential interval is tightest.';

CREATE OR REPLACE FUNCTION tally.cluster_factor(
    level float8, n bigint, under_mean float8, values_mean float8, under_variance float8, values_variance float8, covariance float8
) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_cluster_factor';
COMMENT ON FUNCTION tally.cluster_factor(float8, bigint, float8, float8, float8, float8, float8) IS
'How many times greater the variance of a quantile is because units have several values each. It takes, per unit, the number of values at or under the '
'quantile (under) and the number of all values. It is 1 if each unit has one value, and NULL for fewer than two units.';

-- The same from sketches. Plain SQL, so that the planner sees through it.

CREATE OR REPLACE FUNCTION tally.compare_means(
    a tally.stats, b tally.stats, relative boolean DEFAULT false, alpha float8 DEFAULT 0.05,
    planned float8 DEFAULT 5000
) RETURNS tally.effect
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN tally.compare_means(
        tally.count(a), tally.mean(a), tally.variance(a), tally.count(b), tally.mean(b), tally.variance(b),
        relative, alpha, planned);
COMMENT ON FUNCTION tally.compare_means(tally.stats, tally.stats, boolean, float8, float8) IS
    'Compares the means of two sketches tally.stats(y), one row per unit.';

CREATE OR REPLACE FUNCTION tally.compare_cuped(
    a tally.stats, b tally.stats, relative boolean DEFAULT false, alpha float8 DEFAULT 0.05,
    planned float8 DEFAULT 5000
) RETURNS tally.effect
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN tally.compare_cuped(
        tally.count(a), tally.mean(a), tally.variance(a), tally.mean_x(a), tally.variance_x(a), tally.covariance(a),
        tally.count(b), tally.mean(b), tally.variance(b), tally.mean_x(b), tally.variance_x(b), tally.covariance(b),
        relative, alpha, planned);
COMMENT ON FUNCTION tally.compare_cuped(tally.stats, tally.stats, boolean, float8, float8) IS
    'Compares the means of two sketches tally.stats(y, x), adjusted by the covariate x from before exposure.';

CREATE OR REPLACE FUNCTION tally.compare_ratios(
    a tally.stats, b tally.stats, relative boolean DEFAULT false, alpha float8 DEFAULT 0.05,
    planned float8 DEFAULT 5000
) RETURNS tally.effect
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN tally.compare_ratios(
        tally.count(a), tally.mean(a), tally.mean_x(a), tally.variance(a), tally.variance_x(a), tally.covariance(a),
        tally.count(b), tally.mean(b), tally.mean_x(b), tally.variance(b), tally.variance_x(b), tally.covariance(b),
        relative, alpha, planned);
COMMENT ON FUNCTION tally.compare_ratios(tally.stats, tally.stats, boolean, float8, float8) IS
    'Compares the ratios Σy / Σx of two sketches tally.stats(y, x), one row per unit: y is the numerator, x the denominator.';

CREATE OR REPLACE FUNCTION tally.compare_quantiles(
    a tally.tdigest, b tally.tdigest, level float8, relative boolean DEFAULT false, alpha float8 DEFAULT 0.05,
    planned float8 DEFAULT 5000, cluster_factor_a float8 DEFAULT 1, cluster_factor_b float8 DEFAULT 1, units_a bigint DEFAULT NULL, units_b bigint DEFAULT NULL
) RETURNS tally.effect
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN tally.compare_quantiles(
        COALESCE(units_a, tally.count(a)), tally.percentile(a, level),
        tally.percentile(a, (tally.quantile_bounds(level, tally.count(a))).low),
        tally.percentile(a, (tally.quantile_bounds(level, tally.count(a))).high),
        COALESCE(units_b, tally.count(b)), tally.percentile(b, level),
        tally.percentile(b, (tally.quantile_bounds(level, tally.count(b))).low),
        tally.percentile(b, (tally.quantile_bounds(level, tally.count(b))).high),
        relative, alpha, planned, cluster_factor_a, cluster_factor_b);
COMMENT ON FUNCTION tally.compare_quantiles(tally.tdigest, tally.tdigest, float8, boolean, float8, float8, float8, float8, bigint, bigint) IS
    'Compares a quantile of two sketches tally.tdigest(value). units_a and units_b are the units behind the values, where a unit has several.';

CREATE OR REPLACE FUNCTION tally.cluster_factor(level float8, under_and_values tally.stats) RETURNS float8
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN tally.cluster_factor(level, tally.count(under_and_values), tally.mean(under_and_values), tally.mean_x(under_and_values),
        tally.variance(under_and_values), tally.variance_x(under_and_values), tally.covariance(under_and_values));
COMMENT ON FUNCTION tally.cluster_factor(float8, tally.stats) IS
    'The cluster factor from tally.stats(values at or under the quantile, values), one row per unit.';
