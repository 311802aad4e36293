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
-- How the engine computes it where it refreshes: no PL/pgSQL runs per row. Powers of deviations from the mean are summed, and what the mean was off is taken
-- back. Numbers that do not vary deviate by nothing at all. Where a power could be too great or too small for a float, rows are taken one by one.
CREATE FUNCTION tally_internal._moderate(low float8, high float8) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT low > -1e60 AND high < 1e60 AND (low = high OR high - low > 1e-60)
$$;
COMMENT ON FUNCTION tally_internal._moderate(float8, float8) IS 'Whether numbers from the one to the other can be raised to the fourth power.';

CREATE FUNCTION tally_internal._stats_of(ys float8[]) RETURNS tally.stats
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint; low float8; high float8; c float8; e float8; p float8; q float8; r float8; s float8;
    one tally.stats;
BEGIN
    -- A statement takes longer than all the rest where groups are small.
    IF cardinality(ys) >= 5 THEN
        SELECT count(y), min(y), max(y), sum(CASE WHEN abs(y) < 1e60 THEN y END) INTO n, low, high, c FROM (SELECT unnest(ys) AS y) u;
        IF n = 0 THEN RETURN NULL; END IF;
    END IF;
    IF n IS NULL OR NOT tally_internal._moderate(low, high) THEN
        FOR i IN 1 .. COALESCE(cardinality(ys), 0) LOOP one := tally_internal._stats_trans(one, ys[i]); END LOOP;
        RETURN one;
    END IF;
    IF low = high THEN RETURN ROW(false, n, ARRAY[low, 0, 0, 0])::tally.stats; END IF;
    c := c / n;
    SELECT sum(d), sum(d * d), sum(d * d * d), sum((d * d) * (d * d)) INTO e, p, q, r
      FROM (SELECT CASE WHEN abs(y - c) > 1e-70 THEN y - c ELSE 0 END AS d FROM (SELECT unnest(ys) AS y) u WHERE y IS NOT NULL) v;
    e := CASE WHEN abs(e) > 1e-60 THEN e / n ELSE 0 END;
    s := e * e;
    RETURN ROW(false, n, ARRAY[c + e, p - n * s, q - 3 * e * p + 2 * n * e * s, r - 4 * e * q + 6 * s * p - 3 * n * s * s])::tally.stats;
END $$;
COMMENT ON FUNCTION tally_internal._stats_of(float8[]) IS 'The moments of all numbers of a group; NULL of nothing.';

CREATE FUNCTION tally_internal._stats_of(ys float8[], xs float8[]) RETURNS tally.stats
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own tally.stats;
    n bigint; low float8; high float8; c float8; m float8; e float8; f float8; p float8; q float8;
BEGIN
    IF array_position(ys, NULL) IS NOT NULL OR array_position(xs, NULL) IS NOT NULL THEN
        SELECT array_agg(u.y), array_agg(u.x) INTO ys, xs FROM (SELECT unnest(ys) AS y, unnest(xs) AS x) u WHERE u.y IS NOT NULL AND u.x IS NOT NULL;
    END IF;
    IF cardinality(ys) < 5 THEN
        FOR i IN 1 .. cardinality(ys) LOOP own := tally_internal._stats_trans(own, ys[i], xs[i]); END LOOP;
        RETURN own;
    END IF;
    SELECT count(x), min(x), max(x), sum(CASE WHEN abs(x) < 1e60 THEN x END) INTO n, low, high, c FROM (SELECT unnest(xs) AS x) u;
    IF n = 0 THEN RETURN NULL; END IF;
    IF NOT tally_internal._moderate(low, high) OR (SELECT NOT tally_internal._moderate(min(y), max(y)) FROM (SELECT unnest(ys) AS y) u) THEN
        RETURN (SELECT tally.stats(u.y, u.x) FROM (SELECT unnest(ys) AS y, unnest(xs) AS x) u);
    END IF;
    own := tally_internal._stats_of(ys);
    m := own.parts[1];
    c := CASE WHEN low = high THEN low ELSE c / n END;
    SELECT sum(v.e), sum(v.f), sum(v.f * v.f), sum(v.e * v.f) INTO e, f, p, q
      FROM (SELECT CASE WHEN abs(u.y - m) > 1e-70 THEN u.y - m ELSE 0 END AS e, CASE WHEN abs(u.x - c) > 1e-70 THEN u.x - c ELSE 0 END AS f
              FROM (SELECT unnest(ys) AS y, unnest(xs) AS x) u) v;
    e := CASE WHEN abs(e) > 1e-60 THEN e / n ELSE 0 END;
    f := CASE WHEN abs(f) > 1e-60 THEN f / n ELSE 0 END;
    RETURN ROW(true, n, own.parts || ARRAY[c + f, p - n * f * f, q - n * e * f])::tally.stats;
