-- Owns: comparisons of two arms from means and covariances: means, ratios, and both with a covariate from before exposure. core/src/experiment/arm.rs
-- says why. An arm is a value of tally.moments. PostgreSQL raises an error where float8 overflows; the comparison then has the reason not_finite.

CREATE FUNCTION tally_internal._check_alpha(alpha float8) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF alpha > 0 AND alpha < 1 THEN RETURN; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('alpha expected between 0 and 1, got %s', tally_internal._plain_number(COALESCE(alpha, 'NaN'))),
        DETAIL = 'alpha is the chance of a false alarm: 0.05 gives intervals of 95 %.',
        HINT = 'SELECT * FROM tally.compare_means(1000, 10.0, 4.0, 1000, 10.4, 4.0, alpha => 0.05)';
END $$;
COMMENT ON FUNCTION tally_internal._check_alpha(float8) IS 'Refuses a chance of error outside (0, 1).';

CREATE FUNCTION tally_internal._check_asked(alpha float8, planned float8) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._check_alpha(alpha);
    IF planned > 0 AND planned < 'Infinity' THEN RETURN; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('planned units expected to be above 0, got %s', tally_internal._plain_number(COALESCE(planned, 'NaN'))),
        DETAIL = 'The sequential interval is tightest at that many units of both arms together.',
        HINT = 'SELECT * FROM tally.compare_means(1000, 10.0, 4.0, 1000, 10.4, 4.0, planned => 5000)';
END $$;
COMMENT ON FUNCTION tally_internal._check_asked(float8, float8) IS 'Refuses a chance of error, and planned units, that no comparison can have.';

