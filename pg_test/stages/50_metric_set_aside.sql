-- A metric that fails on new data is NULL there, and takes no other metric and no other row with it: once the flat view, reports and time series
-- of all metrics of its rollup failed, for as long as the row was there.
SELECT no_plan();
SET client_min_messages = error;
CREATE TABLE e (at timestamptz, ms float8, ok boolean, k text);
CREATE INDEX ON e (at);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '10 minutes', i, i % 3 > 0, 'k' || i % 2 FROM generate_series(0, 299) i;
SELECT tally.create_rollup('h', 'e', 'at', dimensions => '["k"]', with_data => true,
    measures => '{"n": "count(*)", "good": "count(*) FILTER (WHERE ok)", "total": "sum(ms)", "d": "tally.tdigest(ms)", "low": "min(ms)"}');
SELECT tally.create_metric('mean_ms', 'h', 'total / nullif(n, 0)');
SELECT tally.create_metric('per_good', 'h', 'n::float8 / (good - 3)');
SELECT tally.create_metric('root', 'h', 'sqrt(low)');
SELECT tally.create_metric('p', 'h', 'tally.percentile(d, 0.5)');
-- What the view has to say, by plain SQL: NULL exactly where PostgreSQL refuses to compute.
CREATE VIEW cells AS SELECT date_trunc('hour', at, 'UTC') AS bucket, k, count(*) AS n, count(*) FILTER (WHERE ok) AS good, sum(ms) AS total, min(ms) AS low
    FROM e GROUP BY 1, 2;
CREATE VIEW wanted AS SELECT bucket, k, total / n AS mean_ms, n::float8 / nullif(good - 3, 0) AS per_good,
    CASE WHEN low >= 0 THEN sqrt(low) END AS root FROM cells;
SELECT bag_eq('SELECT bucket, k, mean_ms, per_good, root FROM h_metrics', 'SELECT * FROM wanted', 'all is well');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'h'), 'fresh', 'and status says so');

INSERT INTO e VALUES ('2026-01-02 05:30+00', -4, true, 'k0'), ('2026-01-04 05:30+00', 4, false, 'k0'), ('2026-01-04 06:30+00', 9, true, 'k1');
INSERT INTO e SELECT '2026-01-03 00:00+00', 1, false, 'k9';
UPDATE e SET ok = false WHERE k = 'k1' AND at >= '2026-01-01 03:00+00' AND at < '2026-01-01 04:00+00';
SELECT tally.refresh('h');
SELECT bag_eq('SELECT bucket, k, mean_ms, per_good, root FROM h_metrics', 'SELECT * FROM wanted',
    'a metric that fails on new data is NULL in the rows that fail, and nowhere else');
SELECT is((SELECT count(*) FROM h_metrics WHERE root IS NULL), 1::bigint, 'there is such a row');
SELECT ok(state = 'error' AND sqlstate IS NOT NULL
    AND reason LIKE '%metric ''root'' cannot be computed in 1 stored row, of bucket 2026-01-02 05:00:00+00 and is NULL there (2201F)%',
    'status names metric and bucket: ' || reason)
  FROM tally.status WHERE rollup = 'h';
SELECT ok(hint LIKE 'SELECT tally.create_metric(%', 'and what to do: ' || hint) FROM tally.status WHERE rollup = 'h';
SELECT bag_eq($$SELECT bucket, labels ->> 'k' AS k, value FROM tally.timeseries('root', since => '2026-01-01', until => '2026-01-05', by => '{k}')$$,
    'SELECT bucket, k, root FROM wanted', 'its time series goes on');
SELECT bag_eq($$SELECT bucket, labels ->> 'k' AS k, value FROM tally.timeseries('mean_ms', since => '2026-01-01', until => '2026-01-05', by => '{k}')$$,
    'SELECT bucket, k, mean_ms FROM wanted', 'and so do the others''');
SELECT bag_eq($$SELECT (x ->> 'bucket')::timestamptz AS bucket, x ->> 'k' AS k, (x ->> 'mean_ms')::float8 AS mean_ms,
    (x ->> 'root')::float8 AS root FROM tally.report('{mean_ms,root}', since => '2026-01-01', until => '2026-01-05', bucket => '1 hour', by => '{k}') x$$,
    'SELECT bucket, k, mean_ms, root FROM wanted', 'a report holds the others, and NULL for what fails');
SELECT bag_eq($$SELECT bucket, value FROM tally.timeseries('root', since => '2026-01-01', until => '2026-01-05', fill => 'zero') WHERE value <> 0$$,
    $$SELECT bucket, sqrt(low) FROM (SELECT bucket, min(low) AS low FROM cells GROUP BY 1) x WHERE low > 0$$, 'filled too');
-- A question that is wrong stays an error of four parts.
SELECT throws_ok($$SELECT * FROM tally.timeseries('root', since => '100 years', fill => 'zero', bucket => '1 hour')$$, '54000', NULL,
    'a range too long to fill is still refused');

