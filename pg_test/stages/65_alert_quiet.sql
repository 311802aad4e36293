-- Owns: quiet hours of channels: what waits, until when, what is never told; over a change of clocks; tries again in quiet hours; levels of escalation of
-- a threshold's own; refusals. When quiet hours end is worked out by a search over plain calendar arithmetic.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE FUNCTION app.loud(q jsonb, quiet text, zone text DEFAULT 'Europe/Berlin', since date DEFAULT '2026-03-20') RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT is_empty(format($q$
        WITH minute AS (SELECT at, at AT TIME ZONE %3$L AS local, at AT TIME ZONE %3$L - interval '1 day' AS before
                          FROM generate_series(%4$L::timestamptz, %4$L::timestamptz + interval '25 days', '15 minutes') at),
             told AS (SELECT at, %1$s AS quiet FROM minute),
             ends AS (SELECT at, min(at) FILTER (WHERE NOT quiet) OVER (ORDER BY at DESC) AS loud FROM told)
        SELECT e.at FROM ends e WHERE e.at < %4$L::timestamptz + interval '18 days' AND tally_internal._loud_after(%2$L, e.at) IS DISTINCT FROM e.loud$q$,
        quiet, q, zone, since), 'the end of ' || q::text);
END $$;
SELECT app.loud('{"zone": "Europe/Berlin", "hours": [{"from": "22:00", "until": "07:00"}]}', $$(local::time >= '22:00' OR local::time < '07:00')$$);
SELECT app.loud('{"zone": "Europe/Berlin", "hours": [{"from": "12:15", "until": "13:45"}]}', $$(local::time >= '12:15' AND local::time < '13:45')$$);
SELECT app.loud('{"zone": "Europe/Berlin", "hours": [{"from": "22:00", "until": "07:00"}, {"from": "00:00", "until": "24:00", "days": ["sat", "sun"]}]}',
    $$(local::time >= '22:00' OR local::time < '07:00' OR extract(isodow FROM local) IN (6, 7))$$);
SELECT app.loud('{"zone": "Europe/Berlin", "hours": [{"from": "20:00", "until": "06:00", "days": ["fri"]}]}',
    $$((extract(isodow FROM local) = 5 AND local::time >= '20:00') OR (extract(isodow FROM before) = 5 AND local::time < '06:00'))$$);
-- The clock of Havana showed midnight twice on 1 November 2015: quiet begins at the first one, and where it ends in such an hour, at the second one.
SELECT app.loud('{"zone": "America/Havana", "hours": [{"from": "00:00", "until": "06:00"}]}', $$local::time < '06:00'$$, 'America/Havana', '2015-10-20');
SELECT app.loud('{"zone": "America/Havana", "hours": [{"from": "22:00", "until": "01:00"}]}', $$(local::time >= '22:00' OR local::time < '01:00')$$,
    'America/Havana', '2015-10-20');

-- Two nights of Berlin, the second an hour shorter. Everything due is claimed every quarter of an hour.
CREATE TABLE feed (threshold text, world text, value float8);
INSERT INTO feed SELECT 't', w, 1 FROM unnest('{a,b,c,X}'::text[]) w;
CREATE TABLE told (channel text, at timestamptz, events text);
CREATE PROCEDURE app.play(first timestamp, last timestamp, breaching jsonb, ok boolean DEFAULT true) LANGUAGE plpgsql AS $$
DECLARE
    c   text;
    now timestamptz;
