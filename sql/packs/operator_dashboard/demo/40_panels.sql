-- Owns: demo, stage 5: the five panels, each one SELECT.

\echo '━━ 5. The page: every panel is a view, every filter a WHERE ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '1  Ingest            SELECT * FROM operator_ingest WHERE environment = ''prod'';'
\echo
SELECT range, uploads, rejected, rejection_rate FROM operator_ingest WHERE environment = 'prod' ORDER BY array_position('{1h,6h,24h,today,7d}', range);
SELECT place, reason, rejected, share FROM operator_rejection_reasons WHERE environment = 'prod' AND range = '7d' AND place <= 3 ORDER BY place;
\echo '2  Transcode queue   SELECT * FROM operator_jobs_by_status …; operator_queue; operator_transcodes; operator_retries'
\echo
SELECT q.queued, q.in_progress, q.retrying, q.oldest_queued_minutes, t.completed AS "completed 24h", t.failed AS "failed 24h", t.p50_minutes AS "p50 min",
    t.p95_minutes AS "p95 min"
  FROM operator_queue q JOIN operator_transcodes t USING (environment) WHERE t.range = '24h' AND environment = 'prod';
SELECT attempt, jobs_reached FROM operator_retries WHERE environment = 'prod' AND range = '7d' ORDER BY attempt;
\echo '3  Workers           SELECT * FROM operator_workers WHERE range = ''24h'';'
\echo
SELECT environment, worker, to_char(last_heartbeat, 'HH24:MI:SS') AS "last heartbeat", round(greatest(heartbeat_age_seconds, 0)) AS "age, s", alive,
    restarts, p95_claim_to_start_seconds AS "p95 claim to start, s"
  FROM operator_workers WHERE range = '24h' ORDER BY alive, worker LIMIT 8;
\echo '4  Playback          SELECT * FROM operator_playback_ios …; operator_stream_errors'
\echo
SELECT range, client, attempts, failures, failure_rate FROM operator_playback_ios WHERE environment = 'prod' AND range IN ('1h', '24h') ORDER BY 1, 2;
SELECT place, error_code, error_message, failures, share FROM operator_stream_errors WHERE environment = 'prod' AND range = '24h' AND place <= 3 ORDER BY place;
\echo '5  Incidents         SELECT * FROM operator_incident_feed;'
\echo
SELECT to_char(at, 'HH24:MI') AS at, area, severity, impact, owner, to_char(respond_by, 'HH24:MI') AS "answers by", link FROM operator_incident_feed;
\echo '   Objectives        SELECT * FROM operator_slo;'
\echo
SELECT slo, environment, comparison || ' ' || target AS target, actual, met, observations FROM operator_slo ORDER BY environment, slo;
