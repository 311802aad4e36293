-- Of a rollup per key: one row that cannot be computed, or a dimension longer than an index row, stops its key and no other. Once it stopped the
-- whole rollup, for as long as the row was there.
SELECT no_plan();
SET client_min_messages = error;
CREATE TABLE e (id int, session text, shop int, at timestamptz, ms text, url text);
CREATE INDEX ON e (session);
INSERT INTO e SELECT i, CASE WHEN i % 30 <> 7 THEN 's' || i % 30 END, i % 2, timestamptz '2026-01-01 00:00+00' + i * interval '20 minutes', i::text,
    '/' || i % 3 FROM generate_series(0, 299) i;
SELECT tally.create_rollup('k', 'e', key => 'session', measures => '{"n": "count(*)", "total": "sum(ms::int)", "began": "min(at)"}');
SELECT tally.create_rollup('u', 'e', key => '["session", "shop"]', dimensions => '["url"]', measures => '{"n": "count(*)", "began": "min(at)"}');
CREATE VIEW good AS SELECT COALESCE(session, '(none)') AS session, count(*) AS n, sum(CASE WHEN ms ~ '^\d+$' THEN ms END::int) AS total, min(at) AS began
    FROM e GROUP BY 1;
CREATE FUNCTION aside(name text) RETURNS TABLE (key text[], sqlstate text, source_row text, computable boolean) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT d.key, d.sqlstate, d.source_row, d.computable FROM tally.dirty_keys_%s d WHERE d.sqlstate IS NOT NULL',
        (SELECT id FROM tally.rollups r WHERE r.name = $1));
END $$;
UPDATE e SET ms = '12ms' WHERE id = 100;
SELECT tally.refresh('k');
SELECT bag_eq('SELECT session, n, total, began FROM k', $$SELECT * FROM good WHERE session <> 's10'$$, 'a build goes on without the key');
SELECT bag_eq('SELECT session, n, total, began FROM k_live', $$SELECT * FROM good WHERE session <> 's10'$$, 'and the live view answers');
SELECT bag_eq($$SELECT * FROM aside('k')$$,
    $$SELECT ARRAY['s10'] AS key, '22P02' AS sqlstate, 'public.e ' || ctid AS source_row, false AS computable FROM e WHERE id = 100$$,
    'the key and the row are named');
SELECT ok(state = 'error' AND sqlstate = '22P02' AND reason LIKE '1 key is set aside, which cannot be computed or stored: 22P02, row public.e (%'
    AND hint LIKE 'SELECT * FROM public.e WHERE ctid =%', 'and in tally.status: ' || reason)
  FROM tally.status WHERE rollup = 'k';
SELECT ok(reason !~ '12ms|s10' AND COALESCE(message, '') !~ '12ms|s10', 'which shows neither key nor value') FROM tally.status WHERE rollup = 'k';
-- Marked keys, two more bad ones beside good ones, one of them without a value.
UPDATE e SET ms = 'x' WHERE id IN (7, 251);
UPDATE e SET ms = '7' WHERE id IN (12, 61, 252, 299);
SELECT tally.refresh('k');
SELECT bag_eq('SELECT session, n, total, began FROM k WHERE session NOT IN (''s10'', ''(none)'', ''s11'')',
    'SELECT * FROM good WHERE session NOT IN (''s10'', ''(none)'', ''s11'')', 'marked keys go on without the bad ones');
SELECT bag_eq($$SELECT key FROM aside('k')$$, $$VALUES (ARRAY['s10']), (ARRAY['(none)']), (ARRAY['s11'])$$, 'each of which is set aside');
SELECT is((SELECT total FROM k_live WHERE session = 's11'), (SELECT sum(i) FROM generate_series(0, 299) i WHERE i % 30 = 11),
    'a key that was good is shown as it was stored last');
SELECT is((SELECT array_agg(x.buckets) FROM tally.refresh('k') x), '{0}'::bigint[], 'they are not tried again without a change');
-- A whole that is marked sets the same aside again.
SELECT tally.repair('k');
SELECT tally.refresh('k');
SELECT bag_eq('SELECT session, n, total, began FROM k WHERE session NOT IN (''s10'', ''(none)'', ''s11'')',
    'SELECT * FROM good WHERE session NOT IN (''s10'', ''(none)'', ''s11'')', 'after repair()');
