-- Sessions, retention and what many actors of a funnel add up to, each against plain SQL.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'America/New_York';  -- the session's zone must not matter

CREATE TABLE events AS
SELECT i % 150 AS actor, timestamptz '2026-03-20 00:00+00' + (i * 7919 % 20000) * interval '1 minute' AS at,
    (ARRAY['signup', 'visit', 'buy'])[i * 31 / 7 % 3 + 1] AS kind
  FROM generate_series(1, 3000) i;
INSERT INTO events VALUES (1, NULL, 'visit'), (2, NULL, 'signup');
ANALYZE events;

-- Sessions
SELECT bag_eq(format($$SELECT actor, at, tally.sessionize(at, %L) OVER (PARTITION BY actor ORDER BY at) FROM events$$, gap),
              format($$SELECT actor, at, CASE WHEN at IS NOT NULL THEN sum(new) OVER (PARTITION BY actor ORDER BY at ROWS UNBOUNDED PRECEDING) END
                         FROM (SELECT actor, at, CASE WHEN at - lag(at) OVER (PARTITION BY actor ORDER BY at) <= %L THEN 0 ELSE 1 END AS new FROM events) x$$,
                             gap),
              'sessions of plain SQL, gap ' || gap)
  FROM unnest('{0 hours,1 hour,7 hours,2 days}'::interval[]) gap;
SELECT throws_ok($$SELECT tally.sessionize(at, '1 hour') OVER (PARTITION BY actor ORDER BY at DESC) FROM events$$, '22023');
SELECT throws_ok($$SELECT tally.sessionize(at, '-1 hour') OVER (ORDER BY at) FROM events$$, '22023');
SELECT throws_ok($$SELECT tally.sessionize(at, NULL) OVER (ORDER BY at) FROM events$$, '22004');

-- Retention by the calendar of Berlin, across 2026-03-29 (a day of 23 hours), against plain SQL.
CREATE FUNCTION plain(as_of timestamptz, later boolean) RETURNS TABLE (actor int, n int, kept boolean) LANGUAGE sql AS $$
    SELECT s.actor, n, CASE WHEN s.day + n < (as_of AT TIME ZONE 'Europe/Berlin')::date
             THEN EXISTS (SELECT FROM events e WHERE e.actor = s.actor AND e.kind = 'visit' AND e.at >= s.at AND e.at < as_of
                             AND CASE WHEN later THEN (e.at AT TIME ZONE 'Europe/Berlin')::date >= s.day + n
                                                 ELSE (e.at AT TIME ZONE 'Europe/Berlin')::date = s.day + n END) END
      FROM (SELECT actor, min(at) AS at, (min(at) AT TIME ZONE 'Europe/Berlin')::date AS day FROM events WHERE kind = 'signup' AND at < as_of GROUP BY actor) s,
           generate_series(0, 6) n
$$;
CREATE FUNCTION ours(as_of timestamptz, mode text) RETURNS TABLE (actor int, n int, kept boolean) LANGUAGE sql AS $$
    SELECT actor, n::int - 1, kept
      FROM (SELECT actor, tally.retention(array_agg(at) FILTER (WHERE kind = 'signup'), array_agg(at) FILTER (WHERE kind = 'visit'), '1 day', 6, as_of,
          'Europe/Berlin', mode) AS days
              FROM events GROUP BY actor) r, unnest(days) WITH ORDINALITY u(kept, n)
$$;
SELECT bag_eq(format('SELECT * FROM ours(%L, %L)', t, m), format('SELECT * FROM plain(%L, %L)', t, m = 'on_or_after'), m || ' as of ' || t)
  FROM unnest('{2026-03-20 12:00+00,2026-03-24 23:30+00,2026-03-30 00:00+02,2026-05-01 00:00+00}'::timestamptz[]) t, unnest('{on,on_or_after}'::text[]) m;
