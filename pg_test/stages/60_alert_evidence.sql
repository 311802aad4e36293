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

-- No rollup of this source has a dimension that the scope leaves open: the columns of the source tell.
CREATE TYPE device AS ENUM ('phone', 'desk');
CREATE TABLE plays (at timestamptz NOT NULL, world text, app text, device device, beta boolean, person text, ms int2, failed boolean, note text);
CREATE INDEX ON plays (at);
-- A week before: of 40 plays 4 fail, one in each app, two on phones. Now: of 40 plays 9 fail, all in app a2 on phones.
INSERT INTO plays SELECT '2026-03-08 10:00Z'::timestamptz + i * interval '1 minute', 'w1', 'a' || i % 4,
    CASE WHEN i % 2 = 0 THEN 'phone' ELSE 'desk' END::device,
    i > 20, 'person ' || i, i % 5, i IN (8, 13, 18, 23), CASE WHEN i > 5 THEN 'x' END FROM generate_series(1, 40) i;
INSERT INTO plays SELECT '2026-03-15 10:00Z'::timestamptz + i * interval '1 minute', 'w1', 'a' || i % 4,
    CASE WHEN i % 2 = 0 THEN 'phone' ELSE 'desk' END::device,
    NULL, 'person ' || i, i % 5, i % 4 = 2 AND i > 2, 'x' FROM generate_series(1, 40) i;
INSERT INTO plays SELECT '2026-03-15 10:30Z', 'w2', 'a9', 'desk', true, 'nobody', 1, false, 'x' FROM generate_series(1, 50) i;
ANALYZE plays;
SELECT tally.create_rollup('p_hourly', source => 'plays', time_column => 'at', bucket => '1 hour', dimensions => '["world"]',
    measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}', with_data => true);
SELECT tally.create_metric('failing', 'p_hourly', 'failed::float8 / nullif(n, 0)');
SELECT tally.create_threshold('failing', metric => 'failing', condition => '> 0.2', per => '{world}');
SELECT is((SELECT opened FROM tally.evaluate('2026-03-15 11:00Z', 'failing')), 1, 'plays of w1 fail');
CREATE VIEW proof AS SELECT evidence FROM tally.incidents WHERE threshold = 'failing';
SELECT is((SELECT array_agg(k ORDER BY k)::text FROM proof, jsonb_object_keys(evidence -> 'contributors') k), '{app,beta,device,ms}',
    'by columns with few values: not by people, not by what is tested for, not by what the scope fixes, not by a column of one value');
CREATE FUNCTION plain(dim text) RETURNS TABLE (label text, value float8, samples float8, before float8) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT l, avg(failed::int) FILTER (WHERE now)::float8, count(*) FILTER (WHERE now)::float8,
        avg(failed::int) FILTER (WHERE NOT now)::float8
        FROM (SELECT COALESCE(%I::text, %L) AS l, failed, at >= %L AS now FROM plays WHERE world = %L) x GROUP BY 1 HAVING count(*) FILTER (WHERE now) > 0',
        dim, '(none)', '2026-03-15', 'w1');
END $$;
SELECT bag_eq(format($$SELECT c ->> 'label' AS l, round((c ->> 'value')::numeric, 9) AS v, (c ->> 'samples')::float8 AS s, round((c ->> 'before')::numeric,
    9) AS b,
          round((c ->> 'change')::numeric, 9) AS c FROM proof, jsonb_array_elements(evidence -> 'contributors' -> %L) c$$, d),
    format($$SELECT label AS l, round(value::numeric, 9) AS v, samples AS s, round(before::numeric, 9) AS b, round((value - before)::numeric, 9) AS c
               FROM plain(%L)$$, d), 'now and a week before, by ' || d) FROM unnest('{app,device,beta,ms}'::text[]) d;
-- App a2: 9 of 10 after 1 of 10, 0.8 in 10 plays. Phones: 9 of 20 after 2 of 20, 0.35 in 20 plays.
SELECT is((SELECT evidence -> 'ranked' -> 0 FROM proof) - 'change', '{"dimension": "app", "label": "a2"}', 'what changed most comes first');
SELECT is((SELECT evidence -> 'ranked' -> 1 FROM proof) - 'change', '{"dimension": "device", "label": "phone"}', 'then the next');
SELECT is((SELECT evidence -> 'contributors_of' FROM proof),
    '{"source": "public.plays", "since": "2026-03-15T10:00:00+00:00", "until": "2026-03-15T11:00:00+00:00"}',
    'and it says of what');
-- Dimensions of a rollup are compared too.
SELECT tally.create_rollup('p_apps', source => 'plays', time_column => 'at', bucket => '1 hour', dimensions => '["world", "app"]',
    measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}', with_data => true);
SELECT tally.create_metric('failing_apps', 'p_apps', 'failed::float8 / nullif(n, 0)');
SELECT tally.create_threshold('failing apps', metric => 'failing_apps', condition => '> 0.2', per => '{world}');
SELECT is((SELECT opened FROM tally.evaluate('2026-03-15 11:00Z', 'failing apps')), 1, 'the same by a rollup with apps');
SELECT bag_eq($$SELECT c FROM tally.incidents, jsonb_array_elements(evidence -> 'contributors' -> 'app') c WHERE threshold = 'failing apps'$$,
    $$SELECT c FROM proof, jsonb_array_elements(evidence -> 'contributors' -> 'app') c$$, 'tells the same of apps');
SELECT * FROM finish();
