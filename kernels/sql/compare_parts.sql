-- Owns: comparisons of strata and of quantiles.

CREATE FUNCTION tally_internal._strata(n_a bigint[], mean_a float8[], variance_a float8[], n_b bigint[], mean_b float8[], variance_b float8[],
    OUT a tally.moments[], OUT b tally.moments[], OUT reason text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rest_a tally.moments;
    rest_b tally.moments;
    p      tally.moments;
    q      tally.moments;
    at     int;
BEGIN
    a := '{}';
    b := '{}';
    -- Strata with under two units in an arm are taken together.
    FOR i IN 1 .. cardinality(n_a) LOOP
        p := tally_internal._arm(n_a[i], mean_a[i], variance_a[i]);
        q := tally_internal._arm(n_b[i], mean_b[i], variance_b[i]);
        CONTINUE WHEN p.n + q.n < 1;
        IF least(p.n, q.n) >= 2 THEN
            a := a || p;
            b := b || q;
        ELSIF rest_a IS NULL THEN
            rest_a := p;
            rest_b := q;
        ELSE
            rest_a := tally_internal._pooled(rest_a, p);
            rest_b := tally_internal._pooled(rest_b, q);
        END IF;
    END LOOP;
    IF rest_a IS NOT NULL THEN
        -- What is thin even so joins the smallest other.
        at := CASE WHEN least(rest_a.n, rest_b.n) < 2 THEN (SELECT i FROM generate_subscripts(a, 1) i ORDER BY a[i].n + b[i].n, i LIMIT 1) END;
        IF at IS NULL THEN
            a := a || rest_a;
            b := b || rest_b;
        ELSE
            a[at] := tally_internal._pooled(a[at], rest_a);
            b[at] := tally_internal._pooled(b[at], rest_b);
        END IF;
    END IF;
    reason := (SELECT CASE WHEN COALESCE(sum(a[i].n), 0) < 1 OR COALESCE(sum(b[i].n), 0) < 1 THEN 'empty_arm'
                           WHEN bool_or(least(a[i].n, b[i].n) < 2) THEN 'too_few_units'
                           WHEN bool_or(NOT tally_internal._all_finite(a[i].means[1], a[i].products[1], b[i].means[1], b[i].products[1])) THEN 'not_finite' END
                 FROM generate_subscripts(a, 1) i);
END $$;
COMMENT ON FUNCTION tally_internal._strata(bigint[], float8[], float8[], bigint[], float8[], float8[]) IS
'The strata that can be compared, each with both arms; or the reason why they cannot.';

CREATE FUNCTION tally_internal._whole_arm(n bigint[], mean float8[], variance float8[]) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whole tally.moments;
BEGIN
    FOR i IN 1 .. cardinality(n) LOOP
        CONTINUE WHEN COALESCE(n[i], 0) < 1;
        whole := CASE WHEN whole IS NULL THEN tally_internal._arm(n[i], mean[i], variance[i])
                      ELSE tally_internal._pooled(whole, tally_internal._arm(n[i], mean[i], variance[i])) END;
    END LOOP;
    RETURN CASE WHEN tally_internal._all_finite(whole.means[1]) THEN whole.means[1] END;
END $$;
COMMENT ON FUNCTION tally_internal._whole_arm(bigint[], float8[], float8[]) IS 'The mean of an arm over all strata.';

CREATE OR REPLACE FUNCTION tally.compare_strata(
    n_a bigint[], mean_a float8[], variance_a float8[], n_b bigint[], mean_b float8[], variance_b float8[], relative boolean DEFAULT false,
    alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000
) RETURNS tally.effect
LANGUAGE plpgsql IMMUTABLE COST 2000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m       CONSTANT text := 'post_stratified';
    lengths int[] := ARRAY[cardinality(n_a), cardinality(mean_a), cardinality(variance_a), cardinality(n_b), cardinality(mean_b), cardinality(variance_b)];
    s       record;
    value_a float8;
    value_b float8;
    units   float8;
    first   float8;
    from_a  float8;
    from_b  float8;
    apart   float8;
    a       float8;
    b       float8;
    g_a     float8;
    g_b     float8;
    parts   float8[];
    dfs     float8[];
    v       float8;
BEGIN
    PERFORM tally_internal._check_flat(x) FROM unnest(ARRAY[array_ndims(n_a), array_ndims(mean_a), array_ndims(variance_a), array_ndims(n_b),
        array_ndims(mean_b), array_ndims(variance_b)]) x WHERE array_position(lengths, NULL) IS NULL;
    IF array_position(lengths, NULL) IS NULL AND NOT lengths[1] = ALL (lengths) THEN
        RAISE EXCEPTION USING ERRCODE = 'array_subscript_error',
            MESSAGE = format('expected six arrays of one length, got [%s]', array_to_string(lengths, ', ')),
            DETAIL = 'Each array has one element for each stratum, in the same order.',
            HINT = 'SELECT * FROM tally.compare_strata(''{500,300}'', ''{10,20}'', ''{4,9}'', ''{520,280}'', ''{10.4,20.9}'', ''{4.1,8}'')';
    END IF;
    PERFORM tally_internal._check_asked(alpha, planned);
    IF array_position(lengths, NULL) IS NOT NULL THEN RETURN tally_internal._no_effect(NULL, NULL, m, 'empty_arm'); END IF;
    s := tally_internal._strata(n_a, mean_a, variance_a, n_b, mean_b, variance_b);
    value_a := tally_internal._whole_arm(n_a, mean_a, variance_a);
    value_b := tally_internal._whole_arm(n_b, mean_b, variance_b);
    IF s.reason IS NOT NULL THEN RETURN tally_internal._no_effect(value_a, value_b, m, s.reason); END IF;
    -- Means count from the first one: what a stratum's mean differs by from others would be lost in a sum of 1e9s.
    first := s.a[1].means[1];
    SELECT sum(xn + yn) INTO units FROM ROWS FROM (unnest(s.a), unnest(s.b)) AS z(xn, xm, xp, yn, ym, yp);
    SELECT sum((xn + yn) / units * (xm[1] - first)), sum((xn + yn) / units * (ym[1] - first)), sum((xn + yn) / units * (ym[1] - xm[1]))
      INTO from_a, from_b, apart FROM ROWS FROM (unnest(s.a), unnest(s.b)) AS z(xn, xm, xp, yn, ym, yp);
    a := first + from_a;
    b := first + from_b;
    IF relative AND a = 0 THEN RETURN tally_internal._no_effect(value_a, value_b, m, 'zero_baseline'); END IF;
    -- Weights of the two arms' values in a change of the effect.
    g_a := CASE WHEN relative THEN -b / (a * a) ELSE -1 END;
    g_b := CASE WHEN relative THEN 1 / a ELSE 1 END;
    SELECT array_agg(part ORDER BY i, arm), array_agg(df ORDER BY i, arm) INTO parts, dfs
      FROM ROWS FROM (unnest(s.a), unnest(s.b)) WITH ORDINALITY AS z(xn, xm, xp, yn, ym, yp, i),
           LATERAL (VALUES (1, (g_a * (xn + yn) / units) ^ 2 * xp[1] / xn, xn - 1), (2, (g_b * (xn + yn) / units) ^ 2 * yp[1] / yn, yn - 1)) p(arm, part, df);
    -- The shares of the strata are a sample, too.
    SELECT parts || sum((xn + yn) / units * (g_a * (xm[1] - first - from_a) + g_b * (ym[1] - first - from_b)) ^ 2) / units, dfs || (units - 1) INTO parts, dfs
      FROM ROWS FROM (unnest(s.a), unnest(s.b)) AS z(xn, xm, xp, yn, ym, yp);
    SELECT sum(p) INTO v FROM unnest(parts) p;
    IF v = 0 THEN RETURN tally_internal._no_effect(value_a, value_b, m, 'zero_variance'); END IF;
    RETURN tally_internal._tested(value_a, value_b, m, CASE WHEN relative THEN apart / a ELSE apart END, v,
        (SELECT 1 / sum((p / v) ^ 2 / df) FROM unnest(parts, dfs) u(p, df)), units, alpha, planned);
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN tally_internal._no_effect(value_a, value_b, m, 'not_finite');
END $$;

CREATE FUNCTION tally_internal._check_level(level float8) RETURNS void
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF level > 0 AND level < 1 THEN RETURN; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('level of a quantile expected between 0 and 1, got %s', tally_internal._plain_number(level)),
        DETAIL = '0.5 is the median, 0.95 the 95th percentile.', HINT = 'SELECT * FROM tally.quantile_bounds(0.95, 10000)';
END $$;
COMMENT ON FUNCTION tally_internal._check_level(float8) IS 'Refuses a level outside (0, 1).';

CREATE OR REPLACE FUNCTION tally.quantile_bounds(level float8, n bigint, OUT low float8, OUT high float8)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    half float8;
BEGIN
    PERFORM tally_internal._check_level(level);
    IF n < 1 THEN RETURN; END IF;
    half := tally_internal._student_upper_quantile(0.025, 'Infinity') * sqrt(level * (1 - level) / n);
    IF level - half > 0 AND level + half < 1 THEN
        low := level - half;
        high := level + half;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION tally.cluster_factor(
    level float8, n bigint, under_mean float8, values_mean float8, under_variance float8, values_variance float8, covariance float8
) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT COST 20 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    arm    CONSTANT tally.moments := tally_internal._arm(n, under_mean, values_mean, under_variance, covariance, covariance, values_variance);
    factor float8;
BEGIN
    PERFORM tally_internal._check_level(level);
    IF n < 2 OR values_mean <= 0 THEN RETURN NULL; END IF;
    factor := tally_internal._variance_of(arm, ARRAY[1 / values_mean, -under_mean / values_mean / values_mean]) / n / (level * (1 - level) / (n * values_mean));
    RETURN CASE WHEN tally_internal._all_finite(factor) THEN factor END;
EXCEPTION WHEN numeric_value_out_of_range OR division_by_zero THEN
    RETURN NULL;
END $$;

CREATE FUNCTION tally_internal._check_quantile(n bigint, low float8, high float8, factor float8) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bad text := CASE WHEN n < 0 THEN format('units of an arm expected to be 0 or more, got %s', n)
                     WHEN low > high AND low <> 'NaN' THEN format('a low at or under its high expected, got %s and %s',
                                                                  tally_internal._plain_number(low), tally_internal._plain_number(high))
                     WHEN factor < 0 THEN format('cluster factor expected to be 0 or more, got %s', tally_internal._plain_number(factor)) END;
BEGIN
    IF bad IS NULL THEN RETURN; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = bad,
        DETAIL = 'low and high are the values at the levels that tally.quantile_bounds() gives.',
        HINT = 'SELECT * FROM tally.compare_quantiles(900, 410, 395, 428, 910, 390, 372, 405)';
END $$;
COMMENT ON FUNCTION tally_internal._check_quantile(bigint, float8, float8, float8) IS 'Refuses numbers that no quantile of an arm can have.';

CREATE OR REPLACE FUNCTION tally.compare_quantiles(
    n_a bigint, value_a float8, low_a float8, high_a float8, n_b bigint, value_b float8, low_b float8, high_b float8,
    relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000, cluster_factor_a float8 DEFAULT 1,
    cluster_factor_b float8 DEFAULT 1
) RETURNS tally.effect
LANGUAGE plpgsql IMMUTABLE COST 1000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    width CONSTANT float8 := 2 * tally_internal._student_upper_quantile(0.025, 'Infinity');
    a     CONSTANT float8 := CASE WHEN n_a >= 1 AND tally_internal._all_finite(value_a) THEN value_a END;
    b     CONSTANT float8 := CASE WHEN n_b >= 1 AND tally_internal._all_finite(value_b) THEN value_b END;
    n     CONSTANT float8 := COALESCE(n_a, 0)::float8 + COALESCE(n_b, 0)::float8;
    v_a   float8;
    v_b   float8;
    df    float8;
    why   text;
BEGIN
    PERFORM tally_internal._check_quantile(n_a, low_a, high_a, cluster_factor_a), tally_internal._check_quantile(n_b, low_b, high_b, cluster_factor_b),
            tally_internal._check_asked(alpha, planned);
    why := CASE WHEN COALESCE(least(COALESCE(n_a, 0), COALESCE(n_b, 0)), 0) < 1 THEN 'empty_arm' WHEN a IS NULL OR b IS NULL THEN 'not_finite'
                WHEN least(n_a, n_b) < 2 OR num_nulls(low_a, high_a, cluster_factor_a, low_b, high_b, cluster_factor_b) > 0
                     OR 'NaN' = ANY (ARRAY[low_a, high_a, cluster_factor_a, low_b, high_b, cluster_factor_b]) THEN 'too_few_units' END;
    IF why IS NOT NULL THEN RETURN tally_internal._no_effect(a, b, 'quantile', why); END IF;
    v_a := ((high_a - low_a) / width) ^ 2 * cluster_factor_a;
    v_b := ((high_b - low_b) / width) ^ 2 * cluster_factor_b;
    IF v_a + v_b = 0 THEN RETURN tally_internal._no_effect(a, b, 'quantile', 'zero_variance'); END IF;
    df := tally_internal._satterthwaite(v_a, n_a, v_b, n_b);
    IF NOT COALESCE(relative, false) THEN RETURN tally_internal._tested(a, b, 'quantile', b - a, v_a + v_b, df, n, alpha, planned); END IF;
    IF a = 0 THEN RETURN tally_internal._no_effect(a, b, 'quantile', 'zero_baseline'); END IF;
    RETURN tally_internal._tested(a, b, 'quantile', (b - a) / a, (v_b + v_a * (b / a) ^ 2) / (a * a), df, n, alpha, planned);
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN tally_internal._no_effect(a, b, 'quantile', 'not_finite');
END $$;
