-- Owns: the end of the installation: event triggers where the role may make them, and what of default privileges is left on our objects.

DO $$
BEGIN
    CREATE EVENT TRIGGER tally_before_ddl ON ddl_command_start WHEN TAG IN ('ALTER SCHEMA') EXECUTE FUNCTION tally_internal._before_ddl();
    CREATE EVENT TRIGGER tally_after_ddl ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'CREATE SCHEMA', 'ALTER SCHEMA', 'ALTER TYPE',
                     'CREATE INDEX', 'ALTER INDEX',
                     'CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'CREATE AGGREGATE', 'ALTER AGGREGATE', 'CREATE OPERATOR',
                     'ALTER OPERATOR', 'CREATE TYPE', 'CREATE DOMAIN', 'ALTER DOMAIN') EXECUTE FUNCTION tally_internal._after_ddl();
    CREATE EVENT TRIGGER tally_after_drop ON sql_drop EXECUTE FUNCTION tally_internal._after_drop();
    CREATE EVENT TRIGGER tally_before_rewrite ON table_rewrite EXECUTE FUNCTION tally_internal._before_rewrite();
EXCEPTION WHEN insufficient_privilege THEN
    -- Then each refresh begins by comparing the list of members with PostgreSQL's catalogue.
    NULL;
END $$;
