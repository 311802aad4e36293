-- Owns: that a session with standard_conforming_strings off reads the functions' own texts as everybody else. PL/pgSQL and SQL bodies
-- are parsed in the session that calls them first, and a backslash in one would then begin an escape.

DO $$
DECLARE
    item regprocedure;
BEGIN
    FOR item IN SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                 WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND l.lanname IN ('sql', 'plpgsql') AND p.prokind = 'f'
                   AND (p.prosrc LIKE '%\\%' OR p.proname = 'install_pack') LOOP
        EXECUTE pg_catalog.format('ALTER FUNCTION %s SET standard_conforming_strings = on', item);
    END LOOP;
END $$;
