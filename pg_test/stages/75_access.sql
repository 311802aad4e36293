-- Owns: grant_access: a viewer reads releases, somebody on call handles incidents without being a member of their owner; nothing else.
SELECT no_plan();
SET client_min_messages = warning;
DROP ROLE IF EXISTS tally_test_granter, tally_test_duty, tally_test_other;
CREATE ROLE tally_test_granter;
CREATE ROLE tally_test_duty;
CREATE ROLE tally_test_other;
CREATE SCHEMA app AUTHORIZATION tally_test_granter;
SET ROLE tally_test_granter;
SET search_path = app, public;
CREATE TABLE app.visits (at timestamptz NOT NULL, person int, world text);
INSERT INTO app.visits SELECT timestamptz '2026-01-01 10:00Z', i, 'w' || i % 2 FROM generate_series(1, 50) i;
SELECT tally.create_rollup('by_hour', 'app.visits', 'at', '1 hour', dimensions => '["world"]', measures => '{"people": "tally.hll(person)", "n": "count(*)"}',
    with_data => true);
SELECT tally.create_release('seen', 'by_hour', '{world}', '{n}');
SELECT count(*) FROM tally.refresh_release('seen', '2026-01-02 00:00Z');
SELECT tally.create_threshold('many', query => 'SELECT 20 AS value', condition => '> 10');
SELECT tally.create_threshold('more', query => 'SELECT 30 AS value', condition => '> 40');
RESET ROLE;
SELECT count(*) FROM tally.evaluate('2026-01-02 00:00Z');
CREATE TEMP TABLE i AS SELECT id FROM tally.incidents;
GRANT SELECT ON i TO PUBLIC;
SELECT is((SELECT count(*) FROM i), 1::bigint, 'there is an incident');

SET ROLE tally_test_duty;
SELECT is((SELECT count(*) FROM tally.incidents), 0::bigint, 'somebody on call sees no incident of another role');
SELECT throws_ok('SELECT tally.acknowledge(id) FROM i', '42704', NULL, 'and handles none');
SELECT throws_ok('SELECT * FROM app.seen', '42501', NULL, 'and reads no release');
RESET ROLE;
SET ROLE tally_test_granter;
SELECT is(tally.grant_access('editor', 'tally_test_duty'), '{"SELECT on app.seen","your incidents"}', 'until the owner lets them in');
SELECT is(tally.grant_access('viewer', 'tally_test_other', 'app'), '{"SELECT on app.seen"}', 'a viewer is let in to releases of a schema');
SELECT throws_ok($$SELECT tally.grant_access('king', 'tally_test_other')$$, '22023', NULL, 'there is no other access');
SELECT throws_ok($$SELECT tally.grant_access('viewer', 'tally_test_other', 'nowhere')$$, '42704', NULL, 'nor access to what is not there');
RESET ROLE;
SET ROLE tally_test_duty;
SELECT is((SELECT count(*) FROM tally.incidents), 1::bigint, 'they see it');
SELECT lives_ok($$SELECT tally.acknowledge(id, by => 'ann') FROM i$$, 'acknowledge it');
SELECT results_eq($$SELECT event, author, person FROM tally.incident_events WHERE event = 'acknowledged'$$,
    $$VALUES ('acknowledged', 'tally_test_duty', 'ann')$$,
    'with the role and the person on record');
SELECT lives_ok($$SELECT tally.silence('{"threshold": "more"}', 'known', author => 'ann', starts_at => '2026-01-02 00:00Z', "for" => '1 day')$$, 'silence');
SELECT lives_ok($$SELECT tally.resolve(id, 'a', 'b', 'c', by => 'ann') FROM i$$, 'and close it');
SELECT is((SELECT count(*) FROM app.seen), 3::bigint, 'and read the release');
SELECT throws_ok('SELECT * FROM app.by_hour', '42501', NULL, 'but not the rollup');
SELECT throws_ok($$SELECT tally.drop_threshold('many')$$, '42704', NULL, 'nor drop a threshold') ;
SELECT is((SELECT count(*) FROM tally.thresholds), 0::bigint, 'or see one');
SELECT is((SELECT count(*) FROM tally.channels), 0::bigint, 'or a channel');
RESET ROLE;
SET ROLE tally_test_other;
SELECT is((SELECT count(*) FROM app.seen), 3::bigint, 'a viewer reads the release');
SELECT is((SELECT count(*) FROM tally.incidents), 0::bigint, 'and sees no incident');
SELECT is((SELECT count(*) FROM tally.access WHERE role <> 'viewer'), 0::bigint, 'nor who is on call');
RESET ROLE;
SET ROLE tally_test_granter;
SELECT tally.create_threshold('more', query => 'SELECT 50 AS value', condition => '> 40');
RESET ROLE;
SELECT count(*) FROM tally.evaluate('2026-01-02 01:00Z');
SELECT is((SELECT count(*) FROM tally.incidents x JOIN tally.thresholds t ON t.id = x.threshold_id
    WHERE t.name = 'more' AND x.silence_id IS NOT NULL), 1::bigint,
    'the silence of somebody on call holds for the owner''s incident');
