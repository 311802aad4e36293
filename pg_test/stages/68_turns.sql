-- Owns: the work of one role takes its turn in a run, and no more. As it was, N sleeping thresholds of one role kept the evaluation busy for N times
-- tally.query_timeout; probes, tasks and refreshes alike. Counted here are thresholds and runs, not seconds.
SELECT no_plan();
SET client_min_messages = error;
CREATE ROLE tally_slow;
CREATE ROLE tally_quick;
CREATE SCHEMA app;
GRANT USAGE, CREATE ON SCHEMA app TO tally_slow, tally_quick;
SET search_path = app, public;
CREATE FUNCTION public.at(n int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00+00'::timestamptz + n * interval '1 minute'$$;
SET tally.query_timeout = '250 ms';
SET tally.role_timeout = '625 ms';
SET tally.task_timeout = '250 ms';
SET tally.role_task_timeout = '625 ms';
SET ROLE tally_slow;
SELECT count(tally.create_threshold('slow ' || i, query => 'SELECT 1 AS value FROM pg_sleep(10)', condition => '> 0')) FROM generate_series(1, 8) i;
SELECT count(tally.create_probe('sleeping ' || i, 'SELECT 1 AS value FROM pg_sleep(10)')) FROM generate_series(1, 8) i;
SELECT count(tally.create_task('sleep ' || i, '0 2 * * *', 'SELECT pg_sleep(10)')) FROM generate_series(1, 8) i;
SET ROLE tally_quick;
SELECT count(tally.create_threshold('quick ' || i, query => 'SELECT 99 AS value', condition => '> 0')) FROM generate_series(1, 5) i;
SELECT count(tally.create_probe('awake ' || i, 'SELECT 1 AS value')) FROM generate_series(1, 5) i;
SELECT count(tally.create_task('act ' || i, '0 2 * * *', 'SELECT 1')) FROM generate_series(1, 5) i;
RESET ROLE;

-- They are older than the clock of this test.
UPDATE tally.thresholds SET created_at = '2026-01-01 00:00+00';
CREATE TABLE first AS SELECT * FROM tally.evaluate(public.at(0));
SELECT is((SELECT count(*) FROM first WHERE threshold LIKE 'quick%' AND error IS NULL AND opened = 1), 5::bigint,
    'the thresholds of another role are evaluated');
SELECT cmp_ok((SELECT count(*) FROM first WHERE threshold LIKE 'slow%'), '<=', 3::bigint, 'of the sleeping ones as many as 625 ms let begin');
SELECT cmp_ok((SELECT count(*) FROM first WHERE threshold LIKE 'slow%'), '>=', 1::bigint, 'but some');
SELECT is((SELECT count(*) FROM tally.evaluations e WHERE e.tick = public.at(0)), (SELECT count(*) FROM first),
    'what was put off has no entry: its tick is not done');
SELECT is((SELECT array_agg(p.owner::text || ' ' || p.count || ' ' || p.first) FROM tally.put_off p WHERE p.kind = 'thresholds'),
    ARRAY[format('tally_slow %s slow %s', 8 - (SELECT count(*) FROM first WHERE threshold LIKE 'slow%'),
        1 + (SELECT count(*) FROM first WHERE threshold LIKE 'slow%'))], 'it is said how many, and whose');
SELECT is((SELECT h.status FROM tally.health(public.at(0)) h WHERE h."check" = 'put off'), 'late', 'by health too');
SET ROLE tally_quick;
SELECT is((SELECT count(*) FROM tally.put_off), 0::bigint, 'not to everybody');
RESET ROLE;
-- Those that have waited longest come first, so each has its turn.
SELECT count(*) FROM generate_series(1, 7) i, LATERAL tally.evaluate(public.at(i));
SELECT is((SELECT count(DISTINCT e.threshold_id) FROM tally.evaluations e JOIN tally.thresholds t ON t.id = e.threshold_id WHERE t.name LIKE 'slow%'),
    8::bigint, 'after eight ticks each sleeping one was tried');
SELECT is((SELECT count(*) FROM tally.evaluations e JOIN tally.thresholds t ON t.id = e.threshold_id WHERE t.name LIKE 'quick%'), 40::bigint,
    'and each quick one was evaluated at each tick');
SELECT is((SELECT count(*) FROM tally.evaluate(public.at(9), 'slow 8')), 1::bigint, 'a threshold that is named is not put off');
SET tally.role_timeout = '0';
SELECT is((SELECT count(*) FROM tally.evaluate(public.at(10))), 13::bigint, '0 is no limit');
SELECT is_empty($$SELECT * FROM tally.put_off WHERE kind = 'thresholds'$$, 'and then nothing is put off');
SET tally.role_timeout = 'soon';
SELECT is((SELECT count(*) FROM tally.evaluate(public.at(11)) e WHERE e.threshold LIKE 'quick%'), 5::bigint, 'a setting that is no interval stops nobody');
SET tally.role_timeout = '625 ms';
-- The job, which commits on the way.
CALL tally.evaluate_scheduled();
SELECT cmp_ok((SELECT count(*) FROM tally.evaluations e JOIN tally.thresholds t ON t.id = e.threshold_id WHERE t.name LIKE 'slow%'
    AND e.tick > now() - interval '1 hour'), '<=', 3::bigint, 'the turn lasts over all transactions of the job');
SELECT is((SELECT count(*) FROM tally.evaluations e JOIN tally.thresholds t ON t.id = e.threshold_id WHERE t.name LIKE 'quick%'
    AND e.tick > now() - interval '1 hour'), 5::bigint, 'which evaluates all others');
SELECT is((SELECT p.count FROM tally.put_off p WHERE p.kind = 'thresholds') + (SELECT count(*) FROM tally.evaluations e
    JOIN tally.thresholds t ON t.id = e.threshold_id WHERE t.name LIKE 'slow%' AND e.tick > now() - interval '1 hour'),
    8::bigint, 'and says what it put off');

-- Probes.
UPDATE tally.probes SET last_tick = NULL, last_ms = NULL;
CREATE TABLE sampled AS SELECT * FROM tally.sample_probes(public.at(20));
SELECT is((SELECT count(*) FROM sampled WHERE probe LIKE 'awake%' AND error IS NULL), 5::bigint, 'the probes of another role are sampled');
SELECT cmp_ok((SELECT count(*) FROM sampled WHERE probe LIKE 'sleeping%'), '<=', 3::bigint, 'of the sleeping ones a few');
SELECT is((SELECT p.count FROM tally.put_off p WHERE p.kind = 'probes'), (8 - (SELECT count(*) FROM sampled WHERE probe LIKE 'sleeping%'))::int,
    'the others are put off');
SELECT count(*) FROM generate_series(21, 27) i, LATERAL tally.sample_probes(public.at(i));
SELECT is_empty($$SELECT name FROM tally.probes WHERE last_tick IS NULL$$, 'and each has its turn');

-- Tasks.
CREATE TABLE ran AS SELECT * FROM tally.run_tasks('0 2 * * *', public.at(0));
SELECT is((SELECT count(*) FROM ran WHERE task LIKE 'act%' AND error IS NULL), 5::bigint, 'the tasks of another role are run');
SELECT cmp_ok((SELECT count(*) FROM ran WHERE task LIKE 'sleep%'), '<=', 3::bigint, 'of the sleeping ones a few');
SELECT is((SELECT p.count FROM tally.put_off p WHERE p.kind = 'tasks' AND p.schedule = '0 2 * * *'),
    (8 - (SELECT count(*) FROM ran WHERE task LIKE 'sleep%'))::int, 'the others are put off');

-- Two roles have a task of one name. It was looked for by its name alone, and then nobody's tasks ran.
SELECT p.first AS put_off FROM tally.put_off p WHERE p.kind = 'tasks' AND p.schedule = '0 2 * * *' \gset
CREATE SCHEMA namesake AUTHORIZATION tally_quick;
SET ROLE tally_quick;
SET search_path = namesake;
SELECT tally.create_task(:'put_off', schedule => '0 2 * * *', statement => 'SELECT 1');
RESET search_path;
RESET ROLE;
SELECT is((SELECT count(*) FROM tally.tasks WHERE name = :'put_off'), 2::bigint, 'two roles have a task of this name');
SELECT lives_ok($$SELECT count(*) FROM tally.run_tasks('0 2 * * *', public.at(0))$$, 'which keeps nobody''s tasks from running');
SELECT count(*) FROM generate_series(1, 7) i, LATERAL tally.run_tasks('0 2 * * *', public.at(i));
SELECT is_empty($$SELECT name FROM tally.tasks WHERE last_run IS NULL$$, 'each task has its turn');

-- Refreshes: a role whose rollups are slow has one of them computed in each run, the other role all of its own.
-- Two seconds, because a busy machine needs one for three quick rollups.
CREATE TABLE public.e (at timestamptz NOT NULL, v int);
CREATE INDEX ON public.e (at);
INSERT INTO public.e SELECT public.at(i), i FROM generate_series(1, 10) i;
GRANT SELECT, TRIGGER ON public.e TO tally_slow, tally_quick;
CREATE FUNCTION app.slowly(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS $$BEGIN IF v = 1 THEN PERFORM pg_sleep(2.2); END IF; RETURN v; END $$;
SET ROLE tally_slow;
SELECT count(tally.create_rollup('app.slow_' || i, 'public.e', 'at', measures => '{"n": "sum(app.slowly(v))"}', schedule => '*/5 * * * *'))
    FROM generate_series(1, 3) i;
SET ROLE tally_quick;
SELECT count(tally.create_rollup('app.quick_' || i, 'public.e', 'at', measures => '{"n": "sum(v)"}', schedule => '*/5 * * * *')) FROM generate_series(1, 3) i;
RESET ROLE;
SET tally.role_refresh_timeout = '2 s';
CREATE VIEW app.left AS SELECT count(*) FILTER (WHERE r.name LIKE 'slow%') AS slow, count(*) FILTER (WHERE r.name LIKE 'quick%') AS quick FROM tally.rollups r
    WHERE tally_internal._due(r.id);
SELECT results_eq('TABLE app.left', 'VALUES (3::bigint, 3::bigint)', 'six rollups are due');
CALL tally.refresh_scheduled('*/5 * * * *');
SELECT results_eq('TABLE app.left', 'VALUES (2::bigint, 0::bigint)', 'one slow one, and all of the other role');
SELECT results_eq($$SELECT p.owner::text, p.count, p.first FROM tally.put_off p WHERE p.kind = 'rollups' AND p.schedule = '*/5 * * * *'$$,
    $$VALUES ('tally_slow', 2, 'slow_2')$$, 'two were put off');
CALL tally.refresh_scheduled('*/5 * * * *');
CALL tally.refresh_scheduled('*/5 * * * *');
SELECT results_eq('TABLE app.left', 'VALUES (0::bigint, 0::bigint)', 'each has its turn');
SELECT is_empty($$SELECT * FROM tally.put_off WHERE kind = 'rollups'$$, 'and none waits any more');
SELECT is((SELECT sum(n) FROM app.slow_3), 55::numeric, 'exact');
SELECT * FROM finish();
DROP EXTENSION pg_tally CASCADE;
DROP SCHEMA app, namesake CASCADE;
DROP TABLE public.e;
DROP ROLE tally_slow, tally_quick;
