-- Statistics of experiments from SQL. Constants are scipy 1.17.1's, statsmodels 0.15.0's or made by hand; the many are in core/tests/oracles.
SELECT no_plan();
CREATE FUNCTION near(got float8, want float8, what text) RETURNS text LANGUAGE sql AS
    $$ SELECT ok(abs(got - want) <= 1e-9 * abs(want), format('%s: %s near %s', what, got, want)) $$;

-- Six numbers give an answer: scipy.stats.ttest_ind_from_stats(10.25, 4.5**.5, 1000, 10, 2, 1000, equal_var=False).
SELECT unnest(ARRAY[
    near((e).statistic, 2.711630722733202, 'Welch'),
    near((e).p, 0.006752860833992062, 'its p'),
    near((e).effect, 0.25, 'its difference'),
    ok((e).reason IS NULL AND (e).method = 'welch', 'a number has no reason')])
  FROM (SELECT tally.compare_means(n_a => 1000, mean_a => 10, variance_a => 4, n_b => 1000, mean_b => 10.25, variance_b => 4.5) AS e) t;
-- scipy.stats.ttest_ind([2,4,4,9,20,30], [1,2,4,8,16], equal_var=False) and its confidence_interval(), from rows.
CREATE TABLE v (arm text, y float8, x float8);
INSERT INTO v VALUES ('a', 1, 1), ('a', 2, 2), ('a', 4, 2), ('a', 8, 5), ('a', 16, 9), ('b', 2, 1), ('b', 4, 3), ('b', 4, 2), ('b', 9, 4), ('b', 20,
    9), ('b', 30, 11);
SELECT unnest(ARRAY[
    near((e).df, 7.947462009039188, 'Satterthwaite'),
    near((e).p, 0.3478579601775592, 'p from sketches'),
    near((e).low, -6.964904922231649, 'low'),
    near((e).high, 17.564904922231648, 'high'),
    near((e).value_a, 6.2, 'value of a'),
    near((e).value_b, 11.5, 'value of b')])
  FROM (SELECT tally.compare_means(tally.stats(y) FILTER (WHERE arm = 'a'), tally.stats(y) FILTER (WHERE arm = 'b')) AS e FROM v) t;
-- By PostgreSQL's own aggregates: the delta method for Σy / Σx, written out.
SELECT unnest(ARRAY[
    near((e).effect, r_b - r_a, 'difference of ratios'),
    near((e).standard_error, sqrt(v_a + v_b), 'its standard error'),
    near((l).effect, (r_b - r_a) / r_a, 'lift of ratios'),
    near((l).standard_error, sqrt(v_b / r_a ^ 2 + v_a * r_b ^ 2 / r_a ^ 4), 'its standard error')])
  FROM (SELECT tally.compare_ratios(s_a, s_b) AS e, tally.compare_ratios(s_a, s_b, relative => true) AS l, r_a, r_b, v_a, v_b
          FROM (SELECT tally.stats(y, x) FILTER (WHERE arm = 'a') AS s_a, tally.stats(y, x) FILTER (WHERE arm = 'b') AS s_b FROM v) s,
               (SELECT sum(y) / sum(x) AS r_a, (var_samp(y) - 2 * sum(y) / sum(x) * covar_samp(y,
                   x) + (sum(y) / sum(x)) ^ 2 * var_samp(x)) / count(*) / avg(x) ^ 2 AS v_a FROM v WHERE arm = 'a') a,
               (SELECT sum(y) / sum(x) AS r_b, (var_samp(y) - 2 * sum(y) / sum(x) * covar_samp(y,
                   x) + (sum(y) / sum(x)) ^ 2 * var_samp(x)) / count(*) / avg(x) ^ 2 AS v_b FROM v WHERE arm = 'b') b) t;
