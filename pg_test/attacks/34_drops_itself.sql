-- Attack 34: text that takes its own definition away while it runs, and so what the engine is about to write down for it.
-- As it was (commit 108f9a1) a threshold that its own query dropped ended each evaluation, for everybody, with 23503: seen there.
\ir prelude.psql
CREATE FUNCTION evil.does(statement text) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; RETURN 100; END $$;
SELECT tally.create_threshold('a drops', query => 'SELECT evil.does(''SELECT tally.drop_threshold(''''a drops'''')'') AS value', condition => '> 10');
SELECT tally.create_threshold('a changes', query => 'SELECT evil.does(''SELECT tally.create_threshold(''''a changes'''', query => ''''SELECT 1 AS value'''', '
    'condition => ''''> 20'''')'') AS value', condition => '> 10');
SELECT tally.create_probe('a drops probe', 'SELECT evil.does(''SELECT tally.drop_probe(''''a drops probe'''')'') AS value');
-- The rollups of others come after it, by their number: a backfill of all ended at it, with 55006.
CREATE TABLE evil.bait (at timestamptz, n int);
INSERT INTO evil.bait VALUES ('2026-03-01', 1);
CREATE FUNCTION evil.gone(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN PERFORM tally.drop_rollup('evil.a_gone'); RETURN n; END $$;
SELECT tally.create_rollup('evil.a_gone', 'evil.bait', 'at', '1 hour', measures => '{"n": "sum(evil.gone(n))"}');
SELECT tally.create_task('a drops task', '0 2 * * *', 'SELECT evil.does(''SELECT tally.drop_task(''''a drops task'''')'')');
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.judged (threshold text, error text);
CREATE TABLE public.tasks_run (task text, error text);
CREATE TABLE root.later AS TABLE root.events;
SELECT tally.create_rollup('root.root_later', 'root.later', 'at', measures => '{"n": "count(*)"}');
CREATE TABLE public.backfilled (n bigint);
\set ON_ERROR_STOP off
CALL tally.backfill();
INSERT INTO public.backfilled SELECT sum(n) FROM root.root_later;
INSERT INTO public.judged SELECT threshold, error FROM tally.evaluate('2026-03-02 13:00+00');
INSERT INTO public.tasks_run SELECT task, error FROM tally.run_tasks('0 2 * * *', '2026-03-02 02:00+00');
\set ON_ERROR_STOP on
CREATE TABLE public.failed AS SELECT r.name, x.sqlstate FROM tally.runs x JOIN tally.rollups r ON r.id = x.rollup_id WHERE x.sqlstate IS NOT NULL;
SELECT tally.drop_rollup('root.root_later');
DROP TABLE root.later;
UPDATE public.before SET state = state || jsonb_build_object('incidents', public.state() -> 'incidents', 'audit', public.state() -> 'audit');
\ir verdict.psql
SELECT bag_eq('SELECT threshold, left(error, 5) FROM public.judged', $$VALUES ('victim_alert', NULL), ('root_alert', NULL), ('a drops', '42704'),
    ('a changes', NULL)$$, 'each threshold was judged, and the one that is gone says so');
SELECT is((SELECT count(*) FROM tally.thresholds WHERE name = 'a drops'), 0::bigint, 'it is gone');
SELECT is((SELECT sqlstate FROM tally.probes WHERE name = 'victim_probe' AND last_tick IS NOT NULL), NULL, 'the victim''s probe was sampled');
SELECT is((SELECT count(*) FROM public.tasks_run WHERE error IS NULL), 2::bigint, 'both tasks have run');
SELECT is((SELECT n FROM public.backfilled), 1::bigint, 'a backfill of all goes on past a rollup that drops itself');
SELECT bag_eq('SELECT name::text, sqlstate::text FROM public.failed', $$VALUES ('a_gone', '55006')$$, 'and its log says which rollup failed');
SELECT * FROM finish();
