-- Owns: metrics: definition, bad input, the flat view, and reading at any grain. Expected numbers are worked by hand.
SELECT no_plan();
\ir ../hosted.psql
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
CREATE TABLE events (at timestamptz NOT NULL, world text, kind text, ms float8);
CREATE INDEX ON events (at);
INSERT INTO events VALUES
    ('2026-01-01 10:05Z', 'w1', 'turn', 100), ('2026-01-01 10:15Z', 'w1', 'retry', NULL), ('2026-01-01 10:25Z', 'w2', 'turn', 300),
    ('2026-01-01 11:05Z', 'w1', 'turn', 100), ('2026-01-01 11:06Z', 'w1', 'turn', 100), ('2026-01-01 11:07Z', 'w1', 'turn', 100),
    ('2026-01-01 11:15Z', 'w1', 'retry', NULL), ('2026-01-01 11:25Z', NULL, 'turn', 500);
SELECT tally.create_rollup('turns_hourly', 'events', 'at', '1 hour', '["world"]',
    '{"turns": "count(*) filter (where kind = ''turn'')", "retries": "count(*) filter (where kind = ''retry'')", "ms": "sum(ms)"}', with_data => true);

SELECT is(tally.create_metric('retry_rate', 'turns_hourly', 'retries::float8 / nullif(turns, 0)', unit => 'share', description => 'Retries per turn.',
    direction => 'down_is_good'), 'retry_rate', 'a metric');
SELECT is(tally.create_metric('turns', 'turns_hourly', 'turns'), 'turns', 'a measure may be a metric under its own name');
SELECT results_eq('SELECT name, type, measures, samples FROM tally.metrics ORDER BY id',
    $$VALUES ('retry_rate', 'double precision', '{retries,turns}'::text[], 'turns'), ('turns', 'bigint', '{turns}', 'turns')$$,
        'type, measures and samples are found out');
SELECT is((SELECT resolved FROM tally.metrics WHERE name = 'retry_rate'), '((retries)::double precision / (NULLIF(turns, 0))::double precision)',
    'PostgreSQL''s own reading is kept');

-- The flat view.
SELECT results_eq('SELECT * FROM turns_hourly_metrics ORDER BY bucket, world', $$VALUES
    ('2026-01-01 10:00Z'::timestamptz, 'w1', 1::float8, 1::bigint), ('2026-01-01 10:00Z', 'w2', 0, 1),
    ('2026-01-01 11:00Z', '(none)', 0, 1), ('2026-01-01 11:00Z', 'w1', 1 / 3::float8, 3)$$, 'bucket, dimensions, one column per metric');
SELECT is(col_description('turns_hourly_metrics'::regclass, 3), 'Retries per turn. Unit: share. Metric: retries::float8 / nullif(turns, 0).',
    'columns say what they are');
SELECT is((SELECT count(*) FROM pg_attribute a
    WHERE a.attrelid = 'turns_hourly_metrics'::regclass AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL), 0::bigint, 'all of them');

-- Any grain: the ratio of sums.
SELECT results_eq($$SELECT bucket, series, labels, value FROM tally.timeseries('retry_rate', since => '2026-01-01', until => '2026-01-02')$$, $$VALUES
    ('2026-01-01 10:00Z'::timestamptz, 'retry_rate', '{}'::jsonb, 1 / 2::float8), ('2026-01-01 11:00Z', 'retry_rate', '{}', 1 / 4::float8)$$,
        'over all worlds: 1/2, 1/4');
SELECT results_eq($$SELECT bucket, value FROM tally.timeseries('retry_rate', since => '2026-01-01', until => '2026-01-02', bucket => '1 day')$$,
    $$VALUES ('2026-01-01 00:00Z'::timestamptz, 2 / 6::float8)$$, 'by day 2/6, not the mean 3/8');
