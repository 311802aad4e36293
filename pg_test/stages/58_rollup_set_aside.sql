-- One row that cannot be computed, or a dimension longer than an index row, stops its bucket and no other: once it stopped the
-- whole rollup, for as long as the row was there.
SELECT no_plan();
SET client_min_messages = error;
CREATE TABLE e (id int, at timestamptz, ms text, url text);
CREATE INDEX ON e (at);
INSERT INTO e SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '20 minutes', i::text, '/' || i % 3 FROM generate_series(0, 299) i;
SELECT tally.create_rollup('h', 'e', 'at', measures => '{"n": "count(*)", "total": "sum(ms::int)"}');
SELECT tally.create_rollup('u', 'e', 'at', dimensions => '["url"]', measures => '{"n": "count(*)"}');
CREATE VIEW good AS SELECT date_trunc('hour', at, 'UTC') AS bucket, count(*) AS n, sum(ms::int) AS total FROM e WHERE ms ~ '^\d+$' GROUP BY 1;
UPDATE e SET ms = '12ms' WHERE id = 100;
SELECT tally.refresh('h');
SELECT bag_eq('SELECT bucket, n, total FROM h', 'SELECT * FROM good WHERE bucket <> ''2026-01-02 09:00+00''', 'a build goes on without the bucket');
SELECT bag_eq('SELECT bucket, n, total FROM h_live', 'SELECT * FROM good WHERE bucket <> ''2026-01-02 09:00+00''', 'and the live view answers');
SELECT bag_eq('SELECT b.bucket, b.computable, b.sqlstate, b.source_row FROM tally.broken_buckets b JOIN tally.rollups r ON r.id = rollup_id WHERE r.name = '
    '''h''',
              'SELECT timestamptz ''2026-01-02 09:00+00'' AS bucket, false AS computable, ''22P02'' AS sqlstate, '
                  '''public.e '' || ctid AS source_row FROM e WHERE id = 100', 'the bucket and the row are named');
SELECT ok(state = 'error' AND reason LIKE '1 bucket is set aside%2026-01-02 09:00:00+00 (22P02, row public.e (%'
    AND hint LIKE 'SELECT * FROM public.e WHERE ctid =%', 'and in tally.status: ' || reason)
  FROM tally.status WHERE rollup = 'h';
SELECT ok(reason !~ '12ms' AND COALESCE(message, '') !~ '12ms', 'which shows no data') FROM tally.status WHERE rollup = 'h';
-- Others are refreshed, and two more bad ones beside good ones.
UPDATE e SET ms = 'x' WHERE id IN (10, 250);
UPDATE e SET ms = '7' WHERE id IN (11, 60, 251, 299);
SELECT tally.refresh('h');
SELECT bag_eq('SELECT bucket, total FROM h WHERE bucket NOT IN (''2026-01-01 03:00+00'', ''2026-01-02 09:00+00'', ''2026-01-04 11:00+00'')',
              'SELECT bucket, total FROM good WHERE bucket NOT IN (''2026-01-01 03:00+00'', ''2026-01-02 09:00+00'', ''2026-01-04 11:00+00'')',
                  'marked buckets go on without the bad ones');
SELECT is((SELECT count(*) FROM tally.broken_buckets), 3::bigint, 'each of which is set aside');
SELECT is((SELECT total FROM h_live WHERE bucket = '2026-01-01 03:00+00'), 9 + 10 + 11::bigint, 'a bucket that was good is shown as it was stored last');
-- Mended, they come back by themselves.
UPDATE e SET ms = '1' WHERE ms !~ '^\d+$';
SELECT tally.refresh('h');
SELECT bag_eq('SELECT bucket, n, total FROM h', 'SELECT * FROM good', 'once the rows are mended');
SELECT is((SELECT count(*) FROM tally.broken_buckets), 0::bigint, 'nothing is set aside');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'h'), 'fresh', 'and the state is fresh');
-- What no index row holds.
SELECT tally.refresh('u');
INSERT INTO e SELECT 1000, '2026-01-03 00:10+00', '5', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 200) i);
INSERT INTO e VALUES (1001, '2026-01-03 05:10+00', '5', '/ok');
SELECT tally.refresh('u');
CREATE VIEW by_url AS SELECT date_trunc('hour', at, 'UTC') AS bucket, url, count(*) AS n FROM e GROUP BY 1, 2;
SELECT bag_eq('SELECT bucket, url, n FROM u WHERE bucket <> ''2026-01-03 00:00+00''', 'SELECT * FROM by_url WHERE bucket <> ''2026-01-03 00:00+00''',
    'a dimension longer than an index row stops its bucket only');
SELECT bag_eq('SELECT bucket, url, n FROM u_live', 'SELECT * FROM by_url', 'and the live view computes that one, since only storing it fails');
SELECT is((SELECT computable || ' ' || source_row FROM tally.broken_buckets), (SELECT 'true public.e ' || ctid FROM e WHERE id = 1000), 'its row is named');
SELECT tally.create_metric('visits', 'u', 'n');
SELECT is(tally.metric_value('visits', since => '2026-01-03 00:00+00', until => '2026-01-03 01:00+00'), 4::float8, 'metrics read it exactly too');
-- A definition that always fails is no accident of a row.
SELECT tally.create_rollup('never', 'e', 'at', bucket => '20 minutes', measures => '{"n": "sum((ms || ''x'')::int)"}');
SELECT throws_ok('SELECT tally.refresh(''never'')', '22P02', NULL, 'a definition that always fails is an error as before');
SELECT is((SELECT count(*) FROM tally.broken_buckets b JOIN tally.rollups r ON r.id = b.rollup_id WHERE r.name = 'never'), 0::bigint, 'and sets nothing aside');
SELECT * FROM finish();
