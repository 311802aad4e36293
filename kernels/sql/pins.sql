-- Owns: the end of the installation: each function pins its search_path, but for those that kernels/sql/unpinned names with reasons.
DO $hosted$
DECLARE
    one pg_catalog.regprocedure;
BEGIN
    FOR one IN
        SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname IN ('tally', 'tally_internal') AND p.prokind = 'f'
           AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) c WHERE c LIKE 'search\_path=%')
           AND p.oid <> ALL (ARRAY[@PINLESS_FUNCTIONS@]::pg_catalog.regprocedure[]::pg_catalog.oid[])
           AND n.nspname || '.' || p.proname <> ALL (ARRAY[@PINLESS_NAMES@])
    LOOP
        EXECUTE pg_catalog.format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', one);
    END LOOP;
END $hosted$;
