-- Owns: awf_settings, the settings of the reference document that are the pack's own. Its cron schedules are those of the
-- rollups (*/15 * * * *, 0 2 * * *) and of tally.start(evaluate => '*/5 * * * *'); its webhook is a channel.

-- step: table awf_settings
CREATE TABLE IF NOT EXISTS awf_settings (
    name        text PRIMARY KEY,
    value       int NOT NULL,
    description text NOT NULL
);
COMMENT ON TABLE awf_settings IS 'Limits of the pack awf; UPDATE them as you like.';
COMMENT ON COLUMN awf_settings.name IS 'Name of the setting, after the variable of the reference document.';
COMMENT ON COLUMN awf_settings.value IS 'Its value.';
COMMENT ON COLUMN awf_settings.description IS 'What it limits.';

-- step: rows awf_settings
INSERT INTO awf_settings VALUES
    ('metrics_kanon_min', 10, 'A cell by locale with fewer sessions than this is null (METRICS_KANON_MIN).'),
    ('metrics_max_range_days', 120, 'The longest range that a metrics_… function reads, in days (METRICS_MAX_RANGE_DAYS).'),
    ('export_max_rows', 200000, 'The most rows that a metrics_… function returns (EXPORT_MAX_ROWS).')
ON CONFLICT DO NOTHING;
