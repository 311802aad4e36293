-- Owns: the filters of the pack awf. Each board has those of the reference document; a number under any of them is that of plain SQL over the events, also
-- where a session changes its model; and a copy of an earlier version, whose rollups lack these dimensions, comes to them with all that it holds.
SELECT no_plan();
SET client_min_messages = warning;
SET jit = off;
SET timezone = 'UTC';
SELECT tally.generate_awf(4000, seed => 3, until => '2025-03-31 00:00+00', span => '2 days');
-- Events that no model answered carry none, and a session may go from one model to another.
UPDATE analytics_events SET model = NULL WHERE event_type NOT IN ('turn', 'retry', 'fallback') AND id % 2 = 0;
UPDATE analytics_events SET model = 'sage-3' WHERE id % 17 = 0;
SELECT tally.install_pack('awf');
CALL tally.backfill();
SELECT is_empty($$SELECT name, variables FROM tally.boards WHERE NOT variables @> '{world,adventure,locale,variation,model}'$$,
    'each board has the filters of the document');
SELECT is((SELECT count(*) FROM tally.boards), 6::bigint, 'all six');

-- Every event beside each of its values; and every session: of the first locale and model that its steps (or its nodes) name.
CREATE TEMP TABLE by_event AS
SELECT k.kind, coalesce(k.value, '(none)') AS chosen, e.event_type, meta ->> 'node' AS node,
       CASE WHEN event_type = 'vendor' THEN (meta ->> 'gold')::int END AS gold,
       CASE WHEN event_type = 'sim' THEN (meta ->> 'ticks')::int END AS ticks
  FROM analytics_events e, LATERAL (VALUES ('world', world), ('adventure', adventure), ('locale', locale), ('variation', variation), ('model', model),
       ('', '')) k(kind, value);
CREATE TEMP TABLE by_session AS
SELECT k.kind, coalesce(k.value, '(none)') AS chosen, s.*
  FROM (SELECT t.of, session_id, min(world) AS world, min(adventure) AS adventure, min(variation) AS variation, min(locale) AS locale,
               (array_agg(model ORDER BY event_time, model COLLATE "C") FILTER (WHERE model IS NOT NULL))[1] AS model,
               min(event_time) FILTER (WHERE event_type = 'start') AS start, min(event_time) FILTER (WHERE event_type = 'choice') AS choice,
               count(DISTINCT meta ->> 'node') AS nodes
          FROM analytics_events,
               (VALUES ('steps', '{start,choice,npc_join,craft,vendor,boss,completion}'::text[]), ('nodes', '{choice,stuck,completion}')) t(of, types)
         WHERE event_type = ANY (t.types) GROUP BY 1, 2) s,
       LATERAL (VALUES ('world', world), ('adventure', adventure), ('locale', locale), ('variation', variation), ('model', model), ('', '')) k(kind, value);
CREATE TEMP TABLE plain AS
SELECT m.metric, e.kind, e.chosen, m.value FROM (SELECT kind, chosen,
               count(*) FILTER (WHERE event_type = 'weather') AS weather, sum(gold) FILTER (WHERE gold > 0) AS gold, sum(ticks) AS ticks,
               count(*) FILTER (WHERE event_type IN ('turn', 'vendor', 'loot', 'softlock_hint', 'sim')) AS paced,
               count(*) FILTER (WHERE event_type = 'softlock_hint') AS hints, count(*) FILTER (WHERE event_type = 'turn') AS turns,
               count(*) FILTER (WHERE event_type = 'stuck' AND node IS NOT NULL) AS stuck,
               count(*) FILTER (WHERE event_type = 'choice' AND node IS NOT NULL) AS choices
          FROM by_event GROUP BY 1, 2) e,
       LATERAL (VALUES ('weather_times', nullif(weather, 0)::float8), ('gold_inflow', gold), ('sim_ticks', CASE WHEN paced > 0 THEN coalesce(ticks, 0) END),
            ('softlock_hints_rate', hints::float8 / nullif(turns, 0)), ('node_stuck_rate', stuck::float8 / nullif(choices, 0))) m(metric, value)
UNION ALL
SELECT m.metric, s.kind, s.chosen, m.value FROM (SELECT kind, chosen,
               count(*) FILTER (WHERE of = 'steps') AS sessions, count(start) FILTER (WHERE of = 'steps') AS started,
               count(*) FILTER (WHERE of = 'steps' AND start <= choice) AS chose, nullif(sum(nodes) FILTER (WHERE of = 'nodes'), 0) AS nodes
          FROM by_session GROUP BY 1, 2) s,
       LATERAL (VALUES ('funnel_start', CASE WHEN sessions > 0 THEN started END::float8), ('funnel_first_choice', CASE WHEN sessions > 0 THEN chose END),
            ('node_sessions', nodes)) m(metric, value);
