-- Answers of sketches that were wrong, each named after what broke.
SELECT no_plan();
SET client_min_messages = warning;

-- F14: JSON totals were added in float8. The oracle is sum(numeric).
SELECT is((SELECT tally.jsonb_totals('{"a":0.1}')::jsonb ->> 'a' FROM generate_series(1, 10)), '1.0', '0.1 ten times is 1.0');
SELECT is((SELECT tally.jsonb_totals('{"a":9007199254740993}')::jsonb ->> 'a'), '9007199254740993', '2^53 + 1 keeps its digits');
CREATE TABLE n AS SELECT i % 7 AS g, v FROM generate_series(1, 3000) i,
    LATERAL (SELECT CASE i % 5 WHEN 0 THEN (i * 37 % 1009)::numeric / 1000 WHEN 1 THEN -i::numeric * 1e15
    WHEN 2 THEN i * 1e-25 WHEN 3 THEN 10::numeric ^ (i % 60) ELSE i END AS v) x;
SELECT is((SELECT tally.jsonb_totals(jsonb_build_object('v', v))::jsonb ->> 'v' FROM n), (SELECT sum(v)::text FROM n), 'sums of any size and scale');
SELECT is((SELECT tally.rollup(t)::jsonb ->> 'v' FROM (SELECT tally.jsonb_totals(jsonb_build_object('v', v)) AS t FROM n GROUP BY g) x),
    (SELECT sum(v)::text FROM n), 'merged');
SELECT is((SELECT tally.rollup(t::text::tally.totals)::text FROM (SELECT tally.jsonb_totals(jsonb_build_object('v', v)) AS t FROM n GROUP BY g) x),
          (SELECT tally.jsonb_totals(jsonb_build_object('v', v))::text FROM n), 'and through text');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
ANALYZE n;
SELECT is((SELECT tally.jsonb_totals(jsonb_build_object('v', v))::jsonb ->> 'v' FROM n), (SELECT sum(v)::text FROM n), 'in parallel');
RESET ALL;
SET client_min_messages = warning;
SELECT is((SELECT tally.jsonb_totals(v)::jsonb FROM (VALUES ('{"a": 1e100}'::jsonb), ('{"a": -1e100}'), ('{"a": -0.5, "b": 0}')) x(v)), '{"a": -0.5, "b": 0}',
    'what cancels leaves the rest');
-- The key "a.b" and the key "b" within "a" were one sum.
CREATE TABLE dotted AS SELECT tally.jsonb_totals(v) AS t FROM (VALUES ('{"a.b": 1}'::jsonb), ('{"a": {"b": 2}}'), ('{"a": {"b": 3}, "gpt-4.1": 7}')) x(v);
SELECT is(t::jsonb, '{"a.b": 5, "a\\.b": 1, "gpt-4.1": 7}'::jsonb, 'a.b and a→b are two sums') FROM dotted;
SELECT is(ARRAY[tally.total(t, 'a.b'), tally.total(t, 'a\.b'), tally.total(t, 'gpt-4.1'), tally.total(t, 'x')], ARRAY[5, 1, 7, NULL]::float8[],
    'each has its name') FROM dotted;
SELECT is(t::text::tally.totals = t, true, 'and comes back from text') FROM dotted;
SELECT is(tally.jsonb_totals('{"a.b": 1}')::jsonb, '{"a.b": 1}'::jsonb, 'a name that only one has is plain');

-- U+0001 marks sums of 0.1 inside; a key that begins with it was taken for one, and the sums of two keys met.
CREATE TABLE marked AS SELECT tally.jsonb_totals(v) AS t
  FROM (VALUES ('{"\u0001a.b": 1, "a.b": 2, "a": {"b": 3}}'::jsonb), ('{"\u0001": 4, "\u0001x": 5, "\u0001\u0001a.b": 6, "\u0001a": {"b": 7}}')) x(v);
SELECT is(t::jsonb,
    '{"a.b": 3, "a\\.b": 2, "\u0001a.b": 7, "\u0001a\\.b": 1, "\u0001": 4, "\u0001x": 5, "\u0001\u0001a.b": 6}'::jsonb,
    'bug: a key that begins with U+0001 met another key') FROM marked;
SELECT is(ARRAY[tally.total(t, E'\x01a\\.b'), tally.total(t, 'a\.b'), tally.total(t, E'\x01a.b'), tally.total(t, E'\x01\x01a\\.b')],
    ARRAY[1, 2, 7, 6]::float8[], 'each is found by its exact name') FROM marked;
SELECT is((SELECT tally.rollup(x)::jsonb FROM unnest(ARRAY[t, t::text::tally.totals]) x)::jsonb -> E'\x01a\\.b', '2'::jsonb,
    'and they stay apart as text and merged') FROM marked;

