-- Retentions as definitions against plain SQL over the source, live and stored, after late, changed and deleted rows, by days
-- with 23 hours, weeks and months; only periods that are wholly past are shown.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'America/New_York';  -- the session's zone must not matter
CREATE FUNCTION dice(seed text, sides int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT (('x' || substr(md5(seed), 1, 7))::bit(28)::int % sides) $$;
CREATE TABLE events (id int PRIMARY KEY, at timestamptz, who int, kind text, plan text);
CREATE INDEX ON events (who);
-- 28 March 2026, a Saturday, is the day before the clocks of Berlin go forward.
INSERT INTO events SELECT i, timestamptz '2026-03-20 00:00+00' + i * interval '21 minutes', CASE WHEN i % 53 > 0 THEN dice('w' || i, 90) END,
       (ARRAY['signup', 'visit', 'visit', 'buy'])[dice('k' || i, 4) + 1], (ARRAY['free', 'paid', NULL])[dice('p' || i, 3) + 1] FROM generate_series(1, 2000) i;

ANALYZE events;
SELECT tally.create_retention('daily', 'events', 'at', 'who', "start" => 'kind = ''signup''', return => 'kind = ''visit''', periods => 6,
    zone => 'Europe/Berlin', dimensions => '["plan"]');
SELECT tally.create_retention('weekly', 'events', 'at', 'who', "start" => 'kind = ''signup''', return => 'kind IN (''visit'', ''buy'')', period => '1 week',
    periods => 3, mode => 'on_or_after', zone => 'Europe/Berlin');
SELECT tally.create_retention('monthly', 'events', 'at', 'who', period => '1 month', periods => 2, zone => 'Europe/Berlin');

CREATE FUNCTION plain(unit text, n int, starts text[], returns text[], later boolean, as_of timestamptz)
RETURNS TABLE (cohort timestamptz, who int, plan text, period int, kept boolean, past boolean) LANGUAGE sql AS $$
    SELECT date_trunc(unit, s.at, 'Europe/Berlin'), s.who, s.plan, p,
           EXISTS (SELECT FROM events e WHERE e.who = s.who AND (returns IS NULL OR e.kind = ANY (returns)) AND e.at >= s.at AND isfinite(e.at)
                      AND CASE WHEN later THEN date_trunc(unit, e.at AT TIME ZONE 'Europe/Berlin') >= s.local + p * ('1 ' || unit)::interval
                               ELSE date_trunc(unit, e.at AT TIME ZONE 'Europe/Berlin') = s.local + p * ('1 ' || unit)::interval END),
           (s.local + (p + 1) * ('1 ' || unit)::interval) AT TIME ZONE 'Europe/Berlin' <= as_of
      FROM (SELECT DISTINCT ON (who) who, at, coalesce(plan, '(none)') AS plan, date_trunc(unit, at AT TIME ZONE 'Europe/Berlin') AS local
              FROM events WHERE (starts IS NULL OR kind = ANY (starts)) AND isfinite(at) AND who IS NOT NULL ORDER BY who, at, plan) s,
           generate_series(0, n) p
$$;
CREATE TEMP TABLE plain_day AS SELECT * FROM plain('day', 6, '{signup}', '{visit}', false, now()) LIMIT 0;
CREATE TEMP TABLE plain_week AS TABLE plain_day;
CREATE TEMP TABLE plain_month AS TABLE plain_day;
CREATE FUNCTION same(suffix text, what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT bucket, plan, period, actors, retained, round(share::numeric, 9) AS share FROM daily_cohorts%s', suffix),
        'SELECT cohort, plan, period, count(*) AS n, count(*) FILTER (WHERE kept) AS k, round(count(*) FILTER (WHERE kept)::numeric / count(*), 9) AS s
           FROM plain_day WHERE past GROUP BY 1, 2, 3', what || ': days' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT bucket, period, actors, retained FROM weekly_cohorts%s', suffix),
        'SELECT cohort, period, count(*) AS n, count(*) FILTER (WHERE kept) AS k FROM plain_week WHERE past GROUP BY 1, 2', what || ': weeks' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT bucket, period, actors, retained FROM monthly_cohorts%s', suffix),
        'SELECT cohort, period, count(*) AS n, count(*) FILTER (WHERE kept) AS k FROM plain_month WHERE past GROUP BY 1, 2', what || ': months' || suffix)
$$;
CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS plain_day, plain_week, plain_month;
    CREATE TEMP TABLE plain_day AS SELECT * FROM plain('day', 6, '{signup}', '{visit}', false, now());
    CREATE TEMP TABLE plain_week AS SELECT * FROM plain('week', 3, '{signup}', '{visit,buy}', true, now());
    CREATE TEMP TABLE plain_month AS SELECT * FROM plain('month', 2, NULL, NULL, false, now());
    RETURN QUERY SELECT * FROM same('_live', what);
    PERFORM tally.refresh();
    RETURN QUERY SELECT * FROM same('', what);
    RETURN QUERY SELECT is((SELECT string_agg(DISTINCT state, ',') FROM tally.status), 'fresh', what || ': status');
