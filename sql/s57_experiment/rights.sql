-- Owns: who may do what with definitions of experiments: everyone sees, and the engine's functions write.

ALTER TABLE tally.experiment_metrics DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.experiments DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.experiment_cells DISABLE ROW LEVEL SECURITY;
GRANT SELECT ON tally.experiment_metrics, tally.experiments, tally.experiment_cells TO PUBLIC;