-- N7: top() showed the lower bound. Zipf's weights over many items: the estimate is right on average, the bounds hold.
CREATE TABLE visits AS SELECT 'item ' || floor(exp(random() * ln(3000)))::int AS item FROM (SELECT setseed(0.3)) s, generate_series(1, 60000) i;
CREATE TABLE top AS SELECT t.*, v.n FROM tally.top((SELECT tally.topk(item, 10) FROM visits)) t JOIN (SELECT item, count(*) AS n FROM visits GROUP BY item) v
    USING (item);
SELECT is((SELECT count(*) FROM top), 10::bigint, 'ten items');
SELECT cmp_ok((SELECT abs(avg(count::float8 / n - 1)) FROM top), '<', 0.02::float8, 'estimates are right on average');
SELECT is((SELECT count(*) FROM top WHERE n NOT BETWEEN lower AND upper OR count NOT BETWEEN lower AND upper), 0::bigint,
    'truth and estimate lie between the bounds');
SELECT cmp_ok((SELECT avg(lower::float8 / n - 1) FROM top), '<', -0.05::float8, 'the lower bound, which was shown, is far below here');
SELECT is((SELECT tally.topk(item)::jsonb -> 'counts' FROM (VALUES ('a'), ('b'), ('a')) x(item)), '{"a": 2, "b": 1}'::jsonb, 'jsonb has the estimates');

SELECT is((SELECT k::jsonb::text::tally.topk = k FROM (SELECT tally.topk(item, 10) AS k FROM visits) x), true, 'and comes back from it');

-- C1: parts of approx_percentile that travelled as text answered the minimum.
CREATE FUNCTION part(lo int, hi int, q float8) RETURNS tally.tdigest LANGUAGE plpgsql AS $$
DECLARE s tally.tdigest; i int;
BEGIN FOR i IN lo..hi LOOP s := tally_internal._tdigest_trans_percentile(s, i, q); END LOOP; RETURN s; END $$;
CREATE TABLE parts AS SELECT 1 AS g, part(1, 100, 0.9) AS s UNION ALL SELECT 2, part(101, 200, 0.9);
CREATE AGGREGATE combined(tally.tdigest) (SFUNC = tally_internal._tdigest_merge, STYPE = tally.tdigest, FINALFUNC = tally_internal._tdigest_final_percentile);
SELECT is((SELECT combined(s) FROM parts), (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY i) FROM generate_series(1, 200) i),
    'q is kept where it is stored');
SELECT is((SELECT combined(s::text::tally.tdigest) FROM parts), (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY i) FROM generate_series(1, 200) i),
    'in text');
SELECT is((SELECT combined(s::jsonb::text::tally.tdigest) FROM parts), (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY i) FROM generate_series(1, 200) i),
    'in jsonb');
SELECT is((SELECT tally_internal._tdigest_final_percentile(tally.tdigest(1))), NULL, 'a digest that asks nothing answers nothing');
CREATE TABLE large AS SELECT part(1, 3000, 0.5) AS s;
SELECT cmp_ok((SELECT abs(tally_internal._tdigest_final_percentile(s::text::tally.tdigest) - 1500.5) FROM large), '<', 15::float8, 'a large one too');

-- Weights above 2^62 wrapped; four of 2^63 - 1 made a digest that nothing could read.
SELECT throws_ok($$SELECT tally.tdigest(v, 9223372036854775807, 180) FROM generate_series(1, 4) v$$, '22003',
    'weight of all values expected up to 2^62, got more', 'four of the greatest weights');
SELECT is((SELECT tally.count(tally.tdigest(v, 1000000000000000000, 180)) FROM generate_series(1, 4) v), 4000000000000000000, 'a large weight is counted');
SELECT throws_ok($$SELECT tally.rollup(s) FROM (SELECT tally.tdigest(v, 4000000000000000000, 180) AS s FROM generate_series(1, 2) v GROUP BY v) x$$, '22003',
    NULL, 'nor merged beyond what counts');
SELECT throws_ok($$SELECT tally.topk('a'::text, 3, 9223372036854775807) FROM generate_series(1, 2)$$, '22003', NULL, 'weights of items too');

SELECT throws_ok($$SELECT tally.trimmed_mean(tally.tdigest(v), 0.9, 0.1) FROM generate_series(1, 9) v$$, '22023',
    'low share expected to be below the high one, got 0.9 and 0.1', 'trimmed_mean(0.9, 0.1) was NULL');
SELECT is((SELECT string_agg(low || ' ' || high, ', ') FROM tally.histogram_text((SELECT tally.tdigest(v) FROM generate_series(0, 10) v), 2)),
    '0 5, 5 10, 10 10', 'histogram_text printed 0.0000000000000000');

