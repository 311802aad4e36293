-- Owns: tally.stats and tally.moments in SQL: means and central moments (Pébay, SAND2008-6212), never sums of powers.

CREATE FUNCTION tally_internal._stats_joined(a tally.stats, b tally.stats) RETURNS tally.stats
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    x float8[] := a.parts;
    y float8[] := b.parts;
    p float8 := a.n;
    q float8 := b.n;
    n float8;
    d float8; e float8; f float8;
    pairs boolean;
BEGIN
    IF a IS NULL THEN RETURN b; END IF;
    IF b IS NULL THEN RETURN a; END IF;
    n := p + q;
    d := y[1] - x[1];
    e := d / n;
    pairs := a.pairs AND b.pairs;
    f := CASE WHEN pairs THEN y[5] - x[5] END;
    RETURN ROW(pairs, a.n + b.n, ARRAY[
        x[1] + e * q,
        x[2] + y[2] + d * e * p * q,
        x[3] + y[3] + d * e * e * p * q * (p - q) + 3 * e * (p * y[2] - q * x[2]),
        x[4] + y[4] + d * e * e * e * p * q * (p * p - p * q + q * q) + 6 * e * e * (p * p * y[2] + q * q * x[2]) + 4 * e * (p * y[3] - q * x[3])]
        || CASE WHEN pairs THEN ARRAY[x[5] + f * q / n, x[6] + y[6] + f * f * p * q / n, x[7] + y[7] + f * d * p * q / n] ELSE '{}' END)::tally.stats;
END $$;
COMMENT ON FUNCTION tally_internal._stats_joined(tally.stats, tally.stats) IS 'The moments of both.';

CREATE OR REPLACE FUNCTION tally_internal._stats_trans(state tally.stats, y float8) RETURNS tally.stats
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF y IS NULL THEN RETURN state; END IF;
    RETURN tally_internal._stats_joined(state, ROW(false, 1, ARRAY[y, 0, 0, 0])::tally.stats);
END $$;
CREATE OR REPLACE FUNCTION tally_internal._stats_trans(state tally.stats, y float8, x float8) RETURNS tally.stats
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF y IS NULL OR x IS NULL THEN RETURN state; END IF;
    RETURN tally_internal._stats_joined(state, ROW(true, 1, ARRAY[y, 0, 0, 0, x, 0, 0])::tally.stats);