SELECT results_eq($$SELECT bucket, series, labels, value FROM tally.timeseries('retry_rate', by => '{world}', as_of => '2026-01-01 12:00Z')$$, $$VALUES
    ('2026-01-01 10:00Z'::timestamptz, 'w1', '{"world": "w1"}'::jsonb, 1::float8), ('2026-01-01 10:00Z', 'w2', '{"world": "w2"}', 0),
    ('2026-01-01 11:00Z', '(none)', '{"world": "(none)"}', 0), ('2026-01-01 11:00Z', 'w1', '{"world": "w1"}', 1 / 3::float8)$$,
        'one series per world, the last 24 hours by default');
SELECT results_eq($$SELECT series, value FROM tally.timeseries('turns', since => '2026-01-01T00:00:00Z', by => '{world}', "where" => '{"world": [null, "w2"]}',
    as_of => '2026-01-02')$$,
    $$VALUES ('w2', 1::float8), ('(none)', 1)$$, 'where takes lists, null stands for NULL, since takes what Grafana writes');
SELECT results_eq($$SELECT bucket FROM tally.timeseries('turns', since => '90 minutes', as_of => '2026-01-01 12:00Z')$$,
    $$VALUES ('2026-01-01 11:00Z'::timestamptz)$$, 'whole buckets only');
INSERT INTO events VALUES ('2026-01-01 11:30Z', 'w1', 'turn', 1);
SELECT is((SELECT value FROM tally.timeseries('turns', since => '2026-01-01 11:00Z', as_of => '2026-01-01 12:00Z')), 5::float8,
    'exact now, before any refresh');
SELECT is((SELECT value FROM tally.timeseries('turns', since => '2026-01-01 11:00Z', as_of => '2026-01-01 12:00Z', live => false)), 4::float8,
    'or as of the last refresh');
SELECT is(tally.metric_value('retry_rate', '2026-01-01', as_of => '2026-01-02'), 2 / 7::float8, 'one number over a range');
SELECT is(tally.metric_value('retry_rate', '1 hour', as_of => '2030-01-01'), NULL, 'NULL rather than an invented number');

-- Over sketches: coarser buckets merge them. Few values are kept exactly, so percentile_cont over the events is the oracle.
SELECT tally.create_rollup('latency_hourly', 'events', 'at', '1 hour', '["world"]',
    '{"n": "count(*)", "latency": "tally.tdigest(ms)", "worlds": "tally.hll(world)"}', with_data => true);
SELECT lives_ok($$SELECT tally.create_metric('p75_ms', 'latency_hourly', 'tally.percentile(latency, 0.75)', unit => 'ms'),
    tally.create_metric('worlds', 'latency_hourly', 'tally.distinct_count(worlds)')$$, 'metrics over sketches');
SELECT results_eq($$SELECT value FROM tally.timeseries('p75_ms', since => '2026-01-01', until => '2026-01-02', bucket => '1 day')$$,
    'SELECT percentile_cont(0.75) WITHIN GROUP (ORDER BY ms) FROM events', 'a percentile by day is that of all its events');
SELECT is(tally.metric_value('worlds', '2026-01-01', as_of => '2026-01-02')::numeric, 2::numeric, 'distinct worlds over hours: w1 and w2');
SELECT is((SELECT string_agg(DISTINCT atttypid::regtype::text, ' ') FROM pg_attribute WHERE attrelid = 'latency_hourly_metrics'::regclass AND attnum > 2),
    'bigint double precision', 'the flat view has no sketch types');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'latency_hourly', 'latency')$$, '42804', 'metric ''bad'' must be a number, got tally.tdigest',
    'a sketch is no number');

-- Again, changed, renamed.
SELECT is(tally.create_metric('turns', 'turns_hourly', 'turns'), 'turns', 'the same again is fine');
CREATE VIEW mine AS SELECT bucket, retry_rate FROM turns_hourly_metrics;
CREATE ROLE tally_metric_reader ROLE CURRENT_USER;
GRANT SELECT ON turns_hourly_metrics TO tally_metric_reader;
SELECT lives_ok($$SELECT tally.create_metric('mean_ms', 'turns_hourly', 'ms / nullif(turns, 0)', unit => 'ms')$$,
    'another metric adds a column, views on the flat view stay');
