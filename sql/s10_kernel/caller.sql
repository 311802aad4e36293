-- Owns: who is calling, and what is pg_tally's own. A SECURITY DEFINER function that must know has a last argument "who bigint DEFAULT tally_internal._me()":
-- PostgreSQL evaluates the default as the caller, before it switches to the function's owner. The function redeems the ticket.
--
-- current_user inside is the extension's owner; session_user and the setting "role" name somebody else under pg_cron, in run_as()
-- and in SECURITY DEFINER functions of others.

CREATE OR REPLACE FUNCTION tally_internal._current_role() RETURNS regrole
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_current_role';
COMMENT ON FUNCTION tally_internal._current_role() IS
'The current user by its OID. A cast of current_user to regrole would fold the case of a name and take digits for a number.';

CREATE OR REPLACE FUNCTION tally_internal._me() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tally_me';
COMMENT ON FUNCTION tally_internal._me() IS
'A ticket that proves to the engine who calls it: a random number, good once and until the transaction ends, in this session. The default of the argument '
'who; leave that out.';

CREATE OR REPLACE FUNCTION tally_internal._redeem(ticket bigint) RETURNS regrole
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tally_redeem';
COMMENT ON FUNCTION tally_internal._redeem(bigint) IS
'The role that a ticket of tally_internal._me() was drawn for, once; 42501 for any other number. For SECURITY DEFINER functions, those of packs too: who has '
    'drawn a '
'ticket may redeem it.';

CREATE OR REPLACE FUNCTION tally_internal._caller(who bigint) RETURNS regrole
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role regrole := tally_internal._redeem(who);
BEGIN
    -- The audit names the role. The calling function has a SET clause for this setting, so the value ends with that function.
    PERFORM set_config('tally.actor', role::oid::text, true);
    RETURN role;
END $$;
COMMENT ON FUNCTION tally_internal._caller(bigint) IS
'The role that calls a SECURITY DEFINER function, by its ticket who; an error where the ticket proves nobody. The calling function has the clause SET '
'tally.actor = ''''.';
REVOKE ALL ON FUNCTION tally_internal._caller(bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._has_rights(role regrole, owner regrole) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT pg_catalog.pg_has_role(role::pg_catalog.oid, owner::pg_catalog.oid, 'USAGE') $$;
COMMENT ON FUNCTION tally_internal._has_rights(regrole, regrole) IS 'Whether a role has the rights of an owner.';

CREATE OR REPLACE FUNCTION tally_internal._has_rights_of(owner regrole) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT pg_catalog.pg_has_role(owner::pg_catalog.oid, 'USAGE') $$;
COMMENT ON FUNCTION tally_internal._has_rights_of(regrole) IS 'Whether the current role has the rights of an owner.';

CREATE OR REPLACE FUNCTION tally_internal._caller_path() RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tally_caller_path';
COMMENT ON FUNCTION tally_internal._caller_path() IS
'The search_path of whoever called the engine: its functions pin their own, which is passed over. A function that pins the same path writes names with '
'their schema.';

CREATE OR REPLACE FUNCTION tally_internal._path_said(schema text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT format('search_path = %I', schema) $$;
COMMENT ON FUNCTION tally_internal._path_said(text) IS 'What stands behind SET, so that _caller_path() is this schema.';

CREATE OR REPLACE FUNCTION tally_internal._look_along(path text) RETURNS text
LANGUAGE sql VOLATILE AS $$ SELECT NULL::pg_catalog.text $$;
COMMENT ON FUNCTION tally_internal._look_along(text) IS
'Makes the search_path of the calling function that of the caller for what it calls, until it gives back what this returns; null where that is so anyway.';

CREATE OR REPLACE FUNCTION tally_internal._is_part(class oid, object oid) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
                    WHERE d.classid = class AND d.objid = object AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
$$;
COMMENT ON FUNCTION tally_internal._is_part(oid, oid) IS
'Whether an object (its catalogue and its number) is one that pg_tally brought, and no one else''s.';

CREATE OR REPLACE FUNCTION tally_internal._is_trusted(role oid) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$ SELECT EXISTS (SELECT FROM pg_roles o WHERE o.oid = role AND o.rolsuper) $$;
COMMENT ON FUNCTION tally_internal._is_trusted(oid) IS 'Whether readers run a role''s functions anyhow: a superuser''s, whose pg_tally is.';

CREATE OR REPLACE FUNCTION tally_internal._installed_version() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_tally' $$;
COMMENT ON FUNCTION tally_internal._installed_version() IS 'The version of pg_tally in this database.';
