-- Owns: thirty more attacks of a reader on a release: sums over views, boards, pages and windows, ratios, shares of totals, rounded values, rollups on rollups,
-- lookback, late rows. Each finds its secret in what people make instead (a view, a table, a function with HAVING), and not in what a reader is
-- given. And what an owner could define that would let one of them through is refused.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
-- Two days later one person of w4 comes twice, and thirty of w2; who comes to w2 has come before.
INSERT INTO app.visits SELECT '2026-01-03 10:00Z', 300 + i, 'w2', 'a' FROM generate_series(1, 30) i;
INSERT INTO app.visits SELECT '2026-01-03 10:00Z', 901, 'w4', 'c' FROM generate_series(1, 2) i;
SELECT count(*) FROM tally.refresh('by_hour');
SELECT count(*) FROM tally.refresh_release('seen', '2026-01-04 01:00Z');
SELECT tally.create_metric('people', 'by_hour', 'tally.distinct_count(people)'),
       tally.create_metric('each', 'by_hour', 'n::float8 / nullif(tally.distinct_count(people), 0)'),
       tally.create_metric('rounded', 'by_hour', 'round(n, -1)::float8'),
       tally.create_metric('share', 'by_hour', 'n / 560.0'),
       tally.create_metric('told apart', 'by_hour', 'CASE WHEN n = 6 THEN 1.0 ELSE 0 END'),
       tally.create_metric('never null', 'by_hour', 'coalesce(n, -1)');
SELECT tally.create_board('visits', 'Visits', '[{"title": "By cell", "metric": "visits", "by": ["world", "kind"], "picture": "table"},
    {"title": "Each", "metric": "each", "by": ["world"]}]', variables => '{world,kind}');
SELECT tally.save_view('visits', 'one', '{"world": "w1", "kind": "b"}');
-- What people make instead: the same questions of any day and any group of ten or more, and a table with numbers to the ten.
CREATE FUNCTION app.naive_count(day date, worlds text[] DEFAULT NULL, kinds text[] DEFAULT NULL) RETURNS numeric LANGUAGE sql SECURITY DEFINER AS
    'SELECT count(*) FROM app.visits WHERE at >= $1 AND at < $1 + 1 AND (world = ANY ($2) OR $2 IS NULL) AND (kind = ANY ($3) OR $3 IS NULL)
     HAVING count(DISTINCT person) >= 10';
CREATE FUNCTION app.naive_people(days daterange, worlds text[] DEFAULT NULL) RETURNS numeric LANGUAGE sql SECURITY DEFINER AS
    'SELECT count(DISTINCT person) FROM app.visits WHERE at::date <@ $1 AND (world = ANY ($2) OR $2 IS NULL) HAVING count(DISTINCT person) >= 10';
CREATE FUNCTION app.naive_each(day date, worlds text[] DEFAULT NULL) RETURNS numeric LANGUAGE sql SECURITY DEFINER AS
    'SELECT count(*)::numeric / count(DISTINCT person) FROM app.visits WHERE at >= $1 AND at < $1 + 1 AND (world = ANY ($2) OR $2 IS NULL)';
