-- Owns: tally.stored_settings, the settings that tally.set() has stored. State only.

CREATE TABLE tally.stored_settings (
    name  text PRIMARY KEY CHECK (name ~ '^tally[.][a-z_]+$'),
    value text NOT NULL
);
COMMENT ON TABLE tally.stored_settings IS 'Settings of this database that tally.set() has stored. A SET of a session and ALTER DATABASE … SET win over them.';
COMMENT ON COLUMN tally.stored_settings.name IS 'Name of the setting, as behind SET.';
COMMENT ON COLUMN tally.stored_settings.value IS 'Its value, as it was given.';
