-- Owns: tally.moments, means and covariances of one to four variables that merge: the type, its aggregates, its readers, and comparisons of two.

CREATE OR REPLACE FUNCTION tally_internal._moments_trans(state tally.moments, VARIADIC variables float8[]) RETURNS tally.moments
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_trans';
COMMENT ON FUNCTION tally_internal._moments_trans(tally.moments, float8[]) IS 'Transition of tally.moments.';

CREATE OR REPLACE FUNCTION tally_internal._moments_merge(state tally.moments, sketch tally.moments) RETURNS tally.moments
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_merge';
COMMENT ON FUNCTION tally_internal._moments_merge(tally.moments, tally.moments) IS 'Combines partial states, and merges sketches for tally.rollup.';

CREATE OR REPLACE AGGREGATE tally.moments(VARIADIC variables float8[]) (
    SFUNC = tally_internal._moments_trans, STYPE = tally.moments, COMBINEFUNC = tally_internal._moments_merge,
    SSPACE = 168, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.moments(float8[]) IS
    'Means of one to four variables and the covariance of each two, for comparing the arms of an experiment. Rows with a NULL are skipped.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.moments) (
    SFUNC = tally_internal._moments_merge, STYPE = tally.moments, COMBINEFUNC = tally_internal._moments_merge,
    SSPACE = 168, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.rollup(tally.moments) IS 'Merges moments of the same variables exactly.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.moments, b tally.moments) RETURNS tally.moments
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_merge';
COMMENT ON FUNCTION tally.merge(tally.moments, tally.moments) IS 'Both as one; a NULL counts as empty.';

CREATE OR REPLACE FUNCTION tally.count(sketch tally.moments) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_count';
COMMENT ON FUNCTION tally.count(tally.moments) IS 'How many rows.';

CREATE OR REPLACE FUNCTION tally.variables(sketch tally.moments) RETURNS int
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_variables';
COMMENT ON FUNCTION tally.variables(tally.moments) IS 'How many variables, 1 to 4.';

CREATE OR REPLACE FUNCTION tally.mean(sketch tally.moments, variable int) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_mean';
COMMENT ON FUNCTION tally.mean(tally.moments, int) IS 'Mean of a variable; the first is 1.';

CREATE OR REPLACE FUNCTION tally.sum(sketch tally.moments, variable int) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_sum';
COMMENT ON FUNCTION tally.sum(tally.moments, int) IS 'Sum of a variable.';

CREATE OR REPLACE FUNCTION tally.variance(sketch tally.moments, variable int) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_variance';
COMMENT ON FUNCTION tally.variance(tally.moments, int) IS 'Sample variance of a variable (n - 1); NULL under two rows.';

CREATE OR REPLACE FUNCTION tally.covariance(sketch tally.moments, variable int, other int) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_covariance';
COMMENT ON FUNCTION tally.covariance(tally.moments, int, int) IS 'Sample covariance of two variables (n - 1); NULL under two rows.';

CREATE OR REPLACE FUNCTION tally.means(sketch tally.moments) RETURNS float8[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_means';
COMMENT ON FUNCTION tally.means(tally.moments) IS 'Mean of each variable.';

CREATE OR REPLACE FUNCTION tally.covariances(sketch tally.moments) RETURNS float8[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_moments_covariances';
COMMENT ON FUNCTION tally.covariances(tally.moments) IS 'Sample covariances of all variables, row by row; NULLs under two rows.';

-- Two arms compared. Plain SQL, so that the planner sees through it.

CREATE OR REPLACE FUNCTION tally.compare_means(
    a tally.moments, b tally.moments, relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000)
    RETURNS tally.effect LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN tally.compare_means(
        tally.count(a), tally.mean(a, 1), tally.variance(a, 1), tally.count(b), tally.mean(b, 1), tally.variance(b, 1), relative, alpha, planned);
COMMENT ON FUNCTION tally.compare_means(tally.moments, tally.moments, boolean, float8, float8) IS
    'Compares the means of the first variable of two sketches tally.moments(y, …), one row per unit.';

CREATE OR REPLACE FUNCTION tally.compare_cuped(
    a tally.moments, b tally.moments, relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000)
    RETURNS tally.effect LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN tally.compare_cuped(
        tally.count(a), tally.mean(a, 1), tally.variance(a, 1), tally.mean(a, 2), tally.variance(a, 2), tally.covariance(a, 1, 2),
        tally.count(b), tally.mean(b, 1), tally.variance(b, 1), tally.mean(b, 2), tally.variance(b, 2), tally.covariance(b, 1, 2),
        relative, alpha, planned);
COMMENT ON FUNCTION tally.compare_cuped(tally.moments, tally.moments, boolean, float8, float8) IS
    'Compares the means of two sketches tally.moments(y, x, …), adjusted by the covariate x from before exposure.';

CREATE OR REPLACE FUNCTION tally.compare_ratios(
    a tally.moments, b tally.moments, relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000)
    RETURNS tally.effect LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN tally.compare_ratios(
        tally.count(a), tally.mean(a, 1), tally.mean(a, 2), tally.variance(a, 1), tally.variance(a, 2), tally.covariance(a, 1, 2),
        tally.count(b), tally.mean(b, 1), tally.mean(b, 2), tally.variance(b, 1), tally.variance(b, 2), tally.covariance(b, 1, 2),
        relative, alpha, planned);
COMMENT ON FUNCTION tally.compare_ratios(tally.moments, tally.moments, boolean, float8, float8) IS
    'Compares the ratios of two sketches tally.moments(numerator, denominator, …), one row per unit.';

CREATE OR REPLACE FUNCTION tally.compare_ratios_cuped(
    a tally.moments, b tally.moments, relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000)
    RETURNS tally.effect LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN tally.compare_ratios_cuped(
        tally.count(a), tally.means(a), tally.covariances(a), tally.count(b), tally.means(b), tally.covariances(b),
        relative, alpha, planned);
COMMENT ON FUNCTION tally.compare_ratios_cuped(tally.moments, tally.moments, boolean, float8, float8) IS
    'Compares the ratios of two sketches tally.moments(numerator, denominator, earlier numerator, earlier denominator), adjusted by the earlier ratio.';

CREATE OR REPLACE FUNCTION tally_internal._alike(units bigint, "values" float8[]) RETURNS tally.moments
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT format('{"count":%s,"origin":%s,"mean":[%s],"co":[%s]}', units, array_to_json("values"), rtrim(repeat('0,', v.n), ','),
                  rtrim(repeat('0,', v.n * (v.n + 1) / 2), ','))::tally.moments
      FROM (SELECT cardinality("values")) v(n) WHERE units > 0
$$;
COMMENT ON FUNCTION tally_internal._alike(bigint, float8[]) IS 'Moments of this many units that all have these values; NULL for no units.';
