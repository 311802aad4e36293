-- Attack 33: the schema tally, made before pg_tally is installed. CREATE EXTENSION takes a schema as it finds it. Who may create in the database makes it,
-- owns it then, and lays a function beside one of pg_tally's that fits a call better, such as a run_as() for tally.role.
-- As it was (commit 108f9a1) the extension was made in the attacker's schema: seen there.
SET client_min_messages = error;
SELECT current_database() AS db, :'USER' AS superuser \gset
DO $$ BEGIN CREATE ROLE tally_attacker LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
GRANT CREATE ON DATABASE :"db" TO tally_attacker;
DROP EXTENSION pg_tally CASCADE;
DROP SCHEMA IF EXISTS tally;
-- What CREATE EXTENSION says: state and hint, or 'made'.
CREATE FUNCTION public.installed() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state_ text; hint_ text; detail_ text;
BEGIN
    CREATE EXTENSION pg_tally;
    RETURN 'made';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state_ = RETURNED_SQLSTATE, detail_ = PG_EXCEPTION_DETAIL, hint_ = PG_EXCEPTION_HINT;
    RETURN state_ || CASE WHEN detail_ = '' THEN ' without detail' ELSE '' END || ': ' || split_part(hint_, '  --', 1);
END $$;
SELECT no_plan();
SET ROLE tally_attacker;
CREATE SCHEMA tally;
RESET ROLE;
SELECT is(public.installed(), '42501: ALTER SCHEMA tally OWNER TO ' || quote_ident(:'superuser') || ';', 'a schema of the attacker''s is refused');
ALTER SCHEMA tally OWNER TO :"superuser";
GRANT ALL ON SCHEMA tally TO tally_attacker;
SELECT is(public.installed(), '42501: REVOKE CREATE ON SCHEMA tally FROM tally_attacker;', 'one in which he may create, too');
GRANT ALL ON SCHEMA tally TO PUBLIC;
SET ROLE tally_attacker;
CREATE FUNCTION tally.run_as(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
RESET ROLE;
REVOKE CREATE ON SCHEMA tally FROM tally_attacker;
SELECT is(public.installed(), '42501: REVOKE CREATE ON SCHEMA tally FROM PUBLIC;', 'one in which everybody may, too');
REVOKE CREATE ON SCHEMA tally FROM PUBLIC;
SELECT is(public.installed(), '42501: DROP FUNCTION tally.run_as(pg_catalog.text);', 'and one in which something of his is');
DROP FUNCTION tally.run_as(text);
SELECT is((SELECT count(*) FROM pg_namespace n WHERE n.nspname = 'tally_internal'), 0::bigint, 'nothing was made');
-- As pg_restore finds it.
SELECT is(public.installed(), 'made', 'a superuser''s schema with nothing of others in it is taken');
SELECT * FROM finish();
