-- Rollups per key: after every kind of write the live view equals the definition before the refresh, and the stored rows after
-- it. The definitions are written out in plain SQL, apart from the engine's own text of them.
SELECT no_plan();
SET client_min_messages = warning;

CREATE TYPE mood AS ENUM ('calm', 'it''s "odd"');
CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz, session text, shop int, mood mood, amount numeric);
CREATE INDEX ON events (session);
INSERT INTO events SELECT i, timestamptz '2026-03-01 00:00+00' + i * interval '7 minutes', CASE WHEN i % 50 > 0 THEN 's' || i / 9 END, i % 7,
       (enum_range(NULL::mood))[i % 2 + 1], i % 17 FROM generate_series(1, 2000) i;

SELECT tally.create_rollup('sessions', 'events', key => 'session',
    measures => '{"first_seen": "min(at)", "last_seen": "max(at)", "n": "count(*)", "big": "count(*) FILTER (WHERE amount > 10)", "total": "sum(amount)"}',
    "where" => 'amount IS DISTINCT FROM 4');
SELECT tally.create_rollup('shop_moods', 'events', key => '["shop", "mood"]', dimensions => '[{"is_big": "amount > 10"}]',
    measures => '{"n": "count(*)", "last_seen": "max(at)"}');
SELECT tally.create_rollup('births', 'sessions', 'first_seen', bucket => '1 day', measures => '{"sessions": "count(*)", "n": "sum(n)", "total": "sum(total)"}');

CREATE VIEW expected AS
SELECT coalesce(session, '(none)') AS session, min(at) AS first_seen, max(at) AS last_seen, count(*) AS n, count(*) FILTER (WHERE amount > 10) AS big,
    sum(amount) AS total
  FROM events WHERE amount IS DISTINCT FROM 4 GROUP BY 1;
CREATE VIEW expected_moods AS
SELECT coalesce(shop::text, '(none)') AS shop, coalesce(mood::text, '(none)') AS mood, coalesce((amount > 10)::text, '(none)') AS is_big, count(*) AS n,
    max(at) AS last_seen FROM events GROUP BY 1, 2, 3;
CREATE VIEW expected_births AS
SELECT date_trunc('day', first_seen, 'UTC') AS bucket, count(*) AS sessions, sum(n) AS n, sum(total) AS total FROM expected
    WHERE isfinite(first_seen) GROUP BY 1;

CREATE FUNCTION same(suffix text, what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT session, first_seen, last_seen, n, big, total FROM sessions%s', suffix), 'SELECT * FROM expected',
        what || ': sessions' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT shop, mood, is_big, n, last_seen FROM shop_moods%s', suffix), 'SELECT * FROM expected_moods',
        what || ': two columns' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT bucket, sessions, n, total FROM births%s', suffix), 'SELECT * FROM expected_births',
        what || ': days of first seen' || suffix)
$$;
CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM same('_live', what);
    -- The middle level alone, then all.
    PERFORM tally.refresh('sessions');
    RETURN QUERY SELECT bag_eq('SELECT bucket, sessions, n, total FROM births_live', 'SELECT * FROM expected_births',
        what || ': sessions refreshed, days live');
    PERFORM tally.refresh();
    RETURN QUERY SELECT * FROM same('', what);
    RETURN QUERY SELECT is((SELECT string_agg(DISTINCT state, ',') FROM tally.status), 'fresh', what || ': status');
    RETURN QUERY SELECT is_empty('SELECT * FROM tally.verify(''sessions'') UNION ALL SELECT * FROM tally.verify(''shop_moods'') UNION ALL SELECT * FROM '
        'tally.verify(''births'')', what || ': verified');
END $$;

SELECT exact('history');
INSERT INTO events VALUES (5001, '2020-01-01 00:00+00', 's5', 1, 'calm', 3), (5002, '2026-03-05 10:59:59.999999+00', 'new', 1, NULL, 30),
    (5003, '2030-01-01+00', NULL, NULL, NULL, NULL);
SELECT exact('late, new and unknown keys');
UPDATE events SET session = 'moved' WHERE id BETWEEN 100 AND 110;
SELECT exact('moved to another key');
UPDATE events SET session = NULL, mood = NULL WHERE id BETWEEN 120 AND 125;
SELECT exact('moved to no key');
UPDATE events SET session = 'back', shop = 3 WHERE session IS NULL AND id % 2 = 0;
SELECT exact('moved from no key');
INSERT INTO events VALUES (5004, '2026-03-05 10:00+00', '(none)', NULL, 'it''s "odd"', 1),
    (5005, '2026-03-05 10:00+00', E'quote'' \\ "{,}\n', -2147483648, 'calm', 1), (5006, '2026-03-05 10:00+00', '', 2147483647, 'calm', 1);
