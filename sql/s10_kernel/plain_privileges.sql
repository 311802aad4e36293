-- Owns: setting default privileges aside, so that the extension's objects get the rights that its script says, and no others. Otherwise
-- the default privileges of the installing role could grant tables to others, or keep functions from everybody.
-- s90_grants/plain_privileges.sql puts them back in the same transaction.

DO $$
DECLARE
    item record;
BEGIN
    PERFORM pg_catalog.set_config('tally.default_privileges', (
        SELECT COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('kind', k.kind, 'acl', d.defaclacl::pg_catalog.text)), '[]')::pg_catalog.text
          FROM pg_catalog.pg_default_acl d JOIN (VALUES ('r', 'TABLES'), ('S', 'SEQUENCES'), ('f', 'FUNCTIONS'), ('T', 'TYPES'), ('n', 'SCHEMAS')) k(type, kind)
            ON k.type = d.defaclobjtype::pg_catalog.text
         WHERE d.defaclnamespace = 0 AND d.defaclrole = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)), true);
    FOR item IN SELECT DISTINCT x ->> 'kind' AS kind, COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS grantee
                  FROM pg_catalog.jsonb_array_elements(pg_catalog.current_setting('tally.default_privileges')::pg_catalog.jsonb) x,
                       pg_catalog.aclexplode((x ->> 'acl')::pg_catalog.aclitem[]) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee LOOP
        EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES REVOKE ALL ON %s FROM %s', item.kind, item.grantee);
    END LOOP;
    -- These are PostgreSQL's own defaults.
    FOR item IN SELECT x ->> 'kind' AS kind
                  FROM pg_catalog.jsonb_array_elements(pg_catalog.current_setting('tally.default_privileges')::pg_catalog.jsonb) x LOOP
        EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES GRANT ALL ON %s TO %I', item.kind, current_user);
        IF item.kind IN ('FUNCTIONS', 'TYPES') THEN
            EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES GRANT ALL ON %s TO PUBLIC', item.kind);
        END IF;
    END LOOP;
END $$;
