-- Owns: from a spike in the fallback rate to an incident with its levers, and thresholds written through awf_kpi_thresholds.
SELECT no_plan();

SELECT tally.install_pack('awf');
-- Two worlds at ten o'clock: one with fallbacks at one turn in four, one healthy; and one too quiet to tell.
INSERT INTO analytics_events (event_time, event_type, session_id, world, session_started_at, latency_ms)
SELECT '2025-03-01 10:00+00'::timestamptz + i * interval '1 s', CASE WHEN i % 5 = 0 THEN 'fallback' ELSE 'turn' END, 's' || i % 10, 'ill',
    '2025-03-01 10:00+00'::timestamptz, 800 FROM generate_series(0, 249) i
UNION ALL SELECT '2025-03-01 10:00+00'::timestamptz + i * interval '1 s', CASE WHEN i % 100 = 0 THEN 'fallback' ELSE 'turn' END, 't' || i % 10, 'well',
    '2025-03-01 10:00+00', 800 FROM generate_series(0, 249) i
UNION ALL SELECT '2025-03-01 10:00+00'::timestamptz + i * interval '1 s', CASE WHEN i % 2 = 0 THEN 'fallback' ELSE 'turn' END, 'u', 'quiet',
    '2025-03-01 10:00+00', 800 FROM generate_series(0, 9) i;

SELECT is((SELECT sum(opened) FROM tally.evaluate('2025-03-01 10:04+00')), 0::bigint, 'a bucket that is still running opens nothing');
SELECT is((SELECT sum(opened) FROM tally.evaluate('2025-03-01 10:05+00')), 1::bigint, 'once it is finished, one incident');
SELECT is((SELECT (severity, kpi_name, current_value, threshold_value, scope, scope_ref, status)::text FROM awf_incidents),
    '(critical,fallback_rate,0.2500,0.1000,world,ill,new)',
          'in the world that is ill: 50 fallbacks by 200 turns');
SELECT ok((SELECT suggested_actions @> '["reduce input token cap by 10%"]' FROM awf_incidents), 'it suggests to reduce the input token cap by 10%');
SELECT is((SELECT t.kpi_name FROM awf_incidents i JOIN awf_kpi_thresholds t ON t.id = i.threshold_id), 'fallback_rate', 'and joins its threshold');
SELECT is((SELECT sum(opened) FROM tally.evaluate('2025-03-01 10:05+00')), NULL, 'the same tick again does nothing');
SELECT lives_ok('SELECT tally.acknowledge(incident) FROM awf_incidents', 'it is acknowledged');
SELECT is((SELECT (status, acknowledged_by)::text FROM awf_incidents), format('(acknowledged,%s)', current_user), 'by whom is seen');
SELECT lives_ok($$SELECT tally.resolve(incident, root_cause => 'model down', mitigation => 'rerouted', prevention => 'health check') FROM awf_incidents$$,
    'and resolved');
SELECT is((SELECT (status, resolution_notes)::text FROM awf_incidents),
    format('(resolved,"Root cause: model down%1$sMitigation: rerouted%1$sPrevention: health check")', E'\n'), 'with its notes');

SELECT is((SELECT count(*) FROM awf_kpi_thresholds), 6::bigint, 'the six SLOs of the document have thresholds');
SELECT is((SELECT array_agg(kpi_name ORDER BY kpi_name) FROM awf_kpi_thresholds),
          '{fallback_rate,p95_latency_ms,retry_rate,stuck_rate,token_overrun_rate,validator_retry_rate}', 'under its names');

INSERT INTO awf_kpi_thresholds (scope, scope_ref, kpi_name, threshold_value, threshold_operator, severity, suggested_actions)
VALUES ('adventure', 'low-tide', 'p95_latency_ms', 2500, '>', 'warning', '["trim the history window"]'),
    ('global', NULL, 'fallback_rate', 0.5, '>=', 'critical', NULL),
       ('world', 'ill', 'stuck_rate', 0.02, '>', 'warning', NULL), ('variation', NULL, 'retry_rate', 0.3, '>', 'warning', NULL);
