-- Owns: comparisons of proportions, of strata and of quantiles; Fisher's exact test. core/src/experiment says which papers they are from.

CREATE FUNCTION tally_internal._check_share(successes bigint, n bigint) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF COALESCE(n, 0) >= 0 AND COALESCE(successes, 0) BETWEEN 0 AND COALESCE(n, 0) THEN RETURN; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('successes expected in 0 to the arm''s %s units, got %s', COALESCE(n, 0), COALESCE(successes, 0)),
        DETAIL = 'A proportion counts each unit once; a metric that counts events is a mean or a ratio.',
        HINT = 'SELECT * FROM tally.compare_proportions(successes_a => 100, n_a => 1000, successes_b => 130, n_b => 1000)';
END $$;
COMMENT ON FUNCTION tally_internal._check_share(bigint, bigint) IS 'Refuses counts of successes that cannot be.';

CREATE FUNCTION tally_internal._deviance(x float8, m float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r float8 := (x - m) / m;
BEGIN
    -- x ln(x/m) + m - x = m ((1 + r) ln(1 + r) - r).
    RETURN CASE WHEN abs(r) < 0.1 THEN m * (r * r - (1 + r) * tally_internal._excess(r)) ELSE x * ln(x / m) + m - x END;
END $$;
COMMENT ON FUNCTION tally_internal._deviance(float8, float8) IS 'Deviance of x from its mean m: x ln(x/m) + m - x.';

CREATE FUNCTION tally_internal._ln_binomial(x float8, n float8, p float8, q float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p = 0 OR q = 0 THEN RETURN CASE WHEN x = CASE WHEN p = 0 THEN 0 ELSE n END THEN 0 ELSE '-Infinity'::float8 END; END IF;
    IF x = 0 THEN RETURN n * CASE WHEN p < 0.5 THEN tally_internal._ln_1p(-p) ELSE ln(q) END; END IF;
    IF x = n THEN RETURN n * CASE WHEN q < 0.5 THEN tally_internal._ln_1p(-q) ELSE ln(p) END; END IF;
    RETURN tally_internal._stirling_error(n) - tally_internal._stirling_error(x) - tally_internal._stirling_error(n - x)
        - tally_internal._deviance(x, n * p) - tally_internal._deviance(n - x, n * q) + 0.5 * ln(n / (2 * pi() * x * (n - x)));
END $$;
COMMENT ON FUNCTION tally_internal._ln_binomial(float8, float8, float8, float8) IS
'ln of the binomial probability of x among n with chance p, where q is 1 - p.';

CREATE FUNCTION tally_internal._ln_table(x float8, n_a float8, n_b float8, successes float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p float8 := successes / (n_a + n_b);
    q float8 := (n_a + n_b - successes) / (n_a + n_b);
BEGIN
    RETURN tally_internal._ln_binomial(x, n_b, p, q) + tally_internal._ln_binomial(successes - x, n_a, p, q)
        - tally_internal._ln_binomial(successes, n_a + n_b, p, q);
END $$;
COMMENT ON FUNCTION tally_internal._ln_table(float8, float8, float8, float8) IS 'ln of the probability that arm b has x of the successes.';

CREATE FUNCTION tally_internal._table_tail(x float8, side int, n_a float8, n_b float8, successes float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    term  float8 := 1;
    sum   float8 := 1;
    ratio float8;
BEGIN
    LOOP
        ratio := CASE side WHEN 1 THEN (n_b - x) * (successes - x) / ((x + 1) * (n_a - successes + x + 1))
                           ELSE x * (n_a - successes + x) / ((n_b - x + 1) * (successes - x + 1)) END;
        -- What is left is at most a geometric series of this ratio. It ends before a term is too small for PostgreSQL.
        IF ratio <= 0 THEN RETURN sum; END IF;
        term := term * ratio;
        IF term < 1e-100 OR term * ratio < sum * 1e-17 * (1 - ratio) THEN RETURN sum + term; END IF;
        sum := sum + term;
        x := x + side;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._table_tail(float8, int, float8, float8, float8) IS
'The probabilities of tables from x outward, as a multiple of that of x.';

CREATE OR REPLACE FUNCTION tally.fisher_exact(successes_a bigint, n_a bigint, successes_b bigint, n_b bigint) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a       CONSTANT float8 := n_a;
    b       CONSTANT float8 := n_b;
    all_    CONSTANT float8 := successes_a::float8 + successes_b::float8;
    here    CONSTANT float8 := successes_b;
    lowest  CONSTANT float8 := greatest(all_ - a, 0);
    highest CONSTANT float8 := least(all_, b);
    mode    float8;
    "limit" float8;
    side    int;
    near    float8;
    likely  float8;
    rare    float8;
    middle  float8;
BEGIN
    PERFORM tally_internal._check_share(successes_a, n_a), tally_internal._check_share(successes_b, n_b);
    IF a = 0 OR b = 0 THEN RETURN 1; END IF;
    mode := least(greatest(floor((b + 1) * (all_ + 1) / (a + b + 2)), lowest), highest);
    -- Tables whose probabilities differ by less than this share are equally likely.
    "limit" := tally_internal._ln_table(here, a, b, all_) + 1e-10;
    IF tally_internal._ln_table(mode, a, b, all_) <= "limit" THEN RETURN 1; END IF;
    side := CASE WHEN here > mode THEN 1 ELSE -1 END;
    near := tally_internal._exp(tally_internal._ln_table(here, a, b, all_)) * tally_internal._table_tail(here, side, a, b, all_);
    -- The first table on the other side of the mode that is at most as likely, by halving.
    rare := CASE side WHEN 1 THEN lowest ELSE highest END;
    IF tally_internal._ln_table(rare, a, b, all_) > "limit" THEN RETURN least(near, 1); END IF;
    likely := mode;
    WHILE abs(likely - rare) > 1 LOOP
        middle := floor((likely + rare) / 2);
        IF tally_internal._ln_table(middle, a, b, all_) > "limit" THEN likely := middle; ELSE rare := middle; END IF;
    END LOOP;
    RETURN least(near + tally_internal._exp(tally_internal._ln_table(rare, a, b, all_)) * tally_internal._table_tail(rare, -side, a, b, all_), 1);
END $$;

CREATE FUNCTION tally_internal._wilson(successes float8, n float8, z float8, OUT low float8, OUT down float8, OUT up float8)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    z2    CONSTANT float8 := z * z;
    p     CONSTANT float8 := successes / n;
    v     CONSTANT float8 := p * ((n - successes) / n);
    -- The middle of the interval less the proportion. Both distances are half of it and half less it: their product is z² v / (n + z²).
    shift CONSTANT float8 := z2 * (0.5 * n - successes) / n / (n + z2);
    far   CONSTANT float8 := z / (n + z2) * sqrt(n * v + 0.25 * z2) + abs(shift);
    near  CONSTANT float8 := z2 * v / (n + z2) / far;
BEGIN
    down := CASE WHEN shift > 0 THEN near ELSE far END;
    up := CASE WHEN shift > 0 THEN far ELSE near END;
    -- The product of both limits is p² / (1 + z²/n), so the lower one does not cancel.
    low := p * p * (n / (n + z2)) / (p + up);
END $$;
COMMENT ON FUNCTION tally_internal._wilson(float8, float8, float8) IS
'Wilson''s interval of a proportion: its lower limit, and how far it reaches below and above the proportion.';

CREATE FUNCTION tally_internal._newcombe(s_a float8, n_a float8, s_b float8, n_b float8, alpha float8, relative boolean, OUT low float8, OUT high float8)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    z      CONSTANT float8 := tally_internal._student_upper_quantile(alpha / 2, 'Infinity');
    a      CONSTANT record := tally_internal._wilson(s_a, n_a, z);
    b      CONSTANT record := tally_internal._wilson(s_b, n_b, z);
    p      CONSTANT float8 := s_a / n_a;
    q      CONSTANT float8 := s_b / n_b;
    apart  CONSTANT float8 := tally_internal._quotients_apart(s_a, n_a, s_b, n_b);
    square float8;
    root   float8;
BEGIN
    IF relative THEN
        -- Donner and Zou's interval of the ratio, (pq - root) / (u (2p - u)), by the distances of the limits from p and q.
        root := sqrt(p * b.down * p * b.down + a.up * a.up * (b.low * (q + b.down)));
        low := CASE WHEN s_b = 0 THEN -1 ELSE (q * apart - b.down * b.down - root) / (p * q + root) END;
        square := a.low * (p + a.down);
        root := sqrt(q * a.down * q * a.down + b.up * b.up * square);
        high := (p * apart + a.down * a.down + root) / square;
    ELSE
        low := apart - sqrt(b.down * b.down + a.up * a.up);
        high := apart + sqrt(b.up * b.up + a.down * a.down);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._newcombe(float8, float8, float8, float8, float8, boolean) IS 'Newcombe''s interval of b - a, or of b / a - 1.';

CREATE OR REPLACE FUNCTION tally.newcombe_interval(
    successes_a bigint, n_a bigint, successes_b bigint, n_b bigint, alpha float8 DEFAULT 0.05, OUT low float8, OUT high float8
)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._check_share(successes_a, n_a), tally_internal._check_share(successes_b, n_b), tally_internal._check_alpha(alpha);
    IF n_a > 0 AND n_b > 0 THEN
        SELECT w.low, w.high INTO low, high FROM tally_internal._newcombe(successes_a, n_a, successes_b, n_b, alpha, false) w;
    END IF;
END $$;

CREATE FUNCTION tally_internal._unpooled(s_a float8, n_a float8, s_b float8, n_b float8, relative boolean, OUT effect float8, OUT variance float8)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p   float8 := s_a / n_a;
    q   float8 := s_b / n_b;
    v_a float8 := p * ((n_a - s_a) / n_a) / n_a;
    v_b float8 := q * ((n_b - s_b) / n_b) / n_b;
BEGIN
    effect := tally_internal._quotients_apart(s_a, n_a, s_b, n_b) / CASE WHEN relative THEN p ELSE 1 END;
    variance := CASE WHEN relative THEN (v_b + v_a * (q / p) * (q / p)) / (p * p) ELSE v_a + v_b END;
END $$;
COMMENT ON FUNCTION tally_internal._unpooled(float8, float8, float8, float8, boolean) IS
'Difference or lift of b over a, with the variance that each arm has by itself.';

CREATE OR REPLACE FUNCTION tally.compare_proportions(
    successes_a bigint, n_a bigint, successes_b bigint, n_b bigint, relative boolean DEFAULT false, alpha float8 DEFAULT 0.05,
    planned float8 DEFAULT 5000, method text DEFAULT 'auto'
) RETURNS tally.effect
LANGUAGE plpgsql IMMUTABLE COST 1000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s_a    CONSTANT float8 := COALESCE(successes_a, 0);
    s_b    CONSTANT float8 := COALESCE(successes_b, 0);
    a      CONSTANT float8 := COALESCE(n_a, 0);
    b      CONSTANT float8 := COALESCE(n_b, 0);
    p      CONSTANT float8 := s_a / NULLIF(a, 0);
    q      CONSTANT float8 := s_b / NULLIF(b, 0);
    lift   CONSTANT boolean := COALESCE(relative, false);
    chosen text := method;
    reason text;
    answer tally.effect;
    u      record;
    w      record;
BEGIN
    PERFORM tally_internal._check_share(successes_a, n_a), tally_internal._check_share(successes_b, n_b);
    IF method IS NULL OR method NOT IN ('auto', 'z', 'fisher', 'welch') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('method expected to be auto, z, fisher or welch, got "%s"', COALESCE(method, 'NULL')),
            DETAIL = 'auto is Fisher''s exact test where an expected count is under 5, and the z test otherwise.',
            HINT = 'SELECT * FROM tally.compare_proportions(100, 1000, 130, 1000, method => ''auto'')';
    END IF;
    PERFORM tally_internal._check_asked(alpha, planned);
    IF method = 'welch' THEN
        answer := tally_internal._compare('welch', tally_internal._arm(n_a, p, p * ((a - s_a) / NULLIF(a, 0))),
                                          tally_internal._arm(n_b, q, q * ((b - s_b) / NULLIF(b, 0))), lift, alpha, planned);
        IF answer.reason IS NULL THEN
            u := tally_internal._unpooled(s_a, a, s_b, b, lift);
            answer := tally_internal._tested(p, q, 'welch', u.effect, u.variance, answer.df, a + b, alpha, planned);
        END IF;
        RETURN answer;
    END IF;
    IF method = 'auto' THEN
        chosen := CASE WHEN least(a, b) * least(s_a + s_b, a + b - s_a - s_b) / NULLIF(a + b, 0) < 5 OR p IN (0, 1) AND q IN (0, 1)
            OR lift AND q = 0 THEN 'fisher' ELSE 'z' END;
    END IF;
    reason := CASE WHEN a < 1 OR b < 1 THEN 'empty_arm'
                   WHEN method <> 'fisher' AND least(a, b) < 2 THEN 'too_few_units'
                   WHEN method <> 'fisher' AND s_a + s_b IN (0, a + b) THEN 'zero_variance'
                   WHEN lift AND s_a = 0 THEN 'zero_baseline' END;
    IF reason IS NOT NULL THEN RETURN tally_internal._no_effect(p, q, chosen, reason); END IF;
    u := tally_internal._unpooled(s_a, a, s_b, b, lift);
    IF chosen = 'z' THEN
        answer := tally_internal._tested(p, q, 'z', u.effect, u.variance, 'Infinity', a + b, alpha, planned);
        IF answer.reason IS NULL THEN
            -- p asks whether both arms are one: then they share one proportion.
            answer.statistic := tally_internal._quotients_apart(s_a, a, s_b, b)
                / sqrt((s_a + s_b) / (a + b) * ((a + b - s_a - s_b) / (a + b)) * (1 / a + 1 / b));
            answer.p := tally_internal._student_two_sided(answer.statistic, 'Infinity');
        END IF;
        RETURN answer;
    END IF;
    -- The standard error of one more success and one more failure in each arm (Agresti and Caffo 2000): the plain one may be 0.
    w := tally_internal._unpooled(s_a + 1, a + 2, s_b + 1, b + 2, lift);
    answer := tally_internal._tested(p, q, 'fisher', u.effect, w.variance, 'Infinity', a + b, alpha, planned);
    IF answer.reason IS NULL THEN
        answer.statistic := NULL;
        answer.p := tally.fisher_exact(COALESCE(successes_a, 0), n_a, COALESCE(successes_b, 0), n_b);
        w := tally_internal._newcombe(s_a, a, s_b, b, alpha, lift);
        answer.low := w.low;
        answer.high := w.high;
    END IF;
    RETURN answer;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN tally_internal._no_effect(p, q, chosen, 'not_finite');
END $$;
