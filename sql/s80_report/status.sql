-- Owns: tally.status, the one place to look when a number seems old.

CREATE OR REPLACE VIEW tally.status AS
-- These are looked up once for all rollups. One by one they took seconds with 500 rollups.
WITH shared AS MATERIALIZED (SELECT x.name FROM tally.rollups x GROUP BY x.name HAVING count(*) > 1),
     suspects AS MATERIALIZED (SELECT DISTINCT x AS id FROM tally_internal._suspects() x),
     refreshers AS MATERIALIZED (SELECT x.* FROM tally_internal._refreshers() x),
     held_back AS MATERIALIZED (SELECT x.* FROM tally_internal._held_back() x),
     broken AS MATERIALIZED (SELECT x.* FROM tally_internal._broken_metrics() x),
     unanalyzed AS MATERIALIZED (SELECT x AS source FROM tally_internal._lacking_statistics() x)
SELECT r.name AS rollup,
       CASE WHEN COALESCE(f.sqlstate, l.sqlstate, b.sqlstate, k.sqlstate, n.sqlstate) IS NOT NULL THEN 'error'
            WHEN w.waits_for IS NOT NULL THEN 'waiting'
            WHEN w.pid IS NOT NULL THEN 'running'
            WHEN g.ranges > 0 THEN 'backfill'
            WHEN m.buckets + COALESCE(k.keys, 0) > 0 THEN 'dirty'
            ELSE 'fresh' END AS state,
       pg_catalog.concat_ws('; ',
            CASE WHEN COALESCE(f.sqlstate, l.sqlstate) IS NOT NULL THEN pg_catalog.format('%s: %s', COALESCE(f.sqlstate, l.sqlstate),
                    COALESCE(f.message, l.message)) END,
            CASE WHEN b.n > 0 THEN pg_catalog.format('%s set aside, which cannot be computed or stored: %s',
                                                     tally_internal._numbered(b.n, 'bucket is', 'buckets are'), b.list) END,
            CASE WHEN k.aside > 0 THEN pg_catalog.format('%s set aside, which cannot be computed or stored: %s',
                                                         tally_internal._numbered(k.aside, 'key is', 'keys are'), k.places) END,
            n.reason,
            CASE WHEN w.waits_for IS NOT NULL THEN pg_catalog.format('the refresh of pid %s waits for pid %s', w.pid,
                                                                     pg_catalog.array_to_string(w.waits_for, ', '))
                 WHEN w.pid IS NOT NULL THEN pg_catalog.format('pid %s refreshes it', w.pid) END,
            CASE WHEN g.ranges > 0 THEN pg_catalog.format('to be computed: %s', g.reasons) END,
            CASE WHEN m.buckets + COALESCE(k.keys, 0) > 0 THEN pg_catalog.format('changed since %s, next refresh %s', LEAST(m.oldest, k.oldest), CASE
                                                                    WHEN r.schedule IS NULL THEN 'by hand' WHEN (SELECT k.state
                    FROM tally_internal._clock() k) = 'stopped' THEN 'by none: the clock is stopped' ELSE 'by ' || r.schedule END) END,
            h.reason,
            CASE WHEN pg_catalog.isfinite(r.frozen_before) THEN pg_catalog.format('frozen before %s', r.frozen_before) END,
            CASE WHEN pg_catalog.isfinite(i.older_before) THEN pg_catalog.format('distinct counts before %s are of an older identity key or of none',
                                                                                 i.older_before) END) AS reason,
       m.buckets + COALESCE(k.keys, 0) AS dirty_buckets,
       LEAST(m.oldest, g.oldest, k.oldest) AS oldest_mark,
       CASE WHEN g.since = '-infinity' THEN g.since ELSE LEAST(m.first_dirty, g.since) END AS exact_until,
       l.started_at AS last_run,
       l.duration_ms AS last_ms,
       l.inserted + l.updated + l.deleted AS last_rows,
       c.reltuples::bigint AS rows,
       r.schedule,
       COALESCE(f.sqlstate, l.sqlstate, b.sqlstate, k.sqlstate, n.sqlstate) AS sqlstate,
       COALESCE(f.message, l.message) AS message,
       COALESCE(f.hint, CASE WHEN l.sqlstate IS NOT NULL THEN l.hint END, b.hint, k.hint, n.hint, CASE
                WHEN g.ranges > 0 THEN pg_catalog.format('CALL tally.backfill(%L);', CASE
                    -- As _called() has it.
                    WHEN r.name IN (SELECT s.name FROM shared s)
                        THEN pg_catalog.format('%s.%I', c.relnamespace::pg_catalog.regnamespace, r.name) ELSE r.name END)
            WHEN u.source IS NOT NULL THEN pg_catalog.format('ANALYZE %s;', r.source) END, l.hint) AS hint,
       o.no_time + o.too_early + o.too_late AS odd_rows,
       r.frozen_before,
       r.ignored_marks,
       (SELECT count(*) FROM tally.late_rows w WHERE w.source = r.source AND w.applied_at IS NULL) AS late_rows
  FROM tally.rollups r
  LEFT JOIN pg_catalog.pg_class c ON c.oid = r.relation
  LEFT JOIN tally.odd_rows o ON o.rollup_id = r.id
  LEFT JOIN LATERAL (SELECT count(DISTINCT d.bucket) AS buckets, min(d.marked_at) AS oldest, min(d.bucket) FILTER (WHERE isfinite(d.bucket)) AS first_dirty
                     FROM tally.dirty d WHERE d.rollup_id = r.id) m ON true
  LEFT JOIN LATERAL tally_internal._marked_keys(CASE WHEN r.key IS NOT NULL THEN r.id END) k ON true
  LEFT JOIN LATERAL (SELECT count(*) AS ranges, min(x.marked_at) AS oldest, min(x.since) AS since, string_agg(DISTINCT x.reason, ', ') AS reasons
                     FROM tally.dirty_ranges x WHERE x.rollup_id = r.id) g ON true
  -- An error's message may hold a value of the source, and not everybody who looks here may read that.
  LEFT JOIN LATERAL (SELECT x.started_at, x.duration_ms, x.inserted, x.updated, x.deleted, x.sqlstate, x.hint,
                            CASE WHEN x.sqlstate IS NULL OR tally_internal._has_rights_of(r.owner) THEN x.message
                                ELSE 'its message may hold data, so only the owner sees it' END AS message
                       FROM tally.runs x WHERE x.rollup_id = r.id ORDER BY x.id DESC LIMIT 1) l ON true
  LEFT JOIN suspects s ON s.id = r.id
  LEFT JOIN LATERAL tally_internal._fault(CASE WHEN s.id IS NOT NULL THEN r END) f ON true
  LEFT JOIN LATERAL (SELECT count(*) AS n, min(x.sqlstate) AS sqlstate,
                            string_agg(pg_catalog.format('%s (%s%s)', x.bucket, x.sqlstate, ', row ' || x.source_row), ', ' ORDER BY x.bucket) AS list,
                            COALESCE(min(pg_catalog.format('SELECT * FROM %s WHERE ctid = %L;  -- once it is changed, the next refresh computes its bucket',
                                         pg_catalog.regexp_replace(x.source_row, ' \([0-9,]+\)$', ''), substring(x.source_row FROM '\([0-9,]+\)$')))
                                         FILTER (WHERE x.source_row IS NOT NULL),
                                     CASE WHEN count(*) > 0 THEN
                                         pg_catalog.format('SELECT tally.repair(%L);  -- once its cause is gone', tally_internal._called(r)) END)
                                AS hint
                       FROM tally.broken_buckets x WHERE x.rollup_id = r.id) b ON true
  LEFT JOIN broken n ON n.rollup_id = r.id
  LEFT JOIN refreshers w ON w.rollup_id = r.id
  LEFT JOIN held_back h ON h.source = r.source
  LEFT JOIN unanalyzed u ON u.source = r.source
  LEFT JOIN tally.keyed_rollups i ON i.rollup_id = r.id
 ORDER BY r.id;
