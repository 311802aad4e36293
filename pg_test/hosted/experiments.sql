-- Asked of both kernels by pg_test/hosted/agree.sh: distributions, comparisons of arms, the split, several questions, badges, planning. Numbers are
-- compared in ten digits.
-- answers: 330
\ir told.psql

CREATE FUNCTION pg_temp.d(x float8) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN x IS NULL THEN '-' WHEN x = 0 OR x IN ('NaN', 'Infinity', '-Infinity') THEN x::text
                ELSE round(x::numeric, 9 - floor(log(abs(x)))::int)::float8::text END $$;
CREATE FUNCTION pg_temp.d(e tally.effect) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', e.method, e.reason, (SELECT string_agg(pg_temp.d(v), ' ' ORDER BY n) FROM unnest(ARRAY[e.value_a, e.value_b, e.effect,
        e.standard_error, e.df, e.statistic, e.p, e.low, e.high, e.sequential_p, e.sequential_low, e.sequential_high]) WITH ORDINALITY u(v, n))) $$;
SELECT 'normal', z, pg_temp.d(tally.normal_cdf(z)), pg_temp.d(tally.normal_tail(z))
  FROM unnest('{0,1e-20,0.3,1,2.4999,2.5,3,6,12,30,-0.7,-4,-9,Infinity,-Infinity,NaN}'::float8[]) z;
SELECT 'quantile', p, pg_temp.d(tally.normal_quantile(p)), pg_temp.d(tally.student_quantile(p, 3)), pg_temp.d(tally.student_quantile(p, 250.5))
  FROM unnest('{0,1e-200,1e-9,0.001,0.025,0.3,0.5,0.7,0.975,0.9999,1}'::float8[]) p;
SELECT 'student', t, df, pg_temp.d(tally.student_cdf(t, df)), pg_temp.d(tally.student_tail(t, df)), pg_temp.d(tally.student_p(t, df))
  FROM unnest('{0,0.1,1,2.228,-3,25,300}'::float8[]) t, unnest('{0.5,1,2,10,77.7,5000,1e9,Infinity}'::float8[]) df ORDER BY 2, 3;
SELECT 'chi', x, df, pg_temp.d(tally.chi_square_cdf(x, df)), pg_temp.d(tally.chi_square_tail(x, df))
  FROM unnest('{0,0.01,1,3.84,20,90,1000,Infinity,-1,NaN}'::float8[]) x, unnest('{0.5,1,2,7,30,900}'::float8[]) df ORDER BY 2, 3;
-- By hand: P(T > 1) of one degree of freedom is 1/4; P(X > x) of two is e^(-x/2); P(|Z| > 1.96) is 0.0499958; Fisher's tea is 34/70.
SELECT 'hand', abs(tally.student_tail(1, 1) - 0.25) < 1e-14, abs(tally.chi_square_tail(3, 2) - exp(-1.5)) < 1e-14,
    abs(2 * tally.normal_tail(1.96) - 0.04999579029644087) < 1e-14, abs(tally.fisher_exact(1, 4, 3, 4) - 34.0 / 70) < 1e-13;
SELECT 'means', r, v.*, pg_temp.d(tally.compare_means(a, ma, va, b, mb, vb, r)) FROM unnest('{f,t,NULL}'::boolean[]) r,
    (VALUES (1000, 10, 4, 1000, 10.4, 4.4), (2, 1, 1, 3, 2, 5), (1, 1, NULL, 5, 2, 2), (0, NULL, NULL, 5, 2, 2), (50, 0, 4, 60, 1, 4), (50, 3, 0, 60, 3, 0),
            (50, 'NaN', 4, 60, 1, 4), (50, 5, 'Infinity', 60, 1, 4), (NULL, 5, 2, 60, 1, 4), (1000000, -5, 2, 900000, -5.001, 2.1))
    v(a, ma, va, b, mb, vb);
SELECT 'huge', pg_temp.d(tally.compare_means(50, 1e200, 1e300, 60, 2e200, 1e300)), pg_temp.d(tally.compare_means(50, 1e200, 1e308, 60, 2e-200, 1e308)),
    pg_temp.d(tally.compare_ratios(50, 1e100, 1e100, 1e190, 1e190, 0, 60, 2e100, 1e100, 1e190, 1e190, 0));
SELECT 'options', a, p, pg_temp.d(tally.compare_means(900, 10, 40, 1100, 10.4, 44, false, a, p)) FROM unnest('{0.01,0.1,0.5}'::float8[]) a,
    unnest('{100,5000,1e7}'::float8[]) p;
