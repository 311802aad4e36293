-- Owns: tally.packs, the list of ready systems. It also empties the definitions of packs: they come with the extension, so an upgrade throws the
-- old ones away, and the files that follow bring those of this version. No row of a user is among them.

CREATE OR REPLACE VIEW tally.packs AS
    SELECT l.name, l.description, i.target_schema, i.owner, i.version, i.installed_at,
           (SELECT count(*) FROM tally.pack_steps s WHERE s.pack = l.name AND s.kind = 'rollup') AS rollups,
           (SELECT count(*) FROM tally.pack_steps s WHERE s.pack = l.name AND s.kind = 'metric') AS metrics,
           (SELECT count(*) FROM tally.pack_steps s WHERE s.pack = l.name AND s.kind = 'threshold') AS thresholds
      FROM tally.pack_list l LEFT JOIN tally.installed_packs i ON i.pack = l.name;
COMMENT ON VIEW tally.packs IS
'Ready systems: SELECT tally.install_pack(name, target_schema => …). The columns from target_schema on are null until installed.';
COMMENT ON COLUMN tally.packs.name IS 'Name, as install_pack() takes it.';
COMMENT ON COLUMN tally.packs.description IS 'What the pack answers.';
COMMENT ON COLUMN tally.packs.target_schema IS 'Schema it is installed in.';
COMMENT ON COLUMN tally.packs.owner IS 'Role that installed it.';
COMMENT ON COLUMN tally.packs.version IS 'Version of pg_tally that installed it.';
COMMENT ON COLUMN tally.packs.installed_at IS 'When it was last installed.';
COMMENT ON COLUMN tally.packs.rollups IS 'How many rollups it has.';
COMMENT ON COLUMN tally.packs.metrics IS 'How many metrics it has.';
COMMENT ON COLUMN tally.packs.thresholds IS 'How many thresholds it has.';

DELETE FROM tally.pack_steps;
DELETE FROM tally.pack_columns;
DELETE FROM tally.pack_tables;
DELETE FROM tally.pack_list;

CREATE OR REPLACE FUNCTION tally_internal._when_definitions_asked_s95(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT jsonb_build_object('kind', 'pack', 'name', p.pack, 'owner', p.owner::text, 'statement',
                            tally_internal._definition_call('install_pack', p.pack, ARRAY[['target_schema', p.target_schema::text]]))::text
                   FROM tally.installed_packs p;
END $$;
COMMENT ON FUNCTION tally_internal._when_definitions_asked_s95(int, jsonb) IS 'Listener: the installed packs, for tally.definitions().';
