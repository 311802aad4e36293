-- Owns: what an incident keeps as proof: the labels that contributed most, per dimension that the scope leaves open.
SELECT no_plan();
SET timezone = 'UTC';
CREATE TABLE events (at timestamptz NOT NULL, world text, model text, "the Region" text, kind text NOT NULL);
-- Eight models with 1 to 8 events each in w1, all failures of model m8 in region 'north'; w2 is another scope.
INSERT INTO events SELECT '2026-03-01 10:00Z'::timestamptz + i * interval '1 minute', 'w1', 'm' || m, CASE WHEN m = 8 THEN 'north' WHEN m > 4 THEN 'south' END,
    CASE WHEN m = 8 AND i <= 4 THEN 'bad' ELSE 'good' END
  FROM generate_series(1, 8) m, generate_series(1, m) i;
INSERT INTO events SELECT '2026-03-01 10:00Z'::timestamptz + i * interval '1 second', 'w2', 'm9', 'west', 'good' FROM generate_series(1, 100) i;
SELECT tally.create_rollup('e_hourly', source => 'events', time_column => 'at', bucket => '1 hour', dimensions => '["world", "model", "the Region"]',
    measures => $${"n": "count(*)", "bad": "count(*) filter (where kind = 'bad')"}$$, with_data => true);
SELECT tally.create_metric('bad_share', 'e_hourly', 'bad::float8 / nullif(n, 0)');
SELECT tally.create_threshold('bad', metric => 'bad_share', condition => '> 0.1', per => '{world}');
SELECT results_eq($$SELECT breaches, opened FROM tally.evaluate('2026-03-01 11:00Z')$$, 'VALUES (1, 1)', 'w1 breaches: 4 of 36');
SELECT is((SELECT evidence -> 'contributors' -> 'model' FROM tally.incidents), '[
    {"label": "m8", "value": 0.5, "samples": 8}, {"label": "m7", "value": 0, "samples": 7}, {"label": "m6", "value": 0, "samples": 6},
    {"label": "m5", "value": 0, "samples": 5}, {"label": "m4", "value": 0, "samples": 4}]', 'the five models with most observations, in the scope alone');
SELECT is((SELECT evidence -> 'contributors' -> 'the Region' FROM tally.incidents), '[
    {"label": "south", "value": 0, "samples": 18}, {"label": "(none)", "value": 0, "samples": 10}, {"label": "north", "value": 0.5, "samples": 8}]',
        'another dimension, whose name needs quotes and which is NULL at times');
SELECT ok((SELECT NOT evidence -> 'contributors' ? 'world' AND NOT evidence ? 'error' FROM tally.incidents), 'nothing of the dimension that the scope fixes');

-- Not refreshed: proof is exact all the same. Every dimension fixed: there is nothing to tell apart.
INSERT INTO events SELECT '2026-03-01 11:10Z', 'w2', 'm9', 'west', 'bad' FROM generate_series(1, 5);
SELECT tally.create_threshold('fixed', metric => 'bad_share', condition => '> 0.1', per => '{world,model,"the Region"}');
SELECT results_eq($$SELECT threshold, opened FROM tally.evaluate('2026-03-01 12:00Z') ORDER BY 1$$, $$VALUES ('bad', 1), ('fixed', 1)$$, 'both fire in w2');
SELECT is((SELECT evidence -> 'contributors' -> 'model' FROM tally.incidents WHERE threshold = 'bad' AND labels ->> 'world' = 'w2'),
    '[{"label": "m9", "value": 1, "samples": 5}]', 'from the live view where the table is behind');
SELECT is((SELECT evidence -> 'contributors' FROM tally.incidents WHERE threshold = 'fixed'), '{}', 'none where all are fixed');

-- The pack's own alert had no contributors: its rollup knows nothing but the world, beside one of the same source that knows more.
SELECT tally.create_rollup('e_10m', source => 'events', time_column => 'at', bucket => '10 minutes', dimensions => '["world"]',
    measures => $${"n": "count(*)", "bad": "count(*) filter (where kind = 'bad')"}$$, with_data => true);
SELECT tally.create_metric('bad_share_10m', 'e_10m', 'bad::float8 / nullif(n, 0)');
SELECT tally.create_threshold('small', metric => 'bad_share_10m', condition => '> 0.1', per => '{world}');
-- 11:10 to 11:20 has the five bad ones of m9 in w2, the hour nothing else.
SELECT is((SELECT opened FROM tally.evaluate('2026-03-01 11:20Z', 'small')), 1, 'w2 breaches');
SELECT is((SELECT evidence -> 'contributors' -> 'model' FROM tally.incidents WHERE threshold = 'small'), '[{"label": "m9", "value": 1, "samples": 5}]',
    'the larger rollup tells what is behind it');
SELECT is((SELECT evidence -> 'contributors_of' FROM tally.incidents WHERE threshold = 'small'),
    '{"rollup": "e_hourly", "since": "2026-03-01T11:00:00+00:00", "until": "2026-03-01T12:00:00+00:00"}', 'and says over which of its buckets');
SELECT * FROM finish();
