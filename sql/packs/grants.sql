-- Owns: who may see and install packs.

GRANT SELECT ON tally.pack_list, tally.pack_tables, tally.pack_columns, tally.pack_steps, tally.packs, tally.installed_packs TO PUBLIC;
ALTER TABLE tally.installed_packs DISABLE ROW LEVEL SECURITY;
-- A pack runs with the rights of who installs it, so nobody is offered somebody else's.
ALTER TABLE tally.pack_list ENABLE ROW LEVEL SECURITY;
ALTER TABLE tally.pack_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE tally.pack_columns ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.pack_list;
CREATE POLICY owner_sees ON tally.pack_list FOR SELECT USING (owner IS NULL OR tally_internal._has_rights_of(owner));
DROP POLICY IF EXISTS owner_sees ON tally.pack_steps;
CREATE POLICY owner_sees ON tally.pack_steps FOR SELECT USING (EXISTS (SELECT FROM tally.pack_list l WHERE l.name = pack));
DROP POLICY IF EXISTS owner_sees ON tally.pack_columns;
CREATE POLICY owner_sees ON tally.pack_columns FOR SELECT USING (EXISTS (SELECT FROM tally.pack_list l WHERE l.name = pack));

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.installed_packs FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
