-- Owns: who may handle the incidents of an owner: who has its rights, and whom it has let in (tally.grant_access() in s75_release).

CREATE OR REPLACE FUNCTION tally_internal._handles(role regrole, owner regrole) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._has_rights(role, owner)
        OR EXISTS (SELECT FROM tally.access a WHERE a.owner::oid = $2::oid AND tally_internal._has_rights($1, a.grantee::oid))
$$;
COMMENT ON FUNCTION tally_internal._handles(regrole, regrole) IS 'Whether a role may handle the incidents of an owner.';

CREATE OR REPLACE FUNCTION tally_internal._administers(role regrole, owner regrole) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._has_rights(role, owner)
        OR EXISTS (SELECT FROM tally.access a WHERE a.owner::oid = $2::oid AND a.role = 'admin' AND tally_internal._has_rights($1, a.grantee::oid))
$$;
COMMENT ON FUNCTION tally_internal._administers(regrole, regrole) IS 'Whether a role may export what an owner has.';

CREATE OR REPLACE FUNCTION tally_internal._store_access(grantee regrole, role text, who bigint DEFAULT tally_internal._me()) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    IF role IS NULL THEN
        DELETE FROM tally.access a WHERE a.owner::oid = caller::oid AND a.grantee::oid = grantee::oid;
        RETURN FOUND;
    END IF;
    -- Two grants of one owner to one role at the same moment wait for each other, and for nobody else's. Who is an admin already is no less for being let
    -- in as an editor too.
    INSERT INTO tally.access AS a (owner, grantee, role) VALUES (caller, grantee, role)
    ON CONFLICT ((a.owner::oid), (a.grantee::oid)) WHERE a.owner::oid <> 0::oid AND a.grantee::oid <> 0::oid
    DO UPDATE SET role = excluded.role WHERE a.role = 'editor' AND excluded.role = 'admin';
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION tally_internal._store_access(regrole, text, bigint) IS
'Lets a role handle the caller''s incidents and thresholds (editor), export too (admin), or no more (null); whether that changed. For grant_access() and '
'revoke_access().';