CREATE FUNCTION tally_internal._satterthwaite(v_a float8, n_a float8, v_b float8, n_b float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- An arm that varies next to nothing beside the other: the square of its share would be too small for PostgreSQL.
    SELECT 1 / (share * share / (n_a - 1) + (1 - share) * (1 - share) / (n_b - 1))
      FROM (SELECT CASE WHEN v_a = 0 THEN 0 WHEN v_b > 0 AND ln(v_b) - ln(v_a) > 230 THEN 0 ELSE v_a / (v_a + v_b) END AS share) s
$$;
COMMENT ON FUNCTION tally_internal._satterthwaite(float8, float8, float8, float8) IS 'Degrees of freedom of v_a + v_b, from variances of means and units.';

CREATE FUNCTION tally_internal._no_effect(value_a float8, value_b float8, method text, reason text) RETURNS tally.effect
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer tally.effect;
BEGIN
    answer.value_a := value_a;
    answer.value_b := value_b;
    answer.method := method;
    answer.reason := reason;
    RETURN answer;
END $$;
COMMENT ON FUNCTION tally_internal._no_effect(float8, float8, text, text) IS 'A comparison that has a reason and no number.';

-- 1 over the e-value exp(nρ² z² / (2 (nρ² + 1))) / √(nρ² + 1), with z = effect / standard error.
CREATE FUNCTION tally_internal._sequential(effect float8, standard_error float8, units float8, alpha float8, planned float8,
    OUT p float8, OUT low float8, OUT high float8)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    log  float8 := -2 * ln(alpha);
    nr   float8 := units * ((log + tally_internal._ln_1p(log)) / planned);
    z    float8 := effect / standard_error;
    half float8 := standard_error * sqrt(2 * (nr + 1) * (0.5 * tally_internal._ln_1p(nr) - ln(alpha)) / nr);
BEGIN
    low := effect - half;
    high := effect + half;
    p := CASE WHEN abs(z) > 1e100 THEN 0 WHEN abs(z) < 1e-100 THEN 1
              ELSE least(1, tally_internal._exp(0.5 * tally_internal._ln_1p(nr) - 0.5 * z * z * nr / (nr + 1))) END;
END $$;
COMMENT ON FUNCTION tally_internal._sequential(float8, float8, float8, float8, float8) IS 'p and interval that hold at every look.';

CREATE FUNCTION tally_internal._tested(value_a float8, value_b float8, method text, effect float8, variance float8, df float8, units float8,
    alpha float8, planned float8) RETURNS tally.effect
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer tally.effect := tally_internal._no_effect(value_a, value_b, method, NULL);
    half   float8;
    s      record;
BEGIN
    IF NOT (tally_internal._all_finite(effect, variance) AND df > 0 AND df <> 'NaN') THEN
        RETURN tally_internal._no_effect(value_a, value_b, method, 'not_finite');
    ELSIF variance <= 0 THEN
        RETURN tally_internal._no_effect(value_a, value_b, method, 'zero_variance');
    END IF;
    answer.effect := effect;
    answer.standard_error := sqrt(variance);
    answer.df := NULLIF(df, 'Infinity');
    answer.statistic := effect / answer.standard_error;
    answer.p := tally_internal._student_two_sided(answer.statistic, df);
    half := tally_internal._student_upper_quantile(alpha / 2, df) * answer.standard_error;
    answer.low := effect - half;
    answer.high := effect + half;
    s := tally_internal._sequential(effect, answer.standard_error, units, alpha, planned);
    answer.sequential_p := s.p;
    answer.sequential_low := s.low;
    answer.sequential_high := s.high;
    IF tally_internal._all_finite(answer.statistic, answer.low, answer.high, s.low, s.high) THEN RETURN answer; END IF;
    RETURN tally_internal._no_effect(value_a, value_b, method, 'not_finite');
END $$;
COMMENT ON FUNCTION tally_internal._tested(float8, float8, text, float8, float8, float8, float8, float8, float8) IS 'Test and intervals by Student''s t.';

-- NULL in counts counts nothing, and in numbers is NaN, of which no comparison has a number.
CREATE FUNCTION tally_internal._arm(n bigint, VARIADIC numbers float8[]) RETURNS tally.moments
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k        CONSTANT int := (sqrt(1 + 4 * cardinality(numbers))::int - 1) / 2;
    means    CONSTANT float8[] := ARRAY(SELECT COALESCE(numbers[i], 'NaN') FROM generate_series(1, k) i ORDER BY i);
    products float8[] := ARRAY(SELECT COALESCE(numbers[k + i], 'NaN') FROM generate_series(1, k * k) i ORDER BY i);
    hint     CONSTANT text := 'SELECT * FROM tally.compare_means(1000, 10.0, 4.0, 1000, 10.4, 4.0)';
    co       float8;
    most     float8;
BEGIN
    IF n < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('units of an arm expected to be 0 or more, got %s', n),
            DETAIL = 'The units of an arm are those exposed to it.', HINT = hint;
    END IF;
    FOR i IN 1 .. k LOOP
        IF products[(i - 1) * k + i] < 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('variance expected to be 0 or more, got %s', tally_internal._plain_number(products[(i - 1) * k + i])),
                DETAIL = 'A negative variance comes of sums of squares that have cancelled; tally.stats keeps their digits.', HINT = hint;
        END IF;
        FOR j IN 1 .. i - 1 LOOP
            co := products[(i - 1) * k + j];
            most := sqrt(products[(i - 1) * k + i]) * sqrt(products[(j - 1) * k + j]);
            IF co <> 'NaN' AND abs(co) > most * (1 + 1e-6) THEN
                RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('covariance expected within %s of 0, got %s',
                        tally_internal._plain_number(most), tally_internal._plain_number(co)),
                    DETAIL = 'A covariance is at most the root of the product of the two variances.',
                    HINT = 'SELECT tally.covariance(tally.stats(y, x)) FROM (VALUES (1.0, 2.0), (2.0, 5.0)) AS t(y, x)';
            END IF;
        END LOOP;
    END LOOP;
    RETURN ROW(COALESCE(n, 0), means, products)::tally.moments;
END $$;
COMMENT ON FUNCTION tally_internal._arm(bigint, float8[]) IS
'An arm of units, the means of its variables, and all their covariances row by row, which stand in products.';

CREATE FUNCTION tally_internal._lacks(arm tally.moments) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN arm.n < 1 THEN 'empty_arm' WHEN NOT tally_internal._all_finite(VARIADIC arm.means) THEN 'not_finite' WHEN arm.n < 2 THEN 'too_few_units'
                WHEN NOT tally_internal._all_finite(VARIADIC arm.products) THEN 'not_finite' END
$$;
COMMENT ON FUNCTION tally_internal._lacks(tally.moments) IS 'Why nothing can be computed of an arm; NULL where it can.';

CREATE FUNCTION tally_internal._pooled(a tally.moments, b tally.moments) RETURNS tally.moments
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whole tally.moments;
BEGIN
    IF a.n < 1 THEN RETURN b; END IF;
    IF b.n < 1 THEN RETURN a; END IF;
    -- One unit has no covariance, and adds nothing within its arm.
    a.products := ARRAY(SELECT CASE WHEN a.n < 2 THEN 0 ELSE p * (a.n - 1) END FROM unnest(a.products) WITH ORDINALITY u(p, i) ORDER BY i);
    b.products := ARRAY(SELECT CASE WHEN b.n < 2 THEN 0 ELSE p * (b.n - 1) END FROM unnest(b.products) WITH ORDINALITY u(p, i) ORDER BY i);
    whole := tally_internal._moments_joined(a, b);
    whole.products := tally.covariances(whole);
    RETURN whole;
END $$;
COMMENT ON FUNCTION tally_internal._pooled(tally.moments, tally.moments) IS 'Both arms as one.';

CREATE FUNCTION tally_internal._variance_of(arm tally.moments, w float8[]) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- A variance under this share of its parts is the rounding error of their difference.
    SELECT CASE WHEN b.sum > b.size * 1e-12 THEN b.sum ELSE 0 END FROM tally_internal._bilinear(arm, w, w) b
$$;
COMMENT ON FUNCTION tally_internal._variance_of(tally.moments, float8[]) IS 'w'' Σ w, which is 0 where only rounding error is left of it.';

CREATE FUNCTION tally_internal._linear(method text, arm tally.moments, OUT value float8, OUT covariate float8, OUT v float8[], OUT x float8[])
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m CONSTANT float8[] := arm.means;
BEGIN
    covariate := 0;
    CASE method
        WHEN 'welch' THEN
            value := m[1]; v := '{1}'; x := '{0}';
        WHEN 'welch_cuped' THEN
            value := m[1]; covariate := m[2]; v := '{1,0}'; x := '{0,1}';
        ELSE
            IF m[2] = 0 THEN RETURN; END IF;
            value := m[1] / m[2];
            v := ARRAY[1 / m[2], -value / m[2]];
            x := '{0,0}';
            IF method = 'delta_cuped' THEN
                v := v || '{0,0}'::float8[];
                -- Where nobody was there before, there is nothing to adjust by.
                x := '{0,0,0,0}';
                IF m[4] <> 0 THEN
                    covariate := m[3] / m[4];
                    x := ARRAY[0, 0, 1 / m[4], -covariate / m[4]];
                END IF;
            END IF;
    END CASE;
END $$;
COMMENT ON FUNCTION tally_internal._linear(text, tally.moments) IS
'What an arm''s value and its covariate are, and their weights on the variables for a change; value is NULL where a denominator is 0.';

CREATE FUNCTION tally_internal._theta(method text, a tally.moments, b tally.moments) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pooled   CONSTANT tally.moments := tally_internal._pooled(a, b);
    l        CONSTANT record := tally_internal._linear(method, pooled);
    variance float8;
    own      float8;
    together float8;
BEGIN
    IF l.value IS NULL THEN RETURN NULL; END IF;
    variance := tally_internal._variance_of(pooled, l.x);
    own := tally_internal._variance_of(pooled, l.v);
    IF variance = 0 OR own = 0 THEN RETURN 0; END IF;
    together := (tally_internal._bilinear(pooled, l.v, l.x)).sum;
    -- Of rounding error alone; an arm that does not vary would have a variance of about 1e-34 by it.
    RETURN CASE WHEN abs(together) <= 1e-12 * (sqrt(own) * sqrt(variance)) THEN 0 ELSE together / variance END;
END $$;
COMMENT ON FUNCTION tally_internal._theta(text, tally.moments, tally.moments) IS
'Covariance over variance of the covariate, over both arms as one; 0 where the covariate or the value does not vary, or not together.';

CREATE FUNCTION tally_internal._value_of(method text, arm tally.moments) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF arm.n < 1 OR NOT tally_internal._all_finite(VARIADIC arm.means) THEN RETURN NULL; END IF;
    RETURN (tally_internal._linear(method, arm)).value;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._value_of(text, tally.moments) IS 'Value of an arm, where there is one.';

CREATE FUNCTION tally_internal._combined(v float8[], f float8, x float8[], g float8) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT f * v[i] + g * x[i] FROM generate_series(1, cardinality(v)) i ORDER BY i)
$$;
COMMENT ON FUNCTION tally_internal._combined(float8[], float8, float8[], float8) IS 'The sum of two weightings, each times a number.';

