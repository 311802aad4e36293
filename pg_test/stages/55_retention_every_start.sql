-- Retentions with every start (each period in which an actor started is a cohort) against plain SQL over the source, live and stored, by days with 23 and
-- 25 hours, by weeks, and by hours from each start; after late, changed and deleted rows; told as a statement, dropped.
SELECT no_plan();
\ir ../message_of.psql
SET jit = off;
SET client_min_messages = warning;
SET timezone = 'America/New_York';  -- the session's zone must not matter
CREATE FUNCTION dice(seed text, sides int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT (('x' || substr(md5(seed), 1, 7))::bit(28)::int % sides) $$;
CREATE TABLE events (id int PRIMARY KEY, at timestamptz, who int, kind text, plan text);
CREATE INDEX ON events (who);
-- The clocks of Berlin change on 29 March and on 25 October 2026.
INSERT INTO events SELECT i + n * 10000, t + i * interval '97 minutes', CASE WHEN i % 53 > 0 THEN dice('w' || i, 20) END,
       (ARRAY['open', 'use', 'use'])[dice('k' || i, 3) + 1], (ARRAY['free', 'paid', NULL])[dice('p' || i, 3) + 1]
  FROM generate_series(1, 250) i, (VALUES (0, timestamptz '2026-03-20 00:00Z'), (1, '2026-10-16 00:00Z')) v(n, t);
-- Two starts at one moment are one; the plan that comes first by its name is the start's.
INSERT INTO events SELECT id + 5000, at, who, kind, 'basic' FROM events WHERE kind = 'open' AND id % 5 = 0;
ANALYZE events;
SELECT tally.create_retention('days', 'events', 'at', 'who', "start" => 'kind = ''open''', return => 'kind = ''use''', periods => 5, zone => 'Europe/Berlin',
    dimensions => '["plan"]', every_start => true);
SELECT tally.create_retention('weeks', 'events', 'at', 'who', period => '1 week', periods => 3, mode => 'on_or_after', zone => 'Europe/Berlin',
    every_start => true);
SELECT tally.create_retention('hours', 'events', 'at', 'who', "start" => 'kind = ''open''', return => 'kind = ''use''', period => '24 hours', periods => 3,
    every_start => true);

CREATE FUNCTION plain(unit text, n int, starts text[], returns text[], later boolean, as_of timestamptz)
RETURNS TABLE (cohort timestamptz, plan text, period int, actors bigint, retained bigint) LANGUAGE sql AS $$
    SELECT s.local AT TIME ZONE 'Europe/Berlin', s.plan, p, count(*), count(*) FILTER (WHERE EXISTS (
               SELECT FROM events e WHERE e.who = s.who AND e.kind = ANY (returns) AND e.at >= s.at AND isfinite(e.at)
                  AND CASE WHEN later THEN date_trunc(unit, e.at AT TIME ZONE 'Europe/Berlin') >= s.local + p * ('1 ' || unit)::interval
                           ELSE date_trunc(unit, e.at AT TIME ZONE 'Europe/Berlin') = s.local + p * ('1 ' || unit)::interval END))
      FROM (SELECT DISTINCT ON (who, local) * FROM (
                SELECT who, at, COALESCE(plan, '(none)') AS plan, date_trunc(unit, at AT TIME ZONE 'Europe/Berlin') AS local
                  FROM events WHERE kind = ANY (starts) AND isfinite(at) AND who IS NOT NULL) x
             ORDER BY who, local, at, NULLIF(plan, '(none)')) s, generate_series(0, n) p
     WHERE (s.local + (p + 1) * ('1 ' || unit)::interval) AT TIME ZONE 'Europe/Berlin' <= as_of GROUP BY 1, 2, 3
$$;
CREATE FUNCTION plain_hours(as_of timestamptz) RETURNS TABLE (cohort timestamptz, period int, starts bigint, retained bigint) LANGUAGE sql AS $$
    SELECT date_bin('1 day', at, '2000-01-01 00:00Z'), p, count(*), count(*) FILTER (WHERE EXISTS (
               SELECT FROM events e WHERE e.who = s.who AND e.kind = 'use' AND e.at >= s.at + p * interval '24 hours'
                  AND e.at < s.at + (p + 1) * interval '24 hours'))
      FROM (SELECT DISTINCT who, at FROM events WHERE kind = 'open' AND isfinite(at) AND who IS NOT NULL) s, generate_series(0, 3) p
     WHERE date_bin('1 day', at, '2000-01-01 00:00Z') + (p + 2) * interval '24 hours' <= as_of GROUP BY 1, 2
$$;
CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    suffix text;
BEGIN
    FOREACH suffix IN ARRAY '{_live,""}'::text[] LOOP
        RETURN NEXT bag_eq(format('SELECT bucket, plan, period, actors, retained FROM days_cohorts%s', suffix),
            $q$SELECT * FROM plain('day', 5, '{open}', '{use}', false, now())$q$, what || ': days' || suffix);
        RETURN NEXT bag_eq(format('SELECT bucket, period, actors, retained FROM weeks_cohorts%s', suffix),
            $q$SELECT cohort, period, sum(actors)::bigint AS n, sum(retained)::bigint AS k
                 FROM plain('week', 3, '{open,use,drop}', '{open,use,drop}', true, now()) GROUP BY 1, 2$q$, what || ': weeks' || suffix);
        RETURN NEXT bag_eq(format('SELECT bucket, period, actors, retained FROM hours_cohorts%s', suffix),
            $q$SELECT * FROM plain_hours(now())$q$, what || ': 24 hours from each start' || suffix);
        IF suffix = '_live' THEN PERFORM tally.refresh(); END IF;
    END LOOP;
    RETURN NEXT is((SELECT string_agg(DISTINCT state, ',') FROM tally.status), 'fresh', what || ': status');
END $$;
SELECT exact('history');
SELECT cmp_ok((SELECT max(n) FROM (SELECT count(*) AS n FROM days_actors GROUP BY who) x), '>', 3::bigint, 'an actor is in several cohorts');
INSERT INTO events VALUES (20001, '2026-01-05 10:00Z', 3, 'open', 'paid'), (20002, '2026-01-06 23:30Z', 3, 'use', NULL),
    -- Half past two comes twice on 25 October.
    (20003, '2026-10-25 01:30Z', 900, 'open', 'paid'), (20004, '2026-10-25 00:30Z', 900, 'use', 'free'), (20005, '2026-10-25 23:00Z', 900, 'open', NULL),
    (20006, '2026-10-26 00:30Z', 900, 'use', NULL);
SELECT exact('late');
UPDATE events SET at = at - interval '26 hours' WHERE id % 10 = 0;
UPDATE events SET who = who % 20 WHERE id % 7 = 0;
UPDATE events SET kind = 'drop' WHERE id % 11 = 0;
DELETE FROM events WHERE id % 4 = 0;
SELECT exact('moved, given to others, no starts any more, deleted');
SELECT bag_eq(format('SELECT period, eligible, retained FROM tally.retention(''days'', until => %1$L, as_of => %1$L)', t),
    format('SELECT period, sum(actors)::bigint AS n, sum(retained)::bigint AS k FROM plain(''day'', 5, ''{open}'', ''{use}'', false, %L) GROUP BY 1', t),
    'the curve as of ' || t)
  FROM unnest('{2026-10-25 22:59:59Z,2026-10-25 23:00Z}'::timestamptz[]) t;

-- The definition.
SELECT lives_ok($$SELECT tally.create_retention('weeks', 'events', 'at', 'who', period => '1 week', periods => 3, mode => 'on_or_after',
    zone => 'Europe/Berlin', every_start => true)$$, 'the same again');
SELECT throws_ok($$SELECT tally.create_retention('weeks', 'events', 'at', 'who', period => '1 week', periods => 3, mode => 'on_or_after',
    zone => 'Europe/Berlin')$$, '42710', NULL, 'by the first start it is another one');
CREATE TEMP TABLE told AS SELECT statement FROM tally.definitions() WHERE name = 'days';
SELECT is((SELECT count(*) FROM told), 1::bigint, 'one statement tells it');
SELECT alike(statement, '%every_start => ''true''%', 'with every start') FROM told;
SELECT throws_ok(format('SELECT tally.drop_rollup(%L)', n), '2BP01', NULL, n || ' goes as a part of the whole')
  FROM unnest('{days,days_actors,days_times}'::text[]) n;
SELECT tally.drop_retention('days');
SELECT is((SELECT count(*) FROM pg_class WHERE relname LIKE 'days%'), 0::bigint, 'nothing of it is left');
SELECT statement FROM told \gexec
SELECT exact('made again by its statement');
CREATE TEMP TABLE refused AS SELECT * FROM message_of(
    $$SELECT tally.create_retention('bad', 'events', 'at', 'who', period => '1 week', origin => '2026-03-01 00:00Z', every_start => true)$$);
SELECT is(state || ': ' || message, '0A000: retention ''bad'' can have an origin or every_start, got both', 'an origin with every start') FROM refused;
SELECT lives_ok((SELECT hint FROM refused), 'its hint is a statement that works');
SELECT tally.drop_retention('bad');
SELECT * FROM finish();