SELECT is(tally.retention('{2026-01-01 23:00+00}', '{2026-01-02 01:00+00}', '1 day', 2, '2026-02-01', 'UTC'), '{f,t,f}', 'calendar days');
SELECT is(tally.retention('{2026-01-01 23:00+00}', '{2026-01-02 01:00+00}', '1 day', 2, '2026-02-01', NULL), '{t,f,f}', '24-hour periods');
SELECT is(tally.retention('{2026-01-31 00:00+00}', '{2026-03-01 00:00+00}', '1 month', 2, '2026-07-01', 'UTC'), '{f,f,t}', 'months');
SELECT is(tally.retention('{2026-01-04 00:00+00}', '{2026-01-05 00:00+00}', '1 week', 1, '2026-07-01', 'UTC'), '{f,t}', 'weeks begin on Mondays');
SELECT is(tally.retention(NULL, '{2026-01-05 00:00+00}', '1 week', 1, '2026-07-01'), '{}', 'no start');
SELECT throws_ok($$SELECT tally.retention('{2026-01-01}', '{}', '1 month 1 hour', 1, now(), 'UTC')$$, '22023');
SELECT throws_ok($$SELECT tally.retention('{2026-01-01}', '{}', '1 day', 1, now(), 'Nowhere')$$, '22023');
SELECT throws_ok($$SELECT tally.retention('{2026-01-01}', '{}', '1 day', 1, now(), 'UTC', 'never')$$, '22023');
SELECT throws_ok($$SELECT tally.retention('{2026-01-01}', '{}', '1 day', -1)$$, '22023');

-- Counts, merged by parts and by workers.
CREATE TABLE kept AS SELECT actor, array_agg(kept ORDER BY n) AS days FROM ours('2026-03-26 12:00+00', 'on') GROUP BY actor;
CREATE VIEW expected AS SELECT n, count(kept) AS eligible, count(*) FILTER (WHERE kept) AS retained FROM ours('2026-03-26 12:00+00', 'on') GROUP BY n;
SELECT bag_eq('SELECT r.period, r.eligible, r.retained FROM (SELECT tally.retention_counts(days) c FROM kept) x, tally.retention_periods(c) r',
    'SELECT * FROM expected', 'counts');
SELECT bag_eq('SELECT r.period, r.eligible, r.retained FROM (SELECT tally.rollup(c) c FROM (SELECT tally.retention_counts(days) c FROM kept GROUP BY actor % '
    '7) y) x, tally.retention_periods(c) r',
              'SELECT * FROM expected', 'counts merged');
SELECT is((SELECT tally.retention_counts(days)::text::tally.retention_counts::text FROM kept), (SELECT tally.retention_counts(days)::text FROM kept),
    'text there and back');
SELECT throws_ok($$SELECT '00'::tally.retention_counts$$, '22P02');

-- Funnel counts: counts equal the list of members behind them; times are those of the chains.
CREATE TABLE actors AS
SELECT actor, tally.funnel_path('5 days', at, kind, '{signup,visit,buy}') AS path, tally.window_funnel('5 days', at, kind, '{signup,visit,buy}') AS level
    FROM events GROUP BY actor;
CREATE VIEW members AS SELECT k AS step, count(*) FILTER (WHERE level >= k) AS actors,
    (percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM path[k] - path[k - 1])))::float8 AS p50
  FROM actors, generate_series(1, 3) k GROUP BY k;
SELECT bag_eq('SELECT s.step, s.actors, s.seconds_p50 FROM (SELECT tally.funnel_counts(path) c FROM actors) x, tally.funnel_steps(c) s',
    'SELECT * FROM members', 'by path');
SELECT bag_eq('SELECT s.step, s.actors FROM (SELECT tally.funnel_counts(level) c FROM actors) x, tally.funnel_steps(c) s', 'SELECT step, actors FROM members',
    'by level');
SELECT bag_eq('SELECT s.step, s.actors, s.seconds_p50 FROM (SELECT tally.rollup(c) c FROM (SELECT tally.funnel_counts(path) c FROM actors GROUP BY actor % 7) '
    'y) x, tally.funnel_steps(c) s',
              'SELECT * FROM members', 'merged');