SELECT 'cuped', r, v.c, v.vx, pg_temp.d(tally.compare_cuped(900, 10, 40, 8, vx, c, 1100, 10.7, 44, 8.1, vx, c, r)),
    pg_temp.d(tally.cuped_theta(900, 10, 40, 8, vx, c, 1100, 10.7, 44, 8.1, vx, c))
  FROM unnest('{f,t}'::boolean[]) r, (VALUES (20, 30), (-10, 25), (0, 30), (0, 0), (NULL, 30)) v(c, vx);
-- Both ratios are the same number to the last digit: an inexact one would differ by the last digit of a kernel.
SELECT 'ratios', r, v.d, pg_temp.d(tally.compare_ratios(900, 30, d, 400, 9, 20, 1100, 45, d * 1.5, 420, 10, 25, r))
  FROM unnest('{f,t}'::boolean[]) r, (VALUES (3), (-2), (0), (1e-3)) v(d);
SELECT 'ratios before', r, pg_temp.d(tally.compare_ratios_cuped(900, m, c, 1100, ARRAY[33, 3.2, 29, 3.05], c, r))
  FROM unnest('{f,t}'::boolean[]) r, (VALUES ('{30,3,28,3}'::float8[], '{400,20,100,5,20,9,4,3,100,4,380,19,5,3,19,8}'::float8[]),
      ('{30,3,0,0}', '{400,20,0,0,20,9,0,0,0,0,0,0,0,0,0,0}'), (NULL, NULL)) v(m, c);
SELECT 'sketches', pg_temp.d(tally.compare_means(a, b, true)), pg_temp.d(tally.compare_ratios(a, b)), pg_temp.d(tally.compare_cuped(a, b))
  FROM (SELECT tally.stats(i % 17, i % 5 + 1) AS a FROM generate_series(1, 300) i) x,
       (SELECT tally.stats(i % 19, i % 6 + 1) AS b FROM generate_series(1, 310) i) y;
SELECT 'proportions', m, r, v.*, pg_temp.d(tally.compare_proportions(sa, a, sb, b, r, method => m)) FROM unnest('{auto,z,fisher,welch}'::text[]) m,
    unnest('{f,t}'::boolean[]) r, (VALUES (100, 1000, 130, 1000), (3, 40, 9, 35), (0, 10, 4, 12), (0, 10, 0, 12), (5, 5, 1, 9), (0, 0, 1, 9), (1, 1, 1, 9),
        (20, 20, 30, 30), (NULL, 7, 2, 9)) v(sa, a, sb, b);
SELECT 'near', m, r, v.*, pg_temp.d(tally.compare_proportions(sa, a, sb, b, r, method => m)) FROM unnest('{z,welch}'::text[]) m, unnest('{f,t}'::boolean[]) r,
    (VALUES (500000000, 1000000000, 500000001, 1000000000), (999999997, 1000000000, 999999999, 1000000000), (100, 1000, 0, 1000)) v(sa, a, sb, b);
SELECT 'near ratios', r, pg_temp.d(tally.compare_ratios(500, 1e9, 1e9, 1e-3, 1e-3, 5e-4, 500, 1e9 + x, 1e9, 1e-3, 1e-3, 4e-4, r)),
    pg_temp.d(tally.compare_ratios(64, 8, 8, 4, 4, 4 - x, 64, 8.25, 8, 4, 4, 4 - x, r)),
    pg_temp.d(tally.compare_cuped(64, 8, 4, 8, 4, 4 - x, 64, 8.25, 4, 8, 4, 4 - x, r))
  FROM unnest('{f,t}'::boolean[]) r, unnest('{0.0078125,0.0009765625,3e-8}'::float8[]) x;
SELECT 'near strata', r, pg_temp.d(tally.compare_strata('{500,300}', '{1e9,1000000000.0078125}', '{1,1}', '{500,300}',
    '{1000000000.0078125,1000000000.03125}', '{1,1}', r)) FROM unnest('{f,t}'::boolean[]) r;
SELECT 'nobody', pg_temp.d(tally.compare_proportions(100, 1000, 0, 1000, true)), pg_temp.d(n.low), pg_temp.d(n.high)
  FROM tally.newcombe_interval(999999997, 1000000000, 999999999, 1000000000) n;
SELECT 'fisher', a, b, pg_temp.d(tally.fisher_exact(a, 30, b, 41)), pg_temp.d(n.low), pg_temp.d(n.high)
  FROM generate_series(0, 30, 6) a, generate_series(0, 41, 8) b, LATERAL tally.newcombe_interval(a, 30, b, 41) n;
SELECT 'fisher of many', pg_temp.d(tally.fisher_exact(500000, 1000000, 501500, 1000000)), pg_temp.d(tally.fisher_exact(3, 1000000, 21, 1000000)),
    tally.fisher_exact(0, 0, 1, 4);
