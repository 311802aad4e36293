-- Owns: putting back the default privileges that s10_kernel/plain_privileges.sql has set aside.

DO $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT x ->> 'kind' AS kind
                  FROM pg_catalog.jsonb_array_elements(pg_catalog.current_setting('tally.default_privileges')::pg_catalog.jsonb) x LOOP
        EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES REVOKE ALL ON %s FROM PUBLIC, %I', item.kind, current_user);
    END LOOP;
    FOR item IN SELECT x ->> 'kind' AS kind, a.privilege_type, COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS grantee, a.is_grantable
                  FROM pg_catalog.jsonb_array_elements(pg_catalog.current_setting('tally.default_privileges')::pg_catalog.jsonb) x,
                       pg_catalog.aclexplode((x ->> 'acl')::pg_catalog.aclitem[]) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee LOOP
        EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES GRANT %s ON %s TO %s%s', item.privilege_type, item.kind, item.grantee,
                                  CASE WHEN item.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    PERFORM pg_catalog.set_config('tally.default_privileges', '', true);
END $$;
