-- History outlives raw data: what is frozen stands as it was computed, whatever becomes of the source. What was computed is
-- compared with plain SQL over a copy of all rows that ever were.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE events (id bigserial PRIMARY KEY, at timestamptz, kind text, amount numeric, who int);
CREATE INDEX ON events (at);
INSERT INTO events (at, kind, amount, who) SELECT timestamptz '2026-01-01 00:00Z' + i * interval '31 minutes', (ARRAY['a', 'b', NULL])[i % 3 + 1], i % 11, i % 97 FROM generate_series(1, 5000) i;
INSERT INTO events (at, kind) VALUES (NULL, 'no time'), ('-infinity', 'ever'), ('infinity', 'never');
CREATE TABLE all_rows AS SELECT * FROM events;
SELECT tally.create_rollup('h', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)", "total": "sum(amount)", "people": "tally.hll(who)"}');
SELECT tally.create_rollup('d', 'h', bucket => '1 day', zone => 'UTC', dimensions => '[]', measures => '{"n": "sum(n)", "total": "sum(total)", "people": "tally.rollup(people)"}');
SELECT tally.create_rollup('m', 'events', 'at', bucket => '1 month', measures => '{"n": "count(*)", "most": "max(amount)"}');

CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 2 LOOP
        RETURN QUERY SELECT set_eq('SELECT bucket, kind, n, total, tally.distinct_count(people)::bigint FROM h_live',
            'SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), count(*), sum(amount), count(DISTINCT who) AS people FROM all_rows WHERE isfinite(at) GROUP BY 1, 2', what || ': hours, live');
        RETURN QUERY SELECT set_eq('SELECT bucket, n, total, tally.distinct_count(people)::bigint FROM d_live',
            'SELECT date_trunc(''day'', at), count(*), sum(amount), count(DISTINCT who) AS people FROM all_rows WHERE isfinite(at) GROUP BY 1', what || ': days on hours, live');
        RETURN QUERY SELECT set_eq('SELECT bucket, n, most FROM m_live', 'SELECT date_trunc(''month'', at), count(*), max(amount) FROM all_rows WHERE isfinite(at) GROUP BY 1', what || ': months, live');
        PERFORM tally.refresh();
        what := what || ', refreshed';
    END LOOP;
    RETURN QUERY SELECT set_eq('SELECT bucket, kind, n, total FROM h', 'SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), count(*), sum(amount) FROM all_rows WHERE isfinite(at) GROUP BY 1, 2', what || ': hours, stored');
    RETURN QUERY SELECT set_eq('SELECT bucket, n, most FROM m', 'SELECT date_trunc(''month'', at), count(*), max(amount) FROM all_rows WHERE isfinite(at) GROUP BY 1', what || ': months, stored');
    RETURN QUERY SELECT is_empty('SELECT * FROM tally.status WHERE state <> ''fresh''', what || ': all fresh');
END $$;

-- Freezing by hand, for who deletes raw rows by a job of their own.
SELECT throws_ok($$SELECT tally.freeze_source('events', before => '2026-02-15')$$, '55000', 'history before 2026-02-01 00:00:00+00 cannot be frozen: it is not all computed yet', 'not before it is computed');
SELECT tally.refresh();
SELECT is(tally.freeze_source('events', before => '2026-02-15'), '2026-02-01 00:00Z', 'the horizon is where every rollup on the source begins a bucket');
SELECT results_eq('SELECT name, frozen_before FROM tally.rollups ORDER BY id', $$VALUES ('h', '2026-02-01 00:00Z'::timestamptz), ('d', '-infinity'), ('m', '2026-02-01 00:00Z')$$, 'of the rollups on the source, not of those on rollups');
DELETE FROM events WHERE at < '2026-02-01' AND isfinite(at);
SELECT exact('raw rows deleted');
UPDATE events SET amount = amount + 1 WHERE at BETWEEN '2026-02-01' AND '2026-02-02';
UPDATE all_rows SET amount = amount + 1 WHERE at BETWEEN '2026-02-01' AND '2026-02-02';
SELECT exact('a change just after the horizon');
BEGIN;
TRUNCATE events;
SELECT is((SELECT sum(n) FROM m_live), (SELECT count(*) FROM all_rows WHERE at < '2026-02-01' AND isfinite(at))::numeric, 'frozen history survives TRUNCATE, live');
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
SELECT throws_ok($$SELECT tally.freeze_source('all_rows', before => '2026-01-01')$$, '55000', 'public.all_rows must be a table with raw rows that rollups stand on, got one without a rollup', 'without a rollup nothing would be left');
SELECT throws_ok($$SELECT tally.freeze_source('h', before => '2026-01-01')$$, '55000', NULL, 'a rollup is no source of raw rows');
CREATE TABLE two (a timestamptz, b timestamptz, n int);
SELECT tally.create_rollup('two_a', 'two', 'a', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('two_b', 'two', 'b', measures => '{"n": "sum(n)"}', with_data => true);
SELECT throws_ok($$SELECT tally.freeze_source('two', before => '2026-01-01')$$, '55000', 'rows of public.two grow old by one time, but its rollups go by several', 'two times of one row');
SELECT tally.drop_rollup('two_b');
SELECT tally.create_rollup('two_berlin', 'two', 'a', bucket => '1 day', zone => 'Europe/Berlin', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('two_utc', 'two', 'a', bucket => '1 day', measures => '{"n": "sum(n)"}', with_data => true);
SELECT throws_ok($$SELECT tally.freeze_source('two', before => '2026-01-01')$$, '55000', NULL, 'days of two zones share no midnight');
SELECT tally.drop_rollup(r) FROM unnest('{two_utc,two_berlin,two_a}'::text[]) r;
CREATE ROLE tally_test_stranger;
GRANT SELECT ON events TO tally_test_stranger;
SET ROLE tally_test_stranger;
SELECT throws_ok($$SELECT tally.freeze_source('events', before => '2026-01-15')$$, '42501', NULL, 'not for who does not own the source');
SELECT throws_ok($$INSERT INTO tally.source_retentions (source, time_column) VALUES ('events', 'at')$$, '42501', NULL, 'nor through the catalogue');
UPDATE tally.source_retentions SET horizon = '2026-05-01';
DELETE FROM tally.source_retentions;
RESET ROLE;
SELECT is((SELECT horizon FROM tally.source_retentions), '2026-02-01 00:00Z', 'nor past it');
DROP OWNED BY tally_test_stranger;
DROP ROLE tally_test_stranger;
SELECT * FROM finish();
