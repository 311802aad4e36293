-- Owns: who may do what with the engine's tables.
--
-- Roles write definitions of their own (row level security on owner); marks and logs are written by the engine only.

GRANT USAGE ON SCHEMA tally TO PUBLIC;

CREATE FUNCTION tally._mine(owner regrole) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT pg_catalog.pg_has_role(owner::oid, 'USAGE') $$;
COMMENT ON FUNCTION tally._mine(regrole) IS 'Whether the current role has the rights of an owner.';

ALTER TABLE tally.rollups ENABLE ROW LEVEL SECURITY;
CREATE POLICY anyone_sees ON tally.rollups FOR SELECT USING (true);
CREATE POLICY maker_defines ON tally.rollups FOR INSERT WITH CHECK (owner::oid = current_user::regrole::oid);
CREATE POLICY owner_changes ON tally.rollups FOR UPDATE USING (tally._mine(owner)) WITH CHECK (tally._mine(owner));
CREATE POLICY owner_drops ON tally.rollups FOR DELETE USING (tally._mine(owner));
GRANT SELECT, INSERT, UPDATE, DELETE ON tally.rollups TO PUBLIC;
GRANT USAGE ON SEQUENCE tally.rollups_id_seq TO PUBLIC;

ALTER TABLE tally.dimensions ENABLE ROW LEVEL SECURITY;
CREATE POLICY anyone_sees ON tally.dimensions FOR SELECT USING (true);
CREATE POLICY owner_defines ON tally.dimensions FOR INSERT WITH CHECK (EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id AND tally._mine(r.owner)));
CREATE POLICY owner_drops ON tally.dimensions FOR DELETE USING (EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id AND tally._mine(r.owner)));
GRANT SELECT, INSERT, DELETE ON tally.dimensions TO PUBLIC;

ALTER TABLE tally.measures ENABLE ROW LEVEL SECURITY;
CREATE POLICY anyone_sees ON tally.measures FOR SELECT USING (true);
CREATE POLICY owner_defines ON tally.measures FOR INSERT WITH CHECK (EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id AND tally._mine(r.owner)));
CREATE POLICY owner_drops ON tally.measures FOR DELETE USING (EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id AND tally._mine(r.owner)));
GRANT SELECT, INSERT, DELETE ON tally.measures TO PUBLIC;

-- Live views read marks with the rights of their owners.
GRANT SELECT ON tally.dirty, tally.dirty_ranges, tally.reads, tally.enums, tally.members, tally.odd_rows, tally.jobs, tally.status TO PUBLIC;
ALTER TABLE tally.dirty_ranges ENABLE ROW LEVEL SECURITY;
CREATE POLICY anyone_sees ON tally.dirty_ranges FOR SELECT USING (true);
CREATE POLICY owner_marks ON tally.dirty_ranges FOR INSERT WITH CHECK (EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id AND tally._mine(r.owner)));
GRANT INSERT ON tally.dirty_ranges TO PUBLIC;
GRANT USAGE ON SEQUENCE tally.dirty_ranges_id_seq TO PUBLIC;

-- Who owns a source says how long its rows are kept; of rows that came too late that owner sees the content.
CREATE FUNCTION tally._my_source(source regclass) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT pg_catalog.pg_has_role((SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid = source), 'USAGE') $$;
COMMENT ON FUNCTION tally._my_source(regclass) IS 'Whether the current role has the rights of a table''s owner.';
ALTER TABLE tally.source_retentions ENABLE ROW LEVEL SECURITY;
CREATE POLICY anyone_sees ON tally.source_retentions FOR SELECT USING (true);
CREATE POLICY owner_defines ON tally.source_retentions FOR INSERT WITH CHECK (tally._mine(owner) AND tally._my_source(source));
CREATE POLICY owner_changes ON tally.source_retentions FOR UPDATE USING (tally._my_source(source)) WITH CHECK (tally._mine(owner) AND tally._my_source(source));
CREATE POLICY owner_drops ON tally.source_retentions FOR DELETE USING (tally._my_source(source));
GRANT SELECT, INSERT, UPDATE, DELETE ON tally.source_retentions TO PUBLIC;
ALTER TABLE tally.late_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner_sees ON tally.late_rows FOR SELECT USING (tally._mine(owner));
GRANT SELECT ON tally.late_rows TO PUBLIC;

ALTER TABLE tally.runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner_sees ON tally.runs FOR SELECT USING (EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id AND tally._mine(r.owner)));
GRANT SELECT ON tally.runs TO PUBLIC;
