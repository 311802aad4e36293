-- tally.jsonb_totals: sums by key, merging, parallel, I/O.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE v AS SELECT i % 9 AS g, jsonb_build_object('views', i, 'ctr', i / 2.0, 'by', jsonb_build_object('web', 1), 'name', 'x') AS j
    FROM generate_series(1, 2000) i;
ANALYZE v;
SELECT is(tally.jsonb_totals(j)::jsonb, '{"views": 2001000, "ctr": 1000500, "by.web": 2000}'::jsonb, 'sums by key') FROM v;
SELECT is(tally.rollup(t)::jsonb, (SELECT tally.jsonb_totals(j)::jsonb FROM v), 'rollup') FROM (SELECT tally.jsonb_totals(j) AS t FROM v GROUP BY g) s;
\ir is_parallel.psql
SELECT is_parallel('SELECT tally.jsonb_totals(j) FROM v');
SELECT is(tally.total(tally.jsonb_totals(j), 'views'), 2001000::float8, 'parallel') FROM v;
SELECT is(tally.ignored(tally.jsonb_totals(j)), 2000::bigint, 'other leaves are ignored') FROM v;
SELECT is(t::text::tally.totals::text, t::text, 'text comes back') FROM (SELECT tally.jsonb_totals(j) AS t FROM v) s;
SELECT is(tally.jsonb_ratio('{"a": 1, "b": 2}', '{"a": 4, "b": 0}'), '{"a": 0.25, "b": null}'::jsonb, 'ratio');
SELECT throws_ok($$SELECT '{"rows": 1}'::tally.totals$$, '22P02', NULL, 'text that is no totals');
SELECT * FROM finish();
