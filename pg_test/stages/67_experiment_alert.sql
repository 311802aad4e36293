-- Thresholds on an experiment file one incident each, by the existing machine, with the lever.
SELECT no_plan();
CREATE TABLE exposures (unit int, arm text, at timestamptz);
CREATE TABLE events (unit int, at timestamptz, ms float8, crashed boolean);
CREATE INDEX ON exposures (unit);
CREATE INDEX ON events (unit);
INSERT INTO exposures SELECT i, CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END, '2026-01-05 00:00Z' FROM generate_series(1, 2000) i;
INSERT INTO events SELECT i, '2026-01-05 12:00Z', 100 + i % 7, i % 50 = 0 FROM generate_series(1, 2000) i;
SELECT tally.create_experiment_metric('latency', 'events', expression => 'ms', direction => 'down_is_good');
SELECT tally.create_experiment_metric('crashes', 'events', 'proportion', expression => 'crashed', direction => 'down_is_good');
SELECT tally.create_experiment('x', 'exposures', 'unit', '{"control": {"weight": 1, "budget": 100}, "new": {"weight": 1, "budget": 50}}', '{latency,crashes}',
    "window" => '1 day', planned_units => 2100);
SELECT lives_ok($$SELECT tally.create_experiment_threshold('x', w) FROM unnest('{guardrail,sample_ratio,planned_units}'::text[]) w$$, 'three thresholds');
SELECT lives_ok($$SELECT tally.evaluate('2026-01-08 00:00Z')$$, 'a tick');
SELECT is((SELECT count(*) FROM tally.incidents), 0::bigint, 'nothing is wrong: no incident');
UPDATE events SET ms = ms + 5 WHERE unit % 2 = 1;
SELECT tally.evaluate('2026-01-08 01:00Z'), tally.evaluate('2026-01-08 02:00Z');
SELECT is((SELECT string_agg(i.labels::text, ' ') FROM tally.incidents i), '{"arm": "new", "metric": "latency"}',
    'a guardrail that got worse: one incident, for the metric and arm');
SELECT ok(i.suggested_actions::text LIKE '%switch the arm to control%' AND i.suggested_actions::text LIKE '%budget back to that of control (100)%',
    'with the lever') FROM tally.incidents i;
UPDATE events SET ms = ms - 10 WHERE unit % 2 = 1;
SELECT tally.evaluate('2026-01-08 03:00Z');
SELECT is((SELECT count(*) FROM tally.incidents), 1::bigint, 'better is no incident');
DELETE FROM exposures WHERE unit % 2 = 1 AND unit > 1600;
INSERT INTO exposures SELECT i, 'control', '2026-01-06 00:00Z' FROM generate_series(3000, 3400) i;
SELECT tally.evaluate('2026-01-08 04:00Z'), tally.evaluate('2026-01-08 05:00Z');
SELECT is((SELECT array_agg(t.name ORDER BY t.name) FROM tally.incidents i JOIN tally.thresholds t ON t.id = i.threshold_id WHERE i.labels = '{}'),
    '{"x: planned_units","x: sample_ratio"}', 'the split, and the planned units, one each');
SELECT throws_like($$SELECT tally.create_experiment_threshold('x', 'guardrial')$$, '%watches guardrail, sample_ratio or planned_units%',
    'an unknown thing to watch');
SELECT throws_like($$SELECT tally.create_experiment_threshold('x', 'guardrail', '{lag}')$$, '%does not measure ''lag''', 'an unknown metric');
SELECT is((SELECT v.message FROM tally.evaluations v WHERE v.message IS NOT NULL LIMIT 1), NULL, 'no threshold failed');
SELECT * FROM finish();
