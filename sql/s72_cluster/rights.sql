-- Owns: who sees what of cluster rollups: definitions everybody, the state of nodes the owner of the rollup. The engine alone writes.

GRANT SELECT ON tally.faces, tally.clusters TO PUBLIC;
ALTER TABLE tally.cluster_nodes ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.cluster_nodes;
CREATE POLICY owner_sees ON tally.cluster_nodes FOR SELECT USING (EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id
    AND tally_internal._has_rights_of(r.owner)));
GRANT SELECT ON tally.cluster_nodes TO PUBLIC;
