-- Owns: grouping by packed keys (sql/s40_rollup/packed.sql). Rows are those of GROUP BY each dimension, whatever the texts are.
SELECT no_plan();
\ir ../superuser.psql
\ir ../hosted.psql
SET client_min_messages = warning;

\if :hosted
SELECT is(tally_internal._packs_keys(), false, 'the hosted edition groups by each dimension');
SELECT skip('_packed() and _unpacked(): they are not there', 11);
\else
-- Texts about each border of a length's form, and such as look like the head of another.
CREATE TABLE odd AS SELECT NULL::text AS t
    UNION ALL SELECT repeat(c, n) FROM unnest(ARRAY[chr(1), 'x', 'ä', chr(253), '(none)']) c, unnest('{1,2,126,251,252,253,300}'::int[]) n
    UNION ALL SELECT * FROM unnest(ARRAY['', ' ', '1', 'x' || chr(1) || 'x', repeat('toasted ', 20000)]);
SELECT is((SELECT count(DISTINCT tally_internal._packed(a.t, b.t)) FROM odd a, odd b), (SELECT count(*) FROM (SELECT DISTINCT a.t, b.t FROM odd a, odd b) x),
    'pairs of texts differ as packed keys where they differ');
SELECT is_empty('SELECT a.t, b.t FROM odd a, odd b, tally_internal._packed(a.t, b.t, ''end'') k
    WHERE (tally_internal._unpacked(k, 1), tally_internal._unpacked(k, 2), tally_internal._unpacked(k, 3)) IS DISTINCT FROM (a.t, b.t, ''end'')',
    'each text comes out as it was packed');
SELECT throws_ok(format('SELECT tally_internal._unpacked(%L, %s)', bytes, n), '22023', NULL, format('%s has no text %s', bytes, n))
  FROM (VALUES ('\x', 1), ('\x0341', 1), ('\xfe', 1), ('\xff0100', 1), ('\xffffffffff41', 1), ('\x0141', 2), ('\x0141', 0),
             ('\x0141', -2147483648), ('\x0100', 1)) x(bytes, n);
SELECT throws_ok($$SELECT tally_internal._unpacked('\x01ff', 1)$$, '0A000', NULL, 'bytes that are no UTF-8 never become a text');
\endif

-- Nine dimensions are two packed keys, of eight and of one. d0 and d1 have every pair of some odd texts; the last is the time's own text.
CREATE TABLE ev (at timestamptz NOT NULL, d0 text, d1 text, "d 2" text, "D3" int, d4 numeric, d5 boolean, bucket_ text, "tally" text, d8 text, v int);
INSERT INTO ev SELECT '2026-03-01Z'::timestamptz + i * interval '7 minutes', t[1 + i % 9], t[1 + i / 9 % 9], t[1 + i / 81 % 3], i % 3, (i % 4) / 2.0, i % 5 = 0,
    'b' || i % 2, NULLIF('t' || i % 3, 't0'), CASE WHEN i % 7 > 0 THEN repeat('long ', 51 + i % 2) END, i
  FROM generate_series(0, 4999) i, (SELECT ARRAY[NULL, '', '(none)', 'x', 'xx', chr(1) || 'x', 'x' || chr(1), repeat('y', 252), repeat('y', 253)] AS t) odd;
CREATE INDEX ON ev (at);
CREATE INDEX ON ev (d0);
CREATE TABLE bare AS TABLE ev;
CREATE VIEW nine AS SELECT '["d0", "d1", "d 2", "D3", "d4", "d5", "bucket_", "tally", "d8"]'::jsonb AS dimensions,
    '{"n": "count(*)", "sum": "sum(v)"}'::jsonb AS measures;
CREATE FUNCTION expected(source text, buckets text) RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT %s, d0, d1, "d 2", "D3", d4, d5, bucket_, "tally", d8,
    count(*), sum(v) FROM (SELECT at, v, COALESCE(d0, ''(none)'') AS d0, COALESCE(d1, ''(none)'') AS d1, COALESCE("d 2", ''(none)'') AS "d 2",
    COALESCE("D3"::text, ''(none)'') AS "D3", COALESCE(trim_scale(d4)::text, ''(none)'') AS d4, COALESCE(d5::text, ''(none)'') AS d5,
    COALESCE(bucket_, ''(none)'') AS bucket_, COALESCE("tally", ''(none)'') AS "tally", COALESCE(d8, ''(none)'') AS d8 FROM %s) s
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10', buckets, source) $$;
SELECT tally.create_rollup('by_time', 'ev', 'at', bucket => '1 day', dimensions => dimensions, measures => measures) FROM nine;
SELECT tally.create_rollup('by_scan', 'bare', 'at', bucket => '1 day', dimensions => dimensions, measures => measures) FROM nine;
SELECT tally.create_rollup('by_key', 'ev', key => 'd0', dimensions => dimensions - 'd0', measures => measures) FROM nine;
SELECT tally.create_rollup('by_keys', 'ev', key => '["d1", "d0"]', dimensions => dimensions - 'd0' - 'd1', measures => measures) FROM nine;
SELECT tally.create_rollup('by_week', 'by_time', bucket => '7 days');

