-- Owns: the relations of the pack awf against independent plain SQL over the events, on small data with everything that
-- goes wrong: NULL dimensions, rates over nothing, sessions across midnight, steps out of order, late rows, edits.
SELECT no_plan();

SELECT tally.generate_awf(6000, seed => 5, until => '2025-03-31 00:00+00', span => '2 days');
SELECT tally.install_pack('awf');

CREATE VIEW plain_hourly AS
SELECT date_trunc('hour', event_time, 'UTC') AS date_hour, world, adventure, locale, model, experiment, variation,
       (count(*) FILTER (WHERE event_type = 'turn'))::int AS turns, count(DISTINCT session_id)::int AS sessions,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms)::int AS p95_latency_ms,
       round((count(*) FILTER (WHERE event_type = 'retry'))::numeric / nullif(count(*) FILTER (WHERE event_type = 'turn'), 0), 4) AS retry_rate,
       round((count(*) FILTER (WHERE event_type = 'fallback'))::numeric / nullif(count(*) FILTER (WHERE event_type = 'turn'), 0), 4) AS fallback_rate,
       round((count(*) FILTER (WHERE event_type = 'stuck'))::numeric / nullif(count(*) FILTER (WHERE event_type = 'turn'), 0), 4) AS stuck_rate
  FROM analytics_events GROUP BY 1, 2, 3, 4, 5, 6, 7;

CREATE VIEW plain_daily AS
SELECT date_trunc('day', event_time, 'UTC')::date AS date, world, adventure, locale, model, experiment, variation, content_version,
       t.turns::int, count(DISTINCT session_id)::int AS sessions,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms)::int AS p50_latency_ms,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms)::int AS p95_latency_ms,
       round(sum(tokens_in)::numeric / nullif(t.turns, 0))::int AS avg_in_tokens, round(sum(tokens_out)::numeric / nullif(t.turns, 0))::int AS avg_out_tokens,
       round(sum((event_type = 'retry')::int)::numeric / nullif(t.turns, 0), 4) AS retry_rate,
       round(sum((event_type = 'fallback')::int)::numeric / nullif(t.turns, 0), 4) AS fallback_rate,
       round(sum((event_type = 'validator_retry')::int)::numeric / nullif(t.turns, 0), 4) AS validator_retry_rate,
       round(sum((event_type = 'stuck')::int)::numeric / nullif(t.turns, 0), 4) AS stuck_rate,
       round(sum(ticks)::numeric / nullif(t.turns, 0), 2) AS avg_ticks, round(sum(tool_calls)::numeric / nullif(t.turns, 0), 2) AS tool_calls_per_turn,
       round(sum(acts)::numeric / nullif(t.turns, 0), 2) AS acts_per_turn,
           round(sum((event_type = 'choice')::int)::numeric / nullif(t.turns, 0), 2) AS choices_per_turn,
       round(sum((event_type = 'softlock_hint')::int)::numeric / nullif(t.turns, 0), 4) AS softlock_hints_rate,
       round(coalesce(sum((meta ->> 'gold')::numeric), 0) / nullif(t.turns, 0), 2) AS econ_velocity,
       round(avg((meta ->> 'success')::boolean::int) FILTER (WHERE event_type = 'craft'), 4) AS craft_success_rate,
       round(avg(((meta ->> 'gold')::int <> 0)::int) FILTER (WHERE event_type = 'vendor'), 4) AS vendor_trade_rate,
       round(avg((event_type = 'npc_join')::int) FILTER (WHERE event_type IN ('npc_join', 'npc_decline')), 4) AS party_recruits_rate,
       round(avg((meta ->> 'candidates')::int) FILTER (WHERE event_type = 'dialogue'), 2) AS dialogue_candidate_avg,
       round(avg((meta ->> 'consent')::boolean::int) FILTER (WHERE event_type = 'romance'), 4) AS romance_consent_rate,
       round(avg((meta ->> 'triggered')::boolean::int) FILTER (WHERE event_type = 'world_event'), 4) AS event_trigger_rate
  FROM (SELECT *, count(*) FILTER (WHERE event_type = 'turn')
                  OVER (PARTITION BY date_trunc('day', event_time, 'UTC'), world, adventure, locale, model, experiment, variation, content_version) AS turns
          FROM analytics_events) t
 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, t.turns;

-- The level of a session: how far its first times go without a gap and without turning back.
CREATE VIEW plain_funnel AS
SELECT day AS date, coalesce(adventure, '(none)') AS adventure, world, experiment, variation,
       (count(*) FILTER (WHERE level >= 1))::int AS s1, (count(*) FILTER (WHERE level >= 2))::int AS s2, (count(*) FILTER (WHERE level >= 3))::int AS s3,
       (count(*) FILTER (WHERE level >= 4))::int AS s4, (count(*) FILTER (WHERE level >= 5))::int AS s5, (count(*) FILTER (WHERE level >= 6))::int AS s6,
       (count(*) FILTER (WHERE level >= 7))::int AS s7
  FROM (SELECT s.*, (SELECT max(k) FROM generate_series(1, 7) k
                      WHERE (SELECT bool_and(first[i] IS NOT NULL AND (i = 1 OR first[i - 1] <= first[i])) FROM generate_series(1, k) i)) AS level
          FROM (SELECT session_id, (session_started_at AT TIME ZONE 'UTC')::date AS day, adventure, world, experiment, variation,
                       ARRAY(SELECT (SELECT min(e.event_time) FROM analytics_events e WHERE e.session_id = a.session_id AND e.event_type = step.name
                                        AND (e.world, e.adventure, e.experiment, e.variation) IS NOT DISTINCT
                                            FROM (a.world, a.adventure, a.experiment, a.variation))
                               FROM unnest('{start,choice,npc_join,craft,vendor,boss,completion}'::text[]) WITH ORDINALITY step(name, k) ORDER BY k) AS first
                  FROM analytics_events a WHERE event_type IN ('start', 'choice', 'npc_join', 'craft', 'vendor', 'boss', 'completion')
                 GROUP BY session_id, day, adventure, world, experiment, variation) s) l
 GROUP BY 1, 2, 3, 4, 5;