-- CUPED: θ over all rows as one sample, by regr_slope, and the residuals' variances.
SELECT unnest(ARRAY[
    near((e).effect, d, 'CUPED''s difference'),
    near((e).standard_error, se, 'its standard error'),
    near(theta, slope, 'θ is the slope over both arms')])
  FROM (SELECT tally.compare_cuped(tally.stats(y, x) FILTER (WHERE arm = 'a'), tally.stats(y, x) FILTER (WHERE arm = 'b')) AS e,
               tally.cuped_theta(count(*) FILTER (WHERE arm = 'a'), avg(y) FILTER (WHERE arm = 'a'), var_samp(y) FILTER (WHERE arm = 'a'),
                   avg(x) FILTER (WHERE arm = 'a'),
                   var_samp(x) FILTER (WHERE arm = 'a'), covar_samp(y, x) FILTER (WHERE arm = 'a'), count(*) FILTER (WHERE arm = 'b'),
                       avg(y) FILTER (WHERE arm = 'b'),
                   var_samp(y) FILTER (WHERE arm = 'b'), avg(x) FILTER (WHERE arm = 'b'), var_samp(x) FILTER (WHERE arm = 'b'), covar_samp(y,
                       x) FILTER (WHERE arm = 'b')) AS theta,
               regr_slope(y, x) AS slope FROM v) t,
       (SELECT avg(z) FILTER (WHERE arm = 'b') - avg(z) FILTER (WHERE arm = 'a') AS d,
               sqrt(var_samp(z) FILTER (WHERE arm = 'a') / 5 + var_samp(z) FILTER (WHERE arm = 'b') / 6) AS se
          FROM (SELECT arm, y - x * (SELECT regr_slope(y, x) FROM v) AS z FROM v) s) w;

-- The lift with CUPED is D / A, and the control's value A is a part of D too. By the delta method over the four means; to take the adjusted variance for
-- both parts, as a peer does, would give a standard error of 0.0154 here in place of 0.0210.
SELECT unnest(ARRAY[
    near((e).effect, 1.0, 'the lift with CUPED'),
    near((e).standard_error, sqrt(v_a + v_b), 'the lift with CUPED has the variance of both of its parts')])
  FROM (SELECT tally.compare_cuped(1000, 10, 25, 10, 25, 22.5, 1000, 20, 25, 10, 25, 22.5, true) AS e,
               -- θ over both arms as one is 22.5 / 25, because the covariate's means are equal; D = 10, L = 1. dL/dy_a = -(1 + L) / A, dL/dx_a = θ / A,
               -- dL/dy_b = 1 / A, dL/dx_b = -θ / A.
               (0.2 * 0.2 * 25 + 0.09 * 0.09 * 25 - 2 * 0.2 * 0.09 * 22.5) / 1000 AS v_a,
               (0.1 * 0.1 * 25 + 0.09 * 0.09 * 25 - 2 * 0.1 * 0.09 * 22.5) / 1000 AS v_b) t;

-- Proportions: statsmodels.stats.proportion.proportions_ztest([100, 130], [1000, 1000]), confint_proportions_2indep(130, 1000, 100, 1000, method='newcomb').
SELECT unnest(ARRAY[
    near((e).p, 0.03548845046647471, 'z test'),
    near((e).statistic, 2.102740605622114, 'z'),
    is((e).method, 'z', 'by z')]) FROM (SELECT tally.compare_proportions(100, 1000, 130, 1000) AS e) t;
SELECT unnest(ARRAY[
    near(low, 0.0020023487152830075, 'Newcombe low'),
    near(high, 0.05807048502220285, 'Newcombe high')]) FROM tally.newcombe_interval(100, 1000, 130, 1000);
-- scipy.stats.fisher_exact([[3, 7], [9, 1]]).
SELECT near(tally.fisher_exact(3, 10, 9, 10), 0.019766611097880443, 'Fisher');
SELECT unnest(ARRAY[
    is((e).p, tally.fisher_exact(3, 10, 9, 10), 'small counts: Fisher''s p'),
    is(ROW((e).low, (e).high), ROW(n.low, n.high), 'and Newcombe''s interval'),
    is((e).method, 'fisher', 'by fisher')])
  FROM (SELECT tally.compare_proportions(3, 10, 9, 10) AS e) t, tally.newcombe_interval(3, 10, 9, 10) AS n;
