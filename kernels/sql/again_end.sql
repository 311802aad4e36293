-- Owns: the end of the upgrade of the hosted edition: generated text is made anew, and what is no part of this version goes.

DO $$
DECLARE
    item   record;
    gone   text;
    detail text;
BEGIN
    -- First of all a name that nothing calls: a call that leaves out an argument would find both.
    FOR item IN SELECT p.oid, p.oid::regprocedure AS old FROM pg_proc p WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
                   AND obj_description(p.oid, 'pg_proc') = 'of an earlier version' LOOP
        EXECUTE format('ALTER ROUTINE %s RENAME TO %I', item.old, '_gone_' || item.oid);
    END LOOP;
    PERFORM tally_internal._rebuild_derived();
    FOR item IN SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relnamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
                   AND c.relkind = 'v' AND obj_description(c.oid, 'pg_class') = 'of an earlier version' LOOP
        EXECUTE format('DROP VIEW %s', item.name);
    END LOOP;
    SELECT string_agg(p.oid::regprocedure::text, ', ') INTO gone FROM pg_proc p
     WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND obj_description(p.oid, 'pg_proc') = 'of an earlier version';
    IF gone IS NOT NULL THEN EXECUTE format('DROP ROUTINE %s', gone); END IF;
EXCEPTION WHEN dependent_objects_still_exist THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
        MESSAGE = 'pg_tally cannot be upgraded: objects of yours use what the new version does not have any more',
        DETAIL = detail || E'\nNothing was changed.', HINT = 'Drop what DETAIL names and run the file again.';
END $$;
DROP FUNCTION pg_temp.same_shape(text), pg_temp.shape(text);
