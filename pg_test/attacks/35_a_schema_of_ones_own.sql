-- Attack 35: definitions in a schema that nobody else may use, and definitions without end.
--   * A funnel, retention, sessions, experiment and board in such a schema. What reads the definitions of all asks for their views by name.
--   * Descriptions, filters and panels of megabytes, which whoever reads all definitions reads too.
--   * A function by whose name others call another, dropped.
-- As it was (commit 9f79d3f) tally.status, tally.health() and tally.openmetrics() were an error ("permission denied for schema") for every role but
-- superusers, and a description of 80 MB was stored, with which tally.definitions() took 42 seconds: both seen there.
\ir prelude.psql
\connect - :superuser
SET client_min_messages = error;
CREATE SCHEMA den AUTHORIZATION tally_attacker;
\connect - tally_attacker
SET client_min_messages = error;
SET search_path = den;
CREATE TABLE den.e (at timestamptz NOT NULL, who text, arm text, v int);
CREATE INDEX ON den.e (at);
CREATE INDEX ON den.e (who);
INSERT INTO den.e VALUES ('2026-03-01 10:00+00', 'ann', 'control', 1), ('2026-03-01 11:00+00', 'bob', 'other', 2);
SELECT tally.create_funnel('den.his_funnel', 'den.e', 'at', 'who', '{"a": "v = 1"}', with_data => true);
SELECT tally.create_retention('den.his_retention', 'den.e', 'at', 'who', with_data => true);
SELECT tally.create_sessions('den.his_sessions', 'den.e', 'at', 'who', with_data => true);
SELECT tally.create_experiment_metric('his_clicks', source => 'den.e', unit => 'who');
SELECT tally.create_experiment('his_experiment', exposures => 'den.e', unit => 'who', arms => '{"control": 1, "other": 1}', metrics => '{his_clicks}');
SELECT tally.create_board('his_board', 'His', '[{"title": "rows", "relation": "den.e", "columns": ["who", "v"]}]');
SELECT tally.create_rollup('den.his_rows', 'den.e', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT evil.try('long description', $$SELECT tally.create_rollup('den.long', 'den.e', 'at', measures => '{"n": "count(*)"}',
    description => repeat('word ', 300000))$$);
SELECT evil.try('long filter', $$SELECT tally.create_rollup('den.long', 'den.e', 'at', measures => '{"n": "count(*)"}',
    "where" => 'who <> ' || quote_literal(repeat('word ', 300000)))$$);
SELECT evil.try('long change', $$SELECT tally.alter_rollup('den.his_funnel', description => repeat('word ', 300000))$$);
SELECT evil.try('long metric', $$SELECT tally.create_metric('long', 'den.his_rows', 'n', description => repeat('word ', 300000))$$);
SELECT evil.try('long probe', $$SELECT tally.create_probe('long', 'SELECT 1 AS value', description => repeat('word ', 300000))$$);
SELECT evil.try('long task', $$SELECT tally.create_task('long', '*/5 * * * *', 'SELECT 1', description => repeat('word ', 300000))$$);
SELECT evil.try('long board', $$SELECT tally.create_board('long', 'Long', '[{"title": "x", "incidents": true}]', description => repeat('word ', 300000))$$);
SELECT evil.try('long experiment metric', $$SELECT tally.create_experiment_metric('long', source => 'den.e', unit => 'who',
    description => repeat('word ', 300000))$$);
SELECT evil.try('long funnel', $$SELECT tally.create_funnel('den.long', 'den.e', 'at', 'who',
    json_build_object('a', 'who <> ' || quote_literal(repeat('word ', 300000))))$$);
\connect - tally_victim
SET client_min_messages = error;
CREATE FUNCTION app.once(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = app, pg_temp AS 'DECLARE zebra int := v; BEGIN RETURN zebra; END';
SELECT tally.create_rollup('app.victim_once', 'app.events', 'at', measures => '{"n": "sum(app.once(ms))"}', with_data => true);
\connect - tally_attacker
SET client_min_messages = error;
CREATE FUNCTION evil.zebra() RETURNS int LANGUAGE sql AS 'SELECT 1';
DROP FUNCTION evil.zebra();
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.marked AS SELECT g.reason FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE r.name = 'victim_once';
UPDATE public.before SET state = public.state();
\connect - tally_victim
SET client_min_messages = error;
CREATE TABLE app.met AS
    SELECT q AS question, public.met(q) AS answer
      FROM unnest(ARRAY['SELECT count(*) >= 2 FROM tally.status WHERE rollup LIKE ''victim%''', 'SELECT count(*) > 5 FROM tally.health()',
                        'SELECT length(tally.openmetrics()) > 100', 'SELECT count(*) > 0 FROM tally.definitions()', 'SELECT count(*) >= 0 FROM tally.packs',
                        'SELECT count(*) >= 0 FROM tally.progress', 'SELECT length(tally.page_boards()) > 100', 'SELECT count(*) >= 0 FROM tally.refresh()']) q
    UNION ALL SELECT format('SELECT true FROM (SELECT count(*) FROM (SELECT * FROM %s) x) y', c.oid::regclass), NULL FROM pg_class c
               WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege(c.oid, 'SELECT');
UPDATE app.met SET answer = public.met(question) WHERE answer IS NULL;
INSERT INTO app.met SELECT 'board', public.met($$SELECT tally.board_text('den.his_board')$$);
\ir verdict.psql
SELECT is_empty($$SELECT question, answer FROM app.met WHERE question <> 'board' AND answer IS DISTINCT FROM 'true'$$,
    'definitions in a schema of one''s own: what reads those of all answers everybody');
SELECT cmp_ok((SELECT count(*) FROM app.met), '>', 40::bigint, 'each table and view that everybody may read was read');
SELECT bag_eq($$SELECT what, outcome FROM evil.log WHERE what LIKE 'long %'$$,
    $$SELECT 'long ' || x AS what, '54000' AS outcome FROM unnest('{description,filter,change,metric,probe,task,board,experiment metric,funnel}'::text[]) x$$,
    'definitions of more than a megabyte are refused');
SELECT is_empty('SELECT reason FROM public.marked', 'a function that a body could not have found is dropped: nothing is marked');
SELECT matches((SELECT answer FROM app.met WHERE question = 'board'), 'permission denied for schema den', 'a board of his shows his rows to nobody else');
SELECT * FROM finish();