SELECT 'strata', r, v.a, pg_temp.d(tally.compare_strata(a, ma, va, b, mb, vb, r)) FROM unnest('{f,t}'::boolean[]) r,
    (VALUES ('{500,300}'::bigint[], '{10,20}'::float8[], '{4,9}'::float8[], '{520,280}'::bigint[], '{10.4,20.9}'::float8[], '{4.1,8}'::float8[]),
        ('{500,300,1,1}', '{10,20,30,40}', '{4,9,NULL,NULL}', '{520,280,1,5}', '{10.4,20.9,31,39}', '{4.1,8,NULL,3}'),
        ('{500,1}', '{10,20}', '{4,NULL}', '{520,1}', '{10.4,20.9}', '{4.1,NULL}'), ('{0}', '{NULL}', '{NULL}', '{5}', '{1}', '{1}'),
        ('{1}', '{1}', '{NULL}', '{1}', '{1}', '{NULL}'), ('{}', '{}', '{}', '{}', '{}', '{}'), ('{9,9}', '{0,0}', '{0,0}', '{9,9}', '{1,1}', '{0,0}'),
        (NULL, '{1}', '{1}', '{1}', '{1}', '{1}'))
    v(a, ma, va, b, mb, vb);
SELECT 'bounds', q, n, pg_temp.d(b.low), pg_temp.d(b.high) FROM unnest('{0.01,0.5,0.95}'::float8[]) q, unnest('{0,10,1000,1000000}'::bigint[]) n,
    LATERAL tally.quantile_bounds(q, n) b;
SELECT 'quantiles', r, v.*, pg_temp.d(tally.compare_quantiles(a, va, la, ha, b, 390, 372, 405, r, 0.05, 5000, f)) FROM unnest('{f,t}'::boolean[]) r,
    (VALUES (900, 410, 395, 428, 910, 1), (900, 410, 395, 428, 910, 2.5), (900, 0, -1, 1, 910, 1), (1, 410, 395, 428, 910, 1), (0, 410, 395, 428, 910, 1),
        (900, 410, NULL, 428, 910, 1), (900, 'NaN', 395, 428, 910, 1), (900, 410, 395, 428, 910, NULL)) v(a, va, la, ha, b, f);
SELECT 'factor', n, pg_temp.d(tally.cluster_factor(0.5, n, 2, 4, 3, 5, 1.5)), pg_temp.d(tally.cluster_factor(0.9, n, 3.5, 4, 3, 0, 0))
  FROM unnest('{0,2,500}'::bigint[]) n;
SELECT 'looks', e, s, n, pg_temp.d(x.low), pg_temp.d(x.high), pg_temp.d(x.p) FROM unnest('{0,0.1,-3,NaN}'::float8[]) e, unnest('{0.05,1,0}'::float8[]) s,
    unnest('{0,500,2000000}'::bigint[]) n, LATERAL tally.sequential_interval(e, s, n) x;
SELECT 'split', u, w, pg_temp.d(s.statistic), s.df, pg_temp.d(s.p), s.mismatch, s.misplaced, s.reason
  FROM (VALUES ('{5021,4979}'::bigint[], '{0.5,0.5}'::float8[]), ('{5200,4800}', '{1,1}'), ('{100,200,300}', '{1,2,3}'), ('{100,200,7}', '{1,2,0}'),
    ('{1000000001,999999999}', '{0.1,0.1}'), ('{5,0}', '{1e308,1e-308}'), ('{0,0}', '{1,1}'), ('{5}', '{1}'), ('{5,4}', '{0,1}')) v(u, w),
    LATERAL tally.sample_ratio(u, w) s;
SELECT 'adjusted', tally.adjust_holm(p), tally.adjust_benjamini_hochberg(p) FROM (VALUES ('{0.01,0.04,NULL,0.2,0.01}'::float8[]), ('{}'), ('{NULL}'),
    ('{1,0}')) v(p);
SELECT 'badge', lift, p, dir, ended, tally.experiment_badge(s, a, a + 5, lift, p, dir, sp, ended),
    tally.experiment_badge(s, a, a, lift, p, dir, sp, ended, 0.2, 0, 0.03, 0.02)
  FROM (VALUES (0.4, 500, 0.03, 0.01, 0.5), (0.0001, 500, 0.03, 0.01, 0.5), (NULL, 500, 0.6, 0.2, 0.01), (0.4, 100, 0.03, 0.01, 0.5),
      (0.4, 0, 0.03, 0.01, 0.5), (0.4, 500, 0.001, 0.01, 0.01), (0.4, 500, NULL, 0.01, 0.5), (0.4, 500, -0.03, NULL, 0.001),
      (0.4, NULL, -0.03, 0.1, 0.001)) v(s, a, lift, p, sp),
    unnest('{up_is_good,down_is_good}'::text[]) dir, unnest('{t,f}'::boolean[]) ended;