SELECT is((SELECT count(*) FROM aside('k')), 3::bigint, 'as before');
-- Mended, they come back by themselves.
UPDATE e SET ms = '1' WHERE ms !~ '^\d+$';
SELECT tally.refresh('k');
SELECT bag_eq('SELECT session, n, total, began FROM k', 'SELECT * FROM good', 'once the rows are mended');
SELECT is((SELECT count(*) FROM aside('k')), 0::bigint, 'nothing is set aside');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'k'), 'fresh', 'and the state is fresh');

-- What no index row holds: stored it cannot be, computed it can. So the live view computes it, and so does a rollup on it.
SELECT tally.refresh('u');
SELECT tally.create_rollup('d', 'u', 'began', bucket => '1 day', measures => '{"n": "sum(n)", "keys": "count(*)"}', with_data => true);
SELECT tally.create_metric('visits', 'd', 'n');
INSERT INTO e SELECT 1000, 's1', 1, '2026-01-03 00:10+00', '5', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 200) i);
INSERT INTO e VALUES (1001, 's2', 1, '2026-01-03 05:10+00', '5', '/ok');
SELECT tally.refresh('d');
CREATE VIEW by_url AS SELECT COALESCE(session, '(none)') AS session, shop::text AS shop, url, count(*) AS n, min(at) AS began FROM e GROUP BY 1, 2, 3;
SELECT bag_eq('SELECT session, shop, url, n FROM u WHERE (session, shop) <> (''s1'', ''1'')',
    'SELECT session, shop, url, n FROM by_url WHERE (session, shop) <> (''s1'', ''1'')', 'a dimension longer than an index row stops its key only');
SELECT bag_eq('SELECT session, shop, url, n FROM u_live', 'SELECT session, shop, url, n FROM by_url',
    'and the live view computes that one, since only storing it fails');
SELECT bag_eq($$SELECT * FROM aside('u')$$,
    $$SELECT ARRAY['s1', '1'] AS key, '54000' AS sqlstate, 'public.e ' || ctid AS source_row, true AS computable FROM e WHERE id = 1000$$, 'its row is named');
SELECT bag_eq('SELECT bucket, url, n, keys FROM d_live',
    $$SELECT date_trunc('day', began, 'UTC') AS bucket, url, sum(n) AS n, count(*) AS keys FROM by_url GROUP BY 1, 2$$,
    'the live view of a rollup on it is exact too');
SELECT is(tally.metric_value('visits', since => '2026-01-03 00:00+00', until => '2026-01-04 00:00+00'),
    (SELECT sum(n)::float8 FROM by_url WHERE began >= '2026-01-03' AND began < '2026-01-04'), 'and a metric of that');
-- The same below a rollup over time: once the metric read the table above, which lacks the bucket set aside.
SELECT tally.create_rollup('h', 'e', 'at', dimensions => '["url"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('hd', 'h', 'bucket', bucket => '1 day', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_metric('hits', 'hd', 'n');
SELECT is(tally.metric_value('hits', since => '2026-01-03 00:00+00', until => '2026-01-04 00:00+00'),
    (SELECT count(*)::float8 FROM e WHERE at >= '2026-01-03' AND at < '2026-01-04'), 'a metric above a bucket that cannot be stored');
-- Many keys in parts: the bad key's part is halved until it is small.
CREATE TABLE many (k int, v text);
INSERT INTO many SELECT i, i::text FROM generate_series(1, 45000) i;
UPDATE many SET v = 'bad' WHERE k IN (77, 40000);
SELECT tally.create_rollup('m', 'many', key => 'k', measures => '{"v": "sum(v::int)"}', with_data => true);
SELECT bag_eq('SELECT k, v FROM m', $$SELECT k::text, v::bigint FROM many WHERE v <> 'bad'$$, '45,000 keys, two of them bad');
SELECT bag_eq($$SELECT key FROM aside('m')$$, $$VALUES (ARRAY['77']), (ARRAY['40000'])$$, 'which are set aside');
-- A definition that always fails is no accident of a row.
SELECT tally.create_rollup('never', 'e', key => 'id', measures => '{"n": "sum((ms || ''x'')::int)"}');
SELECT throws_ok('SELECT tally.refresh(''never'')', '22P02', NULL, 'a definition that always fails is an error as before');
SELECT is((SELECT count(*) FROM aside('never')), 0::bigint, 'and sets nothing aside');
SELECT * FROM finish();
