-- Owns: who may do what with the engine's tables.
--
-- No role writes any of them. Definitions go through functions that know who calls. The engine alone writes marks and logs.

-- Live views and triggers call functions of tally_internal with the rights of whoever reads or writes, so everybody has USAGE of both schemas. Where a Data
-- API serves this database, PUBLIC is the whole internet: there the schemas are for the roles that make objects here, and for service_role.
DO $$
DECLARE
    api CONSTANT text[] := '{anon,authenticated}';
    item record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a, pg_catalog.pg_roles r
                    WHERE n.nspname = 'public' AND r.oid = a.grantee AND r.rolname = ANY (api)) THEN
        GRANT USAGE ON SCHEMA tally, tally_internal TO PUBLIC;
        RETURN;
    END IF;
    REVOKE USAGE ON SCHEMA tally, tally_internal FROM PUBLIC;
    FOR item IN SELECT r.rolname FROM pg_catalog.pg_roles r
                 WHERE r.rolname = 'service_role' OR r.rolname <> ALL (api) AND r.oid IN (
                       SELECT a.grantee FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
                        WHERE n.nspname = 'public' AND a.privilege_type = 'CREATE'
                       UNION ALL SELECT a.grantee FROM pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a
                        WHERE d.datname = pg_catalog.current_database() AND a.privilege_type = 'CREATE') ORDER BY 1 LOOP
        EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA tally, tally_internal TO %I', item.rolname);
    END LOOP;
END $$;

-- Everyone may see what is defined. Only the engine's functions write it, for a caller who has proved to be the owner. A policy that lets everyone see
-- everything would only fail those who read with row_security = off, as backups do.
ALTER TABLE tally.rollups DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.dimensions DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.measures DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.source_retentions DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.stored_settings DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.beside DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.dirty_ranges DISABLE ROW LEVEL SECURITY;
-- Live views read marks with the rights of their owners.
GRANT SELECT ON tally.rollups, tally.dimensions, tally.measures, tally.source_retentions, tally.dirty, tally.dirty_ranges, tally.reads, tally.enums,
    tally.members, tally.beside, tally.odd_rows, tally.jobs, tally.status, tally.stored_settings, tally.settings TO PUBLIC;

-- The owner of the source sees the content of rows that came too late.
ALTER TABLE tally.late_rows ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.late_rows;
CREATE POLICY owner_sees ON tally.late_rows FOR SELECT USING (tally_internal._has_rights_of(owner));
GRANT SELECT ON tally.late_rows TO PUBLIC;

ALTER TABLE tally.runs ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.runs;
CREATE POLICY owner_sees ON tally.runs FOR SELECT USING (EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id
    AND tally_internal._has_rights_of(r.owner)));
GRANT SELECT ON tally.runs TO PUBLIC;

GRANT SELECT (rollup_id, bucket, computable, sqlstate, source_row, since) ON tally.broken_buckets TO PUBLIC;
GRANT SELECT (metric_id, bucket, cells, sqlstate, since) ON tally.broken_metrics TO PUBLIC;
