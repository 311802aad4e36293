-- verify finds what was changed behind the engine's back, and only that; repair has it computed anew.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, kind text, ms int);
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-01-01 00:00+00' + i * interval '10 minutes', 'k' || i % 2, i FROM generate_series(0, 100) i;
SELECT tally.create_rollup('h', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)", "total": "sum(ms)"}', with_data => true);
SELECT is_empty('SELECT * FROM tally.verify(''h'')', 'equal to its definition');
-- As replication's apply writes, so that it is not marked.
SET session_replication_role = replica;
UPDATE h SET n = n + 1 WHERE bucket = '2026-01-01 03:00+00' AND kind = 'k1';
DELETE FROM h WHERE bucket = '2026-01-01 05:00+00' AND kind = 'k0';
INSERT INTO h VALUES ('2026-01-09 00:00+00', 'ghost', 1, 1);
RESET session_replication_role;
-- 03:00 holds i = 18 to 23: k1 are 19, 21, 23; 05:00 holds 30 to 35: k0 are 30, 32, 34.
SELECT results_eq('SELECT bucket, labels, stored, definition, dirty FROM tally.verify(''h'')', $$VALUES
    ('2026-01-01 03:00+00'::timestamptz, '{"kind": "k1"}'::jsonb, '{"n": 4, "total": 63}'::jsonb, '{"n": 3, "total": 63}'::jsonb, false),
    ('2026-01-01 05:00+00', '{"kind": "k0"}', NULL, '{"n": 3, "total": 96}', false),
    ('2026-01-09 00:00+00', '{"kind": "ghost"}', '{"n": 1, "total": 1}', NULL, false)$$, 'each difference, with both versions');
SELECT results_eq('SELECT bucket FROM tally.verify(''h'', ''2026-01-01 05:20+00'', ''2026-01-01 05:40+00'')', $$VALUES ('2026-01-01 05:00+00'::timestamptz)$$,
    'a range is widened to whole buckets');
INSERT INTO events VALUES ('2026-01-02 10:00+00', 'k1', 1);
SELECT is((SELECT dirty FROM tally.verify('h') WHERE bucket = '2026-01-02 10:00+00'), true, 'what only waits for its refresh is told apart');
SELECT lives_ok('SELECT tally.repair(''h'', ''2026-01-01 05:00+00'', ''2026-01-01 06:00+00'')', 'repair of a range');
SELECT tally.refresh('h');
SELECT is((SELECT count(*) FROM tally.verify('h')), 2::bigint, 'mends that range, and no other');
SELECT tally.repair('h');
SELECT tally.refresh('h');
SELECT is_empty('SELECT * FROM tally.verify(''h'')', 'repair of all');
SELECT throws_ok('SELECT * FROM tally.verify(''h'', ''2026-02-01'', ''2026-01-01'')', '22023', NULL, 'a range the wrong way round');
SELECT * FROM finish();
