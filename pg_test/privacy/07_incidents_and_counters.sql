-- Owns: what surrounds a release: incidents of a threshold on a hidden cell, marks, logs, statistics objects, advisory locks, sequences, the server's
-- counters, the text of metrics for other programs. A viewer gets no number of a hidden cell from them. An editor reads incidents, so he does.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
DROP ROLE IF EXISTS tally_counters_viewer, tally_counters_editor;
CREATE ROLE tally_counters_viewer LOGIN;
CREATE ROLE tally_counters_editor LOGIN;
GRANT USAGE ON SCHEMA app, evil TO tally_counters_viewer, tally_counters_editor;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA evil TO tally_counters_viewer, tally_counters_editor;
SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT tally.create_threshold('few visits', metric => 'visits', condition => '< 7', per => '{world,kind}', "where" => '{"world": "w1"}');
SELECT tally.create_rollup('app.by_person', 'app.visits', key => 'person', measures => '{"n": "count(*)"}', with_data => true) IS NOT NULL;
SELECT tally.grant_access('viewer', 'tally_counters_viewer'), tally.grant_access('editor', 'tally_counters_editor');
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM tally.evaluate('2026-01-01 11:01Z');
-- One visit more of the small cell, not refreshed yet.
INSERT INTO app.visits VALUES ('2026-01-01 10:30Z', 101, 'w1', 'b');
UPDATE app.visits SET kind = 'c' WHERE person = 102;
ANALYZE app.visits, app.by_hour, app.by_person;

CREATE TEMP TABLE question (what text, query text);
GRANT SELECT ON question TO PUBLIC;
INSERT INTO question VALUES
('incidents', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.incidents i'),
('their timeline', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.incident_events i'),
('the feed', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.incident_feed i'),
('annotations', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.grafana_alert_annotations i'),
('their page', 'SELECT to_jsonb(tally.page_incident((SELECT max(id) FROM tally.incidents)))'),
('the list of them', 'SELECT to_jsonb(tally.page_incidents())');
CREATE TEMP TABLE closed (what text, query text);
GRANT SELECT ON closed TO PUBLIC;
INSERT INTO closed VALUES
('thresholds', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.thresholds i'), ('their states', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.threshold_states i'),
('their evaluations', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.evaluations i'), ('runs', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.runs i'),
('the audit', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.audit i'), ('notifications', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.notifications i'),
('late rows', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.late_rows i'),
('a test of a threshold', 'SELECT to_jsonb(x) FROM tally.test_threshold(''few visits'') x'),
('tunable thresholds', 'SELECT jsonb_agg(to_jsonb(i)) FROM tally.tunable_thresholds() i'),
('marked people', 'SELECT jsonb_agg(to_jsonb(k)) FROM tally.dirty_keys_2 k'),
('extended statistics', 'SELECT jsonb_agg(to_jsonb(i)) FROM pg_stats_ext i WHERE schemaname <> ''evil'''),
('statistics of expressions', 'SELECT jsonb_agg(to_jsonb(i)) FROM pg_stats_ext_exprs i WHERE schemaname <> ''evil'''),
('statistics of columns', 'SELECT jsonb_agg(to_jsonb(i)) FROM pg_stats i WHERE tablename IN (''visits'', ''by_hour'', ''by_person'')'),
('positions of sequences',
 'SELECT jsonb_agg(last_value) FROM pg_sequences WHERE schemaname IN (''app'', ''tally'', ''tally_internal'') AND last_value IS NOT NULL'),
-- Of this database: other tests hold locks in theirs.
('advisory locks', 'SELECT jsonb_agg(to_jsonb(l)) FROM pg_locks l WHERE locktype = ''advisory''
    AND database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())');
SELECT cmp_ok((SELECT value FROM tally.incidents), '=', 6::float8, 'the threshold has fired on the hidden cell');
SELECT isnt(evil.answer(query), NULL, 'there is something to see: ' || what) FROM closed
 WHERE what IN ('thresholds', 'their states', 'their evaluations', 'runs', 'the audit', 'marked people', 'statistics of columns', 'positions of sequences');

SET SESSION AUTHORIZATION tally_counters_viewer;
SELECT ok(evil.answer(query) IS NULL OR evil.answer(query) !~ 'few visits|"w1"', 'no hidden cell for a viewer in ' || what) FROM question;
SELECT is(evil.answer(query), NULL, 'nothing for a viewer in ' || what) FROM closed;
SELECT doesnt_match(tally.openmetrics(), 'tally_incidents\{status="new"\} [1-9]', 'what other programs read counts no incident of others');
SELECT is((SELECT array_agg(DISTINCT hidden) FROM app.seen WHERE world = 'w1' AND kind = 'b'), '{t}', 'and the release hides the cell as before');
-- An editor reads the incidents that he handles, numbers included: he is no reader of releases only, and the guide says so.
SET SESSION AUTHORIZATION tally_counters_editor;
SELECT is((SELECT value FROM tally.incidents), 6::float8, 'an editor sees the number that an incident is about');
SELECT matches(evil.answer(query), 'few visits', 'and its threshold, in ' || what) FROM question WHERE what IN ('incidents', 'their page');
RESET SESSION AUTHORIZATION;
SELECT tally.drop_threshold('few visits');
DROP OWNED BY tally_counters_viewer, tally_counters_editor CASCADE;
DROP ROLE tally_counters_viewer, tally_counters_editor;
\ir epilogue.psql
SELECT * FROM finish();