SELECT is((SELECT (metric, condition, filter::text, per::text, severity)::text FROM (SELECT m.name AS metric,
    t.* FROM tally.thresholds t JOIN tally.metrics m ON m.id = t.metric_id) x WHERE name = 'awf p95_latency_ms adventure low-tide warning'),
          '(p95_latency_ms_adventure_5m,"> 2500","{""adventure"": ""low-tide""}",{},warning)', 'an INSERT makes a threshold of the engine');
SELECT is((SELECT m.name FROM tally.thresholds t JOIN tally.metrics m ON m.id = t.metric_id WHERE t.name = 'awf fallback_rate global critical'),
    'fallback_rate_5m', 'on five minutes where the scope allows');
SELECT bag_eq($$SELECT scope, scope_ref, kpi_name, threshold_value, threshold_operator,
    severity FROM awf_kpi_thresholds WHERE name ~ ' (global|adventure|variation) | ill '$$,
              $$VALUES ('adventure', 'low-tide', 'p95_latency_ms', 2500::numeric, '>', 'warning'), ('global', NULL, 'fallback_rate', 0.5, '>=', 'critical'),
                       ('world', 'ill', 'stuck_rate', 0.02, '>', 'warning'), ('variation', NULL, 'retry_rate', 0.3, '>', 'warning')$$,
                           'what was written is what is read');
SELECT throws_ok($$INSERT INTO awf_kpi_thresholds (scope, kpi_name, threshold_value, threshold_operator, severity) VALUES ('galaxy', 'fallback_rate', 1, '>',
    'warning')$$, '23514', NULL, 'an unknown scope is an error');
SELECT throws_ok($$INSERT INTO awf_kpi_thresholds (scope, kpi_name, threshold_value, threshold_operator, severity) VALUES ('global', 'fallback_rate', 1, '~',
    'warning')$$, '23514', NULL, 'so is an unknown operator');
SELECT throws_ok($$INSERT INTO awf_kpi_thresholds (scope, kpi_name, threshold_value, threshold_operator, severity) VALUES ('global', 'happiness', 1, '>',
    'warning')$$, '42704', NULL, 'and an unknown KPI');
SELECT throws_ok($$INSERT INTO awf_kpi_thresholds (scope, kpi_name, threshold_value, threshold_operator, severity) VALUES ('global', 'fallback_rate', 1, '>',
    'critical')$$, '23505', NULL, 'and one that is there already');

UPDATE awf_kpi_thresholds SET threshold_value = 0.2, enabled = false WHERE name = 'awf fallback rate';
SELECT is((SELECT (condition, enabled, responsible, for_, per, min_samples)::text FROM tally.thresholds WHERE name = 'awf fallback rate'),
    '("> 0.2",f,on-call,00:00:00,{world},50)', 'an UPDATE keeps what it does not speak of');
UPDATE awf_kpi_thresholds SET scope_ref = 'well' WHERE name = 'awf stuck rate';
SELECT is((SELECT (filter, per)::text FROM tally.thresholds WHERE name = 'awf stuck rate'), '("{""world"": ""well""}",{})', 'and narrows the scope');
DELETE FROM awf_kpi_thresholds WHERE scope = 'adventure';
SELECT is((SELECT count(*) FROM tally.thresholds WHERE name LIKE '%low-tide%'), 0::bigint, 'a DELETE drops it');

SELECT throws_ok($$SELECT tally.drop_pack('awf')$$, '2BP01', NULL, 'the pack stays while thresholds of one''s own watch its metrics');
DELETE FROM awf_kpi_thresholds;
SELECT lives_ok($$SELECT tally.drop_pack('awf')$$, 'and goes without them');
SELECT * FROM finish();
