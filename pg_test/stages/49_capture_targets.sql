-- The text by which a trigger names the rollups that it marks: short, because PostgreSQL reads it anew for each statement; the same marks as by the plain
-- form, which triggers of earlier versions have.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, n int);
-- Expected starts come from PostgreSQL's own functions.
CREATE TABLE asked (n int GENERATED ALWAYS AS IDENTITY, bucket interval, zone text DEFAULT 'UTC', origin timestamptz, starts text);
INSERT INTO asked (bucket, zone, origin, starts) VALUES
    ('1 hour', 'UTC', NULL, 'date_trunc(''hour'', at)'), ('1 day', 'UTC', NULL, 'date_trunc(''day'', at)'),
    ('15 minutes', 'UTC', NULL, 'date_bin(''15 minutes'', at, ''2000-01-03Z'')'), ('1 week', 'UTC', NULL, 'date_trunc(''week'', at)'),
    ('90 seconds', 'UTC', NULL, 'date_bin(''90 seconds'', at, ''2000-01-03Z'')'),
    ('0.25 seconds', 'UTC', NULL, 'date_bin(''0.25 seconds'', at, ''2000-01-03Z'')'),
    ('1 month', 'UTC', NULL, 'date_trunc(''month'', at)'), ('1 day', 'America/New_York', NULL, 'date_trunc(''day'', at, ''America/New_York'')'),
    ('3 months', 'Asia/Kathmandu', NULL, 'date_trunc(''quarter'', at, ''Asia/Kathmandu'')'), ('1 year', 'UTC', NULL, 'date_trunc(''year'', at)'),
    ('1 hour', 'UTC', '2000-01-03 00:20Z', 'date_bin(''1 hour'', at, ''2000-01-03 00:20Z'')'),
    ('2 days', 'Europe/Berlin', NULL, 'date_bin(''2 days'', at AT TIME ZONE ''Europe/Berlin'', ''2000-01-03'') AT TIME ZONE ''Europe/Berlin''');
