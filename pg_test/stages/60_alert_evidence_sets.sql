-- Label sets that fire together are proved together, and thresholds that read the same share the proof. Each incident has what plain SQL says of its own
-- label set, as if it had fired alone.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, "the World" text, model text, region text, device text, failed boolean NOT NULL);
-- Worlds w0 to w3 and models m0 to m2, all combinations, now and a week before, in the last hour and in those before. NULL is a label like others.
INSERT INTO events
SELECT '2026-03-15 10:00Z'::timestamptz - h * interval '1 hour' - week * interval '7 days' + i * interval '7 seconds', NULLIF('w' || i % 4, 'w3'), 'm' || i % 3,
       CASE WHEN i % 7 > 0 THEN 'r' || i % 7 END, 'd' || (i * i + week) % 5, (i * (i % 4 + 2) + i % 3 + h + week) % 11 < 2 + i % 3
  FROM generate_series(0, 13) h, generate_series(0, 1) week, generate_series(1, 420) i;
SELECT tally.create_rollup('e_hourly', source => 'events', time_column => 'at', bucket => '1 hour', dimensions => '["the World", "model", "region", "device"]',
    measures => $${"n": "count(*)", "failures": "count(*) filter (where failed)"}$$, with_data => true);
SELECT tally.create_metric('failing', 'e_hourly', 'failures::float8 / nullif(n, 0)', samples => 'n');
-- By two dimensions: w1 and m2 fire, and so do others, but not all that have w1 or m2.
SELECT tally.create_threshold('two', metric => 'failing', condition => '> 0.3', per => '{"the World",model}');
SELECT tally.create_threshold('two, worse', metric => 'failing', condition => '> 0.35', per => '{"the World",model}');
SELECT tally.create_threshold('one', metric => 'failing', condition => '> 0.2', per => '{model}', "where" => '{"the World": ["w1", "w2"]}');
SELECT tally.create_threshold('none', metric => 'failing', condition => '> 0.2');
SELECT is((SELECT count(*) FROM tally.evaluate('2026-03-15 11:00Z') WHERE error IS NULL), 4::bigint, 'four thresholds');
CREATE VIEW proofs AS SELECT threshold, labels, evidence, COALESCE(labels ->> 'the World', CASE threshold WHEN 'one' THEN 'w1,w2' ELSE '*' END) AS worlds,
    COALESCE(labels ->> 'model', '*') AS models FROM tally.incidents;
CREATE VIEW plain AS SELECT at, COALESCE("the World", '(none)') AS world, model, COALESCE(region, '(none)') AS region, device, failed FROM events;
CREATE FUNCTION plain(worlds text, models text) RETURNS SETOF plain LANGUAGE sql AS $$
    SELECT * FROM plain p WHERE (worlds = '*' OR p.world = ANY (string_to_array(worlds, ','))) AND (models = '*' OR p.model = models)
$$;
SELECT bag_eq($$SELECT labels FROM proofs WHERE threshold LIKE 'two%' AND evidence ->> 'observed' IS NOT NULL$$,
    $$SELECT jsonb_build_object('the World', world, 'model', model) FROM (SELECT world, model, avg(failed::int) AS share FROM plain
        WHERE at >= '2026-03-15 10:00Z' GROUP BY 1, 2) x, unnest('{0.3,0.35}'::float8[]) most WHERE share > most$$, 'label sets that are beyond each limit');
SELECT cmp_ok((SELECT count(*) FROM proofs WHERE threshold = 'two, worse'), '>', 1::bigint, 'several by the threshold that shares the proof');
SELECT cmp_ok((SELECT count(*) FROM proofs WHERE threshold = 'two'), '<', 12::bigint, 'and not all there are');
SELECT is_empty($$SELECT threshold, evidence ->> 'error' FROM proofs WHERE evidence ? 'error'$$, 'no proof failed');
-- The last twelve hours of each.
SELECT bag_eq($$SELECT threshold, labels, (v ->> 'bucket')::timestamptz AS bucket, round((v ->> 'value')::numeric, 9) AS value, (v ->> 'samples')::float8 AS n
                  FROM proofs, jsonb_array_elements(evidence -> 'values') v$$,
    $$SELECT p.threshold, p.labels, date_trunc('hour', e.at), round(avg(e.failed::int), 9), count(*)::float8
        FROM proofs p, plain(p.worlds, p.models) e WHERE e.at >= '2026-03-14 23:00Z' AND e.at < '2026-03-15 11:00Z' GROUP BY 1, 2, 3$$,
    'each has its own values');
