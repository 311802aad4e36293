-- Owns: which of the engine's functions run under settings of their own (s35_text/pin.sql). These are all entries: public functions, and
-- internal ones that procedures and jobs call. Among the others, those with a backslash in their text must be read as they are written.

DO $$
BEGIN
    PERFORM tally_internal._pin_session(p.oid, p.entry)
       FROM (SELECT x.oid, x.prosrc,
                    x.provolatile <> 'i' AND x.proconfig IS NOT NULL AND x.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
                    AND (x.pronamespace = 'tally'::regnamespace OR x.prosecdef AND x.provolatile = 'v') AS entry
               FROM pg_catalog.pg_proc x JOIN pg_catalog.pg_language l ON l.oid = x.prolang
              WHERE x.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND l.lanname IN ('sql', 'plpgsql') AND x.prokind = 'f') p
      WHERE p.entry OR p.prosrc LIKE '%\\%';
END $$;
