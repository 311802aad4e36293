-- Owns: when a message is sent: the beat of a group, what is repeated and what is not told at all.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE feed (world text, value float8);
CREATE FUNCTION app.at(minute float8) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00Z'::timestamptz + minute * interval '1 minute'$$;
-- Plays minutes one by one: at those given the worlds that breach become others. Everything due is claimed and taken each minute.
CREATE TABLE told (channel text, minute int, events text);
CREATE PROCEDURE app.play(first int, last int, breaching jsonb) LANGUAGE plpgsql AS $$
DECLARE
    c text;
BEGIN
    FOR m IN first..last LOOP
        IF breaching ? m::text THEN
            DELETE FROM app.feed;
            INSERT INTO app.feed SELECT w, CASE WHEN breaching -> m::text ? w THEN 99 ELSE 1 END FROM unnest('{a,b,c}'::text[]) w;
        END IF;
        PERFORM tally.evaluate(app.at(m));
        FOR c IN SELECT name FROM tally.channels ORDER BY id LOOP
            INSERT INTO app.told SELECT c, m, string_agg(format('%s %s', e ->> 'event', e #>> '{labels,world}'), ', ' ORDER BY o)
              FROM tally.claim_notifications(c, as_of => app.at(m)) n, jsonb_array_elements(n.body -> 'events') WITH ORDINALITY x(e, o) GROUP BY n.id;
            PERFORM tally.report_notification(n.id, true, as_of => app.at(m)) FROM tally.notifications n WHERE n.status = 'leased';
        END LOOP;
    END LOOP;
END $$;
CREATE FUNCTION app.of(c text) RETURNS text
    LANGUAGE sql AS $$SELECT string_agg(format('%s: %s', minute, events), ' | ' ORDER BY minute, events) FROM app.told WHERE channel = c$$;
SELECT tally.create_threshold('t', query => 'SELECT world, value FROM app.feed', condition => '> 10');

-- Members fire at 0 and 3; the beat is 2, 6, 10, …. It repeated at 10 and 14, counted from when messages were queued.
SELECT tally.create_channel('g', kind => 'table', group_by => '{threshold}', group_wait => '2 minutes', group_interval => '4 minutes',
    repeat_interval => '10 minutes');
CALL app.play(0, 30, '{"0": ["a"], "3": ["a", "b"]}');
SELECT is(app.of('g'), '2: opened a | 6: opened b | 14: repeated a | 18: repeated b | 26: repeated a | 30: repeated b',
    'repeat_interval counts from when the message that told it was sent; repeats keep the beat');
-- A late member waits for the beat of the group, however long that has been quiet.
CALL app.play(31, 42, '{"31": ["a", "b", "c"]}');
SELECT is((SELECT minute FROM told WHERE channel = 'g' AND events LIKE '%opened c%'), 34, 'a new member keeps the beat');
SELECT tally.acknowledge(id, as_of => app.at(42)) FROM tally.incidents;
CALL app.play(43, 60, '{"43": []}');
SELECT is((SELECT string_agg(events, ' | ') FROM told WHERE channel = 'g' AND minute > 42), 'recovered a, recovered b, recovered c',
    'the end of all is one message, and ends the group');
SELECT is((SELECT minute FROM told WHERE channel = 'g' AND events LIKE 'recovered%'), 46, 'at the beat');
CALL app.play(61, 63, '{"61": ["a"]}');
SELECT is((SELECT minute FROM told WHERE channel = 'g' AND minute > 60), 63, 'the next change begins a group anew, after group_wait');
CALL app.play(64, 80, '{"64": []}');
SELECT tally.drop_channel('g');
DELETE FROM told;

-- It fired and recovered within group_wait, and "opened, recovered" was sent.
SELECT tally.create_channel('w', kind => 'table', group_by => '{threshold}', group_wait => '3 minutes', group_interval => '10 minutes');
SELECT tally.create_channel('alone', kind => 'table', group_wait => '3 minutes');
SELECT tally.create_channel('now', kind => 'table');
CALL app.play(100, 106, '{"100": ["a"], "102": []}');
SELECT is(app.of('w'), NULL, 'what fires and recovers between two flushes is not told at all');
SELECT is(app.of('alone'), NULL, 'nor by a channel without groups that waits');
SELECT is(app.of('now'), '100: refired a | 102: recovered a', 'a channel that waits for nothing has told it');
SELECT is((SELECT count(*) FROM tally.incident_events WHERE at >= app.at(100)), 2::bigint, 'incident and timeline stand');
-- One of two goes; the other is told.
CALL app.play(120, 140, '{"120": ["a", "b"], "122": ["b"]}');
SELECT is(app.of('w'), '123: refired b', 'only what still fires at the flush is told');
-- Told, recovered, fires and recovers again between two flushes: the end is told once.
CALL app.play(141, 160, '{"141": [], "142": ["b"], "143": []}');
SELECT is((SELECT string_agg(events, ' | ') FROM told WHERE channel = 'w' AND minute > 140), 'recovered b',
    'a second life that nobody heard of leaves no trace');
-- A person closes it before anybody was told.
CALL app.play(180, 180, '{"180": ["c"]}');
SELECT tally.resolve(max(id), 'a', 'b', 'c', app.at(181)) FROM tally.incidents WHERE labels ->> 'world' = 'c' AND recovered_at IS NULL;
CALL app.play(181, 200, '{"181": []}');
SELECT is((SELECT count(*) FROM told WHERE channel = 'w' AND minute >= 180), 0::bigint, 'nor is what somebody closed before the flush');
SELECT is((SELECT count(*) FROM tally.notification_members), 0::bigint, 'nothing fires, nothing is a member');

-- A message that is given up counts like one that was sent: the next repeat waits for its interval.
SELECT tally.drop_channel(name) FROM tally.channels;
SELECT tally.create_channel('dead', kind => 'table', max_attempts => 1, repeat_interval => '10 minutes');
DELETE FROM feed;
INSERT INTO feed VALUES ('d', 99);
SELECT tally.evaluate(app.at(300));
SELECT tally.report_notification(id, false, 'gone', app.at(301)) FROM tally.claim_notifications('dead', as_of => app.at(301));
SELECT tally.evaluate(app.at(310)), tally.evaluate(app.at(311));
SELECT is((SELECT string_agg(format('%s %s', status, events #>> '{0,event}'), ', ' ORDER BY id) FROM tally.notifications), 'dead opened, pending repeated',
    'repeated ten minutes after it was given up');

-- Hints for dead messages redelivered one of them.
SELECT tally.report_notification(id, false, 'gone', app.at(312)) FROM tally.claim_notifications('dead', as_of => app.at(312));
SELECT is((SELECT hint FROM tally.health(app.at(313)) WHERE "check" = 'dead notifications'), 'SELECT tally.redeliver_dead();', 'the hint');
SELECT is(tally.redeliver_dead(as_of => app.at(313)), 2::bigint, 'redelivers all of them');
SELECT is((SELECT count(*) FROM tally.notifications WHERE status = 'dead'), 0::bigint, 'none is left');

-- A poller that claims and never commits holds the evaluator up no more: the message is on its way, and the change has one of its own.
SELECT ok(pg_get_functiondef('tally_internal._enqueue_group'::regproc) LIKE '%SKIP LOCKED%', 'messages that somebody holds are not waited for');

-- Ten thousand changes in one message were rewritten with each of them.
SELECT tally.drop_channel(name) FROM tally.channels;
SELECT tally.create_channel('many', kind => 'table', group_by => '{threshold}', group_wait => '1 minute', matchers => '{"threshold": "fleet"}');
SELECT tally.create_threshold('fleet', query => 'SELECT i AS host, 99 AS value FROM generate_series(1, 250) i', condition => '> 10');
SELECT tally.evaluate(app.at(400), 'fleet');
SELECT bag_eq('SELECT jsonb_array_length(events), flush_at FROM tally.notifications', 'VALUES (100, app.at(401)), (100, app.at(401)), (50, app.at(401))',
    'a message holds 100 changes, at one beat');
SELECT is((SELECT count(DISTINCT e ->> 'incident') FROM tally.notifications n, jsonb_array_elements(n.events) e), 250::bigint, 'each incident is told once');
SELECT * FROM finish();
