-- Owns: what one tick files, tells and keeps back at once: the same as one by one, in the order of the labels. Expected values are counted by hand.
SELECT no_plan();
SET client_min_messages = warning;
CREATE FUNCTION public.at(n int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00+00'::timestamptz + n * interval '1 minute'$$;
CREATE TABLE feed (threshold text, host text, site text, value float8);
SELECT tally.create_threshold(t, query => format('SELECT host, site, value FROM feed WHERE threshold = %L', t), condition => '> 10',
                              reopen_within => '10 minutes') FROM unnest('{many,mixed,order}'::text[]) t;
SELECT tally.create_channel('each', kind => 'table', matchers => '{"threshold": "many"}');
SELECT tally.create_channel('grouped', kind => 'table', matchers => '{"threshold": "many"}', group_by => '{site}',
                            group_wait => '5 minutes');

-- 250 fire at once: 150 of one site, 100 of another.
INSERT INTO feed SELECT 'many', 'h' || lpad(i::text, 3, '0'), CASE WHEN i % 5 < 3 THEN 'one' ELSE 'two' END, 99 FROM generate_series(1, 250) i;
SELECT is((SELECT opened FROM tally.evaluate(at(0), 'many')), 250, 'all are filed');
SELECT results_eq($$SELECT array_agg(labels ->> 'host' ORDER BY id) FROM tally.incidents WHERE threshold = 'many'$$,
    $$SELECT array_agg(host ORDER BY host) FROM feed WHERE threshold = 'many'$$, 'in the order of their labels');
SELECT is((SELECT count(*) FROM tally.incidents WHERE threshold = 'many' AND NOT evidence ? 'omitted'), 20::bigint, 'the first twenty have evidence');
SELECT is((SELECT min(labels ->> 'host') FROM tally.incidents WHERE threshold = 'many' AND evidence ? 'omitted'), 'h021', 'and not others');
SELECT is((SELECT count(*) FROM tally.incident_events e JOIN tally.incidents i ON i.id = e.incident_id WHERE i.threshold = 'many' AND e.event = 'opened'
    AND (e.detail ->> 'value')::float8 = 99), 250::bigint, 'each has its entry in the timeline');
SELECT results_eq($$SELECT count(*), bool_and(jsonb_array_length(n.events) = 1), count(DISTINCT n.events -> 0 -> 'incident') FROM tally.notifications n
    JOIN tally.channels c ON c.id = n.channel_id WHERE c.name = 'each'$$, $$VALUES (250::bigint, true, 250::bigint)$$, 'a message for each');
SELECT results_eq($$SELECT n.group_key ->> 'site', jsonb_array_length(n.events) FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id
    WHERE c.name = 'grouped' ORDER BY n.id$$, $$VALUES ('one', 100), ('one', 50), ('two', 100)$$,
    'messages of a group hold a hundred changes at most');
SELECT is((SELECT count(*) FROM tally.notifications n, jsonb_array_elements(n.events) WITH ORDINALITY e(e, k) JOIN LATERAL
    (SELECT n.events -> (e.k::int) AS later) l ON l.later IS NOT NULL WHERE (l.later ->> 'incident')::bigint <= (e.e ->> 'incident')::bigint), 0::bigint,
    'and tell them in their order');
SELECT results_eq($$SELECT c.name, count(*), count(*) FILTER (WHERE (n.group_hash, true) = (m.group_hash, n.events @> jsonb_build_array(jsonb_build_object(
    'incident', m.incident_id)))) FROM tally.notification_members m JOIN tally.channels c ON c.id = m.channel_id
    JOIN tally.notifications n ON n.id = m.waiting_id GROUP BY 1 ORDER BY 1$$, $$VALUES ('each', 250::bigint, 250::bigint), ('grouped', 250, 250)$$,
    'each is a member of the group that its message is of');

-- More join the message that has room. All is told, and then 251 recover at once, while one more fires.
INSERT INTO feed VALUES ('many', 'h300', 'one', 99);
SELECT is((SELECT opened FROM tally.evaluate(at(0) + interval '1 second', 'many')), NULL::int, 'a tick is done once');
SELECT is((SELECT opened FROM tally.evaluate(at(1), 'many')), 1, 'one more');
SELECT results_eq($$SELECT n.group_key ->> 'site', jsonb_array_length(n.events) FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id
    WHERE c.name = 'grouped' ORDER BY n.id$$, $$VALUES ('one', 100), ('one', 51), ('two', 100)$$, 'it goes into the message that has room');
SELECT is((SELECT count(tally.report_notification(n.id, true, as_of => at(6))) FROM unnest('{each,grouped}'::text[]) c,
    tally.claim_notifications(c, 1000, as_of => at(6)) n), 254::bigint, 'all is told');
UPDATE feed SET value = 0 WHERE threshold = 'many';
INSERT INTO feed VALUES ('many', 'h150b', 'two', 99);
SELECT results_eq($$SELECT opened, recovered FROM tally.evaluate(at(7), 'many')$$, $$VALUES (1, 251)$$, 'one fires among 251 that recover');
SELECT results_eq($$SELECT n.group_key ->> 'site', string_agg(e ->> 'event', ',' ORDER BY n.id, k) FILTER (WHERE e ->> 'event' = 'opened'), count(*)
    FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id, jsonb_array_elements(n.events) WITH ORDINALITY x(e, k)
    WHERE c.name = 'grouped' AND n.status = 'pending' GROUP BY 1 ORDER BY 1$$, $$VALUES ('one', NULL, 151::bigint), ('two', 'opened', 101)$$,
    'each is told once');
SELECT is((SELECT string_agg(e ->> 'event', ' ' ORDER BY n.id, k) FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id,
    jsonb_array_elements(n.events) WITH ORDINALITY x(e, k) WHERE c.name = 'grouped' AND n.status = 'pending' AND n.group_key ->> 'site' = 'two'
    AND e #>> '{labels,host}' BETWEEN 'h148' AND 'h153'), 'recovered recovered opened recovered', 'in the order of the labels: h148, h149, h150b, h153');
SELECT is((SELECT count(*) FROM tally.notification_members), 2::bigint, 'what recovered is in no group any more');

-- Some are open still, some were closed a while ago, some are new.
INSERT INTO feed SELECT 'mixed', h, 'one', 99 FROM unnest('{a,b,c,d}'::text[]) h;
SELECT count(*) FROM tally.evaluate(at(0), 'mixed');
UPDATE feed SET value = 0 WHERE threshold = 'mixed';
SELECT count(*) FROM tally.evaluate(at(1), 'mixed');
SELECT tally.resolve(i.id, 'x', 'y', 'z', at(n)) FROM tally.incidents i, (VALUES ('b', 2), ('c', -60)) r(host, n)
 WHERE i.threshold = 'mixed' AND i.labels ->> 'host' = r.host;
UPDATE feed SET value = 77 WHERE threshold = 'mixed';
INSERT INTO feed VALUES ('mixed', 'e', 'one', 77);
SELECT is((SELECT opened FROM tally.evaluate(at(5), 'mixed')), 5, 'five fire');
SELECT results_eq($$SELECT i.labels ->> 'host', i.status, i.reopened, i.recovered_at, i.last_value, i.resolved_at IS NULL, i.previous_id IS NOT NULL,
    (SELECT string_agg(e.event, ' ' ORDER BY e.id) FROM tally.incident_events e WHERE e.incident_id = i.id)
    FROM tally.incidents i WHERE i.threshold = 'mixed' ORDER BY i.labels ->> 'host', i.id$$,
    $$VALUES ('a', 'new', 0, NULL::timestamptz, 77::float8, true, false, 'opened recovered refired'),
             ('b', 'new', 1, NULL, 77, true, false, 'opened recovered resolved reopened'),
             ('c', 'resolved', 0, at(1), 0, false, false, 'opened recovered resolved'), ('c', 'new', 0, NULL, 77, true, true, 'opened'),
             ('d', 'new', 0, NULL, 77, true, false, 'opened recovered refired'), ('e', 'new', 0, NULL, 77, true, false, 'opened')$$,
    'what is open fires again, what was just closed is reopened, what was closed long ago is the previous one');

-- What fires first keeps back what fires after it in the same tick, and not what fired before.
SELECT tally.create_inhibition('gateway', source => '{"host": "m"}', target => '{"threshold": "order"}', equal => '{site}');
SELECT tally.create_channel('ordered', kind => 'table', matchers => '{"threshold": "order"}');
SELECT tally.silence('{"host": ["y", "z"]}', 'planned', starts_at => at(0), "for" => '1 hour');
INSERT INTO feed SELECT 'order', h, s, 99 FROM (VALUES ('a', 'one'), ('m', 'one'), ('x', 'one'), ('w', 'two'), ('y', 'one')) f(h, s);
SELECT is((SELECT opened FROM tally.evaluate(at(0), 'order')), 5, 'five fire');
SELECT results_eq($$SELECT labels ->> 'host', substring(suppressed_by from '^\w+ \w+') ~ '^inhibition gateway', suppressed_by ~ ': planned$', inhibitor_id =
    (SELECT x.id FROM tally.incidents x WHERE x.threshold = 'order' AND x.labels ->> 'host' = 'm') FROM tally.incidents WHERE threshold = 'order' ORDER BY 1$$,
    $$VALUES ('a', NULL, NULL, NULL), ('m', NULL, NULL, NULL), ('w', NULL, NULL, NULL), ('x', true, false, true), ('y', false, true, NULL)$$,
    'x is kept back by m, y by the silence; a came before m, and w is elsewhere');
SELECT results_eq($$SELECT e #>> '{labels,host}' FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id, jsonb_array_elements(n.events) e
    WHERE c.name = 'ordered' ORDER BY n.id$$, $$VALUES ('a'), ('m'), ('w')$$, 'the others are told');
SELECT is((SELECT count(*) FROM tally.incident_events e JOIN tally.incidents i ON i.id = e.incident_id WHERE i.threshold = 'order' AND e.event = 'silenced'),
    2::bigint, 'and the timeline says of both what keeps them back');
UPDATE feed SET value = 0 WHERE threshold = 'order';
SELECT results_eq($$SELECT recovered FROM tally.evaluate(at(1), 'order')$$, $$VALUES (5)$$, 'all recover');
SELECT results_eq($$SELECT e ->> 'event', e #>> '{labels,host}' FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id,
    jsonb_array_elements(n.events) e WHERE c.name = 'ordered' ORDER BY n.id$$, $$VALUES ('opened', 'a'), ('opened', 'm'), ('opened', 'w'), ('recovered', 'a'),
    ('recovered', 'm'), ('recovered', 'w')$$, 'what was told is over; what was kept back is not told, and what recovers in the same tick keeps nothing back');
SELECT is((SELECT count(*) FROM tally.inhibitors), 0::bigint, 'and nothing is kept back any more');
SELECT * FROM finish();
