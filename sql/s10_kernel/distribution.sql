-- Owns: the distributions that statistics need, and planning: power, required units, what can be detected.

CREATE OR REPLACE FUNCTION tally.normal_cdf(z float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_normal_cdf';
COMMENT ON FUNCTION tally.normal_cdf(float8) IS 'P(Z <= z) of the standard normal distribution.';

CREATE OR REPLACE FUNCTION tally.normal_tail(z float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_normal_tail';
COMMENT ON FUNCTION tally.normal_tail(float8) IS 'P(Z > z) of the standard normal distribution, computed as a tail: 1e-300 has its digits.';

CREATE OR REPLACE FUNCTION tally.normal_quantile(p float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'tally_normal_quantile';
COMMENT ON FUNCTION tally.normal_quantile(float8) IS 'The z with P(Z <= z) = p: 1.96 for 0.975. For a small upper tail ask for -tally.normal_quantile(tail).';

CREATE OR REPLACE FUNCTION tally.student_cdf(t float8, df float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_student_cdf';
COMMENT ON FUNCTION tally.student_cdf(float8, float8) IS
    'P(T <= t) of Student''s t with df degrees of freedom, which need not be whole; infinitely many are the normal distribution.';

CREATE OR REPLACE FUNCTION tally.student_tail(t float8, df float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_student_tail';
COMMENT ON FUNCTION tally.student_tail(float8, float8) IS 'P(T > t) of Student''s t, computed as a tail.';

CREATE OR REPLACE FUNCTION tally.student_p(t float8, df float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_student_p';
COMMENT ON FUNCTION tally.student_p(float8, float8) IS 'Two-sided p of a t statistic: P(|T| > |t|).';

CREATE OR REPLACE FUNCTION tally.student_quantile(p float8, df float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'tally_student_quantile';
COMMENT ON FUNCTION tally.student_quantile(float8, float8) IS 'The t with P(T <= t) = p, for intervals: 0.975 for 95 %.';

CREATE OR REPLACE FUNCTION tally.chi_square_cdf(x float8, df float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_chi_square_cdf';
COMMENT ON FUNCTION tally.chi_square_cdf(float8, float8) IS 'P(X <= x) of chi-square with df degrees of freedom.';

CREATE OR REPLACE FUNCTION tally.chi_square_tail(x float8, df float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_chi_square_tail';
COMMENT ON FUNCTION tally.chi_square_tail(float8, float8) IS 'P(X > x) of chi-square: the p of a chi-square test, computed as a tail.';

CREATE OR REPLACE FUNCTION tally.experiment_power(
    difference float8, variance float8, n_a bigint, n_b bigint, alpha float8 DEFAULT 0.05, variance_b float8 DEFAULT NULL
) RETURNS float8
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 200 AS 'MODULE_PATHNAME', 'tally_experiment_power';
COMMENT ON FUNCTION tally.experiment_power(float8, float8, bigint, bigint, float8, float8) IS
    'Chance that Welch''s two-sided test finds a true difference of means, with n_a units in the control and n_b in the variation and this variance of a '
    'unit''s value (variance_b of the variation''s, where it is another). By the noncentral t distribution.';

CREATE OR REPLACE FUNCTION tally.required_units(
    difference float8, variance float8, power float8 DEFAULT 0.8, alpha float8 DEFAULT 0.05, share_b float8 DEFAULT 0.5,
    variance_b float8 DEFAULT NULL, OUT units_a bigint, OUT units_b bigint
)
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 2000 AS 'MODULE_PATHNAME', 'tally_required_units';
COMMENT ON FUNCTION tally.required_units(float8, float8, float8, float8, float8, float8) IS
    'The fewest units of control and variation with which a true difference is found with this power; share_b of the units go to the variation. For a '
    'proportion take p (1 - p) as variance, and p (1 - p) of the hoped for proportion as variance_b.';

CREATE OR REPLACE FUNCTION tally.detectable_difference(
    variance float8, n_a bigint, n_b bigint, power float8 DEFAULT 0.8, alpha float8 DEFAULT 0.05, variance_b float8 DEFAULT NULL
) RETURNS float8
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 2000 AS 'MODULE_PATHNAME', 'tally_detectable_difference';
COMMENT ON FUNCTION tally.detectable_difference(float8, bigint, bigint, float8, float8, float8) IS
    'The smallest true difference of means that is found with this power by that many units.';