-- Mended rows come back.
DELETE FROM e WHERE ms = -4;
SELECT tally.refresh('h');
SELECT bag_eq('SELECT bucket, k, mean_ms, per_good, root FROM h_metrics', 'SELECT * FROM wanted', 'once the row is mended');
SELECT is((SELECT string_agg(DISTINCT m.name, ' ') FROM tally.broken_metrics b JOIN tally.metrics m ON m.id = b.metric_id),
    (SELECT CASE WHEN EXISTS (SELECT FROM wanted WHERE per_good IS NULL) THEN 'per_good' END), 'nothing is kept of it');

-- Very many: the definition's fault. It is NULL everywhere, until it is defined in a form that answers.
UPDATE e SET ms = -ms - 1;
SELECT tally.refresh('h');
SELECT is((SELECT count(root) FROM h_metrics), 0::bigint, 'a metric that fails in more than 100 rows is NULL everywhere');
SELECT bag_eq('SELECT bucket, k, mean_ms, per_good FROM h_metrics', 'SELECT bucket, k, mean_ms, per_good FROM wanted', 'the others are not');
SELECT throws_ok($$SELECT tally.create_metric('root', 'h', 'sqrt(low)')$$, '2201F', NULL, 'the same definition again is tried on what is stored, and refused');
SELECT tally.create_metric('root', 'h', 'CASE WHEN low >= 0 THEN sqrt(low) END');
UPDATE e SET ms = 16 WHERE at = '2026-01-04 05:30+00';
SELECT tally.refresh('h');
SELECT bag_eq('SELECT bucket, k, mean_ms, per_good, root FROM h_metrics', 'SELECT * FROM wanted', 'defined anew it answers');
-- A whole number in the bucket of a failure keeps its digits, and the buckets of others are not computed row by row. Nothing names the row that fails: bug,
-- a hash of its dimensions was there to be held against guesses.
CREATE TABLE big (at timestamptz, k text, a bigint);
INSERT INTO big SELECT timestamptz '2026-01-01 00:00+00' + (i / 2) * interval '1 hour', 'k' || i % 2, 9007199254740993 FROM generate_series(0, 9) i;
SELECT tally.create_rollup('bigs', 'big', 'at', dimensions => '["k"]', measures => '{"a": "max(a)"}', with_data => true);
SELECT tally.create_metric('doubled', 'bigs', 'a * 2');
UPDATE big SET a = 9223372036854775807 WHERE at = '2026-01-01 02:00+00' AND k = 'k1';
SELECT tally.refresh('bigs');
SELECT bag_eq('SELECT bucket, k, doubled FROM bigs_metrics', $$SELECT at, k, CASE WHEN a < 9e18 THEN a * 2 END FROM big$$,
    'whole numbers keep all their digits beside one that fails');
SELECT results_eq($$SELECT b.bucket, b.cells, b.sqlstate FROM tally.broken_metrics b JOIN tally.metrics m ON m.id = b.metric_id WHERE m.name = 'doubled'$$,
    $$VALUES (timestamptz '2026-01-01 02:00+00', 1::bigint, '22003')$$, 'noted are the bucket, and how many of its rows');
DO $$ BEGIN CREATE ROLE set_aside_reader ROLE CURRENT_USER; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
GRANT SELECT ON bigs, bigs_metrics TO set_aside_reader;
SELECT tally.create_board('bigs', 'Bigs', '[{"title": "Rows", "relation": "bigs_metrics", "picture": "table"}]');
SET ROLE set_aside_reader;
SELECT matches(tally.board_text('bigs', since => '2026-01-01', until => '2026-01-02'), '18014398509481986', 'a guarded reader gets them by a board');
SELECT bag_eq('SELECT bucket, k, doubled FROM bigs_metrics WHERE doubled IS NULL', $$VALUES (timestamptz '2026-01-01 02:00+00', 'k1', NULL::bigint)$$,
    'and by the view, NULL in the one row');
SELECT is((SELECT string_agg(a.attname, ' ' ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = 'tally.broken_metrics'::regclass AND a.attnum > 0
        AND has_column_privilege('tally.broken_metrics', a.attnum, 'SELECT')), 'bucket cells metric_id since sqlstate',
    'what everybody may read there names no row, not by a hash either');
RESET ROLE;
DROP OWNED BY set_aside_reader;
DROP ROLE set_aside_reader;
-- Rows beyond the first ten thousand are tried too.
CREATE TABLE many (at timestamptz, n int);
INSERT INTO many SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', 3 - (i = 12000)::int FROM generate_series(1, 12000) i;
SELECT tally.create_rollup('many_m', 'many', 'at', bucket => '1 minute', measures => '{"s": "sum(n)"}', with_data => true);
SELECT throws_ok($$SELECT tally.create_metric('x', 'many_m', '1::float8 / (s - 2)')$$, '22012', NULL, 'all stored rows are tried at definition');
SELECT * FROM finish();
