-- Owns: a threshold from definition to a closed incident, tick by tick, with the clock in the test's hand.
-- The expected states are worked out by hand beside the data.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
CREATE TABLE events (at timestamptz NOT NULL, world text, kind text);
CREATE INDEX ON events (at);
SELECT lives_ok($$SELECT tally.create_rollup('turns_5m', 'events', 'at', '5 minutes', '["world"]',
    '{"turns": "count(*) filter (where kind = ''turn'')", "fallbacks": "count(*) filter (where kind = ''fallback'')"}', with_data => true)$$, 'a rollup');
SELECT lives_ok($$SELECT tally.create_metric('fallback_rate', 'turns_5m', 'fallbacks::float8 / nullif(turns, 0)', unit => 'share',
    direction => 'down_is_good')$$, 'a metric');
SELECT is((SELECT samples FROM tally.metrics WHERE name = 'fallback_rate'), 'turns', 'the count it divides by counts the observations');

-- Fallbacks per 10 turns, in buckets that begin at :00, :05, …; w2 is calm throughout.
--   bucket  12:00 12:05 12:10 12:15 12:20 12:25
--   w1        1     5     6     5     1     1
INSERT INTO events SELECT '2026-03-01 12:00Z'::timestamptz + b * interval '5 minutes' + i * interval '1 second', w, 'turn'
  FROM generate_series(0, 5) b, generate_series(1, 10) i, unnest(ARRAY['w1', 'w2']) w;
INSERT INTO events SELECT '2026-03-01 12:00Z'::timestamptz + (b - 1) * interval '5 minutes' + i * interval '1 second', 'w1', 'fallback'
  FROM unnest(ARRAY[1, 5, 6, 5, 1, 1]) WITH ORDINALITY f(n, b), generate_series(1, n) i;

SELECT lives_ok($$SELECT tally.create_threshold('fallbacks', metric => 'fallback_rate', condition => '> 0.2', "for" => '5 minutes', per => '{world}',
    severity => 'critical', owner => 'on-call', runbook => 'https://runbooks/fallbacks', every => '5 minutes', min_samples => 5, recovery_condition => '< 0.15',
    suggested_actions => '["reduce input token cap by 10%", {"do": "switch model of {{labels.world}} (rate {{value}})", "where": {"world": "w1"}}, '
        '{"do": "never", "above": 0.9}]')$$, 'a threshold');
SELECT is((SELECT response_target FROM tally.thresholds), '15 minutes', 'a critical threshold has a response target');

LISTEN tally_incident;
SELECT results_eq($$SELECT series, breaches, opened FROM tally.evaluate('2026-03-01 12:05Z')$$, 'VALUES (2, 0, 0)', '12:05 tests the bucket 12:00: no breach');
SELECT is_empty('SELECT * FROM tally.threshold_states', 'nothing is pending');
SELECT results_eq($$SELECT breaches, opened FROM tally.evaluate('2026-03-01 12:10Z')$$, 'VALUES (1, 0)', '12:10 tests 12:05: 0.5 breaches');
SELECT results_eq('SELECT labels, state, active_at, value FROM tally.threshold_states',
    $$VALUES ('{"world": "w1"}'::jsonb, 'pending', '2026-03-01 12:10Z'::timestamptz, 0.5::float8)$$, 'w1 is pending');
SELECT is_empty($$SELECT * FROM tally.evaluate('2026-03-01 12:10Z')$$, 'the same tick again does nothing');
SELECT is_empty($$SELECT * FROM tally.evaluate('2026-03-01 12:14:59Z')$$, 'nor does a later moment of that tick');
SELECT is_empty($$SELECT * FROM tally.evaluate('2026-03-01 12:05Z')$$, 'nor one from before');
SELECT results_eq($$SELECT breaches, opened FROM tally.evaluate('2026-03-01 12:15Z')$$, 'VALUES (1, 1)', '12:15: five minutes have passed, it fires');
SELECT results_eq('SELECT status, severity, threshold, labels, value, limit_value, responsible, runbook, opened_at, began_at, bucket, '
    'respond_by FROM tally.incidents',
    $$VALUES ('new', 'critical', 'fallbacks', '{"world": "w1"}'::jsonb, 0.6::float8, 0.2::float8, 'on-call', 'https://runbooks/fallbacks',
              '2026-03-01 12:15Z'::timestamptz, '2026-03-01 12:10Z'::timestamptz, '2026-03-01 12:10Z'::timestamptz, '2026-03-01 12:30Z'::timestamptz)$$,
                  'one incident, as the data says');
SELECT is((SELECT suggested_actions FROM tally.incidents), '["reduce input token cap by 10%", "switch model of w1 (rate 0.6)"]',
    'suggested actions that apply, filled in');
