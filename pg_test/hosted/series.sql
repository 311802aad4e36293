-- Asked of both kernels by pg_test/hosted/agree.sh: first, highest, lowest, last; counters, gauges and values weighted by time; times of states.
-- answers: 80
\ir told.psql

SET extra_float_digits = 0;
-- Sums are hexadecimal in the library's text. 24.0 and 24 are one number.
CREATE FUNCTION pg_temp.plain(sketch jsonb) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace((sketch #- '{parts,0,sum}')::text, '\.0\M', '', 'g') $$;
-- Some readings are at one instant, some have no value or no finite time; rows come in no order.
CREATE TEMP TABLE r AS
SELECT i % 7 AS meter, timestamptz '2026-01-01 00:00+00' + (i * 7919 % 601 / 3) * interval '13.25 s' AS at,
       CASE WHEN i % 41 > 0 THEN (i * 31 % 97) / 4.0::float8 END AS v, (ARRAY['up', 'down', 'Slow'])[1 + i * i % 3] AS s
  FROM generate_series(1, 400) i
UNION ALL SELECT 1, 'infinity', 5, 'up' UNION ALL SELECT 1, '-infinity', 5, 'up' UNION ALL SELECT 1, NULL, 5, 'up';
SELECT 'ohlc', meter, o.open, o.open_time, tally.open(o.k), tally.high(o.k), tally.low(o.k), tally.close(o.k), tally.high_time(o.k), tally.low_time(o.k),
    tally.close_time(o.k), pg_temp.plain(o.k::jsonb) FROM (SELECT meter, tally.open(k) AS open, tally.open_time(k) AS open_time, k
    FROM (SELECT meter, tally.ohlc(v, at) AS k FROM r GROUP BY 1) x) o ORDER BY 2;
SELECT 'ohlc', tally.high(tally.rollup(k)), tally.open_time(tally.rollup(k)), tally.low(tally.merge(min_k, NULL)) IS NULL
  FROM (SELECT tally.ohlc(v, at) AS k FROM r GROUP BY meter) x, (SELECT tally.ohlc(NULL, at) AS min_k FROM r) y GROUP BY 4;
SELECT 'odd', pg_temp.plain(tally.ohlc(v, at)::jsonb) FROM (VALUES ('NaN'::float8, timestamptz '2026-01-01 00:00+00'), (1, '2026-01-01 00:00+00'), ('Infinity',
    '2026-01-01 00:00:00.25+00'), (-3, '0044-03-15 00:00+00 BC'), (-3, '12026-03-15 00:00+00')) x(v, at);
SELECT 'counter', meter, tally.increase(c), tally.resets(c), tally.changes(c), tally.count(c), tally.rate(c), tally.first_time(c), tally.last_time(c),
    tally.first_value(c), tally.last_value(c), tally.duration(c), tally.extrapolated_increase(c, '2026-01-01 00:00+00', '2026-01-01 01:00+00'),
    tally.extrapolated_increase(c, '2026-01-01 00:00+00', '2026-01-01 00:44:20+00'), tally.extrapolated_increase(c, '2026-01-02', '2026-01-03')
  FROM (SELECT meter, tally.counter(v, at) AS c FROM r GROUP BY meter) q ORDER BY 2;
SELECT 'gauge', meter, tally.delta(c), tally.rate(c), tally.changes(c) FROM (SELECT meter, tally.gauge(v, at) AS c FROM r GROUP BY meter) q ORDER BY 2;
SELECT 'weighted', m, meter, tally.integral(c), tally.average(c), tally.average(c, '2025-12-31', '2026-01-02', NULL),
    tally.average(c, '2025-12-31', '2026-01-02', b, a), pg_temp.plain(c::jsonb)
  FROM unnest('{locf,linear}'::text[]) m, LATERAL (SELECT meter, tally.time_weighted(v, at, m) AS c FROM r GROUP BY meter) q,
       LATERAL (SELECT tally.time_weighted(7, '2025-12-30', m) AS b, tally.time_weighted(9, '2026-01-05', m) AS a) n ORDER BY 2, 3;
SELECT 'nothing within', m, tally.average(NULL, '2025-12-31', '2026-01-02', b, a), tally.average(NULL, '2025-12-31', '2026-01-02', b),
    tally.average(NULL, '2025-12-31', '2026-01-02', NULL, a), tally.average(NULL, NULL, '2026-01-02', NULL, a)
  FROM unnest('{locf,linear}'::text[]) m, LATERAL (SELECT tally.time_weighted(7, '2025-12-30', m) AS b, tally.time_weighted(9, '2026-01-05', m) AS a) n;
-- Buckets of five minutes, rolled up; what lies between them counts too; the part before.
CREATE TEMP TABLE parts AS SELECT meter, date_bin('5 min', at, '2026-01-01 00:00+00') AS bucket, tally.counter(v, at) AS c, tally.gauge(v, at) AS g,
    tally.time_weighted(v, at) AS t, tally.time_weighted(v, at, 'linear') AS l, tally.state_time(s, at) AS s
  FROM r WHERE isfinite(at) GROUP BY 1, 2;
SELECT 'rolled up', meter, tally.increase(tally.rollup(c)), tally.resets(tally.rollup(c)), tally.delta(tally.rollup(g)), tally.integral(tally.rollup(t)),
    tally.average(tally.rollup(l)), tally.count(tally.rollup(c)), tally.changes(tally.rollup(g)), tally.duration_in(tally.rollup(s), 'up')
  FROM parts GROUP BY 2 ORDER BY 2;
SELECT 'bucket by bucket', bucket, tally.increase(c, lag(c) OVER w), tally.delta(g, lag(g) OVER w), tally.average(t, bucket, bucket + '5 min', lag(t) OVER w),
    tally.average(l, bucket, bucket + '5 min', lag(l) OVER w, lead(l) OVER w), (tally.within(s, bucket, bucket + '5 min', lag(s) OVER w))::jsonb
  FROM parts WHERE meter = 3 WINDOW w AS (ORDER BY bucket) ORDER BY 2;
SELECT 'merged', tally.increase(tally.merge(a.c, b.c)), tally.count(tally.merge(a.c, NULL)), tally.merge(NULL::tally.readings, NULL) IS NULL,
    tally.changes(tally.merge(b.s, a.s)) FROM parts a, parts b WHERE a.meter = 2 AND b.meter = 2 AND a.bucket = '2026-01-01 00:05+00'
    AND b.bucket = '2026-01-01 00:20+00';
SELECT 'states', meter, t.* FROM (SELECT meter, tally.state_time(s, at) AS c FROM r GROUP BY meter) q, tally.states(c) t ORDER BY 2, 3;
SELECT 'states', meter, tally.duration_in(c, 'none'), tally.first_state(c), tally.last_state(c), tally.first_time(c), tally.last_time(c), tally.count(c),
    tally.changes(c), c::jsonb FROM (SELECT meter, tally.state_time(s, at) AS c FROM r GROUP BY meter) q ORDER BY 2;
SELECT 'odd', tally.increase(c), tally.changes(c), tally.resets(c), tally.first_value(c), tally.last_value(c), pg_temp.plain(c::jsonb)
  FROM (SELECT tally.counter(v, at) AS c FROM (VALUES ('NaN'::float8, timestamptz '2026-01-01 00:00+00'), (1, '2026-01-01 00:00+00'), ('Infinity',
      '2026-01-01 00:00:00.25+00'), (-3, '2026-01-01 00:00:01+00')) x(v, at)) y;
SELECT 'one', tally.rate(c), tally.increase(c), pg_temp.plain(c::jsonb) FROM (SELECT tally.counter(5, '2026-01-01 00:00+00') AS c) x;
SELECT 'none', tally.counter(NULL, now()) IS NULL, tally.state_time(NULL, now()) IS NULL, tally.increase(NULL::tally.readings, NULL) IS NULL;
SELECT pg_temp.told(s) FROM unnest(ARRAY[
    'SELECT tally.increase(tally.gauge(1, now()))', 'SELECT tally.delta(tally.counter(1, now()))', 'SELECT tally.rate(tally.time_weighted(1, now()))',
    'SELECT tally.average(tally.counter(1, now()))', 'SELECT tally.integral(tally.gauge(1, now()))', 'SELECT tally.time_weighted(1, now(), ''step'')',
    'SELECT tally.merge(tally.gauge(1, now()), tally.counter(1, now()))',
    'SELECT tally.count(tally.rollup(c)) FROM parts', 'SELECT tally.count(tally.rollup(s)) FROM parts',
    'SELECT tally.increase(a.c, b.c) FROM parts a, parts b WHERE a.meter = 1 AND b.meter = 1 AND a.bucket < b.bucket LIMIT 1',
    'SELECT tally.average(t, bucket + ''1 min'', bucket + ''5 min'', NULL) FROM parts LIMIT 1',
    'SELECT tally.within(s, bucket, bucket + ''1 s'', NULL) FROM parts LIMIT 1']) s;
