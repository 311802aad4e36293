-- Owns: who may handle the incidents of an owner: who has its rights, and whom it has let in (tally.grant_access() in s75_release).

CREATE OR REPLACE FUNCTION tally_internal._handles(role regrole, owner regrole) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._has_rights(role, owner)
        OR EXISTS (SELECT FROM tally.access a WHERE a.owner::oid = $2::oid AND tally_internal._has_rights($1, a.grantee::oid))
$$;
COMMENT ON FUNCTION tally_internal._handles(regrole, regrole) IS 'Whether a role may handle the incidents of an owner.';

CREATE OR REPLACE FUNCTION tally_internal._store_access(grantee regrole, allowed boolean, who bigint DEFAULT tally_internal._me()) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    IF NOT allowed THEN
        DELETE FROM tally.access a WHERE a.owner::oid = caller::oid AND a.grantee::oid = grantee::oid;
        RETURN FOUND;
    END IF;
    LOCK TABLE tally.access IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM tally.access a WHERE a.owner::oid = caller::oid AND a.grantee::oid = grantee::oid) THEN RETURN false; END IF;
    INSERT INTO tally.access (owner, grantee) VALUES (caller, grantee);
    RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._store_access(regrole, boolean, bigint) IS
'Lets a role handle the caller''s incidents, or no more; whether that changed. For grant_access() and revoke_access().';