SET ROLE tally_test_granter;
SELECT results_eq($$SELECT actor, action FROM tally.audit WHERE kind = 'access'$$,
    $$VALUES ('tally_test_granter', 'create'), ('tally_test_granter', 'create')$$,
    'the grants are in the audit');
SELECT is(tally.revoke_access('tally_test_duty'), '{"SELECT on app.seen","your incidents"}', 'it is taken back');
RESET ROLE;
SET ROLE tally_test_duty;
SELECT is((SELECT count(*) FROM tally.incidents), 0::bigint, 'and holds no more');
SELECT throws_ok('SELECT * FROM app.seen', '42501', NULL, 'for the release neither');
RESET ROLE;
-- By schema: whoever is on call for one handles its incidents alone, and whoever reads it reads what is released there later.
CREATE SCHEMA app2 AUTHORIZATION tally_test_granter;
SET ROLE tally_test_granter;
SET search_path = app2, public;
SELECT tally.create_threshold('elsewhere', query => 'SELECT 20 AS value', condition => '> 10');
RESET ROLE;
SELECT count(*) FROM tally.evaluate('2026-01-02 02:00Z');
CREATE TEMP TABLE two AS SELECT x.id, t.schema FROM tally.incidents x JOIN tally.thresholds t ON t.id = x.threshold_id
    WHERE x.status = 'new' AND t.name <> 'more';