GRANT SELECT ON app.seen TO tally_reader;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SET search_path = evil, public;
-- The number that a statement gives, rounded to six places, or nothing where it is refused or NULL.
CREATE FUNCTION evil.number(attack text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    result numeric;
BEGIN
    EXECUTE attack INTO result;
    RETURN round(result, 6);
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;
CREATE FUNCTION evil.value(metric text, "where" jsonb, day date DEFAULT '2026-01-01') RETURNS float8 LANGUAGE sql AS
    $$SELECT tally.metric_value(metric, day || ' 00:00Z', (day + 1) || ' 00:00Z', "where")$$;
CREATE TEMP TABLE attack (what text, naive text, released text, secret numeric);
INSERT INTO attack VALUES
('a world less its other kinds', 'SELECT app.naive_count(''2026-01-01'', ''{w1}'') - app.naive_count(''2026-01-01'', ''{w1}'', ''{a,c}'')',
 'SELECT evil.value(''visits'', ''{"world": "w1"}'') - evil.value(''visits'', ''{"world": "w1", "kind": "a"}'')
    - evil.value(''visits'', ''{"world": "w1", "kind": "c"}'')', 6),
('a kind less its other worlds', 'SELECT app.naive_count(''2026-01-01'', NULL, ''{b}'') - app.naive_count(''2026-01-01'', ''{w2,w3}'', ''{b}'')',
 'SELECT evil.value(''visits'', ''{"kind": "b"}'') - evil.value(''visits'', ''{"world": "w2", "kind": "b"}'')
    - evil.value(''visits'', ''{"world": "w3", "kind": "b"}'')', 6),
('two worlds less one', 'SELECT app.naive_count(''2026-01-01'', ''{w3,w4}'') - app.naive_count(''2026-01-01'', ''{w3}'')',
 'SELECT (SELECT sum((x ->> ''visits'')::float8) FROM tally.report(''{visits}'', ''2026-01-01'', ''2026-01-02'', by => ''{world}'', "where" =>
    ''{"world": ["w3", "w4"]}'') x HAVING count(x ->> ''visits'') = 2) - evil.value(''visits'', ''{"world": "w3"}'')', 8),
('people of the day less those of other worlds',
 'SELECT app.naive_people(''[2026-01-01,2026-01-02)'') - app.naive_people(''[2026-01-01,2026-01-02)'', ''{w1,w2,w3}'')',
 'SELECT evil.value(''people'', ''{}'') - evil.value(''people'', ''{"world": "w1"}'') - evil.value(''people'', ''{"world": "w2"}'')
    - evil.value(''people'', ''{"world": "w3"}'')', 4),
('people of two days less those of one', 'SELECT app.naive_people(''[2026-01-01,2026-01-04)'') - app.naive_people(''[2026-01-01,2026-01-02)'') + 31',
 'SELECT tally.metric_value(''people'', ''2026-01-01'', ''2026-01-04'') - tally.metric_value(''people'', ''2026-01-01'', ''2026-01-02'') + 31', 31),
('visits of both days less those of the first, of w2 and w4',
 'SELECT app.naive_count(''2026-01-03'') - app.naive_count(''2026-01-03'', ''{w2}'')',
 'SELECT evil.value(''visits'', ''{}'', ''2026-01-03'') - evil.value(''visits'', ''{"world": "w2"}'', ''2026-01-03'')', 2),
('a cumulative sum less the day before',
 'SELECT app.naive_count(''2026-01-03'') - app.naive_count(''2026-01-03'', ''{w2}'')',
 'SELECT (SELECT max(value) - min(value) FROM tally.cumulative(''visits'', ''2026-01-01'', ''2026-01-04'', ''1 day''))
    - (SELECT max(value) - min(value) FROM tally.cumulative(''visits'', ''2026-01-01'', ''2026-01-04'', ''1 day'', by => ''{world}'')
       WHERE series = ''w2'')', 2),
('a rolling sum less a shorter one', 'SELECT app.naive_count(''2026-01-03'') - app.naive_count(''2026-01-03'', ''{w2}'')',
 'SELECT (SELECT value FROM tally.rolling(''visits'', ''2 days'', ''2026-01-03'', ''2026-01-04'', ''1 day''))
    - (SELECT value FROM tally.rolling(''visits'', ''2 days'', ''2026-01-03'', ''2026-01-04'', ''1 day'', by => ''{world}'') WHERE series = ''w2'')', 2),
('visits each times people', 'SELECT app.naive_each(''2026-01-03'', ''{w4}'') * 1',
 'SELECT evil.value(''each'', ''{"world": "w4"}'', ''2026-01-03'')', 2),
('a mean of the rest: from a mean of all', 'SELECT app.naive_each(''2026-01-03'') * 31 - app.naive_count(''2026-01-03'', ''{w2}'')',
 'SELECT evil.value(''each'', ''{}'', ''2026-01-03'') * 31 - evil.value(''visits'', ''{"world": "w2"}'', ''2026-01-03'')', 2),
('a share times the total', 'SELECT 8 / 560.0 * app.naive_count(''2026-01-01'')', 'SELECT evil.value(''share'', ''{"world": "w4"}'') * 560', 8),
('shares of all worlds, and one is left', NULL,
 'SELECT 560 - 560 * (evil.value(''share'', ''{"world": "w1"}'') + evil.value(''share'', ''{"world": "w2"}'')
    + evil.value(''share'', ''{"world": "w3"}''))', 8),
('a rounded value', 'SELECT round(app.naive_each(''2026-01-01'', ''{w4}'') * 4, -1)', 'SELECT evil.value(''rounded'', ''{"world": "w4"}'')', 10),
('rounded values added up', 'SELECT 560 - (SELECT sum(round(app.naive_count(''2026-01-01'', ARRAY[w]), -1)) FROM unnest(''{w1,w2,w3}''::text[]) w)',
 'SELECT 560 - (SELECT sum(value) FROM tally.timeseries(''rounded'', ''2026-01-01'', ''2026-01-02'', ''1 day'', ''{world}'') HAVING count(value) = 3)', 0),
('a metric that tells six from others', 'SELECT CASE WHEN app.naive_each(''2026-01-01'', ''{w1}'') = 2 THEN 1 END',
 'SELECT evil.value(''told apart'', ''{"world": "w1", "kind": "b"}'')', 1),
('a metric that makes something of nothing', NULL, 'SELECT evil.value(''never null'', ''{"world": "w1", "kind": "b"}'')', 6),
('a series split finer, added up', 'SELECT app.naive_count(''2026-01-01'') - app.naive_count(''2026-01-01'', ''{w1,w2,w3}'')',
 'SELECT (SELECT sum(value) FROM tally.timeseries(''visits'', ''2026-01-01'', ''2026-01-02'', ''1 day''))
    - (SELECT sum(value) FROM tally.timeseries(''visits'', ''2026-01-01'', ''2026-01-02'', ''1 day'', ''{world}''))', 8),
('cells added up, from the total', 'SELECT app.naive_count(''2026-01-01'') - 8 - app.naive_count(''2026-01-01'', ''{w1,w2,w3}'', ''{a,c}'') - 102',
 'SELECT (SELECT sum(value) FROM tally.timeseries(''visits'', ''2026-01-01'', ''2026-01-02'', ''1 day'')) - 8
    - (SELECT sum(value) FROM tally.timeseries(''visits'', ''2026-01-01'', ''2026-01-02'', ''1 day'', ''{world,kind}''))', 6),
('a filter that leaves one out', 'SELECT app.naive_count(''2026-01-01'') - app.naive_count(''2026-01-01'', ''{w1,w2,w3}'')',
 'SELECT evil.value(''visits'', ''{}'') - evil.value(''visits'', ''{"world": ["w1", "w2", "w3"]}'')', 8),
('a page from its middle', NULL,
 'SELECT (tally.report_page(''{visits}'', 1, by => ''{world,kind}'', since => ''2026-01-01'', until => ''2026-01-02'', after =>
    (tally.report_page(''{visits}'', 1, by => ''{world,kind}'', since => ''2026-01-01'', until => ''2026-01-02'') ->> ''next'')::jsonb)
    -> ''rows'' -> 0 ->> ''visits'')::numeric', 6),
('the least of a page sorted by value', NULL,
 'SELECT min((r ->> ''visits'')::numeric) FROM tally.report(''{visits}'', ''2026-01-01'', ''2026-01-02'', by => ''{world,kind}'') r', 6),
('a hidden cell by the ends of its row', NULL,
 'SELECT n_low FROM app.seen WHERE world = ''w1'' AND kind = ''b'' AND bucket < ''2026-01-02'' AND n_low = n_high', 6),
('the middle between the ends', NULL,
 'SELECT (n_low + n_high) / 2 FROM app.seen WHERE world = ''w1'' AND kind = ''b'' AND bucket < ''2026-01-02''', 6),
('the ends of one cell from those of another', NULL,
 'SELECT t.n - p.n_high FROM app.seen t, app.seen p WHERE t.world IS NULL AND t.kind = ''c'' AND p.world = ''w4'' AND p.kind = ''c''
    AND t.bucket < ''2026-01-02'' AND p.bucket = t.bucket AND t.n IS NOT NULL', 8),
('a board''s picture of one cell', NULL, 'SELECT substring(tally.board_text(''visits'', since => ''2026-01-01'', until => ''2026-01-02'') FROM
    ''w1 +b +([0-9]+)'')::numeric', 6),
('a board with both variables set', NULL, 'SELECT substring(tally.board_text(''visits'', since => ''2026-01-01'', until => ''2026-01-02'',
    filters => ''{"world": "w1", "kind": "b"}'') FROM ''w1 +b +([0-9]+)'')::numeric', 6),
('a saved view of the owner''s', NULL, 'SELECT substring(tally.page(''visits'', view => ''one'') FROM ''>6<'')::numeric', 6),
('a view of his own of the same', NULL, 'SELECT substring(tally.board_text(''visits'', since => ''2026-01-01'', until => ''2026-01-02'',
    view => ''mine'') FROM ''w1 +b +([0-9]+)'')::numeric', 6),
('an average of a day over its hours', 'SELECT app.naive_range(''2026-01-01 10:00Z'', ''2026-01-01 11:00Z'') - 552',
 'SELECT tally.metric_value(''visits'', ''2026-01-01 10:00Z'', ''2026-01-01 11:00Z'') - 552', 8),
('an export as CSV', NULL, 'SELECT substring(tally.export_csv(''{visits}'', ''2026-01-01'', ''2026-01-02'', by => ''{world,kind}'')
    FROM ''w1,b,([0-9]+)'')::numeric', 6),
('how many rows a backfill wrote for an hour', NULL, 'SELECT written FROM tally_internal._progress((SELECT id FROM tally.rollups WHERE name = ''by_hour''),
    ''-infinity'', ''2026-01-01 10:00Z'', ''2026-01-01 11:00Z'')', 10),
('a threshold of his own that fires where there are six', NULL,
 'SELECT count(tally.create_threshold(''evil.six'', metric => ''app.visits'', condition => ''= 6'', per => ''{world,kind}''))', 1);
SELECT tally.save_view('visits', 'mine', '{"world": "w1", "kind": "b"}');
SELECT cmp_ok((SELECT count(*) FROM attack), '>=', 30::bigint, 'thirty attacks');
GRANT SELECT ON attack TO tally_owner;
SELECT is(evil.number(naive), secret, what || ': found in what people make') FROM attack WHERE naive IS NOT NULL;
SELECT is(evil.refused(released), 'done', what || ': answered or refused, not written wrongly') FROM attack
 WHERE evil.refused(released) NOT IN ('42501', '42704');
SELECT isnt(evil.number(released), secret, what || ': not in what is released') FROM attack;

-- Where people make nothing of the kind, the same question finds the secret for who may read the rows.
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT is(evil.number(released), secret, what || ': found by the owner') FROM attack
 WHERE naive IS NULL AND released !~ 'app.seen|view|threshold';
-- What an owner could define, and a reader subtract.
CREATE TABLE app.other (LIKE app.visits INCLUDING ALL);
INSERT INTO app.other SELECT * FROM app.visits;
SELECT tally.create_rollup('app.week', 'app.other', 'at', '1 day', dimensions => '["world","kind"]', lookback => '7 days',
    measures => '{"people": "tally.hll(person)", "n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('app.week_by_world', 'app.week', 'bucket', '1 day', dimensions => '["world"]',
    measures => '{"people": "tally.rollup(people)", "n": "sum(n)"}', with_data => true);
SELECT results_eq($$SELECT n FROM app.week_by_world WHERE world = 'w4' ORDER BY bucket LIMIT 3$$, 'VALUES (8::numeric), (8), (10)',
    'weeks that overlap: one less the one before is the day that came');
SELECT matches((evil.parts(format('SELECT tally.create_release(''app.weeks'', %L, ''{world}'', ''{n}'')', r)))[2],
    'needs a rollup whose buckets share no rows, got rollup .*lookback', 'refused: a release of ' || r) FROM unnest('{app.week,app.week_by_world}'::text[]) r;
-- A release that an older version let have people under a condition publishes no more.
SELECT tally.create_rollup('app.some', 'app.other', 'at', '1 day', dimensions => '["world"]', measures => '{"people": "tally.hll(person)", "n": "count(*)"}',
    with_data => true);
SELECT tally.create_release('app.some_seen', 'app.some', '{world}', '{n}');
SELECT is((SELECT count(*) FROM tally.refresh_release('app.some_seen', '2026-01-02 12:00Z') WHERE state = 'released'), 1::bigint, 'a day is published');
RESET SESSION AUTHORIZATION;
UPDATE tally.measures m SET expression = 'tally.hll(person) FILTER (WHERE kind <> ''b'')' FROM tally.rollups r
 WHERE r.id = m.rollup_id AND r.name = 'some' AND m.name = 'people';
UPDATE tally.releases x SET definition = tally_internal._release_definition(r, '{world,n,people}', NULL) FROM tally.rollups r
 WHERE r.id = x.rollup_id AND x.name = 'some_seen';
SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SELECT matches((evil.parts($$SELECT * FROM tally.refresh_release('app.some_seen', '2026-01-05')$$))[2], 'must be all people of a cell',
    'made by an older version, it publishes nothing more');
SELECT is((SELECT count(DISTINCT bucket) FROM app.some_seen), 1::bigint, 'and what is published stands');
\ir epilogue.psql
SELECT * FROM finish();