SELECT is(tally.reached(tally.funnel_counts(level)), (SELECT array_agg(actors ORDER BY step) FROM members), 'reached') FROM actors;
SELECT results_eq($$SELECT step, name, s.actors, of_previous, of_first FROM (SELECT tally.funnel_counts(l) c FROM unnest('{2,1,0,NULL,2,1}'::int[]) l) x,
    tally.funnel_steps(c, '{a,b,c}') s$$,
                  $$VALUES (1, 'a', 4::bigint, NULL::float8, 1::float8), (2, 'b', 2, 0.5, 0.5), (3, 'c', 0, 0, 0)$$,
                      'names bring the steps that nobody reached');
-- More actors than the tail holds.
SELECT is(tally.reached(tally.funnel_counts(i % 4)), '{7500,5000,2500}') FROM generate_series(0, 9999) i;
SELECT is(tally.count(tally.time_to_convert(tally.funnel_counts(ARRAY[timestamptz 'epoch', timestamptz 'epoch' + i * interval '1 s']), 2)), 10000::bigint)
    FROM generate_series(1, 10000) i;
SELECT is((SELECT tally.funnel_counts(path)::text::tally.funnel_counts::text FROM actors), (SELECT tally.funnel_counts(path)::text FROM actors),
    'text there and back');
SELECT is((SELECT tally.funnel_counts(level) FROM actors WHERE false)::text, NULL, 'no actors');
SELECT throws_ok($$SELECT tally.funnel_counts(33)$$, '22023');
SELECT throws_ok($$SELECT '02'::tally.funnel_counts$$, '22P02');

-- Paths after and before an event, against window functions.
CREATE VIEW after_signup AS
SELECT actor, array_agg(kind ORDER BY i) FILTER (WHERE i > first AND i <= first + 2) AS path
  FROM (SELECT *, min(i) FILTER (WHERE kind = 'signup') OVER (PARTITION BY actor) AS first
          FROM (SELECT actor, kind, row_number() OVER (PARTITION BY actor ORDER BY at, kind COLLATE "C") AS i FROM events WHERE at IS NOT NULL) x) y
 WHERE first IS NOT NULL GROUP BY actor;
SELECT bag_eq($$SELECT actor, tally.next_event_path(array_agg(at), array_agg(kind), 'signup', 2) FROM events GROUP BY actor$$, 'SELECT * FROM after_signup',
    'paths');
SELECT results_eq($$SELECT path, actors FROM tally.next_event_paths('events', 'signup', 2, 'at', 'kind', 'actor', 3)$$,
                  'SELECT path, count(*) FROM after_signup GROUP BY path ORDER BY count(*) DESC, path LIMIT 3', 'the most common paths');
SELECT is(tally.next_event_path('{2026-01-01,2026-01-02,2026-01-03}', '{a,b,c}', 'c', -2), '{a,b}', 'before');
SELECT throws_ok($$SELECT tally.next_event_path('{2026-01-01}', '{a,b}', 'c')$$, '2202E');

-- All of it in parallel plans.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ANALYZE;
SELECT bag_eq('SELECT s.step, s.actors, s.seconds_p50 FROM (SELECT tally.funnel_counts(path) c FROM actors) x, tally.funnel_steps(c) s',
    'SELECT * FROM members', 'funnel counts by workers');
SELECT bag_eq('SELECT r.period, r.eligible, r.retained FROM (SELECT tally.retention_counts(days) c FROM kept) x, tally.retention_periods(c) r',
    'SELECT * FROM expected', 'retention counts by workers');


-- Bug: a level below 0 was shown as 18446744073709551615.
SELECT throws_ok('SELECT tally.funnel_counts(-1)', '22023', 'level expected in 0 to 32, got -1', 'a level below 0 is shown as it is');
SELECT * FROM finish();
