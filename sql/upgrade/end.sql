-- Owns: the end of every upgrade: text that the engine made is made anew, and what is no part of the new version goes.

SELECT tally_internal._rebuild_derived();

DO $$
DECLARE
    item record;
    gone text;
BEGIN
    -- Functions call each other, so each goes with those that need it; what a person's objects need stays, and is told.
    SELECT string_agg(d.objid::regprocedure::text, ', ') INTO gone
      FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
     WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
       AND obj_description(d.objid, 'pg_proc') = 'of an earlier version';
    FOR item IN SELECT c.oid, c.oid::regclass::text AS name FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
                  JOIN pg_class c ON c.oid = d.objid
                 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND c.relkind = 'v'
                   AND obj_description(c.oid, 'pg_class') = 'of an earlier version' LOOP
        EXECUTE format('DROP VIEW %s', item.name);
    END LOOP;
    IF gone IS NOT NULL THEN
        EXECUTE format('DROP ROUTINE %s', gone);
    END IF;
EXCEPTION WHEN dependent_objects_still_exist THEN
    DECLARE
        detail text;
    BEGIN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = 'pg_tally cannot be upgraded: objects of yours use what the new version does not have any more',
            DETAIL = detail || E'\nNothing was changed.',
            HINT = 'Drop what DETAIL names and make it again after the upgrade: ALTER EXTENSION pg_tally UPDATE;';
    END;
END $$;
