-- Owns: the beginning of the installation: who may install, and where.
-- pg_tally @VERSION@, hosted edition: made by scripts/hosted.sh. Run it as the role that is to own pg_tally, in one transaction:
--     psql -1 -v ON_ERROR_STOP=1 -f pg_tally-hosted--@VERSION@.sql
-- It needs no superuser, no shared library and no extension.

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_tally') THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = 'pg_tally is in this database already, as an extension',
            DETAIL = 'Expected a database without it. Nothing was changed.', HINT = 'SELECT extversion FROM pg_extension WHERE extname = ''pg_tally'';';
    ELSIF pg_catalog.to_regnamespace('tally') IS NOT NULL OR pg_catalog.to_regnamespace('tally_internal') IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_schema', MESSAGE = 'the schema tally or tally_internal is in this database already',
            DETAIL = 'Expected neither. Nothing was changed.', HINT = 'SELECT tally_internal._installed_version();';
    ELSIF NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE, TEMPORARY') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = pg_catalog.format('pg_tally needs the rights CREATE and TEMPORARY on the database, which %I lacks', current_user),
            DETAIL = 'It makes two schemas. Nothing was changed.',
            HINT = pg_catalog.format('GRANT CREATE, TEMPORARY ON DATABASE %I TO %I;', pg_catalog.current_database(), current_user);
    END IF;
    PERFORM pg_catalog.set_config('check_function_bodies', 'off', true), pg_catalog.set_config('client_min_messages', 'warning', true);
END $$;
CREATE SCHEMA tally;
CREATE SCHEMA tally_internal;
COMMENT ON SCHEMA tally IS 'pg_tally: product analytics and SLOs inside PostgreSQL.';