-- The five labels with most observations of each dimension that the labels leave open, and the same hour a week before.
CREATE FUNCTION dimensions(threshold text) RETURNS text[] LANGUAGE sql AS $$
    SELECT CASE threshold WHEN 'one' THEN '{region,device}' WHEN 'none' THEN '{world,model,region,device}' ELSE '{region,device}' END::text[]
$$;
SELECT bag_eq($$SELECT threshold, labels, replace(d.key, 'the World', 'world') AS dimension, c ->> 'label' AS label,
                       round((c ->> 'value')::numeric, 9) AS value, (c ->> 'samples')::float8 AS n, round((c ->> 'before')::numeric, 9) AS before
                  FROM proofs, jsonb_each(evidence -> 'contributors') d, jsonb_array_elements(d.value) c$$,
    $$SELECT threshold, labels, dimension, label, value, n, before FROM (
        SELECT *, row_number() OVER (PARTITION BY threshold, labels, dimension ORDER BY n DESC, value DESC, label) AS place FROM (
            SELECT p.threshold, p.labels, d AS dimension, to_jsonb(e) ->> d AS label, (count(*) FILTER (WHERE e.at >= '2026-03-15 10:00Z'))::float8 AS n,
                   round(avg(e.failed::int) FILTER (WHERE e.at >= '2026-03-15 10:00Z'), 9) AS value,
                   round(avg(e.failed::int) FILTER (WHERE e.at < '2026-03-08 11:00Z'), 9) AS before
              FROM proofs p CROSS JOIN unnest(dimensions(p.threshold)) d CROSS JOIN LATERAL plain(p.worlds, p.models) e
             WHERE e.at >= '2026-03-15 10:00Z' OR e.at >= '2026-03-08 10:00Z' AND e.at < '2026-03-08 11:00Z' GROUP BY 1, 2, 3, 4) x WHERE n > 0) y
      WHERE place <= 5$$, 'each has its own contributors');
SELECT is_empty($$SELECT threshold, labels FROM proofs WHERE NOT evidence ? 'ranked'$$, 'what changed most is ranked');
-- Five hours before w1 had more than the metric can take.
CREATE TABLE crowds (at timestamptz NOT NULL, world text, region text);
INSERT INTO crowds SELECT '2026-03-15 10:00Z'::timestamptz - h * interval '1 hour' + i * interval '1 minute', 'w' || i % 3, 'r' || i % 2
  FROM generate_series(0, 7) h, generate_series(0, 29) i;
INSERT INTO crowds SELECT '2026-03-15 05:00Z'::timestamptz + i * interval '1 second', 'w1', 'r1' FROM generate_series(1, 3000) i;
SELECT tally.create_rollup('crowds_hourly', 'crowds', 'at', dimensions => '["world", "region"]', measures => '{"n": "count(*)"}');
SELECT tally.create_metric('room', 'crowds_hourly', 'sqrt(2000 - n)', samples => 'n');
SELECT tally.create_threshold('crowded', metric => 'room', condition => '> 1', per => '{world}');
SELECT is((SELECT opened FROM tally.evaluate('2026-03-15 11:00Z', 'crowded')), 3, 'three label sets fire');
SELECT results_eq($$SELECT labels ->> 'world', left(evidence ->> 'error', 5), jsonb_array_length(evidence -> 'values'),
                       jsonb_array_length(evidence #> '{contributors,region}') FROM tally.incidents WHERE threshold = 'crowded' ORDER BY 1$$,
    $$VALUES ('w0', NULL::text, 8, 2), ('w1', '2201F', NULL, NULL), ('w2', NULL, 8, 2)$$, 'the proof of one fails, and those of the others do not');
SELECT * FROM finish();