SELECT is((tally.compare_proportions(3, 100, 9, 100)).method, 'z', 'an expected count of 6 is enough for z');
SELECT is((tally.compare_proportions(3, 100, 6, 100)).method, 'fisher', 'one of 4.5 is not');

-- Tails: scipy.stats.norm.sf(37), t.sf(2.5, 3), t.ppf(.975, 1e7), chi2.sf(3.84, 1).
SELECT unnest(ARRAY[
    near(tally.normal_tail(37), 5.7255712225239266e-300, 'far in the tail'),
    near(tally.student_tail(2.5, 3), 0.04385332350403278, 't'),
    near(tally.student_p(-2.5, 3), 0.08770664700806556, 'two-sided t'),
    near(tally.student_quantile(0.975, 1e7), 1.959964221767205, 't of ten million degrees'),
    near(tally.normal_quantile(0.975), 1.959963984540054, 'z'),
    near(tally.chi_square_tail(3.84, 1), 0.05004352124870519, 'chi-square'),
    near(tally.chi_square_cdf(3.84, 1), 1 - 0.05004352124870519, 'its cdf'),
    near(tally.normal_cdf(-37), 5.7255712225239266e-300, 'the lower tail is a tail too'),
    near(tally.student_cdf(2.5, 3), 1 - 0.04385332350403278, 'cdf of t')]);
-- Bug of the peers: 2 (1 - cdf) is 0 from z = 8.3 on.
SELECT ok((tally.compare_means(1000000, 10, 4, 1000000, 10.1, 4)).p BETWEEN 1e-275 AND 1e-270, 'a p far in the tail has its digits');

-- The split. scipy.stats.chisquare([5100, 4900]).
SELECT unnest(ARRAY[
    near(statistic, 4, 'chi-square of the split'),
    near(p, 0.04550026389635857, 'its p'),
    is(df, 1, 'its df'),
    is(mismatch, false, 'rarer than 1 in 1000 is a mismatch')]) FROM tally.sample_ratio('{5100,4900}', '{1,1}');
SELECT is(ROW(df, p, misplaced, mismatch), ROW(1, tally.chi_square_tail(4, 1), 7::bigint, false),
    'an arm of weight zero adds no degree of freedom and no unit') FROM tally.sample_ratio('{5100,7,4900}', '{0.5,0,0.5}');
SELECT ok(mismatch, 'a mismatch') FROM tally.sample_ratio('{60000,40000}', '{0.5,0.5}');
SELECT is(ROW(p, reason), ROW(NULL::float8, 'no_units'::text), 'nobody came') FROM tally.sample_ratio('{0,0}', '{1,1}');
SELECT is(ROW(p, reason), ROW(NULL::float8, 'one_arm'::text), 'one arm has no ratio') FROM tally.sample_ratio('{5,0}', '{1,0}');

-- Several questions: statsmodels.stats.multitest.multipletests, methods holm and fdr_bh; and one that could not be asked.
SELECT is(tally.adjust_holm('{0.01,0.04,NULL,0.03,0.005}'), '{0.03,0.06,NULL,0.06,0.02}'::float8[], 'Holm');
SELECT is(tally.adjust_benjamini_hochberg('{0.01,0.04,NULL,0.03,0.005}'), '{0.02,0.04,NULL,0.04,0.02}'::float8[], 'Benjamini and Hochberg');
SELECT is(tally.adjust_holm('{}'), '{}'::float8[], 'no question');

