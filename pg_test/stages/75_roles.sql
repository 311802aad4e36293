-- Owns: the groups tally_viewer, tally_editor and tally_admin: what each may do and what not, exports, and that the audit names role and person.
SELECT no_plan();
SET client_min_messages = warning;
DROP ROLE IF EXISTS tally_viewer, tally_editor, tally_admin, tally_roles_maker, tally_roles_ann, tally_roles_ben, tally_roles_eve;
CREATE ROLE tally_roles_maker;
CREATE ROLE tally_roles_ann;
CREATE ROLE tally_roles_ben;
CREATE ROLE tally_roles_eve;
CREATE SCHEMA app AUTHORIZATION tally_roles_maker;
SET ROLE tally_roles_maker;
SET search_path = app, public;
CREATE TABLE app.visits (at timestamptz NOT NULL, person int, world text);
INSERT INTO app.visits SELECT timestamptz '2026-01-01 10:00Z', i, CASE i % 2 WHEN 0 THEN '=1+1' ELSE 'w1' END FROM generate_series(1, 50) i;
SELECT tally.create_rollup('by_hour', 'app.visits', 'at', '1 hour', dimensions => '["world"]', measures => '{"people": "tally.hll(person)", "n": "count(*)"}',
    with_data => true);
SELECT tally.create_metric('visits', 'by_hour', 'n');
SELECT tally.create_release('seen', 'by_hour', '{world}', '{n}', bucket => '1 day');
SELECT count(*) FROM tally.refresh_release('seen', '2026-01-02 01:00Z');
SELECT tally.create_threshold('many', 'visits', '> 10', description => 'too many', search_path => 'app');

SELECT throws_like($$SELECT tally.grant_access('viewer')$$, '%goes to the group tally_viewer, which is not there', 'there is no group yet');
SELECT throws_like($$SELECT tally.create_roles()$$, 'roles are made by a role that may make roles, got tally_roles_maker', 'an ordinary role makes none');
SELECT is((SELECT count(*) FROM pg_roles WHERE rolname IN ('tally_viewer', 'tally_editor', 'tally_admin')), 0::bigint, 'CREATE EXTENSION has made none either');
RESET ROLE;
SELECT is(tally.create_roles(), '{tally_viewer,tally_editor,tally_admin}', 'a superuser makes them');
SELECT is(tally.create_roles(), '{}', 'once');
SELECT is((SELECT bool_or(rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls) FROM pg_roles WHERE rolname IN ('tally_viewer',
    'tally_editor', 'tally_admin')),
    false, 'none can log in or has an attribute');
SET ROLE tally_roles_maker;
SELECT is(tally.grant_access('viewer', "on" => 'app'), '{"SELECT on app.seen"}', 'the viewers of a schema');
SELECT is(tally.grant_access('editor'), '{"SELECT on app.seen","your incidents"}', 'the editors');
SELECT is(tally.grant_access('admin', "on" => 'app'),
    '{"SELECT on app.seen","SELECT on app.by_hour","SELECT on app.by_hour_live","SELECT on app.by_hour_metrics","your incidents in schema app",exports}',
    'the admins');
RESET ROLE;
GRANT tally_viewer TO tally_roles_ann;
GRANT tally_editor TO tally_roles_ben;
SELECT count(*) FROM tally.evaluate('2026-01-01 11:30Z');
CREATE TEMP TABLE i AS SELECT id FROM tally.incidents;
GRANT SELECT ON i TO PUBLIC;
SELECT is((SELECT count(*) FROM i), 1::bigint, 'there is an incident');

