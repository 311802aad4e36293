-- Owns: routes: which channels a tree sends an incident to (first match, continue, nested, what is left), that its channels get nothing else, and that
-- evaluation asks the same tree; definitions, rights, refusals.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
SET client_min_messages = warning;
SELECT tally.create_channel(n, kind => 'table') FROM unnest('{ops,pager,dba,web,free}'::text[]) n;
SELECT is(tally.create_route('main', '{"channel": "ops", "routes": [
    {"matchers": {"severity": "critical"}, "channel": "pager", "continue": true},
    {"matchers": {"team": "db"}, "channel": "dba", "routes": [{"matchers": {"severity": ["info"]}, "channel": "ops"}, {"matchers": {"channel": "test"}}]},
    {"matchers": {"team": ["db", "web"]}, "channel": "web"}]}'), 'main', 'a tree');
CREATE TABLE expected (labels jsonb, channels text[]);
INSERT INTO expected VALUES ('{}', '{ops}'), ('{"severity": "critical"}', '{pager}'), ('{"severity": "critical", "team": "db"}', '{pager,dba}'),
    ('{"severity": "info", "team": "db"}', '{ops}'), ('{"severity": "warning", "team": "db", "channel": "test"}', '{dba}'),
    ('{"severity": "critical", "team": "web"}', '{pager,web}'), ('{"team": "web"}', '{web}'), ('{"team": "hr", "severity": "info"}', '{ops}');
SELECT is(tally.test_route('main', labels), channels, labels::text) FROM expected;

-- Evaluation asks the same tree.
CREATE TABLE feed (team text, channel text, severity text, value float8);
INSERT INTO feed VALUES ('db', 'test', 'warning', 9), ('db', 'live', 'info', 9), ('web', 'live', 'warning', 9), ('hr', 'live', 'warning', 9),
    ('db', 'live', 'critical', 9), ('web', 'live', 'critical', 9);
SELECT tally.create_threshold('at ' || s, query => format('SELECT team, channel, value FROM app.feed WHERE severity = %L', s), condition => '> 1',
    severity => s, owner => 'ann', runbook => 'https://x') FROM unnest('{info,warning,critical}'::text[]) s;
CREATE FUNCTION app.sent() RETURNS TABLE (channel text, event text, severity text, team text) LANGUAGE sql AS $$
    SELECT c.name, e ->> 'event', e ->> 'severity', e #>> '{labels,team}' FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id,
           jsonb_array_elements(n.events) e
$$;
CREATE VIEW routed AS
    SELECT c, f.severity, f.team FROM feed f CROSS JOIN LATERAL unnest(tally.test_route('main', jsonb_build_object('team', f.team, 'channel', f.channel,
        'severity', f.severity))) c;
SELECT tally.evaluate('2026-03-01 12:00Z');
SELECT bag_eq($$SELECT channel, severity, team FROM app.sent() WHERE channel <> 'free'$$, 'SELECT * FROM routed', 'each is sent where the tree says');
SELECT bag_eq($$SELECT severity, team FROM app.sent() WHERE channel = 'free'$$, 'SELECT severity, team FROM feed', 'a channel outside of the tree gets all');
UPDATE feed SET value = 0;
SELECT tally.evaluate('2026-03-01 12:05Z');
SELECT bag_eq($$SELECT channel, severity, team FROM app.sent() WHERE channel <> 'free' AND event = 'recovered'$$, 'SELECT * FROM routed',
    'its end goes where its beginning went');
-- A channel's own matchers hold besides.
SELECT tally.create_channel('web', kind => 'table', matchers => '{"severity": "critical"}');
DELETE FROM tally.notifications;
UPDATE feed SET value = 9;
SELECT tally.evaluate('2026-03-01 12:10Z');
SELECT bag_eq($$SELECT channel, severity, team FROM app.sent() WHERE channel = 'web'$$,
    $$SELECT c, severity, team FROM routed WHERE c = 'web' AND severity = 'critical'$$,
    'a channel takes what its own matchers allow of it');
-- Off, another tree, gone.
SELECT lives_ok($$SELECT tally.create_route('main', '{"channel": "ops", "routes": [{"matchers": {"team": "hr"}, "channel": "pager"}]}', enabled => false)$$,
    'replaced, and off');
DELETE FROM tally.notifications;
UPDATE feed SET value = 0;
SELECT tally.evaluate('2026-03-01 12:15Z');
SELECT is((SELECT count(*) FROM app.sent() WHERE channel = 'pager'), 6::bigint, 'while it is off its channels go by themselves');
SELECT alike((SELECT statement FROM tally.definitions() WHERE kind = 'route'), '%"channel": "pager"%enabled => ''false''%', 'definitions() writes it out');
CREATE TABLE before AS SELECT tree, channels, enabled, schema, name FROM tally.routes;
DO $$
DECLARE
    written text := (SELECT statement FROM tally.definitions() WHERE kind = 'route');
BEGIN
    PERFORM tally.drop_route('main');
    EXECUTE written;
END $$;
SELECT bag_eq('SELECT tree, channels, enabled, schema, name FROM tally.routes', 'SELECT * FROM before', 'and gives it back');
SELECT throws_ok($$SELECT tally.drop_channel('pager')$$, '2BP01', 'channel ''pager'' cannot be dropped: route ''main'' sends to it', 'its channels stay');
SELECT lives_ok($$SELECT tally.drop_channel('dba')$$, 'others go');
SELECT is((SELECT string_agg(action, ',' ORDER BY id) FROM tally.audit WHERE kind = 'routes'), 'create,change,drop,create', 'the audit says what happened');

SELECT throws_ok($$SELECT tally.create_route('x', '{"channel": "nowhere"}')$$, '42704', NULL, 'a channel that there is not');
SELECT throws_like($$SELECT tally.create_route('x', '{"routes": []}')$$, '%first node must name a channel%', 'nowhere for what is left');
SELECT throws_like($$SELECT tally.create_route('x', '{"channel": "ops", "routes": [{"channel": "pager"}]}')$$, '%needs matchers%', 'a node that takes all');
SELECT throws_like($$SELECT tally.create_route('x', '{"channel": "ops", "routes": [{"matchers": {"a": 1}, "channel": "pager"}]}')$$, '%matchers must be%',
    'no matchers');
SELECT throws_like($$SELECT tally.create_route('x', '{"channel": "ops", "chanel": 1}')$$, '%a node must be an object%', 'a word that it does not know');
SELECT throws_like($$SELECT tally.create_route('x', '[]')$$, '%a node must be an object%', 'no tree');
SELECT throws_like('SELECT tally.create_route(''x'', NULL)', '%a node must be an object%', 'nothing');
SELECT is((SELECT count(*) FROM tally.routes), 1::bigint, 'none of these is made');
CREATE ROLE tally_route_other ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA app TO tally_route_other;
SET ROLE tally_route_other;
SELECT throws_ok($$SELECT tally.create_route('theirs', '{"channel": "ops"}')$$, '42704', NULL, 'another role''s channels are not to be had');
SELECT throws_ok($$SELECT tally.drop_route('main')$$, '42704', NULL, 'nor its routes');
SELECT is_empty('SELECT FROM tally.routes', 'which nobody else sees');
RESET ROLE;
SELECT lives_ok($$SELECT tally.drop_route('main')$$, 'dropped');
SELECT lives_ok($$SELECT tally.drop_channel('pager')$$, 'then its channels go');
DROP OWNED BY tally_route_other;
DROP ROLE tally_route_other;
SELECT * FROM finish();
