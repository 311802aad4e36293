-- Owns: tally.status, the one place to look when a number seems old.

CREATE VIEW tally.status AS
SELECT r.name AS rollup,
       CASE WHEN l.sqlstate IS NOT NULL THEN 'error'
            WHEN EXISTS (SELECT FROM pg_catalog.pg_locks k WHERE k.locktype = 'advisory' AND k.classid = 1952541804 AND k.objid = r.id::bigint::oid AND k.granted AND k.pid <> pg_catalog.pg_backend_pid()
                                                             AND k.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())) THEN 'running'
            WHEN g.ranges > 0 THEN 'backfill'
            WHEN m.buckets + k.keys > 0 THEN 'dirty'
            ELSE 'fresh' END AS state,
       m.buckets + k.keys AS dirty_buckets,
       LEAST(m.oldest, g.oldest, k.oldest) AS oldest_mark,
       CASE WHEN g.since = '-infinity' THEN g.since ELSE LEAST(m.first_dirty, g.since) END AS exact_until,
       l.started_at AS last_run,
       l.duration_ms AS last_ms,
       l.inserted + l.updated + l.deleted AS last_rows,
       c.reltuples::bigint AS rows,
       r.schedule,
       l.sqlstate, l.message, l.hint,
       o.no_time + o.ever + o.never AS odd_rows,
       r.frozen_before,
       r.ignored_marks,
       (SELECT count(*) FROM tally.late_rows w WHERE w.source = r.source AND w.applied_at IS NULL) AS late_rows
  FROM tally.rollups r
  LEFT JOIN pg_catalog.pg_class c ON c.oid = r.relation
  LEFT JOIN tally.odd_rows o ON o.rollup_id = r.id
  LEFT JOIN LATERAL (SELECT count(DISTINCT d.bucket) AS buckets, min(d.marked_at) AS oldest, min(d.bucket) FILTER (WHERE isfinite(d.bucket)) AS first_dirty FROM tally.dirty d WHERE d.rollup_id = r.id) m ON true
  LEFT JOIN LATERAL tally._dirty_keys(r.id) k ON true
  LEFT JOIN LATERAL (SELECT count(*) AS ranges, min(x.marked_at) AS oldest, min(x.since) AS since FROM tally.dirty_ranges x WHERE x.rollup_id = r.id) g ON true
  LEFT JOIN LATERAL (SELECT * FROM tally.runs x WHERE x.rollup_id = r.id ORDER BY x.id DESC LIMIT 1) l ON true
 ORDER BY r.id;
COMMENT ON VIEW tally.status IS 'One row per rollup: how fresh it is, and why not.';
COMMENT ON COLUMN tally.status.rollup IS 'Name of the rollup.';
COMMENT ON COLUMN tally.status.state IS 'fresh: equal to its definition; dirty: marked buckets wait for the next refresh; backfill: ranges are still to be computed; running; error: the last run failed.';
COMMENT ON COLUMN tally.status.dirty_buckets IS 'Marked buckets, or keys of a rollup per key.';
COMMENT ON COLUMN tally.status.oldest_mark IS 'When the oldest mark was made.';
COMMENT ON COLUMN tally.status.exact_until IS 'Watermark: stored rows before this bucket equal the definition; null: all do; -infinity: none is known to.';
COMMENT ON COLUMN tally.status.last_run IS 'When the last unit of work began.';
COMMENT ON COLUMN tally.status.last_ms IS 'How long it took, in milliseconds.';
COMMENT ON COLUMN tally.status.last_rows IS 'Rows it inserted, updated or deleted.';
COMMENT ON COLUMN tally.status.rows IS 'Rows stored, as of the last ANALYZE (-1: never).';
COMMENT ON COLUMN tally.status.schedule IS 'Cron schedule of the refresh.';
COMMENT ON COLUMN tally.status.sqlstate IS 'SQLSTATE of the last run''s error; null when it went well.';
COMMENT ON COLUMN tally.status.message IS 'Message of that error.';
COMMENT ON COLUMN tally.status.hint IS 'The statement to run next.';
COMMENT ON COLUMN tally.status.odd_rows IS 'Source rows that are in no bucket, because their time is NULL or infinite (tally.odd_rows says which); null where that is not counted: not refreshed yet, or a rollup on a rollup.';
COMMENT ON COLUMN tally.status.frozen_before IS 'Buckets before this stand as they are stored, because raw rows are gone or may go; -infinity: none.';
COMMENT ON COLUMN tally.status.late_rows IS 'Rows of its source that came too late for it and wait in tally.late_rows; tally.apply_late(source) adds them.';
COMMENT ON COLUMN tally.status.ignored_marks IS 'Changes of source rows before frozen_before that were not followed: late rows, and deletions by others than tally.expire().';
