-- Owns: what generate_awf() promises: so many events, the same each time, in order, in shape.
SELECT no_plan();

CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE SCHEMA other;
SELECT is(tally.generate_awf(20000, seed => 3, until => '2025-03-31 00:00+00', span => '3 days', target_schema => 'one'), 20000::bigint,
    'exactly as many events as asked');
SELECT tally.generate_awf(20000, seed => 3, until => '2025-03-31 00:00+00', span => '3 days', target_schema => 'two');
SELECT tally.generate_awf(20000, seed => 4, until => '2025-03-31 00:00+00', span => '3 days', target_schema => 'other');

SELECT bag_eq('TABLE one.analytics_events', 'TABLE two.analytics_events', 'the same arguments give the same rows');
SELECT isnt_empty('TABLE one.analytics_events EXCEPT TABLE other.analytics_events', 'another seed gives other rows');
SELECT is((SELECT count(*) FROM one.analytics_events o JOIN other.analytics_events t USING (session_id)), 0::bigint, 'and other sessions');

SELECT ok((SELECT min(event_time) >= '2025-03-28 00:00+00' AND max(event_time) <= '2025-03-31 00:00+00' FROM one.analytics_events), 'all within the span');
SELECT ok((SELECT bool_and(event_time >= session_started_at) FROM one.analytics_events), 'no event before its session''s start');
SELECT is((SELECT count(DISTINCT event_type) FROM one.analytics_events), 26::bigint, 'all twenty-six types occur');
SELECT is((SELECT count(*) FROM (SELECT FROM one.analytics_events GROUP BY adventure HAVING count(DISTINCT world) > 1) x), 0::bigint,
    'an adventure belongs to one world');
SELECT is((SELECT count(*) FROM (SELECT FROM one.analytics_events GROUP BY session_id
    HAVING count(DISTINCT (world, adventure, locale, model, experiment, variation, content_version, session_started_at, user_id)) > 1) x),
          0::bigint, 'a session keeps its dimensions');
SELECT ok((SELECT bool_and((experiment IS NULL) = (variation IS NULL)) FROM one.analytics_events), 'an arm comes with its experiment');
SELECT ok((SELECT bool_and((event_type = 'turn') = (latency_ms IS NOT NULL)) FROM one.analytics_events), 'turns have a latency, and nothing else');
SELECT ok((SELECT corr(id, extract(epoch FROM event_time)) > 0.99 FROM one.analytics_events), 'they land in order of time');
SELECT ok((SELECT min(n) > 0 AND bool_and(n <= before)
    FROM (SELECT n, lag(n, 1, n) OVER (ORDER BY array_position('{start,choice,npc_join,craft,vendor,boss,completion}', event_type)) AS before
             FROM (SELECT event_type, count(DISTINCT session_id) AS n FROM one.analytics_events WHERE event_type IN ('start', 'choice', 'npc_join', 'craft',
                 'vendor', 'boss', 'completion') GROUP BY 1) s) x),
          'every step of the funnel loses sessions');
SELECT is(tally.generate_awf(0, target_schema => 'other'), 0::bigint, 'none is none');
SELECT is(tally.generate_awf(1, seed => 9, target_schema => 'other'), 1::bigint, 'one is one');
-- The last session is cut to the number asked for, wherever in the funnel that falls.
SELECT is((SELECT sum(tally.generate_awf(n, seed => 20 + n, span => '1 day', target_schema => 'other')) FROM generate_series(2, 60) n),
    (SELECT sum(n)::numeric FROM generate_series(2, 60) n), 'any number will do');
SELECT throws_ok($$SELECT tally.generate_awf(-1)$$, '22023', NULL, 'fewer than none is an error');
SELECT throws_ok($$SELECT tally.generate_awf(10, span => '-1 day')$$, '22023', NULL, 'so is a span of nothing');

SELECT * FROM finish();
