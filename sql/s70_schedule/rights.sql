-- Owns: who sees tasks.

ALTER TABLE tally.tasks ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.tasks;
CREATE POLICY owner_sees ON tally.tasks FOR SELECT USING (tally_internal._has_rights_of(owner));
GRANT SELECT ON tally.tasks TO PUBLIC;

-- Of a task, what a run writes down is no act of a person.
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OF name, owner, schedule, statement, description OR DELETE ON tally.tasks
    FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