COMMENT ON VIEW tally.status IS 'One row per rollup: how fresh it is, and why not.';
COMMENT ON COLUMN tally.status.rollup IS 'Name of the rollup.';
COMMENT ON COLUMN tally.status.state IS
'fresh: equal to its definition; dirty: marked buckets wait for the next refresh; backfill: ranges are still to be computed; running; waiting: a refresh '
'waits for another process; error: the last run failed, or something of the rollup is gone or switched off.';
COMMENT ON COLUMN tally.status.reason IS
'The reason of the state in words: the error, who refreshes or waits for whom, what is still to be computed and why, prepared transactions that hold changes, '
'frozen history.';
COMMENT ON COLUMN tally.status.dirty_buckets IS 'Marked buckets, or keys of a rollup per key.';
COMMENT ON COLUMN tally.status.oldest_mark IS 'When the oldest mark was made.';
COMMENT ON COLUMN tally.status.exact_until IS 'Watermark: stored rows before this bucket equal the definition; null: all do; -infinity: none is known to.';
COMMENT ON COLUMN tally.status.last_run IS 'When the last unit of work began.';
COMMENT ON COLUMN tally.status.last_ms IS 'How long it took, in milliseconds.';
COMMENT ON COLUMN tally.status.last_rows IS 'Rows it inserted, updated or deleted.';
COMMENT ON COLUMN tally.status.rows IS 'Rows stored, as of the last ANALYZE (-1: never).';
COMMENT ON COLUMN tally.status.schedule IS 'Cron schedule of the refresh.';
COMMENT ON COLUMN tally.status.sqlstate IS 'SQLSTATE of what is wrong with it now, or of the last run''s error; null when all is well.';
COMMENT ON COLUMN tally.status.message IS
'Message of that error; of a run''s error it may hold data, so only who has the rights of the rollup''s owner sees it.';
COMMENT ON COLUMN tally.status.hint IS 'The statement to run next.';
COMMENT ON COLUMN tally.status.odd_rows IS
'Source rows that are in no bucket, because their time is NULL or infinite (tally.odd_rows says which); null where that is not counted: not refreshed yet, '
'or a rollup on a rollup.';
COMMENT ON COLUMN tally.status.frozen_before IS 'Buckets before this stand as they are stored, because raw rows are gone or may go; -infinity: none.';
COMMENT ON COLUMN tally.status.late_rows IS 'Rows of its source that came too late for it and wait in tally.late_rows; tally.apply_late(source) adds them.';
COMMENT ON COLUMN tally.status.ignored_marks IS
'Changes of source rows before frozen_before that were not followed: late rows, and deletions by others than tally.expire().';