-- Planning: statsmodels.stats.power.TTestIndPower().solve_power(.1, power=.8, alpha=.05) is 1570.73; .power(.1, 1571, .05).
SELECT is(ROW(u.*), ROW(1571::bigint, 1571::bigint), 'required units') FROM tally.required_units(difference => 0.1, variance => 1) AS u;
SELECT near(tally.experiment_power(0.1, 1, 1571, 1571), 0.8000666820510532, 'power');
SELECT ok(abs(tally.experiment_power(tally.detectable_difference(1, 900, 300), 1, 900, 300) - 0.8) < 1e-12, 'what can be detected has the power');

SELECT near(tally.experiment_power(0, 1, 118267, 2, alpha => 1e-6, variance_b => 400), 1e-6,
    'bug: without a difference the power is alpha, also where the arm that varies has two units');

-- Quantiles: of 1 to 101 the value at level q is 1 + 100 q, so the median's standard error is 100 √(¼ / 101), twice.
SELECT unnest(ARRAY[
    near((e).effect, 10, 'difference of medians'),
    near((e).value_a, 51, 'median'),
    near((e).standard_error, sqrt(2) * 50 / sqrt(101), 'its standard error by order statistics')])
  FROM (SELECT tally.compare_quantiles(tally.tdigest(i), tally.tdigest(i + 10), 0.5) AS e FROM generate_series(1, 101) i) t;
SELECT is(ROW((e).effect, (e).reason), ROW(NULL::float8, 'too_few_units'::text), 'five values have no 95th percentile with a standard error')
  FROM (SELECT tally.compare_quantiles(tally.tdigest(i), tally.tdigest(i), 0.95) AS e FROM generate_series(1, 5) i) t;
-- One value in each unit: whether it is under is a coin, of variance 1/4 · n / (n - 1).
SELECT near(tally.cluster_factor(0.5, tally.stats(i % 2, 1)), 100 / 99.0, 'independent values have a cluster factor of n / (n - 1)')
    FROM generate_series(1, 100) i;
SELECT near(tally.cluster_factor(0.5, tally.stats(i % 2 * 10, 10)), 1000 / 99.0, 'ten equal values in each unit have ten times that')
    FROM generate_series(1, 100) i;

-- No number, and why; the values that are known stay.
CREATE TABLE no_number (what text, e tally.effect, reason text);
INSERT INTO no_number VALUES
    ('nobody in the control', tally.compare_means(0, NULL, NULL, 10, 1, 1), 'empty_arm'),
    ('NULL units', tally.compare_means(NULL, NULL, NULL, 10, 1, 1), 'empty_arm'),
    ('one unit', tally.compare_means(1, 5, NULL, 10, 1, 1), 'too_few_units'),
    ('one unit, variance 0', tally.compare_means(1, 5, 0, 10, 1, 1), 'too_few_units'),
    ('no sketch', tally.compare_means(NULL::tally.stats, NULL), 'empty_arm'),
    ('no variance', tally.compare_means(10, 5, 0, 10, 5, 0), 'zero_variance'),
    ('no variance, other means', tally.compare_means(10, 5, 0, 10, 6, 0), 'zero_variance'),
    ('no lift over zero', tally.compare_means(10, 0, 1, 10, 6, 1, relative => true), 'zero_baseline'),
    ('NaN', tally.compare_means(10, 'NaN', 1, 10, 6, 1), 'not_finite'),
    ('infinity', tally.compare_means(10, 1, 'Infinity', 10, 6, 1), 'not_finite'),
    ('beyond float8', tally.compare_means(10, 1e308, 1e308, 10, -1e308, 1e308), 'not_finite'),
    ('denominators of zero', tally.compare_ratios(10, 1, 0, 1, 0, 0, 10, 1, 1, 1, 1, 0), 'zero_denominator'),
    ('a ratio that is always 2', tally.compare_ratios(10, 2, 1, 4, 1, 2, 10, 6, 3, 4, 1, 2), 'zero_variance'),
    ('CUPED: y is x', tally.compare_cuped(10, 3, 2, 3, 2, 2, 10, 3, 2, 3, 2, 2), 'zero_variance'),
    ('CUPED: nothing varies', tally.compare_cuped(10, 3, 0, 3, 0, 0, 10, 4, 0, 3, 0, 0), 'zero_variance'),
    ('CUPED: one unit', tally.compare_cuped(1, 3, NULL, 3, NULL, NULL, 10, 4, 1, 3, 1, 0), 'too_few_units'),
    ('a ratio with CUPED, arrays NULL', tally.compare_ratios_cuped(0, NULL, NULL, 0, NULL, NULL), 'empty_arm'),
    ('nobody succeeded', tally.compare_proportions(0, 200, 0, 210), 'zero_variance'),
    ('everybody succeeded', tally.compare_proportions(200, 200, 210, 210), 'zero_variance'),
    ('no lift over nobody', tally.compare_proportions(0, 200, 9, 210, relative => true), 'zero_baseline'),
    ('one unit of a proportion', tally.compare_proportions(1, 1, 9, 210), 'too_few_units'),
    ('no unit of a proportion', tally.compare_proportions(0, 0, 9, 210), 'empty_arm'),
    ('no unit, asked for Fisher', tally.compare_proportions(0, 0, 9, 210, method => 'fisher'), 'empty_arm'),
    ('no unit, asked for Welch', tally.compare_proportions(0, 0, 9, 210, method => 'welch'), 'empty_arm'),
    ('no strata', tally.compare_strata('{}', '{}', '{}', '{}', '{}', '{}'), 'empty_arm'),
    ('thin strata only', tally.compare_strata('{1}', '{5}', '{NULL}', '{9}', '{4}', '{1}'), 'too_few_units'),
    ('equal quantiles', tally.compare_quantiles(10, 5, 5, 5, 10, 6, 6, 6), 'zero_variance');
