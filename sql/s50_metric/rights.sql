-- Owns: who sees metrics and probes.

-- As with rollups: everyone may see what is defined, and only the engine's functions write it.
ALTER TABLE tally.metrics DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.metric_views DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.ratios DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.limits DISABLE ROW LEVEL SECURITY;
GRANT SELECT ON tally.metrics, tally.metric_views, tally.ratios, tally.limits TO PUBLIC;

ALTER TABLE tally.probes ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.probes;
CREATE POLICY owner_sees ON tally.probes FOR SELECT USING (tally_internal._has_rights_of(owner));
ALTER TABLE tally.probe_samples ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.probe_samples;
CREATE POLICY owner_sees ON tally.probe_samples FOR SELECT USING (EXISTS (SELECT FROM tally.probes p WHERE p.id = probe_id));
GRANT SELECT ON tally.probes, tally.probe_samples TO PUBLIC;
