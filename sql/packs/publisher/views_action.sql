-- Owns: the views of the pack publisher that say what to do: where time is lost, what to prune, which notifications did not land.

-- step: view publisher_bottlenecks
CREATE OR REPLACE VIEW publisher_bottlenecks AS
SELECT y.*, CASE WHEN y.avg_approval_latency_seconds > 1.1 * y.before_avg_approval_latency_seconds
    AND y.rest > 1.1 * y.before_rest THEN 'reviewers and automation'
                 WHEN y.avg_approval_latency_seconds > 1.1 * y.before_avg_approval_latency_seconds THEN 'reviewers'
                     WHEN y.rest > 1.1 * y.before_rest THEN 'automation' END AS points_to
  FROM (SELECT x.namespace, x.t / nullif(x.tn, 0) AS avg_turnaround_seconds, x.bt / nullif(x.btn, 0) AS before_avg_turnaround_seconds,
        x.a / nullif(x.an, 0) AS avg_approval_latency_seconds, x.ba / nullif(x.ban, 0) AS before_avg_approval_latency_seconds,
               x.t / nullif(x.tn, 0) - coalesce(x.a / nullif(x.an, 0), 0) AS rest, x.bt / nullif(x.btn, 0) - coalesce(x.ba / nullif(x.ban, 0),
                   0) AS before_rest
          FROM (SELECT nullif(r.namespace, '(none)') AS namespace,
                       sum(r.turnaround_seconds) FILTER (WHERE w.now) AS t, sum(r.turnaround_samples::float8) FILTER (WHERE w.now) AS tn,
                           sum(r.turnaround_seconds) FILTER (WHERE NOT w.now) AS bt, sum(r.turnaround_samples::float8) FILTER (WHERE NOT w.now) AS btn,
                       sum(r.approval_latency_seconds) FILTER (WHERE w.now) AS a, sum(r.approval_latency_samples::float8) FILTER (WHERE w.now) AS an,
                       sum(r.approval_latency_seconds) FILTER (WHERE NOT w.now) AS ba, sum(r.approval_latency_samples::float8) FILTER (WHERE NOT w.now) AS ban
                  FROM (SELECT coalesce(nullif(current_setting('tally.as_of', true), '')::timestamptz, now()) AS present OFFSET 0) c
                  JOIN publisher_daily_live r ON r.bucket > c.present - interval '15 days' AND r.bucket <= c.present - interval '1 day'
                 CROSS JOIN LATERAL (SELECT r.bucket > c.present - interval '8 days' AS now) w GROUP BY 1) x) y;
COMMENT ON VIEW publisher_bottlenecks IS
'Where time is lost, by creator lane: the last seven whole days against the seven before. SET tally.as_of shows it as of an earlier moment.';
COMMENT ON COLUMN publisher_bottlenecks.namespace IS 'Creator lane.';
COMMENT ON COLUMN publisher_bottlenecks.avg_turnaround_seconds IS 'Mean turnaround of the seven days.';
COMMENT ON COLUMN publisher_bottlenecks.before_avg_turnaround_seconds IS 'The same of the seven days before.';
COMMENT ON COLUMN publisher_bottlenecks.avg_approval_latency_seconds IS 'Mean approval latency of the seven days.';
COMMENT ON COLUMN publisher_bottlenecks.before_avg_approval_latency_seconds IS 'The same of the seven days before.';
COMMENT ON COLUMN publisher_bottlenecks.rest IS 'Mean turnaround less mean approval latency: what machines take.';
COMMENT ON COLUMN publisher_bottlenecks.before_rest IS 'The same of the seven days before.';
COMMENT ON COLUMN publisher_bottlenecks.points_to IS
'reviewers where approval latency rose by more than a tenth, automation where the rest did; null where neither.';

