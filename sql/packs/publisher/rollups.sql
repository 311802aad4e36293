-- Owns: the rollups and metrics of the pack publisher. Services go on updating what is long published, so it is counted by short buckets
-- first: an update has a quarter of an hour counted again, and the days are merged. One absurd row must not stop a refresh: dimensions are cut, since
-- keys hold no more than 2,700 bytes in all, and a payload with a number beyond float8 is left out.

INSERT INTO tally.pack_steps (pack, ordinal, kind, name, statement)
SELECT 'publisher', r.ordinal, 'rollup', r.name, format($sql$
SELECT tally.create_rollup(%L, source => %L, time_column => 'published_at', bucket => '15 minutes', dimensions => %L,
    measures => $m${
        "%s": "count(*)",
        "turnaround_samples":       "count(turnaround_seconds)",
        "turnaround_seconds":       "sum(turnaround_seconds)",
        "approval_latency_samples": "count(approval_latency_seconds)",
        "approval_latency_seconds": "sum(approval_latency_seconds)",
        "turnaround":               "tally.tdigest(turnaround_seconds)",
        "approval_latency":         "tally.tdigest(approval_latency_seconds)",
        "engagement":               "tally.jsonb_totals(engagement) FILTER (WHERE engagement::text !~ '[0-9]{250}')",
        "cost":                     "tally.jsonb_totals(cost) FILTER (WHERE cost::text !~ '[0-9]{250}')"%s}$m$,
    zone => tally_internal._pack_zone('publisher_15m'), description => %L)
$sql$, r.name, r.source, r.dimensions, r.counted, r.more, r.description)
  FROM (VALUES
    (100, 'publisher_15m', 'publisher_metrics_rollup', '[{"namespace": "left(namespace, 300)"}]', 'artifacts', '',
     'Artifacts by creator lane: latency, engagement and cost.'),
    (110, 'publisher_discord_15m', 'publisher_discord_metrics', '[{"namespace": "left(namespace, 300)"}, {"channel": "left(channel, 300)"}]', 'notifications',
     ', "delivered": "count(*) FILTER (WHERE webhook_success)", "failed": "count(*) FILTER (WHERE NOT webhook_success)", "artifacts": '
         '"tally.hll(artifact_uri)"', 'Discord notifications by creator lane and channel.')
  ) r(ordinal, name, source, dimensions, counted, more, description)
UNION ALL
SELECT 'publisher', r.ordinal, 'rollup', r.name,
    format('SELECT tally.create_rollup(%L, source => %L, bucket => ''1 day'', zone => tally_internal._pack_zone(''publisher_15m''), description => %L)', r.name,
           r.source, r.description)
  FROM (VALUES (101, 'publisher_daily', 'publisher_15m', 'Artifacts by creator lane and day: the quarter hours, merged.'),
               (111, 'publisher_discord_daily', 'publisher_discord_15m',
                'Discord notifications by creator lane, channel and day: the quarter hours, merged.')) r(ordinal, name, source, description)
UNION ALL
SELECT 'publisher', 112, 'rollup', 'publisher_notified_daily', $sql$
SELECT tally.create_rollup('publisher_notified_daily', source => 'publisher_discord_daily', bucket => '1 day', dimensions => '["namespace"]',
                           zone => tally_internal._pack_zone('publisher_15m'),
    description => 'Discord notifications by creator lane and day: the channels, merged.')
$sql$
UNION ALL
SELECT 'publisher', 120, 'rollup', 'publisher_undelivered', $sql$
SELECT tally.create_rollup('publisher_undelivered', source => 'publisher_discord_metrics', time_column => 'published_at', bucket => '15 minutes',
    dimensions => $d$[{"namespace": "left(namespace, 300)"}, {"channel": "left(channel, 300)"}, {"artifact_uri": "left(artifact_uri, 300)"},
                      {"slug": "left(slug, 300)"}]$d$,
    measures => '{"notifications": "count(*)", "published_at": "max(published_at)", "unknown": "count(*) FILTER (WHERE webhook_success IS NULL)"}',
    "where" => 'webhook_success IS NOT TRUE', zone => tally_internal._pack_zone('publisher_15m'), description => 'Notifications that the webhook did not take.')
$sql$
UNION ALL
SELECT 'publisher', m.ordinal, 'metric', m.name,
    format('SELECT tally.create_metric(%L, %L, %L, unit => %L, description => %L, direction => %L, samples => %L)', m.name, m.rollup, m.expression, m.unit,
           m.description, m.direction, m.samples)
  FROM (VALUES
    (200, 'publisher_artifacts', 'publisher_15m', 'artifacts', 'artifacts', 'Artifacts published.', 'up_is_good', 'artifacts'),
    (201, 'publisher_avg_turnaround_seconds', 'publisher_15m', 'turnaround_seconds / nullif(turnaround_samples, 0)', 's',
     'Mean time from ingest to publication.', 'down_is_good', 'turnaround_samples'),
    (202, 'publisher_avg_approval_latency_seconds', 'publisher_15m', 'approval_latency_seconds / nullif(approval_latency_samples, 0)', 's',
     'Mean time to an approval.', 'down_is_good', 'approval_latency_samples'),
    (203, 'publisher_p90_turnaround_seconds', 'publisher_15m', 'tally.percentile(turnaround, 0.9)', 's',
     '90th percentile of the time from ingest to publication.', 'down_is_good', 'turnaround_samples'),
    (204, 'publisher_p90_approval_latency_seconds', 'publisher_15m', 'tally.percentile(approval_latency, 0.9)', 's',
     '90th percentile of the time to an approval.', 'down_is_good', 'approval_latency_samples'),
    (220, 'publisher_webhook_failure_rate', 'publisher_discord_15m', 'failed::float8 / nullif(delivered + failed, 0)', 'ratio',
     'Discord notifications that the webhook did not take.', 'down_is_good', 'notifications'),
    (221, 'publisher_notified_artifacts', 'publisher_discord_15m', 'tally.distinct_count(artifacts)', 'artifacts', 'Different artifacts notified of.',
     'up_is_good', 'notifications')
  ) m(ordinal, name, rollup, expression, unit, description, direction, samples)
UNION ALL
SELECT 'publisher', 230 + row_number() OVER (), 'metric', format('publisher_%s_per_%s', e.key, regexp_replace(c.key, 's$', '')),
       format('SELECT tally.create_metric(%L, ''publisher_15m'', %L, unit => %L, description => %L, direction => ''up_is_good'', samples => ''artifacts'')',
              format('publisher_%s_per_%s', e.key, regexp_replace(c.key, 's$', '')),
              format('tally.total(engagement, %L) / nullif(tally.total(cost, %L), 0)', e.key, c.key), format('%s/%s', e.key, c.key),
                  format('Engagement ratio: total %s ÷ total %s.', e.key, c.key))
  FROM (VALUES ('views'), ('ctr'), ('likes')) e(key), (VALUES ('processing_minutes'), ('storage_gb'), ('egress_gb')) c(key);
