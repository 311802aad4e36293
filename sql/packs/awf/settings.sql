-- Owns: awf_settings, the settings of the reference document under its names, and what happens when one of them is changed.

-- step: table awf_settings
CREATE TABLE IF NOT EXISTS awf_settings (
    name        text PRIMARY KEY,
    value       text NOT NULL,
    description text NOT NULL
);
-- In 0.1.0 the names were in lower case, and a value was a number.
DO $do$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'awf_settings'::regclass AND a.attname = 'value' AND a.atttypid = 'int'::regtype) THEN
        ALTER TABLE awf_settings ALTER COLUMN value TYPE text;
        UPDATE awf_settings SET name = upper(name) WHERE name IN ('metrics_kanon_min', 'metrics_max_range_days', 'export_max_rows');
    END IF;
END $do$;
COMMENT ON TABLE awf_settings IS 'Settings of the pack awf; UPDATE one, and it takes effect at once.';
COMMENT ON COLUMN awf_settings.name IS 'Name of the setting, as the reference document writes it.';
COMMENT ON COLUMN awf_settings.value IS 'Its value, as text.';
COMMENT ON COLUMN awf_settings.description IS 'What it decides.';

-- step: rows awf_settings
INSERT INTO awf_settings VALUES
    ('METRICS_DASHBOARDS_ENABLED', 'true', 'false: the rollups of the pack have no schedule, and the metrics_… functions raise an error.'),
    ('METRICS_ROLLUP_HOURLY_CRON', '*/15 * * * *', 'When the rollups by hour are refreshed.'),
    ('METRICS_ROLLUP_DAILY_CRON', '0 2 * * *', 'When the rollups by day are refreshed.'),
    ('METRICS_ALERTS_CRON', '* * * * *', 'When thresholds are evaluated, of the whole database, and when the rollups of five minutes are refreshed.'),
    ('METRICS_KANON_MIN', '10', 'A cell by locale with fewer sessions than this is null.'),
    ('METRICS_MAX_RANGE_DAYS', '120', 'The longest range that a metrics_… function reads, in days.'),
    ('EXPORT_MAX_ROWS', '200000', 'The most rows that a metrics_… function returns.'),
    ('TOKEN_BUDGET', '4000', 'Tokens that a turn may cost, sent and received; beyond that it is an overrun.'),
    ('ALERTS_WEBHOOK_URL', '', 'Where the incidents of the pack are posted; empty: nowhere.'),
    ('ALERTS_EMAIL_FROM', '', 'Sender of mails about incidents of the pack.'),
    ('ALERTS_EMAIL_TO', '', 'Receivers of these mails, with commas between them; empty: nobody.')
ON CONFLICT DO NOTHING;

-- step: function awf_setting(text)
CREATE OR REPLACE FUNCTION awf_setting(name text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$ SELECT s.value FROM awf_settings s WHERE s.name = $1 $f$;
COMMENT ON FUNCTION awf_setting(text) IS 'The value of a setting.';

-- step: function awf_schedule(text)
CREATE OR REPLACE FUNCTION awf_schedule(setting text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$
    SELECT CASE WHEN awf_setting('METRICS_DASHBOARDS_ENABLED')::boolean THEN awf_setting(setting) END
$f$;
COMMENT ON FUNCTION awf_schedule(text) IS 'The schedule that a setting gives, or NULL where the pack is not enabled.';

-- step: function awf_is_enabled()
CREATE OR REPLACE FUNCTION awf_is_enabled() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $f$
BEGIN
    IF NOT awf_setting('METRICS_DASHBOARDS_ENABLED')::boolean THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'METRICS_DASHBOARDS_ENABLED must be true, got false',
            DETAIL = 'Somebody has turned the dashboards of this pack off. What is stored stays as it is.',
            HINT = 'UPDATE awf_settings SET value = ''true'' WHERE name = ''METRICS_DASHBOARDS_ENABLED'';';
    END IF;
    RETURN true;
END $f$;
COMMENT ON FUNCTION awf_is_enabled() IS 'true, or an error where METRICS_DASHBOARDS_ENABLED is false.';

-- step: function awf_settings_check() CASCADE
CREATE OR REPLACE FUNCTION awf_settings_check() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $f$
DECLARE
    wanted text := CASE
        WHEN NEW.name = 'METRICS_DASHBOARDS_ENABLED' AND NEW.value NOT IN ('true', 'false') THEN 'true or false'
        WHEN NEW.name IN ('METRICS_KANON_MIN', 'METRICS_MAX_RANGE_DAYS', 'EXPORT_MAX_ROWS', 'TOKEN_BUDGET') AND NEW.value !~ '^[1-9][0-9]{0,8}$' THEN
            'a whole number from 1 to 999999999'
        WHEN NEW.name = 'ALERTS_WEBHOOK_URL' AND NEW.value !~ '^(https?://\S+)?$' THEN 'empty, or an address that begins with http:// or https://'
        WHEN NEW.name LIKE 'ALERTS\_EMAIL\_%' AND NEW.value !~ '^([^\s,@]+@[^\s,@]+(\s*,\s*[^\s,@]+@[^\s,@]+)*)?$' THEN
            'empty, or addresses such as ops@example.com'
        END;
BEGIN
    IF wanted IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('%s must be %s, got %L', NEW.name, wanted, NEW.value),
            DETAIL = NEW.description,
            HINT = format('UPDATE awf_settings SET value = %L WHERE name = %L;', CASE WHEN wanted LIKE 'true%' THEN 'true' WHEN wanted LIKE 'a whole%' THEN '10'
                                                                                 ELSE '' END, NEW.name);
    END IF;
    RETURN NEW;
END $f$;
COMMENT ON FUNCTION awf_settings_check() IS 'Trigger of awf_settings: refuses a value that its setting cannot have. Schedules are checked where they are used.';

-- step: trigger awf_settings_check ON awf_settings
CREATE OR REPLACE TRIGGER awf_settings_check BEFORE INSERT OR UPDATE ON awf_settings FOR EACH ROW EXECUTE FUNCTION awf_settings_check();
