-- Owns: a stopped clock is seen within two of its beats. pg_cron is stood in for by its two tables and functions; the real
-- one is in pg_test/cron.
SELECT no_plan();
\ir ../hosted.psql
SET timezone = 'UTC';
SET client_min_messages = error;
CREATE FUNCTION clock() RETURNS text LANGUAGE sql AS $$SELECT status || ': ' || detail FROM tally.health() WHERE "check" = 'clock'$$;
CREATE FUNCTION of_health(what text, as_of timestamptz) RETURNS text LANGUAGE sql AS $$SELECT status FROM tally.health(as_of) WHERE "check" = what$$;
SELECT is(clock(), 'ok: nothing is defined that needs a clock', 'nothing needs a clock');
CREATE TABLE events (at timestamptz NOT NULL);
CREATE INDEX ON events (at);
SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "count(*)"}', schedule => '*/5 * * * *', with_data => true);
SELECT is(clock(), 'stopped: no job is scheduled: tally.start() was never called, or tally.stop() was', 'a schedule needs one');
INSERT INTO events VALUES (now());
SELECT matches((SELECT reason FROM tally.status), 'next refresh by none: the clock is stopped$', 'status promises no refresh that will not come');

-- Without pg_cron the jobs are a crontab's to run, which cannot be seen; what is missed can.
SELECT tally.start(watch => false);
SELECT is((SELECT state FROM tally_internal._clock()), 'outside', 'a crontab is to run them');
SELECT matches((SELECT reason FROM tally.status), 'next refresh by \*/5', 'and status believes it');
SELECT is(of_health('refresh lag', m.at + interval '4 minutes 59 seconds'), 'ok', 'marks wait for their beat')
    FROM (SELECT min(marked_at) AS at FROM tally.dirty) m;
-- Ten minutes later two beats of five minutes have passed, wherever between beats the mark was made.
SELECT is(of_health('refresh lag', m.at + interval '10 minutes'), 'late', 'two beats without a refresh are seen')
    FROM (SELECT min(marked_at) AS at FROM tally.dirty) m;
SELECT is(of_health('evaluation lag', now() + interval '1 day'), 'ok', 'nothing is to be evaluated');
SELECT tally.create_threshold('t', query => 'SELECT 1 AS value', condition => '> 2');
SELECT tally.create_threshold('hourly', query => 'SELECT 1 AS value', condition => '> 2', every => '1 hour');
CREATE TABLE now_is AS SELECT date_trunc('minute', now()) + interval '1 hour' AS at;
SELECT count(*) FROM now_is, tally.evaluate(at);
SELECT is(of_health('evaluation lag', at + interval '119 seconds'), 'ok', 'one beat may be under way') FROM now_is;
SELECT is(of_health('evaluation lag', at + interval '2 minutes'), 'late', 'two are not; it was five minutes') FROM now_is;
-- The other one is evaluated once an hour and missed nothing.
SELECT is((SELECT overdue FROM now_is, tally_internal._overdue_ticks(at + interval '2 minutes')), 1::bigint, 'only what was due is overdue');

-- pg_cron, as far as the clock looks at it.
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid bigserial, schedule text, command text, nodename text, nodeport int, database text DEFAULT current_database(),
    username text DEFAULT current_user, active boolean DEFAULT true, jobname name);
CREATE FUNCTION cron.schedule(job_name text, schedule text, command text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF schedule LIKE '17 %' THEN RAISE EXCEPTION 'invalid schedule: %', schedule; END IF;
    INSERT INTO cron.job (schedule, command, jobname) VALUES (schedule, command, job_name);
    RETURN 1;
END $$;
CREATE FUNCTION cron.unschedule(job_id bigint) RETURNS boolean LANGUAGE sql AS $$DELETE FROM cron.job WHERE jobid = job_id RETURNING true$$;
CREATE OR REPLACE FUNCTION tally_internal._has_cron() RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT true';
-- One job that pg_cron does not take left all others without a clock.
SELECT bag_eq('SELECT name FROM tally.start(watch => false)', $$VALUES ('tally refresh */5 * * * *'), ('tally evaluate')$$, 'the others are scheduled');
CREATE FUNCTION cause() RETURNS text LANGUAGE sql AS $$SELECT detail FROM tally_internal._clock()$$;
\if :hosted
SELECT skip('a superuser alone reads whether pg_cron runs', 2);
\else
SELECT is((SELECT state FROM tally_internal._clock()), 'stopped', 'pg_cron does not run here');
SELECT matches(cause(), '^pg_cron (is not in shared_preload_libraries, so nothing runs its jobs|serves the database .*, not this one)$', 'which is said');
\endif
DELETE FROM cron.job WHERE jobname = 'tally evaluate';
SELECT is(cause(), 'pg_cron does not have, or does not run, the jobs ''tally evaluate''', 'a job that is gone');
SELECT tally.start(watch => false);
UPDATE cron.job SET active = false WHERE jobname = 'tally evaluate';
SELECT is(cause(), 'pg_cron does not have, or does not run, the jobs ''tally evaluate''', 'a job that is switched off');
UPDATE cron.job SET active = true, database = 'elsewhere';
SELECT matches(cause(), '^pg_cron does not have', 'jobs of another database');
CREATE OR REPLACE FUNCTION tally_internal._has_cron() RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT false';
SELECT results_eq('SELECT status, hint FROM tally.health() WHERE "check" = ''clock''',
    $$VALUES ('stopped', 'CREATE EXTENSION pg_cron; SELECT tally.start();')$$, 'pg_cron was dropped');

-- It failed for every role without rights on the schema cron.
CREATE ROLE tally_clock_reader ROLE CURRENT_USER;
SET ROLE tally_clock_reader;
SELECT lives_ok('SELECT * FROM tally.health()', 'anybody may ask');
SELECT lives_ok('SELECT * FROM tally.status', 'and look at status');
RESET ROLE;
DROP ROLE tally_clock_reader;
SELECT * FROM finish();
