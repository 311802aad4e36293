-- Owns: who may do what with definitions of behaviour: everyone sees, and the engine's functions write.

ALTER TABLE tally.behaviours DISABLE ROW LEVEL SECURITY;
GRANT SELECT ON tally.behaviours TO PUBLIC;
