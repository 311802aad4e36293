-- History outlives raw data: what is frozen stands as it was computed, whatever becomes of the source. What was computed is
-- compared with plain SQL over a copy of all rows that ever were.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE events (id bigserial PRIMARY KEY, at timestamptz, kind text, amount numeric, who int);
CREATE INDEX ON events (at);
INSERT INTO events (at, kind, amount, who) SELECT timestamptz '2026-01-01 00:00Z' + i * interval '31 minutes', (ARRAY['a', 'b', NULL])[i % 3 + 1], i % 11,
    i % 97 FROM generate_series(1, 5000) i;
INSERT INTO events (at, kind) VALUES (NULL, 'no time'), ('-infinity', 'ever'), ('infinity', 'never');
CREATE TABLE all_rows AS SELECT * FROM events;
SELECT tally.create_rollup('h', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)", "total": "sum(amount)", "people": "tally.hll(who)"}');
SELECT tally.create_rollup('d', 'h', bucket => '1 day', zone => 'UTC', dimensions => '[]',
    measures => '{"n": "sum(n)", "total": "sum(total)", "people": "tally.rollup(people)"}');
SELECT tally.create_rollup('m', 'events', 'at', bucket => '1 month', measures => '{"n": "count(*)", "most": "max(amount)"}');

CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 2 LOOP
        RETURN QUERY SELECT bag_eq('SELECT bucket, kind, n, total, tally.distinct_count(people)::bigint FROM h_live',
            'SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), count(*), sum(amount), '
                'count(DISTINCT who) AS people FROM all_rows WHERE isfinite(at) GROUP BY 1, 2', what || ': hours, live');
        RETURN QUERY SELECT bag_eq('SELECT bucket, n, total, tally.distinct_count(people)::bigint FROM d_live',
            'SELECT date_trunc(''day'', at), count(*), sum(amount), count(DISTINCT who) AS people FROM all_rows WHERE isfinite(at) GROUP BY 1',
                what || ': days on hours, live');
        RETURN QUERY SELECT bag_eq('SELECT bucket, n, most FROM m_live',
            'SELECT date_trunc(''month'', at), count(*), max(amount) FROM all_rows WHERE isfinite(at) GROUP BY 1', what || ': months, live');
        PERFORM tally.refresh();
        what := what || ', refreshed';
    END LOOP;
    RETURN QUERY SELECT bag_eq('SELECT bucket, kind, n, total FROM h',
        'SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), count(*), sum(amount) FROM all_rows WHERE isfinite(at) GROUP BY 1, 2',
        what || ': hours, stored');
    RETURN QUERY SELECT bag_eq('SELECT bucket, n, most FROM m',
        'SELECT date_trunc(''month'', at), count(*), max(amount) FROM all_rows WHERE isfinite(at) GROUP BY 1', what || ': months, stored');
    RETURN QUERY SELECT is_empty('SELECT * FROM tally.status WHERE state <> ''fresh''', what || ': all fresh');
END $$;

-- Freezing by hand, for who deletes raw rows by a job of their own.
SELECT throws_ok($$SELECT tally.freeze_source('events', before => '2026-02-15')$$, '55000',
    'history before 2026-02-01 00:00:00+00 cannot be frozen: it is not all computed yet', 'not before it is computed');
SELECT tally.refresh();
SELECT is(tally.freeze_source('events', before => '2026-02-15'), '2026-02-01 00:00Z', 'the horizon is where every rollup on the source begins a bucket');
SELECT results_eq('SELECT name, frozen_before FROM tally.rollups ORDER BY id',
    $$VALUES ('h', '2026-02-01 00:00Z'::timestamptz), ('d', '-infinity'), ('m', '2026-02-01 00:00Z')$$,
    'of the rollups on the source, not of those on rollups');
DELETE FROM events WHERE at < '2026-02-01' AND isfinite(at);
SELECT exact('raw rows deleted');
UPDATE events SET amount = amount + 1 WHERE at BETWEEN '2026-02-01' AND '2026-02-02';
UPDATE all_rows SET amount = amount + 1 WHERE at BETWEEN '2026-02-01' AND '2026-02-02';
SELECT exact('a change just after the horizon');
BEGIN;
TRUNCATE events;
SELECT is((SELECT sum(n) FROM m_live), (SELECT count(*) FROM all_rows WHERE at < '2026-02-01' AND isfinite(at))::numeric,
    'frozen history survives TRUNCATE, live');