SELECT is((SELECT impact FROM tally.incidents), 'fallback_rate is 0.6 share (> 0.2) in world w1', 'an impact line');
SELECT is((SELECT evidence -> 'values' FROM tally.incidents),
    '[{"value": 0.1, "bucket": "2026-03-01T12:00:00+00:00", "samples": 10}, {"value": 0.5, "bucket": "2026-03-01T12:05:00+00:00", "samples": 10}, '
        '{"value": 0.6, "bucket": "2026-03-01T12:10:00+00:00", "samples": 10}]', 'the values around the breach');
SELECT results_eq($$SELECT breaches, opened, recovered FROM tally.evaluate('2026-03-01 12:20Z')$$, 'VALUES (1, 0, 0)',
    '12:20: still firing, no second incident');
SELECT results_eq($$SELECT breaches, opened, recovered FROM tally.evaluate('2026-03-01 12:25Z')$$, 'VALUES (0, 0, 1)',
    '12:25: 0.1 is under the recovery condition');
SELECT results_eq('SELECT status, recovered_at, last_value FROM tally.incidents', $$VALUES ('new', '2026-03-01 12:25Z'::timestamptz, 0.1::float8)$$,
    'recovered, and listed until somebody closes it');
SELECT is((SELECT status FROM tally.incident_feed), 'recovered', 'the feed says so');

SELECT lives_ok('SELECT tally.acknowledge(1, ''looking'', ''2026-03-01 12:27Z'')', 'acknowledged');
SELECT throws_ok($$SELECT tally.resolve(1, root_cause => 'model outage')$$, '22004',
    'incident 1 cannot be closed without notes: missing mitigation, prevention', 'missing notes are refused by name');
SELECT lives_ok($$SELECT tally.resolve(1, 'model outage', 'switched model', 'second provider', '2026-03-01 12:40Z')$$, 'closed with notes');
SELECT throws_ok($$SELECT tally.resolve(1, 'a', 'b', 'c')$$, '55000', NULL, 'not twice');
SELECT lives_ok($$SELECT tally.review(1, 'fine', '2026-03-02')$$, 'reviewed');
SELECT results_eq('SELECT at, event FROM tally.incident_timeline(1)',
    $$VALUES ('2026-03-01 12:15Z'::timestamptz, 'opened'), ('2026-03-01 12:25Z', 'recovered'), ('2026-03-01 12:27Z', 'acknowledged'),
        ('2026-03-01 12:40Z', 'resolved'), ('2026-03-02 00:00Z', 'reviewed')$$, 'the timeline');
SELECT throws_ok('DELETE FROM tally.incident_events', '55000', NULL, 'the timeline is append-only');
SELECT throws_ok('UPDATE tally.incident_events SET note = ''x''', '55000', NULL, 'in every way');

-- Bad input: four parts, nothing half-created.
SELECT throws_ok($$SELECT tally.create_threshold('x', metric => 'fallback_rat', condition => '> 1')$$, '42704', 'metric ''fallback_rat'' does not exist',
    'unknown metric');
SELECT throws_ok($$SELECT tally.create_threshold('x', metric => 'fallback_rate', condition => 'high')$$, '22023', NULL, 'bad condition');
SELECT throws_ok($$SELECT tally.create_threshold('x', metric => 'fallback_rate', condition => '> 1', per => '{planet}')$$, '42703',
    'per must name dimensions of rollup ''turns_5m'', got ''planet''', 'unknown dimension in per');
SELECT throws_ok($$SELECT tally.create_threshold('x', metric => 'fallback_rate', condition => '> 1', "where" => '{"planet": "x"}')$$, '42703', NULL,
    'unknown dimension in where');
SELECT throws_ok($$SELECT tally.create_threshold('x', metric => 'fallback_rate', condition => '> 1', severity => 'critical')$$, '22004',
    'threshold ''x'' is critical and so needs owner and runbook', 'critical without owner and runbook');
SELECT throws_ok($$SELECT tally.create_threshold('x', metric => 'fallback_rate', condition => '> 1', severity => 'bad')$$, '22023', NULL, 'bad severity');
SELECT throws_ok($$SELECT tally.create_threshold('x', condition => '> 1')$$, '22023', NULL, 'neither metric nor query');
SELECT is((SELECT count(*) FROM tally.thresholds), 1::bigint, 'nothing half-created');
SELECT throws_ok($$SELECT tally.drop_metric('fallback_rate')$$, '2BP01', 'metric ''fallback_rate'' cannot be dropped: thresholds watch it',
    'a watched metric stays');
SELECT throws_ok('SELECT tally.acknowledge(99)', '42704', NULL, 'unknown incident');
SELECT lives_ok($$SELECT tally.drop_threshold('fallbacks')$$, 'dropped');
SELECT is((SELECT count(*) FROM tally.incidents WHERE threshold = 'fallbacks' AND threshold_id IS NULL), 1::bigint, 'its incidents stay');
SELECT results_eq($$SELECT action FROM tally.audit WHERE kind = 'thresholds' ORDER BY id$$, $$VALUES ('create'), ('drop')$$, 'the audit has both');
SELECT * FROM finish();
