-- Owns: a table that somebody has locked keeps only what stands on it waiting. As it was, a scheduled refresh, a backfill of all, and an evaluation
-- waited for a LOCK TABLE, or for a person's open transaction on an incident, as long as that lasted, and everybody with them.
SELECT no_plan();
SET client_min_messages = error;
\ir ../superuser.psql
CREATE FUNCTION public.at(n int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00+00'::timestamptz + n * interval '1 minute'$$;
CREATE TABLE a (at timestamptz NOT NULL, v int);
CREATE TABLE b (LIKE a);
CREATE INDEX ON a (at);
CREATE INDEX ON b (at);
SELECT count(tally.create_rollup(n, left(n, 1)::regclass, 'at', measures => '{"n": "count(*)"}', schedule => '*/5 * * * *', with_data => true))
    FROM unnest('{a1,a2,b1}'::text[]) n;
INSERT INTO a SELECT public.at(i), i FROM generate_series(1, 10) i;
INSERT INTO b TABLE a;
SELECT tally.create_threshold('on a', query => 'SELECT count(*) AS value FROM a', condition => '> 0');
SELECT tally.create_threshold('on b', query => 'SELECT count(*) AS value FROM b', condition => '> 0');
SELECT dblink_connect('other', here());
SELECT dblink_exec('other', 'BEGIN'), dblink_exec('other', 'LOCK TABLE a IN ACCESS EXCLUSIVE MODE');

CALL tally.refresh_scheduled('*/5 * * * *');
SELECT is((SELECT sum(n) FROM b1), 10::numeric, 'the rollup on another table is refreshed');
SELECT results_eq($$SELECT r.name, u.sqlstate, u.message FROM tally.runs u JOIN tally.rollups r ON r.id = u.rollup_id WHERE u.sqlstate IS NOT NULL$$,
    $$VALUES ('a1', '55P03', 'public.a is locked, so rollup ''a1'' waits for the next run')$$,
        'the first on the locked table says so, and the second is not even tried');
SELECT matches((SELECT u.detail FROM tally.runs u WHERE u.sqlstate IS NOT NULL), '^It is locked by pid \d+ \(', 'and who has locked it');
SELECT is((SELECT s.state FROM tally.status s WHERE s.rollup = 'b1'), 'fresh', 'status knows the others fresh');
INSERT INTO b VALUES (public.at(70), 1);
CALL tally.backfill();
SELECT is((SELECT sum(n) FROM b1), 11::numeric, 'a backfill of all goes on with the others');
\ir ../message_of.psql
CREATE TABLE told AS SELECT m.* FROM message_of($$SELECT tally_internal._backfill_unit((SELECT id FROM tally.rollups WHERE name = 'a1'), NULL, now())$$) m;
SELECT results_eq('SELECT state, message, hint FROM told',
    $$VALUES ('55P03', 'public.a is locked, so the backfill of ''a1'' cannot go on', 'CALL tally.backfill(''a1'');')$$, 'a backfill by name says it');
SELECT matches((SELECT detail FROM told), '^It is locked by pid \d+', 'and who has it');
SELECT results_eq($$SELECT threshold, opened, left(error, 5) FROM tally.evaluate(public.at(0)) ORDER BY 1$$,
    $$VALUES ('on a', 0, '55P03'), ('on b', 1, NULL)$$, 'a threshold on the locked table fails alone');
SELECT dblink_exec('other', 'ROLLBACK');
CALL tally.refresh_scheduled('*/5 * * * *');
SELECT results_eq('SELECT (SELECT sum(n) FROM a1), (SELECT sum(n) FROM a2)', 'VALUES (10::numeric, 10::numeric)', 'the next run computes what waited');
SELECT results_eq($$SELECT threshold, opened, error FROM tally.evaluate(public.at(1)) ORDER BY 1$$, $$VALUES ('on a', 1, NULL::text), ('on b', 0, NULL)$$,
    'and the threshold fires');

-- Somebody handles an incident and does not commit.
SELECT dblink_exec('other', 'BEGIN');
SELECT is((SELECT count(*) FROM dblink('other',
    $$SELECT tally.comment_incident(id, 'looking') FROM tally.incidents WHERE threshold = 'on a'$$) x(x text)), 1::bigint, 'a person handles an incident');
SELECT is((SELECT count(*) FROM dblink('other', $$SELECT tally.acknowledge(id) FROM tally.incidents WHERE threshold = 'on a'$$) x(x text)), 1::bigint,
    'and acknowledges it');
DELETE FROM a;
DELETE FROM b;
SELECT results_eq($$SELECT threshold, recovered, left(error, 5) FROM tally.evaluate(public.at(2)) ORDER BY 1$$,
    $$VALUES ('on a', 0, '55P03'), ('on b', 1, NULL)$$, 'its recovery has to wait, the other has not');
SELECT dblink_exec('other', 'COMMIT');
SELECT results_eq($$SELECT threshold, recovered, error FROM tally.evaluate(public.at(3)) ORDER BY 1$$, $$VALUES ('on a', 1, NULL::text), ('on b', 0, NULL)$$,
    'and comes at the next tick');
SELECT is((SELECT status FROM tally.incidents WHERE threshold = 'on a' AND kind = 'breach'), 'acknowledged', 'nothing of either is lost');
-- The same where the locked table has partitions. Who asks for its tree by pg_partition_tree() waits for their locks (the random attacker found it).
CREATE TABLE c (at timestamptz NOT NULL, v int) PARTITION BY RANGE (at);
CREATE TABLE c_0 PARTITION OF c FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX ON c (at);
SELECT tally.create_rollup('c1', 'c', 'at', measures => '{"n": "count(*)"}', schedule => '*/5 * * * *');
INSERT INTO b VALUES (public.at(80), 1);
INSERT INTO c VALUES (public.at(80), 1);
SELECT dblink_exec('other', 'BEGIN'), dblink_exec('other', 'ALTER TABLE c RENAME COLUMN v TO w');
SET statement_timeout = '40s';
SELECT results_eq($$SELECT rollup, left(error, 32) FROM tally.refresh() WHERE rollup IN ('b1', 'c1') ORDER BY 1$$,
    $$VALUES ('b1', NULL::text), ('c1', '55P03: public.c is locked, so ro')$$, 'a refresh of all goes on beside a locked partition');
SELECT results_eq($$SELECT tally_internal._who_locks(r) ~ '^It is locked by pid \d+ \(' FROM tally.rollups r WHERE r.name = 'c1'$$, 'VALUES (true)',
    'and says who has locked it');
RESET statement_timeout;
SELECT dblink_exec('other', 'ROLLBACK');
SELECT is((SELECT sum(n) FROM b1), (SELECT count(*) FROM b)::numeric, 'the other is right');
SELECT dblink_disconnect('other');
SELECT * FROM finish();