CREATE FUNCTION tally_internal._compare(method text, a tally.moments, b tally.moments, relative boolean, alpha float8, planned float8) RETURNS tally.effect
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    value_a CONSTANT float8 := tally_internal._value_of(method, a);
    value_b CONSTANT float8 := tally_internal._value_of(method, b);
    reason  CONSTANT text := COALESCE(tally_internal._lacks(a), tally_internal._lacks(b));
    theta   float8;
    p       record;
    q       record;
    v_a     float8;
    v_b     float8;
    df      float8;
    before  float8;
    effect  float8;
BEGIN
    PERFORM tally_internal._check_asked(alpha, planned);
    IF reason IS NOT NULL THEN RETURN tally_internal._no_effect(value_a, value_b, method, reason); END IF;
    theta := CASE method WHEN 'welch' THEN 0 ELSE tally_internal._theta(method, a, b) END;
    p := tally_internal._linear(method, a);
    q := tally_internal._linear(method, b);
    IF theta IS NULL OR p.value IS NULL OR q.value IS NULL THEN RETURN tally_internal._no_effect(value_a, value_b, method, 'zero_denominator'); END IF;
    v_a := tally_internal._variance_of(a, tally_internal._combined(p.v, 1, p.x, -theta)) / a.n;
    v_b := tally_internal._variance_of(b, tally_internal._combined(q.v, 1, q.x, -theta)) / b.n;
    IF v_a + v_b = 0 THEN RETURN tally_internal._no_effect(value_a, value_b, method, 'zero_variance'); END IF;
    df := tally_internal._satterthwaite(v_a, a.n, v_b, b.n);
    before := CASE WHEN method = 'delta_cuped' AND a.means[4] <> 0 AND b.means[4] <> 0
                   THEN tally_internal._quotients_apart(a.means[3], a.means[4], b.means[3], b.means[4]) ELSE q.covariate - p.covariate END;
    effect := CASE WHEN method IN ('delta', 'delta_cuped') THEN tally_internal._quotients_apart(a.means[1], a.means[2], b.means[1], b.means[2])
                   ELSE q.value - p.value END - theta * before;
    IF relative THEN
        IF p.value = 0 THEN RETURN tally_internal._no_effect(value_a, value_b, method, 'zero_baseline'); END IF;
        -- The control's plain value is part of the difference and the denominator: d(D / A) = (dD - (D / A) dA) / A.
        effect := effect / p.value;
        v_a := tally_internal._variance_of(a, tally_internal._combined(p.v, (q.value - theta * before) / p.value / p.value, p.x,
                                                                       -theta / p.value)) / a.n;
        v_b := tally_internal._variance_of(b, tally_internal._combined(q.v, 1 / p.value, q.x, -theta / p.value)) / b.n;
    END IF;
    RETURN tally_internal._tested(value_a, value_b, method, effect, v_a + v_b, df, a.n::float8 + b.n, alpha, planned);
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN tally_internal._no_effect(value_a, value_b, method, 'not_finite');
END $$;
COMMENT ON FUNCTION tally_internal._compare(text, tally.moments, tally.moments, boolean, float8, float8) IS
'Compares two arms by welch, welch_cuped (variables y, x), delta (m, d) or delta_cuped (m, d, x, e: x / e is the ratio from before).';

