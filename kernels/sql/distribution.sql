-- Owns: the distributions that statistics need, in PL/pgSQL: normal, Student's t and chi-square, by the same integrals as core/src/experiment.
-- What is computed at each point of an integral is SQL and not STRICT, so that PostgreSQL puts it into the calling expression.
-- exp(), * and / of PostgreSQL raise an error where a result is too small or too great. So what cannot count is left out before.

CREATE FUNCTION tally_internal._exp(x float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN x < -708 THEN 0 WHEN x > 709 AND x <> 'NaN' THEN 'Infinity' ELSE pg_catalog.exp(x) END;
COMMENT ON FUNCTION tally_internal._exp(float8) IS 'e to the power of x; 0 and infinity where PostgreSQL''s raises an error.';

CREATE FUNCTION tally_internal._all_finite(VARIADIC x float8[]) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(bool_and(v > '-Infinity' AND v < 'Infinity'), true) FROM unnest(x) v
$$;
COMMENT ON FUNCTION tally_internal._all_finite(float8[]) IS 'Whether all numbers are neither NaN nor infinite.';

CREATE FUNCTION tally_internal._ln_1p(x float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v float8;
    w float8;
BEGIN
    IF abs(x) > 0.1 THEN RETURN ln(1 + x); END IF;
    IF abs(x) < 1e-17 THEN RETURN x; END IF;
    v := x / (2 + x);
    w := v * v;
    RETURN 2 * v * (1 + w * (1.0 / 3 + w * (1.0 / 5 + w * (1.0 / 7 + w * (1.0 / 9 + w * (1.0 / 11 + w * (1.0 / 13 + w / 15)))))));
END $$;
COMMENT ON FUNCTION tally_internal._ln_1p(float8) IS 'ln(1 + x) with all its digits.';

CREATE FUNCTION tally_internal._exp_excess(u float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN pg_catalog.abs(u) > 0.5 THEN tally_internal._exp(u) - 1 - u
            WHEN pg_catalog.abs(u) < 1e-150 THEN 0
            ELSE u * u / 2 * (1 + u / 3 * (1 + u / 4 * (1 + u / 5 * (1 + u / 6 * (1 + u / 7 * (1 + u / 8 * (1 + u / 9 * (1 + u / 10 * (1 + u / 11
                 * (1 + u / 12 * (1 + u / 13 * (1 + u / 14 * (1 + u / 15))))))))))))) END;
COMMENT ON FUNCTION tally_internal._exp_excess(float8) IS 'e^u - 1 - u with all its digits.';

CREATE FUNCTION tally_internal._excess(r float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v float8 := r / (2 + r);
    w float8;
BEGIN
    IF abs(r) > 0.1 THEN RETURN r - ln(1 + r); END IF;
    IF abs(r) < 1e-150 THEN RETURN 0; END IF;
    -- ln(1 + r) = 2 (v + v³/3 + v⁵/5 + …), and r - 2v = r v.
    w := v * v;
    RETURN v * (r - 2 * w * (1.0 / 3 + w * (1.0 / 5 + w * (1.0 / 7 + w * (1.0 / 9 + w * (1.0 / 11 + w * (1.0 / 13 + w / 15)))))));
END $$;
COMMENT ON FUNCTION tally_internal._excess(float8) IS 'r - ln(1 + r) with all its digits.';

CREATE FUNCTION tally_internal._stirling_error(a float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sum float8 := 0;
    r   float8;
BEGIN
    -- δ(a) = δ(a + 1) + (a + ½) ln(1 + 1/a) - 1. From 15 on the series is at the last digit.
    WHILE a < 15 LOOP
        sum := sum + (a + 0.5) * tally_internal._ln_1p(1 / a) - 1;
        a := a + 1;
    END LOOP;
    IF a > 1e100 THEN RETURN sum; END IF;
    r := 1 / (a * a);
    RETURN sum + (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r * (1.0 / 1680 - r * (1.0 / 1188 - r * 691.0 / 360360))))) / a;
END $$;
COMMENT ON FUNCTION tally_internal._stirling_error(float8) IS 'ln Γ(a) - ((a - ½) ln a - a + ½ ln 2π).';

CREATE FUNCTION tally_internal._ln_half_step(a float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    below float8 := 1;
    r     float8;
BEGIN
    WHILE a < 15 LOOP
        below := below * (a / (a + 0.5));
        a := a + 1;
    END LOOP;
    r := CASE WHEN a < 1e100 THEN 1 / (a * a) ELSE 0 END;
    RETURN 0.5 * ln(a) + ln(below)
        + (-1.0 / 8 + r * (1.0 / 192 + r * (-1.0 / 640 + r * (17.0 / 14336 + r * (-31.0 / 18432 + r * 691.0 / 180224))))) / a;
END $$;
COMMENT ON FUNCTION tally_internal._ln_half_step(float8) IS 'ln(Γ(a + ½) / Γ(a)).';

CREATE FUNCTION tally_internal._student_growth(u float8, slope float8, rest float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN u > 0.5 AND u < 20 THEN pg_catalog.ln(pg_catalog.cosh(u) + slope * pg_catalog.sinh(u))
            WHEN u < 20 THEN tally_internal._ln_1p(2 * pg_catalog.sinh(u / 2) * pg_catalog.sinh(u / 2) + slope * pg_catalog.sinh(u))
            ELSE u + pg_catalog.ln(1 - 0.5 * rest + 0.5 * rest * tally_internal._exp(-2 * u)) END;
COMMENT ON FUNCTION tally_internal._student_growth(float8, float8, float8) IS 'ln(cosh u + slope sinh u), where rest is 1 - slope.';

-- ∫ of e^-f(u) from 0 on, by the trapezoidal rule after u = scale e^(x - e^-x). f is convex and grows from 0.
CREATE FUNCTION tally_internal._decay(kind text, guess float8, a float8, b float8, c float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step  CONSTANT float8 := 1.0 / 24;
    scale float8 := guess;
    sum   float8 := 0;
    x     float8;
    e     float8;
    u     float8;
    f     float8;
    t     float8;
BEGIN
    -- A width where f is between 1/2 and 2: doubling and halving find it.
    FOR i IN 1 .. 2100 LOOP
        f := CASE kind WHEN 'student' THEN a * tally_internal._student_growth(scale, b, c)
                       ELSE a * tally_internal._exp_excess(c * scale) + b * scale END;
        IF f > 2 THEN scale := scale / 2; ELSIF f < 0.5 THEN scale := scale * 2; ELSE EXIT; END IF;
    END LOOP;
    -- Beyond these ends nothing is left: u is under 1e-16, or f over 100.
    FOR k IN -87 .. 288 LOOP
        x := step * k;
        e := exp(-x);
        u := exp(x - e);
        f := CASE kind WHEN 'student' THEN a * tally_internal._student_growth(scale * u, b, c)
                       ELSE a * tally_internal._exp_excess(c * scale * u) + b * scale * u END;
        EXIT WHEN f > 100;
        t := u * (1 + e) * exp(-f);
        sum := sum + t;
        EXIT WHEN x > 2 AND t <= sum * 1e-20;
    END LOOP;
    RETURN sum * step * scale;
END $$;
COMMENT ON FUNCTION tally_internal._decay(text, float8, float8, float8, float8) IS
'The integral of e^-f from 0 on. student: f = a ln(cosh u + b sinh u); gamma: f = a (e^(c u) - 1 - c u) + b u.';

CREATE FUNCTION tally_internal._normal_upper(z float8, OUT ln_tail float8, OUT mills float8)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    term float8 := z;
    n    int;
BEGIN
    IF z < 2.5 THEN
        -- Φ(z) - ½ = φ(z) (z + z³/3 + z⁵/15 + …).
        mills := z;
        n := 1;
        WHILE term > mills * 1e-18 LOOP
            n := n + 2;
            term := term * z * z / n;
            mills := mills + term;
            EXIT WHEN term < 1e-150;
        END LOOP;
        mills := sqrt(pi() / 2) * exp(z * z / 2) - mills;
    ELSE
        -- Laplace's continued fraction 1 / (z + 1 / (z + 2 / (z + …))).
        mills := z;
        FOR k IN REVERSE 10 + (400 / least(z * z, 400))::int .. 1 LOOP
            mills := z + k / mills;
        END LOOP;
        mills := 1 / mills;
    END IF;
    ln_tail := ln(mills) - 0.5 * z * z - 0.9189385332046728;
END $$;
COMMENT ON FUNCTION tally_internal._normal_upper(float8) IS 'ln P(Z > z) of a standard normal Z for z from 0 to 1e150, and the tail over the density at z.';

CREATE FUNCTION tally_internal._student_upper(s float8, df float8, OUT ln_tail float8, OUT integral float8)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    slope float8 := tanh(s);
BEGIN
    -- With t = √df sinh s the density is Γ((df + 1)/2) / (Γ(df/2) √π) (cosh s)^-df ds.
    integral := tally_internal._decay('student', 1 / (df * slope + sqrt(df)), df, slope, 2 / (tally_internal._exp(least(2 * s, 700)) + 1));
    ln_tail := tally_internal._ln_half_step(df / 2) - 0.5 * ln(pi()) + ln(integral)
        - df * CASE WHEN s < 1 THEN tally_internal._ln_1p(2 * sinh(s / 2) * sinh(s / 2))
                    ELSE s + tally_internal._ln_1p(tally_internal._exp(-2 * s)) - ln(2) END;
END $$;
COMMENT ON FUNCTION tally_internal._student_upper(float8, float8) IS
'ln P(T > √df sinh s) of Student''s t for s from 0, and the tail over the density in s.';

-- Below this many degrees of freedom the integral is taken; above it t is normal to the last digit that is shown.
CREATE FUNCTION tally_internal._ln_student_upper(at float8, df float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF df < 1e17 THEN
        RETURN least((tally_internal._student_upper(asinh(at / sqrt(df)), df)).ln_tail, -ln(2));
    ELSIF at > 1e4 THEN
        RETURN '-Infinity';
    END IF;
    RETURN least((tally_internal._normal_upper(at)).ln_tail, -ln(2));
END $$;
COMMENT ON FUNCTION tally_internal._ln_student_upper(float8, float8) IS 'ln P(T > at) for at from 0; with infinitely many degrees of freedom of the normal.';

CREATE FUNCTION tally_internal._student_tail(t float8, df float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tail float8;
BEGIN
    IF t IN ('Infinity', '-Infinity') THEN RETURN CASE WHEN t > 0 THEN 0 ELSE 1 END; END IF;
    tail := tally_internal._exp(tally_internal._ln_student_upper(abs(t), df));
    RETURN CASE WHEN t >= 0 THEN tail ELSE 1 - tail END;
END $$;
COMMENT ON FUNCTION tally_internal._student_tail(float8, float8) IS 'P(T > t).';

CREATE FUNCTION tally_internal._student_two_sided(t float8, df float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN t IN ('Infinity', '-Infinity') THEN 0 ELSE tally_internal._exp(tally_internal._ln_student_upper(abs(t), df) + ln(2::float8)) END
$$;
COMMENT ON FUNCTION tally_internal._student_two_sided(float8, float8) IS 'P(|T| > |t|).';

CREATE FUNCTION tally_internal._student_upper_quantile(tail float8, df float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target CONSTANT float8 := ln(tail);
    normal CONSTANT boolean := df >= 1e17;
    at     float8 := 0;
    step   float8;
BEGIN
    IF tail = 0.5 THEN RETURN 0; END IF;
    IF tail > 0.5 THEN RETURN -tally_internal._student_upper_quantile(1 - tail, df); END IF;
    -- Next to no degree of freedom: no number has so small a tail.
    IF df < 1e-300 THEN RETURN 'Infinity'; END IF;
    at := CASE WHEN normal THEN sqrt(-2 * (target + ln(2::float8))) ELSE asinh(tally_internal._student_upper_quantile(tail, 'Infinity') / sqrt(df)) END;
    -- Newton's method on ln P, which is concave: each step lands on the far side of the answer and comes back without crossing it.
    FOR i IN 1 .. 200 LOOP
        IF normal THEN
            SELECT (u.ln_tail - target) * u.mills INTO step FROM tally_internal._normal_upper(at) u;
        ELSE
            SELECT (u.ln_tail - target) * u.integral INTO step FROM tally_internal._student_upper(at, df) u;
        END IF;
        at := at + step;
        EXIT WHEN abs(step) <= 1e-15 * at;
    END LOOP;
    RETURN CASE WHEN normal THEN at ELSE sqrt(df) * sinh(at) END;
END $$;
COMMENT ON FUNCTION tally_internal._student_upper_quantile(float8, float8) IS 'The t for which P(T > t) is tail.';

CREATE FUNCTION tally_internal._gamma_part(a float8, x float8, side float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    away float8 := (x - a) * side;
    r    float8 := (x - a) / a;
    near float8;
BEGIN
    IF x = 'Infinity' THEN RETURN 0; END IF;
    near := CASE WHEN abs(r) < 0.1 THEN tally_internal._excess(r) ELSE r - ln(x / a) END;
    -- With t = x e^u: t^a e^-t du = x^a e^-x exp(a u - x (e^u - 1)) du. x^a e^-x / Γ(a) by Stirling.
    RETURN least(1, tally_internal._exp(0.5 * ln(a) - 0.9189385332046728 - tally_internal._stirling_error(a) - a * near
        + ln(tally_internal._decay('gamma', 1 / (away + sqrt(a) + 1e-300), x, away, side))));
END $$;
COMMENT ON FUNCTION tally_internal._gamma_part(float8, float8, float8) IS
'The tail of a gamma distribution of shape a that begins at x and leads away from the mean: upward (side 1) or downward (-1).';

CREATE FUNCTION tally_internal._chi_square_tail(x float8, df float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN x <= 0 THEN 1 WHEN x > df THEN tally_internal._gamma_part(df / 2, x / 2, 1) ELSE 1 - tally_internal._gamma_part(df / 2, x / 2, -1) END
$$;
COMMENT ON FUNCTION tally_internal._chi_square_tail(float8, float8) IS 'P(X > x) of chi-square.';

CREATE FUNCTION tally_internal._chi_square_cdf(x float8, df float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN x <= 0 THEN 0 WHEN x <= df THEN tally_internal._gamma_part(df / 2, x / 2, -1) ELSE 1 - tally_internal._gamma_part(df / 2, x / 2, 1) END
$$;
COMMENT ON FUNCTION tally_internal._chi_square_cdf(float8, float8) IS 'P(X <= x) of chi-square.';
