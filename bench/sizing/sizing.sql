-- Owns the measuring behind docs/sizing.md. Run by run.sh; each \echo is the head of a table there.
CREATE EXTENSION pg_tally;
CREATE SCHEMA app;
SET search_path = app;

-- The least of several plannings: a busy machine only ever adds.
CREATE FUNCTION planning_ms(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    plan json;
    least_ numeric;
BEGIN
    FOR i IN 1 .. 9 LOOP
        EXECUTE 'EXPLAIN (SUMMARY, FORMAT json) ' || query INTO plan;
        least_ := least(least_, (plan -> 0 ->> 'Planning Time')::numeric);
    END LOOP;
    RETURN round(least_, 1);
END $$;
CREATE FUNCTION grouping_bytes(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING off, FORMAT json) ' || query INTO plan;
    RETURN (plan -> 0 -> 'Plan' ->> 'Peak Memory Usage')::numeric * 1024;
END $$;

\echo '### Bytes of one stored measure'
\echo '| values seen | tdigest | hll (distinct) | topk(10) | stats |'
\echo '|---:|---:|---:|---:|---:|'
SELECT '| ' || n, pg_column_size(d), pg_column_size(h), pg_column_size(t), pg_column_size(s) || ' |'
  FROM unnest('{1,10,100,1000,10000,100000,1000000}'::int[]) n, LATERAL (
       SELECT tally.tdigest(v) AS d, tally.hll(i) AS h, tally.topk((i % 1000)::text, 10) AS t, tally.stats(v) AS s
         FROM (SELECT i, 100 * exp(2 * sqrt(-2 * ln((i * 0.6180339887) % 1 + 1e-9)) * cos(i)) AS v FROM generate_series(1, n) i) x) x ORDER BY n;

SELECT tally.generate_awf(:events, until => '2025-06-01 00:00+00', span => '30 days', target_schema => 'app') \g /dev/null
SELECT tally.install_pack('awf', 'app') \g /dev/null
CALL tally.backfill();
SELECT tally.refresh() \g /dev/null
VACUUM ANALYZE;
\echo
\echo '### Disk of the rollups of the pack awf'
\echo '| relation | rows | bytes a row | of which indexes | share of the source |'
\echo '|---|---:|---:|---:|---:|'
SELECT '| `' || c.relname || '`', c.reltuples::bigint, round(pg_total_relation_size(c.oid) / greatest(c.reltuples, 1)),
    round(pg_indexes_size(c.oid) / greatest(c.reltuples, 1)),
       round(100.0 * pg_total_relation_size(c.oid) / pg_total_relation_size('app.analytics_events'), 1) || ' % |'
  FROM pg_class c WHERE c.oid = 'app.analytics_events'::regclass OR c.oid IN (SELECT relation FROM tally.rollups) ORDER BY pg_total_relation_size(c.oid) DESC;

\echo
\echo '### A writer: one row in a transaction, by the rollups on its table'
\echo '| rollups | WAL bytes a transaction | × none |'
\echo '|---:|---:|---:|'
CREATE TABLE written (rollups int, wal numeric);
CREATE FUNCTION several(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE app.source_%s (at timestamptz NOT NULL, kind text, ms float8)', n);
    EXECUTE format('CREATE INDEX ON app.source_%s (at)', n);
    FOR i IN 1 .. n LOOP
        PERFORM tally.create_rollup(format('app.source_%s_%s', n, i), format('app.source_%s', n)::regclass, time_column => 'at', bucket => '1 hour',
            dimensions => '["kind"]', measures => '{"n": "count(*)"}');
    END LOOP;
END $$;
CREATE PROCEDURE write(n int) LANGUAGE plpgsql AS $$
DECLARE
    began pg_lsn;
BEGIN
    -- The first writes of a page after a checkpoint log it whole; they are left out.
    FOR i IN 1 .. 600 LOOP
        IF i = 101 THEN began := pg_current_wal_insert_lsn(); END IF;
        EXECUTE format('INSERT INTO app.source_%s VALUES (%L, ''a'', 1)', n, '2026-03-01Z'::timestamptz + i * interval '1 second');
        COMMIT;
    END LOOP;
    INSERT INTO app.written VALUES (n, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), began) / 500);
END $$;
SELECT app.several(n) FROM unnest('{0,1,2,8}'::int[]) n \g /dev/null
CHECKPOINT;
CALL app.write(0); CALL app.write(1); CALL app.write(2); CALL app.write(8);
SELECT '| ' || rollups, round(wal), round(wal / first_value(wal) OVER (ORDER BY rollups), 2) || ' |' FROM app.written ORDER BY rollups;

\echo
\echo '### Marks that wait for a refresh'
\echo '| what | bytes |'
\echo '|---|---:|'
SELECT '| a mark with its index entry', round(pg_total_relation_size('tally.dirty')::numeric / count(*)) || ' |' FROM tally.dirty;

\echo
\echo '### Memory of a group while it is computed'
\echo '| measures | bytes a group, one value each | a hundred values each |'
\echo '|---|---:|---:|'
CREATE TABLE app.few AS SELECT i % 100000 AS g, (i % 977)::float8 AS v FROM generate_series(1, 100000) i;
CREATE TABLE app.many AS SELECT i % 10000 AS g, (i % 977)::float8 AS v FROM generate_series(1, 1000000) i;
ANALYZE app.few; ANALYZE app.many;
SET work_mem = '2GB';
SET max_parallel_workers_per_gather = 0;
SET enable_sort = off;
SELECT '| ' || m.label, round(app.grouping_bytes(format('SELECT g, %s FROM app.few GROUP BY g', m.aggregate)) / 100000),
       round(app.grouping_bytes(format('SELECT g, %s FROM app.many GROUP BY g', m.aggregate)) / 10000) || ' |'
  FROM (VALUES (1, '`count(*)`', 'count(*)'), (2, '`count(*)`, `sum`, `min`, `max`', 'count(*), sum(v), min(v), max(v)'),
      (3, '`tally.tdigest`', 'tally.tdigest(v)'), (4, '`tally.hll`', 'tally.hll(v)'),
               (5, '`tally.stats`', 'tally.stats(v)'), (6, '`tally.topk(v::text, 10)`', 'tally.topk(v::text, 10)')) m(n, label, aggregate) ORDER BY m.n;
RESET work_mem; RESET max_parallel_workers_per_gather; RESET enable_sort;

\echo
\echo '### Planning of a live view (the least of nine)'
\echo '| view | ms |'
\echo '|---|---:|'
SELECT '| ' || q.label, app.planning_ms(q.query) || ' |'
  FROM (VALUES (1, 'a table of a rollup, one day', $q$SELECT * FROM app.awf_hourly WHERE bucket >= '2025-05-31Z'$q$),
      (2, 'live, hours', $q$SELECT * FROM app.awf_hourly_live WHERE bucket >= '2025-05-31Z'$q$),
               (3, 'live, days on those hours', $q$SELECT * FROM app.awf_daily_live WHERE bucket >= '2025-05-01Z'$q$),
                   (4, 'flat view of the metrics of the hours', $q$SELECT * FROM app.awf_hourly_metrics WHERE bucket >= '2025-05-31Z'$q$)) q(n, label, query)
 ORDER BY q.n;