SELECT throws_ok($$SELECT tally.create_metric('retry_rate', 'turns_hourly', 'retries')$$, '2BP01', NULL, 'a column that others stand on keeps its type');
DROP VIEW mine;
SELECT lives_ok($$SELECT tally.create_metric('retry_rate', 'turns_hourly', 'retries')$$, 'a definition can change');
SELECT col_type_is('app', 'turns_hourly_metrics', 'retry_rate', 'bigint', 'and its column with it');
SELECT ok(has_table_privilege('tally_metric_reader', 'turns_hourly_metrics', 'SELECT'), 'who could read the view still can');
SELECT lives_ok($$SELECT tally.rename_metric('retry_rate', 'retries_per_hour')$$, 'renamed');
SELECT has_column('app', 'turns_hourly_metrics', 'retries_per_hour', 'and its column with it');
SELECT lives_ok($$SELECT tally.drop_metric('retries_per_hour')$$, 'dropped');
SELECT hasnt_column('app', 'turns_hourly_metrics', 'retries_per_hour', 'and its column with it');

-- Bad input.
-- The hint of integer division is a statement that works, also where the divisor is a call.
CREATE FUNCTION pg_temp.hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END $$;
SELECT is(pg_temp.hint_of(format('SELECT tally.create_metric(''divided'', ''turns_hourly'', %L)', given)),
    format('SELECT tally.create_metric(''divided'', ''turns_hourly'', %L);', better), given)
  FROM (VALUES ('retries / turns', 'retries::float8 / nullif(turns, 0)'), ('retries / nullif(turns, 0)', 'retries::float8 / nullif(turns, 0)'),
               ('abs(retries) / (turns + 1)', 'abs(retries)::float8 / nullif((turns + 1), 0)')) v(given, better);
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', 'retries / turns')$$, '22023',
    'metric ''bad'' divides integers (bigint / bigint), which cuts off the fraction and fails on zero', 'integer division');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', 'retries / 2')$$, '22023', NULL, 'by a constant too');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', 'nope + 1')$$, '42703',
    'metric ''bad'' names an unknown measure: column "nope" does not exist', 'unknown measure');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', 'sum(turns)')$$, '42803', NULL, 'an aggregate');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', '(SELECT 1) + turns')$$, '0A000', NULL, 'a subquery');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', 'random() + turns')$$, '42P17', NULL, 'not immutable');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', 'turns +')$$, '42601', NULL, 'syntax');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', 'nofunction(turns)')$$, '42883', NULL, 'unknown function');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', 'turns > 1')$$, '42804', 'metric ''bad'' must be a number, got boolean', 'no number');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', '1')$$, '22023', NULL, 'no measure');
SELECT throws_ok($$SELECT tally.create_metric('world', 'turns_hourly', 'turns')$$, '42701', NULL, 'the name of a dimension');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'nope', 'turns')$$, '42704', NULL, 'unknown rollup');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', 'turns', direction => 'up')$$, '22023', NULL, 'unknown direction');
SELECT throws_ok($$SELECT tally.create_metric('bad', 'turns_hourly', 'turns', samples => 'world')$$, '42703', NULL, 'samples that do not count');
SELECT throws_ok($$SELECT * FROM tally.timeseries('turn')$$, '42704', 'metric ''turn'' does not exist', 'unknown metric');
SELECT throws_ok($$SELECT * FROM tally.timeseries('turns', by => '{planet}')$$, '42703', NULL, 'unknown dimension');
SELECT throws_ok($$SELECT * FROM tally.timeseries('turns', bucket => '90 minutes')$$, '22023', NULL, 'buckets are never split');
SELECT throws_ok($$SELECT * FROM tally.timeseries('turns', since => 'yesteryear')$$, '22023', NULL, 'since that is no time');
SELECT is((SELECT count(*) FROM tally.metrics WHERE name = 'bad'), 0::bigint, 'nothing half-created');
SELECT is(to_regclass('pg_temp.tally_probe'), NULL, 'nothing left behind');

