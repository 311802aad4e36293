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

-- Whoever has the clock (tally.grant_access()) keeps the list of its jobs.
DROP POLICY IF EXISTS clock_keeps ON tally.jobs;
DROP POLICY IF EXISTS clock_drops ON tally.jobs;
CREATE POLICY clock_keeps ON tally.jobs FOR INSERT WITH CHECK (pg_catalog.has_table_privilege('tally.jobs', 'INSERT'));
CREATE POLICY clock_drops ON tally.jobs FOR DELETE USING (pg_catalog.has_table_privilege('tally.jobs', 'DELETE'));

-- What is the owner's alone says so, where a reader of policies would ask whether one was forgotten.
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND c.relkind = 'r'
                   AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) ORDER BY 1 LOOP
        EXECUTE format('CREATE POLICY owner_alone ON %s USING (false)', name);
    END LOOP;
END $$;

-- What a definition says runs with the rights of the role that installed pg_tally, or not at all. So nobody else owns one.
CREATE OR REPLACE FUNCTION tally_internal._check_definer() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    installer regrole := (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'tally');
    stack     text;
BEGIN
    GET DIAGNOSTICS stack = PG_CONTEXT;
    -- Rows that no function of the engine writes are those of a dump, which may come to another role.
    IF stack !~ E'\n(PL/pgSQL|SQL) function ' THEN RETURN NEW; END IF;
    IF NEW.owner::regrole = installer OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = NEW.owner::oid) THEN RETURN NEW; END IF;
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
        MESSAGE = format('in the hosted edition definitions belong to the role that installed pg_tally, expected %s, got %s', installer, NEW.owner),
        DETAIL = 'Without a shared library no function can switch to the rights of another role.',
        HINT = format('SET ROLE %s;  -- as a member of it', installer);
END $$;
COMMENT ON FUNCTION tally_internal._check_definer() IS 'Refuses a definition of a role other than the one that installed pg_tally.';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{rollups,metrics,probes,thresholds,tasks,behaviours,experiments,experiment_metrics,releases,boards}'::text[] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER check_definer BEFORE INSERT OR UPDATE OF owner ON tally.%I FOR EACH ROW '
                       'EXECUTE FUNCTION tally_internal._check_definer()', name);
        EXECUTE format('COMMENT ON TRIGGER check_definer ON tally.%I IS %L', name, 'Definitions belong to the role that installed pg_tally.');
    END LOOP;
END $$;