SELECT tally.create_rollup(format('r%s', n), 'events', 'at', bucket, zone => zone, origin => origin, measures => '{"n": "count(*)"}') FROM asked ORDER BY n;
CALL tally.backfill();
-- One in the middle is gone: its number is left out.
SELECT tally.drop_rollup('r4');
CREATE VIEW marks AS SELECT r.name::text, x.bucket FROM tally.dirty x JOIN tally.rollups r ON r.id = x.rollup_id;
CREATE FUNCTION starts(times timestamptz[]) RETURNS TABLE (name text, bucket timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    a asked;
BEGIN
    FOR a IN SELECT * FROM asked x WHERE x.n <> 4 LOOP
        RETURN QUERY EXECUTE format('SELECT DISTINCT %L, (%s)::timestamptz FROM unnest($1) at', 'r' || a.n, a.starts) USING times;
    END LOOP;
END $$;
BEGIN;
INSERT INTO events SELECT t, 1 FROM unnest('{2026-03-08 06:59:59.9Z,2026-03-08 07:00:00.1Z,2026-12-31 20:10:07Z,2000-01-02 23:59Z}'::timestamptz[]) t;
SELECT bag_eq('SELECT * FROM marks', $$SELECT * FROM starts('{2026-03-08 06:59:59.9Z,2026-03-08 07:00:00.1Z,2026-12-31 20:10:07Z,2000-01-02 23:59Z}')$$,
    'each rollup is marked by its own rule, in short and in plain form, around a number that is gone');
ROLLBACK;

-- What a trigger holds, by the catalogue's text of it.
CREATE FUNCTION held(source regclass) RETURNS text LANGUAGE sql AS $$
    SELECT substring(pg_get_triggerdef(t.oid) FROM '_mark\(''([^'']*)''') FROM pg_trigger t WHERE t.tgrelid = source AND t.tgname LIKE 'tally\_capture\_insert%'
$$;
CREATE TABLE eight (at timestamptz NOT NULL);
SELECT count(tally.create_rollup(format('e%s', i), 'eight', 'at',
           (ARRAY['1 hour', '1 day', '15 minutes', '1 week', '6 hours', '5 minutes', '3 hours', '1 month'])[i]::interval, measures => '{"n": "count(*)"}'))
  FROM generate_series(1, 8) i;
SELECT is(held('eight'), (SELECT min(id) || ':1h 1d 15m 1w 6h 5m 3h month' FROM tally.rollups WHERE source = 'eight'::regclass), 'eight rollups in short');
SELECT cmp_ok(length(held('eight')), '<', 40, 'a few bytes each');

-- Triggers of an earlier version hold the plain form: a session serves both, and what asks for the triggers makes them anew.
CALL tally.backfill();
SELECT string_agg(r.id || ' ' || tally_internal._bucket_rule_of(r), '; ' ORDER BY r.id) AS plain FROM tally.rollups r WHERE r.source = 'eight'::regclass \gset
SELECT tgname AS made FROM pg_trigger WHERE tgrelid = 'eight'::regclass AND tgname LIKE 'tally\_capture\_insert%' \gset
BEGIN;
SELECT format('CREATE OR REPLACE TRIGGER %I AFTER INSERT ON eight FOR EACH ROW WHEN (tally_internal._mark(%L, NEW.at)) EXECUTE FUNCTION tally.capture()',
    :'made', :'plain') \gexec
UPDATE tally.members SET condition = format('tally_internal._mark(%L, NEW.at)', :'plain') WHERE member = 'eight'::regclass;
INSERT INTO eight VALUES ('2026-03-08 06:59:59Z');
SELECT is((SELECT count(DISTINCT rollup_id) FROM tally.dirty), 8::bigint, 'the plain form marks all');
SELECT tally_internal._attach_capture('eight');
SELECT is(held('eight'), (SELECT min(id) || ':1h 1d 15m 1w 6h 5m 3h month' FROM tally.rollups WHERE source = 'eight'::regclass), 'and is made short');
INSERT INTO eight VALUES ('2026-03-08 06:59:59Z'), ('2026-04-08 06:59:59Z');
SELECT is((SELECT count(*) FROM (SELECT DISTINCT rollup_id, bucket FROM tally.dirty) x), 16::bigint, 'which marks the same and what is new');
ROLLBACK;
-- Anybody may call it: what is no text of targets is an error about its data, and no number goes beyond the last one.
CREATE FUNCTION tried(targets text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally_internal._mark(targets, timestamptz '2026-03-08 07:00Z');
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN left(SQLSTATE, 2);
END $$;
SELECT is(tried(t), '22', format('"%s" is refused', t)) FROM unnest('{1:1x,2147483647:1h 1h,1:9999999999999999w,1:5days,x:1h}'::text[]) t;
SELECT is(tried('2147483646:1h 1h'), 'done', 'numbers that no rollup has are none');
SELECT is_empty('SELECT FROM tally.dirty WHERE rollup_id >= 2147483646', 'and leave no mark');
-- PostgreSQL takes a zone that is written out, with any name in it. A semicolon there ended the text for every writer of the source.
SELECT throws_like($$SELECT tally.create_rollup('torn', 'events', 'at', '1 day', zone => '<a; b>5', measures => '{"n": "count(*)"}')$$,
    '%without a semicolon%', 'a zone with a semicolon is refused');
UPDATE tally.rollups SET zone = '<a; b>5' WHERE name = 'r8';
SELECT tally_internal._attach_capture('events');
SELECT lives_ok($$INSERT INTO events VALUES ('2026-03-08 07:00Z', 1)$$, 'one that is stored stops no writer');
SELECT is((SELECT count(*) FROM marks WHERE bucket = '2026-03-08 07:00Z' AND name = 'r1'), 1::bigint, 'and the others are marked');
SELECT * FROM finish();
