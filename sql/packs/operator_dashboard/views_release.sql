-- Owns: the filter by artist and release, for support, and the SLOs.

-- step: view operator_releases
CREATE OR REPLACE VIEW operator_releases AS
SELECT r.range, h.*, round(h.play_failures::numeric / nullif(h.play_attempts, 0), 4) AS play_failure_rate
  FROM operator_ranges r
 CROSS JOIN LATERAL (
    SELECT a.environment, a.artist, a.release,
           sum(a.uploads)::bigint AS uploads, sum(a.rejected)::bigint AS rejected, sum(a.completed)::bigint AS transcodes_completed,
               sum(a.failed)::bigint AS transcodes_failed,
           sum(a.attempts)::bigint AS play_attempts, sum(a.failures)::bigint AS play_failures
      FROM (SELECT x.environment, x.artist, x.release, x.uploads, x.rejected, 0 AS completed, 0 AS failed, 0 AS attempts, 0 AS failures
            FROM operator_release_uploads_hourly x
               WHERE r.range <> '7d' AND x.bucket > r.since - interval '1 hour' AND x.bucket < r.until
              UNION ALL SELECT x.environment, x.artist, x.release, 0, 0, x.completed, x.failed, 0, 0 FROM operator_release_transcodes_hourly x
               WHERE r.range <> '7d' AND x.bucket > r.since - interval '1 hour' AND x.bucket < r.until
              UNION ALL SELECT x.environment, x.artist, x.release, 0, 0, 0, 0, x.attempts, x.failures FROM operator_release_playback_hourly x
               WHERE r.range <> '7d' AND x.bucket > r.since - interval '1 hour' AND x.bucket < r.until
              UNION ALL SELECT x.environment, x.artist, x.release, x.uploads, x.rejected, 0, 0, 0, 0 FROM operator_release_uploads_daily x
               WHERE r.range = '7d' AND x.bucket > r.since - interval '24 hours' AND x.bucket < r.until
              UNION ALL SELECT x.environment, x.artist, x.release, 0, 0, x.completed, x.failed, 0, 0 FROM operator_release_transcodes_daily x
               WHERE r.range = '7d' AND x.bucket > r.since - interval '24 hours' AND x.bucket < r.until
              UNION ALL SELECT x.environment, x.artist, x.release, 0, 0, 0, 0, x.attempts, x.failures FROM operator_release_playback_daily x
               WHERE r.range = '7d' AND x.bucket > r.since - interval '24 hours' AND x.bucket < r.until) a
     GROUP BY a.environment, a.artist, a.release) h;
COMMENT ON VIEW operator_releases IS
'The panels'' counters per artist and release, for support: WHERE artist = … AND release = …. In whole hours, for 7d in whole days (UTC): all that the '
'range touches. As of the last refresh.';
COMMENT ON COLUMN operator_releases.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_releases.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_releases.artist IS 'The artist.';
COMMENT ON COLUMN operator_releases.release IS 'The release.';
COMMENT ON COLUMN operator_releases.uploads IS 'Uploads.';
COMMENT ON COLUMN operator_releases.rejected IS 'Of them, those rejected.';
COMMENT ON COLUMN operator_releases.transcodes_completed IS 'Transcode jobs completed.';
COMMENT ON COLUMN operator_releases.transcodes_failed IS 'Transcode jobs failed.';
COMMENT ON COLUMN operator_releases.play_attempts IS 'Attempts to play.';
COMMENT ON COLUMN operator_releases.play_failures IS 'Of them, those that failed.';
COMMENT ON COLUMN operator_releases.play_failure_rate IS 'Failures ÷ attempts.';

-- step: view operator_slo
CREATE OR REPLACE VIEW operator_slo AS
SELECT s.slo, s.environment, s.comparison, s.target, s.unit, s.period, round(s.actual, 4) AS actual,
       CASE s.comparison WHEN '>=' THEN s.actual >= s.target ELSE s.actual <= s.target END AS met, s.observations
  FROM (-- An upload is judged once its 30 minutes are over, live or not.
        SELECT 'upload to live' AS slo, u.environment, '>=' AS comparison, 0.95 AS target, 'share of uploads live within 30 minutes' AS unit,
            '24 hours' AS period,
               sum(u.live_in_time) / nullif(sum(u.accepted), 0) AS actual, sum(u.accepted)::bigint AS observations
          FROM operator_uploads_5m_live u JOIN operator_ranges r ON r.range = '24h'
         WHERE u.bucket >= (SELECT y.since FROM operator_ranges y WHERE y.range = '24h')
             AND u.bucket <= (SELECT y.until FROM operator_ranges y WHERE y.range = '24h') - interval '35 minutes'
         GROUP BY u.environment
        UNION ALL
        SELECT 'transcode success', t.environment, '>=', 0.98, 'share of ended jobs that completed', '24 hours', 1 - t.failure_rate, t.completed + t.failed
          FROM operator_transcodes t WHERE t.range = '24h'
        UNION ALL
        SELECT 'playback failures', p.environment, '<=', 0.02, 'share of attempts that failed', '24 hours', p.failure_rate, p.attempts
          FROM operator_playback p WHERE p.range = '24h'
        UNION ALL
        -- The stalest worker: one silent worker among ten is an outage of a tenth.
        SELECT 'worker heartbeat freshness', w.environment, '<=', 120, 'seconds since the stalest worker''s last heartbeat', 'now',
            max(w.heartbeat_age_seconds), count(*)
          FROM operator_workers w WHERE w.range = '1h' GROUP BY w.environment) s;
COMMENT ON VIEW operator_slo IS 'The service level objectives, with explicit numbers, against what happened.';
COMMENT ON COLUMN operator_slo.slo IS 'Name of the objective.';
COMMENT ON COLUMN operator_slo.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_slo.comparison IS '>= or <=: how the actual value must stand to the target.';
COMMENT ON COLUMN operator_slo.target IS 'The number to hold.';
COMMENT ON COLUMN operator_slo.unit IS 'What the number is.';
COMMENT ON COLUMN operator_slo.period IS 'Over what it is judged.';
COMMENT ON COLUMN operator_slo.actual IS 'What happened; null where nothing did.';
COMMENT ON COLUMN operator_slo.met IS 'Whether it holds.';
COMMENT ON COLUMN operator_slo.observations IS 'Uploads, jobs, attempts or workers behind it.';
