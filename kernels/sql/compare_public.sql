-- Owns: comparisons of means and ratios as people call them; and what is judged of comparisons: split, several questions, looks, badge.
-- A comparison may start a subtransaction, which parallel workers must not: so these are not PARALLEL SAFE.

CREATE OR REPLACE FUNCTION tally.compare_means(
    n_a bigint, mean_a float8, variance_a float8, n_b bigint, mean_b float8, variance_b float8, relative boolean DEFAULT false,
    alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000
) RETURNS tally.effect
LANGUAGE sql IMMUTABLE COST 1000
RETURN tally_internal._compare('welch', tally_internal._arm(n_a, mean_a, variance_a), tally_internal._arm(n_b, mean_b, variance_b), relative, alpha, planned);

CREATE OR REPLACE FUNCTION tally.compare_cuped(
    n_a bigint, mean_a float8, variance_a float8, covariate_mean_a float8, covariate_variance_a float8, covariance_a float8, n_b bigint,
    mean_b float8, variance_b float8, covariate_mean_b float8, covariate_variance_b float8, covariance_b float8,
    relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000
) RETURNS tally.effect
LANGUAGE sql IMMUTABLE COST 1000
RETURN tally_internal._compare('welch_cuped',
    tally_internal._arm(n_a, mean_a, covariate_mean_a, variance_a, covariance_a, covariance_a, covariate_variance_a),
    tally_internal._arm(n_b, mean_b, covariate_mean_b, variance_b, covariance_b, covariance_b, covariate_variance_b), relative, alpha, planned);

CREATE OR REPLACE FUNCTION tally.cuped_theta(
    n_a bigint, mean_a float8, variance_a float8, covariate_mean_a float8, covariate_variance_a float8, covariance_a float8, n_b bigint,
    mean_b float8, variance_b float8, covariate_mean_b float8, covariate_variance_b float8, covariance_b float8
) RETURNS float8
LANGUAGE plpgsql IMMUTABLE COST 100 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a tally.moments := tally_internal._arm(n_a, mean_a, covariate_mean_a, variance_a, covariance_a, covariance_a, covariate_variance_a);
    b tally.moments := tally_internal._arm(n_b, mean_b, covariate_mean_b, variance_b, covariance_b, covariance_b, covariate_variance_b);
BEGIN
    RETURN CASE WHEN tally_internal._lacks(a) IS NULL AND tally_internal._lacks(b) IS NULL THEN tally_internal._theta('welch_cuped', a, b) END;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION tally.compare_ratios(
    n_a bigint, numerator_a float8, denominator_a float8, numerator_variance_a float8, denominator_variance_a float8, covariance_a float8,
    n_b bigint, numerator_b float8, denominator_b float8, numerator_variance_b float8, denominator_variance_b float8, covariance_b float8,
    relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000
) RETURNS tally.effect
LANGUAGE sql IMMUTABLE COST 1000
RETURN tally_internal._compare('delta',
    tally_internal._arm(n_a, numerator_a, denominator_a, numerator_variance_a, covariance_a, covariance_a, denominator_variance_a),
    tally_internal._arm(n_b, numerator_b, denominator_b, numerator_variance_b, covariance_b, covariance_b, denominator_variance_b), relative, alpha, planned);

CREATE OR REPLACE FUNCTION tally.compare_ratios_cuped(
    n_a bigint, means_a float8[], covariances_a float8[], n_b bigint, means_b float8[], covariances_b float8[],
    relative boolean DEFAULT false, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000
) RETURNS tally.effect
LANGUAGE sql IMMUTABLE COST 1000
RETURN tally_internal._compare('delta_cuped', tally_internal._arm_of_four(n_a, means_a, covariances_a),
    tally_internal._arm_of_four(n_b, means_b, covariances_b), relative, alpha, planned);

CREATE OR REPLACE FUNCTION tally.sequential_interval(
    effect float8, standard_error float8, n bigint, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000, OUT low float8, OUT high float8,
    OUT p float8
)
LANGUAGE plpgsql IMMUTABLE STRICT COST 20 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._check_asked(alpha, planned);
    IF tally_internal._all_finite(effect, standard_error) AND standard_error > 0 AND n >= 1 THEN
        SELECT s.low, s.high, s.p INTO low, high, p FROM tally_internal._sequential(effect, standard_error, n, alpha, planned) s;
    END IF;
EXCEPTION WHEN numeric_value_out_of_range THEN
    NULL;
END $$;

CREATE FUNCTION tally_internal._check_flat(dimensions int) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF dimensions > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'array_subscript_error', MESSAGE = format('expected an array of one dimension, got %s dimensions', dimensions),
            DETAIL = 'An array within an array has no place in the answer.', HINT = 'SELECT ARRAY(SELECT unnest(''{{1,2},{3,4}}''::float8[]))';
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_flat(int) IS 'Refuses an array of several dimensions.';

