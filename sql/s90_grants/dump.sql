-- Owns: what pg_dump keeps. Every table of the extension holds definitions, data or progress, so all of them; last in
-- the list, so that none is missed. But for what a pack is made of: CREATE EXTENSION brings that itself.

DO $$
DECLARE
    state regclass;
BEGIN
    FOR state IN SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'S')
                    AND c.relname NOT IN ('pack_list', 'pack_tables', 'pack_columns', 'pack_steps') LOOP
        PERFORM pg_catalog.pg_extension_config_dump(state, '');
    END LOOP;
END $$;
