-- Owns: who may see and do what with alerts. A definition runs with the rights of the role that made it, and no others.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
CREATE ROLE tally_ann;
CREATE ROLE tally_bob;
GRANT USAGE ON SCHEMA app TO tally_ann, tally_bob;
CREATE TABLE secrets (value float8);
INSERT INTO secrets VALUES (42);
GRANT SELECT ON secrets TO tally_ann;
CREATE TABLE hers (value float8);
INSERT INTO hers VALUES (20);
ALTER TABLE hers OWNER TO tally_ann;

SET ROLE tally_ann;
SELECT tally.create_threshold('hers', query => 'SELECT value FROM app.hers', condition => '> 10');
SELECT tally.create_threshold('greedy', query => 'SELECT value FROM app.secrets', condition => '> 10');
SELECT tally.create_threshold('sly', query => 'SELECT count(*) AS value FROM tally.incidents', condition => '> 10');
SELECT tally.create_threshold('bold', query => 'SELECT 1 AS value FROM set_config(''role'', ''postgres'', false)', condition => '> 10');
SELECT throws_ok($$SELECT tally.create_threshold('x', query => 'SELECT length(rolpassword) AS value FROM pg_authid', condition => '> 10')$$, '42501', NULL,
    'what she may not read she cannot watch');
SELECT throws_ok('SELECT * FROM tally.evaluate(now())', '42501', NULL, 'evaluation is not for everyone');
SELECT throws_ok('SELECT tally.deliver()', '42501', NULL, 'nor is delivery');
SELECT throws_ok($$SELECT * FROM tally.run_as('postgres', '', 'SELECT 1')$$, '42501', NULL, 'nor running as somebody else');
SELECT throws_ok($$SELECT tally_internal._samples(t, now()) FROM tally.thresholds t$$, '42501', NULL, 'nor by way of the engine''s own functions');
SELECT throws_ok($$INSERT INTO tally.thresholds (name, owner, query, condition, rule) VALUES ('x', 'postgres', 'SELECT 1', '> 1', '{}')$$, '42501', NULL,
    'a threshold cannot be made in another''s name');
SELECT throws_ok($$UPDATE tally.incidents SET status = 'resolved'$$, '42501', NULL, 'incidents change by their functions only');
SELECT throws_ok($$INSERT INTO tally.incident_events (incident_id, at, event, author) VALUES (1, now(), 'x', 'postgres')$$, '42501', NULL, 'so do timelines');
SELECT throws_ok($$SELECT url FROM tally.channels$$, '42501', NULL, 'the address of a channel is shown to nobody');
SELECT throws_ok($$SELECT secret FROM tally.channels$$, '42501', NULL, 'nor its secret');
RESET ROLE;
REVOKE SELECT ON secrets FROM tally_ann;

SELECT results_eq($$SELECT threshold, series, left(error, 5) FROM tally.evaluate('2026-03-01 12:00Z') ORDER BY threshold$$,
    $$VALUES ('bold', 0, '42501'), ('greedy', 0, '42501'), ('hers', 1, NULL), ('sly', 1, NULL)$$, 'each runs with its maker''s rights');
SELECT is((SELECT count(*) FROM tally.incidents WHERE threshold = 'hers'), 1::bigint, 'hers fires');
SELECT is(current_user, 'postgres', 'nobody has become somebody else');

SET ROLE tally_bob;
SELECT is_empty('SELECT * FROM tally.thresholds', 'others see nothing of her thresholds');
SELECT is_empty('SELECT * FROM tally.incidents', 'nor of her incidents');
SELECT is_empty('SELECT * FROM tally.incident_feed', 'nor in the feed');
SELECT is_empty('SELECT * FROM tally.incident_events', 'nor of timelines');
SELECT is_empty('SELECT * FROM tally.evaluations', 'nor of evaluations');
SELECT is_empty('SELECT * FROM tally.audit', 'nor of the audit');
SELECT throws_ok('SELECT tally.acknowledge(1)', '42704', NULL, 'nor can they handle them');
SELECT throws_ok($$SELECT tally.create_threshold('hers', query => 'SELECT 1 AS value', condition => '> 1')$$, '42501', NULL, 'nor take over the name');
SELECT throws_ok($$SELECT tally.drop_threshold('hers')$$, '42704', NULL, 'nor drop it');
SELECT throws_ok($$SELECT * FROM tally.replay('hers')$$, '42501', NULL, 'nor replay it');
SELECT lives_ok($$SELECT tally.silence('{}', 'be quiet, all of you', starts_at => '2026-03-01')$$, 'bob may silence');
SELECT lives_ok($$SELECT tally.create_channel('ear', kind => 'table')$$, 'and listen');
RESET ROLE;
UPDATE hers SET value = 1;
SELECT count(*) FROM tally.evaluate('2026-03-01 12:01Z');
SELECT is((SELECT suppressed_by FROM tally.incidents WHERE threshold = 'hers'), NULL, 'only what is his: hers is not silenced');
SELECT is_empty('SELECT * FROM tally.notifications', 'nor told to him');

SET ROLE tally_ann;
SELECT lives_ok($$SELECT tally.acknowledge(1, 'mine')$$, 'she handles her own');
SELECT is((SELECT author FROM tally.incident_timeline(1) WHERE event = 'acknowledged'), 'tally_ann', 'under her name');
SELECT is((SELECT count(DISTINCT actor) FROM tally.audit WHERE actor = 'tally_ann'), 1::bigint, 'the audit has her name');
SET check_function_bodies = off;
SET ROLE tally_ann;
SELECT tally.create_channel('in the dark', kind => 'table');
RESET ROLE;
RESET check_function_bodies;
SELECT is((SELECT actor FROM tally.audit WHERE name = 'in the dark'), 'tally_ann', 'no setting of hers keeps a change out of the audit');
RESET ROLE;
GRANT tally_ann TO tally_bob;
SET ROLE tally_bob;
SELECT lives_ok($$SELECT tally.resolve(1, 'a', 'b', 'c')$$, 'who has her rights handles them too');
RESET ROLE;
SELECT tally.drop_threshold(name) FROM tally.thresholds;
DROP OWNED BY tally_ann, tally_bob;
DROP ROLE tally_ann, tally_bob;
SELECT * FROM finish();
