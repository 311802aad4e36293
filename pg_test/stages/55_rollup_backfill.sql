-- Backfill: by range, newest or oldest first, in committed batches, with its progress. Which buckets are computed is compared
-- with plain SQL; the live view is exact all the while.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE TABLE events (at timestamptz NOT NULL, kind text, n int);
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-01-01 00:00Z' + i * interval '10 minutes', 'k' || i % 3, i FROM generate_series(0, 100 * 144 - 1) i;
ANALYZE events;
SELECT tally.create_rollup('h', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)", "s": "sum(n)"}');
SELECT tally.create_rollup('w', 'h', bucket => '1 week');
CREATE VIEW expected AS SELECT date_trunc('hour', at) AS bucket, kind, count(*) AS n, sum(n) AS s FROM events GROUP BY 1, 2;
CREATE FUNCTION computed(range tstzrange, what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq('SELECT * FROM h', format('SELECT * FROM expected WHERE bucket <@ %L::tstzrange', range), what)
    UNION ALL SELECT bag_eq('SELECT * FROM h_live', 'SELECT * FROM expected', what || ': live view')
    UNION ALL SELECT bag_eq('SELECT bucket, kind, n, s FROM w_live', 'SELECT date_trunc(''week'', at), kind, count(*), sum(n) FROM events GROUP BY 1, 2',
        what || ': live view of weeks')
$$;
SELECT results_eq('SELECT rollup, left_since, left_until, reason, done, running FROM tally.progress', $$VALUES
    ('h', timestamptz '-infinity', timestamptz 'infinity', 'history', NULL::float8, false), ('w', '-infinity', 'infinity', 'history', NULL, false)$$,
        'nothing begun');

CALL tally.backfill('h', since => '2026-02-01 00:20Z', until => '2026-02-10');
SELECT computed('[2026-02-01 00:00Z, 2026-02-10 00:00Z)', 'a range in the middle');
SELECT is((SELECT count(*) FROM tally.runs), 1::bigint, 'in one batch');
SELECT lives_ok($$INSERT INTO events VALUES ('2026-02-03 10:30Z', 'late', 1), ('2026-01-03 10:30Z', 'late', 1)$$, 'a writer goes on');
CALL tally.backfill('h', since => '2026-02-01', until => '2026-02-10');
SELECT computed('[2026-02-01 00:00Z, 2026-02-10 00:00Z)', 'the same range again takes what was marked in it');

-- Batches of about 1,440 rows are ten days; one unit at a time shows the order.
SELECT tally_internal._backfill_unit(r.id, 1440, now(), oldest_first => true) FROM tally.rollups r WHERE name = 'h';
SELECT bag_eq('SELECT * FROM h WHERE bucket < ''2026-02-01''',
    'SELECT * FROM expected WHERE bucket < (SELECT max(bucket) + interval ''1 hour'' FROM h WHERE bucket < ''2026-02-01'')', 'oldest first');
SELECT cmp_ok((SELECT max(bucket) FROM h WHERE bucket < '2026-02-01'), '<', '2026-01-15 00:00Z'::timestamptz, 'a batch of it');
SELECT tally_internal._backfill_unit(r.id, 1440, now()) FROM tally.rollups r WHERE name = 'h';
SELECT is((SELECT max(bucket) FROM h), (SELECT max(bucket) FROM expected), 'newest first');
SELECT bag_eq('SELECT * FROM h_live', 'SELECT * FROM expected', 'in between: live view');
SELECT results_eq($$SELECT done BETWEEN 0.1 AND 0.9, batches, source_rows_per_second > 0, time_left >= '0', reason FROM tally.progress WHERE rollup = 'h'$$,
    $$VALUES (true, 3::bigint, true, true, 'history')$$, 'progress');
SELECT alike((SELECT progress FROM tally.rollups r, LATERAL tally_internal._backfill_unit(r.id, 1440, '-infinity') WHERE name = 'h'),
    'h: % % done, 2026-01-01 00:00 to %, % rows written, % s, about % source rows/s, about % s left', 'and in words');
CALL tally.backfill('h', 1440, oldest_first => true);
SELECT computed('(,)', 'all');
SELECT is((SELECT count(*) FROM tally.progress), 1::bigint, 'only weeks are left');
CALL tally.backfill();
SELECT is_empty('SELECT * FROM tally.progress', 'none is left');
SELECT bag_eq('SELECT bucket, kind, n, s FROM w', 'SELECT date_trunc(''week'', at), kind, count(*), sum(n) FROM events GROUP BY 1, 2', 'weeks');
-- A hierarchy by range: what it stands on is computed for all of its buckets.
SELECT tally.repair('h');
SELECT tally.repair('w');
CALL tally.backfill('w', since => '2026-02-04', until => '2026-02-05');
SELECT results_eq('SELECT since, until FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE r.name = ''h'' ORDER BY since', $$VALUES
    ('-infinity'::timestamptz, '2026-02-02 00:00Z'::timestamptz), ('2026-02-09 00:00Z', 'infinity')$$, 'hours of the whole week');
CALL tally.backfill();
SELECT computed('(,)', 'repaired');
-- Marks that overlap are work done once.
SELECT tally.repair('h', '2026-01-10', '2026-01-20');
SELECT tally.repair('h', '2026-01-15', '2026-01-25');
SELECT tally.repair('h');
UPDATE events SET n = n + 1 WHERE at BETWEEN '2026-01-14' AND '2026-01-16' OR at > '2026-04-01';
SELECT max(id) AS before FROM tally.runs \gset
CALL tally.backfill('h', 1440);
SELECT computed('(,)', 'overlapping marks');
SELECT is((SELECT sum(until - since) FROM tally.runs JOIN tally.rollups r ON r.id = rollup_id WHERE r.name = 'h' AND runs.id > :before), interval '100 days',
    'each day once');
CALL tally.backfill();
SELECT throws_ok($$CALL tally.backfill('h', since => '2026-02-05', until => '2026-02-01')$$, '22023', NULL, 'a range the wrong way round')
    FROM tally.repair('h');
SELECT throws_ok($$CALL tally.backfill('nothing')$$, '42704', NULL, 'an unknown rollup');
-- One rollup that cannot be computed does not stop a backfill of all: those after it, by name and by number, are computed.
CREATE TABLE shut (at timestamptz, n int);
CREATE TABLE free (at timestamptz, n int);
INSERT INTO shut VALUES ('2026-01-05', 1);
INSERT INTO free VALUES ('2026-01-05', 2);
SELECT tally.create_rollup('a_shut', 'shut', 'at', measures => '{"n": "sum(1 / (n - 1))"}'),
    tally.create_rollup('b_free', 'free', 'at', measures => '{"n": "sum(n)"}');
CALL tally.backfill();
SELECT is((SELECT sum(n) FROM b_free), 2::numeric, 'a backfill of all goes on after a rollup that cannot be computed');
SELECT is((SELECT s.sqlstate FROM tally.status s WHERE s.rollup = 'a_shut'), '22012', 'and status says why');
SELECT * FROM finish();
