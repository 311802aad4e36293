-- Owns: metrics, reports and boards for a reader who may see a release only: they are answered from what is published, or refused, and never from the
-- rollup. What subtraction finds in a view with HAVING, it does not find in them.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
-- Two more days, one without any visit between them.
INSERT INTO app.visits SELECT timestamptz '2026-01-03 10:00Z' + i * interval '1 second', c.base + i, c.world, c.kind
  FROM (VALUES ('w1', 'a', 20, 0), ('w2', 'a', 30, 300), ('w2', 'b', 25, 400)) c(world, kind, n, base), generate_series(1, c.n) i;
SELECT count(*) FROM tally.refresh('by_hour');
SELECT count(*) FROM tally.refresh_release('seen', '2026-01-04 01:00Z');
SELECT tally.create_metric('people', 'by_hour', 'tally.distinct_count(people)'),
       tally.create_metric('each', 'by_hour', 'n::float8 / nullif(tally.distinct_count(people), 0)'),
       tally.create_metric('never null', 'by_hour', 'coalesce(n, 0)'),
       tally.create_metric('whole', 'by_hour', 'tally.distinct_count(tally.add(people, 1010101))');
SELECT tally.create_board('visits', 'Visits', '[{"title": "By day", "metric": "visits"}, {"title": "By cell", "metric": "visits", "by": ["world", "kind"],
    "picture": "table"}, {"title": "Whole", "metric": "whole"}]', variables => '{world}');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SET search_path = evil, public;
SELECT is(evil.refused($$SELECT * FROM app.by_hour$$) || evil.refused($$SELECT * FROM app.by_hour_live$$), '4250142501',
    'the reader has no right on the rollup');

-- Answers are the published numbers.
SELECT bag_eq($$SELECT bucket, labels, value FROM tally.timeseries('visits', '2026-01-01', '2026-01-04', '1 day', '{world,kind}')$$,
    $$SELECT bucket, jsonb_build_object('world', world, 'kind', kind), n::float8 FROM app.seen WHERE world IS NOT NULL AND kind IS NOT NULL$$,
    'a series by world and kind is the cells of the release, hidden ones NULL');
SELECT bag_eq($$SELECT bucket, labels, value FROM tally.timeseries('people', '2026-01-01', '2026-01-04', '1 day', '{kind}', live => false)$$,
    $$SELECT bucket, jsonb_build_object('kind', kind), people::float8 FROM app.seen WHERE world IS NULL AND kind IS NOT NULL$$, 'people by kind');
SELECT results_eq($$SELECT bucket, value FROM tally.timeseries('each', '2026-01-01', '2026-01-04', '1 day')$$,
    $$SELECT bucket, n::float8 / people FROM app.seen WHERE world IS NULL AND kind IS NULL ORDER BY bucket$$, 'a ratio is that of published numbers');
SELECT results_eq($$SELECT bucket, value FROM tally.timeseries('visits', '2026-01-01', '2026-01-04')$$,
    $$SELECT bucket, n::float8 FROM app.seen WHERE world IS NULL AND kind IS NULL ORDER BY bucket$$,
    'without a bucket they are those of the release, not hours');
SELECT is((SELECT array_agg(value) FROM tally.timeseries('never null', '2026-01-01', '2026-01-02', '1 day', '{world}', '{"kind": "b"}') WHERE series = 'w1'),
    '{NULL}', 'what is hidden is NULL, whatever the metric makes of NULL');
SELECT bag_eq($$SELECT x ->> 'world', (x ->> 'visits')::float8 FROM tally.report('{visits}', '2026-01-01', '2026-01-04', by => '{world}') x$$,
    $$SELECT world, CASE WHEN NOT bool_or(hidden) THEN sum(n)::float8 END FROM app.seen WHERE world IS NOT NULL AND kind IS NULL GROUP BY world$$,
    'counts of several days add up, and are hidden with one of them');
