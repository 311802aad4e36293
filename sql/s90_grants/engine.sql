-- Owns: who may do what with the engine's tables.
--
-- No role writes any of them: definitions go through functions that know who calls, marks and logs are the engine's.

GRANT USAGE ON SCHEMA tally TO PUBLIC;
-- Live views and triggers call functions of it with the rights of whoever reads or writes.
GRANT USAGE ON SCHEMA tally_internal TO PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._mine(owner regrole) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT pg_catalog.pg_has_role(owner::oid, 'USAGE') $$;
COMMENT ON FUNCTION tally_internal._mine(regrole) IS 'Whether the current role has the rights of an owner.';

-- What is defined, everyone may see. Nobody writes it: the engine's functions do, for who has proved to be the owner.
ALTER TABLE tally.rollups ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.rollups;
CREATE POLICY anyone_sees ON tally.rollups FOR SELECT USING (true);
ALTER TABLE tally.dimensions ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.dimensions;
CREATE POLICY anyone_sees ON tally.dimensions FOR SELECT USING (true);
ALTER TABLE tally.measures ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.measures;
CREATE POLICY anyone_sees ON tally.measures FOR SELECT USING (true);
ALTER TABLE tally.source_retentions ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.source_retentions;
CREATE POLICY anyone_sees ON tally.source_retentions FOR SELECT USING (true);
ALTER TABLE tally.beside ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.beside;
CREATE POLICY anyone_sees ON tally.beside FOR SELECT USING (true);
ALTER TABLE tally.dirty_ranges ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS anyone_sees ON tally.dirty_ranges;
CREATE POLICY anyone_sees ON tally.dirty_ranges FOR SELECT USING (true);
-- Live views read marks with the rights of their owners.
GRANT SELECT ON tally.rollups, tally.dimensions, tally.measures, tally.source_retentions, tally.dirty, tally.dirty_ranges, tally.reads, tally.enums,
    tally.members, tally.beside, tally.odd_rows, tally.jobs, tally.status TO PUBLIC;

-- Of rows that came too late the owner of the source sees the content.
ALTER TABLE tally.late_rows ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.late_rows;
CREATE POLICY owner_sees ON tally.late_rows FOR SELECT USING (tally_internal._mine(owner));
GRANT SELECT ON tally.late_rows TO PUBLIC;

ALTER TABLE tally.runs ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.runs;
CREATE POLICY owner_sees ON tally.runs FOR SELECT USING (EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id AND tally_internal._mine(r.owner)));
GRANT SELECT ON tally.runs TO PUBLIC;

GRANT SELECT (rollup_id, bucket, computable, sqlstate, source_row, since) ON tally.broken_buckets TO PUBLIC;
