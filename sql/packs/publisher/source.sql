-- Owns: what the pack publisher stands on: its name, the two tables that services upsert, its settings, and the upsert functions.

INSERT INTO tally.pack_list VALUES ('publisher',
                                    'What publishing costs and earns: turnaround and approval latency, engagement per unit of cost, pruning candidates, '
    'Discord delivery, namespaces; the telemetry block of the services.');

INSERT INTO tally.pack_tables VALUES
('publisher', 'publisher_metrics_rollup', 'One row per published artifact, upserted by the publisher.',
    ARRAY['CREATE UNIQUE INDEX publisher_metrics_rollup_artifact_uri ON publisher_metrics_rollup (artifact_uri)',
          'CREATE INDEX publisher_metrics_rollup_published_at ON publisher_metrics_rollup (published_at)',
          'CREATE INDEX publisher_metrics_rollup_slug ON publisher_metrics_rollup (slug)',
          -- The most minutes per view come first: what publisher_pruning_candidates reads.
          'CREATE INDEX publisher_metrics_rollup_waste ON publisher_metrics_rollup '
          '((tally.number(cost -> ''processing_minutes'') / (1 + abs(tally.number(engagement -> ''views'')))) DESC NULLS LAST)']),
('publisher', 'publisher_discord_metrics', 'One row per notification of an artifact in Discord, upserted by publisher-discord.',
    ARRAY['CREATE UNIQUE INDEX publisher_discord_metrics_artifact_uri ON publisher_discord_metrics (artifact_uri)',
          'CREATE INDEX publisher_discord_metrics_published_at ON publisher_discord_metrics (published_at)',
          'CREATE INDEX publisher_discord_metrics_slug ON publisher_discord_metrics (slug)']);

INSERT INTO tally.pack_columns (pack, relation, ordinal, name, type, constraints, description)
SELECT 'publisher', t.relation, c.ordinal, c.name, c.type, c.constraints, c.description
  FROM (VALUES ('publisher_metrics_rollup'), ('publisher_discord_metrics')) t(relation),
       (VALUES (1, 'artifact_uri', 'text', 'NOT NULL', 'Address of the artifact: its key.'),
               (2, 'namespace', 'text', '', 'Creator lane that it belongs to.'),
               (3, 'slug', 'text', '', 'Its short name, where the address is not known everywhere.'),
               (4, 'published_at', 'timestamptz', 'NOT NULL DEFAULT now()', 'When it was published. Rows without it are in no figure over time.'),
               (5, 'turnaround_seconds', 'float8', '', 'Seconds from ingest to publication.'),
               (6, 'approval_latency_seconds', 'float8', '', 'Seconds from the request for approval to the approval.'),
               (7, 'engagement', 'jsonb', '', 'Numbers by name: views, ctr, likes and others.'),
               (8, 'cost', 'jsonb', '', 'Numbers by name: processing_minutes, storage_gb, egress_gb and others.'),
               (9, 'channel', 'text', '', 'Discord channel notified.'),
               (10, 'webhook_success', 'boolean', '', 'Whether the webhook took the notification.')) c(ordinal, name, type, constraints, description)
 WHERE c.ordinal <= 8 OR t.relation = 'publisher_discord_metrics';

INSERT INTO tally.pack_steps (pack, ordinal, kind, name, statement) VALUES
('publisher', 80, 'table', 'publisher_settings', $sql$
CREATE TABLE IF NOT EXISTS publisher_settings (
    name        text PRIMARY KEY,
    value       text NOT NULL,
    description text NOT NULL
);
COMMENT ON TABLE publisher_settings IS 'Settings of the pack publisher; UPDATE them as you like.';
COMMENT ON COLUMN publisher_settings.name IS 'Name of the setting, after the variable of the reference document.';
COMMENT ON COLUMN publisher_settings.value IS 'Its value.';
COMMENT ON COLUMN publisher_settings.description IS 'What it says.'
$sql$),
('publisher', 81, 'rows', 'publisher_settings', $sql$
INSERT INTO publisher_settings VALUES
    ('publisher_metrics_conflict', 'artifact_uri',
     'Columns, parted by commas, that publisher_upsert_metrics() takes for the same row (PUBLISHER_METRICS_CONFLICT). They need a unique index.'),
    ('discord_metrics_conflict', 'artifact_uri',
     'The same of publisher_upsert_discord() (DISCORD_METRICS_CONFLICT); artifact_uri,channel keeps a row per channel.'),
    ('pruning_min_age', '7 days', 'An artifact younger than this is no pruning candidate: its views are still to come.')
ON CONFLICT DO NOTHING
$sql$)
UNION ALL
SELECT 'publisher', u.ordinal, 'function', u.name || '(jsonb)', format($make$
CREATE OR REPLACE FUNCTION %1$s(metrics jsonb) RETURNS text
LANGUAGE sql SET search_path FROM CURRENT AS $f$
    SELECT tally.upsert('%2$s', metrics, (SELECT regexp_split_to_array(btrim(s.value), '\s*,\s*') FROM publisher_settings s WHERE s.name = '%3$s'))
$f$;
COMMENT ON FUNCTION %1$s(jsonb) IS
'Inserts or updates a row of %2$s, given as a JSON object of its columns; what it does not name stays. The conflict key is the setting %3$s.'
$make$, u.name, u.relation, u.setting)
  FROM (VALUES (90, 'publisher_upsert_metrics', 'publisher_metrics_rollup', 'publisher_metrics_conflict'),
        (91, 'publisher_upsert_discord', 'publisher_discord_metrics', 'discord_metrics_conflict')) u(ordinal, name, relation, setting);
