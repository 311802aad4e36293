-- What a session is set to decides nothing: the same rows are stored and shown whatever DateStyle, TimeZone, IntervalStyle and
-- the like it has that builds, refreshes, verifies or reads. A backfill under DateStyle Postgres in Kolkata once stored a range
-- 3.5 hours off, because a moment was printed by one session and read by another.
SELECT no_plan();
SET client_min_messages = warning;

-- Settings as clients and roles have them; the first is PostgreSQL's own.
CREATE TABLE styles (n int PRIMARY KEY, settings text);
INSERT INTO styles VALUES
    (0, $$SET datestyle = 'ISO, MDY'; SET timezone = 'UTC'$$),
    (1, $$SET datestyle = 'SQL, DMY'; SET timezone = 'Europe/Berlin'; SET intervalstyle = 'sql_standard'; SET bytea_output = 'escape'$$),
    (2, $$SET datestyle = 'Postgres, MDY'; SET timezone = 'Asia/Kolkata'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 0$$),
    (3, $$SET datestyle = 'German, DMY'; SET timezone = 'America/St_Johns'; SET intervalstyle = 'postgres_verbose'; SET extra_float_digits = -4$$),
    (4, $$SET datestyle = 'SQL, MDY'; SET timezone = 'Pacific/Apia'; SET row_security = off; SET search_path = pg_catalog, public$$),
    (5, $$SET datestyle = 'Postgres, DMY'; SET timezone = 'CST6CDT'; SET standard_conforming_strings = off; SET escape_string_warning = off;
        SET transform_null_equals = on$$);
CREATE FUNCTION back() RETURNS text LANGUAGE sql AS $$
    SELECT 'RESET datestyle; RESET timezone; RESET intervalstyle; RESET bytea_output; RESET extra_float_digits; RESET row_security; RESET search_path; RESET '
        'standard_conforming_strings; RESET escape_string_warning; RESET transform_null_equals'
$$;

CREATE TABLE e (id int, at timestamptz, k text, v float8);
CREATE INDEX ON e (at);
CREATE INDEX ON e (k);
INSERT INTO e SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '10 minutes', 'k' || i % 7, i / 7.0 FROM generate_series(0, 2880) i;
-- No index on the time of this one, and a time without a zone.
CREATE TABLE plain (at timestamp, v int);
INSERT INTO plain SELECT timestamp '2026-03-28 00:00' + i * interval '20 minutes', i FROM generate_series(1, 400) i;

SELECT format('SELECT tally.create_rollup(%L, ''e'', ''at'', measures => ''{"n": "count(*)", "most": "max(at)"}'', "where" => %L)', 'h' || n,
    'at >= ''2026-01-02 03:00+00''') FROM styles \gexec
SELECT format('SELECT tally.create_rollup(%L, ''e'', key => ''k'', measures => ''{"n": "count(*)", "last": "max(at)"}'')', 'k' || n) FROM styles \gexec
SELECT format('SELECT tally.create_rollup(%L, ''plain'', ''at'', bucket => ''1 day'', zone => ''Europe/Berlin'', measures => ''{"n": "count(*)"}'')', 'p' || n)
    FROM styles \gexec

SELECT settings, format('CALL tally.backfill(''h%s'', 500)', n), format('CALL tally.backfill(''p%s'', 100)', n),
    format('CALL tally.backfill(''k%s'', 1000)', n), back() FROM styles ORDER BY n \gexec
SELECT bag_eq('SELECT bucket, n, most FROM h' || n,
    $$SELECT date_trunc('hour', at, 'UTC'), count(*), max(at) FROM e WHERE at >= '2026-01-02 03:00+00' GROUP BY 1$$, 'a backfill under: ' || settings)
    FROM styles ORDER BY n;
SELECT bag_eq('SELECT bucket, n FROM p' || n, $$SELECT date_trunc('day', at) AT TIME ZONE 'Europe/Berlin', count(*) FROM plain GROUP BY 1$$,
    'one of times without a zone under: ' || settings) FROM styles ORDER BY n;