BEGIN
    FOR now IN SELECT generate_series(first AT TIME ZONE 'Europe/Berlin', last AT TIME ZONE 'Europe/Berlin', '15 minutes') LOOP
        IF breaching ? to_char(now AT TIME ZONE 'Europe/Berlin', 'DD HH24:MI') THEN
            DELETE FROM app.feed;
            INSERT INTO app.feed SELECT 't', w, CASE WHEN breaching -> to_char(now AT TIME ZONE 'Europe/Berlin', 'DD HH24:MI') ? w THEN 99 ELSE 1 END
              FROM unnest('{a,b,c,X}'::text[]) w;
        END IF;
        PERFORM tally.evaluate(now);
        FOR c IN SELECT name FROM tally.channels ORDER BY id LOOP
            INSERT INTO app.told SELECT c, now, string_agg(format('%s %s', e ->> 'event', e #>> '{labels,world}'), ', ' ORDER BY o)
              FROM tally.claim_notifications(c, as_of => now) n, jsonb_array_elements(n.body -> 'events') WITH ORDINALITY x(e, o) GROUP BY n.id;
            PERFORM tally.report_notification(n.id, ok, 'no', as_of => now) FROM tally.notifications n WHERE n.status = 'leased';
        END LOOP;
    END LOOP;
END $$;
CREATE FUNCTION app.of(c text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s: %s', to_char(at AT TIME ZONE 'Europe/Berlin', 'DD HH24:MI'), events), ' | ' ORDER BY at, events)
      FROM app.told WHERE channel = c
$$;
SELECT tally.create_threshold('t', query => $$SELECT world, value FROM app.feed WHERE world <> 'X'$$, condition => '> 10', every => '15 minutes');
SELECT tally.create_threshold('urgent', query => $$SELECT world, value FROM app.feed WHERE world = 'X'$$, condition => '> 10', severity => 'critical',
    owner => 'ann', runbook => 'https://x', response_target => '3 days', every => '15 minutes');
SELECT tally.create_channel('always', kind => 'table', events => '{opened,refired,recovered}');
SELECT tally.create_channel('single', kind => 'table', events => '{opened,refired,recovered}',
    quiet => '{"zone": "Europe/Berlin", "hours": [{"from": "22:00", "until": "07:00"}]}');
SELECT tally.create_channel('grouped', kind => 'table', group_by => '{}', group_wait => '15 minutes', group_interval => '30 minutes',
    repeat_interval => '12 hours', quiet => '{"zone": "Europe/Berlin", "hours": [{"from": "22:00", "until": "07:00"}]}');
CALL app.play('2026-03-27 21:00', '2026-03-28 08:00',
    '{"27 21:30": ["a"], "27 23:00": ["a", "b"], "27 23:30": ["a", "b", "c"], "28 00:15": ["a", "b", "c", "X"],
    "28 01:00": ["b", "c", "X"], "28 02:00": ["b", "X"]}');
SELECT is(app.of('always'), '27 21:30: opened a | 27 23:00: opened b | 27 23:30: opened c | 28 00:15: opened X | 28 01:00: recovered a | 28 02:00: recovered c',
    'evaluation never waits: incidents are filed at once, and other channels tell them');
SELECT is(app.of('single'), '27 21:30: opened a | 28 00:15: opened X | 28 07:00: opened b | 28 07:00: recovered a',
    'critical at once, the rest in the morning; what began and ended in the night is not told');
SELECT is(app.of('grouped'), '27 21:45: opened a | 28 00:30: opened X | 28 07:00: opened b, recovered a', 'so with groups: what is urgent waits in no message');
DELETE FROM told;
CALL app.play('2026-03-28 20:00', '2026-03-29 09:00', '{"28 23:00": ["c", "X"]}');
SELECT is(app.of('single'), '29 07:00: recovered b | 29 07:00: refired c', 'the night of 23 hours ends at 07:00 of the clock too');
SELECT is((SELECT min(at) FROM told WHERE channel = 'single'), '2026-03-29 05:00Z'::timestamptz, 'which is 05:00 UTC then');

-- What is tried again does not come in the night either.
DELETE FROM told;
CALL app.play('2026-03-29 21:30', '2026-03-29 21:45', '{"29 21:30": ["a", "c", "X"]}', ok => false);
DELETE FROM told;
CALL app.play('2026-03-29 22:00', '2026-03-30 07:30', '{}');
SELECT is((SELECT min(at) FROM told WHERE channel = 'single'), '2026-03-30 05:00Z'::timestamptz,
    'a message that failed in the evening is tried again in the morning');
SELECT isnt((SELECT min(at) FROM told WHERE channel = 'always'), '2026-03-30 05:00Z'::timestamptz, 'which another channel does not wait for');
-- Changed and taken away.
SELECT lives_ok($$SELECT tally.create_channel('single', kind => 'table', quiet => '{"hours": [{"from": "09:00", "until": "10:00", "days": ["mon"]}],
    "matchers": {"world": "b"}}')$$, 'other hours, for other incidents');
SELECT alike((SELECT statement FROM tally.definitions() WHERE name = 'single' AND kind = 'channel'), '%quiet => %"days": ["mon"]%',
    'definitions() writes them out');
DO $$
DECLARE
    written text := (SELECT statement FROM tally.definitions() WHERE name = 'single' AND kind = 'channel');
BEGIN
    PERFORM tally.drop_channel('single');
    EXECUTE written;
END $$;
SELECT is((SELECT quiet FROM tally.channels WHERE name = 'single'),
    '{"hours": [{"from": "09:00", "until": "10:00", "days": ["mon"]}], "matchers": {"world": "b"}}',
    'and gives them back');

-- Levels of escalation.
DELETE FROM told;
SELECT tally.drop_channel(n) FROM unnest('{always,single,grouped}'::text[]) n;
SELECT tally.create_channel('chief', kind => 'table', matchers => '{"escalation": ["2", "3"], "threshold": "late"}');
SELECT tally.create_threshold('late', query => $$SELECT world, value FROM app.feed WHERE world = 'b'$$, condition => '> 10', response_target => '30 minutes',
    escalation => '{15 minutes,1 hour}', every => '15 minutes');
CALL app.play('2026-04-01 10:00', '2026-04-01 20:00', '{"01 10:00": ["b"], "01 19:00": []}');
SELECT is((SELECT array_agg(to_char(e.at AT TIME ZONE 'Europe/Berlin', 'HH24:MI') ORDER BY e.id)::text FROM tally.incident_events e JOIN tally.incidents i
    ON i.id = e.incident_id WHERE i.threshold = 'late' AND e.event = 'escalated'), '{10:30,10:45,11:45}', 'each level comes when the threshold says');
SELECT is(app.of('chief'), '01 10:45: escalated b | 01 11:45: escalated b | 01 19:00: recovered b', 'a channel may be for the higher levels alone');
SELECT lives_ok($$SELECT tally.alter_threshold('late', '{"escalation": []}')$$, 'one level alone');
SELECT tally.resolve(id, 'a', 'b', 'c', '2026-04-01 20:00Z') FROM tally.incidents WHERE threshold = 'late';
CALL app.play('2026-04-02 10:00', '2026-04-02 20:00', '{"02 10:00": ["b"]}');
SELECT is((SELECT count(*) FROM tally.incident_events e JOIN tally.incidents i ON i.id = e.incident_id WHERE i.threshold = 'late' AND e.event = 'escalated'
    AND e.at > '2026-04-02'), 1::bigint, 'is told once');
SELECT alike((SELECT statement FROM tally.definitions() WHERE name = 'late'), '%escalation => ''{}''%', 'definitions() writes levels out');

SELECT throws_like($$SELECT tally.create_channel('x', kind => 'table', quiet => '{"hours": []}')$$, '%hours of quiet must be a list of 1 to 20%', 'no hours');
SELECT throws_like($$SELECT tally.create_channel('x', kind => 'table', quiet => '7')$$, '%quiet must be an object%', 'no object');
SELECT throws_like($$SELECT tally.create_channel('x', kind => 'table', quiet => '{"hours": [{"from": "9", "until": "10:00"}]}')$$,
    '%times such as 22:00%', 'no time');
SELECT throws_like($$SELECT tally.create_channel('x', kind => 'table', quiet => '{"hours": [{"from": "09:00", "until": "09:00"}]}')$$,
    '%must differ%', 'no length');
SELECT throws_like($$SELECT tally.create_channel('x', kind => 'table', quiet => '{"hours": [{"from": "09:00", "until": "10:00", "days": ["monday"]}]}')$$,
    '%list of mon, tue%', 'no day');
SELECT throws_like($$SELECT tally.create_channel('x', kind => 'table', quiet => '{"hours": [{"from": "09:00", "until": "21:00"},
    {"from": "21:00", "until": "09:00"}]}')$$, '%these leave none%', 'hours that never end');
SELECT throws_ok($$SELECT tally.create_channel('x', kind => 'table', quiet => '{"zone": "Nowhere", "hours": [{"from": "09:00", "until": "10:00"}]}')$$,
    '22023', NULL,
    'no zone');
SELECT is_empty($$SELECT FROM tally.channels WHERE name = 'x'$$, 'none of these is made');
SELECT throws_like($$SELECT tally.alter_threshold('late', '{"escalation": ["0 seconds"]}')$$, '%up to 10 lengths%', 'a level without a wait');
SELECT throws_like($$SELECT tally.alter_threshold('t', '{"escalation": ["1 hour"]}')$$, '%needs a response_target%', 'levels without the first');

-- Bug: what was wrong with quiet got a hint without it.
\ir ../message_of.psql
SELECT is((message_of($$SELECT tally.create_channel('loud', quiet => '{}')$$)).hint, $$SELECT tally.create_channel('loud', url => 'https://…', template => $$
    || $$'slack', quiet => '{"zone": "UTC", "hours": [{"from": "22:00", "until": "07:00"}]}');$$, 'the hint shows how quiet hours are written');
SELECT lives_ok((message_of($$SELECT tally.create_channel('loud', quiet => '{}')$$)).hint, 'and is a statement that works');
SELECT * FROM finish();
