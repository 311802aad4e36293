-- Aggregates that go by time: first, last, ohlc, counter, gauge, time_weighted, state_time. Their answers are held against plain SQL over
-- window functions, for rows in any order; parts of any stretches of time merge to the same bytes.
SELECT no_plan();
SET client_min_messages = warning;
SET TimeZone = 'UTC';
-- Rows as texts, so that columns need no names of their own.
CREATE FUNCTION same(got text, want text, what text) RETURNS text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT q::text AS r FROM (%s) q', got), format('SELECT q::text AS r FROM (%s) q', want), what)
$$;
-- Every seventh reading is at the instant of another one; some have no value or no finite time.
CREATE TABLE r AS
SELECT i % 7 AS meter, timestamptz '2026-01-01 00:00+00' + (i * 7919 % 3001 / 7) * interval '13.25 s' AS at,
       CASE WHEN i % 41 > 0 THEN (i * 31 % 97) / 4.0::float8 END AS v, (ARRAY['up', 'down', 'slow'])[1 + i * i % 3] AS s
  FROM generate_series(1, 2000) i
UNION ALL SELECT 1, 'infinity', 5, 'up' UNION ALL SELECT 1, '-infinity', 5, 'up' UNION ALL SELECT 1, NULL, 5, 'up';
ANALYZE r;
CREATE VIEW steps AS SELECT meter, at, v, s, lag(v) OVER w AS before, extract(epoch FROM at - lag(at) OVER w)::float8 AS span
  FROM r WHERE v IS NOT NULL AND isfinite(at) WINDOW w AS (PARTITION BY meter ORDER BY at, v);
CREATE TABLE oracle AS
SELECT meter, count(*) AS n, count(*) FILTER (WHERE v < before) AS resets, count(*) FILTER (WHERE v <> before) AS changes,
       coalesce(sum(CASE WHEN v < before THEN v ELSE v - before END), 0) AS increase, coalesce(sum(v - before), 0) AS delta,
       sum(before * span) AS held, sum((before + v) / 2 * span) AS line, extract(epoch FROM max(at) - min(at))::float8 AS seconds,
       (array_agg(v ORDER BY at, v))[1] AS first, (array_agg(v ORDER BY at DESC, v DESC))[1] AS last, min(at) AS first_at, max(at) AS last_at,
       max(v) AS high, min(v) AS low, (array_agg(at ORDER BY v DESC, at))[1] AS high_at, (array_agg(at ORDER BY v, at))[1] AS low_at
  FROM steps GROUP BY meter;
SELECT is((SELECT count(*) FROM oracle WHERE resets > 20 AND n > 200), 7::bigint, 'seven meters with resets');
SELECT same('SELECT meter, tally.increase(c), tally.resets(c), tally.changes(c), tally.count(c), tally.rate(c), tally.first_time(c), tally.last_time(c), '
    'tally.first_value(c), tally.last_value(c)
                 FROM (SELECT meter, tally.counter(v, at) AS c FROM r GROUP BY meter) q',
              'SELECT meter, increase, resets, changes, n, increase / seconds, first_at, last_at, first, last FROM oracle', 'counter');
SELECT same('SELECT meter, tally.delta(c), tally.rate(c), tally.duration(c) FROM (SELECT meter, tally.gauge(v, at) AS c FROM r GROUP BY meter) q',
              'SELECT meter, delta, delta / seconds, last_at - first_at FROM oracle', 'gauge');
SELECT same('SELECT meter, tally.integral(c), tally.average(c) FROM (SELECT meter, tally.time_weighted(v, at) AS c FROM r GROUP BY meter) q',
              'SELECT meter, held, held / seconds FROM oracle', 'time_weighted, locf');
SELECT same('SELECT meter, tally.integral(c), tally.average(c) FROM (SELECT meter, tally.time_weighted(v, at, ''linear'') AS c FROM r GROUP BY meter) q',
              'SELECT meter, line, line / seconds FROM oracle', 'time_weighted, linear');
SELECT same('SELECT meter, tally.open(c), tally.high(c), tally.low(c), tally.close(c), tally.open_time(c), tally.high_time(c), tally.low_time(c), '
    'tally.close_time(c)
                 FROM (SELECT meter, tally.ohlc(v, at) AS c FROM r GROUP BY meter) q',
              'SELECT meter, first, high, low, last, first_at, high_at, low_at, last_at FROM oracle', 'ohlc');