SELECT bag_eq('SELECT k, n, last FROM k' || n, 'SELECT k, count(*), max(at) FROM e GROUP BY 1', 'one of keys under: ' || settings) FROM styles ORDER BY n;

-- Marked buckets, marked keys, a repaired range, and the present, under each.
SELECT format('%2$s; UPDATE e SET v = v + 1 WHERE id %% 500 = %1$s; DELETE FROM e WHERE id = 100 * %1$s; UPDATE plain SET at = at + interval ''1 hour'' WHERE '
    'v %% 50 = %1$s;
SELECT bag_eq(''SELECT bucket, n, most FROM public.h%1$s_live'', $q$SELECT date_trunc(''hour'', at, ''UTC''), count(*), '
    'max(at) FROM public.e WHERE at >= ''2026-01-02T03:00:00+00'' GROUP BY 1$q$, ''live under style %1$s'');
SELECT bag_eq(''SELECT k, n, last FROM public.k%1$s_live'', ''SELECT k, count(*), max(at) FROM public.e GROUP BY 1'', ''live keys under style %1$s'');
SELECT bag_eq(''SELECT bucket, n FROM public.p%1$s_live'', $q$SELECT date_trunc(''day'', at) AT TIME ZONE ''Europe/Berlin'', '
    'count(*) FROM public.plain GROUP BY 1$q$, ''live days under style %1$s'');
SELECT tally.repair(''h%1$s'', ''2026-01-05 00:00:00+00''::text::timestamptz, ''2026-01-06T12:00:00+00'');
SELECT is(error, NULL, ''refresh under style %1$s'') FROM tally.refresh();
SELECT is_empty($q$SELECT * FROM tally.verify(''h%1$s'')$q$, ''verified under style %1$s'');
SELECT is_empty($q$SELECT * FROM tally.verify(''p%1$s'', ''2026-03-29T00:00:00+00'', ''2026-03-31T00:00:00+00'')$q$, ''a range verified under style %1$s'');
SELECT is_empty($q$SELECT * FROM tally.verify(''k%1$s'')$q$, ''keys verified under style %1$s''); %3$s', n, settings, back()) FROM styles ORDER BY n \gexec
SELECT bag_eq('SELECT bucket, n, most FROM h' || n,
    $$SELECT date_trunc('hour', at, 'UTC'), count(*), max(at) FROM e WHERE at >= '2026-01-02 03:00+00' GROUP BY 1$$, 'in the end, hours of ' || n)
    FROM styles ORDER BY n;
SELECT bag_eq('SELECT bucket, n FROM p' || n, $$SELECT date_trunc('day', at) AT TIME ZONE 'Europe/Berlin', count(*) FROM plain GROUP BY 1$$,
    'in the end, days of ' || n) FROM styles ORDER BY n;
SELECT bag_eq('SELECT k, n, last FROM k' || n, 'SELECT k, count(*), max(at) FROM e GROUP BY 1', 'in the end, keys of ' || n) FROM styles ORDER BY n;

-- A constant without a zone is read in the rollup's zone by the live view, whoever made it, as by every refresh.
SET timezone = 'Asia/Tokyo';
SET datestyle = 'ISO, DMY';
SELECT tally.create_rollup('since_noon', 'e', 'at', zone => 'America/New_York', measures => '{"n": "count(*)"}', "where" => 'at >= ''2026-02-01 12:00''');
SET timezone = 'UTC';
SET datestyle = 'SQL, MDY';
INSERT INTO e VALUES (-1, '2026-02-01T16:59:59+00', 'k0', 0), (-2, '2026-02-01T17:00:00+00', 'k0', 0), (-3, '2026-02-02T01:00:00+00', 'k0', 0);
SELECT bag_eq('SELECT sum(n) FROM since_noon_live', 'SELECT 2::numeric', 'the live view reads a constant in the rollup''s zone');
CALL tally.backfill('since_noon');
SELECT bag_eq('SELECT sum(n) FROM since_noon', 'SELECT 2::numeric', 'and so does the build');
SELECT * FROM finish();
