-- Owns: the rollups of the pack operator_dashboard: five minutes for the panels and alerts, hours per release for support.
-- Rates are metrics (metrics.sql); here are only counts, extremes and sketches that merge.

-- step: rollup operator_uploads_5m
SELECT tally.create_rollup('operator_uploads_5m', source => 'uploads', time_column => 'uploaded_at', bucket => '5 minutes',
    dimensions => $d$["environment", {"reason": "CASE WHEN status = 'rejected' THEN COALESCE(rejection_reason, 'unknown') END"}]$d$,
    measures => $m${
        "uploads":  "count(*)",
        "rejected": "count(*) FILTER (WHERE status = 'rejected')",
        "accepted": "count(*) FILTER (WHERE status = 'accepted')",
        "live_in_time": "count(*) FILTER (WHERE status = 'accepted' AND live_at - uploaded_at <= interval '30 minutes')"}$m$,
    schedule => '* * * * *',
    description => 'Uploads and why they were rejected, as they arrived.');

-- step: rollup operator_transcodes_5m
SELECT tally.create_rollup('operator_transcodes_5m', source => 'transcode_jobs', time_column => 'finished_at', bucket => '5 minutes',
    dimensions => $d$["environment", {"cause": "CASE WHEN status = 'failed' THEN COALESCE(error, 'unknown') END"}]$d$,
    measures => $m${
        "finished":  "count(*)",
        "failed":    "count(*) FILTER (WHERE status = 'failed')",
        "completed": "count(*) FILTER (WHERE status = 'completed')",
        "minutes":   "tally.tdigest(extract(epoch FROM finished_at - started_at)::float8 / 60) FILTER (WHERE status = 'completed')"}$m$,
    "where" => $w$status IN ('completed', 'failed')$w$,
    schedule => '* * * * *',
    description => 'Transcode jobs as they ended: completed or failed, how long they took, why they failed.');

-- step: rollup operator_attempts_5m
SELECT tally.create_rollup('operator_attempts_5m', source => 'transcode_jobs', time_column => 'queued_at', bucket => '5 minutes',
    dimensions => '["environment", "attempt"]',
    measures => '{"jobs": "count(*)"}',
    schedule => '* * * * *',
    description => 'Transcode jobs as they were queued, by the attempt they have reached since.');

-- step: rollup operator_claims_5m
SELECT tally.create_rollup('operator_claims_5m', source => 'transcode_jobs', time_column => 'started_at', bucket => '5 minutes',
    dimensions => '["environment", "worker"]',
    measures => '{"claims": "count(*)", "seconds": "tally.tdigest(extract(epoch FROM started_at - claimed_at)::float8)"}',
    "where" => 'claimed_at IS NOT NULL',
    schedule => '* * * * *',
    description => 'From claim to start, per worker.');

-- step: rollup operator_beats_5m
SELECT tally.create_rollup('operator_beats_5m', source => 'worker_heartbeats', time_column => 'beat_at', bucket => '5 minutes',
    dimensions => '["environment", "worker", {"process": "extract(epoch FROM process_started_at)"}]',
    measures => '{"beats": "count(*)", "last_beat": "max(beat_at)", "started_at": "min(process_started_at)"}',
    schedule => '* * * * *',
    description => 'Signs of life of each worker process.');

-- step: rollup operator_playback_5m
SELECT tally.create_rollup('operator_playback_5m', source => 'playback_attempts', time_column => 'attempted_at', bucket => '5 minutes',
    dimensions => '["environment", "platform", "browser"]',
    measures => '{"attempts": "count(*)", "failures": "count(*) FILTER (WHERE NOT ok)"}',
    schedule => '* * * * *',
    description => 'Attempts to play and failures, by platform and browser.');

-- step: rollup operator_stream_errors_5m
SELECT tally.create_rollup('operator_stream_errors_5m', source => 'playback_attempts', time_column => 'attempted_at', bucket => '5 minutes',
    dimensions => '["environment", "error_code", "error_message"]',
    measures => '{"failures": "count(*)"}',
    "where" => 'NOT ok',
    schedule => '* * * * *',
    description => 'Failed attempts to play, by stream error.');

-- step: rollup operator_api_5m
SELECT tally.create_rollup('operator_api_5m', source => 'api_requests', time_column => 'requested_at', bucket => '5 minutes',
    dimensions => '["environment", "endpoint"]',
    measures => '{
        "requests":   "count(*)",
        "errors_4xx": "count(*) FILTER (WHERE status BETWEEN 400 AND 499)",
        "errors_5xx": "count(*) FILTER (WHERE status BETWEEN 500 AND 599)",
        "errors":     "count(*) FILTER (WHERE status BETWEEN 400 AND 599)"}',
    schedule => '* * * * *',
    description => 'Requests and errors of the API gateway and functions.');

-- step: rollup operator_release_uploads_hourly
SELECT tally.create_rollup('operator_release_uploads_hourly', source => 'uploads', time_column => 'uploaded_at', bucket => '1 hour',
    dimensions => '["environment", "artist", "release"]',
    measures => $m${"uploads": "count(*)", "rejected": "count(*) FILTER (WHERE status = 'rejected')"}$m$,
    description => 'Uploads per release, for support.');

-- step: rollup operator_release_transcodes_hourly
SELECT tally.create_rollup('operator_release_transcodes_hourly', source => 'transcode_jobs', time_column => 'finished_at', bucket => '1 hour',
    dimensions => '["environment", "artist", "release"]',
    measures => $m${"completed": "count(*) FILTER (WHERE status = 'completed')", "failed": "count(*) FILTER (WHERE status = 'failed')"}$m$,
    "where" => $w$status IN ('completed', 'failed')$w$,
    description => 'Transcode jobs per release, for support.');

-- step: rollup operator_release_playback_hourly
SELECT tally.create_rollup('operator_release_playback_hourly', source => 'playback_attempts', time_column => 'attempted_at', bucket => '1 hour',
    dimensions => '["environment", "artist", "release"]',
    measures => '{"attempts": "count(*)", "failures": "count(*) FILTER (WHERE NOT ok)"}',
    description => 'Attempts to play per release, for support.');

-- step: rollup operator_release_uploads_daily
SELECT tally.create_rollup('operator_release_uploads_daily', source => 'operator_release_uploads_hourly', bucket => '1 day',
                           description => 'Uploads per release and day (UTC): the hours, merged.');

-- step: rollup operator_release_transcodes_daily
SELECT tally.create_rollup('operator_release_transcodes_daily', source => 'operator_release_transcodes_hourly', bucket => '1 day',
                           description => 'Transcode jobs per release and day (UTC): the hours, merged.');

-- step: rollup operator_release_playback_daily
SELECT tally.create_rollup('operator_release_playback_daily', source => 'operator_release_playback_hourly', bucket => '1 day',
                           description => 'Attempts to play per release and day (UTC): the hours, merged.');
