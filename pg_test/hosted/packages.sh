#!/usr/bin/env bash
# Owns the proof of the forms in which platforms take the hosted edition: a migration of Supabase, which runs twice and is taken out again; an extension
# for pg_tle and dbdev, which an ordinary role creates and drops, and whose rows a dump keeps. pg_tle is not here: a function of its name and arguments
# stands in for it, and the server reads what it was given as an extension's own script.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
scripts/hosted.sh 2>/dev/null
STAMP=20260102030405 scripts/hosted_packages.sh 2>/dev/null
migration=dist/supabase/migrations/20260102030405_pg_tally.sql
folder=$SERVER_DIR/pg/share/postgresql/$PG_MAJOR/extension
trap 'rm -f "$folder"/pg_tally_hosted* "$SERVER_DIR"/given.sql "$SERVER_DIR"/hosted.dump; server_psql -q -d postgres \
    -c "DROP DATABASE IF EXISTS hosted_package WITH (FORCE)" -c "DROP DATABASE IF EXISTS hosted_restored WITH (FORCE)"' EXIT

# as ROLE SQL or FILE: what psql says.
as() {
    local what=(-c "$2")
    [ ! -r "$2" ] || what=(-1 -v ON_ERROR_STOP=1 -f "$2")
    PGOPTIONS='-c client_min_messages=notice' "$PG_LIB/bin/psql" -XAtq -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U "$1" -d hosted_package "${what[@]}" 2>&1 || :
}
fresh() {
    server_psql -q -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS hosted_package WITH (FORCE)" \
        -c "DO \$\$ BEGIN CREATE ROLE tally_host LOGIN CREATEROLE; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END \$\$" \
        -c "CREATE DATABASE hosted_package" -c "GRANT CREATE, TEMPORARY ON DATABASE hosted_package TO tally_host"
}
# What the edition is made of, in numbers and names.
made="SELECT concat_ws(' ', count(*), md5(string_agg(p.oid::regprocedure::text || md5(p.prosrc), ' ' ORDER BY p.oid::regprocedure::text COLLATE \"C\")))
    FROM pg_proc p WHERE p.pronamespace::regnamespace::text ~ '^tally'"
left="SELECT (SELECT count(*) FROM pg_namespace WHERE nspname ~ '^tally') + (SELECT count(*) FROM pg_trigger WHERE tgname ~ 'tally')
    + (SELECT count(*) FROM pg_class WHERE relname ~ 'hourly|tally')"
rollup="CREATE SCHEMA shop; CREATE TABLE shop.sales (at timestamptz NOT NULL, amount int);
    INSERT INTO shop.sales SELECT now() - i * interval '1 minute', i FROM generate_series(1, 300) i;
    DO \$\$ BEGIN PERFORM tally.create_rollup('shop.hourly', source => 'shop.sales', time_column => 'at', measures => '{\"n\": \"count(*)\"}'); END \$\$;
    SELECT sum(n) FROM shop.hourly_live"

fresh
as tally_host "dist/pg_tally-hosted--$VERSION.sql" >/dev/null
want=$(as tally_host "$made")
fresh
is "$(as tally_host "$migration" | grep -c ERROR)" 0 'a role without superuser runs the migration'
is "$(as tally_host "$made")" "$want" 'it makes what the file makes'
is "$(as tally_host "$rollup" | tail -n 1)" 300 'a rollup works'
is "$(as tally_host "$migration" | grep -o 'pg_tally .* is installed already')" "pg_tally $VERSION is installed already" \
    'the migration runs again and does nothing'
