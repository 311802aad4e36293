-- Owns: with whose rights views read. Views of the extension that everybody may read read with the reader's rights, but for a few that show what is
-- everybody's. The views that the engine makes of what an owner defines read with that owner's rights and are granted to nobody. An owner who has them
-- read with the reader's rights, because a Data API shows them, keeps that through every change.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
SELECT bag_eq($$SELECT c.relname::text FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
        AND NOT COALESCE('security_invoker=true' = ANY (c.reloptions), false)$$,
    $$VALUES ('identity_key'), ('progress'), ('status')$$, 'all views but these read with the rights of who asks');
SELECT is(has_table_privilege('public', 'tally.identity_key', 'SELECT'), false, 'the key of identities is nobody''s but whom it is granted to');
-- The two that are left read tables of definitions and times, which everybody may read; what they call asks for itself.
SELECT is_empty($$SELECT v.name, t.relname FROM (VALUES ('tally.progress'), ('tally.status')) v(name)
    JOIN pg_rewrite w ON w.ev_class = v.name::regclass JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
    JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p') WHERE NOT has_any_column_privilege('public', t.oid, 'SELECT')$$,
    'progress and status read no table that is not everybody''s');

-- Every kind of view that the engine makes.
SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
CREATE INDEX ON app.visits (person);
SELECT tally.create_funnel('buying', 'app.visits', 'at', 'person', '{"in": "true", "out": "kind = ''b''"}', dimensions => '["world"]', with_data => true);
SELECT tally.create_retention('coming', 'app.visits', 'at', 'person', periods => 1, with_data => true);
SELECT tally.create_experiment_metric('made', 'app.visits', time_column => 'at', unit => 'person');
SELECT tally.create_experiment('worlds', 'app.visits', unit => 'person', arms => '{"w1": 1, "w2": 1, "w3": 1, "w4": 1}', metrics => '{made}', arm => 'world',
    time_column => 'at', control => 'w1', "window" => '1 hour', covariate_days => 0, with_data => true);
SELECT tally.create_rollup('by_day', 'by_hour', 'bucket', '1 day', dimensions => '["world"]', measures => '{"n": "sum(n)"}', with_data => true);
CREATE TEMP VIEW made AS SELECT c.oid, c.oid::regclass AS name, c.reloptions, c.relacl FROM pg_class c
    WHERE c.relnamespace = 'app'::regnamespace AND c.relkind = 'v' AND c.relname NOT LIKE 'naive%';
SELECT cmp_ok((SELECT count(*) FROM made), '>', 12::bigint, 'there are views of every kind');
SELECT is_empty('SELECT name, relacl FROM made WHERE EXISTS (SELECT FROM aclexplode(relacl) a WHERE a.grantee <> ''tally_owner''::regrole)',
    'none is granted to anybody');
-- The reader's rights: what he may not read below, the view does not show him.
SELECT format('ALTER VIEW %s SET (security_invoker = true)', name) FROM made
 WHERE name::text ~ '(by_hour_live|by_hour_metrics|by_day_live|worlds_report)$' \gexec
GRANT SELECT ON app.by_hour_live, app.by_hour_metrics, app.by_day_live TO tally_reader;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SELECT is(evil.refused('SELECT * FROM app.' || v), '42501', 'with the reader''s rights: ' || v)
  FROM unnest('{by_hour_live,by_hour_metrics,by_day_live}'::text[]) v;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
-- Every way in which the engine makes a view anew.
SELECT tally.create_metric('more', 'by_hour', 'n * 2');
SELECT 1 FROM tally.alter_rollup('by_hour', add_measures => '{"late": "max(at)"}');
SELECT 1 FROM tally.alter_rollup('by_hour', drop_measures => '{late}');
SELECT tally.drop_metric('more');
DROP INDEX app.visits_at_idx;
CREATE INDEX visits_at_again ON app.visits (at);
SELECT count(*) FROM tally.refresh();
RESET SESSION AUTHORIZATION;
ALTER SCHEMA app RENAME TO app_renamed;
ALTER SCHEMA app_renamed RENAME TO app;
SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SELECT results_eq($$SELECT name::text FROM made WHERE 'security_invoker=true' = ANY (reloptions) ORDER BY 1$$,
    $$VALUES ('by_day_live'), ('by_hour_live'), ('by_hour_metrics'), ('worlds_report')$$, 'bug: a view made anew read with its owner''s rights again');
SELECT is((SELECT count(*) FROM made WHERE EXISTS (SELECT FROM aclexplode(relacl) a WHERE a.grantee = 'tally_reader'::regrole)), 3::bigint,
    'the grants are there');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SELECT is(evil.refused('SELECT * FROM app.' || v), '42501', 'and still with the reader''s rights: ' || v)
  FROM unnest('{by_hour_live,by_hour_metrics,by_day_live}'::text[]) v;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT results_eq($$SELECT sum(n) FROM app.by_hour_live$$, $$SELECT count(*)::numeric FROM app.visits$$, 'for the owner they are exact');
-- A pack that is brought up to date, with its view and with another column.
SELECT tally.register_pack('tiny', json_build_object('v.sql', E'-- step: view seen_worlds\n' || v), 'Worlds.'), tally.install_pack('tiny', 'app')
  FROM (VALUES ('CREATE OR REPLACE VIEW seen_worlds AS SELECT DISTINCT world FROM visits;')) x(v);
ALTER VIEW app.seen_worlds SET (security_invoker = true, security_barrier = true);
GRANT SELECT ON app.seen_worlds TO tally_reader;
SELECT tally.install_pack('tiny', 'app');
SELECT is((SELECT reloptions FROM pg_class WHERE oid = 'app.seen_worlds'::regclass), '{security_invoker=true,security_barrier=true}',
    'bug: a pack installed again had its views read with their owner''s rights');
SELECT tally.register_pack('tiny', json_build_object('v.sql', E'-- step: view seen_worlds\n' || v), 'Worlds.'), tally.install_pack('tiny', 'app')
  FROM (VALUES ('CREATE OR REPLACE VIEW seen_worlds AS SELECT DISTINCT world, kind FROM visits;')) x(v);
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SELECT is(evil.refused('SELECT kind FROM app.seen_worlds'), '42501', 'nor so by a new version of the pack');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT tally.drop_pack('tiny', 'app');
DROP VIEW made;
SELECT tally.drop_experiment('worlds'), tally.drop_funnel('buying'), tally.drop_retention('coming');
\ir epilogue.psql
SELECT * FROM finish();
