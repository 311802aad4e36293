-- Owns: the rollups of the pack publisher. Services go on updating what is long published, so it is counted by short buckets
-- first: an update has a quarter of an hour counted again, and the days are merged. One absurd row must not stop a refresh: dimensions are cut, since
-- keys hold no more than 2,700 bytes in all, and a payload with a number beyond float8 is left out.

-- step: rollup publisher_15m
SELECT tally.create_rollup('publisher_15m', source => 'publisher_metrics_rollup', time_column => 'published_at', bucket => '15 minutes',
    dimensions => '[{"namespace": "left(namespace, 300)"}]',
    measures => $m${
        "artifacts": "count(*)",
        "turnaround_samples":       "count(turnaround_seconds)",
        "turnaround_seconds":       "sum(turnaround_seconds)",
        "approval_latency_samples": "count(approval_latency_seconds)",
        "approval_latency_seconds": "sum(approval_latency_seconds)",
        "turnaround":               "tally.tdigest(turnaround_seconds)",
        "approval_latency":         "tally.tdigest(approval_latency_seconds)",
        "engagement":               "tally.jsonb_totals(engagement) FILTER (WHERE octet_length(engagement::text) < 250 OR engagement::text !~ '[0-9]{250}')",
        "cost":                     "tally.jsonb_totals(cost) FILTER (WHERE octet_length(cost::text) < 250 OR cost::text !~ '[0-9]{250}')"}$m$,
    zone => current_setting('TimeZone'), description => 'Artifacts by creator lane: latency, engagement and cost.');

-- step: rollup publisher_daily
SELECT tally.create_rollup('publisher_daily', source => 'publisher_15m', bucket => '1 day', zone => current_setting('TimeZone'),
    description => 'Artifacts by creator lane and day: the quarter hours, merged.');

-- step: rollup publisher_discord_15m
SELECT tally.create_rollup('publisher_discord_15m', source => 'publisher_discord_metrics', time_column => 'published_at', bucket => '15 minutes',
    dimensions => '[{"namespace": "left(namespace, 300)"}, {"channel": "left(channel, 300)"}]',
    measures => $m${
        "notifications": "count(*)",
        "turnaround_samples":       "count(turnaround_seconds)",
        "turnaround_seconds":       "sum(turnaround_seconds)",
        "approval_latency_samples": "count(approval_latency_seconds)",
        "approval_latency_seconds": "sum(approval_latency_seconds)",
        "turnaround":               "tally.tdigest(turnaround_seconds)",
        "approval_latency":         "tally.tdigest(approval_latency_seconds)",
        "engagement":               "tally.jsonb_totals(engagement) FILTER (WHERE octet_length(engagement::text) < 250 OR engagement::text !~ '[0-9]{250}')",
        "cost":                     "tally.jsonb_totals(cost) FILTER (WHERE octet_length(cost::text) < 250 OR cost::text !~ '[0-9]{250}')",
            "delivered": "count(*) FILTER (WHERE webhook_success)", "failed": "count(*) FILTER (WHERE NOT webhook_success)",
            "artifacts": "tally.hll(artifact_uri)"}$m$,
    zone => current_setting('TimeZone'), description => 'Discord notifications by creator lane and channel.');

-- step: rollup publisher_discord_daily
SELECT tally.create_rollup('publisher_discord_daily', source => 'publisher_discord_15m', bucket => '1 day', zone => current_setting('TimeZone'),
    description => 'Discord notifications by creator lane, channel and day: the quarter hours, merged.');

-- step: rollup publisher_notified_daily
SELECT tally.create_rollup('publisher_notified_daily', source => 'publisher_discord_daily', bucket => '1 day', dimensions => '["namespace"]',
                           zone => current_setting('TimeZone'),
    description => 'Discord notifications by creator lane and day: the channels, merged.');

-- step: rollup publisher_undelivered
SELECT tally.create_rollup('publisher_undelivered', source => 'publisher_discord_metrics', time_column => 'published_at', bucket => '15 minutes',
    dimensions => $d$[{"namespace": "left(namespace, 300)"}, {"channel": "left(channel, 300)"}, {"artifact_uri": "left(artifact_uri, 300)"},
                      {"slug": "left(slug, 300)"}]$d$,
    measures => '{"notifications": "count(*)", "published_at": "max(published_at)", "unknown": "count(*) FILTER (WHERE webhook_success IS NULL)"}',
    "where" => 'webhook_success IS NOT TRUE', zone => current_setting('TimeZone'), description => 'Notifications that the webhook did not take.');
