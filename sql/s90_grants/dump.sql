-- Owns: what pg_dump keeps. It keeps every table of the extension, because each holds definitions, data or progress. This file comes last,
-- so that it misses none. What packs are made of has conditions of its own (sql/packs/dump.sql). Rows that a
-- trigger makes when a rollup or a silence is restored are left out (refresh_locks, silence_anchors), and marks that name transactions of this
-- server (feed_marks): after a restore a coordinator pulls all.

DO $$
DECLARE
    state regclass;
BEGIN
    FOR state IN SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'S')
                    -- Tables that an earlier installation left in the schema do not belong to this one.
                    AND EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
                                 WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
                    AND c.relname NOT IN ('pack_list', 'pack_columns', 'pack_steps', 'refresh_locks', 'silence_anchors', 'feed_marks') LOOP
        PERFORM pg_catalog.pg_extension_config_dump(state, '');
    END LOOP;
END $$;
