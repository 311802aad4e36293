-- Owns: what every upgrade does once all functions of the new version are there: those that are no part of it get names that nothing calls.
-- A call that leaves out an argument would find both. What stands on them follows by number, until they go (end.sql).

DO $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT d.objid::regprocedure AS old FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
                 WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
                   AND obj_description(d.objid, 'pg_proc') = 'of an earlier version' LOOP
        EXECUTE format('ALTER ROUTINE %s RENAME TO %I', item.old, '_gone_' || item.old::oid);
    END LOOP;
END $$;
