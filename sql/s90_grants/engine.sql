-- Owns: who may do what with the engine's tables.
--
-- No role writes any of them. Definitions go through functions that know who calls. The engine alone writes marks and logs.

GRANT USAGE ON SCHEMA tally TO PUBLIC;
-- Live views and triggers call its functions with the rights of whoever reads or writes.
GRANT USAGE ON SCHEMA tally_internal TO PUBLIC;

-- Everyone may see what is defined. Only the engine's functions write it, for a caller who has proved to be the owner. A policy that lets everyone see
-- everything would only fail those who read with row_security = off, as backups do.
ALTER TABLE tally.rollups DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.dimensions DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.measures DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.source_retentions DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.beside DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.dirty_ranges DISABLE ROW LEVEL SECURITY;
-- Live views read marks with the rights of their owners.
GRANT SELECT ON tally.rollups, tally.dimensions, tally.measures, tally.source_retentions, tally.dirty, tally.dirty_ranges, tally.reads, tally.enums,
    tally.members, tally.beside, tally.odd_rows, tally.jobs, tally.status TO PUBLIC;

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
GRANT SELECT (metric_id, bucket, cell, sqlstate, since) ON tally.broken_metrics TO PUBLIC;
