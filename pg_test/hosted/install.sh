#!/usr/bin/env bash
# Owns the proof that the hosted edition comes and goes as an ordinary role: it is installed once, refuses a second time in words, lets no stranger in, and
# leaves nothing behind when it is taken out.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

use_server test
scripts/hosted.sh 2>/dev/null
database=hosted_install
install_hosted $database
trap 'server_psql -q -d postgres -c "DROP DATABASE IF EXISTS hosted_install WITH (FORCE)" -c "DROP ROLE IF EXISTS hosted_stranger"' EXIT
server_psql -q -d postgres -c "SET client_min_messages = warning" -c "DROP ROLE IF EXISTS hosted_stranger" -c "CREATE ROLE hosted_stranger LOGIN"

# run ROLE SQL: what psql says, with SQLSTATEs.
run() {
    PGOPTIONS='-c client_min_messages=warning' "$PG_LIB/bin/psql" -XAtq -v VERBOSITY=verbose -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U "$1" \
        -d $database -c "$2" 2>&1
}
n=0
# is NAME WANTED GOT: the pattern is found in what was said.
is() {
    n=$((n + 1))
    if grep -qE -- "$2" <<<"$3"; then echo "ok $n - $1"; else
        echo "not ok $n - $1"
        printf '# wanted %s, got\n' "$2"
        head -n 5 <<<"$3" | cut -c 1-200 | sed 's/^/# /'
    fi
}
echo "1..15"
is 'its owner is no superuser' '^f$' "$(run tally_host 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')"
is 'it is no extension and has no library' '^0$' "$(run tally_host "SELECT (SELECT count(*) FROM pg_extension WHERE extname = 'pg_tally')
    + (SELECT count(*) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname = 'c' AND p.pronamespace::regnamespace::text ~ '^tally')")"
is 'each function without a body of its own is listed' '^t$' "$(run tally_host "SELECT count(*) FILTER (WHERE p.prosrc ~
    '^ BEGIN PERFORM tally_internal._missing') = (SELECT count(*) FROM tally.hosted_missing WHERE name NOT LIKE 'tally.sessionize%')
    FROM pg_proc p WHERE p.pronamespace::regnamespace::text ~ '^tally'")"
is 'and refuses in words' 'ERROR:  0A000: tally_internal._sequence_trans' \
    "$(run tally_host "SELECT tally.sequence_events(now(), true)")"
is 'a second installation is refused' 'ERROR:  42P06: the schema tally' \
    "$("$PG_LIB/bin/psql" -XAtq -1 -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U tally_host -d $database \
        -f "dist/pg_tally-hosted--$VERSION.sql" 2>&1)"
run tally_host "CREATE SCHEMA shop; CREATE TABLE shop.sales (at timestamptz NOT NULL, amount int);
    INSERT INTO shop.sales SELECT now() - i * interval '1 minute', i FROM generate_series(1, 300) i" >/dev/null
run tally_host "SELECT tally.create_rollup('shop.hourly', source => 'shop.sales', time_column => 'at', measures => '{\"n\": \"count(*)\"}')" >/dev/null
is 'a rollup is exact live' '^300$' "$(run tally_host 'SELECT sum(n) FROM shop.hourly_live')"
is 'a stranger reads no rollup' 'ERROR:  42501' "$(run hosted_stranger 'SELECT * FROM shop.hourly')"
is 'writes no catalogue' 'ERROR:  42501' "$(run hosted_stranger 'DELETE FROM tally.rollups')"
is 'and no marks' 'ERROR:  42501' "$(run hosted_stranger "INSERT INTO tally.dirty VALUES (1, now())")"
is 'draws no ticket as somebody else' 'ERROR:  42501' "$(run hosted_stranger "INSERT INTO tally_internal.tickets (ticket, role) VALUES (5, 'tally_host')")"
is 'and forges none' 'ERROR:  42501: the ticket proves nobody' \
    "$(run hosted_stranger "SELECT tally_internal._redeem(-(SELECT oid::bigint FROM pg_roles WHERE rolname = 'tally_host'))")"
is 'nor in a read-only transaction' 'ERROR:  42501: the ticket proves nobody' \
    "$(run hosted_stranger "BEGIN READ ONLY; SELECT tally_internal._redeem(-(SELECT oid::bigint FROM pg_roles WHERE rolname = 'tally_host'))")"
is 'a source of another owner is refused' 'ERROR:  42501: rollup' \
    "$(server_psql -q -d $database -c 'CREATE TABLE shop.foreign_ (at timestamptz); GRANT ALL ON shop.foreign_ TO tally_host'
    run tally_host "SELECT tally.create_rollup('shop.f', source => 'shop.foreign_', time_column => 'at', measures => '{\"n\": \"count(*)\"}')")"
run tally_host 'SELECT count(*) FROM tally.uninstall(really => true)' >/dev/null
run tally_host 'DROP SCHEMA tally, tally_internal CASCADE' >/dev/null
is 'it is taken out' '^0$' "$(run tally_host "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname ~ 'tally')
    + (SELECT count(*) FROM pg_namespace WHERE nspname ~ '^tally') + (SELECT count(*) FROM pg_class WHERE relname ~ 'hourly|tally')")"
is 'and the source is whole' '^300$' "$(run tally_host 'SELECT count(*) FROM shop.sales')"
