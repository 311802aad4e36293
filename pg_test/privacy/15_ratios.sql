-- Owns: ratios of metrics for readers of releases: nothing of a hidden cell, and what is shown is the quotient of what is published.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE TABLE visits (at timestamptz NOT NULL, person int, world text, kind text);
-- People per world and kind; each has two visits. Three people are too few to be shown.
INSERT INTO visits SELECT timestamptz '2026-01-01 10:00Z' + (i || ' seconds')::interval, c.base + i, c.world, c.kind
  FROM (VALUES ('w1', 'a', 20, 0), ('w1', 'b', 3, 100), ('w1', 'c', 40, 200), ('w2', 'a', 30, 300),
               ('w2', 'b', 25, 400), ('w2', 'c', 50, 500)) c(world, kind, n, base),
       generate_series(1, c.n) i, generate_series(1, 2);
SELECT tally.create_rollup('by_hour', 'visits', 'at', '1 hour', dimensions => '["world", "kind"]',
    measures => '{"people": "tally.hll(person)", "n": "count(*)"}', with_data => true);
SELECT tally.create_metric('visits', 'by_hour', 'n'), tally.create_metric('people', 'by_hour', 'tally.distinct_count(people)');
SELECT tally.create_ratio('visits_each', 'visits', 'people'), tally.create_ratio('visits_of_week', 'visits', 'people', divisor_window => '7 days');
SELECT tally.create_release('seen', 'by_hour', '{world,kind}', '{n}', bucket => '1 day');
SELECT * FROM tally.refresh_release('seen', '2026-01-02 01:00Z');
CREATE TEMP TABLE hidden AS SELECT world, kind, hidden FROM seen WHERE world IS NOT NULL AND kind IS NOT NULL;
GRANT SELECT ON hidden TO PUBLIC;
CREATE ROLE tally_test_15_reader ROLE CURRENT_USER;
GRANT tally_test_15_reader TO CURRENT_USER;
GRANT SELECT ON seen TO tally_test_15_reader;
SET ROLE tally_test_15_reader;
SELECT results_eq($$SELECT h.world, h.kind, h.hidden, t.value FROM hidden h
      LEFT JOIN tally.timeseries('visits_each', since => '2026-01-01', until => '2026-01-02', bucket => '1 day', by => '{world,kind}') t
        ON t.labels = jsonb_build_object('world', h.world, 'kind', h.kind) ORDER BY 1, 2$$,
    $$SELECT h.world, h.kind, h.hidden, CASE WHEN NOT h.hidden THEN 2::float8 END FROM hidden h ORDER BY 1, 2$$,
    'each shown cell has two visits a person, a hidden one has no ratio');
SELECT is((SELECT count(*) FROM hidden h WHERE h.hidden), 4::bigint, 'four of six are hidden');
SELECT is_empty($$SELECT x FROM tally.report('{visits_each}', since => '2026-01-01', until => '2026-01-02', bucket => '1 day', by => '{world,kind}') x
      JOIN hidden h ON h.world = x ->> 'world' AND h.kind = x ->> 'kind' AND h.hidden WHERE x ->> 'visits_each' IS NOT NULL$$, 'also in a report');
SELECT is(tally.metric_value('visits_each', since => '2026-01-01', until => '2026-01-02'), 2::float8, 'of all: what is published, divided');
SELECT is(tally.metric_value('visits_each', since => '2026-01-01', until => '2026-01-02', "where" => '{"world": "w1", "kind": "b"}'), NULL,
    'a hidden cell alone has none');
SELECT throws_like($$SELECT * FROM tally.timeseries('visits_of_week', since => '2026-01-01', until => '2026-01-02', bucket => '1 day')$$,
    '%release ''seen'' does not answer for 2025-12-26%', 'a window over days that are not published has none');
RESET ROLE;
DROP OWNED BY tally_test_15_reader;
DROP ROLE tally_test_15_reader;
SELECT finish();
