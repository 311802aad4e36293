-- Funnels against the nested-window SQL that they stand for, against random row order, parallel plans and window frames.
SELECT no_plan();
\ir ../hosted.psql
SET client_min_messages = warning;

-- 400 actors, about 20 events each over 3 days, many ties (whole hours), 5 types of which 4 are steps.
CREATE TABLE events AS
SELECT i % 400 AS actor, timestamptz '2026-03-01 00:00+00' + (i * 7919 % 72) * interval '1 hour' AS at,
       (ARRAY['visit', 'cart', 'address', 'pay', 'other'])[(i * 104729 / 13) % 5 + 1] AS kind
  FROM generate_series(1, 8000) i;
ANALYZE events;

-- Exact by definition: for every start, the earliest later event of each next step. Every event has one type, so `once`
-- asks for no more than that the types differ.
CREATE FUNCTION nested(w interval) RETURNS TABLE (actor int, level int) LANGUAGE sql AS $$
    SELECT a.actor, coalesce(max(CASE WHEN pay.at <= a.at + w THEN 4 WHEN address.at <= a.at + w THEN 3 WHEN cart.at <= a.at + w THEN 2 ELSE 1 END)
                             FILTER (WHERE a.kind = 'visit'), 0)
      FROM events a
      LEFT JOIN LATERAL (SELECT min(e.at) AS at FROM events e WHERE e.actor = a.actor AND e.kind = 'cart' AND e.at >= a.at) cart ON true
      LEFT JOIN LATERAL (SELECT min(e.at) AS at FROM events e WHERE e.actor = a.actor AND e.kind = 'address' AND e.at >= cart.at) address ON true
      LEFT JOIN LATERAL (SELECT min(e.at) AS at FROM events e WHERE e.actor = a.actor AND e.kind = 'pay' AND e.at >= address.at) pay ON true
     GROUP BY a.actor
$$;

SELECT bag_eq(format($$SELECT actor, tally.window_funnel(%L, at, kind = 'visit', kind = 'cart', kind = 'address', kind = 'pay') FROM events GROUP BY actor$$,
    w),
              format($$SELECT * FROM nested(%L)$$, w), 'conditions equal nested SQL, window ' || w)
  FROM unnest('{0 hours,1 hour,5 hours,1 day,3 days}'::interval[]) w;
SELECT bag_eq(format($$SELECT actor, tally.window_funnel(%L, at, kind, '{visit,cart,address,pay}') FROM events GROUP BY actor$$, w),
              format($$SELECT * FROM nested(%L)$$, w), 'step names equal nested SQL, window ' || w)
  FROM unnest('{0 hours,5 hours,1 day}'::interval[]) w;
SELECT isnt((SELECT count(DISTINCT level) FROM nested('5 hours')), 1::bigint, 'the sample has several levels');

-- Every mode: the order of rows and the plan do not matter.
CREATE VIEW every_mode AS
SELECT m AS mode, actor, tally.window_funnel('10 hours', at, kind, '{visit,cart,address,pay}', m) AS level,
       tally.funnel_path('10 hours', at, kind, '{visit,cart,address,pay}', m) AS path
  FROM events, unnest('{once,reuse,increase,strict,strict_order,strict_deduplication,any_order,"exclude 1-2","exclude 1-2 remove","increase, strict"}'::text[])
      m
 GROUP BY m, actor;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS SELECT * FROM every_mode;
SELECT is((SELECT count(*) FROM serial WHERE level <> cardinality(path)), 0::bigint, 'a level is the length of its path');
SELECT ok(count(DISTINCT level) > 1, 'mode ' || mode || ' has several levels') FROM serial WHERE mode <> 'increase, strict' GROUP BY mode ORDER BY mode;
CREATE TABLE shuffled AS SELECT * FROM events ORDER BY md5(events::text || ctid::text);
TRUNCATE events;
INSERT INTO events SELECT * FROM shuffled;
SELECT bag_eq('SELECT * FROM every_mode', 'SELECT * FROM serial', 'the order of rows does not matter');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ANALYZE events;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; whole text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP whole := whole || line || E'\n'; END LOOP;
    RETURN whole;
