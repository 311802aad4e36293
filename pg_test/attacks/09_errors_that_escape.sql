-- Attacks 9 and 13 (the part of time): a query that fails by ASSERT or with SQLSTATE 57014, which WHEN OTHERS does not catch, ended evaluate,
-- sample_probes, run_tasks and refresh for everybody; one that catches query_canceled ran on after its limit.
-- As it was (commit 382f689) evaluate(), run_tasks(), refresh_scheduled() and refresh() each raised "assertion failed" and did nothing for anybody: seen by
-- running this file there. That a query ran 13 s under a query_timeout of 1 s is taken from the list of attacks.
\ir prelude.psql
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
CREATE FUNCTION evil.asserts() RETURNS float8 LANGUAGE plpgsql AS 'BEGIN ASSERT false; RETURN 1; END';
CREATE FUNCTION evil.cancels() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stop' USING ERRCODE = '57014'; END $$;
CREATE FUNCTION evil.deep(n float8 DEFAULT 0) RETURNS float8 LANGUAGE plpgsql AS 'BEGIN RETURN evil.deep(n + 1); END';
CREATE FUNCTION evil.big() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RETURN length(repeat('x', 1000000000) || repeat('x', 1000000000)); END $$;
CREATE FUNCTION evil.stubborn() RETURNS float8
    LANGUAGE plpgsql AS $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
SELECT tally.create_threshold('a ' || f, query => format('SELECT evil.%s() AS value', f), condition => '> 10')
    FROM unnest('{asserts,cancels,deep,big,stubborn}'::text[]) f;
SELECT tally.create_probe('a ' || f, format('SELECT evil.%s() AS value', f)) FROM unnest('{asserts,cancels,deep,big,stubborn}'::text[]) f;
SELECT tally.create_task('a ' || f, '0 2 * * *', format('SELECT evil.%s()', f)) FROM unnest('{asserts,cancels,deep,big,stubborn}'::text[]) f;
-- He says of his functions that they are immutable, and fails once the rollup is made.
CREATE TABLE evil.mood (bad boolean); INSERT INTO evil.mood VALUES (false);
CREATE FUNCTION evil.moody(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS $$ BEGIN IF (SELECT bad FROM evil.mood) THEN ASSERT false; END IF; RETURN 1; END $$;
CREATE FUNCTION evil.moody_cancel(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS $$ BEGIN IF (SELECT bad FROM evil.mood) THEN RAISE EXCEPTION 'stop' USING ERRCODE = '57014'; END IF; RETURN 1; END $$;
SELECT tally.create_rollup('evil.bait_1', 'evil.events', 'at', measures => '{"n": "sum(evil.moody(ms))"}', with_data => true);
SELECT tally.create_rollup('evil.bait_2', 'evil.events', 'at', measures => '{"n": "sum(evil.moody_cancel(ms))"}', with_data => true);
UPDATE evil.mood SET bad = true;
INSERT INTO evil.events VALUES ('2026-03-01 10:00+00', 5);
\connect - :superuser
SET client_min_messages = error;
-- For the sessions of the verdict too.
SELECT format('ALTER DATABASE %I SET tally.%s = ''300 ms''', current_database(), setting) FROM unnest('{query_timeout,task_timeout}'::text[]) setting \gexec
-- This is about errors. How much of a run one role may take is another matter (68_turns.sql), and a slow machine would come to that limit.
SELECT format('ALTER DATABASE %I SET tally.%s = ''1 minute''', current_database(), setting)
    FROM unnest('{role_timeout,role_task_timeout}'::text[]) setting \gexec
\connect - :superuser
SET client_min_messages = error;
SET statement_timeout = '50s';
CREATE TABLE public.judged (threshold text, error text);
CREATE TABLE public.tasks_run (task text, error text);
\set ON_ERROR_STOP off
INSERT INTO public.judged SELECT threshold, error FROM tally.evaluate('2026-03-02 13:00+00');
INSERT INTO public.tasks_run SELECT task, error FROM tally.run_tasks('0 2 * * *');
CALL tally.refresh_scheduled('*/5 * * * *');
\set ON_ERROR_STOP on
UPDATE public.before SET state = jsonb_set(state, '{incidents}', public.state() -> 'incidents');
\ir verdict.psql
SELECT is((SELECT count(*) FROM public.judged WHERE threshold LIKE 'a %' AND error IS NOT NULL), 5::bigint, 'each of his thresholds has its error');
SELECT is((SELECT count(*) FROM public.judged WHERE threshold IN ('victim_alert', 'root_alert') AND error IS NULL), 2::bigint,
    'and the others were judged beside them');
SELECT is((SELECT count(*) FROM public.tasks_run WHERE task LIKE 'a %' AND error IS NOT NULL), 5::bigint, 'his tasks too');
SELECT is((SELECT count(*) FROM public.tasks_run WHERE task = 'victim_task' AND error IS NULL), 1::bigint, 'beside the victim''s');
SELECT is((SELECT count(*) FROM tally.probes WHERE name LIKE 'a %' AND sqlstate IS NOT NULL), 5::bigint, 'and his probes');
SELECT is((SELECT count(*) FROM tally.status WHERE rollup LIKE 'bait%' AND sqlstate = 'P0001'), 2::bigint, 'his rollups have theirs in tally.status');
SELECT * FROM finish();
