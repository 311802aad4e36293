-- Owns: demo, the end: the document's questions, answered.

\echo '━━ 4. What does publishing cost and earn? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
SET jit = off;
\timing on
\echo 'The telemetry block of the service'
\echo '   SELECT telemetry FROM publisher_telemetry WHERE service = ''publisher'';'
\pset tuples_only on
SELECT telemetry FROM publisher_telemetry WHERE service = 'publisher';
\pset tuples_only off
\echo 'Turnaround against approval latency'
\echo '   SELECT * FROM publisher_latency_trend;'
SELECT day::date, artifacts, round(avg_turnaround_seconds) AS "avg turnaround s", round(p90_turnaround_seconds) AS "p90",
    round(avg_approval_latency_seconds) AS "avg approval s", round(p90_approval_latency_seconds) AS "p90 "
  FROM publisher_latency_trend ORDER BY day DESC LIMIT 4;
\echo 'Who is the bottleneck?'
\echo '   SELECT * FROM publisher_bottlenecks;'
SELECT namespace, round(avg_approval_latency_seconds) AS "approval s", round(before_avg_approval_latency_seconds) AS "week before",
    round(rest) AS "the rest s", round(before_rest) AS "week before ", points_to FROM publisher_bottlenecks ORDER BY points_to IS NULL, namespace LIMIT 4;
\echo 'Which creator lanes earn most per unit of spend?'
\echo '   SELECT * FROM publisher_namespaces ORDER BY views_per_processing_minute DESC;'
SELECT namespace, artifacts, views_per_processing_minute, ctr_per_storage_gb, likes_per_egress_gb FROM publisher_namespaces
    ORDER BY views_per_processing_minute DESC NULLS LAST LIMIT 4;
\echo 'What to prune or repackage?'
\echo '   SELECT * FROM publisher_pruning_candidates;'
SELECT artifact_uri, namespace, views, processing_minutes, round(lane_views) AS "lane views", round(lane_minutes) AS "lane minutes"
    FROM publisher_pruning_candidates ORDER BY minutes_per_view DESC LIMIT 4;
\echo 'Do notifications land?'
\echo '   SELECT * FROM publisher_channels; SELECT * FROM publisher_delivery_problems;'
SELECT day::date, coalesce(channel, 'none') AS channel, notifications, delivered, failed, failure_rate FROM publisher_channels
    ORDER BY day DESC, channel LIMIT 4;
SELECT outcome, count(*) AS artifacts, min(artifact_uri) AS "for example" FROM publisher_delivery_problems GROUP BY outcome ORDER BY 2 DESC;
\echo 'Which webhooks failed last?'
\echo '   SELECT * FROM publisher_failed_webhooks;'
SELECT published_at::timestamptz(0), channel, artifact_uri FROM publisher_failed_webhooks WHERE unknown = 0 ORDER BY published_at DESC LIMIT 3;
\timing off
\echo 'The server goes on running, and pg_cron with it:  psql -h' :HOST '-p' :PORT '-U' :USER :DBNAME