-- step: view publisher_pruning_candidates
CREATE OR REPLACE VIEW publisher_pruning_candidates AS
SELECT m.artifact_uri, nullif(l.namespace, '(none)') AS namespace, m.slug, m.published_at, m.views, m.processing_minutes, m.minutes_per_view,
    l.views AS lane_views, l.minutes AS lane_minutes
  FROM (SELECT p.artifact_uri, p.namespace, p.slug, p.published_at, tally.number(p.engagement -> 'views') AS views,
        tally.number(p.cost -> 'processing_minutes') AS processing_minutes,
               tally.number(p.cost -> 'processing_minutes') / (1 + abs(tally.number(p.engagement -> 'views'))) AS minutes_per_view
          FROM publisher_metrics_rollup p
         WHERE p.published_at <= (SELECT coalesce(nullif(current_setting('tally.as_of', true), '')::timestamptz, now()) - s.value::interval
                                  FROM publisher_settings s WHERE s.name = 'pruning_min_age')
         ORDER BY tally.number(p.cost -> 'processing_minutes') / (1 + abs(tally.number(p.engagement -> 'views'))) DESC NULLS LAST LIMIT 500) m
  JOIN (SELECT r.namespace, tally.total(tally.rollup(r.engagement), 'views') / sum(r.artifacts)::float8 AS views,
        tally.total(tally.rollup(r.cost), 'processing_minutes') / sum(r.artifacts)::float8 AS minutes
          FROM publisher_daily_live r GROUP BY 1) l ON l.namespace = coalesce(m.namespace, '(none)')
 WHERE m.views < l.views AND m.processing_minutes > l.minutes
 ORDER BY m.minutes_per_view DESC, m.artifact_uri LIMIT 100;
COMMENT ON VIEW publisher_pruning_candidates IS
'Artifacts to prune or repackage: of the 500 with the most processing minutes per view, those with fewer views and more minutes than their creator lane has '
'on average; 100 at most, the worst first. Those younger than the setting pruning_min_age are left out.';
COMMENT ON COLUMN publisher_pruning_candidates.artifact_uri IS 'The artifact.';
COMMENT ON COLUMN publisher_pruning_candidates.namespace IS 'Creator lane.';
COMMENT ON COLUMN publisher_pruning_candidates.slug IS 'Its short name.';
COMMENT ON COLUMN publisher_pruning_candidates.published_at IS 'When it was published.';
COMMENT ON COLUMN publisher_pruning_candidates.views IS 'Its views.';
COMMENT ON COLUMN publisher_pruning_candidates.processing_minutes IS 'Its processing minutes.';
COMMENT ON COLUMN publisher_pruning_candidates.minutes_per_view IS 'Minutes ÷ (1 + views).';
COMMENT ON COLUMN publisher_pruning_candidates.lane_views IS 'Views per artifact of the lane.';
COMMENT ON COLUMN publisher_pruning_candidates.lane_minutes IS 'Processing minutes per artifact of the lane.';

-- step: view publisher_channels
CREATE OR REPLACE VIEW publisher_channels AS
SELECT r.bucket AS day, nullif(r.channel, '(none)') AS channel, sum(r.notifications)::bigint AS notifications, sum(r.delivered)::bigint AS delivered,
    sum(r.failed)::bigint AS failed, round(sum(r.failed) / nullif(sum(r.delivered) + sum(r.failed), 0), 4) AS failure_rate
  FROM publisher_discord_daily_live r GROUP BY 1, 2;
COMMENT ON VIEW publisher_channels IS 'Discord notifications by day and channel.';
COMMENT ON COLUMN publisher_channels.day IS 'Start of the day of publication.';
COMMENT ON COLUMN publisher_channels.channel IS 'Discord channel.';
COMMENT ON COLUMN publisher_channels.notifications IS 'Notifications.';
COMMENT ON COLUMN publisher_channels.delivered IS 'Of them, those the webhook took.';
COMMENT ON COLUMN publisher_channels.failed IS 'Of them, those it did not take; the others are unknown.';
COMMENT ON COLUMN publisher_channels.failure_rate IS 'Failed ÷ (delivered + failed).';

-- step: view publisher_failed_webhooks
CREATE OR REPLACE VIEW publisher_failed_webhooks AS
SELECT r.published_at, nullif(r.namespace, '(none)') AS namespace, nullif(r.channel, '(none)') AS channel, nullif(r.artifact_uri, '(none)') AS artifact_uri,
    nullif(r.slug, '(none)') AS slug, r.notifications, r.unknown
  FROM publisher_undelivered_live r;
