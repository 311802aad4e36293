-- Owns: what pg_dump keeps. Every table of the extension holds definitions, data or progress, so all of them; last in
-- the list, so that none is missed. But for what a pack is made of, which CREATE EXTENSION brings itself, and for the rows that a
-- trigger makes as a rollup or a silence is restored (refresh_locks, silence_anchors).

DO $$
DECLARE
    state regclass;
BEGIN
    FOR state IN SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'S')
                    -- What an earlier installation has left in the schema is none of this one.
                    AND EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
                                 WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
                    AND c.relname NOT IN ('pack_list', 'pack_tables', 'pack_columns', 'pack_steps', 'refresh_locks', 'silence_anchors') LOOP
        PERFORM pg_catalog.pg_extension_config_dump(state, '');
    END LOOP;
END $$;
