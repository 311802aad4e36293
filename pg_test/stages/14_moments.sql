-- tally.moments against PostgreSQL's own aggregates, shifted data, merging, bad input; and comparisons of two of them.
SELECT no_plan();
CREATE FUNCTION near(got float8, want float8, what text) RETURNS text LANGUAGE sql AS
    $$ SELECT ok(abs(got - want) <= 1e-9 * abs(want), format('%s: %s near %s', what, got, want)) $$;
CREATE TABLE v AS SELECT i % 2 AS arm, i % 97 AS g, 1e9 + (i * 7919 % 1000) / 8.0 AS y,
       CASE WHEN i % 11 > 0 THEN 1e9 + (i * 104729 % 1000) / 4.0 + i % 5 END AS x,
       3 + i % 7 AS d, 2 + i % 13 AS e FROM generate_series(1, 20000) i;
CREATE VIEW w AS SELECT * FROM v WHERE x IS NOT NULL;

SELECT unnest(ARRAY[
    near(tally.mean(m, 1), avg(y::numeric)::float8, 'mean'),
    near(tally.sum(m, 2), sum(x::numeric)::float8, 'sum'),
    near(tally.variance(m, 1), var_samp(y::numeric)::float8, 'variance of shifted data against numeric'),
    near(tally.covariance(m, 1, 2), covar_samp(y - 1e9, x - 1e9), 'covariance of shifted data'),
    near(tally.covariance(m, 4, 3), covar_samp(d, e), 'covariance of the third and the fourth'),
    is(tally.count(m), count(*), 'rows with a NULL are skipped'),
    is(tally.variables(m), 4, 'four variables')])
  FROM (SELECT tally.moments(y, x, d, e) AS m FROM v) t, w GROUP BY m;
SELECT unnest(ARRAY[
    is(tally.covariances(m), '{7,0.5,0.5,1}'::float8[], 'all covariances, by hand'),
    is(tally.means(m), '{3,3}'::float8[], 'all means')])
  FROM (SELECT tally.moments(a, b) AS m FROM (VALUES (1, 2), (2, 4), (6, 3)) AS t(a, b)) s;
SELECT near(tally.covariance(tally.rollup(m), 1, 2), (SELECT covar_samp(y - 1e9, x - 1e9) FROM v), 'rollup')
  FROM (SELECT tally.moments(y, x) AS m FROM v GROUP BY g) t;
SELECT near(tally.variance(tally.merge(a, b), 1), (SELECT var_samp(y::numeric)::float8 FROM v), 'merge')
  FROM (SELECT tally.moments(y) FILTER (WHERE arm = 0) AS a, tally.moments(y) FILTER (WHERE arm = 1) AS b FROM v) t;
SELECT unnest(ARRAY[
    is(m::text::tally.moments, m, 'text comes back'),
    is((m::jsonb ->> 'count')::int, 20000, 'jsonb')]) FROM (SELECT tally.moments(y, d) AS m FROM v) t;
SELECT is(tally.moments(y) FILTER (WHERE g < 0), NULL, 'no row: NULL') FROM v;
SELECT is(tally.variance(tally.moments(0.1 + i * 0), 1), 0::float8, 'what does not vary has a variance of exactly 0') FROM generate_series(1, 1000) i;
SELECT is(tally.variance(tally.moments(i), 1), NULL, 'one row has no variance') FROM generate_series(1, 1) i;
SELECT is(tally.covariances(tally.moments(i, i)), '{NULL,NULL,NULL,NULL}'::float8[], 'nor covariances') FROM generate_series(1, 1) i;
SELECT is(tally.mean(tally.moments(VARIADIC a), 2), 3::float8, 'an array gives its elements')
  FROM (VALUES ('{1,2}'::float8[]), ('{5,4}'), (NULL), ('{7,NULL}')) AS t(a);

-- Two sketches compared: the same as from numbers.
CREATE TABLE arms AS SELECT tally.moments(x, y, d, e) FILTER (WHERE arm = 0) AS a, tally.moments(x, y, d, e) FILTER (WHERE arm = 1) AS b,
       tally.stats(x, y) FILTER (WHERE arm = 0) AS s_a, tally.stats(x, y) FILTER (WHERE arm = 1) AS s_b FROM v;
SELECT unnest(ARRAY[
    near((tally.compare_means(a, b)).p, (tally.compare_means(s_a, s_b)).p, 'means'),
    near((tally.compare_cuped(a, b)).p, (tally.compare_cuped(s_a, s_b)).p, 'CUPED'),
    near((tally.compare_ratios(a, b)).p, (tally.compare_ratios(s_a, s_b)).p, 'ratios'),
    near((tally.compare_ratios_cuped(a, b)).p,
         (tally.compare_ratios_cuped(tally.count(a), tally.means(a), tally.covariances(a),
             tally.count(b), tally.means(b), tally.covariances(b))).p, 'ratios with CUPED'),
    is((tally.compare_means(a, NULL::tally.moments)).reason, 'empty_arm', 'a missing sketch is an empty arm')]) FROM arms;

SELECT throws_ok('SELECT ''{"count":-1}''::tally.moments', '22P02', NULL, 'text that is no sketch');
SELECT throws_ok('SELECT tally.moments(1, 2, 3, 4, 5)', '22023', NULL, 'five variables');
SELECT throws_ok('SELECT tally.moments(VARIADIC ''{}''::float8[])', '22023', NULL, 'no variable');
SELECT throws_ok('SELECT tally.moments(VARIADIC a) FROM (VALUES (''{1}''::float8[]), (''{1,2}'')) AS t(a)', '42804', NULL, 'rows of other lengths');
SELECT throws_ok('SELECT tally.merge(tally.moments(1), tally.moments(1, 2))', '42804', NULL, 'sketches of other lengths');
SELECT throws_ok('SELECT tally.mean(tally.moments(1), 2)', '22023', NULL, 'a variable that is not there');
SELECT throws_ok('SELECT tally.mean(tally.moments(1), 0)', '22023', NULL, 'nor is the variable 0');
SELECT * FROM finish();
