-- Measures that go by time (counter, time_weighted, state_time, ohlc, first, last) in rollups, rollups on rollups, live views, backfills, metrics and
-- time series. The oracle is the aggregate over all rows of a bucket, which 14_time_order.sql holds against plain SQL.
SELECT no_plan();
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE TABLE meter_log (at timestamptz NOT NULL, meter text, v float8, state text);
CREATE INDEX ON meter_log (at);
INSERT INTO meter_log SELECT timestamptz '2026-03-01 00:00Z' + i * interval '97 s' + i % 3 * interval '13 min', 'm' || i % 3, (i * 31 % 97) / 4.0,
    (ARRAY['up', 'down', 'slow'])[1 + i * i % 3]
  FROM generate_series(1, 3000) i;
SELECT tally.create_rollup('m_min', 'meter_log', 'at', bucket => '10 minutes', dimensions => '["meter"]', measures => $${
    "c": "tally.counter(v, at)", "w": "tally.time_weighted(v, at)", "l": "tally.time_weighted(v, at, 'linear')", "g": "tally.gauge(v, at) FILTER (WHERE v > 3)",
    "o": "tally.ohlc(v, at)", "f": "tally.first(state, at)", "z": "tally.last(v, at)", "s": "tally.state_time(state, at)"}$$);
SELECT tally.create_rollup('m_hour', 'm_min', bucket => '1 hour');
SELECT tally.create_rollup('m_day', 'm_hour', bucket => '1 day');
SELECT is((SELECT string_agg(DISTINCT regexp_replace(m.expression, '\(.*', ''), ',') FROM tally.measures m JOIN tally.rollups r ON r.id = m.rollup_id
    WHERE r.name = 'm_day'), 'tally.rollup', 'measures merge by their own aggregate');

CREATE FUNCTION exact(suffix text, what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT bucket, meter, c, w, l, g, o, f, z, s FROM %s%s', level, suffix),
                  format('SELECT date_bin(%L, at, ''2026-03-01Z'') AS bucket, meter, tally.counter(v, at) AS c, tally.time_weighted(v, at) AS w, '
                      'tally.time_weighted(v, at, ''linear'') AS l,
                                 tally.gauge(v, at) FILTER (WHERE v > 3) AS g, tally.ohlc(v, at) AS o, tally.first(state, at) AS f, tally.last(v, at) AS z, '
                                     'tally.state_time(state, at) AS s
                            FROM meter_log GROUP BY 1, 2', width), what || ': ' || level || suffix)
      FROM (VALUES ('m_min', '10 min'), ('m_hour', '1 hour'), ('m_day', '1 day')) t (level, width)
$$;
SELECT exact('_live', 'nothing computed');
CALL tally.backfill();
SELECT exact('', 'backfilled');
-- Rows that come late, in the midst of others and at an instant that has one; rows that change and go.
INSERT INTO meter_log SELECT timestamptz '2026-03-01 09:59:59Z' + i * interval '31 min', 'm1', 100 - i, 'late' FROM generate_series(0, 40) i;
INSERT INTO meter_log SELECT at, meter, v + 1, 'again' FROM meter_log WHERE v > 22;
UPDATE meter_log SET v = 0 WHERE v = 5;
DELETE FROM meter_log WHERE meter = 'm2' AND at BETWEEN '2026-03-02 00:00Z' AND '2026-03-02 03:00Z';
SELECT exact('_live', 'late rows, unrefreshed');
SELECT tally.refresh('m_min');
SELECT exact('_live', 'the lowest level refreshed');
SELECT tally.refresh();
SELECT exact('', 'refreshed');
SELECT is_empty('SELECT * FROM tally.verify(''m_min'') v WHERE v IS NOT NULL', 'verify finds nothing');

-- Metrics: the readings of a meter merge over buckets of any width.
SELECT tally.create_metric('used', 'm_min', 'tally.increase(c)');
SELECT tally.create_metric('mean_held', 'm_min', 'tally.average(w)');
SELECT tally.create_metric('uptime', 'm_min', 'extract(epoch FROM tally.duration_in(s, ''up''))');
SELECT tally.create_metric('close', 'm_min', 'tally.close(o)');
SELECT bag_eq($$SELECT p.bucket, p.series, p.value FROM tally.timeseries('used', since => '2026-03-01Z', until => '2026-03-03Z', bucket => '2 hours',
    by => '{meter}') p$$,
              $$SELECT date_bin('2 hours', at, '2026-03-01Z') AS bucket, meter AS series, tally.increase(tally.counter(v, at)) AS value FROM meter_log
                  WHERE at < '2026-03-03Z' GROUP BY 1, 2$$, 'a metric by meter');
SELECT bag_eq($$SELECT p.bucket, p.value FROM tally.timeseries('mean_held', since => '2026-03-01Z', until => '2026-03-03Z', bucket => '1 day',
    "where" => '{"meter": "m1"}') p$$,
              $$SELECT date_bin('1 day', at, '2026-03-01Z') AS bucket, tally.average(tally.time_weighted(v, at)) AS value FROM meter_log WHERE meter = 'm1'
                  AND at < '2026-03-03Z' GROUP BY 1$$, 'of one meter');
SELECT is(tally.metric_value('uptime', since => '2026-03-01Z', until => '2026-03-04Z', "where" => '{"meter": "m0"}'),
          (SELECT extract(epoch FROM sum(held) FILTER (WHERE state = 'up'))::float8
              FROM (SELECT state, lead(at) OVER (ORDER BY at, state COLLATE "C") - at AS held FROM meter_log WHERE meter = 'm0' AND at < '2026-03-04Z') q),
              'one number over all buckets');
SELECT is(tally.metric_value('close', since => '2026-03-01Z', until => '2026-03-04Z'),
    (SELECT v FROM meter_log WHERE at < '2026-03-04Z' ORDER BY at DESC, v DESC LIMIT 1), 'ends merge over meters, too');
SELECT throws_ok($$SELECT * FROM tally.timeseries('used', since => '2026-03-01Z', until => '2026-03-03Z')$$, '22023', NULL,
    'three meters are no series: refused, not added up');
SELECT lives_ok('SELECT tally.drop_rollup(''m_min'', "cascade" => true)', 'dropped');
SELECT * FROM finish();
