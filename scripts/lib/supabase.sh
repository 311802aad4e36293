# shellcheck shell=bash
# Owns what a server looks like to a project of Supabase: the roles of the Data API, default privileges, schemas of the platform. Sourced after server.sh, for
# a server of the test's own: roles belong to the server, and other tests make them too.

# run_supabase_server PURPOSE: a server with those roles and the database "hosted".
run_supabase_server() {
    run_hosted_server "$1" hosted "fsync = off" 2>/dev/null
    server_psql -q -d postgres -v ON_ERROR_STOP=1 -c "CREATE ROLE anon NOLOGIN NOINHERIT" -c "CREATE ROLE authenticated NOLOGIN NOINHERIT" \
        -c "CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS" -c "CREATE ROLE authenticator LOGIN NOINHERIT" \
        -c "GRANT anon, authenticated, service_role TO authenticator" -c "CREATE ROLE tally_host LOGIN CREATEROLE" \
        -c "GRANT CREATE, TEMPORARY ON DATABASE hosted TO tally_host" -c "ALTER ROLE tally_host SET search_path = \"\$user\", public, extensions"
}

# as_supabase DATABASE: what a project of Supabase begins with. Whatever the developer makes in public is granted to the roles of the Data API; extensions lie
# in a schema of their own.
as_supabase() {
    server_psql -q -d "$1" -v ON_ERROR_STOP=1 <<'SQL'
GRANT ALL ON SCHEMA public TO tally_host;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE tally_host IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE tally_host IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE tally_host IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE tally_host GRANT ALL ON TABLES TO anon, authenticated;
CREATE SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO tally_host, anon, authenticated, service_role;
CREATE EXTENSION pgcrypto SCHEMA extensions;
CREATE EXTENSION "uuid-ossp" SCHEMA extensions;
CREATE EXTENSION pgtap SCHEMA extensions;
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
GRANT USAGE ON SCHEMA auth TO tally_host, anon, authenticated, service_role;
SQL
}
# run ROLE SQL: what psql says to a role.
run() {
    PGOPTIONS='-c client_min_messages=error' "$PG_LIB/bin/psql" -XAtq -v VERBOSITY=sqlstate -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U "$1" -d hosted \
        -c "$2" 2>&1 || :
}
