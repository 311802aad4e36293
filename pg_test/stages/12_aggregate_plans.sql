-- Every aggregate of the kernel under every way in which PostgreSQL runs aggregates. A group's answer is held against plain SQL
-- (count(distinct), percentile_cont, var_samp, …); then sorted, hashed, parallel, partitionwise and grouping-set plans, DISTINCT and
-- ORDER BY inside, window frames, FILTER and NULLs must not change it.
--
-- In the expressions @ is where OVER or FILTER stands, # where DISTINCT, and ! where ORDER BY.

SELECT no_plan();

CREATE TABLE d (id int, g int, h int, v float8, x float8, i int, item text, j jsonb, at timestamptz, level int, path timestamptz[], kept boolean[])
    PARTITION BY LIST (h);
CREATE TABLE d0 PARTITION OF d FOR VALUES IN (0);
CREATE TABLE d1 PARTITION OF d FOR VALUES IN (1);
CREATE TABLE d2 PARTITION OF d FOR VALUES IN (2, 3);
SELECT setseed(0.25);
INSERT INTO d
SELECT id, id % 20, id / 20 % 4, CASE WHEN id % 11 > 0 THEN round((100 * random())::numeric, 2) END, random(), id % 37,
    chr(97 + (5 * random() * random())::int),
       jsonb_build_object('n', id % 50, 'deep', jsonb_build_object('m', id % 3), 'name', 'x'),
           timestamptz '2026-01-01 00:00+00' + random() * interval '10 hours',
       id % 4, (ARRAY[timestamptz 'epoch', timestamptz 'epoch' + id * interval '1 s'])[:id % 3], ARRAY[id % 2 = 0, CASE WHEN id % 3 > 0 THEN id % 5 = 0 END]
FROM generate_series(1, 3000) AS id;
ANALYZE d;

CREATE TABLE a (name text, expr text, oracle text, columns text, empty text);
INSERT INTO a VALUES
('tdigest', 'tally.percentile(tally.tdigest(# v !) @, 0.9)', 'percentile_cont(0.9) WITHIN GROUP (ORDER BY v)', 'v', NULL),
('tdigest of compression', 'tally.percentile(tally.tdigest(v, 50) @, 0.5)', 'percentile_cont(0.5) WITHIN GROUP (ORDER BY v)', NULL, NULL),
('tdigest weighted', 'tally.count(tally.tdigest(v, 3, 180) @)', 'nullif(3 * count(v), 0)', NULL, NULL),
('approx_percentile', 'tally.approx_percentile(# v, 0.95 !) @', 'percentile_cont(0.95) WITHIN GROUP (ORDER BY v)', NULL, NULL),
('hll', 'tally.distinct_count(tally.hll(# i !) @)', 'nullif(count(DISTINCT i), 0)', 'i', NULL),
('hll of text', 'tally.distinct_count(tally.hll(# item !) @)', 'nullif(count(DISTINCT item), 0)', 'item', NULL),
('hll of precision', 'tally.distinct_count(tally.hll(v, 15) @)', 'nullif(count(DISTINCT v), 0)', NULL, NULL),
('_keyed_hll', 'tally.distinct_count(tally_internal._keyed_hll(# ''\x0201000102030405060708090a0b0c0d0e0f''::bytea, i !) @)',
    'nullif(count(DISTINCT i), 0)', 'i', NULL),
('_keyed_hll of precision', 'tally.distinct_count(tally_internal._keyed_hll(''\x0201000102030405060708090a0b0c0d0e0f''::bytea, v, 15) @)',
    'nullif(count(DISTINCT v), 0)', NULL, NULL),
('approx_distinct', 'tally.approx_distinct(# i !) @', 'count(DISTINCT i)', 'i', '0'),
('stats', 'round(tally.variance(tally.stats(# v !) @)::numeric, 7)', 'round(var_samp(v)::numeric, 7)', 'v', NULL),
('moments', 'round(tally.covariance(tally.moments(v, x, 1) @, 1, 2)::numeric, 6)', 'round(covar_samp(v, x)::numeric, 6)', NULL, NULL),
('stats of pairs', 'round(tally.slope(tally.stats(v, x) @)::numeric, 6)', 'round(regr_slope(v, x)::numeric, 6)', NULL, NULL),
('topk', 'tally.topk(# item !) @::jsonb -> ''counts'' ->> ''b''', 'nullif(count(*) FILTER (WHERE item = ''b''), 0)', 'item', NULL),
('topk of k', 'tally.topk(item, 3) @::jsonb -> ''counts'' ->> ''c''', 'nullif(count(*) FILTER (WHERE item = ''c''), 0)', NULL, NULL),
('topk weighted', 'tally.topk(item, 3, i::bigint) @::jsonb -> ''counts'' ->> ''a''', 'nullif(sum(i) FILTER (WHERE item = ''a''), 0)', NULL, NULL),
('jsonb_totals', 'tally.total(tally.jsonb_totals(# j !) @, ''n'') + tally.total(tally.jsonb_totals(# j !) @, ''deep.m'')',
    'sum((j ->> ''n'')::float8 + (j -> ''deep'' ->> ''m'')::float8)', 'j', NULL),