COMMENT ON VIEW publisher_failed_webhooks IS 'Notifications that the webhook did not take: stale credentials or rate limits.';
COMMENT ON COLUMN publisher_failed_webhooks.published_at IS 'When the artifact was published.';
COMMENT ON COLUMN publisher_failed_webhooks.namespace IS 'Creator lane.';
COMMENT ON COLUMN publisher_failed_webhooks.channel IS 'Discord channel.';
COMMENT ON COLUMN publisher_failed_webhooks.artifact_uri IS 'The artifact.';
COMMENT ON COLUMN publisher_failed_webhooks.slug IS 'Its short name.';
COMMENT ON COLUMN publisher_failed_webhooks.notifications IS 'How many; one, unless the conflict key says otherwise.';
COMMENT ON COLUMN publisher_failed_webhooks.unknown IS 'Of them, those of which nothing is known.';

-- step: view publisher_channel_health
CREATE OR REPLACE VIEW publisher_channel_health AS
SELECT x.day, x.namespace, sum(x.published)::bigint AS published, sum(x.notified)::bigint AS notified, sum(x.delivered)::bigint AS delivered,
    sum(x.failed)::bigint AS failed, (sum(x.published) - sum(x.notified))::bigint AS difference
  FROM (SELECT r.bucket AS day, nullif(r.namespace, '(none)') AS namespace, r.artifacts AS published, 0 AS notified, 0 AS delivered, 0 AS failed
        FROM publisher_daily_live r
        UNION ALL
        SELECT r.bucket, nullif(r.namespace, '(none)'), 0, tally.distinct_count(r.artifacts), r.delivered, r.failed FROM publisher_notified_daily_live r) x
 GROUP BY 1, 2;
COMMENT ON VIEW publisher_channel_health IS
'Artifacts published against artifacts notified of in Discord, by day of publication and creator lane. publisher_deliveries() names the artifacts.';
COMMENT ON COLUMN publisher_channel_health.day IS 'Start of the day of publication.';
COMMENT ON COLUMN publisher_channel_health.namespace IS 'Creator lane.';
COMMENT ON COLUMN publisher_channel_health.published IS 'Artifacts published.';
COMMENT ON COLUMN publisher_channel_health.notified IS 'Different artifacts with a notification; exact for a few hundred, within the sketch''s error beyond.';
COMMENT ON COLUMN publisher_channel_health.delivered IS 'Notifications that the webhook took.';
COMMENT ON COLUMN publisher_channel_health.failed IS 'Notifications that it did not take.';
COMMENT ON COLUMN publisher_channel_health.difference IS 'Published less notified: more than 0 where notifications are missing.';

-- step: view publisher_delivery_problems
CREATE OR REPLACE VIEW publisher_delivery_problems AS
SELECT * FROM (SELECT y.published_at, y.namespace, y.artifact_uri, y.slug, y.channel, y.webhook_success,
       CASE WHEN y.by IS NULL THEN 'not notified' WHEN y.webhook_success THEN 'delivered' WHEN y.webhook_success IS NULL THEN 'unknown'
           ELSE 'failed' END AS outcome, y.by AS joined_by
  FROM (SELECT m.published_at, m.namespace, m.artifact_uri, m.slug, x.channel, x.webhook_success, 'artifact_uri' AS by
          FROM publisher_metrics_rollup m JOIN publisher_discord_metrics x ON x.artifact_uri = m.artifact_uri WHERE (x.published_at >= (SELECT
              coalesce(nullif(current_setting('tally.as_of', true), '')::timestamptz,
              now())) - interval '2 days') AND m.published_at >= (SELECT coalesce(nullif(current_setting('tally.as_of', true), '')::timestamptz,
              now())) - interval '1 day' AND m.published_at <= (SELECT coalesce(nullif(current_setting('tally.as_of', true), '')::timestamptz, now()))
        UNION ALL
        SELECT m.published_at, m.namespace, m.artifact_uri, m.slug, d.channel, d.webhook_success, d.by
          FROM (SELECT * FROM publisher_metrics_rollup m WHERE m.published_at >= (SELECT coalesce(nullif(current_setting('tally.as_of', true),
              '')::timestamptz, now())) - interval '1 day' AND m.published_at <= (SELECT coalesce(nullif(current_setting('tally.as_of', true),
              '')::timestamptz, now())) AND NOT EXISTS (SELECT FROM publisher_discord_metrics x
                  WHERE x.artifact_uri = m.artifact_uri AND x.published_at >= (SELECT coalesce(nullif(current_setting('tally.as_of', true),
                      '')::timestamptz, now())) - interval '2 days')
                -- No limit, and PostgreSQL does not know it: it expects a tenth of what is left over, which are few, and does not compile the query (JIT).
                LIMIT (SELECT NULL::bigint)) m
          LEFT JOIN LATERAL (SELECT x.channel, x.webhook_success, 'artifact_uri' AS by FROM publisher_discord_metrics x WHERE x.artifact_uri = m.artifact_uri
                             UNION ALL SELECT x.channel, x.webhook_success, 'slug' FROM publisher_discord_metrics x
                              WHERE x.slug = m.slug AND NOT EXISTS (SELECT FROM publisher_discord_metrics o
                                                                    WHERE o.artifact_uri = m.artifact_uri)) d ON true) y) q WHERE q.outcome <> 'delivered';