END $$;
CREATE OR REPLACE FUNCTION tally_internal._stats_merge(state tally.stats, sketch tally.stats) RETURNS tally.stats
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._stats_joined(state, sketch);
CREATE OR REPLACE FUNCTION tally.merge(a tally.stats, b tally.stats) RETURNS tally.stats
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._stats_joined(a, b);
CREATE OR REPLACE FUNCTION tally.count(sketch tally.stats) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.n';
CREATE OR REPLACE FUNCTION tally.mean(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.parts[1]';
CREATE OR REPLACE FUNCTION tally.sum(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.parts[1] OPERATOR(pg_catalog.*) sketch.n';
CREATE OR REPLACE FUNCTION tally.variance(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT sketch.parts[2] / NULLIF(sketch.n - 1, 0) $$;
CREATE OR REPLACE FUNCTION tally.stddev(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT sqrt(tally.variance(sketch)) $$;
CREATE OR REPLACE FUNCTION tally.skewness(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN sketch.parts[2] <> 0 THEN sqrt(sketch.n::float8) * sketch.parts[3] / sketch.parts[2] ^ 1.5 END
$$;
CREATE OR REPLACE FUNCTION tally.kurtosis(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN sketch.parts[2] <> 0 THEN sketch.n * sketch.parts[4] / (sketch.parts[2] * sketch.parts[2]) - 3 END
$$;
CREATE OR REPLACE FUNCTION tally.mean_x(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.parts[5]';
CREATE OR REPLACE FUNCTION tally.variance_x(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT sketch.parts[6] / NULLIF(sketch.n - 1, 0) $$;
CREATE OR REPLACE FUNCTION tally.covariance(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT sketch.parts[7] / NULLIF(sketch.n - 1, 0) $$;
CREATE OR REPLACE FUNCTION tally.correlation(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT least(greatest(sketch.parts[7] / NULLIF(sqrt(sketch.parts[6]) * sqrt(sketch.parts[2]), 0), -1), 1)
     WHERE sketch.parts[6] * sketch.parts[2] <> 0
$$;
CREATE OR REPLACE FUNCTION tally.slope(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT sketch.parts[7] / NULLIF(sketch.parts[6], 0) $$;
CREATE OR REPLACE FUNCTION tally.intercept(sketch tally.stats) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sketch.parts[1] - sketch.parts[7] / NULLIF(sketch.parts[6], 0) * sketch.parts[5]
$$;
CREATE OR REPLACE FUNCTION tally_internal._stats_jsonb(sketch tally.stats) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT jsonb_build_object('count', sketch.n, 'origin', 0, 'mean', sketch.parts[1], 'm2', sketch.parts[2], 'm3', sketch.parts[3], 'm4', sketch.parts[4])
        || CASE WHEN sketch.pairs THEN jsonb_build_object('origin_x', 0, 'mean_x', sketch.parts[5], 'm2_x', sketch.parts[6], 'co', sketch.parts[7])
                ELSE '{}' END
$$;

CREATE FUNCTION tally_internal._moments_joined(a tally.moments, b tally.moments) RETURNS tally.moments
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n float8;
    k int;
BEGIN
    IF a IS NULL THEN RETURN b; END IF;
    IF b IS NULL THEN RETURN a; END IF;
    k := cardinality(a.means);
    IF k <> cardinality(b.means) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('moments of %s variables do not merge with moments of %s', k, cardinality(b.means)), HINT = 'SELECT tally.moments(y, x) FROM …';
    END IF;
    n := a.n + b.n;
    RETURN ROW(a.n + b.n, ARRAY(SELECT a.means[i] + (b.means[i] - a.means[i]) * b.n / n FROM generate_series(1, k) i ORDER BY i),
        ARRAY(SELECT a.products[(i - 1) * k + j] + b.products[(i - 1) * k + j]
                     + (b.means[i] - a.means[i]) * (b.means[j] - a.means[j]) * a.n / n * b.n
                FROM generate_series(1, k) i, generate_series(1, k) j ORDER BY i, j))::tally.moments;
END $$;
COMMENT ON FUNCTION tally_internal._moments_joined(tally.moments, tally.moments) IS 'The moments of both.';

CREATE OR REPLACE FUNCTION tally_internal._moments_trans(state tally.moments, VARIADIC variables float8[]) RETURNS tally.moments
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF variables IS NULL OR array_position(variables, NULL) IS NOT NULL THEN RETURN state; END IF;
    IF cardinality(variables) NOT BETWEEN 1 AND 4 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('moments are of one to four variables, got %s', cardinality(variables)),
            HINT = 'SELECT tally.moments(y, x) FROM …';
    END IF;
    RETURN tally_internal._moments_joined(state,
        ROW(1, variables, array_fill(0::float8, ARRAY[cardinality(variables) * cardinality(variables)]))::tally.moments);
END $$;
CREATE OR REPLACE FUNCTION tally_internal._moments_merge(state tally.moments, sketch tally.moments) RETURNS tally.moments
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._moments_joined(state, sketch);
CREATE OR REPLACE FUNCTION tally.merge(a tally.moments, b tally.moments) RETURNS tally.moments
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._moments_joined(a, b);
CREATE OR REPLACE FUNCTION tally.count(sketch tally.moments) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.n';
CREATE OR REPLACE FUNCTION tally.variables(sketch tally.moments) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT pg_catalog.cardinality(sketch.means)';
CREATE FUNCTION tally_internal._variable(sketch tally.moments, variable int) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF variable BETWEEN 1 AND cardinality(sketch.means) THEN RETURN variable; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('variable expected in 1 to %s, got %s', cardinality(sketch.means), variable),
        HINT = 'SELECT tally.mean(tally.moments(y, x), 1) FROM …';
END $$;
COMMENT ON FUNCTION tally_internal._variable(tally.moments, int) IS 'The number of a variable that a sketch has.';
CREATE OR REPLACE FUNCTION tally.mean(sketch tally.moments, variable int) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.means[tally_internal._variable(sketch, variable)]';
CREATE OR REPLACE FUNCTION tally.sum(sketch tally.moments, variable int) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
    'SELECT sketch.means[tally_internal._variable(sketch, variable)] OPERATOR(pg_catalog.*) sketch.n';
CREATE OR REPLACE FUNCTION tally.variance(sketch tally.moments, variable int) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT tally.covariance(sketch, variable, variable)';
CREATE OR REPLACE FUNCTION tally.covariance(sketch tally.moments, variable int, other int) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sketch.products[(tally_internal._variable(sketch, variable) - 1) * cardinality(sketch.means) + tally_internal._variable(sketch, other)]
           / NULLIF(sketch.n - 1, 0)
$$;
CREATE OR REPLACE FUNCTION tally.means(sketch tally.moments) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.means';
CREATE OR REPLACE FUNCTION tally.covariances(sketch tally.moments) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT p / NULLIF(sketch.n - 1, 0) FROM unnest(sketch.products) WITH ORDINALITY u(p, n) ORDER BY u.n)
$$;
CREATE OR REPLACE FUNCTION tally_internal._moments_jsonb(sketch tally.moments) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT jsonb_build_object('count', sketch.n, 'means', sketch.means, 'products', sketch.products)
$$;

CREATE OR REPLACE FUNCTION tally_internal._alike(units bigint, "values" float8[]) RETURNS tally.moments
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW(units, "values", array_fill(0::float8, ARRAY[cardinality("values") * cardinality("values")]))::tally.moments WHERE units > 0
$$;