CREATE OR REPLACE FUNCTION tally.sample_ratio(
    units bigint[], weights float8[], OUT statistic float8, OUT df int, OUT p float8, OUT mismatch boolean, OUT misplaced bigint,
    OUT reason text
)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hint     CONSTANT text := 'SELECT * FROM tally.sample_ratio(units => ''{5021, 4979}'', weights => ''{0.5, 0.5}'')';
    refuse   text;
    detail   text;
    heaviest CONSTANT float8 := (SELECT max(x) FROM unnest(weights) x);
    scale    float8;
    total    float8;
    weight   float8;
    lost     float8 := 0;
    next     float8;
    apart    float8;
    n        float8;
    w        float8;
BEGIN
    PERFORM tally_internal._check_flat(array_ndims(units)), tally_internal._check_flat(array_ndims(weights));
    IF array_position(units, NULL) IS NOT NULL OR array_position(weights, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'units and weights expected without NULL, got one',
            DETAIL = 'An arm that nobody was in has 0 units.', HINT = hint;
    END IF;
    IF cardinality(units) <> cardinality(weights) THEN
        refuse := format('one weight for each arm expected, got %s units and %s weights', cardinality(units), cardinality(weights));
        detail := 'The arms stand in the same order in both arrays.';
    ELSIF EXISTS (SELECT FROM unnest(weights) x WHERE NOT (x >= 0 AND x < 'Infinity')) THEN
        refuse := (SELECT format('weights expected to be 0 or more, got %s', tally_internal._plain_number(x)) FROM unnest(weights) WITH ORDINALITY u(x, i)
                    WHERE NOT (x >= 0 AND x < 'Infinity') ORDER BY i LIMIT 1);
        detail := 'Weights are shares of the traffic; they need not add up to 1.';
    ELSIF EXISTS (SELECT FROM unnest(units) x WHERE x < 0) THEN
        refuse := (SELECT format('units expected to be 0 or more, got %s', x) FROM unnest(units) WITH ORDINALITY u(x, i) WHERE x < 0 ORDER BY i LIMIT 1);
        detail := 'Count each unit once, in the arm of its first exposure.';
    ELSIF COALESCE(heaviest, 0) = 0 THEN
        refuse := 'weights expected with a sum above 0, got only zeros';
        detail := 'At least one arm must be meant to have units.';
    END IF;
    IF refuse IS NOT NULL THEN RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = refuse, DETAIL = detail, HINT = hint; END IF;
    -- By a power of two, so that no weight is rounded; and none so small beside another that it vanishes.
    scale := 2::float8 ^ floor(ln(heaviest) / ln(2::float8));
    SELECT sum(x::float8), count(*) - 1 INTO total, df FROM unnest(units, weights) u(x, y) WHERE y > 0;
    IF df < 1 OR total = 0 THEN
        reason := CASE WHEN df < 1 THEN 'one_arm' ELSE 'no_units' END;
        df := NULL;
        RETURN;
    END IF;
    -- What the sum of the weights has lost by rounding (Knuth).
    weight := 0;
    FOR w IN SELECT CASE WHEN ln(x) - ln(scale) < -322 THEN 1e-140 ELSE x / scale END FROM unnest(weights) WITH ORDINALITY u(x, i)
              WHERE x > 0 ORDER BY i LOOP
        next := weight + w;
        lost := lost + ((weight - (next - (next - weight))) + (w - (next - weight)));
        weight := next;
    END LOOP;
    -- n weight - total w to the last digit: units near what is expected would lose those of the difference.
    statistic := 0;
    FOR n, w IN SELECT x, CASE WHEN ln(y) - ln(scale) < -322 THEN 1e-140 ELSE y / scale END
                  FROM unnest(units, weights) WITH ORDINALITY u(x, y, i) WHERE y > 0 ORDER BY i LOOP
        apart := (n * weight - total * w) + n * lost;
        IF tally_internal._within(n, weight, total, w) THEN
            apart := apart + (tally_internal._product_lost(n, weight) - tally_internal._product_lost(total, w));
        END IF;
        statistic := statistic + apart / weight * (apart / (total * w));
    END LOOP;
    SELECT COALESCE(sum(x), 0) INTO misplaced FROM unnest(units, weights) u(x, y) WHERE y = 0;
    p := tally_internal._chi_square_tail(statistic, df);
    mismatch := p < 0.001;
END $$;

CREATE FUNCTION tally_internal._check_p(VARIADIC p float8[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bad float8 := (SELECT v FROM unnest(p) WITH ORDINALITY u(v, i) WHERE NOT (v >= 0 AND v <= 1) ORDER BY i LIMIT 1);
BEGIN
    IF bad IS NULL THEN RETURN; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('p values expected in 0 to 1, got %s', tally_internal._plain_number(bad)),
        DETAIL = 'NULL stands for a comparison that could not be made; it is not counted.', HINT = 'SELECT tally.adjust_holm(''{0.01, 0.04, NULL, 0.2}'')';
END $$;
COMMENT ON FUNCTION tally_internal._check_p(float8[]) IS 'Refuses p values outside of 0 to 1.';

CREATE OR REPLACE FUNCTION tally.adjust_holm(p float8[]) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._check_flat(array_ndims(p));
    SELECT tally_internal._check_p(VARIADIC p);
    SELECT COALESCE(array_agg(h.adjusted ORDER BY u.n), '{}')
      FROM unnest(p) WITH ORDINALITY u(v, n)
      LEFT JOIN (SELECT r.n, least(max(r.v * (r.m - r.place + 1)) OVER (ORDER BY r.place), 1) AS adjusted
                   FROM (SELECT x.v, x.n, row_number() OVER (ORDER BY x.v, x.n) AS place, count(*) OVER () AS m
                           FROM unnest(p) WITH ORDINALITY x(v, n) WHERE x.v IS NOT NULL) r) h ON h.n = u.n
$$;
CREATE OR REPLACE FUNCTION tally.adjust_benjamini_hochberg(p float8[]) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._check_flat(array_ndims(p));
    SELECT tally_internal._check_p(VARIADIC p);
    SELECT COALESCE(array_agg(h.adjusted ORDER BY u.n), '{}')
      FROM unnest(p) WITH ORDINALITY u(v, n)
      LEFT JOIN (SELECT r.n, least(min(r.v * r.m / r.place) OVER (ORDER BY r.place DESC), 1) AS adjusted
                   FROM (SELECT x.v, x.n, row_number() OVER (ORDER BY x.v, x.n) AS place, count(*) OVER () AS m
                           FROM unnest(p) WITH ORDINALITY x(v, n) WHERE x.v IS NOT NULL) r) h ON h.n = u.n
$$;

CREATE OR REPLACE FUNCTION tally.experiment_badge(
    srm_p float8, units_a bigint, units_b bigint, lift float8, p float8, direction text DEFAULT 'up_is_good',
    sequential_p float8 DEFAULT NULL, ended boolean DEFAULT true, alpha float8 DEFAULT 0.05, least_units bigint DEFAULT 150,
    suspicious float8 DEFAULT 0.5, practically_equal float8 DEFAULT 0.005
) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hint    CONSTANT text :=
        'SELECT tally.experiment_badge(srm_p => 0.4, units_a => 5000, units_b => 5100, lift => 0.03, p => 0.01, direction => ''up_is_good'')';
    bad     CONSTANT float8 := (SELECT v FROM unnest(ARRAY[srm_p, p, sequential_p]) WITH ORDINALITY u(v, i) WHERE NOT (v >= 0 AND v <= 1) ORDER BY i LIMIT 1);
    fewest  CONSTANT bigint := least(COALESCE(units_a, 0), COALESCE(units_b, 0));
    decides CONSTANT float8 := CASE WHEN COALESCE(ended, true) THEN p ELSE sequential_p END;
BEGIN
    PERFORM tally_internal._check_alpha(alpha);
    IF direction IS NULL OR direction NOT IN ('up_is_good', 'down_is_good') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('direction expected to be up_is_good or down_is_good, got "%s"', COALESCE(direction, 'NULL')),
            DETAIL = 'Without a direction a lift is neither a win nor a loss.', HINT = hint;
    ELSIF bad IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('p values expected in 0 to 1, got %s', tally_internal._plain_number(bad)),
            DETAIL = 'NULL stands for a comparison that could not be made.', HINT = hint;
    END IF;
    RETURN CASE WHEN srm_p < 0.001 THEN 'invalid_srm' WHEN fewest <= 0 THEN 'no_data' WHEN fewest < COALESCE(least_units, 0) THEN 'not_enough_data'
                WHEN lift IS NULL OR lift = 'NaN' OR decides IS NULL THEN 'no_data' WHEN abs(lift) >= NULLIF(suspicious, 'NaN') THEN 'suspicious'
                WHEN decides < alpha AND abs(lift) < practically_equal AND practically_equal <> 'NaN' THEN 'practically_equal'
                WHEN decides < alpha THEN CASE WHEN (lift > 0) = (direction = 'up_is_good') THEN 'win' ELSE 'loss' END
                ELSE 'not_significant' END;
END $$;