SELECT 'no power', a, pg_temp.d(tally.experiment_power(0, 1, 118267, 2, a, 400)) FROM unnest('{0.05,1e-6}'::float8[]) a;
SELECT 'power', pg_temp.d(tally.experiment_power(0.5, 25, n, n + 10)), pg_temp.d(tally.experiment_power(0.5, 25, n, n, 0.01, 36))
  FROM unnest('{2,30,800}'::bigint[]) n;
SELECT 'plan', u.*, pg_temp.d(tally.detectable_difference(25, 1571, 1571)), tally.required_units(NULL, 1) IS NULL FROM tally.required_units(0.5, 25) u;
SELECT 'plan of shares', u.* FROM tally.required_units(0.02, 0.09, share_b => 0.2, variance_b => 0.11) u;
SELECT 'plan of tenths', s, u.* FROM unnest('{0.1,0.3,0.7}'::float8[]) s, LATERAL tally.required_units(0.3, 1, share_b => s) u;
SELECT 'next to nothing', pg_temp.d(tally.compare_means(50, 1, 1e-300, 60, 2, 4)),
    pg_temp.d(tally.experiment_power(0.5, 1e-300, 300, 310, variance_b => 36)), pg_temp.d(tally.experiment_power(1e308, 1, 300, 310));
SELECT pg_temp.told(s) FROM unnest(ARRAY['SELECT tally.student_p(1, 0)', 'SELECT tally.student_p(1, ''NaN'')', 'SELECT tally.chi_square_tail(1, ''Infinity'')',
    'SELECT tally.adjust_holm(''{{0.1,0.2},{0.3,0.4}}'')', 'SELECT tally.sample_ratio(''{{1,2}}'', ''{{1,1}}'')',
    'SELECT tally.compare_strata(''{1}'', ''{{1}}'', ''{1}'', ''{1}'', ''{1}'', ''{1}'')',
    'SELECT tally.normal_quantile(1.5)', 'SELECT tally.normal_quantile(''NaN'')', 'SELECT tally.compare_means(-1, 1, 1, 1, 1, 1)',
    'SELECT tally.compare_means(9, 1, -1, 9, 1, 1)', 'SELECT tally.compare_means(9, 1, 1, 9, 1, 1, alpha => 0)',
    'SELECT tally.compare_means(9, 1, 1, 9, 1, 1, planned => NULL)', 'SELECT tally.compare_cuped(9, 1, 1, 1, 1, 2, 9, 1, 1, 1, 1, 0)',
    'SELECT tally.compare_ratios_cuped(1, ''{1}'', NULL, 1, NULL, NULL)', 'SELECT tally.compare_proportions(5, 4, 1, 4)',
    'SELECT tally.compare_proportions(1, 4, 1, 4, method => ''exact'')', 'SELECT tally.fisher_exact(5, 4, 1, 4)',
    'SELECT tally.newcombe_interval(1, 4, 1, 4, 2)',
    'SELECT tally.compare_strata(''{1}'', ''{1,2}'', ''{1}'', ''{1}'', ''{1}'', ''{1}'')', 'SELECT tally.quantile_bounds(1, 5)',
    'SELECT tally.compare_quantiles(9, 4, 5, 4, 9, 4, 4, 5)', 'SELECT tally.sample_ratio(''{1,2}'', ''{1}'')',
    'SELECT tally.sample_ratio(''{1,NULL}'', ''{1,1}'')',
    'SELECT tally.sample_ratio(''{1,2}'', ''{1,-1}'')', 'SELECT tally.sample_ratio(''{-1,2}'', ''{1,1}'')', 'SELECT tally.sample_ratio(''{1,2}'', ''{0,0}'')',
    'SELECT tally.adjust_holm(''{0.1,1.5}'')', 'SELECT tally.experiment_badge(2, 1, 1, 1, 1)', 'SELECT tally.experiment_badge(0.5, 1, 1, 1, 1, ''up'')',
    'SELECT tally.experiment_power(1, 1, 1, 5)', 'SELECT tally.required_units(0, 1)', 'SELECT tally.required_units(1, 0)',
    'SELECT tally.required_units(1, 1, 0.01)', 'SELECT tally.required_units(1, 1, share_b => 1)', 'SELECT tally.sequential_interval(1, 1, 1, 0)']) s;
