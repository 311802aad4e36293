-- Owns: which of the engine's functions run under settings of their own (s35_text/pin.sql). These are all entries: public functions, and
-- internal ones that procedures and jobs call. Among the others, those with a backslash in their text must be read as they are written.
-- What reads a table of pg_tally that has policies sees what is the caller's, whatever row_security the session has. What reads people's tables is left
-- to the session: with row_security off, PostgreSQL refuses where a policy would hide rows of these.

DO $$
DECLARE
    function regprocedure;
BEGIN
    PERFORM tally_internal._pin_session(p.oid, p.entry)
       FROM (SELECT x.oid, x.prosrc,
                    x.provolatile <> 'i' AND x.proconfig IS NOT NULL AND x.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
                    AND (x.pronamespace = 'tally'::regnamespace OR x.prosecdef AND x.provolatile = 'v') AS entry
               FROM pg_catalog.pg_proc x JOIN pg_catalog.pg_language l ON l.oid = x.prolang
              WHERE x.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND l.lanname IN ('sql', 'plpgsql') AND x.prokind = 'f') p
      WHERE p.entry OR p.prosrc LIKE '%\\%';
    FOR function IN
        SELECT x.oid::regprocedure FROM pg_catalog.pg_proc x JOIN pg_catalog.pg_language l ON l.oid = x.prolang
         WHERE x.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND l.lanname IN ('sql', 'plpgsql') AND x.prokind = 'f'
           AND x.provolatile <> 'i' AND x.prosrc ~ (
               SELECT '\m(FROM|JOIN|INTO|UPDATE)\s+tally\.(' || string_agg(c.relname, '|') || ')\M' FROM pg_catalog.pg_class c
                WHERE c.relnamespace = 'tally'::regnamespace AND c.relrowsecurity) LOOP
        EXECUTE format('ALTER FUNCTION %s SET row_security = on', function);
    END LOOP;
END $$;