SELECT unnest(ARRAY[
    is((e).reason, reason, what),
    ok((e).effect IS NULL AND (e).p IS NULL AND (e).low IS NULL AND (e).high IS NULL AND (e).sequential_p IS NULL AND (e).standard_error IS NULL
        AND (e).df IS NULL AND (e).statistic IS NULL, what || ': no number')]) FROM no_number ORDER BY what;
SELECT ok(NOT e::text ~ 'NaN|Infinity', what || ': never NaN') FROM no_number ORDER BY what;
SELECT is((e).value_b, 6::float8, 'the variation''s value is shown though there is no lift') FROM no_number WHERE what = 'no lift over zero';
SELECT near((tally.compare_cuped(10, 3, 2, 3, 0, 0, 10, 4, 2, 3, 0, 0)).p, (tally.compare_means(10, 3, 2, 10, 4, 2)).p,
    'a covariate that does not vary adjusts nothing');
SELECT ok((tally.compare_means(100, 0, 0, 100, 1, 4)).p IS NOT NULL, 'one arm that does not vary is no hindrance');
SELECT is((tally.compare_proportions(0, 200, 0, 210, method => 'fisher')).p, 1::float8, 'Fisher''s test has an answer even where nobody succeeded');
SELECT ok((e).p < 1e-6 AND (e).low < 1 AND (e).standard_error > 0, 'nobody against everybody') FROM (SELECT tally.compare_proportions(0, 12, 12, 12) AS e) t;

SELECT ok((e).reason IS NULL AND (e).effect = -1 AND (e).low = -1 AND (e).high < -0.9 AND (e).method = 'fisher',
    'bug: a lift of -1, where nobody succeeded in b, had no number, as if nothing varied')
  FROM (SELECT tally.compare_proportions(100, 1000, 0, 1000, relative => true) AS e) t;

