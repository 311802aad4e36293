-- Owns: the beginning of every upgrade, whatever it comes from.
--
-- No statement of the upgrade wakes the event triggers, which would run functions of two versions mixed. And every function and view is
-- marked by its comment: what no statement of the new version comments on is no part of it, and goes at the end (end.sql).

SET LOCAL DateStyle = 'ISO, MDY';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';

-- PostgreSQL rewrites no table whose row type is the type of somebody's column.
DO $$
DECLARE
    theirs text;
    change text;
BEGIN
    WITH RECURSIVE shapes(type) AS (
        SELECT c.reltype FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally' JOIN pg_class c ON c.oid = d.objid
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND c.relkind IN ('r', 'p')
        UNION
        SELECT u.type FROM shapes s CROSS JOIN LATERAL (
            SELECT t.oid FROM pg_type t WHERE t.typbasetype = s.type OR t.typelem = s.type AND t.typcategory = 'A'
            UNION ALL SELECT c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'c')
                       WHERE a.atttypid = s.type AND NOT a.attisdropped) u(type)
    )
    SELECT string_agg(format('%s.%I', c.oid::regclass, a.attname), ', ' ORDER BY c.oid, a.attnum),
           string_agg(CASE c.relkind WHEN 'm' THEN format('DROP MATERIALIZED VIEW %s;', c.oid::regclass)
                      ELSE format('ALTER TABLE %s ALTER COLUMN %I TYPE jsonb USING to_jsonb(%2$I);', c.oid::regclass, a.attname) END, ' '
                      ORDER BY c.oid, a.attnum) INTO theirs, change
      FROM shapes s JOIN pg_attribute a ON a.atttypid = s.type AND NOT a.attisdropped JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'm')
     WHERE NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e');
    IF theirs IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('pg_tally can only be upgraded where no column has the row type of one of its tables, got %s', theirs),
            DETAIL = 'The upgrade changes these tables, and PostgreSQL cannot change rows that are stored in columns. Nothing was changed.',
            HINT = change || '  -- keeps the values; then ALTER EXTENSION pg_tally UPDATE;';
    END IF;
END $$;

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