is "$(as tally_host 'SELECT sum(n) FROM shop.hourly_live')" 300 'the rollup stays'
as tally_host "CREATE OR REPLACE FUNCTION tally_internal._installed_version() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''0.0.9''::text'" >/dev/null
is "$(as tally_host "$migration" | grep -c ERROR)" 0 'it runs over another version'
is "$(as tally_host "$made")" "$want" 'and makes of it what the file makes'
is "$(as tally_host 'SELECT sum(n) FROM shop.hourly_live')" 300 'the rollup stays'
as tally_host "CREATE OR REPLACE FUNCTION tally_internal._installed_version() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''0.0.9''::text';
    CREATE OR REPLACE FUNCTION tally_internal._hosted_state() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''0''::text'" >/dev/null
is "$(as tally_host "$migration" | grep -o 'tables of the form .* expected, got 0')$(as tally_host 'SELECT tally_internal._installed_version()')" \
    "tables of the form $(sed -n "s/.*state IS DISTINCT FROM '\(.*\)' THEN/\1/p" "dist/pg_tally-hosted--$VERSION--again.sql") expected, got 00.0.9" \
    'where the tables have another form it refuses, and changes nothing'
as tally_host 'SELECT FROM tally.uninstall(really => true); DROP SCHEMA tally, tally_internal CASCADE' >/dev/null
is "$(as tally_host "$left")" 0 'it is taken out'
is "$(as tally_host 'SELECT count(*) FROM shop.sales')" 300 'the source is whole'

fresh
server_psql -q -d hosted_package -c "CREATE SCHEMA pgtle" -c "CREATE TABLE pgtle.given (name text, version text, description text, ext text, requires text[])" \
    -c "CREATE FUNCTION pgtle.install_extension(name text, version text, description text, ext text, requires text[] DEFAULT NULL) RETURNS boolean
        LANGUAGE sql AS 'INSERT INTO pgtle.given VALUES (\$1, \$2, \$3, \$4, \$5); SELECT true'" -f "dist/pg_tle/pg_tally_hosted--$VERSION.sql" >/dev/null
server_psql -Atq -d hosted_package -c "SELECT ext FROM pgtle.given WHERE name = 'pg_tally_hosted' AND version = '$VERSION'" >"$SERVER_DIR/given.sql"
is "$(sed -e '1{/^$/d}' -e '${/^$/d}' "$SERVER_DIR/given.sql" | sha256sum)" \
    "$(sed '${/^$/d}' "dist/dbdev/pg_tally_hosted/pg_tally_hosted--$VERSION.sql" | sha256sum)" 'pg_tle gets the script of the folder for dbdev'
install -m 644 "$SERVER_DIR/given.sql" "$folder/pg_tally_hosted--$VERSION.sql"
install -m 644 dist/dbdev/pg_tally_hosted/pg_tally_hosted.control "$folder/"
is "$(as tally_host 'CREATE EXTENSION pg_tally_hosted' | grep -c ERROR)" 0 'a role without superuser creates the extension'
is "$(as tally_host "$made")" "$want" 'it is what the file makes'
is "$(as tally_host "$rollup" | tail -n 1)" 300 'a rollup works there, too'
as tally_host 'CALL tally.backfill($$shop.hourly$$)' >/dev/null
"$PG_LIB/bin/pg_dump" -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -Fc hosted_package -N pgtle -f "$SERVER_DIR/hosted.dump" 2>/dev/null
server_psql -q -d postgres -c "CREATE DATABASE hosted_restored" -c "GRANT CREATE, TEMPORARY ON DATABASE hosted_restored TO tally_host"
is "$("$PG_LIB/bin/pg_restore" -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -d hosted_restored "$SERVER_DIR/hosted.dump" 2>&1 | grep -c 'error:')" 0 \
    'a dump of it is restored'
is "$(server_psql -Atq -d hosted_restored -c "SELECT r.name, (SELECT sum(n) FROM shop.hourly_live) FROM tally.rollups r")" 'hourly|300' \
    'with its definitions and data'
as tally_host 'SELECT FROM tally.uninstall(really => true); DROP EXTENSION pg_tally_hosted CASCADE' >/dev/null
is "$(as tally_host "$left")" 0 'it is dropped as an extension'
done_testing