('window_funnel', 'tally.window_funnel(''1 hour'', at, item = ''e'', item = ''f'') @', NULL, NULL, '0'),
('window_funnel of types', 'tally.window_funnel(''1 hour'', at, item, ''{e,f}''::text[]) @', NULL, NULL, '0'),
('window_funnel with options', 'tally.window_funnel(''1 hour'', at, item, ''{e,f}''::text[], ''any_order'') @', NULL, NULL, '0'),
('funnel_path', 'cardinality(tally.funnel_path(''1 hour'', at, item = ''e'', item = ''f'') @)', NULL, NULL, '0'),
('sequence_events', 'tally.sequence_count(tally.sequence_events(at, item = ''a'', item = ''b'') @, ''(?1)'')',
 'count(*) FILTER (WHERE item = ''a'')', NULL, '0'),
('funnel_counts', '(tally.reached(tally.funnel_counts(# level !) @))[2]', 'nullif(count(*) FILTER (WHERE level >= 2), 0)', 'level', NULL),
('funnel_counts of paths', '(tally.reached(tally.funnel_counts(path) @))[2]', 'nullif(count(*) FILTER (WHERE cardinality(path) >= 2), 0)', NULL, NULL),
('retention_counts', 'tally.retention_counts(# kept !) @::jsonb -> 1 ->> ''retained''', 'count(*) FILTER (WHERE kept[2])', NULL, NULL),
('k_anonymous', 'tally.k_anonymous(i, item, 3) @', 'CASE WHEN count(DISTINCT item) >= 3 THEN sum(i) END', NULL, NULL),
('first', 'tally.value(tally.first(# v, at !) @)', '(array_agg(v ORDER BY at, v) FILTER (WHERE v IS NOT NULL))[1]', 'v, at', NULL),
('last', 'tally.value_text(tally.last(# item, at !) @)', '(array_agg(item ORDER BY at DESC, item COLLATE "C" DESC))[1]', 'item, at', NULL),
('ohlc', 'tally.high(tally.ohlc(# v, at !) @) - tally.low(tally.ohlc(# v, at !) @)', 'max(v) - min(v)', 'v, at', NULL),
('counter', 'tally.last_value(tally.counter(# v, at !) @)', '(array_agg(v ORDER BY at DESC, v DESC) FILTER (WHERE v IS NOT NULL))[1]', 'v, at', NULL),
('gauge', 'round(tally.delta(tally.gauge(# v, at !) @)::numeric, 7)',
 'round(((array_agg(v ORDER BY at DESC, v DESC) FILTER (WHERE v IS NOT NULL))[1] - (array_agg(v ORDER BY at, v) FILTER (WHERE v IS NOT NULL))[1])::numeric, 7)',
     'v, at', NULL),
('time_weighted', 'tally.duration(tally.time_weighted(# v, at !) @)', 'max(at) FILTER (WHERE v IS NOT NULL) - min(at) FILTER (WHERE v IS NOT NULL)',
    'v, at', NULL),
('time_weighted of method', 'tally.count(tally.time_weighted(v, at, ''linear'') @)', 'nullif(count(v), 0)', NULL, NULL),
('state_time', 'tally.last_state(tally.state_time(# item, at !) @)', '(array_agg(item ORDER BY at DESC, item COLLATE "C" DESC))[1]', 'item, at', NULL),
('_times', 'tally_internal._times(# at !) @::text', '(array_agg(at ORDER BY at) FILTER (WHERE at IS NOT NULL))::text', 'at', NULL),
('_sizes', 'round(tally_internal._sizes(# v !) @::numeric, 6)', 'coalesce(round(sum(abs(v))::numeric, 6), 0)', 'v', '0.000000');

