-- Owns: who sees releases, what has been published, and the proofs.

ALTER TABLE tally.releases DISABLE ROW LEVEL SECURITY;
ALTER TABLE tally.released_buckets ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.released_buckets;
CREATE POLICY owner_sees ON tally.released_buckets FOR SELECT USING (tally_internal._has_rights_of(owner));
ALTER TABLE tally.release_proofs ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.release_proofs;
CREATE POLICY owner_sees ON tally.release_proofs FOR SELECT
    USING (EXISTS (SELECT FROM tally.releases r WHERE r.id = release_id AND tally_internal._has_rights_of(r.owner)));
ALTER TABLE tally.release_witnesses ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.release_witnesses;
CREATE POLICY owner_sees ON tally.release_witnesses FOR SELECT
    USING (EXISTS (SELECT FROM tally.releases r WHERE r.id = release_id AND tally_internal._has_rights_of(r.owner)));
GRANT SELECT ON tally.releases, tally.released_buckets, tally.release_proofs, tally.release_witnesses TO PUBLIC;

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.releases FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT ON tally.released_buckets FOR EACH ROW WHEN (NEW.state = 'refused') EXECUTE FUNCTION tally_internal._audit();
