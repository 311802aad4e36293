-- Owns: who sees tasks.

ALTER TABLE tally.tasks ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.tasks;
CREATE POLICY owner_sees ON tally.tasks FOR SELECT USING (pg_catalog.pg_has_role(owner::oid, 'USAGE'));
GRANT SELECT ON tally.tasks TO PUBLIC;