END $$;
COMMENT ON FUNCTION tally_internal._stats_of(float8[], float8[]) IS 'The moments of all pairs of a group; NULL of nothing.';

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
            MESSAGE = format('moments of %s variables expected, got moments of %s', k, cardinality(b.means)), HINT = 'SELECT tally.moments(y, x) FROM …';
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
-- How the engine computes it where it refreshes, as tally.stats.
CREATE FUNCTION tally_internal._moments_of(a float8[], b float8[] DEFAULT NULL, c float8[] DEFAULT NULL, d float8[] DEFAULT NULL) RETURNS tally.moments
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k     int := num_nonnulls(a, b, c, d);
    n     bigint;
    low   float8[];
    high  float8[];
    m     float8[];
    off   float8[];
    sums  float8[];
    moderate boolean;
    few   tally.moments;
BEGIN
    IF cardinality(a) < 4 THEN
        FOR i IN 1 .. cardinality(a) LOOP few := tally_internal._moments_trans(few, VARIADIC (ARRAY[a[i], b[i], c[i], d[i]])[1:k]); END LOOP;
        RETURN few;
    END IF;
    SELECT count(*), ARRAY[min(x.a), min(x.b), min(x.c), min(x.d)], ARRAY[max(x.a), max(x.b), max(x.c), max(x.d)],
           ARRAY[sum(CASE WHEN abs(x.a) < 1e60 THEN x.a END), sum(CASE WHEN abs(x.b) < 1e60 THEN x.b END), sum(CASE WHEN abs(x.c) < 1e60 THEN x.c END),
                 sum(CASE WHEN abs(x.d) < 1e60 THEN x.d END)] INTO n, low, high, m
      FROM (SELECT unnest(a) AS a, unnest(b) AS b, unnest(c) AS c, unnest(d) AS d) x WHERE num_nonnulls(x.a, x.b, x.c, x.d) = k;
    IF n = 0 THEN RETURN NULL; END IF;
    SELECT bool_and(tally_internal._moderate(low[i], high[i])), array_agg(CASE WHEN low[i] = high[i] THEN low[i] ELSE m[i] / n END ORDER BY i) INTO moderate, m
      FROM generate_series(1, k) i;
    IF NOT moderate THEN
        RETURN (SELECT tally.moments(VARIADIC (ARRAY[x.a, x.b, x.c, x.d])[1:k])
                  FROM (SELECT unnest(a) AS a, unnest(b) AS b, unnest(c) AS c, unnest(d) AS d) x);
    END IF;
    SELECT ARRAY[sum(y.a), sum(y.b), sum(y.c), sum(y.d)],
           ARRAY[sum(y.a * y.a), sum(y.a * y.b), sum(y.a * y.c), sum(y.a * y.d), sum(y.a * y.b), sum(y.b * y.b), sum(y.b * y.c), sum(y.b * y.d),
                 sum(y.a * y.c), sum(y.b * y.c), sum(y.c * y.c), sum(y.c * y.d), sum(y.a * y.d), sum(y.b * y.d), sum(y.c * y.d), sum(y.d * y.d)] INTO off, sums
      FROM (SELECT CASE WHEN abs(x.a - m[1]) <= 1e-70 THEN 0 ELSE x.a - m[1] END AS a, CASE WHEN abs(x.b - m[2]) <= 1e-70 THEN 0 ELSE x.b - m[2] END AS b,
                   CASE WHEN abs(x.c - m[3]) <= 1e-70 THEN 0 ELSE x.c - m[3] END AS c, CASE WHEN abs(x.d - m[4]) <= 1e-70 THEN 0 ELSE x.d - m[4] END AS d
              FROM (SELECT unnest(a) AS a, unnest(b) AS b, unnest(c) AS c, unnest(d) AS d) x WHERE num_nonnulls(x.a, x.b, x.c, x.d) = k) y;
    off := ARRAY(SELECT CASE WHEN abs(off[i]) > 1e-60 THEN off[i] ELSE 0 END FROM generate_series(1, k) i ORDER BY i);
    RETURN ROW(n, ARRAY(SELECT m[i] + off[i] / n FROM generate_series(1, k) i ORDER BY i),
        ARRAY(SELECT sums[(i - 1) * 4 + j] - off[i] * off[j] / n FROM generate_series(1, k) i, generate_series(1, k) j ORDER BY i, j))::tally.moments;
END $$;
COMMENT ON FUNCTION tally_internal._moments_of(float8[], float8[], float8[], float8[]) IS 'The moments of all rows of a group; NULL of nothing.';

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