SELECT tally.refresh();
SELECT is((SELECT sum(n) FROM m), (SELECT count(*) FROM all_rows WHERE at < '2026-02-01' AND isfinite(at))::numeric, 'and stored');
SELECT is((SELECT sum(n) FROM d), (SELECT count(*) FROM all_rows WHERE at < '2026-02-01' AND isfinite(at))::numeric, 'and one storey up');
ROLLBACK;
SELECT is_empty($$SELECT * FROM tally.verify('h')$$, 'frozen history is not held to its source');
SELECT is_empty($$SELECT * FROM tally.verify('h', '2026-01-01', '2026-02-01')$$, 'also when just that is asked for');
SELECT throws_ok($$SELECT tally.repair('h', '2026-01-01', '2026-01-05')$$, '55000', NULL, 'nor computed anew from it');
SELECT lives_ok($$SELECT tally.repair('h', '2026-01-20', '2026-02-05')$$, 'but what is after it is');
SELECT lives_ok($$SELECT tally.repair('m')$$, 'or all of it');
SELECT exact('repaired across the horizon');
CALL tally.backfill('h');

-- Bad input.
SELECT throws_ok($$SELECT tally.freeze_source('events', before => now() + interval '1 day')$$, '22023', NULL, 'the future cannot be frozen');
SELECT throws_ok($$SELECT tally.freeze_source('all_rows', before => '2026-01-01')$$, '55000',
    'public.all_rows must be a table with raw rows that rollups stand on, got one without a rollup', 'without a rollup nothing would be left');
