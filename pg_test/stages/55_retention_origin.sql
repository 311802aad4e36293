-- Retentions whose weeks begin on another day than Monday, and whose months begin on another day than the first, against plain SQL over local times moved by
-- as many days; exact where clocks change, after late, changed and deleted rows, and by the reader.
SELECT no_plan();
\ir ../message_of.psql
SET client_min_messages = warning;
SET timezone = 'Asia/Tokyo';  -- the session's zone must not matter
CREATE FUNCTION dice(seed text, sides int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT (('x' || substr(md5(seed), 1, 7))::bit(28)::int % sides) $$;
CREATE TABLE logins (id int PRIMARY KEY, at timestamptz, who int, kind text);
CREATE INDEX ON logins (who);
-- 8 March and 1 November 2026 are Sundays on which the clocks of New York change.
INSERT INTO logins SELECT i + n * 10000, t + i * interval '53 minutes', CASE WHEN i % 53 > 0 THEN dice('w' || i, 60) + n * 100 END,
       (ARRAY['signup', 'visit', 'visit'])[dice('k' || i, 3) + 1]
  FROM generate_series(1, 900) i, (VALUES (0, timestamptz '2026-02-20 00:00Z'), (1, '2026-10-15 00:00Z')) v(n, t);
ANALYZE logins;
SELECT tally.create_retention('sundays', 'logins', 'at', 'who', "start" => 'kind = ''signup''', return => 'kind = ''visit''', period => '1 week', periods => 4,
    zone => 'America/New_York', origin => '2000-01-02 00:00-05');
SELECT tally.create_retention('thursdays', 'logins', 'at', 'who', period => '7 days', periods => 4, mode => 'on_or_after',
    origin => '2026-01-01 00:00Z');
SELECT tally.create_retention('invoices', 'logins', 'at', 'who', period => '1 month', periods => 2, zone => 'America/New_York',
    origin => '2026-06-15 00:00-04');
CREATE FUNCTION plain(zone text, unit text, moved interval, starts text[], returns text[], n int, later boolean, as_of timestamptz)
RETURNS TABLE (cohort timestamptz, period int, actors bigint, retained bigint) LANGUAGE sql AS $$
    SELECT cohort, p, count(*), count(*) FILTER (WHERE kept) FROM (
        SELECT (s.local - moved) AT TIME ZONE zone AS cohort, p,
               EXISTS (SELECT FROM logins e WHERE e.who = s.who AND e.kind = ANY (returns) AND e.at >= s.at
                          AND CASE WHEN later THEN date_trunc(unit, (e.at AT TIME ZONE zone) + moved) >= s.local + p * ('1 ' || unit)::interval
                                   ELSE date_trunc(unit, (e.at AT TIME ZONE zone) + moved) = s.local + p * ('1 ' || unit)::interval END) AS kept,
               (s.local + (p + 1) * ('1 ' || unit)::interval - moved) AT TIME ZONE zone <= as_of AS past
          FROM (SELECT DISTINCT ON (who) who, at, date_trunc(unit, (at AT TIME ZONE zone) + moved) AS local
                  FROM logins WHERE kind = ANY (starts) AND who IS NOT NULL ORDER BY who, at) s, generate_series(0, n) p) x
     WHERE past GROUP BY 1, 2
$$;
CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    suffix text;
BEGIN
    FOREACH suffix IN ARRAY '{_live,""}'::text[] LOOP
        RETURN NEXT bag_eq(format('SELECT bucket, period, actors, retained FROM sundays_cohorts%s', suffix),
            $q$SELECT * FROM plain('America/New_York', 'week', '1 day', '{signup}', '{visit}', 4, false, now())$q$, what || ': weeks from Sunday' || suffix);
        RETURN NEXT bag_eq(format('SELECT bucket, period, actors, retained FROM thursdays_cohorts%s', suffix),
            $q$SELECT * FROM plain('UTC', 'week', '4 days', '{signup,visit}', '{signup,visit}', 4, true, now())$q$, what || ': weeks from Thursday' || suffix);
        RETURN NEXT bag_eq(format('SELECT bucket, period, actors, retained FROM invoices_cohorts%s', suffix),
            $q$SELECT * FROM plain('America/New_York', 'month', '-14 days', '{signup,visit}', '{signup,visit}', 2, false, now())$q$,
            what || ': months from the 15th' || suffix);
        IF suffix = '_live' THEN PERFORM tally.refresh(); END IF;
    END LOOP;
END $$;
SELECT exact('history');
INSERT INTO logins VALUES (20001, '2026-01-04 04:59Z', 3, 'signup'), (20002, '2026-01-04 05:00Z', 3, 'visit'), (20003, '2026-03-08 04:59:59Z', 7, 'visit'),
    -- Half past one comes twice. The visit in the first one was before the start in the second.
    (20004, '2026-11-01 05:50Z', 900, 'visit'), (20005, '2026-11-01 06:40Z', 900, 'signup'), (20006, '2026-11-08 05:00Z', 900, 'visit');
SELECT exact('late');
SELECT bag_eq($$SELECT period, retained FROM tally.retention('sundays', since => '2026-11-01 00:00-04', until => '2026-11-08 00:00-05')$$,
    $$SELECT period, sum(retained)::bigint AS k FROM plain('America/New_York', 'week', '1 day', '{signup}', '{visit}', 4, false, now())
       WHERE cohort = '2026-11-01 00:00-04' GROUP BY 1$$, 'the reader goes by the same weeks');
UPDATE logins SET at = at - interval '3 days 5 hours' WHERE id % 10 = 0;
DELETE FROM logins WHERE kind = 'signup' AND id % 4 = 0;
SELECT exact('moved and deleted');
SELECT bag_eq(format('SELECT period, eligible, retained FROM tally.retention(''sundays'', until => %1$L, as_of => %1$L)', t),
    format('SELECT period, sum(actors)::bigint AS n, sum(retained)::bigint AS k
              FROM plain(''America/New_York'', ''week'', ''1 day'', ''{signup}'', ''{visit}'', 4, false, %L)
             GROUP BY 1', t), 'the curve as of ' || t)
  FROM unnest('{2026-11-14 23:59:59-05,2026-11-15 00:00-05}'::timestamptz[]) t;

-- The definition.
SELECT lives_ok($$SELECT tally.create_retention('invoices', 'logins', 'at', 'who', period => '1 month', periods => 2, zone => 'America/New_York',
    origin => '2026-06-15 04:00Z')$$, 'the same again, written in another way');
SELECT throws_ok($$SELECT tally.create_retention('invoices', 'logins', 'at', 'who', period => '1 month', periods => 2, zone => 'America/New_York')$$,
    '42710', NULL, 'without the origin it is another one');
SELECT throws_ok($$SELECT tally.create_retention('invoices', 'logins', 'at', 'who', period => '1 month', periods => 2, zone => 'America/New_York',
    origin => '2026-06-16 04:00Z')$$, '42710', NULL, 'and with another one');
CREATE TEMP TABLE told AS SELECT statement FROM tally.definitions() WHERE name = 'sundays';
SELECT alike(statement, '%origin => ''2000-01-02 05:00:00+00''%', 'as a statement') FROM told;
SELECT tally.drop_retention('sundays');
SELECT statement FROM told \gexec
SELECT exact('made again by its statement');
SELECT is((SELECT (message_of(format($$SELECT tally.create_retention('bad', 'logins', 'at', 'who', period => %L, zone => %L, origin => %L)$$, p, z, o))).state),
    '22023', what)
  FROM (VALUES ('1 week', 'America/New_York', '2000-01-02 00:00Z', 'no midnight of the zone'),
               ('1 month', 'UTC', '2026-01-31 00:00Z', 'a day that some months lack'), ('1 year', 'UTC', '2026-04-01 00:00Z', 'years'),
               ('24 hours', 'UTC', '2026-04-01 00:00Z', 'hours'), ('1 week', 'UTC', 'infinity', 'no time')) v(p, z, o, what);
SELECT is((SELECT count(*) FROM pg_class WHERE relname LIKE 'bad%'), 0::bigint, 'nothing half made');
SELECT * FROM finish();
