-- Owns: the boards of the pack operator_dashboard: the one page of the operators, with the five questions on top, and below it the page of an
-- artist and a release.

-- step: view operator_answers
CREATE OR REPLACE VIEW operator_answers AS
SELECT x.environment, COALESCE(max(x.failed), 0) AS transcodes_failed_today, COALESCE(max(x.oldest), 0) AS oldest_queued_minutes,
       CASE WHEN count(x.alive) = 0 THEN 'none is known' ELSE concat(CASE WHEN bool_or(x.alive) THEN 'yes, ' ELSE 'no, ' END,
           count(*) FILTER (WHERE x.alive), ' of ', count(x.alive)) END AS workers_alive,
       max(x.failure_rate) AS play_failure_rate_24h, COALESCE(max(x.cause), 'none') AS top_failure_cause
  -- Each view is read once. Where each environment asked each of them, the planner expected hundreds of environments, and the query was compiled.
  FROM (SELECT environment, NULL::bigint AS failed, oldest_queued_minutes AS oldest, NULL::boolean AS alive, NULL::numeric AS failure_rate, NULL AS cause
          FROM operator_queue
        UNION ALL SELECT environment, CASE WHEN range = 'today' THEN failed END, NULL, NULL, NULL, NULL FROM operator_transcodes
        UNION ALL SELECT environment, NULL, NULL, NULL, CASE WHEN range = '24h' THEN failure_rate END, NULL FROM operator_playback
        UNION ALL SELECT environment, NULL, NULL, CASE WHEN range = '1h' THEN COALESCE(alive, false) END, NULL, NULL FROM operator_workers
        UNION ALL SELECT environment, NULL, NULL, NULL, NULL, concat(service, ': ', cause) FROM operator_failure_causes WHERE range = '1h' AND place = 1) x
 GROUP BY x.environment HAVING count(x.cause) < count(*);
COMMENT ON VIEW operator_answers IS 'The five questions, answered for each environment, now.';
COMMENT ON COLUMN operator_answers.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_answers.transcodes_failed_today IS 'How many transcodes failed today?';
COMMENT ON COLUMN operator_answers.oldest_queued_minutes IS 'What is the oldest queued job right now? Its age in minutes; 0 where none waits.';
COMMENT ON COLUMN operator_answers.workers_alive IS 'Is a worker alive right now? And how many of those known.';
COMMENT ON COLUMN operator_answers.play_failure_rate_24h IS 'What is the play failure rate in the last 24 hours? Null where nobody played.';
COMMENT ON COLUMN operator_answers.top_failure_cause IS 'What is the top active failure cause? Of the last hour.';

-- step: metric upload_count
SELECT tally.create_metric('upload_count', 'operator_uploads_5m', 'uploads', unit => 'uploads',
    description => 'Uploads that arrived.', direction => 'up_is_good', samples => 'uploads');

-- step: metric rejected_uploads
SELECT tally.create_metric('rejected_uploads', 'operator_uploads_5m', 'rejected', unit => 'uploads',
    description => 'Uploads that were rejected.', direction => 'down_is_good', samples => 'uploads');

-- step: metric failed_transcodes
SELECT tally.create_metric('failed_transcodes', 'operator_transcodes_5m', 'failed', unit => 'jobs',
    description => 'Transcode jobs that failed for good.', direction => 'down_is_good', samples => 'finished');

-- step: metric transcode_attempts
SELECT tally.create_metric('transcode_attempts', 'operator_attempts_5m', 'jobs', unit => 'jobs',
    description => 'Transcode jobs by the attempt that they have reached.', direction => 'neutral', samples => 'jobs');

-- step: metric play_failures
SELECT tally.create_metric('play_failures', 'operator_playback_5m', 'failures', unit => 'plays',
    description => 'Attempts to play that failed.', direction => 'down_is_good', samples => 'attempts');

-- step: metric stream_errors
SELECT tally.create_metric('stream_errors', 'operator_stream_errors_5m', 'failures', unit => 'plays',
    description => 'Failed attempts to play, by stream error.', direction => 'down_is_good', samples => 'failures');

-- step: metric release_uploads
SELECT tally.create_metric('release_uploads', 'operator_release_uploads_hourly', 'uploads', unit => 'uploads',
    description => 'Uploads of a release.', direction => 'up_is_good', samples => 'uploads');

-- step: metric release_rejected_uploads
SELECT tally.create_metric('release_rejected_uploads', 'operator_release_uploads_hourly', 'rejected', unit => 'uploads',
    description => 'Uploads of a release that were rejected.', direction => 'down_is_good', samples => 'uploads');

-- step: metric release_transcode_failure_rate
SELECT tally.create_metric('release_transcode_failure_rate', 'operator_release_transcodes_hourly', 'failed::float8 / nullif(completed + failed, 0)',
    unit => 'ratio', description => 'Share of a release''s transcode jobs that failed.', direction => 'down_is_good', samples => 'completed');

