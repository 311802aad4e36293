-- Owns: panel 3, the workers.

-- step: view operator_workers
CREATE OR REPLACE VIEW operator_workers AS
WITH present AS (SELECT r.until AS at FROM operator_ranges r WHERE r.range = '1h'),
process AS (
    SELECT b.environment, b.worker, b.process, min(b.started_at) AS started_at, max(b.last_beat) AS last_beat,
           lag(b.process) OVER (PARTITION BY b.environment, b.worker ORDER BY min(b.started_at) NULLS FIRST, b.process) IS NOT NULL AS again
      FROM operator_beats_5m_live b
     -- A day more than the longest range, so that the process before its first restart is known.
     WHERE b.bucket >= (SELECT at FROM present) - interval '192 hours' AND b.bucket < (SELECT at FROM present)
     GROUP BY b.environment, b.worker, b.process
), claim AS (
    SELECT r.range, c.environment, c.worker, sum(c.claims)::bigint AS claims, tally.rollup(c.seconds) AS seconds
      FROM operator_claims_5m_live c JOIN operator_ranges r ON c.bucket >= r.since
     WHERE c.bucket >= (SELECT y.since FROM operator_ranges y WHERE y.range = '7d') AND c.bucket < (SELECT y.until FROM operator_ranges y WHERE
         y.range = '7d')
     GROUP BY r.range, c.environment, c.worker
), worker AS (
    SELECT r.range, p.environment, p.worker, max(p.last_beat) AS last_heartbeat,
           count(*) FILTER (WHERE p.again AND p.started_at >= r.since AND p.started_at < r.until) AS restarts
      FROM process p CROSS JOIN operator_ranges r GROUP BY r.range, p.environment, p.worker
)
SELECT w.range, w.environment, w.worker, w.last_heartbeat,
       round(extract(epoch FROM n.at - w.last_heartbeat), 1) AS heartbeat_age_seconds, n.at - w.last_heartbeat <= interval '2 minutes' AS alive,
       w.restarts, coalesce(c.claims, 0) AS claims,
       round(tally.percentile(c.seconds, 0.5)::numeric, 3) AS p50_claim_to_start_seconds,
           round(tally.percentile(c.seconds, 0.95)::numeric, 3) AS p95_claim_to_start_seconds
  FROM worker w CROSS JOIN present n LEFT JOIN claim c ON c.range = w.range AND c.environment = w.environment AND c.worker = w.worker
 WHERE w.last_heartbeat >= n.at - interval '24 hours';
COMMENT ON VIEW operator_workers IS 'Panel 3, worker health: every worker that gave a sign of life within 24 hours.';
COMMENT ON COLUMN operator_workers.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_workers.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_workers.worker IS 'Name of the worker.';
COMMENT ON COLUMN operator_workers.last_heartbeat IS 'Its last sign of life.';
COMMENT ON COLUMN operator_workers.heartbeat_age_seconds IS 'How long that is ago.';
COMMENT ON COLUMN operator_workers.alive IS 'Whether that is 2 minutes or less.';
COMMENT ON COLUMN operator_workers.restarts IS 'Processes of this worker that started in the range, after another one that was seen within 8 days.';
COMMENT ON COLUMN operator_workers.claims IS 'Jobs that it claimed and started in the range.';
COMMENT ON COLUMN operator_workers.p50_claim_to_start_seconds IS 'Median time from claim to start.';
COMMENT ON COLUMN operator_workers.p95_claim_to_start_seconds IS '95th percentile of it.';
