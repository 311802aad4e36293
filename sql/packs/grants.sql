-- Owns: who may see and install packs, and what pg_dump keeps of them. The definitions of packs come with the extension, so pg_dump keeps
-- only which packs are installed.

GRANT SELECT ON tally.pack_list, tally.pack_tables, tally.pack_columns, tally.pack_steps, tally.packs, tally.installed_packs TO PUBLIC;
ALTER TABLE tally.installed_packs ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.installed_packs;
CREATE POLICY anyone_sees ON tally.installed_packs FOR SELECT USING (true);

SELECT pg_catalog.pg_extension_config_dump('tally.installed_packs', '');
