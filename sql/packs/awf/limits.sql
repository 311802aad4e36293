-- Owns: five minutes by adventure and by arm of an experiment: what thresholds of these scopes watch. The same measures by fewer dimensions each, because
-- both together would be ten times the rows.

-- step: rollup awf_adventure_5m
SELECT tally.create_rollup('awf_adventure_5m', source => 'analytics_events', time_column => 'event_time', bucket => '5 minutes',
    dimensions => '["world", "adventure"]',
    measures => '{
        "turns":             "count(*) FILTER (WHERE event_type = ''turn'')",
        "retries":           "count(*) FILTER (WHERE event_type = ''retry'')",
        "fallbacks":         "count(*) FILTER (WHERE event_type = ''fallback'')",
        "validator_retries": "count(*) FILTER (WHERE event_type = ''validator_retry'')",
        "stuck":             "count(*) FILTER (WHERE event_type = ''stuck'')",
        "tokens":            "tally.tdigest(tokens_in + tokens_out)",
        "latency":           "tally.tdigest(latency_ms)"}',
    "where" => $w$event_type IN ('turn', 'retry', 'fallback', 'validator_retry', 'stuck')$w$,
    schedule => awf_schedule('METRICS_ALERTS_CRON'),
    description => 'What thresholds per adventure look at.');

-- step: rollup awf_variation_5m
SELECT tally.create_rollup('awf_variation_5m', source => 'analytics_events', time_column => 'event_time', bucket => '5 minutes',
    dimensions => '["experiment", "variation"]',
    measures => '{
        "turns":             "count(*) FILTER (WHERE event_type = ''turn'')",
        "retries":           "count(*) FILTER (WHERE event_type = ''retry'')",
        "fallbacks":         "count(*) FILTER (WHERE event_type = ''fallback'')",
        "validator_retries": "count(*) FILTER (WHERE event_type = ''validator_retry'')",
        "stuck":             "count(*) FILTER (WHERE event_type = ''stuck'')",
        "tokens":            "tally.tdigest(tokens_in + tokens_out)",
        "latency":           "tally.tdigest(latency_ms)"}',
    "where" => $w$event_type IN ('turn', 'retry', 'fallback', 'validator_retry', 'stuck')$w$,
    schedule => awf_schedule('METRICS_ALERTS_CRON'),
    description => 'What thresholds per arm of an experiment look at.');

-- step: metric turns_adventure_5m
SELECT tally.create_metric('turns_adventure_5m', 'awf_adventure_5m', 'turns', unit => 'turns',
    description => 'Turns taken.', direction => 'up_is_good', samples => 'turns');

-- step: metric p95_latency_ms_adventure_5m
SELECT tally.create_metric('p95_latency_ms_adventure_5m', 'awf_adventure_5m', 'tally.percentile(latency, 0.95)', unit => 'ms',
    description => '95th percentile of the time to an answer.', direction => 'down_is_good', samples => 'turns');

-- step: metric retry_rate_adventure_5m
SELECT tally.create_metric('retry_rate_adventure_5m', 'awf_adventure_5m', 'retries::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Retries per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric fallback_rate_adventure_5m
SELECT tally.create_metric('fallback_rate_adventure_5m', 'awf_adventure_5m', 'fallbacks::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Fallbacks to a simpler answer per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric validator_retry_rate_adventure_5m
SELECT tally.create_metric('validator_retry_rate_adventure_5m', 'awf_adventure_5m', 'validator_retries::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Repairs that the validator asked for, per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric stuck_rate_adventure_5m
SELECT tally.create_metric('stuck_rate_adventure_5m', 'awf_adventure_5m', 'stuck::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Stuck signals per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric token_overrun_rate_adventure_5m
SELECT tally.create_metric('token_overrun_rate_adventure_5m', 'awf_adventure_5m', awf_token_overrun(), unit => 'ratio',
    description => 'Share of turns beyond the token budget (TOKEN_BUDGET of awf_settings).', direction => 'down_is_good', samples => 'turns');

-- step: metric turns_variation_5m
SELECT tally.create_metric('turns_variation_5m', 'awf_variation_5m', 'turns', unit => 'turns',
    description => 'Turns taken.', direction => 'up_is_good', samples => 'turns');

-- step: metric p95_latency_ms_variation_5m
SELECT tally.create_metric('p95_latency_ms_variation_5m', 'awf_variation_5m', 'tally.percentile(latency, 0.95)', unit => 'ms',
    description => '95th percentile of the time to an answer.', direction => 'down_is_good', samples => 'turns');

-- step: metric retry_rate_variation_5m
SELECT tally.create_metric('retry_rate_variation_5m', 'awf_variation_5m', 'retries::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Retries per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric fallback_rate_variation_5m
SELECT tally.create_metric('fallback_rate_variation_5m', 'awf_variation_5m', 'fallbacks::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Fallbacks to a simpler answer per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric validator_retry_rate_variation_5m
SELECT tally.create_metric('validator_retry_rate_variation_5m', 'awf_variation_5m', 'validator_retries::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Repairs that the validator asked for, per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric stuck_rate_variation_5m
SELECT tally.create_metric('stuck_rate_variation_5m', 'awf_variation_5m', 'stuck::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Stuck signals per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric token_overrun_rate_variation_5m
SELECT tally.create_metric('token_overrun_rate_variation_5m', 'awf_variation_5m', awf_token_overrun(), unit => 'ratio',
    description => 'Share of turns beyond the token budget (TOKEN_BUDGET of awf_settings).', direction => 'down_is_good', samples => 'turns');
