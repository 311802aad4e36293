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
-- An object says of each 32nd key or value where it ends, and of the others how long they are. Numbers and objects lie at words, texts where they fit.
CREATE TABLE wide AS SELECT (SELECT jsonb_object_agg('k' || k, CASE k % 5 WHEN 0 THEN to_jsonb(repeat('x', k + i)) WHEN 1 THEN to_jsonb(i * k)
        WHEN 2 THEN jsonb_build_object('at', i, 'deep', jsonb_build_object('n', -i / 8.0, 'list', '[1, {"a": 2}]'::jsonb))
        WHEN 3 THEN to_jsonb(i::numeric ^ 9 / 1000) ELSE 'null' END) FROM generate_series(1, 50 + i) k) AS j FROM generate_series(1, 40) i;
WITH RECURSIVE walk AS (
    SELECT e.key AS path, e.value FROM wide, jsonb_each(j) e
    UNION ALL SELECT w.path || '.' || e.key, e.value FROM walk w, jsonb_each(CASE jsonb_typeof(w.value) WHEN 'object' THEN w.value ELSE '{}' END) e
), total AS (SELECT path, sum((value #>> '{}')::numeric) AS total FROM walk WHERE jsonb_typeof(value) = 'number' GROUP BY path)
SELECT is((SELECT tally.jsonb_totals(j)::jsonb FROM wide), (SELECT jsonb_object_agg(path, total) FROM total), 'sums of wide objects within objects')
UNION ALL
SELECT is((SELECT tally.ignored(tally.jsonb_totals(j)) FROM wide),
    (SELECT count(*) FROM walk WHERE jsonb_typeof(value) NOT IN ('number', 'object')), 'what is ignored of them');
SELECT is(tally.jsonb_ratio('{"a": 1, "b": 2}', '{"a": 4, "b": 0}'), '{"a": 0.25, "b": null}'::jsonb, 'ratio');
SELECT is(tally.jsonb_totals(j)::jsonb, '{"": 5, "a": 2, ".a": 1, ".": 4, "..": 3, "b.": 6, "b..c": 7}',
    'bug: a key within an empty key was that of the outermost object')
  FROM unnest('{"{\"\":{\"a\":1,\"\":{\"\":3}},\"a\":2}","{\"\":{\"\":4}}","{\"\":5}","{\"b\":{\"\":6}}","{\"b\":{\"\":{\"c\":7}}}"}'::jsonb[]) j;
SELECT throws_ok($$SELECT '{"rows": 1}'::tally.totals$$, '22P02', NULL, 'text that is no totals');
SELECT * FROM finish();