-- The badge: the first that applies.
SELECT is(tally.experiment_badge(srm, a, b, lift, p, direction, seq, ended), want,
    format('%s: srm %s, %s and %s units, lift %s, p %s, %s, sequential p %s, %s', want, srm, a, b, lift, p, direction, seq,
    CASE WHEN ended THEN 'ended' ELSE 'running' END))
  FROM (VALUES (0.0009, 0, 0, NULL, NULL, 'up_is_good', NULL, true, 'invalid_srm'), (0.001, 200, 200, 0.1, 0.01, 'up_is_good', NULL, true, 'win'),
               (0.5, 0, 200, NULL, NULL, 'up_is_good', NULL, true, 'no_data'), (0.5, 200, 200, NULL, NULL, 'up_is_good', NULL, true, 'no_data'),
               (0.5, 149, 200, 0.1, 0.01, 'up_is_good', NULL, true, 'not_enough_data'), (0.5, 1, 200, NULL, NULL, 'up_is_good', NULL, true,
                   'not_enough_data'),
               (0.5, 150, 150, 0.1, 0.01, 'up_is_good', NULL, true, 'win'), (0.5, 150, 150, 0.5, 0.9, 'up_is_good', NULL, true, 'suspicious'),
               (0.5, 150, 150, -0.5, 0.001, 'up_is_good', NULL, true, 'suspicious'), (0.5, 150, 150, 'Infinity', 0.001, 'up_is_good', NULL, true,
                   'suspicious'),
               (0.5, 9999, 9999, 0.0049, 0.001, 'up_is_good', NULL, true, 'practically_equal'), (0.5, 9999, 9999, -0.0049, 0.06, 'up_is_good', NULL,
                   true, 'not_significant'),
               (0.5, 9999, 9999, 0.005, 0.049, 'up_is_good', NULL, true, 'win'), (0.5, 9999, 9999, -0.005, 0.049, 'up_is_good', NULL, true, 'loss'),
               (0.5, 9999, 9999, -0.1, 0.049, 'down_is_good', NULL, true, 'win'), (0.5, 9999, 9999, 0.1, 0.049, 'down_is_good', NULL, true, 'loss'),
               (0.5, 9999, 9999, 0.1, 0.05, 'up_is_good', NULL, true, 'not_significant'), (0.5, 9999, 9999, 0.1, 0.01, 'up_is_good', 0.2, false,
                   'not_significant'),
               (0.5, 9999, 9999, 0.1, 0.2, 'up_is_good', 0.01, false, 'win'), (0.5, 9999, 9999, 0.1, 0.01, 'up_is_good', 0.2, true, 'win'),
               (NULL, 9999, 9999, 0.1, 0.01, 'up_is_good', NULL, true, 'win'))
       AS t(srm, a, b, lift, p, direction, seq, ended, want);

