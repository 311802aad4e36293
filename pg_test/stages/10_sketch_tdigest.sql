-- tally.tdigest in the database: exact against percentile_cont in every kind of plan, NULL and NaN, I/O, corrupt input.
SELECT no_plan();
SET client_min_messages = warning;

CREATE TABLE v AS
SELECT i % 997 AS g, CASE WHEN i % 31 = 0 THEN NULL ELSE round((exp(6 + sin(i) * 2) + i % 13)::numeric, 2)::float8 END AS x
  FROM generate_series(1, 20000) i;
ANALYZE v;
CREATE VIEW expected AS
SELECT g, percentile_cont(ARRAY[0, 0.01, 0.5, 0.95, 1]) WITHIN GROUP (ORDER BY x) AS p, count(x) AS n, min(x) AS least, max(x) AS most
  FROM v GROUP BY g;
CREATE FUNCTION actual() RETURNS TABLE (g int, p float8[], n bigint, lowest float8, highest float8) LANGUAGE sql AS $$
    SELECT g, tally.percentile(d, ARRAY[0, 0.01, 0.5, 0.95, 1]), tally.count(d), tally.min(d), tally.max(d)
      FROM (SELECT v.g, tally.tdigest(x) AS d FROM v GROUP BY v.g) s
$$;

SELECT bag_eq('SELECT * FROM actual()', 'SELECT * FROM expected', 'small groups equal percentile_cont: hash aggregate');
SET enable_hashagg = off;
SELECT bag_eq('SELECT * FROM actual()', 'SELECT * FROM expected', 'sorted groups');
RESET enable_hashagg;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 3;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; lines text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP lines := lines || line || E'\n'; END LOOP;
    RETURN lines;
END $$;
SELECT matches(plan_of('SELECT tally.tdigest(x) FROM v WHERE g < 10'), 'Partial Aggregate', 'goes parallel');
SELECT is((SELECT tally.percentile(tally.tdigest(x), 0.9) FROM v WHERE g < 10), (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY x) FROM v WHERE g < 10),
          'partial states are exact');
SELECT bag_eq('SELECT * FROM actual()', 'SELECT * FROM expected', 'parallel plan');
SELECT is((SELECT tally.count(tally.tdigest(x)) FROM v), (SELECT count(x) FROM v), 'one group, parallel');
RESET ALL;
SET client_min_messages = warning;

CREATE TABLE parted (g int, x float8) PARTITION BY LIST (g);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
INSERT INTO parted SELECT g % 2, x FROM v;
SET enable_partitionwise_aggregate = on;
SELECT is((SELECT tally.percentile(tally.tdigest(x), 0.0) FROM parted), (SELECT min(x) FROM v), 'partitionwise');
RESET enable_partitionwise_aggregate;

SELECT ok(tally.tdigest(x) FILTER (WHERE g < 0) IS NULL, 'no row: NULL') FROM v;
SELECT ok(tally.rollup(d) IS NULL, 'rollup of NULLs: NULL') FROM (SELECT tally.tdigest(x) FILTER (WHERE g < 0) AS d FROM v GROUP BY g) s;
SELECT is(tally.percentile(tally.rollup(d), 0.5), (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM v WHERE g < 10), 'rollup stays exact while small')
  FROM (SELECT tally.tdigest(x) AS d FROM v WHERE g < 10 GROUP BY g) s;
SELECT ok(abs(percent_rank - 0.95) < 0.001, 'rollup of all: rank of p95')
  FROM (SELECT (SELECT avg((x <= p)::int) FROM v WHERE x IS NOT NULL) AS percent_rank
          FROM (SELECT tally.percentile(tally.rollup(d), 0.95) AS p FROM (SELECT tally.tdigest(x) AS d FROM v GROUP BY g) s) t) u;
SELECT is(tally.approx_percentile(x, 0.25), percentile_cont(0.25) WITHIN GROUP (ORDER BY x), 'approx_percentile') FROM v WHERE g = 5;
SELECT is(tally.percentile(tally.tdigest(DISTINCT x ORDER BY x), 0.5), 2::float8, 'DISTINCT and ORDER BY') FROM (VALUES (1), (1), (1), (2), (3)) t(x);
SELECT is(array_agg(p ORDER BY i), ARRAY[1, 1.5, 2, 3, 4]::float8[], 'window frame')
  FROM (SELECT i, tally.percentile(tally.tdigest(i) OVER (ORDER BY i ROWS BETWEEN 2 PRECEDING AND CURRENT ROW), 0.5) AS p
          FROM generate_series(1, 5) i) s;