SELECT is((SELECT string_agg(DISTINCT p.proname, ',' ORDER BY p.proname) FROM pg_proc p
    WHERE p.prokind = 'a' AND p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND p.proname NOT IN ('rollup')
           AND NOT EXISTS (SELECT FROM a WHERE a.expr ~ ('\.' || p.proname || '\('))), NULL, 'no aggregate is left out');

CREATE FUNCTION filled(expr text, over_ text DEFAULT '', distinct_ text DEFAULT '', order_ text DEFAULT '') RETURNS text LANGUAGE sql AS
$$SELECT replace(replace(replace(expr, '@', over_), '#', distinct_), '!', order_)$$;

-- The answers of one query as text, in the order of the groups.
CREATE FUNCTION answers(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT string_agg(coalesce(r::text, ''-''), E''\n'' ORDER BY g) FROM (%s) AS q (g, r)', query) INTO answer;
    RETURN answer;
END $$;

CREATE FUNCTION node(query text, pattern text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        IF line ~ pattern THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END $$;

CREATE TABLE serial AS SELECT name, answers(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr))) AS answer FROM a;

SELECT is(s.answer, answers(format('SELECT g, (%s)::text FROM d GROUP BY g', oracle)), name || ': plain SQL') FROM a JOIN serial s USING (name)
    WHERE oracle IS NOT NULL;
-- The funnels' oracle joins the events themselves.
SELECT is(s.answer, (SELECT string_agg(level, E'\n' ORDER BY g) FROM (
    SELECT g, (CASE WHEN bool_or(EXISTS (SELECT FROM d f
        WHERE e.item = 'e' AND f.g = e.g AND f.item = 'f' AND f.at BETWEEN e.at - CASE WHEN a.name ~ 'options' THEN interval '1 hour' ELSE '0' END
                                                                                                                   AND e.at + interval '1 hour')) THEN 2
                    WHEN bool_or(item = 'e') THEN 1 ELSE 0 END)::text AS level FROM d e GROUP BY g) q), a.name || ': a join')
FROM a JOIN serial s USING (name) WHERE oracle IS NULL;

SELECT is(answers(format('SELECT 1, (%s)::text FROM d', filled(expr, 'FILTER (WHERE false)'))), coalesce(empty, '-'), name || ': FILTER that nothing passes')
    FROM a WHERE name <> 'topk weighted';
SELECT is(answers(format('SELECT 1, (%s)::text FROM d WHERE false', filled(expr))), coalesce(empty, '-'), name || ': no rows') FROM a;
SELECT is(answers(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr, 'FILTER (WHERE h = 3)'))),
    answers(format('SELECT g, (%s)::text FROM d WHERE h = 3 GROUP BY g', filled(expr))), name || ': FILTER') FROM a;
SELECT is(answers(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr, '', 'DISTINCT'))),
          answers(format('SELECT g, (%s)::text FROM (SELECT DISTINCT g, %s FROM d) AS d GROUP BY g', filled(expr), columns)), name || ': DISTINCT inside')
              FROM a WHERE columns IS NOT NULL;
SELECT is(answers(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr, '', '', 'ORDER BY id DESC'))), s.answer, name || ': ORDER BY inside') FROM a
    JOIN serial s USING (name) WHERE expr ~ '!';

SET enable_hashagg = off;
SELECT is(answers(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr))), s.answer, name || ': sorted groups') FROM a JOIN serial s USING (name);
RESET enable_hashagg;
SELECT is(answers(format('SELECT g, r FROM (SELECT g, (%s)::text AS r, grouping(g) AS whole FROM d GROUP BY ROLLUP (g)) q WHERE whole = 0', filled(expr))),
    s.answer, name || ': grouping sets') FROM a JOIN serial s USING (name);

SET enable_partitionwise_aggregate = on;
SET max_parallel_workers_per_gather = 0;
SELECT ok(node('SELECT g, tally.hll(i) FROM d GROUP BY g', 'Partial'), 'the plan is partitionwise');
SELECT is(answers(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr))), s.answer, name || ': partitionwise') FROM a JOIN serial s USING (name);
SELECT is(answers(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr, 'FILTER (WHERE h = 0)'))),
    answers(format('SELECT g, (%s)::text FROM d WHERE h = 0 GROUP BY g', filled(expr))), name || ': partitions that the filter leaves empty') FROM a;

SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
SELECT ok(bool_and(node(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr)),
    'Partial') AND node(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr)), 'Gather')), 'every plan is parallel') FROM a;
SELECT is(answers(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr))), s.answer, name || ': parallel and partitionwise') FROM a JOIN serial s
    USING (name);
SET enable_partitionwise_aggregate = off;
SELECT is(answers(format('SELECT g, (%s)::text FROM d GROUP BY g', filled(expr))), s.answer, name || ': parallel') FROM a JOIN serial s USING (name);
SET max_parallel_workers_per_gather = 0;

-- Window frames: a growing one changes its state in place, a sliding one starts anew for every row.
CREATE TABLE w AS SELECT * FROM d WHERE g = 7 AND id < 480;
SELECT is(answers(format('SELECT id, (%s)::text FROM w', filled(expr, 'OVER (ORDER BY id ROWS BETWEEN 12 PRECEDING AND 2 FOLLOWING)'))),
          (SELECT answers(format('SELECT o.id, (SELECT (%s)::text FROM w, (SELECT id, '
              'row_number() OVER (ORDER BY id) AS n FROM w) AS k WHERE w.id = k.id AND k.n BETWEEN o.n - 12 AND o.n + 2)
                                  FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM w) AS o',
                                 regexp_replace(filled(expr), '\m(v|x|i|item|j|at|level|path|kept)\M(?!\()', 'w.\1', 'g')))), name || ': sliding window')
FROM a WHERE name !~ '^(topk|jsonb|window|funnel|reten)';
SELECT is(answers(format('SELECT id, (%s)::text FROM w', filled(expr, 'OVER (ORDER BY id)'))),
    string_agg(coalesce(answers(format('SELECT 1, (%s)::text FROM w WHERE id <= %s', filled(expr), w.id)), '-'), E'\n' ORDER BY w.id),
    name || ': growing window')
FROM a, w GROUP BY name, expr;
SELECT is(answers(format('SELECT id, (%s)::text FROM w', filled(expr, 'OVER (ORDER BY id ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING)'))),
          string_agg(coalesce(answers(format('SELECT 1, (%s)::text FROM (SELECT * FROM w WHERE id < %s ORDER BY id DESC LIMIT 5) AS w', filled(expr), w.id)),
              '-'), E'\n' ORDER BY w.id), name || ': sliding window, empty at first')
FROM a, w GROUP BY name, expr;

-- Rollups of stored parts, some of them NULL.
CREATE TABLE parts AS
SELECT g, h, tally.tdigest(v) AS td, tally.hll(i) AS hl, tally.stats(v) AS st, tally.stats(v, x) AS st2, tally.topk(item) AS tk, tally.jsonb_totals(j) AS jt,
       tally.funnel_counts(level) AS fc, tally.retention_counts(kept) AS rc,
       tally.first(v, at) AS fi, tally.ohlc(v, at) AS oh FROM d GROUP BY g, h
UNION ALL SELECT g, 9, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM generate_series(0, 19) g;
CREATE TABLE r (name text, expr text);
INSERT INTO r VALUES
('tdigest', 'tally.percentile(tally.rollup(td) @, 0.9)'), ('hll', 'tally.distinct_count(tally.rollup(hl) @)'),
    ('stats', 'round(tally.variance(tally.rollup(st) @)::numeric, 7)'),
('stats of pairs', 'round(tally.slope(tally.rollup(st2) @)::numeric, 6)'), ('topk', 'tally.rollup(tk) @::jsonb -> ''counts'' ->> ''b'''),
('jsonb_totals', 'tally.total(tally.rollup(jt) @, ''n'') + tally.total(tally.rollup(jt) @, ''deep.m'')'),
('funnel_counts', '(tally.reached(tally.rollup(fc) @))[2]'),
('retention_counts', 'tally.rollup(rc) @::jsonb -> 1 ->> ''retained'''),
('first', 'tally.value(tally.rollup(fi) @)'), ('ohlc', 'tally.high(tally.rollup(oh) @) - tally.low(tally.rollup(oh) @)');
SET max_parallel_workers_per_gather = 2;
SELECT is(answers(format('SELECT g, (%s)::text FROM parts GROUP BY g', filled(expr))), s.answer, name || ': rollup, parallel') FROM r JOIN serial s
    USING (name);
