-- Owns: the metrics of the pack publisher: latency, deliveries, and each kind of engagement per each kind of cost.

-- step: metric publisher_artifacts
SELECT tally.create_metric('publisher_artifacts', 'publisher_15m', 'artifacts', unit => 'artifacts', description => 'Artifacts published.',
    direction => 'up_is_good', samples => 'artifacts');

-- step: metric publisher_avg_turnaround_seconds
SELECT tally.create_metric('publisher_avg_turnaround_seconds', 'publisher_15m', 'turnaround_seconds / nullif(turnaround_samples, 0)', unit => 's',
    description => 'Mean time from ingest to publication.', direction => 'down_is_good', samples => 'turnaround_samples');

-- step: metric publisher_avg_approval_latency_seconds
SELECT tally.create_metric('publisher_avg_approval_latency_seconds', 'publisher_15m',
    'approval_latency_seconds / nullif(approval_latency_samples, 0)', unit => 's', description => 'Mean time to an approval.',
    direction => 'down_is_good', samples => 'approval_latency_samples');

-- step: metric publisher_p90_turnaround_seconds
SELECT tally.create_metric('publisher_p90_turnaround_seconds', 'publisher_15m', 'tally.percentile(turnaround, 0.9)', unit => 's',
    description => '90th percentile of the time from ingest to publication.', direction => 'down_is_good', samples => 'turnaround_samples');

-- step: metric publisher_p90_approval_latency_seconds
SELECT tally.create_metric('publisher_p90_approval_latency_seconds', 'publisher_15m', 'tally.percentile(approval_latency, 0.9)', unit => 's',
    description => '90th percentile of the time to an approval.', direction => 'down_is_good', samples => 'approval_latency_samples');

-- step: metric publisher_webhook_failure_rate
SELECT tally.create_metric('publisher_webhook_failure_rate', 'publisher_discord_15m', 'failed::float8 / nullif(delivered + failed, 0)',
    unit => 'ratio', description => 'Discord notifications that the webhook did not take.', direction => 'down_is_good', samples => 'notifications');

-- step: metric publisher_notified_artifacts
SELECT tally.create_metric('publisher_notified_artifacts', 'publisher_discord_15m', 'tally.distinct_count(artifacts)', unit => 'artifacts',
    description => 'Different artifacts notified of.', direction => 'up_is_good', samples => 'notifications');

-- step: metric publisher_views_per_processing_minute
SELECT tally.create_metric('publisher_views_per_processing_minute', 'publisher_15m',
    'tally.total(engagement, ''views'') / nullif(tally.total(cost, ''processing_minutes''), 0)', unit => 'views/processing_minutes',
    description => 'Engagement ratio: total views ÷ total processing_minutes.', direction => 'up_is_good', samples => 'artifacts');

-- step: metric publisher_views_per_storage_gb
SELECT tally.create_metric('publisher_views_per_storage_gb', 'publisher_15m',
    'tally.total(engagement, ''views'') / nullif(tally.total(cost, ''storage_gb''), 0)', unit => 'views/storage_gb',
    description => 'Engagement ratio: total views ÷ total storage_gb.', direction => 'up_is_good', samples => 'artifacts');

-- step: metric publisher_views_per_egress_gb
SELECT tally.create_metric('publisher_views_per_egress_gb', 'publisher_15m',
    'tally.total(engagement, ''views'') / nullif(tally.total(cost, ''egress_gb''), 0)', unit => 'views/egress_gb',
    description => 'Engagement ratio: total views ÷ total egress_gb.', direction => 'up_is_good', samples => 'artifacts');

-- step: metric publisher_ctr_per_processing_minute
SELECT tally.create_metric('publisher_ctr_per_processing_minute', 'publisher_15m',
    'tally.total(engagement, ''ctr'') / nullif(tally.total(cost, ''processing_minutes''), 0)', unit => 'ctr/processing_minutes',
    description => 'Engagement ratio: total ctr ÷ total processing_minutes.', direction => 'up_is_good', samples => 'artifacts');

-- step: metric publisher_ctr_per_storage_gb
SELECT tally.create_metric('publisher_ctr_per_storage_gb', 'publisher_15m',
    'tally.total(engagement, ''ctr'') / nullif(tally.total(cost, ''storage_gb''), 0)', unit => 'ctr/storage_gb',
    description => 'Engagement ratio: total ctr ÷ total storage_gb.', direction => 'up_is_good', samples => 'artifacts');

-- step: metric publisher_ctr_per_egress_gb
SELECT tally.create_metric('publisher_ctr_per_egress_gb', 'publisher_15m',
    'tally.total(engagement, ''ctr'') / nullif(tally.total(cost, ''egress_gb''), 0)', unit => 'ctr/egress_gb',
    description => 'Engagement ratio: total ctr ÷ total egress_gb.', direction => 'up_is_good', samples => 'artifacts');

-- step: metric publisher_likes_per_processing_minute
SELECT tally.create_metric('publisher_likes_per_processing_minute', 'publisher_15m',
    'tally.total(engagement, ''likes'') / nullif(tally.total(cost, ''processing_minutes''), 0)', unit => 'likes/processing_minutes',
    description => 'Engagement ratio: total likes ÷ total processing_minutes.', direction => 'up_is_good', samples => 'artifacts');

-- step: metric publisher_likes_per_storage_gb
SELECT tally.create_metric('publisher_likes_per_storage_gb', 'publisher_15m',
    'tally.total(engagement, ''likes'') / nullif(tally.total(cost, ''storage_gb''), 0)', unit => 'likes/storage_gb',
    description => 'Engagement ratio: total likes ÷ total storage_gb.', direction => 'up_is_good', samples => 'artifacts');

-- step: metric publisher_likes_per_egress_gb
SELECT tally.create_metric('publisher_likes_per_egress_gb', 'publisher_15m',
    'tally.total(engagement, ''likes'') / nullif(tally.total(cost, ''egress_gb''), 0)', unit => 'likes/egress_gb',
    description => 'Engagement ratio: total likes ÷ total egress_gb.', direction => 'up_is_good', samples => 'artifacts');
