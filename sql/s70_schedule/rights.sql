-- Owns: who sees tasks.

ALTER TABLE tally.tasks ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.tasks;
CREATE POLICY owner_sees ON tally.tasks FOR SELECT USING (tally_internal._has_rights_of(owner));
GRANT SELECT ON tally.tasks TO PUBLIC;