SET max_parallel_workers_per_gather = 0;
SELECT is(answers(format('SELECT g, (%s)::text FROM parts GROUP BY g', filled(expr))), s.answer, name || ': rollup') FROM r JOIN serial s USING (name);
SELECT is(answers(format('SELECT 1, (%s)::text FROM parts', filled(expr, 'FILTER (WHERE h = 9)'))), '-', name || ': rollup of NULLs') FROM r;
SELECT is(answers(format('SELECT g * 10 + h, r FROM (SELECT g, h, (%s)::text AS r FROM parts) q WHERE h = 9',
    filled(expr, 'OVER (PARTITION BY g ORDER BY h)'))), s.answer, name || ': rollup as a window') FROM r JOIN serial s USING (name);

-- Numbers at the edges.
SELECT is(tally.percentile(tally.tdigest(v), '{0,0.5,1}'::float8[])::text, '{-Infinity,2,NaN}', 'NaN is the greatest, as PostgreSQL orders it')
    FROM (VALUES ('NaN'::float8), ('-Infinity'), (1), (2), ('Infinity')) AS t (v);
SELECT is(tally.distinct_count(tally.hll(v)), 4::bigint, 'NaN is one value, and 0 is -0')
    FROM (VALUES ('NaN'::float8), ('NaN'), ('-Infinity'), (0), ('-0'), ('Infinity')) AS t (v);
SELECT is(tally.variance(tally.stats(v)), 'NaN', 'moments with NaN are NaN, as var_samp') FROM (VALUES ('NaN'::float8), (1), (2)) AS t (v);
SELECT is(tally.jsonb_totals('{"a": 1e400, "b": [1, {"c": 2}], "d": {"e": 2.5}, "f": null}')::jsonb, '{"a": 1e400, "d.e": 2.5}'::jsonb,
    'a number beyond float8 keeps its digits');
SELECT is(tally.jsonb_totals(v)::text::tally.totals::text, tally.jsonb_totals(v)::text, 'sums that JSON lacks come back')
    FROM (VALUES ('{"a":1e308}'::jsonb), ('{"a":1e308}')) AS t (v);
SELECT is(tally.ignored(tally.jsonb_totals(v)), 5::bigint, 'texts, nulls, booleans and arrays, with all that is in them')
    FROM (VALUES ('"x"'::jsonb), ('7'), ('[1, [2, {"a": 3}]]'), ('{"t": true, "n": {"z": null}}')) AS t (v);

-- What is equal is one value to a HyperLogLog: the same hashes, so the same sketch.
SELECT is(tally.hll(7::int2)::text, tally.hll(7::int8)::text, 'int2 and int8');
SELECT is(tally.hll(7::int4)::text, tally.hll(7::int8)::text, 'int4 and int8');
SELECT is(tally.hll((-7)::int2)::text, tally.hll((-7)::int8)::text, 'negative, too');
SELECT is(tally.hll(1.0::numeric)::text, tally.hll(1.00::numeric)::text, 'numeric 1.0 and 1.00');
SELECT is(tally.hll('x'::text COLLATE "C")::text, tally.hll('x'::text COLLATE "ucs_basic")::text, 'text of two collations');
SELECT is(tally.hll('x'::text)::text, tally.hll('x'::varchar)::text, 'text and varchar');
SELECT is(tally.hll('2026-03-29 01:00+00'::timestamptz)::text, tally.hll('2026-03-29 03:00+02'::timestamptz)::text, 'one moment in two zones');
SELECT is(tally.hll('{"a": 1, "b": 2}'::jsonb)::text, tally.hll('{"b": 2, "a": 1.00}'::jsonb)::text, 'jsonb by its value');
SELECT is(tally.hll('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid)::text, tally.hll('a0eebc999c0b4ef8bb6d6bb9bd380a11'::uuid)::text, 'uuid');
SELECT is(tally.hll(ROW(1.0::numeric, 'x'::text))::text, tally.hll(ROW(1.00::numeric, 'x'::text))::text, 'composite keys by their values');
SELECT is(tally.distinct_count(tally.hll(k)), (SELECT count(DISTINCT k) FROM (SELECT ROW(g, item) AS k FROM d) q), 'composite keys')
    FROM (SELECT ROW(g, item) AS k FROM d) q;
SELECT is(tally.distinct_count(tally.hll(k)), (SELECT count(DISTINCT k) FROM (SELECT ARRAY[g, level] AS k FROM d) q), 'arrays')
    FROM (SELECT ARRAY[g, level] AS k FROM d) q;

SELECT * FROM finish();
