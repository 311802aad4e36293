-- Attack 23: a schema that has the name by which others call a table within their query. Who may create in the database makes it and renames it, and
-- texts follow a schema that is renamed.
-- As it was (commit 3cc0e5d) a task, a probe and a threshold of the victim's spoke of another alias then, and failed: seen there. So did (commit 10cf7a1) a
-- metric of experiments.
\ir prelude.psql
\connect - tally_victim
SET client_min_messages = error;
SELECT tally.create_task('victim alias', '0 2 * * *', 'INSERT INTO app.done SELECT o.at FROM (SELECT now() AS at) o');
SELECT tally.create_probe('victim alias', 'SELECT o.n AS value FROM (SELECT 1 AS n) o');
SELECT tally.create_experiment_metric('victim alias', 'app.events', expression => 'ms', unit => 'who', "where" => '(SELECT o.n FROM (SELECT 1 AS n) o) = 1');
SELECT tally.create_threshold('victim alias', query => 'SELECT o.n AS value FROM (SELECT 20 AS n) o', condition => '> 10');
\connect - :superuser
SET client_min_messages = error;
CREATE SCHEMA moving;
GRANT USAGE, CREATE ON SCHEMA moving TO tally_victim;
SET ROLE tally_victim;
CREATE TABLE moving.things (n int);
SELECT tally.create_task('victim moves', '0 2 * * *', 'INSERT INTO moving.things SELECT 1');
SELECT tally.create_experiment_metric('victim moves', 'app.events', expression => 'ms', unit => 'who', "where" => 'EXISTS (SELECT FROM moving.things o)');
SELECT tally.create_probe('victim moves', 'SELECT count(*) AS value FROM moving.things');
RESET ROLE;
UPDATE public.before SET state = public.state();
SELECT format('GRANT CREATE ON DATABASE %I TO tally_attacker', current_database()) \gexec
\connect - tally_attacker
SET client_min_messages = error;
SELECT evil.try('schema', 'CREATE SCHEMA o');
SELECT evil.try('table', 'CREATE TABLE o.n (at timestamptz)');
SELECT evil.try('rename', 'ALTER SCHEMA o RENAME TO p');
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.texts AS SELECT 'task' AS kind, statement AS sql FROM tally.tasks WHERE name = 'victim alias'
    UNION ALL SELECT 'probe', query FROM tally.probes WHERE name = 'victim alias' UNION ALL SELECT 'threshold', query FROM tally.thresholds
        WHERE name = 'victim alias' UNION ALL SELECT 'experiment metric', definition ->> 'where' FROM tally.experiment_metrics WHERE name = 'victim alias';
CREATE TABLE public.tasks_run AS SELECT task, error FROM tally.run_tasks('0 2 * * *', '2026-03-02 02:00+00');
CREATE TABLE public.as_it_was AS SELECT public.state() AS state;
-- A schema that is meant is followed, whoever renames it.
ALTER SCHEMA moving RENAME TO moved;
CREATE TABLE public.followed AS SELECT task, error FROM tally.run_tasks('0 2 * * *', '2026-03-02 03:00+00') WHERE task = 'victim moves'
    UNION ALL SELECT probe, error FROM tally.sample_probes('2026-03-02 12:45+00') WHERE probe = 'victim moves';
CREATE TABLE public.metric_follows AS SELECT definition ->> 'where' AS sql FROM tally.experiment_metrics WHERE name = 'victim moves';
SELECT format('REVOKE CREATE ON DATABASE %I FROM tally_attacker', current_database()) \gexec
UPDATE public.before SET state = state || jsonb_build_object('tasks', public.state() -> 'tasks', 'probes', public.state() -> 'probes', 'audit',
    public.state() -> 'audit');
\ir verdict.psql
SELECT is_empty($$SELECT * FROM evil.log WHERE outcome <> 'done' AND what <> 'pwn'$$, 'he may rename a schema of his own');
SELECT is_empty($$SELECT * FROM public.texts WHERE sql !~ '\mo\.'$$, 'no text of the victim''s follows it');
SELECT is((SELECT count(*) FROM public.texts), 4::bigint, 'all of them were there');
SELECT is((SELECT sql FROM public.metric_follows), 'EXISTS (SELECT FROM moved.things o)', 'a metric of experiments follows a schema that it means');
SELECT is_empty('SELECT * FROM public.tasks_run WHERE error IS NOT NULL', 'and the tasks run');
SELECT results_eq('SELECT task, error FROM public.followed ORDER BY 1', $$VALUES ('victim moves', NULL::text), ('victim moves', NULL)$$,
    'a schema that a text means is followed');
SELECT * FROM finish();
