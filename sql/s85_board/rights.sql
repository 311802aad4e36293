-- Owns: who sees boards and saved views. As with metrics: everyone may see what is defined, and only the engine's functions write it.

ALTER TABLE tally.boards DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.board_views ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.board_views;
CREATE POLICY owner_sees ON tally.board_views FOR SELECT USING (shared OR tally_internal._has_rights_of(owner));
GRANT SELECT ON tally.boards, tally.board_views TO PUBLIC;

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.boards FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.board_views FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
