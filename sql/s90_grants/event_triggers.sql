-- Owns: the event triggers by which capture follows changes of tables. Last in the list, so that no statement of the script wakes them.

DROP EVENT TRIGGER IF EXISTS tally_before_ddl;
CREATE EVENT TRIGGER tally_before_ddl ON ddl_command_start
    WHEN TAG IN ('ALTER SCHEMA', 'ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER FUNCTION', 'ALTER ROUTINE', 'ALTER AGGREGATE',
                 'ALTER OPERATOR', 'ALTER COLLATION', 'ALTER EXTENSION') EXECUTE FUNCTION tally_internal._before_ddl();
DROP EVENT TRIGGER IF EXISTS tally_after_ddl;
CREATE EVENT TRIGGER tally_after_ddl ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'CREATE SCHEMA', 'ALTER SCHEMA', 'ALTER TYPE', 'CREATE INDEX',
                 'ALTER INDEX', 'CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'CREATE AGGREGATE', 'ALTER AGGREGATE', 'CREATE OPERATOR',
                 'ALTER OPERATOR', 'CREATE TYPE', 'CREATE DOMAIN', 'ALTER DOMAIN', 'ALTER COLLATION', 'ALTER EXTENSION', 'CREATE CAST',
                 'ALTER TEXT SEARCH CONFIGURATION', 'ALTER TEXT SEARCH DICTIONARY')
    EXECUTE FUNCTION tally_internal._after_ddl();
DROP EVENT TRIGGER IF EXISTS tally_after_drop;
CREATE EVENT TRIGGER tally_after_drop ON sql_drop EXECUTE FUNCTION tally_internal._after_drop();
DROP EVENT TRIGGER IF EXISTS tally_before_rewrite;
CREATE EVENT TRIGGER tally_before_rewrite ON table_rewrite EXECUTE FUNCTION tally_internal._before_rewrite();
-- Also where session_replication_role is replica.
ALTER EVENT TRIGGER tally_before_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER tally_after_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER tally_after_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER tally_before_rewrite ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER tally_before_ddl IS 'Notes the names of what definitions use, so that they can follow what is renamed.';
COMMENT ON EVENT TRIGGER tally_after_ddl IS 'Capture follows partitions and inheriting tables as they come and go.';
COMMENT ON EVENT TRIGGER tally_after_drop IS 'Capture marks what a dropped table took with it.';
COMMENT ON EVENT TRIGGER tally_before_rewrite IS 'Capture marks what a rewrite of a source may have changed.';
