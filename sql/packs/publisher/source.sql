-- Owns: what the pack publisher stands on: the two tables that services upsert, and what they did beside publishing.

-- step: source publisher_discord_metrics
CREATE TABLE IF NOT EXISTS publisher_discord_metrics (
    artifact_uri             text NOT NULL,
    namespace                text,
    slug                     text,
    published_at             timestamptz NOT NULL DEFAULT now(),
    turnaround_seconds       float8,
    approval_latency_seconds float8,
    engagement               jsonb,
    cost                     jsonb,
    channel                  text,
    webhook_success          boolean
);
COMMENT ON TABLE publisher_discord_metrics IS 'One row per notification of an artifact in Discord, upserted by publisher-discord.';
COMMENT ON COLUMN publisher_discord_metrics.artifact_uri IS 'Address of the artifact: its key.';
COMMENT ON COLUMN publisher_discord_metrics.namespace IS 'Creator lane that it belongs to.';
COMMENT ON COLUMN publisher_discord_metrics.slug IS 'Its short name, where the address is not known everywhere.';
COMMENT ON COLUMN publisher_discord_metrics.published_at IS 'When it was published. Rows without it are in no figure over time.';
COMMENT ON COLUMN publisher_discord_metrics.turnaround_seconds IS 'Seconds from ingest to publication.';
COMMENT ON COLUMN publisher_discord_metrics.approval_latency_seconds IS 'Seconds from the request for approval to the approval.';
COMMENT ON COLUMN publisher_discord_metrics.engagement IS 'Numbers by name: views, ctr, likes and others.';
COMMENT ON COLUMN publisher_discord_metrics.cost IS 'Numbers by name: processing_minutes, storage_gb, egress_gb and others.';
COMMENT ON COLUMN publisher_discord_metrics.channel IS 'Discord channel notified.';
COMMENT ON COLUMN publisher_discord_metrics.webhook_success IS 'Whether the webhook took the notification.';

-- step: index publisher_discord_metrics_artifact_uri ON publisher_discord_metrics
CREATE UNIQUE INDEX IF NOT EXISTS publisher_discord_metrics_artifact_uri ON publisher_discord_metrics (artifact_uri);

-- step: index publisher_discord_metrics_published_at ON publisher_discord_metrics
CREATE INDEX IF NOT EXISTS publisher_discord_metrics_published_at ON publisher_discord_metrics (published_at);

-- step: index publisher_discord_metrics_slug ON publisher_discord_metrics
CREATE INDEX IF NOT EXISTS publisher_discord_metrics_slug ON publisher_discord_metrics (slug);

-- step: source publisher_metrics_rollup
CREATE TABLE IF NOT EXISTS publisher_metrics_rollup (
    artifact_uri             text NOT NULL,
    namespace                text,
    slug                     text,
    published_at             timestamptz NOT NULL DEFAULT now(),
    turnaround_seconds       float8,
    approval_latency_seconds float8,
    engagement               jsonb,
    cost                     jsonb
);
COMMENT ON TABLE publisher_metrics_rollup IS 'One row per published artifact, upserted by the publisher.';
COMMENT ON COLUMN publisher_metrics_rollup.artifact_uri IS 'Address of the artifact: its key.';
COMMENT ON COLUMN publisher_metrics_rollup.namespace IS 'Creator lane that it belongs to.';
COMMENT ON COLUMN publisher_metrics_rollup.slug IS 'Its short name, where the address is not known everywhere.';
COMMENT ON COLUMN publisher_metrics_rollup.published_at IS 'When it was published. Rows without it are in no figure over time.';
COMMENT ON COLUMN publisher_metrics_rollup.turnaround_seconds IS 'Seconds from ingest to publication.';
COMMENT ON COLUMN publisher_metrics_rollup.approval_latency_seconds IS 'Seconds from the request for approval to the approval.';
COMMENT ON COLUMN publisher_metrics_rollup.engagement IS 'Numbers by name: views, ctr, likes and others.';
COMMENT ON COLUMN publisher_metrics_rollup.cost IS 'Numbers by name: processing_minutes, storage_gb, egress_gb and others.';

-- step: index publisher_metrics_rollup_artifact_uri ON publisher_metrics_rollup
CREATE UNIQUE INDEX IF NOT EXISTS publisher_metrics_rollup_artifact_uri ON publisher_metrics_rollup (artifact_uri);

-- step: index publisher_metrics_rollup_published_at ON publisher_metrics_rollup
CREATE INDEX IF NOT EXISTS publisher_metrics_rollup_published_at ON publisher_metrics_rollup (published_at);

-- step: index publisher_metrics_rollup_slug ON publisher_metrics_rollup
CREATE INDEX IF NOT EXISTS publisher_metrics_rollup_slug ON publisher_metrics_rollup (slug);

-- step: index publisher_metrics_rollup_waste ON publisher_metrics_rollup
-- The most minutes per view come first: what publisher_pruning_candidates reads.
CREATE INDEX IF NOT EXISTS publisher_metrics_rollup_waste ON publisher_metrics_rollup ((tally.number(cost -> 'processing_minutes') / (1 +
    abs(tally.number(engagement -> 'views')))) DESC NULLS LAST);

-- step: source publisher_service_events
CREATE TABLE IF NOT EXISTS publisher_service_events (
    event_time   timestamptz NOT NULL DEFAULT now(),
    service      text NOT NULL,
    kind         text NOT NULL,
    namespace    text,
    artifact_uri text,
    success      boolean,
    seconds      float8
);
COMMENT ON TABLE publisher_service_events IS 'One row per thing that a service did beside publishing: a download of an artifact, a refresh of Jellyfin.';
COMMENT ON COLUMN publisher_service_events.event_time IS 'When it ended.';
COMMENT ON COLUMN publisher_service_events.service IS 'publisher or publisher-discord.';
COMMENT ON COLUMN publisher_service_events.kind IS 'artifact_downloads, jellyfin_refreshes, or another counter of the service.';
COMMENT ON COLUMN publisher_service_events.namespace IS 'Creator lane, where there is one.';
COMMENT ON COLUMN publisher_service_events.artifact_uri IS 'The artifact, where there is one.';
COMMENT ON COLUMN publisher_service_events.success IS 'Whether it succeeded; null where nobody knows.';
COMMENT ON COLUMN publisher_service_events.seconds IS 'How long it took.';

-- step: index publisher_service_events_event_time ON publisher_service_events
CREATE INDEX IF NOT EXISTS publisher_service_events_event_time ON publisher_service_events (event_time);
