-- Owns: notifications: channels, templates, grouping, silences, inhibition, leases, backoff, dead letters, pg_net.
SELECT no_plan();
\ir ../superuser.psql
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
CREATE TABLE feed (world text, value float8);
CREATE FUNCTION app.at(minute float8) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00Z'::timestamptz + minute * interval '1 minute'$$;
CREATE FUNCTION app.see(minute int, VARIADIC v float8[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM app.feed;
    INSERT INTO app.feed SELECT 'w' || n, x FROM unnest(v) WITH ORDINALITY u(x, n);
    SELECT count(*) FROM tally.evaluate(app.at(minute));
$$;
-- Delivers all that is due on a channel and says what was told.
CREATE FUNCTION app.told(channel text, minute float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text := '';
    n record;
BEGIN
    FOR n IN SELECT * FROM tally.claim_notifications(channel, as_of => app.at(minute)) LOOP
        result := concat_ws(' | ', NULLIF(result, ''),
            (SELECT string_agg(format('%s %s', e ->> 'event', e #>> '{labels,world}'), ', ' ORDER BY o)
            FROM jsonb_array_elements(n.body -> 'events') WITH ORDINALITY x(e, o)));
        PERFORM tally.report_notification(n.id, true, as_of => app.at(minute));
    END LOOP;
    RETURN result;
END $$;

SELECT lives_ok($$SELECT tally.create_channel('each', kind => 'table')$$, 'a channel, one message per change');
SELECT lives_ok($$SELECT tally.create_channel('grouped', kind => 'table', group_by => '{threshold}', group_wait => '1 minute', group_interval => '5 minutes',
    repeat_interval => '1 hour')$$, 'a channel that groups');
SELECT lives_ok($$SELECT tally.create_channel('critical only', kind => 'table', matchers => '{"severity": "critical"}')$$, 'a channel that chooses');
SELECT tally.create_threshold('t', query => 'SELECT world, value FROM app.feed', condition => '> 10', runbook => 'https://r');

SELECT see(0, 20, 20, 1);
SELECT is(told('each', 0), 'opened w1 | opened w2', 'each change at once');
SELECT is(told('grouped', 0), '', 'the group waits for company');
SELECT is(told('critical only', 0), '', 'nothing critical');
SELECT is(told('each', 0), '', 'nothing is told twice');
SELECT see(1, 20, 20, 20);
SELECT is(told('grouped', 1), 'opened w1, opened w2, opened w3', 'and takes late comers along');
SELECT see(2, 20, 1, 20);
SELECT is(told('grouped', 5), '', 'the next message keeps its distance');
SELECT is(told('grouped', 6), 'recovered w2', 'and then tells of a member that recovered');
SELECT is(told('each', 6), 'opened w3 | recovered w2', 'in order');
SELECT lives_ok('SELECT tally.acknowledge(1, as_of => app.at(7))', 'w1 is acknowledged');
SELECT see(66, 20, 1, 20);
SELECT is(told('grouped', 68), 'repeated w3', 'what fires unacknowledged is repeated');
SELECT see(67, 20, 1, 20);
SELECT is(told('grouped', 75), '', 'once per repeat_interval');

-- Silences: [start, end), by labels, with author and reason; what still fires afterwards is told then.
SELECT throws_ok($$SELECT tally.silence('{"world": "w4"}', '')$$, '22023', NULL, 'a silence needs a reason');
SELECT is(tally.silence('{"world": ["w4", "w5"]}', 'load test', "for" => '10 minutes', starts_at => app.at(80), author => 'ann'), 1, 'a silence');
SELECT see(80, 20, 1, 20, 20, 20);
SELECT is(told('each', 80), '', 'keeps the two quiet');
SELECT is((SELECT string_agg(suppressed_by, ', ') FROM tally.incidents WHERE labels ->> 'world' IN ('w4', 'w5')), 'silence 1: load test, silence 1: load test',
    'their incidents are filed, and say why');
SELECT see(89, 20, 1, 20, 20, 1);
SELECT is(told('each', 89), '', 'nor is the end of w5 told, whose beginning was not');
SELECT see(90, 20, 1, 20, 20, 1);
SELECT is(told('each', 90), 'unsilenced w4', 'the end is exclusive, and w4 still fires');
SELECT see(91, 20, 1, 20, 20, 1);
SELECT is(told('each', 91), '', 'once');
SELECT lives_ok($$SELECT tally.silence('{"threshold": "t"}', 'nightly import', "for" => '30 minutes', starts_at => '2026-03-20 02:00 Europe/Berlin',
    every => '1 day', zone => 'Europe/Berlin')$$, 'a maintenance window');
SELECT is((SELECT string_agg(tally_internal._in_window(s, x)::text, ' ' ORDER BY x) FROM tally.silences s,
    unnest(ARRAY['2026-03-19 01:10Z', '2026-03-20 01:10Z', '2026-03-21 01:29:59Z', '2026-03-21 01:30Z', '2026-04-02 00:10Z',
    '2026-04-02 01:10Z']::timestamptz[]) x WHERE s.every IS NOT NULL),
    'false true true false true false', 'follows the zone''s clock across DST');
SELECT lives_ok('SELECT tally.end_silence(2, app.at(92))', 'ended');

-- Inhibition: the severe one tells enough.
SELECT lives_ok($$SELECT tally.create_inhibition('critical over warning', '{"severity": "critical"}', '{"severity": "warning"}', '{world}')$$, 'an inhibition');
SELECT tally.create_threshold('dead', query => 'SELECT world, value FROM app.feed', condition => '> 100', severity => 'critical', owner => 'on-call',
    runbook => 'https://r');
SELECT see(100, 20, 1, 20, 20, 1, 1);
SELECT see(101, 20, 1, 20, 20, 1, 200);
SELECT is(told('each', 101), 'opened w6 | opened w6', 'both fire in the same tick: the milder came first');
SELECT see(102, 20, 200, 20, 20, 1, 200);
SELECT is(told('critical only', 102), 'opened w6 | opened w2', 'the channel that chooses');
SELECT is(told('each', 102), 'refired w2 | opened w2', 'in the same tick again');
SELECT see(103, 20, 1, 20, 20, 1, 200);
SELECT see(104, 20, 1, 20, 20, 1, 1);
SELECT is((SELECT count(*) FROM tally.incidents WHERE labels ->> 'world' = 'w6' AND recovered_at IS NULL), 0::bigint, 'all of w6 recovered');
SELECT is((tally_internal._suppression((SELECT i FROM tally.incidents i WHERE i.labels ->> 'world' = 'w6' AND i.severity = 'warning'), app.at(104))).reason,
    NULL, 'no inhibition without a firing source');

-- Failure: backoff 30 s, 60 s, …; the same key; dead in the end; and back by hand.
SELECT lives_ok($$SELECT tally.create_channel('hook', url => 'https://hooks.example/T0KEN', secret => 's3cret-value', max_attempts => 3)$$, 'a webhook');
SELECT see(120, 99);
SELECT see(121, 1);
SELECT see(122, 20);
CREATE TABLE first_claim AS SELECT * FROM tally.claim_notifications('hook', as_of => app.at(125));
SELECT is((SELECT count(*) FROM first_claim), 4::bigint, 'w1 recovered and fired again, w3 and w4 vanished: four are due');
SELECT is_empty($$SELECT * FROM tally.claim_notifications('hook', as_of => app.at(126))$$, 'leased, they are not handed out again');
SELECT is(tally.report_notification((SELECT min(id) FROM first_claim), false, 'HTTP 500 from https://hooks.example/T0KEN with s3cret-value', app.at(126)),
    'pending', 'a failed one is tried again');
SELECT is((SELECT error FROM tally.notifications WHERE id = (SELECT min(id) FROM first_claim)), 'HTTP 500 from *** with ***', 'secrets are masked');
SELECT is_empty($$SELECT * FROM tally.claim_notifications('hook', as_of => app.at(126.4))$$, 'not before 30 seconds');
SELECT results_eq($$SELECT id, idempotency_key, attempt FROM tally.claim_notifications('hook', as_of => app.at(126.5))$$,
    $$SELECT id, idempotency_key, 2 FROM first_claim ORDER BY id LIMIT 1$$, 'then under the same key');
SELECT results_eq($$SELECT id, attempt FROM tally.claim_notifications('hook', as_of => app.at(127.1))$$,
    $$SELECT id, 2 FROM first_claim ORDER BY id OFFSET 1$$, 'a lease that ran out is handed out again');
SELECT is(tally.report_notification((SELECT min(id) FROM first_claim), false, 'again', app.at(127)), 'pending', 'second failure');
SELECT is((SELECT not_before FROM tally.notifications WHERE id = (SELECT min(id) FROM first_claim)), app.at(128), 'waits twice as long');
SELECT count(*) FROM tally.claim_notifications('hook', as_of => app.at(128));
SELECT is(tally.report_notification((SELECT min(id) FROM first_claim), false, 'again', app.at(128)), 'dead', 'third failure: dead');
SELECT is((SELECT status FROM tally.health(app.at(128)) WHERE "check" = 'dead notifications'), 'failing', 'health says so');
SELECT throws_ok('SELECT tally.report_notification((SELECT min(id) FROM first_claim), true)', '55000', NULL, 'what is not leased cannot be reported');
SELECT lives_ok('SELECT tally.redeliver((SELECT min(id) FROM first_claim), app.at(130))', 'tried anew by hand');
SELECT is((SELECT new ->> 'secret' FROM tally.audit WHERE kind = 'channels' AND name = 'hook'), '***', 'the audit masks secrets');
SELECT is((SELECT new ->> 'url' FROM tally.audit WHERE kind = 'channels' AND name = 'hook'), '***', 'and addresses, which often hold one');

-- Templates.
SELECT tally.create_channel('slack', url => 'https://s', template => 'slack'),
    tally.create_channel('pd', url => 'https://p', template => 'pagerduty', secret => 'routing');
SELECT see(140, 20, 33);
SELECT is((SELECT body ->> 'text' FROM tally.claim_notifications('slack', as_of => app.at(140))),
    E':warning: *REFIRED* t is 33 (&gt; 10) in world w2 — incident 2\n<https://r|runbook>', 'slack');
SELECT is((SELECT body - 'payload' FROM tally.claim_notifications('pd', as_of => app.at(140))),
    format('{"links": [{"href": "https://r", "text": "runbook"}], "dedup_key": "pg_tally-%s-2", "routing_key": "routing", "event_action": "trigger"}',
        current_database())::jsonb, 'pagerduty: trigger');
SELECT see(141, 20, 1);
SELECT is((SELECT body ->> 'event_action' FROM tally.claim_notifications('pd', as_of => app.at(141))), 'resolve', 'and resolve by the same key');

-- pg_net, by a stand-in with the same signature: it keeps requests, the test answers.
CREATE SCHEMA net;
CREATE TABLE net.requests (id bigserial, url text, body jsonb, headers jsonb);
CREATE TABLE net._http_response (id bigint, status_code int, content_type text, headers jsonb, content text, timed_out bool, error_msg text,
    created timestamptz DEFAULT now());
CREATE FUNCTION net.http_post(url text, body jsonb DEFAULT '{}', params jsonb DEFAULT '{}', headers jsonb DEFAULT '{"Content-Type": "application/json"}',
    timeout_milliseconds int DEFAULT 5000) RETURNS bigint
    LANGUAGE sql AS $$INSERT INTO net.requests (url, body, headers) VALUES (url, body, headers) RETURNING id$$;
SELECT is(tally_internal._net_post(), NULL, 'a function called net.http_post that no extension owns is not pg_net''s: it would be handed secrets');
-- What is pg_net's is asked of pg_extension, so the stand-in is made a member of an extension of that name.
SELECT by_superuser(statement) FROM unnest(ARRAY['SET allow_system_table_mods = on', $$INSERT INTO pg_extension (oid, extname, extowner, extnamespace,
    extrelocatable, extversion) VALUES (90001, 'pg_net', 10, 'net'::regnamespace, false, '0')$$, 'RESET allow_system_table_mods',
    'ALTER EXTENSION pg_net ADD FUNCTION net.http_post(text, jsonb, jsonb, jsonb, int)', 'ALTER EXTENSION pg_net ADD TABLE net._http_response']) statement;
SELECT tally.drop_channel(c.name) FROM tally.channels c WHERE c.name <> 'hook';
DELETE FROM tally.notifications;
SELECT see(150, 20, 20);
SELECT results_eq('SELECT url, body #>> ''{events,0,event}'', headers ->> ''Authorization'' FROM net.requests',
    $$VALUES ('https://hooks.example/T0KEN', 'refired', 'Bearer s3cret-value')$$, 'evaluate posts through pg_net');
INSERT INTO net._http_response (id, status_code) VALUES (1, 503);
SELECT results_eq('SELECT sent, failed, posted FROM tally.deliver(app.at(151))', 'VALUES (0, 1, 0)', 'the receiver failed');
SELECT results_eq('SELECT sent, failed, posted FROM tally.deliver(app.at(152))', 'VALUES (0, 0, 1)', 'posted again');
SELECT is((SELECT count(DISTINCT headers ->> 'Idempotency-Key') FROM net.requests), 1::bigint, 'under the same key');
SELECT results_eq('SELECT sent, failed, posted FROM tally.deliver(app.at(153))', 'VALUES (0, 0, 0)', 'no answer yet');
INSERT INTO net._http_response (id, status_code) VALUES (2, 204);
SELECT results_eq('SELECT sent, failed, posted FROM tally.deliver(app.at(153.5))', 'VALUES (1, 0, 0)', 'taken');
SELECT see(160, 1, 1);
SELECT results_eq('SELECT sent, failed, posted FROM tally.deliver(app.at(163))', 'VALUES (0, 2, 0)', 'no answer before the lease ran out');
CREATE OR REPLACE FUNCTION net.http_post(url text, body jsonb DEFAULT '{}', params jsonb DEFAULT '{}', headers jsonb DEFAULT '{}',
    timeout_milliseconds int DEFAULT 5000) RETURNS bigint
    LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'cannot reach %', url; END$$;
SELECT results_eq('SELECT sent, failed, posted FROM tally.deliver(app.at(170))', 'VALUES (0, 2, 0)', 'an adapter that raises stops nothing');
SELECT is((SELECT DISTINCT error FROM tally.notifications WHERE status <> 'sent'), 'P0001: cannot reach ***', 'and its message is masked');
SELECT * FROM finish();
