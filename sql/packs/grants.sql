-- Owns: who may see and install packs, and what pg_dump keeps of them: the packs' definitions come with the extension,
-- so only what is installed is dumped. After sql/s90_grants, which sees to every table before it.

GRANT SELECT ON tally.pack_list, tally.pack_tables, tally.pack_columns, tally.pack_steps, tally.packs TO PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON tally.installed_packs TO PUBLIC;
ALTER TABLE tally.installed_packs ENABLE ROW LEVEL SECURITY;
CREATE POLICY anyone_sees ON tally.installed_packs FOR SELECT USING (true);
CREATE POLICY installer_adds ON tally.installed_packs FOR INSERT WITH CHECK (owner::oid = current_user::regrole::oid);
CREATE POLICY owner_changes ON tally.installed_packs FOR UPDATE USING (tally._mine(owner)) WITH CHECK (tally._mine(owner));
CREATE POLICY owner_drops ON tally.installed_packs FOR DELETE USING (tally._mine(owner));

SELECT pg_catalog.pg_extension_config_dump('tally.installed_packs', '');
