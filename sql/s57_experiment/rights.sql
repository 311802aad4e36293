-- Owns: who may do what with definitions of experiments: everyone sees, and the engine's functions write.

ALTER TABLE tally.experiment_metrics ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.experiment_metrics;
CREATE POLICY anyone_sees ON tally.experiment_metrics FOR SELECT USING (true);
ALTER TABLE tally.experiments ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.experiments;
CREATE POLICY anyone_sees ON tally.experiments FOR SELECT USING (true);
ALTER TABLE tally.experiment_cells ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.experiment_cells;
CREATE POLICY anyone_sees ON tally.experiment_cells FOR SELECT USING (true);
GRANT SELECT ON tally.experiment_metrics, tally.experiments, tally.experiment_cells TO PUBLIC;
