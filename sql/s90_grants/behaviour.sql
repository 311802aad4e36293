-- Owns: who may do what with definitions of behaviour: roles write their own.

ALTER TABLE tally.behaviours ENABLE ROW LEVEL SECURITY;
CREATE POLICY anyone_sees ON tally.behaviours FOR SELECT USING (true);
CREATE POLICY maker_defines ON tally.behaviours FOR INSERT WITH CHECK (owner::oid = current_user::regrole::oid);
CREATE POLICY owner_drops ON tally.behaviours FOR DELETE USING (tally._mine(owner));
GRANT SELECT, INSERT, DELETE ON tally.behaviours TO PUBLIC;
