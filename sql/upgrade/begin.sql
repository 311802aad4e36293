-- Owns: the beginning of every upgrade, whatever it comes from.
--
-- No statement of the upgrade wakes the event triggers, which would run functions of two versions mixed. And every function and view is
-- marked by its comment: what no statement of the new version comments on is no part of it, and goes at the end (end.sql).

SET LOCAL DateStyle = 'ISO, MDY';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';

DO $$
DECLARE
    item text;
BEGIN
    FOR item IN SELECT format('DROP EVENT TRIGGER %I', t.evtname) FROM pg_event_trigger t
                  JOIN pg_depend d ON d.classid = 'pg_event_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'e'
                  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally' LOOP
        EXECUTE item;
    END LOOP;
    FOR item IN SELECT format('COMMENT ON %s %s IS ''of an earlier version''',
                              CASE i.type WHEN 'view' THEN 'VIEW' ELSE 'ROUTINE' END,
                              CASE i.type WHEN 'view' THEN d.objid::regclass::text ELSE d.objid::regprocedure::text END)
                  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally',
                       pg_identify_object(d.classid, d.objid, 0) i
                 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND i.type IN ('function', 'procedure', 'aggregate', 'view') LOOP
        EXECUTE item;
    END LOOP;
END $$;