-- step: metric release_play_attempts
SELECT tally.create_metric('release_play_attempts', 'operator_release_playback_hourly', 'attempts', unit => 'plays',
    description => 'Attempts to play a release.', direction => 'up_is_good', samples => 'attempts');

-- step: metric release_play_failure_rate
SELECT tally.create_metric('release_play_failure_rate', 'operator_release_playback_hourly', 'failures::float8 / nullif(attempts, 0)', unit => 'ratio',
    description => 'Share of attempts to play a release that failed.', direction => 'down_is_good', samples => 'attempts');

-- step: board operator_dashboard
SELECT tally.create_board('operator_dashboard', 'Operations', place => 10, since => '24 hours', refresh => '30 seconds', variables => '{environment}',
    description => 'Do releases go live, and do listeners hear them? The five questions first, then ingest, transcoding, workers, playback, incidents.',
    panels => $p$[
    {"title": "Transcodes failed today", "relation": "operator_answers", "columns": ["environment", "transcodes_failed_today"], "picture": "stat", "width": 2,
     "unit": "jobs", "description": "Since midnight (UTC).", "why": "A failed transcode is a release that is late.",
     "do": "Read the causes below; queue the jobs again once it is mended."},
    {"title": "Oldest queued job", "relation": "operator_answers", "columns": ["environment", "oldest_queued_minutes"], "picture": "stat", "width": 2,
     "unit": "minutes", "description": "How long the job that waits longest has waited.", "why": "More than 15 minutes makes releases late.",
     "do": "Add workers, or stop accepting uploads while the queue grows.", "board": "operator_runbooks"},
    {"title": "Is a worker alive?", "relation": "operator_answers", "columns": ["environment", "workers_alive"], "picture": "stat", "width": 2,
     "description": "A heartbeat within two minutes, and how many of the known workers have one.", "why": "Without a worker nothing is transcoded.",
     "do": "Restart it; see whether its host is reachable.", "board": "operator_runbooks"},
    {"title": "Play failure rate, 24 hours", "relation": "operator_answers", "columns": ["environment", "play_failure_rate_24h"], "picture": "stat",
     "width": 3, "unit": "ratio", "description": "Share of attempts to play that failed.", "why": "It is what listeners notice first.",
     "do": "Look whether one platform or one error explains it.", "board": "operator_runbooks"},
    {"title": "Top failure cause", "relation": "operator_answers", "columns": ["environment", "top_failure_cause"], "picture": "stat", "width": 3,
     "description": "What most plays and transcodes of the last hour failed of.", "why": "The first thing to mend.",
     "do": "Find the change that came before it."},
    {"title": "1 Ingest: uploads", "metric": "upload_count", "picture": "bars", "width": 4, "board": "operator_releases",
     "description": "Uploads that arrived.",
     "why": "No uploads for an hour of the day means that the form or the API is down.", "do": "Try an upload; look at the API errors below."},
    {"title": "Rejections", "metric": "upload_rejection_rate", "width": 4, "description": "Share of uploads that were rejected.",
     "why": "Artists who are rejected twice do not come back.", "do": "Look at the reasons beside it."},
    {"title": "Why uploads were rejected", "metric": "rejected_uploads", "picture": "ranking", "by": ["reason"], "limit": 6, "width": 4,
     "description": "Rejected uploads by reason; (none) stands for those that were taken.", "why": "One reason usually explains most.",
     "do": "Say the rule in the upload form before the upload."},
    {"title": "2 Transcode queue: jobs now", "relation": "operator_queue", "order": "environment", "width": 4,
     "columns": ["environment", "queued", "in_progress", "retrying", "oldest_queued_minutes"], "units": {"oldest_queued_minutes": "minutes"},
     "description": "Jobs that wait, run or are to run again.",
     "why": "A queue that grows while workers run is too few workers.", "do": "Add workers."},
    {"title": "Transcodes that failed", "metric": "transcode_failure_rate", "width": 4, "description": "Share of ended jobs that failed.",
     "why": "Above 10 % releases go live late.", "do": "Roll back the transcoder image, then queue the jobs again.", "board": "operator_runbooks"},
    {"title": "How long transcoding takes", "metrics": ["p50_transcode_minutes", "p95_transcode_minutes"], "width": 4,
     "description": "Median, and nineteen of twenty jobs.", "why": "A slow transcoder fills the queue.", "do": "Compare with the newest image's release."},
    {"title": "Attempts", "metric": "transcode_attempts", "picture": "ranking", "by": ["attempt"], "width": 4,
     "description": "Jobs queued in the range, by the attempt that they have reached.", "why": "Retries hide a fault until they run out.",
     "do": "Read the error of a job at its third attempt."},
    {"title": "3 Workers", "relation": "operator_workers", "where": {"range": "1h"}, "order": "heartbeat_age_seconds desc", "width": 8,
     "columns": ["environment", "worker", "last_heartbeat", "heartbeat_age_seconds", "alive", "restarts", "p95_claim_to_start_seconds"],
     "units": {"heartbeat_age_seconds": "seconds", "p95_claim_to_start_seconds": "seconds"},
     "description": "Every worker heard of within 24 hours; restarts and claims of the last hour.", "why": "Restarts in a row are a crash loop.",
     "do": "Restart a silent worker; take no jobs on one that keeps restarting.", "board": "operator_runbooks"},
    {"title": "4 Playback: failures", "metric": "play_failure_rate", "by": ["platform"], "description": "Share of attempts to play that failed, by platform.",
     "why": "Above 5 % listeners leave.", "do": "Fail over to the second CDN, or roll back the player.", "board": "operator_runbooks"},
    {"title": "Attempts to play", "metric": "play_attempts", "picture": "bars", "description": "All attempts.",
     "why": "A rate over few attempts says little.", "do": "A sudden drop with a healthy rate is outside of the player: look at the site."},
    {"title": "Stream errors", "metrics": ["stream_errors"], "picture": "table", "by": ["error_code", "error_message"], "limit": 8,
     "description": "Failed attempts by code and message, the most frequent first.", "why": "It says whose fault it is: network, file or player.",
     "do": "A 404 of a manifest means a missing transcode; a decode error means a bad file."},
    {"title": "Failures by platform and browser", "metric": "play_failure_rate", "picture": "heatmap", "by": ["platform", "browser"],
     "description": "Share of attempts that failed.", "why": "iOS Safari is strict about playlists: it can fail while all other players work.",
     "do": "Play the newest release there."},
    {"title": "5 Incidents", "relation": "operator_incident_feed", "order": "at desc", "limit": 20, "width": 12,
     "columns": ["at", "area", "severity", "environment", "status", "impact", "owner", "respond_by", "link"],
     "description": "The last 20, newest first.", "why": "It shows what somebody already works on.",
     "do": "Acknowledge what is yours; close it with cause and mitigation."},
    {"title": "Objectives", "relation": "operator_slo", "order": "slo", "columns": ["slo", "environment", "actual", "comparison", "target", "period", "met"],
     "description": "The numbers to hold, and whether they hold.",
     "why": "These are the targets that were promised.", "do": "Work on a missed target before anything new."},
    {"title": "API errors", "metric": "api_error_rate", "picture": "ranking", "by": ["endpoint"],
     "description": "Requests answered with 4xx or 5xx, the worst routes.", "why": "Uploads and players both depend on it.",
     "do": "Roll back the latest deployment of that route.", "board": "operator_runbooks"},
    {"title": "How fresh this is", "status": true, "width": 12, "description": "The rollups behind these numbers.",
     "why": "Numbers are exact at every moment; a rollup in error says what to do.", "do": "Run the statement in its reason."}
]$p$);

