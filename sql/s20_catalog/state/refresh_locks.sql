-- Owns: the rows that a refresh locks, one for each rollup. Nobody but the engine may lock them.

CREATE TABLE tally.refresh_locks (
    rollup_id int PRIMARY KEY REFERENCES tally.rollups ON DELETE CASCADE
);
COMMENT ON TABLE tally.refresh_locks IS 'One row per rollup. The session that refreshes or changes the rollup holds a lock on it.';
COMMENT ON COLUMN tally.refresh_locks.rollup_id IS 'The rollup.';
