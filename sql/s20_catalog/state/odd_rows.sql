-- Owns: the counts of source rows whose time is NULL or infinite, which belong to no bucket and are not lost silently.

CREATE TABLE tally.odd_rows (
    rollup_id  int PRIMARY KEY REFERENCES tally.rollups ON DELETE CASCADE,
    no_time    bigint NOT NULL,
    too_early  bigint NOT NULL,
    too_late   bigint NOT NULL,
    counted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tally.odd_rows IS
'Source rows that are in no bucket of a rollup, because their time is NULL or infinite, or beyond the first or last bucket that PostgreSQL can name: as of '
'its last refresh, counted anew whenever such a row came, changed or went.';
COMMENT ON COLUMN tally.odd_rows.rollup_id IS 'The rollup; only rows that meet its filter count.';
COMMENT ON COLUMN tally.odd_rows.no_time IS 'Rows whose time is NULL.';
COMMENT ON COLUMN tally.odd_rows.too_early IS 'Rows whose time is -infinity, or before the first bucket.';
COMMENT ON COLUMN tally.odd_rows.too_late IS 'Rows whose time is infinity, or after the last bucket.';
COMMENT ON COLUMN tally.odd_rows.counted_at IS 'When they were counted.';
