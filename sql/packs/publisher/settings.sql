-- Owns: the settings of the pack publisher, and the functions that services upsert by.

-- step: table publisher_settings
CREATE TABLE IF NOT EXISTS publisher_settings (
    name        text PRIMARY KEY,
    value       text NOT NULL,
    description text NOT NULL
);
COMMENT ON TABLE publisher_settings IS 'Settings of the pack publisher; UPDATE them as you like.';
COMMENT ON COLUMN publisher_settings.name IS 'Name of the setting, after the variable of the reference document.';
COMMENT ON COLUMN publisher_settings.value IS 'Its value.';
COMMENT ON COLUMN publisher_settings.description IS 'What it says.';

-- step: rows publisher_settings
INSERT INTO publisher_settings VALUES
    ('publisher_metrics_conflict', 'artifact_uri',
     'Columns, parted by commas, that publisher_upsert_metrics() takes for the same row (PUBLISHER_METRICS_CONFLICT). They need a unique index.'),
    ('discord_metrics_conflict', 'artifact_uri',
     'The same of publisher_upsert_discord() (DISCORD_METRICS_CONFLICT); artifact_uri,channel keeps a row per channel.'),
    ('pruning_min_age', '7 days', 'An artifact younger than this is no pruning candidate: its views are still to come.')
ON CONFLICT DO NOTHING;

-- step: function publisher_upsert_metrics(jsonb)
CREATE OR REPLACE FUNCTION publisher_upsert_metrics(metrics jsonb) RETURNS text
LANGUAGE sql SET search_path FROM CURRENT AS $f$
    SELECT tally.upsert('publisher_metrics_rollup', metrics, (SELECT regexp_split_to_array(btrim(s.value),
        '\s*,\s*') FROM publisher_settings s WHERE s.name = 'publisher_metrics_conflict'))
$f$;
COMMENT ON FUNCTION publisher_upsert_metrics(jsonb) IS
'Inserts or updates a row of publisher_metrics_rollup, given as a JSON object of its columns; what it does not name stays. The conflict key is the '
    'setting publisher_metrics_conflict.';

-- step: function publisher_upsert_discord(jsonb)
CREATE OR REPLACE FUNCTION publisher_upsert_discord(metrics jsonb) RETURNS text
LANGUAGE sql SET search_path FROM CURRENT AS $f$
    SELECT tally.upsert('publisher_discord_metrics', metrics, (SELECT regexp_split_to_array(btrim(s.value),
        '\s*,\s*') FROM publisher_settings s WHERE s.name = 'discord_metrics_conflict'))
$f$;
COMMENT ON FUNCTION publisher_upsert_discord(jsonb) IS
'Inserts or updates a row of publisher_discord_metrics, given as a JSON object of its columns; what it does not name stays. The conflict key is '
    'the setting discord_metrics_conflict.';
