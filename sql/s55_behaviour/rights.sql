-- Owns: who may do what with definitions of behaviour: everyone sees, and the engine's functions write.

ALTER TABLE tally.behaviours ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.behaviours;
CREATE POLICY anyone_sees ON tally.behaviours FOR SELECT USING (true);
GRANT SELECT ON tally.behaviours TO PUBLIC;
