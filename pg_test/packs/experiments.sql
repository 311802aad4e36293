-- The packs' experiments: awf by session, with significance in metrics_experiment; product_analytics by tutor, from meta.experiment.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA game;
CREATE SCHEMA market;
SELECT tally.install_pack('awf', 'game');
SET search_path = game, public;
INSERT INTO analytics_events (event_time, event_type, session_id, session_started_at, experiment, variation, tokens_in, tokens_out)
SELECT timestamptz '2026-01-05 00:00Z' + i * interval '1 minute' + j * interval '20 seconds', CASE WHEN j = 0 THEN 'start' WHEN j = 9 AND i % 3 < 2
    THEN 'completion' ELSE 'turn' END,
       's' || i, timestamptz '2026-01-05 00:00Z' + i * interval '1 minute', CASE WHEN i <= 1200 THEN 'party-cap' END,
       (ARRAY['control', 'cap-4', 'cap-6'])[1 + i % 3], 100, 50 + i % 7
  FROM generate_series(1, 1300) i, generate_series(0, 6 + i % 5) j;
SELECT lives_ok($$SELECT awf_experiment('party-cap',
    '{"control": {"weight": 1, "party_cap": 5}, "cap-4": {"weight": 1, "party_cap": 4}, "cap-6": {"weight": 1, "party_cap": 6}}',
    ends => '2026-01-06')$$, 'an experiment of the game');
SELECT results_eq($$SELECT r.arm, r.units, round(r.value::numeric, 9) FROM tally.experiment_report('party-cap', '2026-02-01Z') r
    WHERE r.metric = 'awf turns' ORDER BY r.arm$$,
    $$SELECT variation, count(DISTINCT session_id), round(sum((event_type = 'turn')::int)::numeric / count(DISTINCT session_id), 9) FROM analytics_events
        WHERE experiment = 'party-cap' GROUP BY 1 ORDER BY 1$$,
    'turns per session and arm, by plain SQL');
SELECT is((SELECT array_agg(o.arm ORDER BY o.setting::int) FROM tally.experiment_overlay('party-cap', 'party_cap', '2026-02-01Z') o
    WHERE o.metric = 'awf completed'), '{cap-4,control,cap-6}', 'arms by their party cap');
CALL tally.backfill();
SELECT is((SELECT count(*) FROM json_array_elements(metrics_experiment('party-cap', since => '2026-01-01 00:00Z', until => '2026-01-10 00:00Z')) x
    WHERE x ->> 'metric' LIKE 'awf %'), 12::bigint, 'metrics_experiment shows it');
SELECT is((SELECT x #>> '{parameters,party_cap}' || ' ' || (x ->> 'badge') FROM json_array_elements(metrics_experiment('party-cap')) x
    WHERE x ->> 'metric' = 'awf turns' AND x ->> 'variation' = 'cap-4'),
    '4 ' || r.badge, 'with parameters and the badge of the report') FROM tally.experiment_report('party-cap') r WHERE r.metric = 'awf turns'
        AND r.arm = 'cap-4';
SELECT lives_ok($$SELECT tally.drop_experiment('party-cap')$$, 'dropped');
SELECT lives_ok($$SELECT tally.drop_pack('awf')$$, 'and the pack');

SELECT tally.install_pack('product_analytics', 'market');
SET search_path = market, public;
INSERT INTO analytics_events (event_time, event_type, user_id, meta)
SELECT timestamptz '2026-01-05 00:00Z' + i * interval '1 minute', 'assignment_list_view', i,
    jsonb_build_object('experiment', jsonb_build_object('name', 'badge', 'variant', CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END))
  FROM generate_series(1, 800) i
UNION ALL SELECT timestamptz '2026-01-06 00:00Z' + i * interval '1 minute', CASE WHEN j = 0 AND i % 3 = 0 THEN 'assignment_apply_click'
    ELSE 'assignment_view' END, i, '{}' FROM generate_series(1, 800) i, generate_series(0, i % 4) j;
SELECT lives_ok($$SELECT product_experiment('badge', '{"control": 1, "new": 1}')$$, 'an experiment of meta.experiment');
SELECT results_eq($$SELECT r.arm, r.units, round(r.value::numeric, 9) FROM tally.experiment_report('badge', '2026-02-01Z') r
    WHERE r.metric = 'product applied' ORDER BY r.arm$$,
    $$SELECT x.arm, count(*), round(avg(x.applied::int), 9) FROM (SELECT CASE WHEN user_id % 2 = 0 THEN 'control' ELSE 'new' END AS arm,
        bool_or(event_type = 'assignment_apply_click') AS applied
        FROM analytics_events GROUP BY user_id) x GROUP BY 1 ORDER BY 1$$, 'tutors who apply, by plain SQL');
SELECT is((SELECT count(*) FROM tally.experiment_health('badge', '2026-02-01Z') h WHERE h.state = 'error'), 0::bigint, 'healthy');
SELECT lives_ok($$SELECT tally.drop_experiment('badge')$$, 'dropped');
SELECT * FROM finish();
