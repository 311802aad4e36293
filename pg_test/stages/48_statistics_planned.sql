-- Owns: what a build counts of a source that is a rollup: the columns by which rollups on it are planned.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, a text, b text, c text, d text, meta jsonb);
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-01-01+00' + i * interval '1 minute', i % 2, i % 3, i % 5, i % 7, jsonb_build_object('k' || i % 3, i)
    FROM generate_series(1, 3000) i;
SELECT tally.create_rollup('hourly', 'events', 'at', dimensions => '["a", "b", "c", "d"]',
    measures => '{"n": "count(*)", "latest": "max(at)", "totals": "tally.jsonb_totals(meta)", "who": "tally.hll(d)", "first_d": "tally.first(d, at)"}');
SELECT tally.create_rollup('daily', 'hourly', bucket => '1 day');
SELECT tally.create_rollup('by_a', 'hourly', bucket => '1 day', dimensions => '["a"]');
SELECT tally.create_rollup('by_first', 'hourly', bucket => '1 day', dimensions => '["a", {"first_d": "tally.value_text(first_d)"}]',
    measures => '{"n": "sum(n)"}');
CREATE FUNCTION counted(relation regclass) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = relation AND EXISTS (SELECT FROM pg_stats s WHERE s.schemaname = 'public' AND s.tablename = relation::text AND s.attname = a.attname)
$$;
SELECT tally.refresh('hourly');
SELECT is(counted('hourly'), NULL, 'nothing is counted yet');

-- Bug: each build on a rollup had ANALYZE sort a sample of its sketches. Of an hour and adventure with totals by name that took thirteen times the build.
SELECT tally.refresh('by_a');
SELECT is(counted('hourly'), '{bucket,a,b,c,d,first_d}', 'bucket, dimensions, and the measure that statistics on groups name');
SELECT is_empty($$SELECT s.stxname FROM pg_statistic_ext s LEFT JOIN pg_stats_ext x ON x.statistics_name = s.stxname
    WHERE s.stxrelid = 'hourly'::regclass AND x.statistics_name IS NULL$$, 'all statistics on groups are filled');
SELECT tally.refresh('daily'), tally.refresh('by_first');
SELECT is(counted('hourly'), '{bucket,a,b,c,d,first_d}', 'those of more dimensions count no more');
SELECT bag_eq('SELECT a, sum(n) FROM by_first GROUP BY 1', 'SELECT a, count(*)::numeric FROM events GROUP BY 1', 'and every row is in');
SELECT is((SELECT count(*) FROM pg_statistic_ext WHERE stxname LIKE '%\_tally\_build'), 0::bigint, 'no statistics of a build are left');

-- Of a table that is no rollup all columns are counted: others than the engine search it.
SELECT is(counted('events'), '{at,a,b,c,d,meta}', 'all columns of the source');
SELECT * FROM finish();