-- Bad arguments: four parts, and a hint that works.
CREATE TABLE refused (call text, state text);
INSERT INTO refused VALUES
    ('tally.adjust_holm(''{{0.1,0.2},{0.3,0.4}}'')', '2202E'), ('tally.sample_ratio(''{{1,2}}'', ''{{1,1}}'')', '2202E'),
    ('tally.compare_means(-1, 1, 1, 10, 1, 1)', '22023'), ('tally.compare_means(10, 1, -1, 10, 1, 1)', '22023'),
        ('tally.compare_means(10, 1, 1, 10, 1, 1, alpha => 0)', '22023'),
    ('tally.compare_means(10, 1, 1, 10, 1, 1, alpha => NULL)', '22023'), ('tally.compare_means(10, 1, 1, 10, 1, 1, planned => 0)', '22023'),
    ('tally.compare_cuped(10, 1, 1, 1, 1, 5, 10, 1, 1, 1, 1, 0)', '22023'), ('tally.compare_proportions(11, 10, 1, 10)', '22023'),
        ('tally.compare_proportions(-1, 10, 1, 10)', '22023'),
    ('tally.compare_proportions(1, 10, 1, 10, method => ''exact'')', '22023'), ('tally.compare_proportions(1, 10, 1, 10, method => NULL)', '22023'),
        ('tally.fisher_exact(11, 10, 1, 10)', '22023'),
    ('tally.newcombe_interval(1, 10, 1, 10, alpha => 1)', '22023'), ('tally.compare_strata(''{1,2}'', ''{1}'', ''{1}'', ''{1}'', ''{1}'', ''{1}'')', '2202E'),
    ('tally.compare_ratios_cuped(10, ''{1,2,3}'', ''{1}'', 10, ''{1,2,3}'', ''{1}'')', '2202E'), ('tally.quantile_bounds(1.5, 10)', '22023'),
    ('tally.compare_quantiles(10, 5, 6, 4, 10, 5, 4, 6)', '22023'), ('tally.sample_ratio(''{1,2}'', ''{1}'')', '22023'),
        ('tally.sample_ratio(''{1,2}'', ''{0,0}'')', '22023'),
    ('tally.sample_ratio(''{1,2}'', ''{1,-1}'')', '22023'), ('tally.sample_ratio(''{1,NULL}'', ''{1,1}'')', '22004'),
        ('tally.sample_ratio(''{-1,2}'', ''{1,1}'')', '22023'),
    ('tally.adjust_holm(''{1.5}'')', '22023'), ('tally.adjust_benjamini_hochberg(''{NaN}'')', '22023'),
        ('tally.experiment_badge(0.5, 1, 1, 0, 0, direction => ''neutral'')', '22023'),
    ('tally.experiment_badge(0.5, 1, 1, 0, 2)', '22023'), ('tally.normal_quantile(1.1)', '22023'), ('tally.student_p(1, 0)', '22023'),
        ('tally.chi_square_tail(1, ''Infinity'')', '22023'),
    ('tally.required_units(0, 1)', '22023'), ('tally.required_units(1, -1)', '22023'), ('tally.required_units(1, 1, power => 0.01)', '22023'),
        ('tally.required_units(1, 1, share_b => 1)', '22023'),
    ('tally.experiment_power(1, 1, 1, 5)', '22023'), ('tally.detectable_difference(1, 9, 9, power => 1)', '22023');