SELECT is(tally.metric_value('visits', '2026-01-01', '2026-01-04'), (SELECT sum(n) FROM app.seen WHERE world IS NULL AND kind IS NULL)::float8,
    'over all days');
SELECT is(tally.metric_value('people', '2026-01-03', '2026-01-04'), 75::float8, 'people of one day');
SELECT bag_eq($$SELECT x ->> 'world' AS world, x ->> 'kind' AS kind, (x ->> 'visits')::float8 AS n, (x ->> 'people')::float8 AS people
        FROM tally.report('{visits,people}', '2026-01-01', '2026-01-04', '1 day', '{world,kind}', '{"world": ["w1", "w2"]}') x$$,
    $$SELECT world, kind, n::float8 AS n, people::float8 AS people FROM app.seen WHERE world IN ('w1', 'w2') AND kind IS NOT NULL$$, 'a report of two worlds');
SELECT is((SELECT jsonb_agg(r) FROM (SELECT jsonb_array_elements((tally.report_page(
    '{visits}', 100, bucket => '1 day', by => '{world,kind}', since => '2026-01-01',
    until => '2026-01-04') -> 'rows')::jsonb) ->> 'visits' AS r) x WHERE r IN ('3', '4', '6', '8')), NULL, 'pages show no secret');
SELECT is(tally.page('visits', since => '2026-01-01', until => '2026-01-04') ~ '2026-01-01' , true, 'a board is drawn');
SELECT matches(tally.board_text('visits', since => '2026-01-01', until => '2026-01-04'), 'does not answer metric', 'and says which panel no release answers');

-- Subtraction. The same attacks as on the release itself, by metrics.
CREATE TEMP TABLE attack (label text, naive text, metric text, secret bigint);
INSERT INTO attack VALUES
('a total less its parts',
 'SELECT (SELECT n FROM app.naive WHERE world = ''w1'' AND kind IS NULL) - (SELECT sum(n) FROM app.naive WHERE world = ''w1'' AND kind IS NOT NULL)',
 'SELECT tally.metric_value(''visits'', ''2026-01-01'', ''2026-01-02'', ''{"world": "w1"}'') - (SELECT sum(value) FROM tally.timeseries(''visits'', '
 '''2026-01-01'', ''2026-01-02'', ''1 day'', ''{kind}'', ''{"world": "w1"}''))', 6),
('a filter on two values less one on each',
 'SELECT (SELECT n FROM app.naive WHERE world IS NULL AND kind = ''b'') - (SELECT sum(n) FROM app.naive WHERE world IS NOT NULL AND kind = ''b'')',
 'SELECT tally.metric_value(''visits'', ''2026-01-01'', ''2026-01-02'', ''{"kind": ["a", "b"]}'') '
 '- tally.metric_value(''visits'', ''2026-01-01'', ''2026-01-02'', ''{"kind": "a"}'')', 6),
('a window less a shorter one',
 'SELECT app.naive_range(''2026-01-01 10:00Z'', ''2026-01-01 11:00Z'') - app.naive_range(''2026-01-01 10:00:02Z'', ''2026-01-01 11:00Z'')',
 'SELECT tally.metric_value(''visits'', ''2026-01-01 00:00Z'', ''2026-01-02 00:00Z'') '
 '- tally.metric_value(''visits'', ''2026-01-01 10:00Z'', ''2026-01-02 00:00Z'')', 20),
('all days less the other days',
 'SELECT (SELECT n FROM app.naive WHERE world IS NULL AND kind IS NULL) - (SELECT sum(n) FROM app.naive WHERE world IS NOT NULL AND kind IS NULL)',
 'SELECT tally.metric_value(''visits'', ''2026-01-01'', ''2026-01-04'', ''{"world": "w4"}'') - tally.metric_value(''visits'', ''2026-01-03'', ''2026-01-04'', '
 '''{"world": "w4"}'')', 8),