-- What each may do: a list.
CREATE FUNCTION app.may(attempt text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE attempt;
    RAISE EXCEPTION USING ERRCODE = 'P9999';
EXCEPTION WHEN SQLSTATE 'P9999' THEN
    RETURN 'yes';
WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE TEMP TABLE attempt (n int, statement text, viewer text, editor text, admin text);
INSERT INTO attempt VALUES
    (1, 'SELECT * FROM app.seen', 'yes', 'yes', 'yes'),
    (2, 'SELECT * FROM tally.timeseries(''visits'', ''2026-01-01'', ''2026-01-02'', ''1 day'')', 'yes', 'yes', 'yes'),
    (3, 'SELECT * FROM app.by_hour', '42501', '42501', 'yes'),
    (4, 'SELECT * FROM app.by_hour_metrics', '42501', '42501', 'yes'),
    (5, 'SELECT * FROM app.visits', '42501', '42501', '42501'),
    (6, 'SELECT tally.acknowledge(id, by => ''ann'') FROM i', '42704', 'yes', 'yes'),
    (7, 'SELECT tally.resolve(id, ''a'', ''b'', ''c'') FROM i', '42704', 'yes', 'yes'),
    (8, 'SELECT tally.tune_threshold(''many'', ''{"condition": "> 99"}'')', '42704', 'yes', 'yes'),
    (9, 'SELECT tally.tune_threshold(''many'', ''{"query": "SELECT 1 AS value"}'')', '42704', '42501', '42501'),
    (10, 'SELECT tally.tune_threshold(''many'', ''{"where": {"world": "w1"}}'')', '42704', '42501', '42501'),
    (11, 'SELECT tally.drop_threshold(''many'')', '42704', '42704', '42704'),
    (12, 'SELECT tally.drop_rollup(''by_hour'')', '42501', '42501', '42501'),
    (13, 'SELECT tally.drop_release(''seen'')', '42501', '42501', '42501'),
    (14, 'SELECT tally.export_csv(''{visits}'', ''2026-01-01'', ''2026-01-02'')', '42501', '42501', 'yes'),
    (15, 'SELECT tally.grant_access(''viewer'', ''tally_roles_eve'', ''app'')', '42704', '42704', '42704'),
    (16, 'SELECT tally.set_limits(''app'', owner => ''tally_roles_maker'')', '42501', '42501', '42501'),
    (17, 'INSERT INTO tally.access (owner, grantee) VALUES (''tally_roles_maker'', ''tally_roles_eve'')', '42501', '42501', '42501'),
    (18, 'SELECT tally_internal._note_export(1, ''{}'')', '42501', '42501', 'yes');
GRANT SELECT ON attempt TO PUBLIC;
SET ROLE tally_roles_ann;
SELECT is(app.may(a.statement), a.viewer, 'a viewer: ' || a.statement) FROM attempt a ORDER BY n;
SELECT is((SELECT count(*) FROM tally.tunable_thresholds()) + (SELECT count(*) FROM tally.incidents), 0::bigint,
    'a viewer sees neither thresholds nor incidents');
SET ROLE tally_roles_ben;
SELECT is(app.may(a.statement), a.editor, 'an editor: ' || a.statement) FROM attempt a ORDER BY n;
SELECT is((SELECT string_agg(name || ' ' || belongs_to || ' ' || (settings ->> 'condition'), ',') FROM tally.tunable_thresholds()),
    'app.many tally_roles_maker > 10',
    'an editor sees what there is to change');
SELECT is((SELECT count(*) FROM tally.tunable_thresholds() x WHERE x.settings ?| '{query,metric,where,per,search_path}'::text[]), 0::bigint,
    'and no text that runs');
RESET ROLE;
GRANT tally_admin TO tally_roles_ben;
SET ROLE tally_roles_ben;
SELECT is(app.may(a.statement), a.admin, 'an admin: ' || a.statement) FROM attempt a ORDER BY n;

-- Tuning.
SELECT is(tally.tune_threshold('many', '{"condition": "> 99", "for": "10 minutes", "owner": "the desk", "enabled": null}', by => 'ben at the desk'),
    '{"for": "00:10:00", "owner": "the desk", "enabled": true, "condition": "> 99"}', 'an editor changes how a threshold judges');
SELECT throws_ok(format('SELECT tally.tune_threshold(''many'', %L)', c), '22023', NULL, 'refused: ' || c)
  FROM unnest(ARRAY['[]', '{"severity": "loud"}', '{"condition": null}', '{"condition": "about ten"}', '{"for": "-1 day"}']) c;
SELECT throws_ok($$SELECT tally.tune_threshold('many', '{"for": "soon"}')$$, '22007', NULL, 'refused: a length that is none');
SELECT throws_ok($$SELECT tally.tune_threshold('many', '{"severity": "critical", "owner": null}')$$, '22004', NULL, 'what is critical needs somebody');
SELECT throws_ok($$SELECT tally.tune_threshold('few', '{}')$$, '42704', NULL, 'refused: a threshold that is not there');
SELECT is(tally.export_csv('{visits}', '2026-01-01', '2026-01-02', by => '{world}', person => 'ben'), E'world,visits\r\n"''=1+1",25\r\nw1,25\r\n',
    'an export is CSV');
SELECT throws_ok($$SELECT tally.export_csv('{visits}', '2026-01-01', '2026-01-02', person => ' ')$$, '22023', NULL, 'a person has a name');
BEGIN READ ONLY;
SELECT throws_ok($$SELECT tally.export_csv('{visits}', '2026-01-01', '2026-01-02')$$, '25006', NULL, 'what cannot be written down is not exported');
ROLLBACK;
RESET ROLE;
SELECT is((SELECT owner::text || ' ' || responsible || ' ' || condition || ' ' || (rule #> '{condition,limit}')::float8 || ' ' || for_ FROM tally.thresholds),
    'tally_roles_maker the desk > 99 99 00:10:00', 'the threshold is its owner''s still, and judges otherwise');

-- The audit.
SET ROLE tally_roles_maker;
SET tally.person = 'mia of the team';
SELECT tally.set_limits('app', max_rows => 1000);
SELECT tally.create_rollup('other', 'app.visits', 'at', '1 day', measures => '{"n": "count(*)"}');
SELECT tally.drop_rollup('other');
SELECT tally.create_board('desk', 'Desk', '[{"title": "Visits", "metric": "visits"}]');
SELECT tally.save_view('desk', 'mine');
SELECT tally.create_task('nightly', '@daily', 'SELECT 1');
SELECT tally.create_task('nightly', '@daily', 'SELECT 2');
SELECT tally.create_experiment_metric('came', 'app.visits', 'proportion', expression => 'person > 0', direction => 'up_is_good');
RESET tally.person;
SELECT results_eq($$SELECT kind, name, action, actor, new ->> 'by' FROM tally.audit WHERE kind IN ('boards', 'board_views', 'tasks', 'experiment_metrics')
    ORDER BY id$$, $$SELECT k, n, a, 'tally_roles_maker', 'mia of the team' FROM (VALUES ('boards', 'desk', 'create'), ('board_views', 'mine', 'create'),
        ('tasks', 'nightly', 'create'), ('tasks', 'nightly', 'change'), ('experiment_metrics', 'came', 'create')) v(k, n, a)$$,
    'acts on boards, saved views, tasks and experiments are in the audit');
RESET ROLE;
SELECT count(*) FROM tally.run_tasks('@daily', '2026-01-03 00:00Z');
SELECT is((SELECT count(*) FROM tally.audit WHERE kind = 'tasks'), 2::bigint, 'the run of a task is no act of a person');
SET ROLE tally_roles_maker;
SELECT results_eq($$SELECT kind, name, action, actor, new ->> 'by' FROM tally.audit WHERE kind IN ('limits', 'rollups',
    'releases') AND name <> 'by_hour' ORDER BY id$$,
    $$VALUES ('releases', 'seen', 'create', 'tally_roles_maker', NULL), ('limits', (SELECT id::text FROM tally.limits), 'create', 'tally_roles_maker',
    'mia of the team'),
        ('rollups', 'other', 'create', 'tally_roles_maker', 'mia of the team'), ('rollups', 'other', 'drop', 'tally_roles_maker', 'mia of the team')$$,
    'administrative acts are in the audit, with role and person');
SELECT results_eq($$SELECT name, action, actor, new ->> 'person', new ->> 'rows' FROM tally.audit WHERE kind = 'exports' ORDER BY id$$,
    $$VALUES ('by_hour', 'export', 'tally_roles_ben', 'ben', '2')$$, 'so are exports');
SELECT results_eq($$SELECT actor, new ->> 'condition', new ->> 'by' FROM tally.audit WHERE kind = 'thresholds' AND action = 'change'$$,
    $$VALUES ('tally_roles_ben', '> 99', 'ben at the desk')$$, 'and what an editor changed');
SELECT bag_eq($$SELECT new ->> 'grantee' AS grantee, new ->> 'role' AS role, new ->> 'schema' AS schema FROM tally.audit WHERE kind = 'access'
    AND action = 'create'$$, $$VALUES ('tally_viewer', 'viewer', 'app'), ('tally_editor', 'editor', ''), ('tally_admin', 'admin', 'app')$$,
    'and whom the owner let in');
SELECT is(tally.revoke_access('tally_admin'),
    '{"SELECT on app.seen","SELECT on app.by_hour","SELECT on app.by_hour_live","SELECT on app.by_hour_metrics","your incidents"}',
    'all is taken back');
SET ROLE tally_roles_ben;
SELECT is(app.may(a.statement), '42501', 'no more: ' || a.statement) FROM attempt a WHERE n IN (3, 4, 14) ORDER BY n;
SET ROLE tally_roles_eve;
SELECT is((SELECT count(*) FROM tally.audit), 0::bigint, 'a stranger sees nothing of the audit');
RESET ROLE;
SELECT is((SELECT string_agg(name, ' ' ORDER BY name) FROM tally.uninstall() WHERE what = 'role' AND NOT done), 'tally_admin tally_editor tally_viewer',
    'uninstall() says which roles remain');
SELECT * FROM finish();
SET ROLE tally_roles_maker;
SELECT tally.drop_release('seen');
SELECT tally.drop_threshold('many');
SELECT tally.drop_board('desk');
SELECT tally.drop_task('nightly');
SELECT tally.drop_experiment_metric('came');
SELECT tally.drop_rollup('by_hour');
RESET ROLE;
DROP OWNED BY tally_viewer, tally_editor, tally_admin, tally_roles_maker, tally_roles_ann, tally_roles_ben, tally_roles_eve CASCADE;
DROP ROLE tally_viewer, tally_editor, tally_admin, tally_roles_maker, tally_roles_ann, tally_roles_ben, tally_roles_eve;