-- Rights: the reader's own, and no code of the maker's runs with them.
GRANT CREATE, USAGE ON SCHEMA app TO tally_metric_reader;
GRANT SELECT ON turns_hourly_live TO tally_metric_reader;
CREATE FUNCTION app.thrice(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 3 * n;
ALTER FUNCTION app.thrice(bigint) OWNER TO tally_metric_reader;
CREATE FUNCTION told_hint(OUT state text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally.create_metric('thrice', 'turns_hourly', 'app.thrice(turns)');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, hint = PG_EXCEPTION_HINT;
END $$;
SELECT state AS strange, substring(hint FROM 'ALTER FUNCTION .*') AS mend FROM told_hint() \gset
SELECT is(:'strange'::text, '42501', 'a function of a role that pg_tally does not belong to is refused');
:mend
SELECT is(told_hint(), ROW(NULL::text, NULL::text), 'the statement of the hint makes it a function that readers run');
SET ROLE tally_metric_reader;
SELECT is((SELECT sum(value) FROM tally.timeseries('thrice', '2026-01-01', '2026-02-01')), 21::float8, 'and they do: three times seven turns');
RESET ROLE;
SELECT tally.drop_metric('thrice');
CREATE ROLE tally_metric_maker ROLE CURRENT_USER;
GRANT CREATE, USAGE ON SCHEMA app TO tally_metric_maker;
CREATE TABLE own_events (at timestamptz NOT NULL, n int);
ALTER TABLE own_events OWNER TO tally_metric_maker;
\if :hosted
SELECT skip('definitions are the installing role''s', 9);
\else
SET ROLE tally_metric_maker;
SELECT lives_ok($$SELECT tally.create_rollup('own_hourly', 'own_events', 'at', '1 hour', measures => '{"n": "count(*)"}')$$, 'another role''s rollup');
CREATE FUNCTION app.spy(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1';
SELECT throws_ok($$SELECT tally.create_metric('spied', 'own_hourly', 'app.spy(n)')$$, '42501', NULL, 'a role''s own function is refused');
SELECT lives_ok($$SELECT tally.create_metric('own', 'own_hourly', 'n')$$, 'its metric');
SELECT throws_ok($$SELECT tally.create_metric('theirs', 'turns_hourly', 'turns')$$, '42501', NULL, 'not on a rollup of others');
SELECT throws_ok($$SELECT tally.drop_metric('turns')$$, '42501', NULL, 'nor may it drop theirs');
SET ROLE tally_metric_reader;
SELECT throws_ok($$SELECT * FROM tally.timeseries('own')$$, '42501', NULL, 'a reader needs SELECT');
RESET ROLE;
SELECT is((SELECT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = 'own_hourly_metrics'::regclass), 'tally_metric_maker',
    'the view is its maker''s');
GRANT SELECT ON own_hourly_live TO tally_metric_reader;
SET ROLE tally_metric_reader;
SELECT is_empty($$SELECT * FROM tally.timeseries('own')$$, 'and with it reads');
RESET ROLE;
SELECT lives_ok($$SELECT tally.drop_rollup('own_hourly')$$, 'dropped by a superuser too');
\endif

SELECT lives_ok($$SELECT tally.drop_rollup('turns_hourly')$$, 'dropping the rollup drops metrics and view');
SELECT is(to_regclass('turns_hourly_metrics'), NULL, 'the view is gone');
DROP OWNED BY tally_metric_maker, tally_metric_reader;
DROP ROLE tally_metric_maker, tally_metric_reader;
SELECT * FROM finish();
