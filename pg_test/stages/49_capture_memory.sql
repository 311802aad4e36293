-- What capture remembers in a session: a mark is remembered as long as it stands, whatever statement or transaction made it, and no longer.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, n int);
SELECT tally.create_rollup('h', 'events', 'at', measures => '{"n": "count(*)"}');
SELECT tally.create_rollup('d', 'events', 'at', '1 day', measures => '{"n": "count(*)"}');
CALL tally.backfill();
SELECT id AS h FROM tally.rollups WHERE name = 'h' \gset
SELECT id AS d FROM tally.rollups WHERE name = 'd' \gset
CREATE VIEW marks AS SELECT r.name::text, x.bucket, count(*) AS n FROM tally.dirty x JOIN tally.rollups r ON r.id = x.rollup_id GROUP BY 1, 2;

BEGIN;
INSERT INTO events VALUES ('2026-01-01 10:10Z', 1);
INSERT INTO events VALUES ('2026-01-01 10:20Z', 1);
INSERT INTO events VALUES ('2026-01-01 11:20Z', 1);
COMMIT;
SELECT bag_eq('SELECT * FROM marks', $$VALUES ('h', timestamptz '2026-01-01 10:00Z', 1::bigint), ('h', '2026-01-01 11:00Z', 1), ('d', '2026-01-01Z', 1)$$,
              'statements of one transaction leave one mark for each bucket');
INSERT INTO events VALUES ('2026-01-01 11:30Z', 1);
SELECT bag_eq('SELECT * FROM marks', $$VALUES ('h', timestamptz '2026-01-01 10:00Z', 1::bigint), ('h', '2026-01-01 11:00Z', 2), ('d', '2026-01-01Z', 2)$$,
              'the next transaction marks anew');
SELECT count(*) FROM tally.refresh();

BEGIN;
INSERT INTO events VALUES ('2026-01-02 10:10Z', 1);
SAVEPOINT s;
INSERT INTO events VALUES ('2026-01-02 11:10Z', 1);
ROLLBACK TO s;
SELECT bag_eq('SELECT * FROM marks', $$VALUES ('h', timestamptz '2026-01-02 10:00Z', 1::bigint), ('d', '2026-01-02Z', 1)$$,
              'a rollback to a savepoint takes its marks');
INSERT INTO events VALUES ('2026-01-02 11:10Z', 1);
INSERT INTO events VALUES ('2026-01-02 10:20Z', 1);
SELECT bag_eq('SELECT * FROM marks', $$VALUES ('h', timestamptz '2026-01-02 10:00Z', 1::bigint), ('h', '2026-01-02 11:00Z', 1), ('d', '2026-01-02Z', 1)$$,
              'and the memory of them alone');
SELECT count(*) FROM tally.refresh();
INSERT INTO events VALUES ('2026-01-02 11:20Z', 1);
SELECT bag_eq('SELECT * FROM marks', $$VALUES ('h', timestamptz '2026-01-02 11:00Z', 1::bigint), ('d', '2026-01-02Z', 1)$$,
              'a refresh in the same transaction takes the memory with the marks');
COMMIT;
SELECT count(*) FROM tally.refresh();
BEGIN;
INSERT INTO events VALUES ('2026-01-03 10:10Z', 1);
ROLLBACK;
INSERT INTO events VALUES ('2026-01-03 10:10Z', 1);
SELECT bag_eq('SELECT name, bucket FROM marks', $$VALUES ('h', timestamptz '2026-01-03 10:00Z'), ('d', '2026-01-03Z')$$, 'what was rolled back is marked anew');

-- More tables by turns than a session keeps targets of.
SELECT format('CREATE TABLE t%s (at timestamptz)', i) FROM generate_series(1, 20) i \gexec
SELECT count(tally.create_rollup(format('t%s_h', i), format('t%s', i)::regclass, 'at', measures => '{"n": "count(*)"}')) FROM generate_series(1, 20) i;
CALL tally.backfill();
BEGIN;
SELECT format('INSERT INTO t%s VALUES (timestamptz ''2026-01-01Z'' + %s * interval ''40 minutes'')', i, turn) FROM generate_series(0, 2) turn,
    generate_series(1, 20) i ORDER BY turn, i \gexec
COMMIT;
SELECT bag_eq($$SELECT name, bucket, n FROM marks WHERE name LIKE 't%'$$,
              $$SELECT format('t%s_h', i), timestamptz '2026-01-01Z' + j * interval '1 hour', 1::bigint
                  FROM generate_series(1, 20) i, generate_series(0, 1) j$$, 'many sources by turns: one mark for each bucket of a transaction');

-- The session knows the rollup; another would ask.
SELECT tally.drop_rollup('d');
SELECT tally_internal._mark(:'d' || ' fixed 86400000000', '2026-01-05Z');
SELECT is_empty(format('SELECT FROM tally.dirty WHERE rollup_id = %s', :'d'), 'a rollup that is dropped gets no mark from a session that has marked it');
BEGIN;
SELECT max(id) + 1 AS next, set_config('test.targets', max(id) + 1 || ' fixed 3600000000', true) FROM tally.rollups \gset
SELECT setval(pg_get_serial_sequence('tally.rollups', 'id'), :next, false);
SELECT tally_internal._mark(current_setting('test.targets'), '2026-01-06 10:00Z');
CREATE TABLE later (at timestamptz);
SELECT tally.create_rollup('later_h', 'later', 'at', measures => '{"n": "count(*)"}');
SELECT is((SELECT id FROM tally.rollups WHERE name = 'later_h'), :next, 'the rollup has the number that was guessed');
INSERT INTO later VALUES ('2026-01-06 10:00Z');
SELECT isnt_empty(format('SELECT FROM tally.dirty WHERE rollup_id = %s', :next), 'a mark of a rollup to come keeps none of its rows from being marked');
COMMIT;
SELECT * FROM finish();