-- Arrays of an arm of four: NULL is an arm of which nothing is known.
CREATE FUNCTION tally_internal._arm_of_four(n bigint, means float8[], covariances float8[]) RETURNS tally.moments
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    got int := CASE WHEN cardinality(means) <> 4 THEN cardinality(means) WHEN cardinality(covariances) <> 16 THEN cardinality(covariances) END;
BEGIN
    PERFORM tally_internal._check_flat(array_ndims(means)), tally_internal._check_flat(array_ndims(covariances));
    IF got IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'array_subscript_error',
            MESSAGE = format('expected an array of %s numbers, got %s', CASE WHEN cardinality(means) <> 4 THEN 4 ELSE 16 END, got),
            DETAIL = 'Four means (numerator, denominator, and both from before exposure) and the sixteen covariances of these, row by row.',
            HINT = 'SELECT * FROM tally.compare_ratios_cuped(0, NULL, NULL, 0, NULL, NULL)';
    END IF;
    RETURN tally_internal._arm(n, VARIADIC COALESCE(means, array_fill(NULL::float8, '{4}')) || COALESCE(covariances, array_fill(NULL::float8, '{16}')));
END $$;
COMMENT ON FUNCTION tally_internal._arm_of_four(bigint, float8[], float8[]) IS 'An arm of four variables.';
