-- Owns: one definition stops only itself. What is out of bounds is refused when it is defined; what was stored past that,
-- written here by the superuser, fails alone at every tick, in the path of errors too, while the victim's alert fires.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
SET client_min_messages = error;
CREATE FUNCTION app.at(minute int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00Z'::timestamptz + minute * interval '1 minute'$$;
CREATE FUNCTION app.bad() RETURNS float8 LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$;

-- Refused in words.
SELECT throws_like(format('SELECT tally.create_threshold(%s)', x), words, words) FROM (VALUES
    ($$'t', query => 'SELECT 1 AS value', condition => '> 0', every => '1 month'$$, '%every must be from 1 second to 366 days, without months, got 1 mon'),
    ($$'t', query => 'SELECT 1 AS value', condition => '> 0', every => '300000 years'$$, '%every must be from 1 second to 366 days%'),
    ($$'t', query => 'SELECT 1 AS value', condition => '> 0', reopen_within => '300000 years'$$, '%reopen_within must be from 0 to 10 years%'),
    ($$'t', query => 'SELECT 1 AS value', condition => '> 0', "for" => '300000 years'$$, '%"for" must be from 0 to 10 years%'),
    ($$'t', query => 'SELECT 1 AS value', condition => '> 0', min_samples => 'NaN'$$, '%min_samples must be from 0 to%'),
    ($$repeat('n', 9000), query => 'SELECT 1 AS value', condition => '> 0'$$, 'threshold needs a name of 1 to 200 bytes, got 9000 bytes'),
    ($$'t', query => 'SELECT 1 AS value', condition => '> 0', suggested_actions => '[{"do": "x", "above": "abc"}]'$$,
        '%"above" and "below" of suggested_actions must be numbers%'),
    ($$'t', query => 'SELECT 1 AS value', condition => '> 1 x baseline of 4000 days'$$, '%from 1 second to 3660 days%')) v(x, words);
SELECT throws_like(format('SELECT tally.create_probe(%s)', x), words, words) FROM (VALUES
    ($$'p', 'SELECT 1 AS value', every => '1 month'$$, '%every from 1 second to 366 days without months%'),
        ($$'p', 'SELECT 1 AS value', keep => '300000 years'$$, '%keep from 1 second to 100 years%'),
    ($$repeat('p', 9000), 'SELECT 1 AS value'$$, 'probe needs a name of 1 to 200 bytes%')) v(x, words);
SELECT throws_like(format('SELECT tally.create_channel(%s)', x), words, words) FROM (VALUES
    ($$'c', kind => 'table', group_wait => '1 month'$$, '%group_wait must be from 0 to 366 days%'),
        ($$'c', kind => 'table', repeat_interval => '300000 years'$$, '%repeat_interval must be from 1 second%'),
    ($$'c', kind => 'table', max_attempts => 2000000000$$, '%max_attempts must be from 1 to 100%'),
        ($$repeat('c', 9000), kind => 'table'$$, 'channel needs a name%'),
    ($$'c', kind => 'table', matchers => '{"world": {"a": 1}}'$$, 'matchers must be an object%')) v(x, words);
SELECT throws_ok($$SELECT tally.create_task(repeat('t', 9000), '* * * * *', 'SELECT 1')$$, '22023', NULL, 'a task''s name');
SELECT throws_ok($$SELECT * FROM tally.test_threshold('victim', '[1]', step => '1 month')$$, NULL, NULL, 'a step');
SELECT throws_ok(format('SELECT * FROM tally.evaluate(%L)', x), '22023', NULL, 'evaluate at ' || x)
    FROM unnest('{infinity,-infinity,4713-01-01 BC,294276-12-31}'::text[]) x;
SELECT is((SELECT count(*) FROM tally.thresholds) + (SELECT count(*) FROM tally.probes) + (SELECT count(*) FROM tally.channels), 0::bigint,
    'nothing half-created');

-- Stored past every check. Each is as it should be but for one value.
SELECT tally.create_threshold(n, query => 'SELECT 99 AS value', condition => '> 0', response_target => '1 minute')
  FROM unnest('{every,reopen,for,actions,impact,rule,windows,error path,name,victim}'::text[]) n;
ALTER TABLE tally.thresholds DISABLE TRIGGER USER;
UPDATE tally.thresholds SET every = '1 month' WHERE name = 'every';
UPDATE tally.thresholds SET reopen_within = '300000 years' WHERE name = 'reopen';
UPDATE tally.thresholds SET response_target = '300000 years' WHERE name = 'for';
UPDATE tally.thresholds SET suggested_actions = '[{"do": "x", "above": "abc"}]' WHERE name = 'actions';
UPDATE tally.thresholds SET suggested_actions = '{}' WHERE name = 'impact';
UPDATE tally.thresholds SET rule = '{"condition": {"kind": "none"}}' WHERE name = 'rule';
UPDATE tally.thresholds SET rule = '[]' WHERE name = 'windows';
UPDATE tally.thresholds SET query = 'SELECT app.bad() AS value', rule = rule || '{"on_error": "breach"}', on_error = 'breach', reopen_within = '300000 years',
    suggested_actions = '[{"do": "x", "above": "abc"}]' WHERE name = 'error path';
UPDATE tally.thresholds SET name = repeat('n', 2600), query = 'SELECT app.bad() AS value' WHERE name = 'name';
ALTER TABLE tally.thresholds ENABLE TRIGGER USER;
SELECT tally.create_probe(n, 'SELECT 5 AS value') FROM unnest('{p every,p keep,p bad,p victim}'::text[]) n;
UPDATE tally.probes SET every = '1 month' WHERE name = 'p every';
UPDATE tally.probes SET keep = '300000 years' WHERE name = 'p keep';
UPDATE tally.probes SET query = 'SELECT app.bad() AS value' WHERE name = 'p bad';
INSERT INTO tally.silences (owner, author, reason, matchers, starts_at, ends_at, every, zone)
VALUES (current_user::regrole, 'x', 'x', '{}', '4713-01-01 BC', '4713-01-01 00:00:00.000001 BC', '2 microseconds', 'UTC'),
    (current_user::regrole, 'x', 'x', '{}', '2020-01-01', '2020-01-02', '290000 years', 'UTC'),
       (current_user::regrole, 'x', 'x', '{}', '2020-01-01', '2020-01-02', '1 day', 'Mars/Olympus'),
           (current_user::regrole, 'x', 'x', '[]', '2020-01-01', '2030-01-02', NULL, 'UTC');
INSERT INTO tally.inhibitions (schema, name, owner, source, target, equal) VALUES ('public', 'odd', current_user::regrole, '[]', 'null', '{NULL}'),
    ('public', 'all', current_user::regrole, '{}', '{"threshold": 3}', '{}');
INSERT INTO tally.channels (schema, name, owner, kind, matchers, group_by, group_wait, group_interval, repeat_interval, max_attempts)
VALUES ('public', 'odd waits', current_user::regrole, 'table', '{}', '{threshold,NULL}', '290000 years', '-290000 years', '290000 years', 2000000000),
       ('public', 'odd matchers', current_user::regrole, 'table', '[1]', NULL, '1 month', '0', '-1 s', 5);
SELECT tally.create_channel('victim', kind => 'table', repeat_interval => '1 minute');

CREATE TABLE done AS SELECT m, e.* FROM generate_series(0, 4) m, LATERAL tally.evaluate(app.at(m)) e;
SELECT is((SELECT count(*) FROM done WHERE threshold = 'victim' AND error IS NULL), 5::bigint, 'the victim is evaluated at each tick');
SELECT is((SELECT count(*) FROM tally.incidents WHERE threshold = 'victim' AND kind = 'breach' AND escalation_level = 3), 1::bigint,
    'fires once, and escalates');
SELECT results_eq($$SELECT min(sqlstate) FROM tally.evaluations e JOIN tally.thresholds t ON t.id = e.threshold_id WHERE t.name NOT IN ('victim', 'reopen')
    GROUP BY t.name, t.id HAVING count(*) <> 5 OR count(e.sqlstate) <> 5$$,
    $$SELECT NULL::text WHERE false$$, 'every other one says at every tick what is wrong with it (reopen has nothing to reopen yet)');
SELECT is((SELECT count(DISTINCT threshold) FROM done WHERE error IS NOT NULL), 8::bigint, 'eight are in error');
SELECT results_eq($$SELECT p.name, p.sqlstate IS NULL FROM tally.probes p ORDER BY 1$$,
    $$VALUES ('p bad', false), ('p every', false), ('p keep', false), ('p victim', true)$$, 'probes alike');
SELECT is((SELECT count(*) FROM tally.probe_values WHERE probe = 'p victim' AND at = app.at(4)), 1::bigint, 'the good one is sampled');
SELECT is((SELECT string_agg(DISTINCT e #>> '{event}', ', ') FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id,
    jsonb_array_elements(n.events) e WHERE c.name = 'victim' AND e ->> 'threshold' = 'victim'),
    'escalated, opened', 'the victim is told');
SELECT is((SELECT count(*) FROM tally.claim_notifications('odd waits', as_of => app.at(4))), 0::bigint, 'odd waits are clamped, and wait');
SELECT lives_ok($$SELECT tally.report_notification(id, false, 'x', app.at(4)) FROM tally.claim_notifications('victim', as_of => app.at(4))$$,
    'delivery goes on');
UPDATE tally.notifications SET status = 'leased', attempts = 1500, leased_until = app.at(0)
    WHERE channel_id = (SELECT id FROM tally.channels WHERE name = 'odd waits');
SELECT lives_ok($$SELECT tally.deliver(app.at(5))$$, 'a message with 1,500 attempts stops no delivery');
SELECT is_empty($$SELECT * FROM tally.notifications WHERE status = 'leased' AND leased_until < app.at(5)$$, 'and is settled');
SELECT lives_ok('SELECT * FROM tally.health(app.at(5))', 'health speaks');
SELECT is((SELECT status FROM tally.health(app.at(5)) WHERE "check" = 'failing thresholds'), 'failing', 'and names what fails');
-- One that was closed makes it look how long ago.
SELECT tally.resolve(id, 'a', 'b', 'c', app.at(5)) FROM tally.incidents WHERE threshold = 'reopen' AND kind = 'breach';
SELECT is((SELECT left(error, 5) FROM tally.evaluate(app.at(6)) WHERE threshold = 'reopen'), '22008', 'reopen fails, and alone');
CALL tally.evaluate_scheduled();
SELECT is((SELECT count(*) FROM tally.evaluations e JOIN tally.thresholds t ON t.id = e.threshold_id
    WHERE t.name = 'victim' AND e.tick > now() - interval '1 hour'), 1::bigint, 'the scheduled job goes through');
SELECT * FROM finish();