-- V1: hours counted from the actor's own start, whatever the zone; the calendar would have said day 1.
SELECT is(tally.retention('{2026-01-01 23:00Z}', '{2026-01-02 01:00Z,2026-01-03 00:00Z}', '24 hours', 2, '2026-02-01Z', 'UTC'), '{t,t,f}'::boolean[],
    '24 hours in a zone');
SELECT is(tally.retention('{2026-01-01 23:00Z}', '{2026-01-02 01:00Z,2026-01-03 00:00Z}', '1 day', 2, '2026-02-01Z', 'UTC'), '{f,t,t}'::boolean[],
    'a day of the calendar');

-- A way to stop a backend: 200,000 starts took minutes and could not be cancelled. The answer is that of the rule, row by row.
CREATE TABLE times AS SELECT array_agg(timestamptz '2026-01-01Z' + i * interval '1 second') AS t FROM generate_series(1, 200000) i;
SELECT is((SELECT count(*) || ' ' || count(*) FILTER (WHERE retained = '{t,t,t}') FROM times,
    LATERAL tally.retention_every(t, t, '1 hour', 2, '2026-03-01Z', NULL) r),
          '200000 192800', 'a row per start, at once: the start at second i has a return in its third hour when i + 7200 <= 200000');
-- Bug: topk, state_time and window_funnel took equal texts of citext and of odd collations for several.
CREATE EXTENSION IF NOT EXISTS citext;
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE loosely (c citext, t text COLLATE loose, v varchar, b char(3), at timestamptz);
INSERT INTO loosely VALUES ('A', 'A', 'a', 'a', '2026-01-01Z'), ('a', 'a', 'a', 'a', '2026-01-02Z');
SELECT throws_ok(format('SELECT %s FROM loosely', replace(form, '?', x)), '0A000', NULL, replace(form, '?', x) || ' is refused')
  FROM unnest('{c,t}'::text[]) x, unnest('{"tally.topk(?, 3)","tally.state_time(?, at)","tally.window_funnel(''1 day'', at, ?, ''{a}'')"}'::text[]) form;
SELECT bag_eq(format('SELECT x.item, x.count FROM tally.top((SELECT tally.topk(%s, 3) FROM loosely)) x', x), $$VALUES ('a', 2::bigint)$$, 'topk of ' || x)
  FROM unnest(ARRAY['v', 'b', 'lower(c::text) COLLATE "default"']) x;
-- A logarithmic scale: edges worked by hand.
SELECT results_eq($$SELECT low, "values" FROM tally.histogram_text((SELECT tally.tdigest(v) FROM unnest('{0.5,1,3,7,20,150,2000}'::float8[]) v),
    scale => 'log')$$,
    'VALUES (0.3, 1::bigint), (1, 1), (3, 2), (10, 1), (30, 0), (100, 1), (300, 0), (1000, 1)', 'five powers of ten, two edges each');
SELECT results_eq($$SELECT low, high, "values" FROM tally.histogram_text((SELECT tally.tdigest(v) FROM unnest('{0,-3,5,40}'::float8[]) v), scale => 'log')$$,
    'VALUES (-3::numeric, 5::numeric, 2::bigint), (5, 10, 1), (10, 20, 0), (20, 40, 1)', 'what is not above 0 is one bucket');
SELECT results_eq($$SELECT low, "values" FROM tally.histogram_text((SELECT tally.tdigest(v) FROM unnest('{0,-3}'::float8[]) v), scale => 'log')$$,
    'VALUES (-3::numeric, 2::bigint)', 'nothing above 0');
SELECT is((SELECT sum("values")
    FROM tally.histogram_text((SELECT tally.tdigest(v) FROM unnest('{1e-200,1e200,NaN,Infinity}'::float8[]) v), scale => 'log')), 4::numeric,
    'every value is in a bucket');
SELECT cmp_ok((SELECT count(*) FROM tally.histogram_text((SELECT tally.tdigest(v) FROM unnest('{1e-200,1e200}'::float8[]) v), scale => 'log')),
    '<=', 12::bigint, 'about as many buckets as asked for');
SELECT throws_ok($$SELECT * FROM tally.histogram_text((SELECT tally.tdigest(5)), scale => 'sqrt')$$, '22023',
    'scale of a histogram expected to be linear or log, got sqrt', 'another scale');

-- Bug: errors wrote inf, which SQL does not read, for Infinity.
SELECT throws_ok(format('SELECT tally.normal_quantile(%L)', x), '22023', 'probability expected in 0 to 1, got ' || x, 'an error writes ' || x || ' as SQL does')
  FROM unnest('{Infinity,-Infinity,NaN,1.5}'::text[]) x;
SELECT throws_ok($$SELECT tally.percentile(tally.tdigest(v), float8 'Infinity') FROM generate_series(1.0, 3) v$$, '22023',
    'percentile expected in 0 to 1, got Infinity', 'and so do sketches');
SELECT * FROM finish();