COMMENT ON VIEW publisher_delivery_problems IS
'Artifacts published within the last 24 hours whose notification did not land in Discord, joined by address or by slug. Where an artifact has several '
'notifications, those older than two days count only if it has no newer. SET tally.as_of shows it as of an earlier moment.';
COMMENT ON COLUMN publisher_delivery_problems.published_at IS 'When the artifact was published.';
COMMENT ON COLUMN publisher_delivery_problems.namespace IS 'Creator lane.';
COMMENT ON COLUMN publisher_delivery_problems.artifact_uri IS 'The artifact.';
COMMENT ON COLUMN publisher_delivery_problems.slug IS 'Its short name.';
COMMENT ON COLUMN publisher_delivery_problems.channel IS 'Discord channel.';
COMMENT ON COLUMN publisher_delivery_problems.webhook_success IS 'Whether the webhook took the notification.';
COMMENT ON COLUMN publisher_delivery_problems.outcome IS 'failed, unknown or not notified.';
COMMENT ON COLUMN publisher_delivery_problems.joined_by IS 'artifact_uri or slug; null where there is no notification.';

-- step: function publisher_deliveries(timestamptz, timestamptz)
CREATE OR REPLACE FUNCTION publisher_deliveries(since timestamptz DEFAULT now() - interval '1 day',
                                                until timestamptz DEFAULT 'infinity') RETURNS SETOF publisher_delivery_problems
LANGUAGE sql STABLE SET search_path FROM CURRENT SET jit = off AS $f$
    SELECT m.published_at, m.namespace, m.artifact_uri, m.slug, coalesce(a.channel, s.channel), coalesce(a.webhook_success, s.webhook_success),
           CASE WHEN a.by IS NULL AND s.by IS NULL THEN 'not notified' WHEN coalesce(a.webhook_success, s.webhook_success) THEN 'delivered'
                WHEN coalesce(a.webhook_success, s.webhook_success) IS NULL THEN 'unknown' ELSE 'failed' END, coalesce(a.by, s.by)
      FROM publisher_metrics_rollup m
      -- OFFSET 0: each artifact is looked up by itself, by its slug only where nothing has its address.
      LEFT JOIN LATERAL (SELECT x.channel, x.webhook_success, 'artifact_uri' AS by FROM publisher_discord_metrics x
                          WHERE x.artifact_uri = m.artifact_uri OFFSET 0) a ON true
      LEFT JOIN LATERAL (SELECT x.channel, x.webhook_success, 'slug' AS by FROM publisher_discord_metrics x
                          WHERE a.by IS NULL AND x.slug = m.slug OFFSET 0) s ON true
     WHERE m.published_at >= since AND m.published_at < until
$f$;
COMMENT ON FUNCTION publisher_deliveries(timestamptz, timestamptz) IS
'Every artifact published from since up to but not until, with its notifications in Discord of any time, joined by address or by slug: delivered, failed, '
'unknown or not notified.';