SELECT is(tally.percentile(tally.tdigest(x, 2::bigint, 100), 0.5), 1.5::float8, 'weights') FROM (VALUES (1), (2)) t(x);

SELECT is(tally.tdigest(x)::text, '{"compression":180,"values":["-Infinity",1.0,"Infinity","NaN"]}', 'NaN is the greatest, as PostgreSQL orders it')
  FROM (VALUES (float8 'NaN'), ('Infinity'), ('-Infinity'), (1)) t(x);
SELECT is(tally.histogram('{"values":[1,2,3,5]}', '{1,2,4}'), '{0,1,2,1}'::bigint[], 'histogram');
SELECT is(tally.trimmed_mean('{"values":[1,2,3,50]}', 0.25, 0.75), 2.5::float8, 'trimmed mean');
SELECT is(tally.percentile_rank('{"values":[1,2,3,5]}'::tally.tdigest, 2::float8), 0.375::float8, 'percentile rank: one below, the equal one half');
SELECT is(tally.mean(tally.merge(tally.add(NULL, 1), tally.add(NULL, 3))), 2::float8, 'add and merge outside aggregates');

CREATE TABLE stored AS SELECT g, tally.tdigest(x) AS d FROM v GROUP BY g UNION ALL SELECT -1, tally.tdigest(x) FROM v;
SELECT is(count(*), 0::bigint, 'text comes back') FROM stored WHERE d::text::tally.tdigest::text IS DISTINCT FROM d::text;
SELECT ok(pg_column_size(tally.tdigest(i)) < 150, 'ten values take less than 150 bytes') FROM generate_series(1, 10) i;
SELECT ok(octet_length(tally_internal._tdigest_send(d)) < 2048, 'a full digest takes less than 2 kB') FROM stored WHERE g = -1;
CREATE TABLE add_to AS SELECT g, d, tally.add(d, 1) AS more FROM stored;
SELECT is(count(*), 0::bigint, 'a change outside an aggregate leaves the stored sketch as it was')
  FROM add_to JOIN stored USING (g) WHERE add_to.d::text <> stored.d::text OR tally.count(more) <> coalesce(tally.count(stored.d), 0) + 1;

SELECT throws_ok($$SELECT '{"values":[1,}'::tally.tdigest$$, '22P02', NULL, 'text that is no sketch');
SELECT throws_ok($$SELECT '{"compression":3,"values":[1]}'::tally.tdigest$$, '22P02', NULL, 'text with a compression out of range');
SELECT throws_ok($$SELECT '{"compression":100,"min":0,"max":1,"sum":1,"outside":[0,0,0],"centroids":[[5,1]]}'::tally.tdigest$$, '22P02', NULL,
    'a centroid outside the bounds');
SELECT throws_ok($$SELECT tally.percentile('{"values":[1]}'::tally.tdigest, 2)$$, '22023', 'percentile expected in 0 to 1, got 2', 'q out of range');
SELECT throws_ok($$SELECT tally.tdigest(1, 7)$$, '22023', 'compression expected in 20 to 5000, got 7', 'compression out of range');
SELECT throws_ok($$SELECT tally.tdigest(1, -7::bigint, 100)$$, '22023', NULL, 'negative weight');
SELECT throws_ok($$SELECT tally.histogram('{"values":[1]}', '{2,1}')$$, '22023', NULL, 'edges out of order');
-- The scale function of all that lies behind such a weight is 0. A merge that waits for it to grow hung, deaf to cancel.
SELECT is((SELECT format('%s %s %s', tally.count(d), tally.max(d), tally.percentile(d, 0.5)) FROM (
    SELECT tally.tdigest(i, CASE WHEN i = 1 THEN 1::bigint << 61 ELSE 1 END, 180) AS d FROM generate_series(1, 3000) AS i) q),
    '2305843009213696951 3000 1', 'light values beside one that weighs nearly all come to an end');

SELECT * FROM finish();