END $$;
\if :hosted
SELECT skip('aggregates in SQL do not run in parallel');
\else
SELECT matches(plan_of($$SELECT tally.window_funnel('1 day', at, kind, '{visit,cart}') FROM events$$), 'Partial Aggregate', 'the plan is parallel');
\endif
SELECT bag_eq('SELECT * FROM every_mode', 'SELECT * FROM serial', 'partial aggregates give the same');
SELECT is((SELECT tally.window_funnel('1 day', at, kind, '{visit,cart,address,pay}') FROM events), 4, 'one group, parallel');
SELECT is((SELECT tally.window_funnel('1 day', at, kind, '{visit,cart,address,pay}') FILTER (WHERE kind = 'none') FROM events), 0, 'empty partial states');
SET enable_hashagg = off;
SELECT bag_eq('SELECT * FROM every_mode', 'SELECT * FROM serial', 'sorted groups give the same');
RESET enable_hashagg;
SET max_parallel_workers_per_gather = 0;

-- NULLs, no rows, and the chain that is reported.
CREATE TABLE small (actor text, at timestamptz, kind text);
INSERT INTO small VALUES
    ('ann', '2026-01-01 10:00+00', 'a'), ('ann', '2026-01-01 11:00+00', 'a'), ('ann', '2026-01-01 12:00+00', 'b'), ('ann', '2026-01-01 13:00+00', 'b'),
    ('ann', NULL, 'c'), ('bob', '2026-01-01 10:00+00', NULL), ('cid', NULL, 'a'), ('dee', '2026-01-01 10:00+00', 'b');
SELECT is(tally.funnel_path('1 day', at, kind = 'a', kind = 'b', kind = 'c'), '{2026-01-01 11:00+00,2026-01-01 12:00+00}'::timestamptz[],
          'the earliest end, then the latest start') FROM small WHERE actor = 'ann';
SELECT bag_eq($$SELECT actor, tally.window_funnel('1 day', at, kind = 'a', kind = 'b', kind = 'c') FROM small GROUP BY actor$$,
              $$VALUES ('ann', 2), ('bob', 0), ('cid', 0), ('dee', 0)$$, 'a NULL condition is false, a NULL time drops the row');
SELECT is(tally.window_funnel('1 day', at, kind = 'a'), 0, 'no rows: level 0') FROM small WHERE false;
SELECT is(tally.funnel_path('1 day', at, kind = 'a'), '{}', 'no rows: an empty path') FROM small WHERE false;
SELECT is(tally.window_funnel('1 day', at, kind, ARRAY['a', NULL, 'b']), 1, 'a NULL step is never met') FROM small WHERE actor = 'ann';
SELECT is(tally.window_funnel('59 minutes', at, kind, '{a,b}'), 1, 'just under the window') FROM small WHERE actor = 'ann';
SELECT is(tally.window_funnel('1 hour', at, kind, '{a,b}'), 2, 'the window is inclusive') FROM small WHERE actor = 'ann';
SELECT is(tally.window_funnel('1 day', t, s, '{a,b}'), 2, 'infinite times are times')
  FROM (VALUES ('-infinity'::timestamptz, 'a'), ('2026-01-01', 'a'), ('2026-01-01 12:00', 'b'), ('infinity', 'b')) v(t, s);
-- One event meets both conditions: once fills one step with it, reuse both.
SELECT is(array[tally.window_funnel('1 day', at, ARRAY[true, true], 'once'), tally.window_funnel('1 day', at, ARRAY[true, true], 'reuse')], '{1,2}',
    'once and reuse')
  FROM small WHERE actor = 'dee';
-- The chain that ClickHouse's strict_increase misses.
SELECT is(tally.window_funnel('1 day', t, s, '{a,b}', 'increase'), 2, 'increase finds the earlier start')
  FROM (VALUES (timestamptz 'epoch', 'a'), (timestamptz 'epoch' + interval '1 s', 'a'), (timestamptz 'epoch' + interval '1 s', 'b')) v(t, s);
