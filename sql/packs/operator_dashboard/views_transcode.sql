-- Owns: panel 2, the transcode queue. What waits or runs is counted in transcode_jobs itself, by its partial index; what ended, in rollups.

-- step: view operator_queue
CREATE OR REPLACE VIEW operator_queue AS
SELECT x.environment, sum(x.queued)::bigint AS queued, sum(x.in_progress)::bigint AS in_progress, sum(x.retrying)::bigint AS retrying,
       min(x.oldest_queued_at) AS oldest_queued_at,
       round(extract(epoch FROM (SELECT r.until FROM operator_ranges r WHERE r.range = '1h') - min(x.oldest_queued_at)) / 60, 2) AS oldest_queued_minutes
  FROM (SELECT coalesce(j.environment, '(none)') AS environment, count(*) FILTER (WHERE j.status = 'queued') AS queued,
               count(*) FILTER (WHERE j.status = 'in_progress') AS in_progress, count(*) FILTER (WHERE j.status = 'retrying') AS retrying,
               min(j.queued_at) FILTER (WHERE j.status = 'queued') AS oldest_queued_at
          FROM transcode_jobs j WHERE j.status IN ('queued', 'in_progress', 'retrying') GROUP BY 1
        UNION ALL
        SELECT DISTINCT a.environment, 0, 0, 0, NULL::timestamptz FROM operator_attempts_5m_live a
         WHERE a.bucket >= (SELECT r.since FROM operator_ranges r WHERE r.range = '7d')) x
 GROUP BY x.environment;
COMMENT ON VIEW operator_queue IS
'Panel 2: the queue at this very moment. An environment without open jobs is a row of zeros while it had any job within 7 days.';
COMMENT ON COLUMN operator_queue.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_queue.queued IS 'Jobs that wait.';
COMMENT ON COLUMN operator_queue.in_progress IS 'Jobs that run.';
COMMENT ON COLUMN operator_queue.retrying IS 'Jobs that failed and are to run again.';
COMMENT ON COLUMN operator_queue.oldest_queued_at IS 'When the job that has waited longest was queued; null where none waits.';
COMMENT ON COLUMN operator_queue.oldest_queued_minutes IS 'How long that is ago, in minutes.';

-- step: view operator_transcodes
CREATE OR REPLACE VIEW operator_transcodes AS
SELECT x.range, x.environment, coalesce(x.completed, 0) AS completed, coalesce(x.failed, 0) AS failed,
       round(x.failed::numeric / nullif(x.finished, 0), 4) AS failure_rate,
       round(tally.percentile(x.minutes, 0.5)::numeric, 3) AS p50_minutes, round(tally.percentile(x.minutes, 0.95)::numeric, 3) AS p95_minutes
  FROM (SELECT r.range, t.environment, sum(t.finished) FILTER (WHERE t.bucket >= r.since)::bigint AS finished,
               sum(t.completed) FILTER (WHERE t.bucket >= r.since)::bigint AS completed, sum(t.failed) FILTER (WHERE t.bucket >= r.since)::bigint AS failed,
               tally.rollup(t.minutes) FILTER (WHERE t.bucket >= r.since) AS minutes
          FROM operator_transcodes_5m_live t CROSS JOIN operator_ranges r
         WHERE t.bucket >= (SELECT y.since FROM operator_ranges y WHERE y.range = '7d')
             AND t.bucket < (SELECT y.until FROM operator_ranges y WHERE y.range = '7d')
         GROUP BY r.range, t.environment) x;
COMMENT ON VIEW operator_transcodes IS 'Panel 2: transcode jobs that ended in the range, and how long the completed ones took from start to end.';
COMMENT ON COLUMN operator_transcodes.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_transcodes.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_transcodes.completed IS 'Jobs completed.';
COMMENT ON COLUMN operator_transcodes.failed IS 'Jobs failed for good.';
COMMENT ON COLUMN operator_transcodes.failure_rate IS 'Failed ÷ (completed + failed); null where none ended.';
COMMENT ON COLUMN operator_transcodes.p50_minutes IS 'Median duration of completed jobs, in minutes; exact up to 253 jobs, then within the digest''s error.';
COMMENT ON COLUMN operator_transcodes.p95_minutes IS '95th percentile of it.';

-- step: view operator_jobs_by_status
CREATE OR REPLACE VIEW operator_jobs_by_status AS
SELECT r.range, q.environment, s.status, s.jobs
  FROM operator_queue q CROSS JOIN operator_ranges r
 CROSS JOIN LATERAL (VALUES ('queued', q.queued), ('in_progress', q.in_progress), ('retrying', q.retrying)) s(status, jobs)
UNION ALL
SELECT t.range, t.environment, s.status, s.jobs
  FROM operator_transcodes t CROSS JOIN LATERAL (VALUES ('failed', t.failed), ('completed', t.completed)) s(status, jobs);
COMMENT ON VIEW operator_jobs_by_status IS
'Panel 2: jobs by status. Queued, in_progress and retrying are those of this moment, whatever the range; failed and completed are those that ended in it.';
COMMENT ON COLUMN operator_jobs_by_status.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_jobs_by_status.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_jobs_by_status.status IS 'queued, in_progress, retrying, failed or completed.';
COMMENT ON COLUMN operator_jobs_by_status.jobs IS 'How many.';

-- step: view operator_retries
CREATE OR REPLACE VIEW operator_retries AS
SELECT r.range, a.environment, n.attempt, sum(a.jobs)::bigint AS jobs_reached
  FROM operator_attempts_5m_live a JOIN operator_ranges r ON a.bucket >= r.since
 CROSS JOIN LATERAL generate_series(1, least(a.attempt::int, 100)) n(attempt)
 WHERE a.bucket >= (SELECT y.since FROM operator_ranges y WHERE y.range = '7d') AND a.bucket < (SELECT y.until FROM operator_ranges y WHERE y.range = '7d')
   AND a.attempt <> '(none)'
 GROUP BY r.range, a.environment, n.attempt;
COMMENT ON VIEW operator_retries IS
'Panel 2, retry distribution: of the jobs queued in the range, how many reached attempt 1, 2, 3, …. A job whose attempt is null has reached none; attempts '
'after the hundredth are not told apart.';
COMMENT ON COLUMN operator_retries.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_retries.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_retries.attempt IS 'Number of the attempt.';
COMMENT ON COLUMN operator_retries.jobs_reached IS 'Jobs that reached this attempt, or a later one.';
