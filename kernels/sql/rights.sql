-- Owns: row security of every table, because a Data API serves the tables of the schemas that it is told of. What every role may read has a policy that
-- says so. In front of sql/s90_grants/session.sql, which keeps the engine's functions whole where a session has row_security off.

DO $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT c.oid::regclass AS name, EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0 AND a.privilege_type = 'SELECT')
                    OR EXISTS (SELECT FROM pg_attribute p, aclexplode(p.attacl) a WHERE p.attrelid = c.oid AND a.grantee = 0) AS readable
               FROM pg_class c WHERE c.relnamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND c.relkind = 'r' AND NOT c.relrowsecurity
              ORDER BY 1 LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t.name);
        EXECUTE format('DROP POLICY IF EXISTS everyone_sees ON %s', t.name);
        IF t.readable THEN EXECUTE format('CREATE POLICY everyone_sees ON %s FOR SELECT USING (true)', t.name); END IF;
    END LOOP;
END $$;
