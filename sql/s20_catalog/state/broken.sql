-- Owns: the buckets that could not be computed or stored, because of a row in them. State only.

CREATE TABLE tally.broken_buckets (
    rollup_id  int NOT NULL REFERENCES tally.rollups ON DELETE CASCADE,
    bucket     timestamptz NOT NULL,
    computable boolean NOT NULL,
    sqlstate   text NOT NULL,
    message    text NOT NULL,
    source_row text,
    since      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (rollup_id, bucket)
);
COMMENT ON TABLE tally.broken_buckets IS
'Buckets that a refresh has set aside, because a row in them cannot be computed ("12ms"::int) or stored (a dimension longer than an index row); the '
'others go on. When the rows of such a bucket change, the next refresh tries it again.';
COMMENT ON COLUMN tally.broken_buckets.rollup_id IS 'The rollup.';
COMMENT ON COLUMN tally.broken_buckets.bucket IS 'Start of the bucket.';
COMMENT ON COLUMN tally.broken_buckets.computable IS
'Whether only storing fails: then the live view computes the bucket; else it shows it as it was stored last.';
COMMENT ON COLUMN tally.broken_buckets.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN tally.broken_buckets.message IS 'Message of the error; it may hold data, so only superusers read it here, and owners in tally.runs.';
COMMENT ON COLUMN tally.broken_buckets.source_row IS
'A row that fails by itself, as table and ctid; null where none does (a sum that overflows), or there are very many.';
COMMENT ON COLUMN tally.broken_buckets.since IS 'Since when.';
