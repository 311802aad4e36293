-- Owns: the type of one line of an OpenMetrics text.

CREATE TYPE tally_internal._metric_sample AS (family text, kind text, help text, suffix text, labels jsonb, value float8);
COMMENT ON TYPE tally_internal._metric_sample IS 'One line of an OpenMetrics text, with what is said of its family.';
COMMENT ON COLUMN tally_internal._metric_sample.family IS 'Name of the metric family.';
COMMENT ON COLUMN tally_internal._metric_sample.kind IS 'OpenMetrics type of the family: gauge, counter, summary, stateset, info.';
COMMENT ON COLUMN tally_internal._metric_sample.help IS 'What the family means.';
COMMENT ON COLUMN tally_internal._metric_sample.suffix IS 'What the name of this sample has after the family''s: _total, _count, _sum, _info, or nothing.';
COMMENT ON COLUMN tally_internal._metric_sample.labels IS 'Label names and values.';
COMMENT ON COLUMN tally_internal._metric_sample.value IS 'The value.';