SELECT exact('(none) as a value, quotes, backslashes, braces, the empty string, the ends of a type');
DELETE FROM events WHERE id IN (5004, 5005, 5006) OR session = 's7';
SELECT exact('deleted, keys gone');
UPDATE events SET at = at - interval '3 days' WHERE id BETWEEN 300 AND 310;
SELECT exact('moved in time');
UPDATE events SET amount = 4 WHERE id BETWEEN 400 AND 420;
SELECT exact('filtered away');
UPDATE events SET at = NULL WHERE session = 's20';
UPDATE events SET at = 'infinity' WHERE session = 's21';
SELECT exact('no time, infinite time');
INSERT INTO events VALUES (1, '2026-03-01 04:00+00', 'upsert', 1, 'calm', 1),
    (6000, '2026-03-01 04:00+00', 'upsert', 2, 'calm', 2) ON CONFLICT (id) DO UPDATE SET session = excluded.session;
SELECT exact('upsert');
BEGIN;
INSERT INTO events VALUES (10000, '2026-03-06 01:00+00', 'kept', 1, 'calm', 1);
SAVEPOINT s;
INSERT INTO events VALUES (10001, '2026-03-07 01:00+00', 'rolled back', 1, 'calm', 1), (10002, '2026-03-06 01:00+00', 'kept', 1, 'calm', 1);
ROLLBACK TO s;
INSERT INTO events VALUES (10003, '2026-03-07 01:00+00', 'rolled back', 1, 'calm', 1);
SELECT same('_live', 'inside the writer''s own transaction');
SELECT tally.refresh('sessions');
INSERT INTO events VALUES (10004, '2026-03-07 01:00+00', 'kept', 1, 'calm', 1);
COMMIT;
SELECT exact('a rolled-back subtransaction, and a refresh between two writes');

-- A forged mark is work, not harm.
SELECT tally_internal._mark_key((SELECT id::text FROM tally.rollups WHERE name = 'shop_moods'), k)
    FROM (VALUES ('{x,calm}'::text[]), ('{99999999999999999999,nobody}'), ('{99999999999,calm}'), ('{1}'), ('{}'), ('{NULL,NULL}')) f(k);
SELECT exact('forged marks');
BEGIN;
TRUNCATE events;
SELECT same('_live', 'truncate');
ROLLBACK;
SELECT exact('truncate rolled back');
SELECT tally.repair('sessions');
SELECT exact('repaired');
-- A backfill in batches: of marks of all keys, the stored ones too.
INSERT INTO sessions (session, n) VALUES ('nobody''s', 7);
SELECT tally.repair('sessions');
SELECT count(*) AS runs_before FROM tally.runs \gset
CALL tally.backfill('sessions', 100);
SELECT cmp_ok((SELECT count(*) FROM tally.runs) - :runs_before, '>', 1::bigint, 'the backfill of a key goes in several batches');
SELECT exact('backfilled in batches');
-- Left after its first part, changed, and marked as a whole once more.
SELECT tally.repair('sessions');
SELECT u.more, u.progress FROM tally.rollups r, tally_internal._backfill_unit(r.id, 100, now()) u WHERE r.name = 'sessions' \gset
SELECT matches(:'progress'::text, '^sessions: (6|12|25|50) % done, all times, ', 'a part of the keys is said to be one');
SELECT results_eq($$SELECT done = 1 - b.n::float8 / b.parts, batches, source_rows_per_second > 0, reason LIKE 'repair%' FROM tally.progress p,
    (SELECT max(parts) AS parts, count(*) AS n FROM tally.dirty_ranges) b
                     WHERE p.rollup = 'sessions' AND b.n = b.parts - 1$$, 'VALUES (true, 1::bigint, true, true)', 'and the progress of the rest is shown');
SELECT same('_live', 'while parts are left');
UPDATE events SET amount = amount + 1 WHERE id % 3 = 0;
DELETE FROM events WHERE id % 11 = 0;
SELECT same('_live', 'changed while parts are left');
SELECT tally.repair('sessions');
SELECT u.more AS more FROM tally.rollups r, tally_internal._backfill_unit(r.id, 100, now()) u WHERE r.name = 'sessions' \gset
UPDATE events SET amount = amount - 1 WHERE id % 3 = 0;
CALL tally.backfill('sessions', 1000);
SELECT exact('gone on with where it was left');
SELECT is((SELECT count(*) FROM tally.dirty_ranges), 0::bigint, 'with no part left');
UPDATE sessions SET n = 0 WHERE session = 's30';
SELECT results_eq('SELECT labels, (stored ->> ''n'')::int, (definition ->> ''n'')::int, dirty FROM tally.verify(''sessions'')',
    $$SELECT '{"session": "s30"}'::jsonb, 0, n::int, true FROM expected WHERE session = 's30'$$,
        'verify finds a row that was tampered with; the write was seen, so it is dirty too');
SELECT tally.repair('sessions');
SELECT exact('repaired again');
UPDATE events SET id = id + 100000;
SELECT results_eq('SELECT inserted, updated, deleted FROM tally.refresh(''sessions'')', 'VALUES (0::bigint, 0::bigint, 0::bigint)',
    'keys whose rows are the same write nothing');
SELECT tally.refresh();
INSERT INTO events VALUES (1, now(), 's31', 1, 'calm', 1);
SELECT is((SELECT dirty_buckets FROM tally.status WHERE rollup = 'sessions'), 1::bigint, 'one row marks one key');
SELECT results_eq('SELECT rollup, buckets, updated FROM tally.refresh(''sessions'')', 'VALUES (''sessions'', 1::bigint, 1::bigint)',
    'and the refresh computes it alone');
