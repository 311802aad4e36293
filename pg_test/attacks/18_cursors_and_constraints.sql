-- Attack 18: what a definition's text finds around it in the scheduler's transaction. A loop of the engine's, and a client's DECLARE, keep a
-- cursor open, and its name is easy to guess: text could FETCH from it, which reads definitions of others, and MOVE to its end, which
-- leaves out all that the engine had still to come to. SET CONSTRAINTS lasts to the end of the transaction: the next task failed.
-- As it was (commit ce6bdd1) a task, a probe and a threshold each read a row of a victim's, 22 of 32 tasks and 23 of 33 thresholds were
-- left out without a word, and the victim's INSERT failed with 42501: seen by running this file there.
\ir prelude.psql
CREATE FUNCTION evil.fetches(what text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    c   refcursor;
    row record;
BEGIN
    FOREACH c IN ARRAY (SELECT array_agg(format('<unnamed portal %s>', i)) FROM generate_series(1, 300) i) || '{mine}'::text[] LOOP
        BEGIN
            FETCH c INTO row;
            INSERT INTO evil.log (what, outcome) VALUES ('fetched', row::text);
            MOVE FORWARD ALL FROM c;
            INSERT INTO evil.log (what, outcome) VALUES ('moved', what);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        BEGIN CLOSE c; EXCEPTION WHEN OTHERS THEN NULL; END;
    END LOOP;
    INSERT INTO evil.log (what, outcome) SELECT 'listed', statement FROM pg_cursors WHERE statement !~ 'evil|FOREACH|pg_cursors';
    RETURN 0;
END $$;
CREATE FUNCTION evil.does(statement text) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; RETURN 0; END $$;
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
CREATE INDEX ON evil.events (at);
-- He says that it is immutable.
CREATE FUNCTION evil.moody(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS $$ BEGIN IF $1 = 666 THEN PERFORM evil.fetches('refresh'); END IF; RETURN 1; END $$;
SELECT tally.create_rollup('evil.bait', 'evil.events', 'at', measures => '{"n": "sum(evil.moody(ms))"}', with_data => true);
INSERT INTO evil.events VALUES ('2026-03-01 10:00+00', 666);
SELECT tally.create_task('a fetches', '0 2 * * *', 'SELECT evil.fetches(''task'')');
SELECT tally.create_task('a defers', '0 2 * * *', 'SELECT evil.does(''SET CONSTRAINTS ALL DEFERRED'')');
SELECT tally.create_task('a executes', '0 2 * * *', 'SELECT evil.does(''EXECUTE root_plan'')');
SELECT tally.create_probe('a fetches', 'SELECT evil.fetches(''probe'') AS value');
SELECT tally.create_threshold('a fetches', query => 'SELECT evil.fetches(''threshold'') AS value', condition => '> 10');
\connect - tally_victim
SET client_min_messages = error;
CREATE TABLE app.parent (id int PRIMARY KEY);
CREATE TABLE app.child (id int REFERENCES app.parent DEFERRABLE);
INSERT INTO app.parent VALUES (1);
SELECT tally.create_task('z child', '0 2 * * *', 'INSERT INTO app.child VALUES (1)');
SELECT count(tally.create_task('z' || i, '0 2 * * *', 'SELECT ' || i)) FROM generate_series(1, 70) i;
SELECT count(tally.create_probe('z' || i, 'SELECT 1 AS value')) FROM generate_series(1, 70) i;
SELECT count(tally.create_threshold('z' || i, query => 'SELECT 1 AS value', condition => '> 10')) FROM generate_series(1, 70) i;
\connect - :superuser
SET client_min_messages = error;
UPDATE public.before SET state = public.state();
PREPARE root_plan AS SELECT word FROM public.treasure;
BEGIN;
DECLARE mine CURSOR FOR SELECT word FROM public.treasure;
CREATE TABLE public.tasks_run AS SELECT task, error FROM tally.run_tasks('0 2 * * *', '2026-03-02 02:00+00');
CREATE TABLE public.judged AS SELECT threshold, error FROM tally.evaluate('2026-03-02 13:00+00');
CREATE TABLE public.refreshed AS SELECT rollup, error FROM tally.refresh();
-- The client's cursor is where it was, and can be read on.
FETCH 1 FROM mine \gset fetched_
COMMIT;
-- A loop of the superuser's own, with a call of the engine in it.
CREATE TABLE public.turns (n int);
DO $$ DECLARE n int; BEGIN FOR n IN SELECT * FROM generate_series(1, 100) LOOP
    INSERT INTO public.turns VALUES (n);
    IF n = 1 THEN PERFORM FROM tally.run_tasks('0 2 * * *', '2026-03-02 02:00+00'); END IF;
END LOOP; END $$;
\ir verdict.psql
SELECT is(:'fetched_word'::text, 'gold', 'the client''s cursor gives its first row to the client');
SELECT is_empty($$SELECT what, outcome FROM evil.log WHERE what IN ('fetched', 'moved', 'listed')$$, 'no cursor around his text was read, moved or seen');
SELECT is((SELECT count(*) FROM public.tasks_run WHERE task LIKE 'z%' AND error IS NULL), 71::bigint,
    'each task of the victim''s has run, the one on a deferrable constraint too');
SELECT results_eq($$SELECT task, left(error, 5) FROM public.tasks_run WHERE task IN ('a defers', 'a executes') ORDER BY 1$$,
    $$VALUES ('a defers', '42501'), ('a executes', '42501')$$, 'constraints and prepared statements of the session are not his');
SELECT is((SELECT count(*) FROM public.judged WHERE threshold LIKE 'z%' AND error IS NULL), 70::bigint, 'each threshold was judged');
SELECT is((SELECT count(*) FROM tally.probes WHERE name LIKE 'z%' AND last_tick IS NOT NULL AND sqlstate IS NULL), 70::bigint, 'each probe was sampled');
SELECT is((SELECT count(*) FROM public.turns), 100::bigint, 'and a loop of the superuser''s with a call in it goes to its end');
SELECT * FROM finish();
