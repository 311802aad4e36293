-- Owns: the role that Superset connects as in the tests, with what the guide grants and no more: the schema, live views, relations of boards.
DO $$
DECLARE
    r regclass;
BEGIN
    IF to_regrole('tally_superset_viewer') IS NULL THEN
        CREATE ROLE tally_superset_viewer LOGIN;
    END IF;
    GRANT USAGE ON SCHEMA public TO tally_superset_viewer;
    FOR r IN SELECT live_view FROM tally.rollups
             UNION SELECT to_regclass(p ->> 'relation') FROM tally.boards b, jsonb_array_elements(b.panels) p WHERE p ? 'relation' LOOP
        EXECUTE format('GRANT SELECT ON %s TO tally_superset_viewer', r);
    END LOOP;
END $$;
