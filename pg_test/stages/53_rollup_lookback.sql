-- Buckets that look back: actors of the last seven days per day (also by the calendar of a zone with days of 23 and 25
-- hours), of the last six hours per hour, of the last three months per month, against plain SQL under every kind of write.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'America/New_York';  -- the session's zone must not matter
CREATE FUNCTION dice(seed text, sides int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT (('x' || substr(md5(seed), 1, 7))::bit(28)::int % sides) $$;
CREATE TABLE events (id int PRIMARY KEY, at timestamptz, local timestamp, who text, kind text);
CREATE INDEX ON events (at);
-- From before the clocks of Berlin go forward to after, with a gap of two weeks.
INSERT INTO events SELECT i, t, t AT TIME ZONE 'Europe/Berlin', 'u' || dice('w' || i, 200), (ARRAY['a', 'b', NULL])[dice('k' || i, 3) + 1]
  FROM generate_series(1, 1200) i,
      LATERAL (SELECT timestamptz '2026-03-10 00:00+00' + i * interval '53 minutes' + CASE WHEN i > 600 THEN interval '14 days' ELSE '0' END AS t) x;
SELECT tally.create_rollup('wau', 'events', 'at', bucket => '1 day', lookback => '7 days', dimensions => '["kind"]',
    measures => '{"actors": "tally.hll(who)", "n": "count(*)"}');
SELECT tally.create_rollup('wau_berlin', 'events', 'at', bucket => '1 day', lookback => '7 days', zone => 'Europe/Berlin',
    measures => '{"n": "count(*)", "last": "max(at)"}', "where" => 'kind = ''a''');
SELECT tally.create_rollup('six_hours', 'events', 'at', bucket => '1 hour', lookback => '6 hours', measures => '{"n": "count(*)"}');
SELECT tally.create_rollup('quarter', 'events', 'local', bucket => '1 month', lookback => '3 months', zone => 'Europe/Berlin', measures => '{"n": "count(*)"}');
SELECT tally.create_rollup('hourly', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)", "actors": "tally.hll(who)"}');
SELECT tally.create_rollup('on_hourly', 'hourly', bucket => '1 day', lookback => '2 days', dimensions => '[]');

CREATE FUNCTION plain(unit text, step interval, n int, zone text, only_kind text) RETURNS TABLE (bucket timestamptz, kind text, who text, at timestamptz)
    LANGUAGE sql AS $$
    SELECT (b.local + k * step) AT TIME ZONE zone, coalesce(e.kind, '(none)'), e.who, e.at
      FROM events e, LATERAL (SELECT date_trunc(unit, e.at AT TIME ZONE zone) AS local) b, generate_series(0, n - 1) k
     WHERE isfinite(e.at) AND (only_kind IS NULL OR e.kind = only_kind)
$$;
CREATE FUNCTION same(suffix text, what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT bucket, kind, n, tally.distinct_count(actors)::int AS actors FROM wau%s', suffix),
        'SELECT bucket, kind, count(*) AS n, count(DISTINCT who)::int AS a FROM plain(''day'', ''1 day'', 7, ''UTC'', NULL) GROUP BY 1, 2',
            what || ': seven days' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT bucket, n, last FROM wau_berlin%s', suffix),
        'SELECT bucket, count(*) AS n, max(at) AS a FROM plain(''day'', ''1 day'', 7, ''Europe/Berlin'', ''a'') GROUP BY 1',
            what || ': seven days of Berlin' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT bucket, n FROM six_hours%s', suffix),
        'SELECT bucket, count(*) AS n FROM plain(''hour'', ''1 hour'', 6, ''UTC'', NULL) GROUP BY 1', what || ': six hours' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT bucket, n FROM quarter%s', suffix),
        'SELECT (date_trunc(''month'', local) + k * interval ''1 month'') AT TIME ZONE ''Europe/Berlin'' AS b, count(*) AS n FROM events, generate_series(0, '
            '2) k WHERE isfinite(local) GROUP BY 1', what || ': three months' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT bucket, n, tally.distinct_count(actors)::int AS actors FROM on_hourly%s', suffix),
        'SELECT bucket, count(*) AS n, count(DISTINCT who)::int AS a FROM plain(''day'', ''1 day'', 2, ''UTC'', NULL) GROUP BY 1',
            what || ': two days, on a rollup' || suffix)
$$;
CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM same('_live', what);
    PERFORM tally.refresh();
    RETURN QUERY SELECT * FROM same('', what);
    RETURN QUERY SELECT is((SELECT string_agg(DISTINCT state, ',') FROM tally.status), 'fresh', what || ': status');
END $$;
SELECT same('_live', 'nothing computed');
-- A mark in a range that is still to be built reaches buckets that are built.
CALL tally.backfill('wau', 300);
SELECT exact('history, in batches');
INSERT INTO events VALUES (10001, '2026-03-01 10:00+00', '2026-03-01 11:00', 'late', 'a'),
    (10002, '2026-03-29 00:59:59+00', '2026-03-29 01:59:59', 'late', NULL), (10003, '2030-01-01 00:00+00', '2030-01-01 01:00', 'early', 'b');
SELECT exact('late and early rows');
SELECT is((SELECT count(*) FROM wau WHERE bucket >= '2029-12-30'), 7::bigint, 'a row is counted in its day and the six after it');
UPDATE events SET at = at + interval '8 days' WHERE id BETWEEN 100 AND 140;
SELECT exact('moved in time');
UPDATE events SET kind = 'moved' WHERE id BETWEEN 200 AND 220;
SELECT exact('another dimension');
DELETE FROM events WHERE id BETWEEN 300 AND 420;
SELECT exact('deleted');
UPDATE events SET at = NULL WHERE id = 500;
UPDATE events SET at = 'infinity', local = '-infinity' WHERE id = 501;
SELECT exact('no time, infinite times');
SELECT tally.repair('wau', '2026-03-15', '2026-03-16');
INSERT INTO events VALUES (10010, '2026-03-15 10:00+00', '2026-03-15 10:00', 'x', 'a');
SELECT exact('repair of a day');
SELECT is_empty('SELECT * FROM tally.verify(''wau'', ''2026-03-14'', ''2026-04-10'')', 'verified');
INSERT INTO events VALUES (10011, '2026-03-18 10:00+00', '2026-03-18 10:00', 'y', 'a');
SELECT results_eq('SELECT bucket, dirty FROM tally.verify(''wau'')',
    'SELECT timestamptz ''2026-03-18+00'' + d * interval ''24 hours'', true FROM generate_series(0, 6) d', 'verify knows what waits for a refresh');
SELECT results_eq('SELECT buckets, updated FROM tally.refresh(''wau'')', 'VALUES (7::bigint, 7::bigint)', 'and the refresh computes those');
SELECT tally.refresh();
BEGIN;
TRUNCATE events;
SELECT same('_live', 'truncate');
ROLLBACK;
SELECT throws_ok($$SELECT tally.create_rollup('bad', 'events', 'at', bucket => '1 day', lookback => '36 hours', measures => '{"n": "count(*)"}')$$, '22023',
    NULL, 'not whole buckets');
SELECT throws_ok($$SELECT tally.create_rollup('bad', 'events', 'at', bucket => '1 day', lookback => '1 month', measures => '{"n": "count(*)"}')$$, '22023',
    NULL, 'a month is no number of days');
SELECT throws_ok($$SELECT tally.create_rollup('bad', 'events', 'at', bucket => '1 week', zone => 'Europe/Berlin', lookback => '10 days',
    measures => '{"n": "count(*)"}')$$, '22023', NULL, 'no whole weeks');
SELECT throws_ok($$SELECT tally.create_rollup('bad', 'events', key => 'who', lookback => '7 days', measures => '{"n": "count(*)"}')$$, '22023', NULL,
    'a key has no buckets');
SELECT throws_ok($$SELECT tally.freeze_source('events', '2026-03-20')$$, '55000', NULL, 'rows that are looked back on are needed');
SELECT lives_ok($$SELECT tally.create_rollup('six_hours', 'events', 'at', bucket => '1 hour', lookback => '6 hours', measures => '{"n": "count(*)"}')$$,
    'the same again');
DROP INDEX events_at_idx;
INSERT INTO events VALUES (10012, '2026-03-19 10:00+00', '2026-03-19 10:00', 'z', 'a');
SELECT exact('without an index on the time');
TRUNCATE events;
SELECT exact('truncated');
-- Buckets of several days or months look back over buckets of theirs.
CREATE TABLE spans (at timestamptz, n int);
CREATE INDEX ON spans (at);
INSERT INTO spans SELECT t, 1 FROM generate_series(timestamptz '2026-03-20 00:00+00', timestamptz '2026-04-10 00:00+00', '5 hours') t;
SELECT tally.create_rollup('two_days_back', 'spans', 'at', bucket => '2 days', zone => 'Europe/Berlin', origin => '2026-03-20 00:00+01', lookback => '6 days',
    measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('half_years_back', 'spans', 'at', bucket => '6 months', lookback => '1 year', measures => '{"n": "sum(n)"}', with_data => true);
INSERT INTO spans VALUES ('2026-03-28 23:30+00', 100), ('2025-12-31 12:00+00', 1000);
CREATE VIEW spans_expected AS
SELECT (date '2026-03-20' + 2 * (k + i))::timestamp AT TIME ZONE 'Europe/Berlin' AS bucket, sum(n) AS n
  FROM (SELECT floor(((at AT TIME ZONE 'Europe/Berlin')::date - date '2026-03-20') / 2.0)::int AS k, n FROM spans) s, generate_series(0, 2) i GROUP BY 1;
SELECT bag_eq('SELECT bucket, n FROM two_days_back_live', 'SELECT * FROM spans_expected', 'three times two days, live');
SELECT tally.refresh('two_days_back'), tally.refresh('half_years_back');
SELECT bag_eq('SELECT bucket, n FROM two_days_back', 'SELECT * FROM spans_expected', 'three times two days');
SELECT bag_eq('SELECT bucket, n FROM half_years_back',
    $$SELECT '2025-07-01 00:00Z'::timestamptz, 1000::bigint UNION ALL SELECT '2026-01-01 00:00Z',
        (SELECT sum(n) FROM spans) UNION ALL SELECT '2026-07-01 00:00Z', (SELECT sum(n) FROM spans WHERE at > '2026-01-01')$$, 'two half years');
SELECT throws_ok($$SELECT tally.alter_rollup('two_days_back', retain => '30 days')$$, '0A000', NULL, 'buckets that look back do not go one by one');
SELECT * FROM finish();
