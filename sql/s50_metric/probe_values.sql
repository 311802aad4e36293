-- Owns: tally.probe_values, what each probe saw last.

CREATE OR REPLACE VIEW tally.probe_values WITH (security_invoker = true) AS
SELECT p.name AS probe, s.at, s.labels, s.value, p.unit, s.samples
  FROM tally.probes p
  JOIN LATERAL (SELECT max(x.at) AS at FROM tally.probe_samples x WHERE x.probe_id = p.id) l ON true
  JOIN tally.probe_samples s ON s.probe_id = p.id AND s.at = l.at;
COMMENT ON VIEW tally.probe_values IS 'What each probe saw last.';
COMMENT ON COLUMN tally.probe_values.probe IS 'Name of the probe.';
COMMENT ON COLUMN tally.probe_values.at IS 'When it was sampled.';
COMMENT ON COLUMN tally.probe_values.labels IS 'The label set.';
COMMENT ON COLUMN tally.probe_values.value IS 'The value.';
COMMENT ON COLUMN tally.probe_values.unit IS 'Unit of the value.';
COMMENT ON COLUMN tally.probe_values.samples IS 'Observations behind it, where the query says.';
GRANT SELECT ON tally.probe_values TO PUBLIC;
