-- tally.topk: exact while few, bounds beyond, merging, parallel, I/O.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE v AS SELECT i % 9 AS g, 'item ' || (i % (1 + i % 100)) AS t FROM generate_series(1, 20000) i;
ANALYZE v;
SELECT results_eq('SELECT item, count FROM tally.top((SELECT tally.topk(t) FROM v), 5)',
                  'SELECT t, count(*) FROM v GROUP BY t ORDER BY count(*) DESC, t COLLATE "C" LIMIT 5', 'exact up to 160 items');
SELECT is(tally.rollup(k)::text, (SELECT tally.topk(t)::text FROM v), 'rollup') FROM (SELECT tally.topk(t) AS k FROM v GROUP BY g) s;
SELECT ok(count(*) > 0 AND count(*) FILTER (WHERE n BETWEEN top.lower AND top.upper) = count(*), 'bounds hold with more items than counters')
  FROM tally.top((SELECT tally.topk(t, 2) FROM v), 100) top JOIN (SELECT t, count(*) AS n FROM v GROUP BY t) e ON e.t = top.item;
\ir is_parallel.psql
SELECT is_parallel('SELECT tally.topk(t) FROM v');
SELECT is(tally.count(tally.topk(t)), 20000::bigint, 'parallel') FROM v;
SELECT is(k::text::tally.topk::text, k::text, 'text comes back') FROM (SELECT tally.topk(t) AS k FROM v) s;
SELECT is((tally.topk(t, 3, 5::bigint)::jsonb) -> 'counts', '{"a": 10, "b": 5}'::jsonb, 'weights') FROM (VALUES ('a'), ('b'), ('a')) x(t);
SELECT throws_ok($$SELECT tally.topk('a'::text, 0)$$, '22023', 'k expected in 1 to 1000, got 0', 'k out of range');
SELECT throws_ok($$SELECT '{"k": 1}'::tally.topk$$, '22P02', NULL, 'text that is no topk');
SELECT * FROM finish();