CREATE INDEX ON analytics_events (session_id);

CREATE FUNCTION same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    hourly text := 'SELECT date_hour, world, adventure, locale, model, experiment, variation, turns, sessions, p95_latency_ms, retry_rate, fallback_rate, '
        'stuck_rate FROM ';
    daily  text := (SELECT format('SELECT %s FROM ', string_agg(quote_ident(attname), ', ' ORDER BY attnum)) FROM pg_attribute
        WHERE attrelid = 'plain_daily'::regclass AND attnum > 0);
    funnel text := 'SELECT date, adventure, world, experiment, variation, start_count, first_choice_count, first_npc_join_count, first_craft_count, '
        'first_vendor_count, first_boss_count, completion_count FROM awf_funnels_daily';
BEGIN
    RETURN NEXT is_empty(format('(%1$s awf_rollup_hourly EXCEPT ALL %1$s plain_hourly) UNION ALL (%1$s plain_hourly EXCEPT ALL %1$s awf_rollup_hourly)',
        hourly), what || ': awf_rollup_hourly');
    RETURN NEXT is_empty(format('(%1$s awf_rollup_daily EXCEPT ALL %1$s plain_daily) UNION ALL (%1$s plain_daily EXCEPT ALL %1$s awf_rollup_daily)', daily),
        what || ': awf_rollup_daily');
    RETURN NEXT is_empty(format('(%1$s EXCEPT ALL TABLE plain_funnel) UNION ALL (TABLE plain_funnel EXCEPT ALL %1$s)', funnel), what || ': awf_funnels_daily');
END $$;

SELECT is((SELECT count(*) FROM awf_rollup_hourly) + (SELECT count(*) FROM awf_rollup_daily) + (SELECT count(*) FROM awf_funnels_daily), 0::bigint,
    'nothing before the backfill');
CALL tally.backfill();
SELECT same('after the backfill');
SELECT isnt_empty('SELECT FROM awf_funnels_daily WHERE completion_count > 0', 'some sessions complete');

INSERT INTO analytics_events (event_time, event_type, session_id, session_started_at, latency_ms, tokens_in, tokens_out, ticks, tool_calls, acts, meta) VALUES
    ('2025-03-29 23:59:00+00', 'start', 'nowhere', '2025-03-29 23:59:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('2025-03-30 00:00:00+00', 'choice', 'nowhere', '2025-03-29 23:59:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('2025-03-30 00:01:00+00', 'fallback', 'nowhere', '2025-03-29 23:59:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('2025-03-30 00:02:00+00', 'craft', 'nowhere', '2025-03-29 23:59:00+00', NULL, NULL, NULL, NULL, NULL, NULL, '{"success": true}'),
    ('2025-03-30 00:03:00+00', 'npc_join', 'nowhere', '2025-03-29 23:59:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT tally.refresh();
SELECT same('NULL dimensions, no turns, across midnight, steps out of order');
SELECT is((SELECT array_agg((turns, fallback_rate IS NULL, p95_latency_ms IS NULL)::text) FROM awf_rollup_hourly
    WHERE world IS NULL AND date_hour = '2025-03-30 00:00+00'),
          ARRAY['(0,t,t)'], 'a rate over no turns is NULL, and the row is there');
SELECT is((SELECT (date, start_count, first_choice_count, first_npc_join_count, first_craft_count)::text FROM awf_funnels_daily WHERE adventure = '(none)'),
    '(2025-03-29,1,1,1,0)',
          'a session across midnight is whole on the day it started, and a craft before the NPC joined is not the fourth step');

INSERT INTO analytics_events (event_time, event_type, session_id, world, adventure, session_started_at, latency_ms, tokens_in, tokens_out, ticks,
    tool_calls, acts)
SELECT '2025-02-01 12:00+00'::timestamptz + i * interval '1 min', 'turn', 'late', 'tidewatch', 'low-tide', '2025-02-01 12:00+00', i, i, i, i, i, i
    FROM generate_series(1, 90) i;
SELECT tally.refresh();
SELECT same('rows two months late');

UPDATE analytics_events SET latency_ms = latency_ms * 2, model = CASE WHEN id % 3 = 0 THEN NULL ELSE model END WHERE id % 41 = 0;
UPDATE analytics_events SET event_time = event_time + interval '1 day', session_started_at = session_started_at + interval '1 day'
 WHERE session_id IN (SELECT session_id FROM analytics_events WHERE event_type = 'start' AND id % 7 = 0);
DELETE FROM analytics_events WHERE session_id IN (SELECT session_id FROM analytics_events WHERE event_type = 'start' AND id % 11 = 0);
SELECT tally.refresh();
SELECT same('edits of the past');

TRUNCATE analytics_events;
SELECT tally.refresh();
SELECT same('no events');

SELECT is((SELECT count(*) FROM (SELECT id FROM awf_rollup_hourly UNION ALL SELECT id FROM awf_rollup_daily UNION ALL SELECT id
    FROM awf_funnels_daily) x), 0::bigint, 'and no rows left over');
SELECT * FROM finish();
