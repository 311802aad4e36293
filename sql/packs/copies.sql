-- Owns: which packs are installed: written down by install_pack(), forgotten by drop_pack().

CREATE OR REPLACE FUNCTION tally_internal._store_pack(pack text, target_schema text, zone text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    wanted tally.pack_list := tally_internal._pack(pack);
    was    tally.installed_packs;
BEGIN
    SELECT * INTO was FROM tally.installed_packs i WHERE i.pack = wanted.name AND i.target_schema = _store_pack.target_schema;
    IF was.pack IS NOT NULL AND NOT tally_internal._has_rights(caller, was.owner)
        OR NOT COALESCE(has_schema_privilege(caller::oid, _store_pack.target_schema, 'CREATE'), false) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('pack %L can only be installed in schema %I by its owner%s, got %s', wanted.name,
            target_schema, COALESCE(' ' || was.owner::text, ''), caller),
                              'That needs the right to create in its schema.', 'SELECT name, owner, target_schema FROM tally.packs;');
    END IF;
    INSERT INTO tally.installed_packs (pack, owner, target_schema, version, zone, fingerprint, made)
    SELECT wanted.name, caller, _store_pack.target_schema, tally_internal._installed_version(), _store_pack.zone, tally_internal._pack_fingerprint(wanted.name),
           (SELECT jsonb_agg(jsonb_build_array(s.kind, s.name) ORDER BY s.ordinal) FROM tally.pack_steps s
             WHERE s.pack = wanted.name AND s.kind NOT IN ('source', 'index', 'rows'))
    ON CONFLICT ON CONSTRAINT installed_packs_pkey DO UPDATE SET version = excluded.version, installed_at = excluded.installed_at, zone = excluded.zone,
        fingerprint = excluded.fingerprint, made = excluded.made WHERE tally_internal._has_rights(caller, installed_packs.owner);
    IF NOT FOUND THEN
        PERFORM tally_internal._refuse('unique_violation', format('pack %L was installed in schema %I by another role just now', wanted.name, target_schema),
            'Nothing was made.', 'SELECT name, owner, target_schema FROM tally.packs;');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._store_pack(text, text, text, bigint) IS 'Writes down that a pack is installed. For install_pack().';

CREATE OR REPLACE FUNCTION tally_internal._forget_pack(pack text, target_schema text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    DELETE FROM tally.installed_packs i
     WHERE i.pack = _forget_pack.pack AND i.target_schema = _forget_pack.target_schema AND tally_internal._has_rights(caller, i.owner);
END $$;
COMMENT ON FUNCTION tally_internal._forget_pack(text, text, bigint) IS
'Writes down that a pack is installed no more. For its owner; drop_pack() takes it back.';