GRANT SELECT ON two TO PUBLIC;
SELECT is((SELECT array_agg(DISTINCT schema ORDER BY schema) FROM two), '{app,app2}', 'there is an incident in each of two schemas');
SET ROLE tally_test_granter;
SELECT is(tally.grant_access('editor', 'tally_test_duty', 'app'), '{"SELECT on app.seen","your incidents in schema app"}', 'an editor of one schema');
SET ROLE tally_test_duty;
SELECT is((SELECT count(*) FROM tally.incidents x JOIN two USING (id) WHERE two.schema = 'app2'), 0::bigint, 'sees no incident of another');
SELECT throws_ok($$SELECT tally.acknowledge(id) FROM two WHERE schema = 'app2'$$, '42704', NULL, 'and handles none');
SELECT throws_ok($$SELECT tally.tune_threshold('app2.elsewhere', '{"condition": "> 1000"}')$$, '42704', NULL, 'and changes no threshold there');
SELECT is((SELECT array_agg(name ORDER BY name) FROM tally.tunable_thresholds()), '{app.many,app.more}', 'but sees those of the one');
SELECT lives_ok($$SELECT tally.acknowledge(id) FROM two WHERE schema = 'app'$$, 'and handles its incidents');
SET ROLE tally_test_granter;
SELECT is(tally.grant_access('editor', 'tally_test_duty'), '{"SELECT on app.seen","your incidents"}', 'let in to all');
SET ROLE tally_test_duty;
SELECT lives_ok($$SELECT tally.acknowledge(id) FROM two WHERE schema = 'app2'$$, 'it handles the other one''s too');
SET ROLE tally_test_granter;
CREATE TABLE app.visits2 AS SELECT * FROM app.visits;
SELECT tally.create_rollup('app.by_hour2', 'app.visits2', 'at', '1 hour', measures => '{"people": "tally.hll(person)", "n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('app2.by_hour3', 'app.visits', 'at', '1 hour', measures => '{"people": "tally.hll(person)", "n": "count(*)"}', with_data => true);
SELECT tally.create_release('app.later', 'app.by_hour2', '{}', '{n}');
SELECT is((SELECT array_agg(r ORDER BY r) FROM unnest('{tally_test_other,tally_test_duty,tally_test_granter}'::text[]) r
    WHERE has_table_privilege(r, 'app.later', 'SELECT')), '{tally_test_duty,tally_test_granter,tally_test_other}', 'a release made later is theirs too');
SELECT is(tally.revoke_access('tally_test_other'), '{"SELECT on app.seen","SELECT on app.later"}', 'until access is taken back');
SELECT tally.drop_release('app.later');
SELECT tally.create_release('app.last', 'app.by_hour2', '{}', '{n}');
SELECT is(has_table_privilege('tally_test_other', 'app.last', 'SELECT'), false, 'then no more');
SELECT tally.drop_release('app.last');
-- An admin reads what is made later: rollups, live and flat views, those made anew after a drop too. Bug: access had to be granted again after each.
SELECT tally.grant_access('admin', 'tally_test_other', 'app') IS NOT NULL;
CREATE FUNCTION app.readable(r regrole) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(c.oid::regclass::text, ' ' ORDER BY c.oid::regclass::text COLLATE "C") FROM pg_class c
     WHERE c.relnamespace IN ('app'::regnamespace, 'app2'::regnamespace) AND c.relname ~ '^(new|by_hour3)' AND c.relkind IN ('r', 'v')
       AND has_table_privilege(r, c.oid, 'SELECT') $$;
SELECT tally.create_rollup('app.new', 'app.visits2', 'at', '1 hour', dimensions => '["world"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT is(app.readable('tally_test_other'), 'app.new app.new_live', 'a rollup made later is an admin''s to read, and no rollup of another schema');
SELECT tally.create_metric('visits', 'app.new', 'n');
SELECT is(app.readable('tally_test_other'), 'app.new app.new_live app.new_metrics', 'and the flat view of its metrics');
SELECT tally.alter_rollup('app.new', drop_dimensions => '{world}');
SELECT is(app.readable('tally_test_other'), 'app.new app.new_live app.new_metrics', 'after a change of its columns too');
DROP VIEW app.new_metrics, app.new_live;
SELECT tally.repair('app.new');
SELECT is(app.readable('tally_test_other'), 'app.new app.new_live app.new_metrics', 'and where views were gone and are repaired');
SELECT tally.drop_rollup('app.new');
SELECT tally.create_rollup('app.new', 'app.visits2', 'at', '1 hour', measures => '{"n": "count(*)"}');
SELECT is(app.readable('tally_test_other'), 'app.new app.new_live', 'and when it is dropped and made again');
-- A schema that is renamed keeps whom its owner has let in.
RESET ROLE;
ALTER SCHEMA app RENAME TO app_then;
SELECT is((SELECT string_agg(a.grantee::text || ' ' || a.schema, ', ' ORDER BY a.id) FROM tally.access a WHERE a.role = 'admin'), 'tally_test_other app_then',
    'access follows a renamed schema');
ALTER SCHEMA app_then RENAME TO app;
-- A rollup in a schema that the admin may not use is made all the same.
CREATE SCHEMA elsewhere;
GRANT USAGE, CREATE ON SCHEMA elsewhere TO tally_test_granter;
SET ROLE tally_test_granter;
SET client_min_messages = error;
SELECT tally.grant_access('admin', 'tally_test_other') IS NOT NULL;
SELECT lives_ok($$SELECT tally.create_rollup('elsewhere.r', 'app.visits2', 'at', '1 hour', measures => '{"n": "count(*)"}')$$,
    'an admin who cannot be let in to a schema stops no definition');
SELECT tally.drop_rollup('elsewhere.r'), tally.drop_rollup('app.new'), tally.revoke_access('tally_test_other') IS NOT NULL;
RESET ROLE;
DROP SCHEMA elsewhere;
SET ROLE tally_test_granter;
SELECT tally.drop_rollup('app.by_hour2');
SELECT tally.drop_rollup('app2.by_hour3');
SELECT tally.revoke_access('tally_test_duty');
RESET ROLE;
SELECT * FROM finish();
SET ROLE tally_test_granter;
SELECT tally.drop_release('seen');
SELECT tally.drop_threshold(name) FROM tally.thresholds;
SELECT tally.drop_rollup('by_hour');
RESET ROLE;
DROP OWNED BY tally_test_granter, tally_test_duty, tally_test_other CASCADE;
DROP ROLE tally_test_granter, tally_test_duty, tally_test_other;