SELECT tally.refresh();

-- Bad input.
SELECT throws_ok('SELECT tally.create_rollup(''x'', ''events'', key => ''nope'', measures => ''{"n": "count(*)"}'')', '42703', NULL, 'a key that is not there');
SELECT throws_ok('SELECT tally.create_rollup(''x'', ''events'', key => ''amount'', measures => ''{"n": "count(*)"}'')', '42804', NULL,
    'a type whose text is not one to one');
SELECT throws_ok('SELECT tally.create_rollup(''x'', ''events'', key => ''["a"'', measures => ''{"n": "count(*)"}'')', '22023', NULL, 'broken JSON');
SELECT throws_ok('SELECT tally.create_rollup(''x'', ''events'', key => ''[]'', measures => ''{"n": "count(*)"}'')', '22023', NULL, 'no column');
SELECT throws_ok('SELECT tally.create_rollup(''x'', ''events'', ''at'', key => ''session'', measures => ''{"n": "count(*)"}'')', '22023', NULL,
    'a key and a time');
SELECT throws_ok('SELECT tally.create_rollup(''x'', ''events'', key => ''["shop", "shop"]'', measures => ''{"n": "count(*)"}'')', '42701', NULL,
    'a column twice');
SELECT throws_ok('SELECT tally.verify(''sessions'', ''2026-01-01'')', '22023', NULL, 'a key has no time');
SELECT lives_ok('SELECT tally.create_rollup(''sessions'', ''events'', key => ''session'',
    measures => ''{"first_seen": "min(at)", "last_seen": "max(at)", "n": "count(*)", "big": "count(*) FILTER (WHERE amount > 10)", "total": "sum(amount)"}'',
    "where" => ''amount IS DISTINCT FROM 4'')', 'the same again');

TRUNCATE events;
SELECT exact('truncated');
SELECT tally.drop_rollup('sessions', "cascade" => true);
SELECT tally.drop_rollup('shop_moods');

-- Change of definition: of a key, and of what stands on it.
CREATE TABLE acts (id int PRIMARY KEY, at timestamptz, who text, kind text);
CREATE INDEX ON acts (who);
INSERT INTO acts SELECT i, timestamptz '2026-03-01 00:00+00' + i * interval '1 hour', 'u' || i % 10, 'k' || i % 3 FROM generate_series(1, 100) i;
SELECT tally.create_rollup('people', 'acts', key => 'who', measures => '{"n": "count(*)", "first_seen": "min(at)"}', with_data => true);
SELECT tally.create_rollup('first_days', 'people', 'first_seen', bucket => '1 day', with_data => true);
SELECT * FROM tally.alter_rollup('people', add_measures => '{"kinds": "array_agg(DISTINCT kind)"}', add_dimensions => '["kind"]');
INSERT INTO acts VALUES (1000, '2026-03-02', 'u1', 'k7'), (1001, '2026-03-02', 'u99', 'k7');
SELECT bag_eq('SELECT who, kind, n, kinds FROM people_live', 'SELECT who, kind, count(*), array_agg(DISTINCT kind) FROM acts GROUP BY 1, 2', 'altered, live');
SELECT tally.refresh();
SELECT bag_eq('SELECT who, kind, n, kinds FROM people', 'SELECT who, kind, count(*), array_agg(DISTINCT kind) FROM acts GROUP BY 1, 2', 'altered');
SELECT bag_eq('SELECT bucket, n FROM first_days',
    'SELECT date_trunc(''day'', t, ''UTC'') AS b, sum(n)::bigint FROM (SELECT min(at) AS t, count(*) AS n FROM acts GROUP BY who, kind) x GROUP BY 1',
    'on top');
SELECT throws_ok('SELECT * FROM tally.alter_rollup(''people'', drop_dimensions => ''{who}'')', '22023', 'rollup ''people'' cannot lose its key, got {who}',
    'key stays');
SELECT * FROM tally.alter_rollup('people', drop_dimensions => '{kind}', drop_measures => '{kinds}');
SELECT tally.refresh();
SELECT bag_eq('SELECT who, n FROM people', 'SELECT who, count(*) FROM acts GROUP BY 1', 'dropped');
SELECT throws_ok('SELECT tally.freeze_source(''acts'', ''2026-03-02'')', '55000', NULL, 'raw rows of a key are needed');
SELECT throws_ok('SELECT tally.create_metric(''people_n'', ''people'', ''n'')', '42809', NULL, 'a metric is over time');
SELECT tally.create_metric('newcomers_n', 'first_days', 'n');
SELECT tally.drop_rollup('people', "cascade" => true);
SELECT is((SELECT count(*) FROM pg_class WHERE relname LIKE 'dirty\_keys\_%' OR relname ~ '^(sessions|births|shop_moods)'), 0::bigint, 'nothing is left');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'tally%'), 0::bigint, 'nor any trigger');
SELECT * FROM finish();