SELECT same('SELECT meter, tally.value(a), tally.value_time(a), tally.value(b), tally.value_time(b) FROM (SELECT meter, tally.first(v, at) AS a, tally.last(v, '
    'at) AS b FROM r GROUP BY meter) q',
              'SELECT meter, first, first_at, last, last_at FROM oracle', 'first and last of float8');
SELECT same('SELECT meter, tally.value_text(a)::bigint, tally.value_text(b)::bigint FROM (SELECT meter, tally.first(9007199254740993 + (4 * v)::bigint, '
    'at) AS a,
                 tally.last(9007199254740993 + (4 * v)::bigint, at) AS b FROM r GROUP BY meter) q',
              'SELECT meter, 9007199254740993 + (4 * first)::bigint, 9007199254740993 + (4 * last)::bigint FROM oracle',
                  'first and last of bigint, to the last digit');
SELECT same('SELECT meter, tally.value_text(a), tally.value_text(b) FROM (SELECT meter, tally.first(s, at) AS a, tally.last(s, '
    'at) AS b FROM r GROUP BY meter) q',
              'SELECT meter, (array_agg(s ORDER BY at, s COLLATE "C"))[1], (array_agg(s ORDER BY at DESC, '
                  's COLLATE "C" DESC))[1] FROM r WHERE isfinite(at) GROUP BY meter', 'first and last of text');
CREATE VIEW held AS SELECT meter, s, lead(at) OVER (PARTITION BY meter ORDER BY at, s COLLATE "C") - at AS held FROM r WHERE isfinite(at);
SELECT same('SELECT meter, t.state, t.duration FROM (SELECT meter, tally.state_time(s, at) AS c FROM r GROUP BY meter) q, tally.states(c) t',
              'SELECT meter, s, sum(held) FROM held GROUP BY meter, s', 'state_time: every state');
