-- Owns: the distributions as people call them, and planning: power, required units, what can be detected.

CREATE FUNCTION tally_internal._df(df float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF df > 0 AND df <> 'NaN' THEN RETURN df; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('degrees of freedom expected to be above 0, got %s', tally_internal._plain_number(df)),
        DETAIL = 'A test of one sample of n values has n - 1; tally.compare_means() gives Welch''s.', HINT = 'SELECT tally.student_p(t => 2.1, df => 20)';
END $$;
COMMENT ON FUNCTION tally_internal._df(float8) IS 'Degrees of freedom, which are above 0.';

CREATE FUNCTION tally_internal._finite_df(df float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tally_internal._df(df) < 'Infinity' THEN RETURN df; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'degrees of freedom of chi-square expected to be finite, got Infinity',
        DETAIL = 'A chi-square test of k groups has k - 1.', HINT = 'SELECT tally.chi_square_tail(x => 3.84, df => 1)';
END $$;
COMMENT ON FUNCTION tally_internal._finite_df(float8) IS 'Degrees of freedom of chi-square: finitely many.';

CREATE FUNCTION tally_internal._student_quantile(p float8, df float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p < 0 OR p > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('probability expected in 0 to 1, got %s', tally_internal._plain_number(p)),
            DETAIL = 'A quantile is the point below which that share lies.', HINT = 'SELECT tally.normal_quantile(0.975)';
    END IF;
    RETURN CASE WHEN p = 0 THEN '-Infinity'::float8 WHEN p = 1 THEN 'Infinity'::float8 WHEN p < 0.5 THEN -tally_internal._student_upper_quantile(p, df)
                ELSE tally_internal._student_upper_quantile(1 - p, df) END;
END $$;
COMMENT ON FUNCTION tally_internal._student_quantile(float8, float8) IS 'The quantile at p; the ends of the line at 0 and 1.';

-- NaN is no point, and gives NULL.
CREATE OR REPLACE FUNCTION tally.normal_cdf(z float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$ SELECT tally_internal._student_tail(-NULLIF(z, 'NaN'), 'Infinity') $$;
CREATE OR REPLACE FUNCTION tally.normal_tail(z float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$ SELECT tally_internal._student_tail(NULLIF(z, 'NaN'), 'Infinity') $$;
CREATE OR REPLACE FUNCTION tally.normal_quantile(p float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 50 AS $$ SELECT tally_internal._student_quantile(p, 'Infinity') $$;
CREATE OR REPLACE FUNCTION tally.student_cdf(t float8, df float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$ SELECT tally_internal._student_tail(-NULLIF(t, 'NaN'), tally_internal._df(df)) $$;
CREATE OR REPLACE FUNCTION tally.student_tail(t float8, df float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$ SELECT tally_internal._student_tail(NULLIF(t, 'NaN'), tally_internal._df(df)) $$;
CREATE OR REPLACE FUNCTION tally.student_p(t float8, df float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$ SELECT tally_internal._student_two_sided(NULLIF(t, 'NaN'), tally_internal._df(df)) $$;
CREATE OR REPLACE FUNCTION tally.student_quantile(p float8, df float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$ SELECT tally_internal._student_quantile(p, tally_internal._df(df)) $$;
CREATE OR REPLACE FUNCTION tally.chi_square_cdf(x float8, df float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$ SELECT tally_internal._chi_square_cdf(NULLIF(x, 'NaN'), tally_internal._finite_df(df)) $$;
CREATE OR REPLACE FUNCTION tally.chi_square_tail(x float8, df float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$ SELECT tally_internal._chi_square_tail(NULLIF(x, 'NaN'), tally_internal._finite_df(df)) $$;

CREATE FUNCTION tally_internal._noncentral_two_sided(t float8, df float8, delta float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Of few degrees of freedom t is large, and what counts lies at y near -ln t, in a stretch of 1: a step there grows with y.
    step  CONSTANT float8 := least(1.0 / 16, 0.15 / ln(greatest(t, exp(1::float8))));
    a     CONSTANT float8 := df / 2;
    front CONSTANT float8 := exp(0.5 * ln(a) - 0.9189385332046728 - tally_internal._stirling_error(a));
    scale float8;
    sum   float8 := 0;
    side  float8;
    part  float8;
    e     float8;
    u     float8;
    f     float8;
    g     float8;
    ts    float8;
BEGIN
    -- T = (Z + δ) / s with df s² chi-square. With s = e^y the density of y falls as exp(-a (e^2y - 1 - 2y)) on either side of 0.
    FOREACH side IN ARRAY '{1,-1}'::float8[] LOOP
        scale := 0.5 / sqrt(a);
        FOR i IN 1 .. 2100 LOOP
            f := a * tally_internal._exp_excess(2 * side * scale);
            IF f > 2 THEN scale := scale / 2; ELSIF f < 0.5 THEN scale := scale * 2; ELSE EXIT; END IF;
        END LOOP;
        part := 0;
        FOR k IN floor(-3.65 / step)::int .. ceil(12 / step)::int LOOP
            e := exp(-step * k);
            u := exp(step * k - e);
            f := a * tally_internal._exp_excess(2 * side * scale * u);
            EXIT WHEN f > 700;
            ts := t * tally_internal._exp(side * scale * u);
            -- Far out nothing is beyond, and near 0 all is.
            g := CASE WHEN ts - delta > 40 THEN 0 WHEN ts < 1e-17 THEN 1
                ELSE tally_internal._student_tail(ts - delta, 'Infinity') + tally_internal._student_tail(ts + delta, 'Infinity') END;
            -- What is less than 1e-300 is nothing here, and would be an error.
            CONTINUE WHEN g = 0 OR f - ln(g) - ln(u) > 690;
            part := part + u * (1 + e) * exp(-f) * g;
        END LOOP;
        sum := sum + part * step * scale;
    END LOOP;
    RETURN least(2 * front * sum, 1);
END $$;
COMMENT ON FUNCTION tally_internal._noncentral_two_sided(float8, float8, float8) IS 'P(|T| > t) of the noncentral t distribution, for t above 0.';

CREATE FUNCTION tally_internal._check_plan(variance_a float8, variance_b float8, alpha float8) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    variance float8;
BEGIN
    PERFORM tally_internal._check_alpha(alpha);
    FOREACH variance IN ARRAY ARRAY[variance_a, variance_b] LOOP
        IF NOT (variance > 0 AND variance < 'Infinity') THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('variance expected to be above 0, got %s', tally_internal._plain_number(variance)),
                DETAIL = 'Take it from the metric''s past: var_samp of the value per unit; p (1 - p) for a proportion.',
                HINT = 'SELECT * FROM tally.required_units(difference => 0.5, variance => 25.0, power => 0.8)';
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._check_plan(float8, float8, float8) IS 'Refuses variances and a chance of error that no plan can have.';

CREATE FUNCTION tally_internal._check_power(power float8, alpha float8) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF power > alpha AND power < 1 THEN RETURN; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('power expected between alpha and 1, got %s', tally_internal._plain_number(power)),
        DETAIL = '0.8 finds the difference in four experiments of five; alpha alone finds it by chance.',
        HINT = 'SELECT * FROM tally.required_units(difference => 0.5, variance => 25.0, power => 0.8)';
END $$;
COMMENT ON FUNCTION tally_internal._check_power(float8, float8) IS 'Refuses a power that is none.';

CREATE FUNCTION tally_internal._power(variance_a float8, variance_b float8, alpha float8, difference float8, n_a float8, n_b float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    df    CONSTANT float8 := tally_internal._satterthwaite(variance_a / n_a, n_a, variance_b / n_b, n_b);
    error CONSTANT float8 := sqrt(variance_a / n_a + variance_b / n_b);
BEGIN
    -- So great a difference is found by whatever test, and is no multiple of the error that PostgreSQL could hold.
    IF difference <> 0 AND ln(abs(difference)) - ln(error) > 700 THEN RETURN 1; END IF;
    RETURN tally_internal._noncentral_two_sided(tally_internal._student_upper_quantile(alpha / 2, df), df, abs(difference) / error);
END $$;
COMMENT ON FUNCTION tally_internal._power(float8, float8, float8, float8, float8, float8) IS 'Chance to find a true difference by so many units.';

CREATE FUNCTION tally_internal._check_units(difference float8, n_a bigint, n_b bigint) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tally_internal._all_finite(difference) AND least(n_a, n_b) >= 2 THEN RETURN; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('a difference and two units or more in each arm expected, got %s, %s and %s', tally_internal._plain_number(difference), n_a, n_b),
        DETAIL = 'With one unit nothing is known of how units vary.',
        HINT = 'SELECT tally.experiment_power(difference => 0.5, variance => 25.0, n_a => 1500, n_b => 1500)';
END $$;
COMMENT ON FUNCTION tally_internal._check_units(float8, bigint, bigint) IS 'Refuses a difference that is no number, and arms of one unit.';

CREATE OR REPLACE FUNCTION tally.experiment_power(
    difference float8, variance float8, n_a bigint, n_b bigint, alpha float8 DEFAULT 0.05, variance_b float8 DEFAULT NULL
) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF num_nulls(difference, variance, n_a, n_b, alpha) > 0 THEN RETURN NULL; END IF;
    PERFORM tally_internal._check_plan(variance, COALESCE(variance_b, variance), alpha), tally_internal._check_units(difference, n_a, n_b);
    RETURN tally_internal._power(variance, COALESCE(variance_b, variance), alpha, difference, n_a, n_b);
END $$;

CREATE FUNCTION tally_internal._part_of_units(total float8, share float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- 1 - 0.7 is not quite 0.3: a product that is a whole number but for rounding is that number.
    SELECT greatest(CASE WHEN abs(total * share - round(total * share)) <= 4e-16 * total THEN round(total * share) ELSE ceil(total * share) END, 2)
$$;
COMMENT ON FUNCTION tally_internal._part_of_units(float8, float8) IS 'The units of an arm with this share of all: the next whole number, and 2 at least.';

CREATE OR REPLACE FUNCTION tally.required_units(
    difference float8, variance float8, power float8 DEFAULT 0.8, alpha float8 DEFAULT 0.05, share_b float8 DEFAULT 0.5,
    variance_b float8 DEFAULT NULL, OUT units_a bigint, OUT units_b bigint
)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b      CONSTANT float8 := COALESCE(variance_b, variance);
    hint   CONSTANT text := 'SELECT * FROM tally.required_units(difference => 0.5, variance => 25.0, power => 0.8)';
    low    float8;
    high   float8 := 4;
    middle float8;
BEGIN
    IF num_nulls(difference, variance, power, alpha, share_b) > 0 THEN RETURN; END IF;
    PERFORM tally_internal._check_plan(variance, b, alpha), tally_internal._check_power(power, alpha);
    IF difference = 0 OR NOT tally_internal._all_finite(difference) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('difference expected to be another number than 0, got %s', tally_internal._plain_number(difference)),
            DETAIL = 'It is the smallest change that would matter; no number of units finds none.', HINT = hint;
    ELSIF NOT (share_b > 0 AND share_b < 1) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('share of the variation expected between 0 and 1, got %s', tally_internal._plain_number(share_b)),
            DETAIL = '0.5 gives both arms the same units.', HINT = hint;
    END IF;
    WHILE tally_internal._power(variance, b, alpha, difference, tally_internal._part_of_units(high, 1 - share_b),
                                tally_internal._part_of_units(high, share_b)) < power LOOP
        high := high * 2;
        IF high > 1e15 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('a difference that can be found expected, got %s', tally_internal._plain_number(difference)),
                DETAIL = 'More than 1e15 units would be needed.', HINT = hint;
        END IF;
    END LOOP;
    low := high / 2;
    WHILE high - low > 1 LOOP
        middle := floor((low + high) / 2);
        IF tally_internal._power(variance, b, alpha, difference, tally_internal._part_of_units(middle, 1 - share_b),
                                 tally_internal._part_of_units(middle, share_b)) >= power THEN
            high := middle;
        ELSE
            low := middle;
        END IF;
    END LOOP;
    units_a := tally_internal._part_of_units(high, 1 - share_b);
    units_b := tally_internal._part_of_units(high, share_b);
END $$;

CREATE OR REPLACE FUNCTION tally.detectable_difference(
    variance float8, n_a bigint, n_b bigint, power float8 DEFAULT 0.8, alpha float8 DEFAULT 0.05, variance_b float8 DEFAULT NULL
) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b      CONSTANT float8 := COALESCE(variance_b, variance);
    low    float8 := 0;
    high   float8;
    middle float8;
BEGIN
    IF num_nulls(variance, n_a, n_b, power, alpha) > 0 THEN RETURN NULL; END IF;
    PERFORM tally_internal._check_plan(variance, b, alpha), tally_internal._check_power(power, alpha), tally_internal._check_units(0, n_a, n_b);
    high := sqrt(variance / n_a + b / n_b);
    WHILE tally_internal._power(variance, b, alpha, high, n_a, n_b) < power LOOP
        low := high;
        high := high * 2;
    END LOOP;
    WHILE high - low > 1e-14 * high LOOP
        middle := 0.5 * (low + high);
        EXIT WHEN middle <= low OR middle >= high;
        IF tally_internal._power(variance, b, alpha, middle, n_a, n_b) >= power THEN high := middle; ELSE low := middle; END IF;
    END LOOP;
    RETURN high;
END $$;
