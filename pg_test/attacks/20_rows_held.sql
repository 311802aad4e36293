-- Attack 20: rows of the catalogue that their owner keeps locked. Who changes a task, a probe or a threshold, or handles an incident, may keep the
-- transaction open for as long as he likes, and the scheduler writes the same rows.
-- As it was (commit 3cc0e5d) run_tasks() waited for ever, sample_probes() and with it each evaluation failed as a whole after five seconds, a dropped
-- threshold stopped all others, a message that spoke of his incident and of others' was not sent while he closed it, a refresh or backfill of all waited for
-- ever for a rollup that its owner was refreshing, an incident stopped all escalation, and a table that was just being listed stopped each refresh: all seen
-- there.
\ir prelude.psql
SELECT tally.create_task('his task', '0 2 * * *', 'SELECT 1');
SELECT tally.create_probe('his probe', 'SELECT 1 AS value');
SELECT tally.create_threshold('his dropped', query => 'SELECT 20 AS value', condition => '> 10');
SELECT tally.create_threshold('his closed', query => 'SELECT 20 AS value', condition => '> 10');
SELECT tally.create_threshold('his incident', query => 'SELECT 20 AS value', condition => '> 10', response_target => '1 minute');
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
CREATE INDEX ON evil.events (at);
SELECT tally.create_rollup('evil.his', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
-- Capture does not hear of this one.
SET tally.attaching = 'on';
CREATE TABLE evil.child () INHERITS (evil.events);
RESET tally.attaching;
\connect - tally_victim
SET client_min_messages = error;
SELECT tally.create_threshold('victim_answer', query => 'SELECT 20 AS value', condition => '> 10', response_target => '1 minute');
\connect - :superuser
SET client_min_messages = error;
SELECT tally.create_channel('grouped', kind => 'table', group_by => '{}', group_wait => '10 minutes', events => '{opened,resolved}');
SELECT count(*) FROM tally.evaluate('2026-03-02 12:30+00');
UPDATE public.before SET state = public.state();
CREATE EXTENSION dblink;
SELECT dblink_connect('holder', format('host=%s port=%s dbname=%s user=tally_attacker',
    trim(BOTH '"' FROM split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), current_database()));
SELECT dblink_exec('holder', 'SET client_min_messages = error'), dblink_exec('holder', 'BEGIN');
SELECT count(*) FROM dblink('holder', $$SELECT tally.create_task('his task', '0 2 * * *', 'SELECT 2'), tally.create_probe('his probe', 'SELECT 2 AS value'),
    tally.drop_threshold('his dropped')::text$$) x(a text, b text, c text);
SELECT count(*) FROM dblink('holder', $$SELECT tally.comment_incident(id, 'mine')::text FROM tally.incidents WHERE threshold = 'his incident'$$) x(a text);
SELECT count(*) FROM dblink('holder', $$SELECT tally.resolve(id, 'a', 'b', 'c', as_of => '2026-03-02 12:31+00')::text FROM tally.incidents
    WHERE threshold = 'his closed'$$) x(a text);
SELECT dblink_exec('holder', 'ALTER TABLE evil.child ADD COLUMN more int');
SET statement_timeout = '60s';
CREATE TABLE public.tasks_run AS SELECT task, left(error, 5) AS error FROM tally.run_tasks('0 2 * * *', '2026-03-02 02:00+00');
CREATE TABLE public.sampled AS SELECT probe, left(error, 5) AS error FROM tally.sample_probes('2026-03-02 12:40+00');
CREATE TABLE public.judged AS SELECT threshold, left(error, 5) AS error FROM tally.evaluate('2026-03-02 12:45+00');
CREATE TABLE public.told AS SELECT count(*) AS n FROM tally.claim_notifications('grouped', as_of => '2026-03-02 12:46+00')
    WHERE body::text LIKE '%victim_answer%';
CREATE TABLE public.escalated AS SELECT threshold, escalation_level FROM tally.incidents WHERE threshold IN ('victim_answer', 'his incident');
INSERT INTO app.events VALUES ('2026-03-02 20:00+00', 'w1', 5);
CREATE TABLE public.refreshed AS SELECT rollup, error FROM tally.refresh() WHERE rollup = 'victim_hourly';
-- His rollup, whose rows or whose refresh he keeps locked.
CREATE TABLE public.backfilled (said text);
INSERT INTO evil.events VALUES ('2026-03-02 10:00+00', 1);
SELECT dblink_exec('holder', 'ROLLBACK'), dblink_exec('holder', 'BEGIN');
SELECT count(*) FROM dblink('holder', $$SELECT tally.refresh('his')::text$$) x(a text);
INSERT INTO app.events VALUES ('2026-03-02 21:00+00', 'w1', 5);
CREATE TABLE public.all_refreshed AS SELECT rollup, left(error, 5) AS error FROM tally.refresh() WHERE rollup IN ('victim_hourly', 'his');
INSERT INTO app.events VALUES ('2026-03-02 22:00+00', 'w1', 5);
CALL tally.backfill();
CREATE TABLE public.filled AS SELECT sum(n) AS n FROM app.victim_hourly;
SELECT dblink_exec('holder', 'ROLLBACK'), dblink_exec('holder', 'BEGIN'), dblink_exec('holder', 'LOCK TABLE evil.his IN SHARE MODE');
CREATE TABLE public.again AS SELECT rollup, left(error, 5) AS error FROM tally.refresh() WHERE rollup = 'his';
SELECT dblink_exec('holder', 'ROLLBACK'), dblink_disconnect('holder');
SELECT count(*) FROM tally.evaluate('2026-03-02 12:46+00');
CREATE TABLE public.later AS SELECT threshold, escalation_level FROM tally.incidents WHERE threshold = 'his incident';
UPDATE public.before SET state = public.state() || jsonb_build_object('tasks', state -> 'tasks', 'probes', state -> 'probes', 'thresholds',
    state -> 'thresholds');
\ir verdict.psql
SELECT results_eq('SELECT task, error FROM public.tasks_run ORDER BY 1', $$VALUES ('his task', '55P03'), ('victim_task', NULL)$$,
    'only the task whose row is held waits');
SELECT results_eq('SELECT probe, error FROM public.sampled ORDER BY 1', $$VALUES ('his probe', '55P03'), ('victim_probe', NULL)$$,
    'only the probe whose row is held waits');
SELECT bag_eq('SELECT threshold, error FROM public.judged',
    $$VALUES ('victim_alert', NULL::text), ('root_alert', NULL), ('victim_answer', NULL), ('his incident', NULL), ('his closed', '55P03')$$,
    'only the threshold that is being dropped is left out, and one whose incident he closes says so');
SELECT is((SELECT n FROM public.told), 1::bigint, 'a message goes out that speaks of an incident that he is just closing');
SELECT results_eq('SELECT threshold, escalation_level FROM public.escalated ORDER BY 1', 'VALUES (''his incident'', 0), (''victim_answer'', 1)',
    'only the incident that is being handled is not escalated');
SELECT results_eq('SELECT threshold, escalation_level FROM public.later', 'VALUES (''his incident'', 1)', 'and it is, as soon as it can be');
SELECT results_eq('SELECT rollup, error FROM public.refreshed', $$VALUES ('victim_hourly', NULL::text)$$,
    'a refresh goes on where a table is just being listed');
SELECT results_eq('SELECT rollup, error FROM public.all_refreshed ORDER BY 1', $$VALUES ('his', '55P03'), ('victim_hourly', NULL)$$,
    'a refresh of all leaves out the rollup that he refreshes');
SELECT is((SELECT n FROM public.filled), 503::numeric, 'a backfill of all does so too');
SELECT results_eq('SELECT rollup, error FROM public.again', $$VALUES ('his', '55P03')$$, 'and a refresh of all does not wait for the rollup''s table');
SELECT * FROM finish();
