-- Attack 34: text that takes its own definition away while it runs, and so what the engine is about to write down for it.
-- As it was (commit 108f9a1) a threshold that its own query dropped ended each evaluation, for everybody, with 23503: seen there.
\ir prelude.psql
CREATE FUNCTION evil.does(statement text) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; RETURN 100; END $$;
SELECT tally.create_threshold('a drops', query => 'SELECT evil.does(''SELECT tally.drop_threshold(''''a drops'''')'') AS value', condition => '> 10');
SELECT tally.create_threshold('a changes', query => 'SELECT evil.does(''SELECT tally.create_threshold(''''a changes'''', query => ''''SELECT 1 AS value'''', '
    'condition => ''''> 20'''')'') AS value', condition => '> 10');
SELECT tally.create_probe('a drops probe', 'SELECT evil.does(''SELECT tally.drop_probe(''''a drops probe'''')'') AS value');
SELECT tally.create_task('a drops task', '0 2 * * *', 'SELECT evil.does(''SELECT tally.drop_task(''''a drops task'''')'')');
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.judged (threshold text, error text);
CREATE TABLE public.tasks_run (task text, error text);
\set ON_ERROR_STOP off
INSERT INTO public.judged SELECT threshold, error FROM tally.evaluate('2026-03-02 13:00+00');
INSERT INTO public.tasks_run SELECT task, error FROM tally.run_tasks('0 2 * * *', '2026-03-02 02:00+00');
\set ON_ERROR_STOP on
UPDATE public.before SET state = jsonb_set(state, '{incidents}', public.state() -> 'incidents');
\ir verdict.psql
SELECT bag_eq('SELECT threshold, left(error, 5) FROM public.judged', $$VALUES ('victim_alert', NULL), ('root_alert', NULL), ('a drops', '42704'),
    ('a changes', NULL)$$, 'each threshold was judged, and the one that is gone says so');
SELECT is((SELECT count(*) FROM tally.thresholds WHERE name = 'a drops'), 0::bigint, 'it is gone');
SELECT is((SELECT sqlstate FROM tally.probes WHERE name = 'victim_probe' AND last_tick IS NOT NULL), NULL, 'the victim''s probe was sampled');
SELECT is((SELECT count(*) FROM public.tasks_run WHERE error IS NULL), 2::bigint, 'both tasks have run');
SELECT * FROM finish();