SELECT same('SELECT meter, tally.duration_in(c, ''up''), tally.duration_in(c, ''no such''), tally.first_state(c), tally.last_state(c), tally.last_time(c), '
    'tally.count(c)
                 FROM (SELECT meter, tally.state_time(s, at) AS c FROM r GROUP BY meter) q',
              'SELECT meter, sum(held) FILTER (WHERE s = ''up''), interval ''0'', (SELECT x.s FROM r x WHERE x.meter = h.meter AND isfinite(at) ORDER BY at, '
                  's COLLATE "C" LIMIT 1),
                      (SELECT x.s FROM r x WHERE x.meter = h.meter AND isfinite(at) ORDER BY at DESC, s COLLATE "C" DESC LIMIT 1), '
                          '(SELECT max(at) FROM r x WHERE x.meter = h.meter AND isfinite(at)), count(*)
                 FROM held h GROUP BY meter', 'state_time: its readers');

-- Buckets of a minute, then of seven, then the whole: the same bytes as from the rows. And workers, which see rows in any order.
CREATE TABLE whole AS SELECT meter, tally.counter(v, at) AS c, tally.gauge(v, at) AS g, tally.time_weighted(v, at) AS t,
    tally.time_weighted(v, at, 'linear') AS l, tally.ohlc(v, at) AS o,
       tally.first(s, at) AS f, tally.last(v, at) AS z, tally.state_time(s, at) AS s FROM r GROUP BY meter;
CREATE TABLE minutes AS SELECT meter, date_bin('1 min', at, '2026-01-01Z') AS at, tally.counter(v, at) AS c, tally.gauge(v, at) AS g,
    tally.time_weighted(v, at) AS t,
       tally.time_weighted(v, at, 'linear') AS l, tally.ohlc(v, at) AS o, tally.first(s, at) AS f, tally.last(v, at) AS z, tally.state_time(s, at) AS s FROM r
           WHERE isfinite(at) GROUP BY 1, 2;
CREATE VIEW wider AS SELECT meter, date_bin('7 min', at, '2026-01-01Z') AS at, tally.rollup(c) AS c, tally.rollup(g) AS g, tally.rollup(t) AS t,
    tally.rollup(l) AS l, tally.rollup(o) AS o,
       tally.rollup(f) AS f, tally.rollup(z) AS z, tally.rollup(s) AS s FROM (SELECT * FROM minutes ORDER BY md5(at::text)) q GROUP BY 1, 2;
SELECT cmp_ok((SELECT count(*) FROM wider), '>', 60::bigint, 'many parts');
SELECT same('SELECT meter, tally.rollup(c), tally.rollup(g), tally.rollup(t), tally.rollup(l), tally.rollup(o), tally.rollup(f), tally.rollup(z), '
    'tally.rollup(s) FROM (SELECT * FROM wider ORDER BY at DESC) q GROUP BY meter',
              'SELECT * FROM whole', 'parts of parts are the whole, byte for byte');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT same('SELECT meter, tally.counter(v, at) AS c, tally.gauge(v, at) AS g, tally.time_weighted(v, at) AS t, tally.time_weighted(v, at, ''linear'') AS l, '
    'tally.ohlc(v, at) AS o,
       tally.first(s, at) AS f, tally.last(v, at) AS z, tally.state_time(s, at) AS s FROM r GROUP BY meter', 'SELECT * FROM whole', 'workers, byte for byte');
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT same('SELECT c::text::tally.readings, l::text::tally.readings, o::text::tally.ohlc, f::text::tally.timed, z::text::tally.timed, '
    's::text::tally.state_time FROM whole',
              'SELECT c, l, o, f, z, s FROM whole', 'text comes back');
SELECT same('SELECT tally.merge(a.c, b.c), tally.merge(a.o, b.o), tally.merge(b.z, a.z), tally.merge(b.s, '
    'a.s) FROM minutes a JOIN minutes b ON b.meter = a.meter AND b.at = a.at + interval ''1 min''',
              'SELECT tally.rollup(c), tally.rollup(o), tally.rollup(z), tally.rollup(s) FROM (SELECT a.meter, a.at, unnest(ARRAY[a.c, b.c]) AS c, '
                  'unnest(ARRAY[a.o, b.o]) AS o, unnest(ARRAY[a.z, b.z]) AS z,
                      unnest(ARRAY[a.s, b.s]) AS s FROM minutes a JOIN minutes b ON b.meter = a.meter AND b.at = a.at + interval ''1 min'') q GROUP BY meter, '
                          'at', 'merge of two');
SELECT same('SELECT tally.merge(c, NULL), tally.merge(NULL, s) FROM whole', 'SELECT c, s FROM whole', 'a NULL is empty');

-- Increases from the part before add up to the whole's; averages over buckets, weighted by their known time, too.
SELECT same('SELECT meter, sum(i) FROM (SELECT meter, tally.increase(c, lag(c) OVER (PARTITION BY meter ORDER BY at)) AS i FROM minutes WHERE c IS NOT NULL) q '
    'GROUP BY meter',
              'SELECT meter, increase FROM oracle', 'increases of all buckets are that of the whole');
SELECT same('SELECT meter, sum(i) FROM (SELECT meter, tally.delta(g, lag(g) OVER (PARTITION BY meter ORDER BY at)) AS i FROM minutes WHERE c IS NOT NULL) q '
    'GROUP BY meter', 'SELECT meter, delta FROM oracle', 'and deltas');
CREATE VIEW every_minute AS SELECT m.meter, b AS at, least(b + interval '1 min', (SELECT last_at FROM oracle o WHERE o.meter = m.meter)) AS until, x.c,
    x.t, x.l, x.s,
       (SELECT p.t FROM minutes p WHERE p.meter = m.meter AND p.at < b AND p.t IS NOT NULL ORDER BY p.at DESC LIMIT 1) AS t_before,
           (SELECT p.l FROM minutes p WHERE p.meter = m.meter AND p.at < b AND p.l IS NOT NULL ORDER BY p.at DESC LIMIT 1) AS l_before,
       (SELECT p.l FROM minutes p WHERE p.meter = m.meter AND p.at > b AND p.l IS NOT NULL ORDER BY p.at LIMIT 1) AS l_after
  FROM (SELECT DISTINCT meter FROM minutes) m, generate_series(timestamptz '2026-01-01Z', '2026-01-01 01:34Z', '1 min') b LEFT
      JOIN LATERAL (SELECT * FROM minutes x WHERE x.meter = m.meter AND x.at = b) x ON true;
SELECT is((SELECT string_agg(meter::text, ',') FROM (
    SELECT meter, sum(tally.average(t, at, until, t_before) * extract(epoch
        FROM until - greatest(at, (SELECT first_at FROM oracle o WHERE o.meter = e.meter)))::float8) AS held FROM every_minute e WHERE until > at
        GROUP BY meter) q
    JOIN oracle o USING (meter) WHERE abs(q.held - o.held) > 1e-9 * o.held), NULL, 'averages of all buckets with what came before add up, locf');
SELECT is((SELECT string_agg(meter::text, ',') FROM (
    SELECT meter, sum(tally.average(l, at, until, l_before, l_after) * extract(epoch
        FROM until - greatest(at, (SELECT first_at FROM oracle o WHERE o.meter = e.meter)))::float8) AS line FROM every_minute e WHERE until > at
        GROUP BY meter) q
    JOIN oracle o USING (meter) WHERE abs(q.line - o.line) > 1e-9 * o.line), NULL, 'and on lines to what comes after');
SELECT is(tally.average(NULL, '2026-01-01 10:00Z', '2026-01-01 11:00Z', tally.time_weighted(5, '2026-01-01 09:00Z')), 5::float8,
    'a bucket without readings has the value from before');
SELECT is(tally.average(NULL, '2026-01-01 10:00Z', '2026-01-01 11:00Z', tally.time_weighted(0, '2026-01-01 09:00Z', 'linear'),
    tally.time_weighted(4, '2026-01-01 13:00Z', 'linear')), 1.5::float8, 'or lies on the line');
SELECT is(tally.average(NULL, '2026-01-01 10:00Z', '2026-01-01 11:00Z', tally.time_weighted(0, '2026-01-01 09:00Z', 'linear')), NULL,
    'of which an end is missing');
SELECT is((SELECT tally.duration_in(tally.within(tally.state_time(s, at), '2026-01-01 10:00Z', '2026-01-01 11:00Z',
    tally.state_time('down', '2026-01-01 09:00Z')), x)
             FROM (VALUES ('up', timestamptz '2026-01-01 10:20Z'), ('down', '2026-01-01 10:50Z')) t (s, at), unnest('{down}'::text[]) x GROUP BY x),
                 interval '30 min', 'a state from before, and one until the end');

-- The documented examples of TimescaleDB's toolkit, by hand: one reading has no average, its delta is 0 and its rate unknown; of 10, 20 and 10
-- after a reset the delta is 20.
SELECT is(ARRAY[tally.average(tally.time_weighted(7, 'epoch')), tally.rate(tally.counter(7, 'epoch')), tally.increase(tally.counter(7, 'epoch'))]::text,
    '{NULL,NULL,0}', 'one reading');
SELECT is(tally.increase(tally.counter(v, timestamptz 'epoch' + v2 * interval '1 s')), 20::float8, 'a reset counts from 0')
    FROM (VALUES (10, 1), (20, 2), (10, 3)) t (v, v2);
-- Of 10, 20, 10, 20, 0, 10 at 0:00, 1:00, … each value holds a minute: (10 + 20 + 10 + 20 + 0) / 5 = 12, on lines (15 + 15 + 15 + 10 + 5) / 5 = 12.
SELECT is(ARRAY[tally.average(tally.time_weighted(v, t)), tally.average(tally.time_weighted(v, t, 'linear'))], '{12,12}'::float8[], 'averages by hand')
  FROM (SELECT v, timestamptz 'epoch' + n * interval '1 min' AS t FROM unnest('{10,20,10,20,0,10}'::float8[]) WITH ORDINALITY x (v, n)) q;
-- The example of the toolkit's page on time_weight: 15 and 22.25 over all, NULL for buckets of one reading.
CREATE TABLE foo AS SELECT m, timestamptz '2020-01-01 00:00+00' + minute * interval '1 min' AS t, v
    FROM (VALUES (1, 0, 10), (1, 1, 20), (1, 2, 10), (1, 3, 20), (1, 4, 15), (2, 0, 10), (2, 1, 20), (2, 2, 10),
       (2, 3, 20), (2, 4, 10), (2, 8, 10), (2, 10, 30), (2, 10.5, 10), (2, 16.5, 35), (2, 30, 60)) x (m, minute, v);
SELECT same('SELECT m, tally.average(tally.time_weighted(v, t)) FROM foo GROUP BY m', 'VALUES (1, 15::float8), (2, 22.25)', 'the toolkit''s example');
SELECT same('SELECT m, b, tally.average(w) FROM (SELECT m, date_bin(''5 min'', t, ''2020-01-01Z'') AS b, tally.time_weighted(v, t) AS w FROM foo GROUP BY 1, '
    '2) q',
    $$VALUES (1, timestamptz '2020-01-01 00:00Z', 15::float8), (2, '2020-01-01 00:00Z', 15), (2, '2020-01-01 00:05Z', NULL), (2, '2020-01-01 00:10Z', 30),
        (2, '2020-01-01 00:15Z', NULL), (2, '2020-01-01 00:30Z', NULL)$$,
    'its buckets of five minutes');
-- Prometheus: 10, 20, 30 at seconds 10, 20, 30 of a minute: 20 × (20 + 10 + 5) / 20.
SELECT is(tally.extrapolated_increase(tally.counter(n, timestamptz 'epoch' + n * interval '1 s'), 'epoch', timestamptz 'epoch' + interval '1 min'), 35::float8,
    'extrapolated as Prometheus does') FROM unnest('{10,20,30}'::float8[]) n;

-- Sums are exact: 0.1 ten times and 1e300 in between lose nothing.
SELECT is(tally.integral(tally.time_weighted(v, t)), 1::float8 + 3 * 0.1::float8, 'large values that come and go leave no trace')
  FROM (VALUES (1e300::float8, timestamptz 'epoch'), (-1e300, 'epoch'::timestamptz + interval '1 s'), (1, 'epoch'::timestamptz + interval '2 s'),
      (0.1, 'epoch'::timestamptz + interval '3 s'), (0, 'epoch'::timestamptz + interval '6 s')) x (v, t);
SELECT is(tally.increase(tally.counter(v, timestamptz 'epoch' + n * interval '1 s')), NULL, 'a reading that is NaN has no sum, and no answer is NaN')
    FROM (VALUES (1::float8, 1), ('NaN', 2), (3, 3)) t (v, n);
SELECT is(ARRAY[tally.high(o), tally.low(o), tally.open(o), tally.close(o)]::text, '{NaN,-Infinity,2,-Infinity}', 'ohlc orders as PostgreSQL does') FROM (
    SELECT tally.ohlc(v, timestamptz 'epoch' + n * interval '1 s') AS o FROM (VALUES (2::float8, 1), ('NaN', 2), ('-Infinity', 3)) t (v, n)) q;

-- What cannot be put in order is refused, with words.
SELECT throws_ok('SELECT tally.rollup(c) FROM whole', '22023', NULL, 'meters that overlap');
SELECT throws_like('SELECT tally.merge(a.s, b.s) FROM whole a, whole b WHERE a.meter = 1 AND b.meter = 2',
    'parts of one series after another expected, got one that begins at 2026-01-01T%', 'states that overlap');
SELECT throws_ok('SELECT tally.merge(a.c, b.g) FROM minutes a JOIN minutes b USING (meter) WHERE b.at > a.at LIMIT 1', '42804',
    'readings of kind counter expected, got gauge', 'a counter and a gauge');
SELECT throws_ok('SELECT tally.increase(g) FROM whole', '42804', 'readings of kind counter expected, got gauge', 'the increase of a gauge');
SELECT throws_ok('SELECT tally.average(c) FROM whole', '42804', 'readings of kind time_weighted expected, got counter', 'the average of a counter');
SELECT throws_ok('SELECT tally.time_weighted(1, now(), ''x'')', '22023', 'method locf or linear expected, got x', 'a method that is none');
SELECT throws_ok('SELECT tally.time_weighted(v, at, CASE WHEN v > 5 THEN ''locf'' ELSE ''linear'' END) FROM r', '42804', NULL, 'two methods in one group');
SELECT throws_ok('SELECT tally.value(f) FROM whole', '42804', NULL, 'the number of a text');
SELECT throws_ok('SELECT tally.merge(tally.first(1::float8, now()), tally.last(1::float8, now()))', '42804', NULL, 'a first and a last value');
SELECT throws_ok('SELECT tally.average(t, ''2026-01-01 00:10Z'', ''2026-01-01 00:20Z'', NULL) FROM whole', '22023', NULL, 'readings outside the range');
SELECT throws_ok(format('SELECT %L::tally.%I', t, kind), '22P02', NULL, kind || ' from ' || t)
  FROM unnest('{readings,state_time,ohlc,timed}'::text[]) kind, unnest('{"{}","[]","{\"kind\":\"counter\",\"parts\":[]}","{\"parts\":[]}"}'::text[]) t;
SELECT * FROM finish();
