-- Owns: the metrics and probes of the pack operator_dashboard. A metric is a ratio of merged sums, a probe a number of this moment.

-- step: metric upload_rejection_rate
SELECT tally.create_metric('upload_rejection_rate', 'operator_uploads_5m', 'rejected::float8 / nullif(uploads, 0)',
    unit => 'ratio', description => 'Share of uploads that were rejected.', direction => 'down_is_good', samples => 'uploads');

-- step: metric transcode_failure_rate
SELECT tally.create_metric('transcode_failure_rate', 'operator_transcodes_5m', 'failed::float8 / nullif(finished, 0)',
    unit => 'ratio', description => 'Share of ended transcode jobs that failed.', direction => 'down_is_good', samples => 'finished');

-- step: metric p50_transcode_minutes
SELECT tally.create_metric('p50_transcode_minutes', 'operator_transcodes_5m', 'tally.percentile(minutes, 0.5)',
    unit => 'min', description => 'Median duration of completed transcodes.', direction => 'down_is_good', samples => 'completed');

-- step: metric p95_transcode_minutes
SELECT tally.create_metric('p95_transcode_minutes', 'operator_transcodes_5m', 'tally.percentile(minutes, 0.95)',
    unit => 'min', description => '95th percentile of the duration of completed transcodes.', direction => 'down_is_good', samples => 'completed');

-- step: metric p95_claim_to_start_seconds
SELECT tally.create_metric('p95_claim_to_start_seconds', 'operator_claims_5m', 'tally.percentile(seconds, 0.95)',
    unit => 's', description => '95th percentile of the time from claim to start.', direction => 'down_is_good', samples => 'claims');

-- step: metric play_attempts
SELECT tally.create_metric('play_attempts', 'operator_playback_5m', 'attempts',
    unit => 'attempts', description => 'Attempts to play.', direction => 'up_is_good', samples => 'attempts');

-- step: metric play_failure_rate
SELECT tally.create_metric('play_failure_rate', 'operator_playback_5m',
        'failures::float8 / nullif(attempts, 0)',
    unit => 'ratio', description => 'Share of attempts to play that failed.', direction => 'down_is_good', samples => 'attempts');

-- step: metric api_error_rate
SELECT tally.create_metric('api_error_rate', 'operator_api_5m',
        'errors::float8 / nullif(requests, 0)',
    unit => 'ratio', description => 'Share of requests answered with 4xx or 5xx.', direction => 'down_is_good', samples => 'requests');

-- step: metric api_5xx_rate
SELECT tally.create_metric('api_5xx_rate', 'operator_api_5m',
        'errors_5xx::float8 / nullif(requests, 0)',
    unit => 'ratio', description => 'Share of requests answered with 5xx.', direction => 'down_is_good', samples => 'requests');
