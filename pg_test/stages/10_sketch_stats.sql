-- tally.stats against PostgreSQL's own aggregates in numeric or float8, shifted data, merging in parallel, I/O.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE v AS SELECT i % 97 AS g, 1e9 + (i * 7919 % 1000) / 8.0 AS y, CASE WHEN i % 11 > 0 THEN 1e9 + (i * 104729 % 1000) / 4.0 + i % 5 END AS x
    FROM generate_series(1, 20000) i;
ANALYZE v;
CREATE FUNCTION near(a float8, b float8, what text) RETURNS text
    LANGUAGE sql AS $$ SELECT ok(abs(a - b) <= 1e-9 * abs(b), format('%s: %s near %s', what, a, b)) $$;

SELECT near(tally.variance(tally.stats(y)), var_samp(y::numeric)::float8, 'variance of shifted data against numeric') FROM v;
SELECT near(tally.mean(tally.stats(y)), avg(y::numeric)::float8, 'mean') FROM v;
SELECT near(tally.covariance(tally.stats(y, x)), covar_samp(y - 1e9, x - 1e9), 'covariance') FROM v;
SELECT near(tally.correlation(tally.stats(y, x)), corr(y - 1e9, x - 1e9), 'correlation') FROM v;
SELECT near(tally.slope(tally.stats(y, x)), regr_slope(y - 1e9, x - 1e9), 'slope') FROM v;
SELECT near(tally.intercept(tally.stats(y - 1e9, x - 1e9)), regr_intercept(y - 1e9, x - 1e9), 'intercept') FROM v;
SELECT is(tally.count(tally.stats(y, x)), regr_count(y, x), 'pairs with a NULL are skipped') FROM v;
SELECT near(tally.skewness(tally.stats(y)), sqrt(count(*)) * sum(d ^ 3)::float8 / sum(d ^ 2)::float8 ^ 1.5, 'skewness')
  FROM (SELECT y, y::numeric - avg(y::numeric) OVER () AS d FROM v WHERE y > 1e9 + 100 AND g < 20) s;
SELECT near(tally.kurtosis(tally.stats(y)), (count(*) * sum(d ^ 4) / sum(d ^ 2) ^ 2 - 3)::float8, 'kurtosis')
  FROM (SELECT y, y::numeric - avg(y::numeric) OVER () AS d FROM v WHERE y > 1e9 + 100 AND g < 20) s;
SELECT near(tally.variance(tally.rollup(s)), (SELECT var_samp(y::numeric)::float8 FROM v), 'rollup') FROM (SELECT tally.stats(y) AS s FROM v GROUP BY g) t;
\ir is_parallel.psql
SELECT is_parallel('SELECT tally.stats(y) FROM v');
SELECT near(tally.variance(tally.stats(y)), (SELECT var_samp(y::numeric)::float8 FROM v), 'parallel') FROM v;
SELECT is(s::text::tally.stats::text, s::text, 'text comes back') FROM (SELECT tally.stats(y, x) AS s FROM v) t;
SELECT ok(tally.stats(y) FILTER (WHERE g < 0) IS NULL, 'no row: NULL') FROM v;
SELECT throws_ok('SELECT ''{"count":-1}''::tally.stats', '22P02', NULL, 'text that is no sketch');
SELECT * FROM finish();
