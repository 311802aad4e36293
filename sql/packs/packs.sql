-- Owns: the views tally.packs and tally.pack_tables, the health of installed packs, and packs among the definitions. It also empties the packs of
-- the extension: they come with it, so an upgrade throws the old ones away, and the files that follow bring those of this version.

CREATE OR REPLACE FUNCTION tally_internal._pack_fingerprint(pack text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT md5(string_agg(format('%s %s %s', s.kind, s.name, s.statement), E'\n' ORDER BY s.ordinal)) FROM tally.pack_steps s WHERE s.pack = $1
$$;
COMMENT ON FUNCTION tally_internal._pack_fingerprint(text) IS 'A hash of what a pack is made of now.';

CREATE OR REPLACE VIEW tally.pack_tables WITH (security_invoker = true) AS
    SELECT s.pack, s.name AS relation FROM tally.pack_steps s WHERE s.kind = 'source';
COMMENT ON VIEW tally.pack_tables IS 'Source tables of each pack; made only where they are missing.';
COMMENT ON COLUMN tally.pack_tables.pack IS 'The pack.';
COMMENT ON COLUMN tally.pack_tables.relation IS 'Name of the table in the target schema.';

CREATE OR REPLACE VIEW tally.packs WITH (security_invoker = true) AS
    SELECT l.name, l.description, i.target_schema, i.owner, i.version, i.installed_at,
           (SELECT count(*) FROM tally.pack_steps s WHERE s.pack = l.name AND s.kind = 'rollup') AS rollups,
           (SELECT count(*) FROM tally.pack_steps s WHERE s.pack = l.name AND s.kind = 'metric') AS metrics,
           (SELECT count(*) FROM tally.pack_steps s WHERE s.pack = l.name AND s.kind = 'threshold') AS thresholds,
           CASE WHEN i.pack IS NOT NULL THEN COALESCE(i.fingerprint = tally_internal._pack_fingerprint(l.name), false) END AS current
      FROM tally.pack_list l LEFT JOIN tally.installed_packs i ON i.pack = l.name;
COMMENT ON VIEW tally.packs IS
'Ready systems: SELECT tally.install_pack(name, target_schema => …). The columns from target_schema to installed_at, and current, are null until installed.';
COMMENT ON COLUMN tally.packs.name IS 'Name, as install_pack() takes it.';
COMMENT ON COLUMN tally.packs.description IS 'What the pack answers.';
COMMENT ON COLUMN tally.packs.target_schema IS 'Schema it is installed in.';
COMMENT ON COLUMN tally.packs.owner IS 'Role that installed it.';
COMMENT ON COLUMN tally.packs.version IS 'Version of pg_tally that installed it.';
COMMENT ON COLUMN tally.packs.installed_at IS 'When it was last installed.';
COMMENT ON COLUMN tally.packs.rollups IS 'How many rollups it has.';
COMMENT ON COLUMN tally.packs.metrics IS 'How many metrics it has.';
COMMENT ON COLUMN tally.packs.thresholds IS 'How many thresholds it has.';
COMMENT ON COLUMN tally.packs.current IS
'Whether what is installed is what the pack is now. If not, install it again: an upgrade of pg_tally leaves it as it is.';

DELETE FROM tally.pack_list WHERE owner IS NULL;

CREATE OR REPLACE FUNCTION tally_internal._when_definitions_asked_s95(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT jsonb_build_object('kind', 'registered pack', 'name', l.name, 'owner', l.owner::text, 'stage', -2, 'statement',
                            tally_internal._definition_call('register_pack', l.name, ARRAY[['description', l.description],
                                ['files', tally_internal._pack_files(l.name)::text]]))::text
                   FROM tally.pack_list l WHERE l.owner IS NOT NULL;
    RETURN QUERY SELECT jsonb_build_object('kind', 'pack', 'name', p.pack, 'owner', p.owner::text, 'statement',
                            tally_internal._definition_call('install_pack', p.pack, ARRAY[['target_schema', p.target_schema::text],
                                ['zone', tally_internal._zone_of_pack(p)]]))::text
                   FROM tally.installed_packs p;
END $$;
COMMENT ON FUNCTION tally_internal._when_definitions_asked_s95(int, jsonb) IS 'Listener: registered and installed packs, for tally.definitions().';

CREATE OR REPLACE FUNCTION tally_internal._when_health_asked_s95(id int, detail jsonb) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('check', 'packs', 'status', CASE WHEN count(*) > 0 THEN 'late' ELSE 'ok' END, 'value', count(*), 'unit', 'packs',
               'detail', 'are as an earlier version made them: '
                         || string_agg(format('%s in schema %I', p.name, p.target_schema), ', ' ORDER BY p.name, p.target_schema),
               'hint', min(concat(CASE WHEN p.owner::oid <> tally_internal._current_role()::oid THEN format('SET ROLE %s; ', p.owner) END,
                                  format('SELECT tally.install_pack(%L, target_schema => %L);', p.name, p.target_schema))))::text
      FROM tally.packs p WHERE NOT p.current AND tally_internal._has_rights_of(p.owner)
$$;
COMMENT ON FUNCTION tally_internal._when_health_asked_s95(int, jsonb) IS
'Listener: packs whose views and functions are those of an earlier version, for tally.health.';

CREATE OR REPLACE FUNCTION tally_internal._when_schema_renamed_s95(id int, detail jsonb) RETURNS SETOF text
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE tally.installed_packs i SET target_schema = detail ->> 'becomes' WHERE i.target_schema = detail ->> 'was' RETURNING NULL::text
$$;
COMMENT ON FUNCTION tally_internal._when_schema_renamed_s95(int, jsonb) IS 'Listener: installed packs follow their schema when it is renamed.';
REVOKE ALL ON FUNCTION tally_internal._when_schema_renamed_s95(int, jsonb) FROM PUBLIC;
