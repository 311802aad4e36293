-- Owns: a reader who was granted SELECT on awf_incidents sees the incidents of a pack that a role without special rights installed; thresholds are
-- for those who have the rights of their owner.
SELECT no_plan();
CREATE ROLE awf_test_owner;
CREATE ROLE awf_test_reader;
CREATE ROLE awf_test_other;
CREATE SCHEMA game AUTHORIZATION awf_test_owner;
GRANT USAGE ON SCHEMA game TO awf_test_reader, awf_test_other;
SET ROLE awf_test_owner;
SELECT lives_ok($$SELECT tally.install_pack('awf', 'game')$$, 'a role without special rights installs the pack');
INSERT INTO game.analytics_events (event_time, event_type, session_id, world, session_started_at)
SELECT '2025-03-01 10:00Z'::timestamptz + i * interval '1 second', CASE WHEN i % 2 = 0 THEN 'turn' ELSE 'fallback' END, 's' || i % 7, 'w1', '2025-03-01 10:00Z'
    FROM generate_series(1, 240) i;
GRANT SELECT ON game.awf_incidents, game.awf_kpi_thresholds TO awf_test_reader;
RESET ROLE;
SELECT isnt_empty($$SELECT * FROM tally.evaluate('2025-03-01 10:06Z') WHERE opened > 0$$, 'an incident is filed');
SET ROLE awf_test_reader;
SELECT results_eq('SELECT kpi_name, scope, scope_ref, status, threshold_value FROM game.awf_incidents',
    $$VALUES ('fallback_rate', 'world', 'w1', 'new', 0.1000)$$, 'a reader of awf_incidents sees it');
SELECT is_empty('SELECT * FROM tally.incidents', 'but not the incidents of the engine');
SELECT is_empty('SELECT * FROM game.awf_kpi_thresholds', 'nor any threshold, though the view is granted');
SET ROLE awf_test_other;
SELECT throws_ok('SELECT * FROM game.awf_incidents', '42501', NULL, 'another role may not read it');
SELECT is_empty('SELECT * FROM game.awf_incident_rows()', 'and the function behind it tells nothing');
SET ROLE awf_test_owner;
SELECT is((SELECT count(*) FROM game.awf_incidents), 1::bigint, 'its owner sees it');
SELECT is((SELECT array_agg(DISTINCT created_by) FROM game.awf_kpi_thresholds), '{awf_test_owner}', 'and the thresholds');
RESET ROLE;
GRANT awf_test_owner TO awf_test_reader;
SET ROLE awf_test_reader;
SELECT isnt_empty('SELECT * FROM game.awf_kpi_thresholds', 'as a member of the owning role the reader does, too');
SET ROLE awf_test_owner;
SELECT lives_ok($$SELECT tally.drop_pack('awf')$$, 'and drops the pack');
RESET ROLE;
DROP OWNED BY awf_test_owner, awf_test_reader, awf_test_other CASCADE;
DROP ROLE awf_test_owner, awf_test_reader, awf_test_other;
SELECT * FROM finish();