('a sketch asked for one person more', 'SELECT tally.distinct_count(tally.add(people, 1010101)) - tally.distinct_count(people) FROM app.naive_sketch',
 'SELECT tally.metric_value(''whole'', ''2026-01-01'', ''2026-01-02'') - tally.metric_value(''people'', ''2026-01-01'', ''2026-01-02'')', 1);
SELECT is(evil.guess(a.naive), a.secret, a.label || ': found in a view') FROM attack a;
SELECT isnt(evil.guess(a.metric), a.secret, a.label || ': not by metrics') FROM attack a;

-- What no release answers is refused in four parts, and the hint is a statement that is answered.
CREATE TEMP TABLE unanswered (question text, says text);
INSERT INTO unanswered VALUES
('SELECT tally.metric_value(''visits'', ''2026-01-01'', ''2026-01-05'')', 'published buckets from'),
('SELECT tally.metric_value(''visits'', ''2025-12-31'', ''2026-01-02'')', 'published buckets from'),
('SELECT tally.metric_value(''visits'', ''2026-01-01'', ''2026-01-01 12:00Z'')', 'whole buckets'),
('SELECT tally.metric_value(''visits'', ''-infinity'', ''infinity'')', 'whole buckets'),
('SELECT tally.metric_value(''people'', ''2026-01-01'', ''2026-01-04'')', 'do not add up'),
('SELECT tally.metric_value(''whole'', ''2026-01-01'', ''2026-01-02'')', 'metric ''whole'''),
('SELECT * FROM tally.timeseries(''visits'', ''2026-01-01'', ''2026-01-08'', ''1 week'')', 'by longer buckets'),
('SELECT * FROM tally.timeseries(''visits'', ''2026-01-01'', ''2026-01-04'', ''1 day'', fill => ''zero'')', 'with fill'),
('SELECT * FROM tally.timeseries(''visits'', ''2026-01-01'', ''2026-01-04'', ''1 day'', "where" => ''{"world": ["w1", "w4"]}'')', 'one value for each'),
('SELECT * FROM tally.report(''{visits}'', ''2026-01-01'', ''2026-01-03 12:00Z'', ''1 day'')', 'whole buckets'),
('SELECT * FROM tally.rolling(''people'', ''7 days'', ''2026-01-01'', ''2026-01-04'')', 'published buckets from'),
('SELECT * FROM tally.report(''{visits,whole}'', ''2026-01-01'', ''2026-01-02'')', 'metric ''whole''');
SELECT is((evil.parts(u.question))[1], '42501', u.question) FROM unanswered u;
SELECT matches((evil.parts(u.question))[2] || ' ' || (evil.parts(u.question))[3],
    '^role tally_reader may see what is released, and release .seen. does not answer .*'
    || u.says || '.* What is not released is not computed from the rollup.', 'it says why: ' || u.question) FROM unanswered u;
SELECT is(evil.parts(regexp_replace((evil.parts(u.question))[4], ';.*', '')), NULL, 'its hint is answered: ' || u.question) FROM unanswered u;

-- An hour's buckets widen with a notice; a release that is gone answers nothing, and the rollup does not answer in its place.
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SELECT tally.alter_rollup('by_hour', add_measures => '{"few": "count(*) FILTER (WHERE kind = ''a'')"}');
SELECT tally.create_metric('few', 'by_hour', 'few');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SELECT matches((evil.parts($$SELECT tally.metric_value('few', '2026-01-01', '2026-01-02')$$))[2], 'does not answer metric ''few''',
    'a measure that came later is not shown');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SELECT tally.drop_board('visits');
SELECT tally.drop_release('seen');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SELECT is((evil.parts(q))[1], '42501', 'without a release: ' || q) FROM unnest(ARRAY['SELECT tally.metric_value(''visits'', ''2026-01-01'', ''2026-01-02'')',
    'SELECT * FROM tally.timeseries(''visits'', ''2026-01-01'', ''2026-01-02'')',
    'SELECT * FROM tally.report(''{visits}'', ''2026-01-01'', ''2026-01-02'')']) q;
\ir epilogue.psql
SELECT * FROM finish();