CREATE FUNCTION parts(call text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT ' || call;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
SELECT unnest(ARRAY[
    is(p.state, r.state, r.call),
    ok(p.message ~ 'expected' AND p.message ~ 'got' AND p.detail <> '' AND p.hint ~ '^SELECT ', r.call || ': four parts: ' || p.message)])
        FROM refused r, parts(r.call) p;
SELECT lives_ok(hint, 'the hint works: ' || hint) FROM (SELECT DISTINCT p.hint FROM refused r, parts(r.call) p) t;

-- Arms of one unit may be anything; and a comparison is one value, usable anywhere.
SELECT is((SELECT count(*) FROM v GROUP BY arm HAVING (tally.compare_means(count(*), avg(y), var_samp(y), 10, 1, 1)).p < 0 LIMIT 1), NULL, 'in HAVING');
SELECT is_empty($$SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.oid = 'tally.effect'::regclass AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL$$, 'every column of an effect is explained');

-- An arm whose values are all 0 does not vary, and its lift is -1. What rounding leaves of that had been taken for a variance of about 1e-32, with a p of
-- 1e-202 (the random test found it).
SELECT is((SELECT count(*) FROM generate_series(1, 60) m, generate_series(1, 30) d
    WHERE (tally.compare_ratios(10, m / 7.0, d / 3.0, 4, 5, 1, 10, 0, 3, 0, 2, 0, true)).reason IS DISTINCT FROM 'zero_variance'), 0::bigint,
    'the lift of a ratio that is 0 has no variance');
SELECT is((SELECT count(*) FROM unnest('{0,1e-17,-1e-17,1e-16}'::float8[]) co
    WHERE (tally.compare_cuped(10, 2, 1, 1, 1, co, 10, 0, 0, 1, 1, 0, true)).reason IS DISTINCT FROM 'zero_variance'), 0::bigint,
    'nor has that of a mean that is 0, beside a covariate that goes with it by rounding alone');
SELECT is((tally.compare_cuped(10, 2, 1, 1, 1, 0.5, 10, 0, 0, 1, 1, 0, true)).reason, NULL, 'one that goes with it in the control does');

-- Values that go with what they are adjusted by, or divided by, nearly wholly: little is left of the variance, and it keeps its digits. By numeric, with
-- forty of them; the numbers themselves are sums of powers of two, so that they are the same in both.
CREATE FUNCTION tight(ratio boolean, relative boolean, left_ int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    part CONSTANT numeric := 1::numeric / (2::numeric ^ left_);   -- the share of the variance that is left
    e    tally.effect;
    v    numeric;
BEGIN
    -- Variances 4 and 4 with the covariance 4 (1 - part), of which a ratio of 1 or a θ of 1 - part leaves 8 part or 4 (1 - (1 - part)²).
    IF ratio THEN
        e := tally.compare_ratios(64, 8, 8, 4, 4, (4 * (1 - part))::float8, 64, 8, 8, 4, 4, (4 * (1 - part))::float8, relative);
        v := 2 * 8 * part / (64 * 64);
    ELSE
        e := tally.compare_cuped(64, 8, 4, 8, 4, (4 * (1 - part))::float8, 64, 8, 4, 8, 4, (4 * (1 - part))::float8);
        v := 2 * 4 * (1 - (1 - part) * (1 - part)) / 64;
    END IF;
    RETURN near(e.standard_error, sqrt(v)::float8, format('of the variance 2^-%s is left, %s', left_, CASE WHEN ratio THEN 'ratio' ELSE 'CUPED' END));
END $$;
SELECT tight(ratio, relative, l) FROM unnest('{t,f}'::boolean[]) ratio, unnest('{t,f}'::boolean[]) relative, unnest('{3,20,33}'::int[]) l
 WHERE ratio OR NOT relative;

-- Near each other: bug of the kernel in SQL, which subtracted ratios, strata and expected units that agree in their first eleven digits.
SELECT near((tally.compare_ratios(500, 1e9, 1e9, 1e-3, 1e-3, 5e-4, 500, 1e9 + 0.0078125, 1e9, 1e-3, 1e-3, 4e-4)).effect, 7.8125e-12, 'ratios near each other');
SELECT near((tally.compare_strata('{500,300}', '{1e9,1000000000.0078125}', '{1,1}', '{500,300}', '{1000000000.0078125,1000000000.015625}', '{1,1}')).effect,
    0.0078125, 'strata near each other');
SELECT near(statistic, 2e-9, 'units near their shares') FROM tally.sample_ratio('{1000000001,999999999}', '{0.1,0.1}');

-- Weights of next to nothing. Bug: it was never computed to its end, and could not be cancelled.
SELECT ok(p > 0.999 AND statistic < 1e-100 AND NOT mismatch, 'an arm whose weight vanishes beside another, and which has no units')
    FROM tally.sample_ratio('{5,0}', '{1e308,1e-308}');
SELECT ok(p = 0 AND statistic < 'Infinity' AND mismatch, 'and with units') FROM tally.sample_ratio('{5,5}', '{1e308,1e-308}');
SELECT is(tally.student_quantile(0.9, 1e-320), 'Infinity'::float8, 'bug: a quantile of next to no degree of freedom was NaN');

-- Bug: of shares of 0.7 and 0.3 an arm got a unit too many, because 1 - 0.7 is not quite 0.3. The fewest units by whole numbers, from below.
SELECT is(ROW(u.units_a, u.units_b), ROW(w.a, w.b), format('%s tenths of the units: the fewest that have the power', tenths))
  FROM unnest('{1,3,5,7,9}'::int[]) tenths, LATERAL tally.required_units(0.3, 1, share_b => tenths / 10.0) u,
       LATERAL (SELECT n.a, n.b FROM generate_series(u.units_a + u.units_b - 6, u.units_a + u.units_b + 6) total,
                       LATERAL (SELECT (total * (10 - tenths) + 9) / 10 AS a, (total * tenths + 9) / 10 AS b) n
                 WHERE tally.experiment_power(0.3, 1, n.a, n.b) >= 0.8 ORDER BY total LIMIT 1) w;
SELECT * FROM finish();