CREATE FUNCTION answered(kinds text[] DEFAULT '{"",world,adventure,locale,variation,model}') RETURNS TABLE (metric text, kind text, chosen text, value numeric)
LANGUAGE sql AS $$
    SELECT metric, kind, chosen, round(tally.metric_value(metric, '2025-03-28', '2025-03-31',
               CASE WHEN kind = '' THEN '{}' ELSE jsonb_build_object(kind, chosen) END)::numeric, 9) FROM plain WHERE kind = ANY (kinds) $$;
SELECT cmp_ok((SELECT count(*) FROM plain WHERE value > 0), '>', 150::bigint, 'there are numbers to compare');
SELECT cmp_ok((SELECT count(*) FROM (SELECT FROM analytics_events WHERE model IS NOT NULL GROUP BY session_id HAVING count(DISTINCT model) > 1) x), '>',
    50::bigint, 'and sessions that change their model');
SELECT bag_eq('SELECT * FROM answered()', 'SELECT metric, kind, chosen, round(value::numeric, 9) FROM plain', 'each metric by each value of each filter');
SELECT is((SELECT tally.metric_value('funnel_start', '2025-03-28', '2025-03-31')), (SELECT count(DISTINCT session_id)::float8 FROM analytics_events
    WHERE event_type = 'start'), 'a session of two models is one session of the funnel');

-- A copy as an earlier version made it, installed again.
CREATE TEMP TABLE wanted AS SELECT r.name AS rollup, d.ordinal, d.name, d.given FROM tally.rollups r JOIN tally.dimensions d ON d.rollup_id = r.id
    UNION ALL SELECT r.name, 100, m.name, m.expression FROM tally.rollups r JOIN tally.measures m ON m.rollup_id = r.id;
SELECT tally.drop_board(name) FROM (SELECT name FROM tally.boards OFFSET 0) b;
SELECT tally.drop_rollup(r) FROM unnest('{awf_adventure_balance_daily,awf_adventure_balance_hourly,awf_adventure_nodes_daily,awf_adventure_nodes_hourly,
    awf_variation_pace_daily,awf_adventure_pace_daily,awf_adventure_drop_offs_daily,awf_variation_balance_daily}'::text[]) r;
CREATE TEMP TABLE wider (n int, rollup text, dimensions text[]);
INSERT INTO wider VALUES (1, 'awf_balance_daily', '{locale,model}'), (2, 'awf_balance_hourly', '{locale,model}'), (3, 'awf_pace_daily', '{locale}'),
    (4, 'awf_pace_hourly', '{locale}'), (5, 'awf_nodes_daily', '{world,locale,variation,model}'), (6, 'awf_nodes_hourly', '{world,locale,variation,model}'),
    (7, 'awf_weather_hourly', '{locale,model}'), (8, 'awf_funnel_daily', '{locale,model}'), (9, 'awf_drop_offs_daily', '{locale,model}');
SELECT count(*) FROM (SELECT a.* FROM (SELECT * FROM wider ORDER BY n OFFSET 0) w, tally.alter_rollup(w.rollup, drop_dimensions => w.dimensions) a) x;
SELECT count(*) FROM unnest('{awf_sessions,awf_session_nodes}'::text[]) r, tally.alter_rollup(r, drop_measures => '{first_locale,first_model}');
CALL tally.backfill();
SELECT is_empty($$SELECT w.rollup, d.name FROM wider w JOIN tally.rollups r ON r.name = w.rollup JOIN tally.dimensions d ON d.rollup_id = r.id
    AND d.name = ANY (w.dimensions)$$, 'a copy as an earlier version made it');
CREATE TEMP TABLE held AS SELECT * FROM answered('{"",adventure}');
SELECT lives_ok($$SELECT tally.install_pack('awf')$$, 'it is installed again');
SELECT bag_eq($$SELECT r.name AS rollup, d.ordinal, d.name, d.given FROM tally.rollups r JOIN tally.dimensions d ON d.rollup_id = r.id
    UNION ALL SELECT r.name, 100, m.name, m.expression FROM tally.rollups r JOIN tally.measures m ON m.rollup_id = r.id$$, 'SELECT * FROM wanted',
    'its rollups have the dimensions and measures of this version');
SELECT is_empty($$SELECT name, variables FROM tally.boards WHERE NOT variables @> '{world,adventure,locale,variation,model}'$$, 'and its boards the filters');
SELECT bag_eq($$SELECT * FROM answered('{"",adventure}')$$, 'SELECT * FROM held', 'what it held is there before any refresh');
CALL tally.backfill();
SELECT bag_eq($$SELECT * FROM answered('{"",adventure}')$$, 'SELECT * FROM held', 'and after');
SELECT bag_eq('SELECT * FROM answered()', 'SELECT metric, kind, chosen, round(value::numeric, 9) FROM plain', 'by the new dimensions too');
SELECT is_empty($$SELECT rollup, state, reason FROM tally.status WHERE state NOT IN ('fresh', 'dirty')$$, 'and all is well');
SELECT * FROM finish();
