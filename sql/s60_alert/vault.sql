-- Owns: secrets of channels that lie in Vault, Supabase's extension. A url, secret or header of the form vault:NAME stands for the secret NAME. The channel
-- holds the name alone. The secret is read when a message is posted or claimed, with the rights of the channel's owner.

CREATE OR REPLACE FUNCTION tally_internal._relation_of(extension text, relation text) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- By the extension that owns it, never by its name alone: whoever may create a schema could make another one of that name.
    SELECT c.oid::regclass FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        AND d.classid = 'pg_class'::regclass
      JOIN pg_class c ON c.oid = d.objid WHERE e.extname = extension AND c.relname = relation
$$;
COMMENT ON FUNCTION tally_internal._relation_of(text, text) IS 'The table or view of a name that an extension owns; null where that is not in this database.';

CREATE OR REPLACE FUNCTION tally_internal._from_vault(value text, owner regrole) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    name   text := substr(value, length('vault:') + 1);
    vault  regclass := tally_internal._relation_of('supabase_vault', 'decrypted_secrets');
    place  regnamespace := (SELECT c.relnamespace FROM pg_class c WHERE c.oid = vault);
    result text;
BEGIN
    IF vault IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('%L names a secret of Vault, which is not in this database', value),
            'Vault is the extension supabase_vault.', 'CREATE EXTENSION supabase_vault;');
    END IF;
    BEGIN
        SELECT x ->> 'secret' INTO result FROM tally.run_as(owner, 'pg_catalog',
            format('SELECT s.decrypted_secret AS secret FROM %s s WHERE s.name = $1', vault), 0, 'UTC', name) x;
    EXCEPTION WHEN insufficient_privilege THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('role %s, the owner of the channel, may not read secrets of Vault', owner),
            'Who may read Vault sees all of its secrets.',
            format('GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %2$s;', place, owner, vault));
    END;
    IF result IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('Vault has no secret %L', name), NULL,
            format('SELECT %s.create_secret(''…'', %L);', place, name));
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._from_vault(text, regrole) IS
'The secret of Vault that a text of the form vault:NAME names, read with the rights of a role.';
REVOKE ALL ON FUNCTION tally_internal._from_vault(text, regrole) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._opened(c tally.channels) RETURNS tally.channels
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF c.url LIKE 'vault:%' THEN c.url := tally_internal._from_vault(c.url, c.owner::regrole); END IF;
    IF c.secret LIKE 'vault:%' THEN c.secret := tally_internal._from_vault(c.secret, c.owner::regrole); END IF;
    IF jsonb_path_exists(c.headers, 'strict $.* ? (@ starts with "vault:")', silent => true) THEN
        SELECT jsonb_object_agg(h.key, CASE WHEN h.value #>> '{}' LIKE 'vault:%'
                                            THEN to_jsonb(tally_internal._from_vault(h.value #>> '{}', c.owner::regrole)) ELSE h.value END)
          INTO c.headers FROM jsonb_each(c.headers) h;
    END IF;
    RETURN c;
END $$;
COMMENT ON FUNCTION tally_internal._opened(tally.channels) IS 'A channel with the secrets of Vault in place of their names.';
REVOKE ALL ON FUNCTION tally_internal._opened(tally.channels) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._ready(c tally.channels) RETURNS tally.channels
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    opened  tally.channels := tally_internal._opened(c);
    problem text := CASE WHEN opened IS DISTINCT FROM c THEN tally_internal._channel_problem(opened) END;
BEGIN
    -- A secret may have been changed since the channel was made.
    IF problem IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('channel %L, with its secrets of Vault: %s', c.name, problem), NULL,
            'SELECT vault.update_secret(id, ''…'') FROM vault.secrets WHERE name = ''…'';');
    END IF;
    RETURN opened;
END $$;
COMMENT ON FUNCTION tally_internal._ready(tally.channels) IS 'A channel as it posts: opened, and seen to be good.';
REVOKE ALL ON FUNCTION tally_internal._ready(tally.channels) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._opened_if_it_can(c tally.channels) RETURNS tally.channels
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._opened(c);
EXCEPTION WHEN OTHERS THEN
    RETURN c;
END $$;
COMMENT ON FUNCTION tally_internal._opened_if_it_can(tally.channels) IS
'A channel as _opened() gives it, or as it is stored where Vault does not give its secrets. For what is masked.';
REVOKE ALL ON FUNCTION tally_internal._opened_if_it_can(tally.channels) FROM PUBLIC;
