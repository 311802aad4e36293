-- Owns: what pg_dump keeps. Every table of the extension holds definitions, data or progress, so all of them; last in
-- the list, so that none is missed.

DO $$
DECLARE
    state regclass;
BEGIN
    FOR state IN SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'S') LOOP
        PERFORM pg_catalog.pg_extension_config_dump(state, '');
    END LOOP;
END $$;