SELECT throws_ok($$SELECT tally.freeze_source('h', before => '2026-01-01')$$, '55000', NULL, 'a rollup is no source of raw rows');
CREATE TABLE two (a timestamptz, b timestamptz, n int);
SELECT tally.create_rollup('two_a', 'two', 'a', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('two_b', 'two', 'b', measures => '{"n": "sum(n)"}', with_data => true);
SELECT throws_ok($$SELECT tally.freeze_source('two', before => '2026-01-01')$$, '55000',
    'rows of public.two must grow old by one time column, but its rollups use several', 'two times of one row');
SELECT tally.drop_rollup('two_b');
SELECT tally.create_rollup('two_berlin', 'two', 'a', bucket => '1 day', zone => 'Europe/Berlin', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('two_utc', 'two', 'a', bucket => '1 day', measures => '{"n": "sum(n)"}', with_data => true);
SELECT throws_ok($$SELECT tally.freeze_source('two', before => '2026-01-01')$$, '55000', NULL, 'days of two zones share no midnight');
SELECT tally.drop_rollup(r) FROM unnest('{two_utc,two_berlin,two_a}'::text[]) r;
DROP ROLE IF EXISTS tally_test_stranger;
CREATE ROLE tally_test_stranger ROLE CURRENT_USER;
GRANT SELECT ON events TO tally_test_stranger;
SET ROLE tally_test_stranger;
SELECT throws_ok($$SELECT tally.freeze_source('events', before => '2026-01-15')$$, '42501', NULL, 'not for who does not own the source');
SELECT throws_ok($$INSERT INTO tally.source_retentions (source, time_column) VALUES ('events', 'at')$$, '42501', NULL, 'nor through the catalogue');
SELECT throws_ok($$UPDATE tally.source_retentions SET horizon = '2026-05-01'$$, '42501', NULL, 'nor by a change of its row');
SELECT throws_ok($$DELETE FROM tally.source_retentions$$, '42501', NULL, 'nor by removing it');
SELECT throws_ok($$SELECT tally_internal._store_horizon('events', '2026-01-15')$$, '42501', NULL, 'nor through what writes it');
SELECT throws_ok($$SELECT tally_internal._store_retention('events', '1 day', true, false, 'public')$$, '42501', NULL, 'whichever');
RESET ROLE;
SELECT is((SELECT horizon FROM tally.source_retentions), '2026-02-01 00:00Z', 'nor past it');
DROP OWNED BY tally_test_stranger;
DROP ROLE tally_test_stranger;

-- Retention of raw rows: computed, frozen, deleted, in batches that commit.
DELETE FROM tally.source_retentions;
UPDATE tally.rollups SET frozen_before = '-infinity', ignored_marks = 0;
TRUNCATE events;
INSERT INTO events SELECT * FROM all_rows;
SELECT tally.refresh();
SELECT exact('before retention');
SELECT lives_ok($$SELECT tally.retain_source('events', keep => '30 days')$$, 'retention asked for');
INSERT INTO events (id, at, kind, amount, who) VALUES (9001, '2026-01-10 05:05Z', 'late but in time', 3, 5);
INSERT INTO all_rows (id, at, kind, amount, who) VALUES (9001, '2026-01-10 05:05Z', 'late but in time', 3, 5);
CALL tally.expire(batch_rows => 500, as_of => '2026-03-20 12:00Z');
SELECT results_eq('SELECT horizon, waiting_for FROM tally.source_retentions', $$VALUES ('2026-02-01 00:00Z'::timestamptz, NULL::text)$$,
    'the horizon is the month that began before 2026-02-18');
SELECT is((SELECT min(at) FROM events WHERE isfinite(at)), (SELECT min(at) FROM all_rows WHERE at >= '2026-02-01'), 'older rows are deleted');
SELECT is((SELECT rows_deleted FROM tally.source_retentions), (SELECT count(*) FROM all_rows WHERE at < '2026-02-01' AND isfinite(at)), 'and counted');
SELECT is((SELECT count(*) FROM events WHERE NOT isfinite(at) OR at IS NULL), 3::bigint, 'rows without a place in time stay');
SELECT exact('expired');
SELECT is((SELECT sum(ignored_marks) FROM tally.status), 0::numeric, 'the deletion left no mark to ignore');
CALL tally.expire(as_of => '2026-03-20 12:00Z');
SELECT exact('expired again: nothing to do');
SELECT is((SELECT odd_rows FROM tally.status WHERE rollup = 'h'), 3::bigint, 'and they are still counted');

-- Late rows: one for frozen history, one not. The first is set aside by the refresh and reported; applied once, it adds up.
INSERT INTO events (id, at, kind, amount, who) VALUES (9002, '2026-01-10 05:06Z', 'too late', 40, 6), (9003, '2026-01-20 07:00Z', 'a', 5, 7),
    (9004, '2026-02-20 07:00Z', 'a', 5, 7);
INSERT INTO all_rows (id, at, kind, amount, who) VALUES (9004, '2026-02-20 07:00Z', 'a', 5, 7);
SELECT exact('late rows do not rewrite history');
SELECT results_eq('SELECT at, "row" ->> ''kind'', applied_at FROM tally.late_rows ORDER BY at',
    $$VALUES ('2026-01-10 05:06Z'::timestamptz, 'too late', NULL::timestamptz), ('2026-01-20 07:00Z', 'a', NULL)$$, 'they are kept aside, whole');
SELECT is((SELECT count(*) FROM events WHERE id IN (9002, 9003)), 0::bigint, 'and are in the source no more');
SELECT results_eq('SELECT rollup, late_rows FROM tally.status ORDER BY 1', $$VALUES ('d', 0::bigint), ('h', 2), ('m', 2)$$, 'status tells');
SELECT tally.refresh();
SELECT is((SELECT count(*) FROM tally.late_rows), 2::bigint, 'once');
SELECT results_eq($$SELECT value, hint FROM tally.health WHERE "check" = 'late rows'$$,
    $$VALUES (2::float8, 'SELECT * FROM tally.apply_late(''public.events'');')$$, 'health tells, and what to run');
SELECT results_eq('SELECT * FROM tally.apply_late(''events'')', $$VALUES ('h', 2::bigint, 2::bigint), ('m', 2, 1)$$, 'applied');
INSERT INTO all_rows (id, at, kind, amount, who) VALUES (9002, '2026-01-10 05:06Z', 'too late', 40, 6), (9003, '2026-01-20 07:00Z', 'a', 5, 7);
SELECT exact('applied late rows add up, sketches too, and reach the days');
SELECT is_empty('SELECT * FROM tally.apply_late(''events'')', 'no row is applied twice');
SELECT is((SELECT sum(late_rows) FROM tally.status), 0::numeric, 'none waits');
BEGIN;
INSERT INTO events (id, at, kind) VALUES (9005, '2026-01-10 05:06Z', 'too late');
ROLLBACK;
SELECT tally.refresh();
SELECT is((SELECT count(*) FROM tally.late_rows WHERE applied_at IS NULL), 0::bigint, 'a late row that was rolled back never was');
SELECT tally.freeze_source('events', before => '2026-02-01');

-- A rollup's own retention: days stand on hours that go.
SELECT results_eq($$SELECT what, how FROM tally.alter_rollup('h', retain => '20 days')$$, $$VALUES ('retain: none to 20 days', 'no bucket is touched')$$,
    'retention of a rollup');
CALL tally.expire('h', as_of => '2026-03-15 12:00Z');
SELECT is((SELECT min(bucket) FROM h), '2026-02-23 00:00Z', 'hours go by whole days');
SELECT bag_eq('SELECT bucket, kind, n, total FROM h',
    'SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), count(*), sum(amount) FROM all_rows WHERE at >= ''2026-02-23'' AND isfinite(at) GROUP BY 1, '
        '2', 'the younger ones are as they were');
SELECT bag_eq('SELECT bucket, n, total, tally.distinct_count(people)::bigint FROM d_live',
    'SELECT date_trunc(''day'', at), count(*), sum(amount), count(DISTINCT who) AS people FROM all_rows WHERE isfinite(at) GROUP BY 1',
    'days outlive hours, live');
SELECT tally.refresh();
SELECT bag_eq('SELECT bucket, n, total, tally.distinct_count(people)::bigint FROM d',
    'SELECT date_trunc(''day'', at), count(*), sum(amount), count(DISTINCT who) AS people FROM all_rows WHERE isfinite(at) GROUP BY 1', 'and stored');
SELECT bag_eq('SELECT bucket, kind, n FROM h_live', 'SELECT bucket, kind, n FROM h', 'live hours do not come back from the source');
INSERT INTO events (id, at, kind, amount, who) VALUES (9006, '2026-02-24 05:06Z', 'in time', 40, 6), (9007, '2026-01-10 05:07Z', 'too late for both', 41, 8);
INSERT INTO all_rows (id, at, kind, amount, who) VALUES (9006, '2026-02-24 05:06Z', 'in time', 40, 6), (9007, '2026-01-10 05:07Z', 'too late for both', 41, 8);
SELECT tally.refresh();
SELECT results_eq('SELECT rollup, rows_merged FROM tally.apply_late(''events'')', $$VALUES ('h', 1::bigint), ('m', 1)$$,
    'a late row for hours that are gone goes to the days on them');
SELECT is((SELECT count(*) FROM h WHERE bucket < '2026-02-23'), 0::bigint, 'and brings no hour back');
SELECT bag_eq('SELECT bucket, n, total, tally.distinct_count(people)::bigint FROM d',
    'SELECT date_trunc(''day'', at), count(*), sum(amount), count(DISTINCT who) AS people FROM all_rows WHERE isfinite(at) GROUP BY 1',
    'days have all rows that ever were');
SELECT is((SELECT min(bucket) FROM tally.verify('h')), NULL, 'verified');
SELECT is_empty('SELECT * FROM tally.verify(''d'')', 'days too');
SELECT lives_ok($$SELECT tally.create_rollup('h2', 'h', bucket => '1 day', dimensions => '[]', measures => '{"n": "sum(n)"}', with_data => true)$$,
    'a new rollup on expired hours');
SELECT results_eq('SELECT min(bucket), sum(n) FROM h2',
    'SELECT timestamptz ''2026-02-23 00:00Z'', count(*)::numeric FROM all_rows WHERE at >= ''2026-02-23'' AND isfinite(at)',
    'begins with its first whole bucket');

-- What stands in the way is said.
SELECT tally.create_rollup('unbuilt', 'events', 'at', measures => '{"n": "count(*)"}');
CALL tally.expire('events', as_of => '2026-04-20');
SELECT results_eq('SELECT horizon, waiting_for FROM tally.source_retentions WHERE source = ''events''::regclass',
    $$VALUES ('2026-02-01 00:00Z'::timestamptz, 'the backfill of unbuilt')$$, 'a rollup that is not built yet');
SELECT is((SELECT count(*) FROM events WHERE at < '2026-03-01' AND isfinite(at)),
    (SELECT count(*) FROM all_rows WHERE at >= '2026-02-01' AND at < '2026-03-01'), 'nothing is deleted');
SELECT results_eq($$SELECT status, value, detail FROM tally.health WHERE "check" = 'retention'$$,
    $$VALUES ('failing', 1::float8, 'public.events waits for the backfill of unbuilt')$$, 'health says so');
CALL tally.backfill('unbuilt');
CREATE TABLE refers (id bigint REFERENCES events);
INSERT INTO refers VALUES ((SELECT min(id) FROM events WHERE at BETWEEN '2026-02-01' AND '2026-02-02'));
CALL tally.expire('events', as_of => '2026-04-20');
SELECT alike((SELECT waiting_for FROM tally.source_retentions WHERE source = 'events'::regclass),
    '23503: update or delete on table "events" violates foreign key%', 'a foreign key');
SELECT is((SELECT frozen_before FROM tally.rollups WHERE name = 'm'), '2026-02-01 00:00Z', 'and nothing is frozen');
DROP TABLE refers;
CALL tally.expire('events', as_of => '2026-04-20');
SELECT results_eq('SELECT horizon, waiting_for FROM tally.source_retentions WHERE source = ''events''::regclass',
    $$VALUES ('2026-03-01 00:00Z'::timestamptz, NULL::text)$$, 'mended');
SELECT bag_eq('SELECT bucket, n, most FROM m', 'SELECT date_trunc(''month'', at), count(*), max(amount) FROM all_rows WHERE isfinite(at) GROUP BY 1',
    'months have all rows that ever were');
SELECT throws_ok($$SELECT tally.retain_source('events', keep => '-1 day')$$, '22023', NULL, 'keep is longer than nothing');
SELECT throws_ok($$SELECT tally.retain_source('events', keep => '1 day', drop_partitions => true)$$, '42809', NULL, 'partitions of a table that has none');
SELECT throws_ok($$SELECT tally.alter_rollup('h', retain => '5 minutes')$$, '22023', NULL, 'less than a bucket');
-- As intervals 30 days equal a month, and 24 hours a day. As buckets they do not.
CREATE FUNCTION holds(keep interval, bucket interval, zone text) RETURNS boolean
    LANGUAGE sql AS 'SELECT tally_internal._holds_a_bucket(keep, tally_internal._bucket_rule(bucket, zone), zone)';
SELECT is(holds(k, b, z), h, format('%s %s a bucket of %s in %s', k, CASE WHEN h THEN 'hold' ELSE 'do not hold' END, b, z)) FROM (VALUES
    (interval '30 days', interval '1 month', 'UTC', false), ('31 days', '1 month', 'UTC', true), ('1 month', '30 days', 'UTC', false),
        ('1 month', '1 month', 'Europe/Berlin', true),
    ('24 hours', '1 day', 'America/New_York', false), ('24 hours', '1 day', 'UTC', true), ('1 day', '1 day', 'America/New_York', true),
        ('25 hours', '1 day', 'America/New_York', true),
    ('59 minutes', '1 hour', 'UTC', false), ('1 hour', '1 hour', 'UTC', true), ('7 days', '7 days', 'Europe/Berlin', true)) v(k, b, z, h);

-- Only frozen: a job of the owner's own deletes. What came too late is set aside when the owner says so.
SELECT tally.retain_source('events', keep => '30 days', deletes => false);
CALL tally.expire('events', as_of => '2026-05-20');
SELECT is((SELECT horizon FROM tally.source_retentions WHERE source = 'events'::regclass), '2026-04-01 00:00Z', 'frozen');
SELECT cmp_ok((SELECT count(*) FROM events WHERE at < '2026-04-01' AND isfinite(at)), '>', 100::bigint, 'not deleted');
DELETE FROM events WHERE at < '2026-04-01' AND isfinite(at);
INSERT INTO events (id, at, kind) VALUES (9010, '2026-03-03', 'too late');
SELECT tally.refresh();
SELECT bag_eq('SELECT bucket, n, most FROM m', 'SELECT date_trunc(''month'', at), count(*), max(amount) FROM all_rows WHERE isfinite(at) GROUP BY 1',
    'months still have all rows that ever were');
SELECT is(tally.set_aside_late('events'), 1::bigint, 'the late one');

-- Partitions are dropped as a whole; what is old in the others is deleted.
CREATE TABLE logs (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE logs_3 PARTITION OF logs FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
CREATE TABLE logs_rest PARTITION OF logs DEFAULT;
CREATE INDEX ON logs (at);
INSERT INTO logs SELECT t, 1 FROM generate_series(timestamptz '2026-01-01Z', timestamptz '2026-05-01Z', '1 hour') t;
INSERT INTO logs VALUES ('2025-06-01', 1);
CREATE TABLE all_logs AS SELECT * FROM logs;
SELECT tally.create_rollup('logs_w', 'logs', 'at', bucket => '1 week', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.retain_source('logs', keep => '30 days', drop_partitions => true);
CALL tally.expire('logs', as_of => '2026-04-15');
SELECT is((SELECT horizon FROM tally.source_retentions WHERE source = 'logs'::regclass), '2026-03-16 00:00Z', 'a Monday');
SELECT hasnt_table('logs_1');
SELECT hasnt_table('logs_2');
SELECT has_table('logs_3');
SELECT is((SELECT min(at) FROM logs), '2026-03-16 00:00Z', 'the rest is deleted');
SELECT tally.refresh();
SELECT bag_eq('SELECT bucket, n FROM logs_w', 'SELECT date_trunc(''week'', at), sum(n) FROM all_logs GROUP BY 1', 'weeks have all rows that ever were');
INSERT INTO logs VALUES ('2026-01-15', 1), ('2026-03-17', 1);
INSERT INTO all_logs VALUES ('2026-03-17', 1);
CALL tally.expire('logs', as_of => '2026-04-30');
SELECT bag_eq('SELECT bucket, n FROM logs_w', 'SELECT date_trunc(''week'', at), sum(n) FROM all_logs GROUP BY 1',
    'a late row is set aside by the next expiry, too');
SELECT is((SELECT count(*) FROM tally.late_rows WHERE source = 'logs'::regclass), 1::bigint, 'here it is');

-- Timestamps without a zone, read in two.
CREATE TABLE local (at timestamp, n int);
CREATE INDEX ON local (at);
INSERT INTO local SELECT t, 1 FROM generate_series(timestamp '2026-03-20', timestamp '2026-04-10', '1 hour') t;
CREATE TABLE all_local AS SELECT * FROM local;
SELECT tally.create_rollup('local_b', 'local', 'at', bucket => '1 hour', zone => 'Europe/Berlin', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('local_k', 'local', 'at', bucket => '30 minutes', zone => 'Asia/Kolkata', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.retain_source('local', keep => '1 day');
CALL tally.expire('local', as_of => '2026-04-02 00:20Z');
SELECT bag_eq('SELECT bucket, n FROM local_b_live', 'SELECT date_trunc(''hour'', at AT TIME ZONE ''Europe/Berlin''), sum(n) FROM all_local GROUP BY 1',
    'read in Berlin, across the change of clocks');
SELECT bag_eq('SELECT bucket, n FROM local_k_live',
    'SELECT date_bin(''30 minutes'', at AT TIME ZONE ''Asia/Kolkata'', ''2000-01-01 00:00Z''), sum(n) FROM all_local GROUP BY 1', 'read in Kolkata');
SELECT is((SELECT min(at) FROM local), '2026-04-01 02:00'::timestamp, 'only rows before it in both zones are gone');

SELECT tally.drop_rollup('h', "cascade" => true);
SELECT is_empty('SELECT * FROM tally.source_retentions s WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.source)',
    'a rollup''s retention goes with it');
SELECT * FROM finish();