END $$;
SELECT exact('history');
INSERT INTO events VALUES (10001, '2026-01-05 10:00+00', 3, 'signup', 'paid'), (10002, '2026-01-06 23:30+00', 3, 'visit', NULL),
    (10003, '2026-03-29 00:59:59+00', 7, 'visit', NULL), (10004, '2026-03-28 22:59+00', 9, 'signup', 'free');
SELECT exact('a late start moves an actor to another cohort');
UPDATE events SET at = at - interval '26 hours' WHERE id % 10 = 0;
SELECT exact('moved in time');
UPDATE events SET who = who % 40 WHERE id % 7 = 0;
SELECT exact('moved to other actors');
DELETE FROM events WHERE kind = 'signup' AND id % 3 = 0;
SELECT exact('starts deleted');
UPDATE events SET kind = 'other' WHERE kind = 'visit' AND id % 4 = 0;
SELECT exact('returns taken back');
UPDATE events SET at = NULL WHERE id % 31 = 0;
UPDATE events SET at = 'infinity' WHERE id % 37 = 0;
UPDATE events SET at = '-infinity' WHERE id % 41 = 0;
SELECT exact('no time, infinite times');
-- An actor who started just now: none of its periods is past.
INSERT INTO events VALUES (20001, now(), 1000, 'signup', 'new'), (20002, now(), 1000, 'visit', 'new');
SELECT exact('today');
SELECT is((SELECT count(*) FROM daily_cohorts_live WHERE plan = 'new'), 0::bigint, 'an unfinished day is not shown');
SELECT is((SELECT actors FROM daily WHERE plan = 'new'), 1::bigint, 'though the cohort is there');

SELECT bag_eq(format('SELECT period, eligible, retained, round(share::numeric, 9) AS share FROM tally.retention(''daily'', as_of => %L)', t),
    format('SELECT period, count(*) AS n, count(*) FILTER (WHERE kept) AS k, round(count(*) FILTER (WHERE kept)::numeric / count(*), 9) AS s
              FROM plain(''day'', 6, ''{signup}'', ''{visit}'', false, %1$L) WHERE past AND cohort < %1$L GROUP BY 1', t), 'the curve as of ' || t)
  FROM unnest('{2026-03-20 12:00+00,2026-03-24 23:30+00,2026-03-30 00:00+02,2026-05-01 00:00+00}'::timestamptz[]) t;
SELECT bag_eq('SELECT labels ->> ''plan'' AS plan, period, eligible, retained FROM tally.retention(''daily'', since => ''2026-03-22 00:00+01'', '
    'until => ''2026-03-30 00:00+02'', by => ''{plan}'', "where" => ''{"plan": ["free", null]}'')',
    'SELECT plan, period, count(*) AS n, count(*) FILTER (WHERE kept) AS k FROM plain(''day'', 6, ''{signup}'', ''{visit}'', false, now())
      WHERE cohort >= ''2026-03-22 00:00+01'' AND cohort < ''2026-03-30 00:00+02'' AND plan IN (''free'', ''(none)'') GROUP BY 1, 2', 'the curve by plan');

SELECT lives_ok($$SELECT tally.create_retention('daily', 'events', 'at', 'who', "start" => 'kind = ''signup''', return => 'kind = ''visit''', periods => 6,
    zone => 'Europe/Berlin', dimensions => '["plan"]')$$, 'the same again');
SELECT throws_ok($$SELECT tally.create_retention('daily', 'events', 'at', 'who')$$, '42710', NULL, 'another definition');
SELECT throws_ok($$SELECT tally.create_funnel('daily', 'events', 'at', 'who', '{"a": "true"}')$$, '42710', NULL, 'a funnel of that name');
SELECT throws_ok($$SELECT tally.create_retention('bad', 'events', 'at', 'who', periods => -1)$$, '22023', NULL, 'no periods');
SELECT throws_ok($$SELECT tally.create_retention('bad', 'events', 'at', 'who', mode => 'sometimes')$$, '22023', NULL, 'no such mode');
SELECT throws_ok($$SELECT tally.create_retention('bad', 'events', 'at', 'who', "start" => 'nothing')$$, '42703', NULL, 'no such column');
SELECT throws_ok($$SELECT tally.create_retention('bad', 'events', 'at', 'plan', period => '10 days', zone => 'Europe/Berlin')$$, '0A000', NULL,
    'no calendar unit');
SELECT is((SELECT count(*) FROM pg_class WHERE relname LIKE 'bad%'), 0::bigint, 'nothing half made');
SELECT tally.drop_retention(name) FROM tally.behaviours;
SELECT is((SELECT count(*) FROM pg_class WHERE relname ~ '^(daily|weekly|monthly|dirty_keys)'), 0::bigint, 'nothing is left');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'tally%'), 0::bigint, 'nor any trigger');
SELECT * FROM finish();
