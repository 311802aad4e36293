-- Owns: tally.progress: how far marked ranges are computed.

CREATE OR REPLACE VIEW tally.progress AS
SELECT r.name AS rollup,
       g.since AS left_since,
       g.until AS left_until,
       g.reason,
       p.done,
       p.batches,
       p.written AS rows_written,
       p.source_rows / NULLIF(p.seconds, 0) AS source_rows_per_second,
       pg_catalog.make_interval(secs => pg_catalog.round(p.seconds * (1 - p.done) / NULLIF(p.done, 0))) AS time_left,
       r.id IN (SELECT f.rollup_id FROM tally_internal._refreshers() f) AS running
  FROM tally.rollups r
  JOIN LATERAL (SELECT min(x.since) AS since, max(x.until) AS until, min(x.marked_at) AS marked_at, string_agg(DISTINCT x.reason, ', ') AS reason,
                       bool_and(x.batch IS NOT NULL OR x.part IS NOT NULL) AS begun FROM tally.dirty_ranges x WHERE x.rollup_id = r.id
                           HAVING count(*) > 0) g ON true
  LEFT JOIN LATERAL tally_internal._progress(r.id, g.marked_at, '-infinity', 'infinity') p ON g.begun
 ORDER BY r.id;
COMMENT ON VIEW tally.progress IS
'One row per rollup with ranges still to be computed, by CALL tally.backfill(…) or by its schedule: how far, how fast, how long still. Batches are '
'committed, so what is done stays done. How far, fast and long are null for roles without the rights of the rollup''s owner.';
COMMENT ON COLUMN tally.progress.rollup IS 'Name of the rollup.';
COMMENT ON COLUMN tally.progress.left_since IS 'Start of what is left; -infinity: from the beginning.';
COMMENT ON COLUMN tally.progress.left_until IS 'End of what is left.';
COMMENT ON COLUMN tally.progress.reason IS 'Why it is computed: history, truncate, change of definition, repair.';
COMMENT ON COLUMN tally.progress.done IS
'Share of the time range (of a rollup per key: of its keys) that is done, from 0 to 1; null until every range has had a batch.';
COMMENT ON COLUMN tally.progress.batches IS 'Batches so far.';
COMMENT ON COLUMN tally.progress.rows_written IS 'Rows of the rollup written so far.';
COMMENT ON COLUMN tally.progress.source_rows_per_second IS 'About how many source rows a second of work reads, by the planner''s count of them.';
COMMENT ON COLUMN tally.progress.time_left IS 'About how much work is left at that speed.';
COMMENT ON COLUMN tally.progress.running IS 'Whether a session is at it now.';
GRANT SELECT ON tally.progress TO PUBLIC;