SELECT is(array[tally.window_funnel('1 day', t, s, '{a,b,refund}', 'exclude 1-2'), tally.window_funnel('1 day', t, s, '{a,b,refund}', 'exclude 1-2 remove'),
                tally.window_funnel('1 day', t, s, '{a,b}')], '{1,0,2}', 'exclusions')
  FROM (VALUES (timestamptz 'epoch', 'a'), (timestamptz 'epoch' + interval '1 s', 'refund'), (timestamptz 'epoch' + interval '2 s', 'b')) v(t, s);
-- A refund after a second start undid the conversion before it.
SELECT is(tally.window_funnel('100 s', timestamptz 'epoch' + at * interval '1 s', s, '{a,b,refund}', 'exclude 1-2 remove'), 2,
    'remove undoes no finished conversion')
  FROM (VALUES (1, 'a'), (2, 'b'), (500, 'a'), (504, 'refund')) v(at, s);
-- More than 8 conditions, and times that need the wide form.
SELECT is(tally.window_funnel('1 day', timestamptz '2026-01-01' + n * interval '1 minute', n = 1, n = 2, n = 3, n = 4, n = 5, n = 6, n = 7, n = 8, n = 9,
    n = 10, n = 11), 11, 'eleven steps')
  FROM generate_series(1, 20) n;
SELECT is(tally.window_funnel('1 day', t, s, '{a,b}'), 2, 'times beyond the narrow form')
  FROM (VALUES (timestamptz '2026-01-01', 'b'), (timestamptz '5000-01-01', 'a'), (timestamptz '5000-01-01 01:00', 'b')) v(t, s);

-- As window aggregates.
SELECT results_eq($$SELECT tally.window_funnel('1 day', at, kind, '{a,b}') OVER (ORDER BY at NULLS LAST) FROM small WHERE actor = 'ann'
    ORDER BY at NULLS LAST$$,
                  'VALUES (1), (1), (2), (2), (2)', 'a running funnel');
SELECT results_eq($$SELECT tally.window_funnel('1 day', at, kind, '{a,b}') OVER (ORDER BY at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM small
    WHERE actor = 'ann' AND at IS NOT NULL ORDER BY at$$,
                  'VALUES (1), (1), (2), (0)', 'a sliding funnel');
SELECT is(tally.window_funnel('1 day', at, kind, '{a,b}' ORDER BY at DESC), 2, 'ORDER BY inside is allowed') FROM small WHERE actor = 'ann';

-- The state: text there and back; bad bytes are refused.
SELECT is(tally_internal._funnel_level(tally_internal._funnel_trans(NULL, '1 day', '2026-01-01', 'a', '{a,b}'::text[])::text::tally.funnel_events), 1,
    'a state goes through text');
SELECT is(tally_internal._funnel_path(tally_internal._funnel_trans(tally_internal._funnel_trans(NULL, '1 day', '2026-01-01', 'a', '{a,b}'::text[]), '1 day',
    '2026-01-02', 'b', '{a,b}'::text[])),
          '{2026-01-01,2026-01-02}'::timestamptz[], 'the transition works outside an aggregate');
SELECT throws_ok($$SELECT 'zz'::tally.funnel_events$$, '22P02');
SELECT throws_ok($$SELECT ''::tally.funnel_events$$, '22P02');
SELECT throws_ok($$SELECT '00'::tally.funnel_events$$, '22P02');
SELECT throws_ok($$SELECT tally.window_funnel('-1 day', at, kind, '{a}') FROM small$$, '22023');
SELECT throws_ok($$SELECT tally.window_funnel(NULL, at, kind, '{a}') FROM small$$, '22004');
SELECT throws_ok($$SELECT tally.window_funnel('1 day', at, kind, '{a}', 'sometimes') FROM small$$, '22023');
SELECT throws_ok($$SELECT tally.window_funnel('1 day', at, kind, '{}') FROM small$$, '54000');
SELECT throws_ok($$SELECT tally.window_funnel('1 day', at, kind, array_fill('a'::text, '{33}')) FROM small$$, '54000');
SELECT throws_ok($$SELECT tally.window_funnel('1 day', at, kind, CASE WHEN kind = 'a' THEN '{a,b}' ELSE '{a,b,c}' END::text[]) FROM small WHERE actor = 'ann'$$,
    '22023');

SELECT * FROM finish();
