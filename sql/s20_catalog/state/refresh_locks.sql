-- Owns: the rows that a refresh locks, one for each rollup. Nobody but the engine may lock them.

CREATE TABLE tally.refresh_locks (
    rollup_id int PRIMARY KEY REFERENCES tally.rollups ON DELETE CASCADE
);
COMMENT ON TABLE tally.refresh_locks IS 'One row per rollup; who has locked it refreshes or changes the rollup.';
COMMENT ON COLUMN tally.refresh_locks.rollup_id IS 'The rollup.';
