-- Owns one promise: whatever the default privileges of the role that installs say, the extension and its packs grant what their scripts say,
-- and leave those default privileges as they were.
SELECT no_plan();
SET client_min_messages = error;
DROP ROLE IF EXISTS tally_test_crowd, tally_test_api;
CREATE ROLE tally_test_crowd;
CREATE ROLE tally_test_api;
CREATE FUNCTION rights() RETURNS TABLE (object text, grantee text, privilege text) LANGUAGE sql AS $$
    WITH o AS (
        SELECT c.relkind::text || ' ' || c.relname AS object,
               COALESCE(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl, c.relowner AS owner
          FROM pg_class c WHERE c.relnamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND c.relkind IN ('r', 'v', 'S')
        UNION ALL SELECT p.oid::regprocedure::text, COALESCE(p.proacl, acldefault('f', p.proowner)), p.proowner
          FROM pg_proc p WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
        UNION ALL SELECT 'type ' || t.typname, COALESCE(t.typacl, acldefault('T', t.typowner)), t.typowner
          FROM pg_type t WHERE t.typnamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
        UNION ALL SELECT 'schema ' || n.nspname, COALESCE(n.nspacl, acldefault('n', n.nspowner)), n.nspowner
          FROM pg_namespace n WHERE n.nspname IN ('tally', 'tally_internal'))
    SELECT o.object, CASE a.grantee WHEN 0 THEN 'PUBLIC' WHEN o.owner THEN 'owner' ELSE a.grantee::regrole::text END,
           a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END
      FROM o, aclexplode(o.acl) a $$;
CREATE TEMP TABLE plain AS SELECT * FROM rights();
SELECT cmp_ok((SELECT count(*) FROM plain), '>', 500::bigint, 'there are rights to compare');
DROP EXTENSION pg_tally;

ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC, tally_test_crowd;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC, tally_test_crowd;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO tally_test_crowd WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO tally_test_crowd;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC, tally_test_crowd;
CREATE TEMP TABLE defaults AS SELECT d.defaclobjtype, a.* FROM pg_default_acl d, aclexplode(d.defaclacl) a WHERE d.defaclnamespace = 0;
SELECT cmp_ok((SELECT count(*) FROM defaults WHERE grantee = 0), '>', 5::bigint, 'the default privileges give much to everybody');
CREATE EXTENSION pg_tally;
SELECT bag_eq('SELECT * FROM rights()', 'SELECT * FROM plain',
    'a hostile default grants nothing of the extension, and a hardened one keeps nothing back that writers need');
SELECT bag_eq('SELECT d.defaclobjtype, a.* FROM pg_default_acl d, aclexplode(d.defaclacl) a WHERE d.defaclnamespace = 0', 'SELECT * FROM defaults',
    'and they are as they were afterwards');

-- Packs, and what the engine makes, in a schema with defaults of its own.
DO $$
DECLARE
    pack text;
BEGIN
    FOR pack IN SELECT l.name FROM tally.pack_list l LOOP
        EXECUTE format('CREATE SCHEMA app_%s', pack);
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA app_%s GRANT ALL ON TABLES TO tally_test_api', pack);
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA app_%s GRANT ALL ON SEQUENCES TO tally_test_api', pack);
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA app_%s GRANT ALL ON FUNCTIONS TO tally_test_api', pack);
        PERFORM tally.install_pack(pack, 'app_' || pack);
    END LOOP;
END $$;
SELECT bag_eq($$SELECT a.name, a.action FROM tally.audit a WHERE a.kind = 'installed_packs'$$, $$SELECT l.name, 'create' FROM tally.pack_list l$$,
    'the audit has each pack that was installed');
SELECT is_empty($$SELECT c.relkind, c.relname, COALESCE(g.rolname, 'PUBLIC'), a.privilege_type
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
    WHERE c.relnamespace::regnamespace::text LIKE 'app\_%' AND a.grantee <> c.relowner$$, 'no table, view or sequence of any pack is granted to anybody');
SELECT is_empty($$SELECT p.oid::regprocedure, g.rolname FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) a JOIN pg_roles g ON g.oid = a.grantee
    WHERE p.pronamespace::regnamespace::text LIKE 'app\_%' AND a.grantee <> p.proowner$$, 'no function of any pack is granted to a role');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace::regnamespace::text LIKE 'app\_%' 
    AND p.prosecdef AND p.prosrc !~ '_redeem\(|_caller\('
    AND has_function_privilege('tally_test_api', p.oid, 'EXECUTE')$$, 'a function of a pack with its owner''s rights asks who calls');
SELECT is_empty($$SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relnamespace = 'tally'::regnamespace AND a.grantee IN ('tally_test_crowd'::regrole, 'tally_test_api'::regrole)$$,
    'nor what the engine makes in its own schema for them');
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC, tally_test_crowd;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM PUBLIC, tally_test_crowd;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM tally_test_crowd;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TYPES FROM tally_test_crowd;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM PUBLIC, tally_test_crowd;
SELECT * FROM finish();
SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace WHERE nspname LIKE 'app\_%' \gexec
DROP OWNED BY tally_test_crowd, tally_test_api CASCADE;
DROP ROLE tally_test_crowd, tally_test_api;
