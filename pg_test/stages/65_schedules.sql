-- Owns: what a schedule may be, and when one came up last.
SELECT no_plan();
SET timezone = 'Asia/Kolkata';
SET datestyle = 'SQL, DMY';
CREATE TABLE events (at timestamptz NOT NULL);
CREATE INDEX ON events (at);

-- 2026-03-01 is a Sunday; pg_cron reads schedules in UTC, whatever the session's zone.
SELECT is(tally.schedule_before(s, '2026-03-01T12:07:30Z', beats), wanted::timestamptz, format('%s, %s beats back', s, beats))
  FROM (VALUES ('* * * * *', 1, '2026-03-01T12:07:00Z'), ('* * * * *', 2, '2026-03-01T12:06:00Z'), ('*/5 * * * *', 2, '2026-03-01T12:00:00Z'),
               ('0 9 * * mon-fri', 1, '2026-02-27T09:00:00Z'), ('0 0 29 2 *', 1, '2024-02-29T00:00:00Z'), ('30 seconds', 2, '2026-03-01T12:07:00Z'),
               ('@hourly', 2, '2026-03-01T11:00:00Z'), ('@daily', 1, '2026-03-01T00:00:00Z'), ('@weekly', 2, '2026-02-22T00:00:00Z'),
                   ('@monthly', 2, '2026-02-01T00:00:00Z'), ('@yearly', 1, '2026-01-01T00:00:00Z')) v(s, beats, wanted);
-- An independent count: the minutes of a month that a schedule names, by PostgreSQL's own arithmetic.
SELECT is((SELECT count(DISTINCT tally.schedule_before('20-40/10 6-18/6 * * 1,3', m))
    FROM generate_series('2026-03-02T06:20:00Z'::timestamptz, '2026-03-30T05:59:00Z', '1 minute') m),
    (SELECT count(*) FROM generate_series('2026-03-02T06:20:00Z'::timestamptz, '2026-03-30T05:59:00Z', '1 minute') m,
        LATERAL (SELECT m AT TIME ZONE 'UTC' AS u) x
      WHERE extract(isodow FROM u) IN (1, 3) AND extract(hour FROM u) IN (6, 12, 18) AND extract(minute FROM u) IN (20, 30, 40)),
          'every beat of a month and no other');
SELECT throws_ok(format('SELECT tally.schedule_before(%L, now())', x), '22023', NULL, 'no schedule: ' || quote_literal(x))
  FROM unnest('{"* * * * abc","0 0 30 2 *","1,,2 * * * *",60 seconds,@reboot,@Daily,""}'::text[]) x;
SELECT is(tally.schedule_before('* * * * *', x), NULL, 'no time before ' || x) FROM unnest('{infinity,-infinity}'::timestamptz[]) x;

-- '30 seconds' was accepted where pg_cron 1.4 refuses it, and start() then scheduled nothing.
SELECT is(tally_internal._unfit_schedule(s, v) IS NULL, fits, format('%s under %s', s, v))
  FROM (VALUES ('30 seconds', 104, false), ('30 seconds', 105, true), ('0 0 $ * *', 105, false), ('0 0 $ * *', 106, true), ('* * * * *', 104, true),
      ('30 seconds', NULL, true)) x(s, v, fits);
SELECT is(tally_internal._cron_version(), split_part(v, '.', 1)::int * 100 + substring(v from '\.(\d+)')::int, 'it is pg_cron ' || v)
  FROM (SELECT default_version FROM pg_available_extensions WHERE name = 'pg_cron') a(v);
-- pg_cron 1.5 and later take a number of seconds, so there it is a schedule.
CREATE FUNCTION seconds(statement text, message text, description text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN tally_internal._cron_version() = 104 THEN throws_ok(statement, '0A000', message, description || ': refused')
                ELSE lives_ok(statement, description || ': taken') END $$;
SELECT seconds($$SELECT tally.create_rollup('fast', 'events', 'at', measures => '{"n": "count(*)"}', schedule => '30 seconds')$$,
    'schedule ''30 seconds'' cannot be run here: a number of seconds needs pg_cron 1.5, got 1.4', 'at definition');
SELECT bag_eq('SELECT name::text FROM tally.rollups', $$SELECT 'fast' WHERE tally_internal._cron_version() > 104$$, 'and nothing half-created');
SELECT tally.create_rollup('slow', 'events', 'at', measures => '{"n": "count(*)"}', schedule => '*/5 * * * *');
SELECT lives_ok($$SELECT tally.alter_rollup('slow', schedule => '@daily')$$, 'a name is a schedule');
SELECT seconds($$SELECT tally.alter_rollup('slow', schedule => '30 seconds')$$, NULL, 'afterwards');
SELECT seconds($$SELECT tally.create_task('t', '30 seconds', 'SELECT 1')$$, NULL, 'of a task');
SELECT throws_ok($$SELECT tally.create_task('t', 'whenever', 'SELECT 1')$$, '22023', NULL, 'a task needs a schedule that can be read');

-- Where there may be so many jobs and no more, schedules share one.
SELECT bag_eq(format($$SELECT word, schedule FROM tally_internal._own_jobs('{0 3 * * *,@hourly,*/5 * * * *,0 0 1 1 *}', %L::int)$$, most), wanted,
        'four schedules, ' || COALESCE(most || ' jobs', 'any number of jobs'))
  FROM (VALUES (3, $$VALUES ('*/5 * * * *', '*/5 * * * *'), ('@hourly', '@hourly'), ('due', '* * * * *')$$), (1, $$VALUES ('due', '* * * * *')$$),
               (4, $$SELECT s, s AS t FROM unnest('{*/5 * * * *,@hourly,0 3 * * *,0 0 1 1 *}'::text[]) s$$),
               (NULL, $$SELECT s, s AS t FROM unnest('{*/5 * * * *,@hourly,0 3 * * *,0 0 1 1 *}'::text[]) s$$)) v(most, wanted);

-- What is due is what has come up since it was refreshed.
SELECT tally.drop_rollup(name) FROM tally.rollups;
SELECT tally.create_rollup('waits', 'events', 'at', measures => '{"n": "count(*)"}', schedule => '* * * * *');
SELECT tally.create_rollup('done', 'events', 'at', measures => '{"n": "count(*)"}', schedule => '0 0 1 1 *');
INSERT INTO events VALUES ('2026-01-01 00:00Z');
CALL tally.backfill();
UPDATE tally.runs r SET started_at = now() + CASE x.name WHEN 'done' THEN interval '1 day' ELSE '-2 minutes' END FROM tally.rollups x WHERE x.id = r.rollup_id;
SELECT tally.create_rollup('never', 'events', 'at', measures => '{"n": "count(*)"}', schedule => '0 0 1 1 *');
SELECT tally.create_rollup('by_hand', 'events', 'at', measures => '{"n": "count(*)"}', schedule => NULL);
SELECT set_eq($$SELECT r.name FROM unnest(tally_internal._scheduled_chain('due')) c JOIN tally.rollups r ON r.id = c$$, '{waits,never}'::text[],
    'due is what came up since its last run, and what never ran');
INSERT INTO events VALUES ('2026-01-01 00:00Z');
CALL tally.refresh_scheduled(NULL);
SELECT results_eq('SELECT (SELECT sum(n)::int FROM waits), (SELECT sum(n)::int FROM done), (SELECT sum(n)::int FROM never)', 'VALUES (2, 1, 2)',
    'bug: refresh_scheduled(NULL), which the installation page has for other databases, did nothing');
SELECT * FROM finish();