-- step: board operator_releases
SELECT tally.create_board('operator_releases', 'Artist and release', place => 20, since => '7 days', variables => '{environment,artist,release}',
    description => 'What went wrong for this artist? Choose an artist or a release above.', panels => $p$[
    {"title": "Uploads", "metric": "release_uploads", "picture": "stat", "width": 3, "why": "Whether the files arrived at all.",
     "do": "If there is none, ask for the time of the upload and look at the API errors of that hour."},
    {"title": "Rejected", "metric": "release_rejected_uploads", "picture": "stat", "width": 3, "why": "A rejected file is not transcoded.",
     "do": "Tell the artist the reason."},
    {"title": "Transcodes that failed", "metric": "release_transcode_failure_rate", "picture": "stat", "width": 3,
     "why": "A failed transcode cannot be played.", "do": "Queue it again."},
    {"title": "Plays that failed", "metric": "release_play_failure_rate", "picture": "stat", "width": 3, "why": "What the artist hears from listeners.",
     "do": "Compare with the rate of all releases on the page before."},
    {"title": "Attempts to play", "metric": "release_play_attempts", "picture": "bars", "description": "Attempts to play what is chosen above.",
     "why": "A rate over few attempts says little.", "do": "Look at a longer range."},
    {"title": "Failures over time", "metric": "release_play_failure_rate", "description": "Share of attempts that failed.",
     "why": "The time at which it began points to the cause.", "do": "Look at the incidents of that hour.", "board": "operator_dashboard"},
    {"title": "Releases", "metrics": ["release_play_attempts", "release_play_failure_rate"], "picture": "table", "by": ["artist", "release"], "width": 12,
     "description": "The most played first.", "why": "One bad release among good ones is a bad file.", "do": "Transcode it again from the original."}
]$p$);

-- step: board operator_runbooks
SELECT tally.create_board('operator_runbooks', 'Runbooks', place => 30, description => 'What to do when an alert fires: a page each. They are rows: '
    'UPDATE operator_runbooks SET page = … WHERE name = …', panels => $p$[
    {"title": "All pages", "relation": "operator_runbooks", "order": "name", "width": 12, "columns": ["name", "title", "alerts", "page"],
     "description": "What it means, what to look at, what to do, when it is over.", "why": "At night nobody should have to think of it first.",
     "do": "Write down what you did that is not there yet."}
]$p$);
