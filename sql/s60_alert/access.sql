-- Owns: who may handle the incidents of an owner: who has its rights, and whom it has let in (tally.grant_access() in s75_release).

CREATE OR REPLACE FUNCTION tally_internal._threshold_schema(id int) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT t.schema FROM tally.thresholds t WHERE t.id = $1 $$;
COMMENT ON FUNCTION tally_internal._threshold_schema(int) IS
'The schema of a threshold, for those too who are let in to handle its incidents and do not see it.';

CREATE OR REPLACE FUNCTION tally_internal._handles(role regrole, owner regrole, schema text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._has_rights(role, owner)
        OR EXISTS (SELECT FROM tally.access a WHERE a.owner::oid = $2::oid AND a.role IN ('editor', 'admin') AND a.schema IN ('', COALESCE($3, ''))
                      AND tally_internal._has_rights($1, a.grantee::oid))
$$;
COMMENT ON FUNCTION tally_internal._handles(regrole, regrole, text) IS
'Whether a role may handle the incidents of an owner in a schema; null: those of thresholds that are gone, which are for who was let in to all.';

CREATE OR REPLACE FUNCTION tally_internal._administers(role regrole, owner regrole, schema text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._has_rights(role, owner)
        OR EXISTS (SELECT FROM tally.access a WHERE a.owner::oid = $2::oid AND a.role = 'admin' AND a.schema IN ('', $3)
                      AND tally_internal._has_rights($1, a.grantee::oid))
$$;
COMMENT ON FUNCTION tally_internal._administers(regrole, regrole, text) IS 'Whether a role may export what an owner has in a schema.';

CREATE OR REPLACE FUNCTION tally_internal._access_rank(role text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.array_position('{viewer,editor,admin}'::text[], role);
COMMENT ON FUNCTION tally_internal._access_rank(text) IS 'How much access a role of tally.access is: 1 viewer, 2 editor, 3 admin.';

CREATE OR REPLACE FUNCTION tally_internal._store_access(grantee regrole, role text, schema text, who bigint DEFAULT tally_internal._me())
    RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    handled boolean;
BEGIN
    IF role IS NULL THEN
        WITH gone AS (DELETE FROM tally.access a WHERE a.owner::oid = caller::oid AND a.grantee::oid = grantee::oid RETURNING a.role)
        SELECT bool_or(g.role <> 'viewer') INTO handled FROM gone g;
        RETURN COALESCE(handled, false);
    END IF;
    -- Two grants of one owner to one role at the same moment wait for each other, and for nobody else's. Who is an admin already is no less for being let
    -- in as an editor too.
    INSERT INTO tally.access AS a (owner, grantee, role, schema) VALUES (caller, grantee, role, schema)
    ON CONFLICT ((a.owner::oid), (a.grantee::oid), (a.schema)) WHERE a.owner::oid <> 0::oid AND a.grantee::oid <> 0::oid
    DO UPDATE SET role = excluded.role WHERE tally_internal._access_rank(a.role) < tally_internal._access_rank(excluded.role);
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION tally_internal._store_access(regrole, text, text, bigint) IS
'Lets a role in to what the caller has in a schema, or (schema empty) in all: as a viewer, editor or admin; role null: to nothing more. Whether that changed, '
'and for null whether it could handle incidents. For grant_access() and revoke_access().';
