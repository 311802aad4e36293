-- Owns: what a run has put off, because its owner's work had taken its share of the run. State only.

CREATE TABLE tally.put_off (
    kind     text NOT NULL CHECK (kind IN ('thresholds', 'probes', 'rollups', 'tasks')),
    schedule text,
    owner    tally.role NOT NULL,
    count    int NOT NULL,
    first    text NOT NULL,
    took_ms  float8 NOT NULL,
    at       timestamptz NOT NULL
);
COMMENT ON TABLE tally.put_off IS 'What the last runs have left to the next, because the work of each role has a limit in a run.';
COMMENT ON COLUMN tally.put_off.kind IS 'thresholds, probes, rollups or tasks.';
COMMENT ON COLUMN tally.put_off.schedule IS 'Schedule of the rollups or tasks; null for the others.';
COMMENT ON COLUMN tally.put_off.owner IS 'Role whose work it is.';
COMMENT ON COLUMN tally.put_off.count IS 'How many were put off.';
COMMENT ON COLUMN tally.put_off.first IS 'Name of the first of them.';
COMMENT ON COLUMN tally.put_off.took_ms IS 'How long the others of the role had taken in that run.';
COMMENT ON COLUMN tally.put_off.at IS 'When.';
