-- Owns: what a person wants to know next: whether this has happened before, when the budget will be gone, and a quiet night in which nothing is missed.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'Asia/Tokyo';
CREATE FUNCTION public.at(n int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00+00'::timestamptz + n * interval '1 minute'$$;
CREATE TABLE feed (host text, value float8);
SELECT tally.create_threshold('t', query => 'SELECT host, value FROM feed', condition => '> 10');
SELECT tally.create_channel('c', kind => 'table');

-- The last incident of the same labels.
INSERT INTO feed VALUES ('a', 99), ('b', 99);
SELECT tally.evaluate(public.at(0));
UPDATE feed SET value = 0;
SELECT tally.evaluate(public.at(1));
SELECT tally.resolve(id, 'cause', 'mitigation', 'prevention', public.at(1)) FROM tally.incidents WHERE labels = '{"host": "a"}';
UPDATE feed SET value = 99;
SELECT tally.evaluate(public.at(2));
SELECT results_eq($$SELECT labels ->> 'host', opened_at, previous_id = (SELECT min(o.id) FROM tally.incidents o WHERE o.labels = i.labels)
    FROM tally.incidents i ORDER BY id$$,
    $$VALUES ('a', public.at(0), NULL::boolean), ('b', public.at(0), NULL), ('a', public.at(2), true)$$,
        'a closed incident is the previous one of the next; one that fires again is the same');
SELECT is((SELECT (e.detail ->> 'previous')::bigint FROM tally.incident_events e JOIN tally.incidents i ON i.id = e.incident_id
    WHERE i.previous_id IS NOT NULL AND e.event = 'opened'),
    (SELECT min(id) FROM tally.incidents WHERE labels = '{"host": "a"}'), 'the timeline names it');
SELECT results_eq($$SELECT e ->> 'event', (e ->> 'previous')::bigint = (SELECT min(id) FROM tally.incidents WHERE labels = '{"host": "a"}')
    FROM tally.claim_notifications('c', as_of => public.at(2)) c,
    jsonb_array_elements(c.body -> 'events') e WHERE e #>> '{labels,host}' = 'a' ORDER BY c.id$$,
        $$VALUES ('opened', NULL::boolean), ('recovered', NULL), ('opened', true)$$, 'and so does the message');
SELECT is((SELECT i.root_cause FROM tally.incidents n JOIN tally.incidents i ON i.id = n.previous_id), 'cause', 'whose cause is one join away');

-- When the budget will be gone. Ten days of 100 requests an hour, 1 bad in the hour of every sixth; the objective is 99 % over 10 days.
CREATE TABLE requests (at timestamptz NOT NULL, bad boolean NOT NULL);
CREATE INDEX ON requests (at);
INSERT INTO requests SELECT public.at(0) - interval '10 days' + h * interval '1 hour' + i * interval '30 seconds', i = 0 AND h % 6 = 5
    FROM generate_series(0, 239) h, generate_series(0, 99) i;
SELECT tally.create_rollup('r', 'requests', 'at', bucket => '5 minutes', measures => '{"n": "count(*)", "bad": "count(*) FILTER (WHERE bad)"}',
    with_data => true);
SELECT tally.create_metric('bad_share', 'r', 'bad::float8 / nullif(n, 0)');
SELECT tally.create_threshold('slo', metric => 'bad_share', condition => 'burn rate 99% over 10 days');
-- By hand: 40 bad of 24,000 is a sixth of the 240 that the budget has. The last hour has 1 of 100: a rate of 1. Five sixths of 10 days are left.
SELECT results_eq($$SELECT round(consumed::numeric, 6), round(burn_rate::numeric, 6),
    date_trunc('minute', gone_at) FROM tally.error_budget('slo', public.at(0))$$,
    $$VALUES (0.166667, 1.000000, public.at(0) + interval '8 days 8 hours')$$, 'at the rate of 1 five sixths last for five sixths of the period');
-- An hour earlier nothing was bad in the last hour.
SELECT results_eq($$SELECT burn_rate, gone_at FROM tally.error_budget('slo', public.at(-60))$$, $$VALUES (0::float8, NULL::timestamptz)$$,
    'an hour without bad events: never');
UPDATE requests SET bad = true WHERE at >= public.at(-60);
SELECT results_eq($$SELECT round(consumed::numeric, 4), round(burn_rate::numeric, 4),
    gone_at >= public.at(0) + interval '59 minutes' AND gone_at <= public.at(0) + interval '92 minutes' FROM tally.error_budget('slo', public.at(0))$$,
    $$VALUES (0.5792, 100.0000, true)$$, '139 of 240 are used; at 100 an hour the other 101 last for about an hour');
UPDATE requests SET bad = true WHERE at >= public.at(-300);
SELECT results_eq($$SELECT remaining < 0, gone_at FROM tally.error_budget('slo', public.at(0))$$, $$VALUES (true, public.at(0))$$, 'and gone is gone');

-- A quiet night: evaluation goes on, incidents are filed, what is critical is told at once, what still fires in the morning is told then.
SELECT tally.silence('{"severity": ["info", "warning"]}', 'night', starts_at => '2026-03-01 22:00+01', "for" => '9 hours', every => '1 day',
    zone => 'Europe/Berlin');
SELECT tally.create_threshold('wakes', query => 'SELECT value FROM feed WHERE host = ''night''', condition => '> 10', severity => 'critical',
    owner => 'on-call', runbook => 'https://example.org');
SELECT tally.create_threshold('waits', query => 'SELECT value FROM feed WHERE host = ''night''', condition => '> 10');
SELECT tally.create_channel('night', kind => 'table', matchers => '{"threshold": ["wakes", "waits"]}');
INSERT INTO feed VALUES ('night', 99);
SELECT is((SELECT sum(opened) FROM tally.evaluate('2026-03-02 23:30+01') e WHERE e.threshold IN ('wakes', 'waits')), 2::bigint,
    'both are filed at night, a day later');
SELECT bag_eq($$SELECT e ->> 'threshold' AS t, e ->> 'event' AS e FROM tally.claim_notifications('night', as_of => '2026-03-02 23:30+01') c,
    jsonb_array_elements(c.body -> 'events') e$$, $$VALUES ('wakes', 'opened')$$, 'one wakes somebody');
SELECT tally.evaluate('2026-03-03 07:01+01');
SELECT is((SELECT count(*) FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id, jsonb_array_elements(n.events) e
    WHERE c.name = 'night' AND e ->> 'threshold' = 'waits' AND e ->> 'event' = 'unsilenced'), 1::bigint, 'the other is told in the morning');
SELECT * FROM finish();
