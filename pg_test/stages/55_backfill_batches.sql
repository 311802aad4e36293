-- Batches of a backfill hold whole buckets, whatever number of rows they were asked for; and a range of a rollup that looks back reaches beyond its
-- end. Both were without a test until they were broken on purpose (docs/guarantees.md).
SELECT no_plan();
SET client_min_messages = error;
CREATE TABLE e (at timestamptz, v int);
CREATE INDEX ON e (at);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '71 seconds', i % 50 FROM generate_series(1, 9973) i;
ANALYZE e;
CREATE VIEW hours AS SELECT date_trunc('hour', at, 'UTC') AS bucket, count(*) AS n, sum(v) AS s FROM e GROUP BY 1;
SELECT tally.create_rollup('h' || b, 'e', 'at', measures => '{"n": "count(*)", "s": "sum(v)"}') FROM unnest('{313,997,4999}'::int[]) b;
CALL tally.backfill('h313', batch_rows => 313);
CALL tally.backfill('h997', batch_rows => 997, oldest_first => true);
CALL tally.backfill('h4999', batch_rows => 4999);
SELECT bag_eq(format('SELECT bucket, n, s FROM h%s', b), 'TABLE hours', format('batches of %s rows cut no bucket', b)) FROM unnest('{313,997,4999}'::int[]) b;
SELECT cmp_ok((SELECT count(*) FROM tally.runs u JOIN tally.rollups r ON r.id = u.rollup_id WHERE r.name = 'h' || b AND u.since IS NOT NULL), '>', 1::bigint,
    format('there were several of %s rows', b)) FROM unnest('{313,997,4999}'::int[]) b;
-- A partition that comes brings rows into the buckets that look back at it.
CREATE TABLE p (at timestamptz, k text) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-01-11 00:00+00');
CREATE TABLE p3 PARTITION OF p FOR VALUES FROM ('2026-01-21 00:00+00') TO ('2026-02-01 00:00+00');
CREATE TABLE p2 (LIKE p);
INSERT INTO p SELECT timestamptz '2026-01-01 00:00+00' + i * interval '6 hours', 'k' || i % 5 FROM generate_series(0, 39) i;
INSERT INTO p SELECT timestamptz '2026-01-21 00:00+00' + i * interval '6 hours', 'k' || i % 5 FROM generate_series(0, 39) i;
INSERT INTO p2 SELECT timestamptz '2026-01-11 00:00+00' + i * interval '6 hours', 'new' || i % 7 FROM generate_series(0, 39) i;
CREATE INDEX ON p (at);
SELECT tally.create_rollup('seven', 'p', 'at', bucket => '1 day', lookback => '7 days', dimensions => '[]',
    measures => '{"n": "count(*)", "k": "tally.hll(k)"}', with_data => true);
CREATE VIEW sevens AS SELECT d AS bucket, count(*) AS n, count(DISTINCT p.k) AS k
    FROM generate_series(timestamptz '2026-01-01 00:00+00', '2026-02-10 00:00+00', '1 day') d
    JOIN p ON p.at >= d - interval '6 days' AND p.at < d + interval '1 day' GROUP BY 1;
SELECT bag_eq('SELECT bucket, n, tally.distinct_count(k)::bigint AS k FROM seven', 'TABLE sevens', 'seven days, before');
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM ('2026-01-11 00:00+00') TO ('2026-01-21 00:00+00');
SELECT bag_eq('SELECT bucket, n, tally.distinct_count(k)::bigint AS k FROM seven_live', 'TABLE sevens', 'a partition comes: live');
SELECT tally.refresh('seven');
SELECT bag_eq('SELECT bucket, n, tally.distinct_count(k)::bigint AS k FROM seven', 'TABLE sevens', 'and refreshed, also the days after its end');
ALTER TABLE p DETACH PARTITION p2;
SELECT bag_eq('SELECT bucket, n, tally.distinct_count(k)::bigint AS k FROM seven_live', 'TABLE sevens', 'it goes: live');
SELECT tally.refresh('seven');
SELECT bag_eq('SELECT bucket, n, tally.distinct_count(k)::bigint AS k FROM seven', 'TABLE sevens', 'and refreshed');
SELECT * FROM finish();
