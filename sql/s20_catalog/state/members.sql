-- Owns: which tables the rows of each source lie in, as capture last saw it. What PostgreSQL's catalogue says besides is
-- a table that came or went, with rows that no trigger saw.

CREATE TABLE tally.members (
    source      regclass NOT NULL,
    member      regclass NOT NULL,
    cloned      boolean NOT NULL,
    time_column text,
    since       text,
    until       text,
    condition   text,
    rollups     int[] NOT NULL DEFAULT '{}',
    off         boolean NOT NULL DEFAULT false,
    generated   text,
    PRIMARY KEY (member, source)
);
CREATE INDEX members_source ON tally.members (source);
COMMENT ON TABLE tally.members IS 'The tables that hold the rows of each source: itself, its partitions, the tables that inherit from it.';
COMMENT ON COLUMN tally.members.source IS 'A table that rollups stand on.';
COMMENT ON COLUMN tally.members.member IS 'The source itself, a partition of it at any depth, or a table that inherits from it.';
COMMENT ON COLUMN tally.members.cloned IS 'Whether PostgreSQL clones the source''s row triggers to it, as to partitions.';
COMMENT ON COLUMN tally.members.time_column IS 'Column that the bounds of a partition by one range are about; null where they are unknown.';
COMMENT ON COLUMN tally.members.since IS 'Lower bound of that column as text, inclusive.';
COMMENT ON COLUMN tally.members.until IS 'Upper bound as text, exclusive.';
COMMENT ON COLUMN tally.members.condition IS 'Condition that its triggers evaluate on a new row; null where they are cloned.';
COMMENT ON COLUMN tally.members.generated IS
'The expressions of its virtual generated columns, as last seen: with another one every value may be another, and no row is written.';
COMMENT ON COLUMN tally.members.rollups IS 'Numbers of the rollups on the source that capture marks here.';
COMMENT ON COLUMN tally.members.off IS 'Whether somebody has disabled capture''s triggers on it.';
