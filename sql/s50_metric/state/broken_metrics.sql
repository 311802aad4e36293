-- Owns: the buckets with stored rows for which a metric cannot be computed. State only.

CREATE TABLE tally.broken_metrics (
    metric_id int NOT NULL REFERENCES tally.metrics ON DELETE CASCADE,
    bucket    timestamptz NOT NULL,
    cells     bigint NOT NULL,
    sqlstate  text NOT NULL,
    message   text NOT NULL,
    since     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (metric_id, bucket)
);
COMMENT ON TABLE tally.broken_metrics IS
'Buckets with stored rows for which a refresh could not compute a metric. The flat view shows NULL in these rows, and all others as they are.';
COMMENT ON COLUMN tally.broken_metrics.metric_id IS 'The metric.';
COMMENT ON COLUMN tally.broken_metrics.bucket IS
'The bucket. -infinity: the metric fails in more than 100 rows and is NULL everywhere. infinity: the next refresh checks all rows.';
COMMENT ON COLUMN tally.broken_metrics.cells IS 'For how many of its rows. Which ones is not kept, so that nobody can hold guesses against it.';
COMMENT ON COLUMN tally.broken_metrics.sqlstate IS 'SQLSTATE of the error of one of them.';
COMMENT ON COLUMN tally.broken_metrics.message IS 'Message of the error; it may hold data, so only superusers read it.';
COMMENT ON COLUMN tally.broken_metrics.since IS 'Since when.';