CREATE FUNCTION equal_all(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    day text := 'date_trunc(''day'', at, ''UTC'')';
BEGIN
    RETURN NEXT bag_eq('SELECT * FROM by_time', expected('ev', day), what || ': by time');
    RETURN NEXT bag_eq('SELECT * FROM by_scan', expected('bare', day), what || ': by time, of a source without an index');
    RETURN NEXT bag_eq('SELECT NULL::int, * FROM by_key', expected('ev', 'NULL::int'), what || ': by key');
    RETURN NEXT bag_eq('SELECT NULL::int, d0, d1, "d 2", "D3", d4, d5, bucket_, "tally", d8, n, sum FROM by_keys', expected('ev', 'NULL::int'),
        what || ': by two keys');
    RETURN NEXT bag_eq('SELECT bucket, d0, d1, "d 2", "D3", d4, d5, bucket_, "tally", d8, n, sum FROM by_week',
        expected('ev', 'date_trunc(''week'', at, ''UTC'')'), what || ': of days, by week');
    RETURN QUERY SELECT is_empty(format('SELECT * FROM tally.verify(%L)', r), what || ': verified, grouped by each dimension: ' || r)
      FROM unnest('{by_time,by_scan,by_key,by_keys,by_week}'::text[]) r;
END $$;
-- How often a statement packs. With no workers the process itself computes all parts.
CREATE FUNCTION packs(statement text) RETURNS bigint LANGUAGE plpgsql SET track_functions = 'all' SET max_parallel_workers = 0 AS $$
DECLARE
    packed regproc := to_regproc('tally_internal._packed');
    had    bigint := COALESCE(pg_stat_get_xact_function_calls(packed), 0);
BEGIN
    EXECUTE statement;
    RETURN COALESCE(pg_stat_get_xact_function_calls(packed), 0) - had;
END $$;
-- Few rows on paper are not computed in parts, and not packed then.
SELECT packs($$SELECT tally.refresh(r) FROM unnest('{by_time,by_scan,by_week,by_key,by_keys}'::text[]) r$$) > 0 AS packed \gset
SELECT equal_all('built');
-- A million on paper are.
SELECT by_superuser(format('UPDATE pg_class SET reltuples = 1e6 WHERE oid IN (%s, %s, %s)',
    'ev'::regclass::oid, 'bare'::regclass::oid, 'by_time'::regclass::oid));
CREATE FUNCTION again(which text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r tally.rollups;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.relation = which::regclass;
    EXECUTE 'DELETE FROM ' || r.relation;
    IF r.key IS NULL THEN PERFORM tally_internal._mark_range(r.id, '-infinity', 'infinity', 'test'); ELSE PERFORM tally_internal._mark_whole(r.id); END IF;
    RETURN packs(format('SELECT tally.refresh(%L)', which));
END $$;
SELECT is(again(r) >= CASE WHEN :'hosted' THEN 0 ELSE least END, true, 'built anew, each row packed: ' || r)
  FROM (VALUES ('by_time', 5000::bigint), ('by_key', 5000), ('by_keys', 5000)) x(r, least);
SELECT again('by_scan') >= 0 AS scanned, again('by_week') >= 0 AS weeks \gset
SELECT equal_all('built in parts');
-- Changes of all kinds, bucket by bucket and key by key.
INSERT INTO ev SELECT at + interval '1 minute', d1, d0, "d 2", "D3", d4, d5, bucket_, "tally", d8, v FROM ev WHERE v % 97 = 0;
DELETE FROM ev WHERE v % 89 = 0;
UPDATE ev SET d8 = repeat('long ', 60), d0 = NULLIF(d0, 'x') WHERE v % 83 = 0;
INSERT INTO bare SELECT at + interval '1 minute', d1, d0, "d 2", "D3", d4, d5, bucket_, "tally", d8, v FROM bare WHERE v % 97 = 0;
SELECT is(packs(format('SELECT tally.refresh(%L)', r)) > 0, NOT :'hosted', 'refreshed by packed keys: ' || r)
  FROM unnest('{by_time,by_scan,by_key,by_keys,by_week}'::text[]) r;
SELECT equal_all('refreshed');
-- Three dimensions are not packed: it would cost what it saves.
SELECT tally.create_rollup('by_three', 'ev', 'at', bucket => '1 day', dimensions => '["d0", "d1", "d8"]', measures => '{"n": "count(*)"}');
SELECT is(packs($$SELECT tally.refresh('by_three')$$), 0::bigint, 'three dimensions are grouped as they are');
SELECT bag_eq('SELECT * FROM by_three', $$SELECT date_trunc('day', at, 'UTC'), COALESCE(d0, '(none)') AS d0, COALESCE(d1, '(none)') AS d1,
    COALESCE(d8, '(none)') AS d8, count(*) FROM ev GROUP BY 1, 2, 3, 4$$, 'and right');
SELECT * FROM finish();
