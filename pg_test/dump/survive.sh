#!/usr/bin/env bash
# Owns "portable state": pg_dump and restore into a new cluster (as a script, and as an archive restored by two jobs), and a
# physical copy each keep definitions, data, marks and progress. Before any refresh the live views
# are exact, capture goes on, and the next refresh is exact.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

settings=("fsync = off" "shared_buffers = 64MB" "max_connections = 20" "log_min_messages = warning")
clean() { for purpose in restored copied dumped; do use_server $purpose; remove_server; done; }
for purpose in restored copied dumped; do use_server $purpose; remove_server; done
trap clean EXIT
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -Atq -v ON_ERROR_STOP=1 "$@"; }
# What a user of the server's tools does, by the server's own user: dump, restore, copy.
tool() { as_server "$SERVER_BIN/$1" -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres "${@:2}"; }

# survived DATABASE HOW: state, live views, capture, refresh, and a new definition.
survived() {
    is "$(sql -d "$1" -c 'SELECT * FROM state()')" "$before" "$2: definitions, stored rows, marks, progress, incidents and log are the same"
    is "$(sql -d "$1" -c "SELECT * FROM differences('_live')")" "" "$2: live views are exact before any refresh"
    sql -d "$1" -c "INSERT INTO events (at, kind, actor, amount) VALUES ('2026-02-03 04:05+00', 'new', 99, 12)" -c "DELETE FROM events WHERE id = 40" \
        -c "INSERT INTO \"Odd schema\".\"Parts\" VALUES ('2030-01-01', 3)"
    is "$(sql -d "$1" -c "SELECT * FROM differences('_live')")" "" "$2: capture goes on"
    is "$(sql -d "$1" -c "CALL tally.backfill()" -c "SELECT * FROM differences('')")" "" "$2: the next refresh is exact"
    is "$(sql -d "$1" -c "SELECT value, source FROM tally.settings WHERE name = 'tally.keep_runs'")" '20 days|stored' "$2: a stored setting is in force"
    is "$(sql -d "$1" -c "SELECT owner::text FROM tally.rollups WHERE name = 'mine'")" analyst "$2: a definition has its owner"
    is "$(sql -d "$1" -c "SELECT * FROM tally.evaluate('2026-03-01 12:00Z')" -c "SELECT count(*) FROM tally.incidents" | tail -n 1)" 1 \
        "$2: the tick that was evaluated opens no second incident"
    is "$(sql -d "$1" -c "SELECT tally.create_rollup('late', 'events', 'at', '1 day', '[]', '{\"n\": \"count(*)\"}', with_data => true)" \
        -c "SELECT sum(n) = (SELECT count(*) FROM events WHERE isfinite(at)) FROM late" | tail -n 1)" \
        t "$2: numbers go on, so a new definition can be made"
}

run_server dumped "${PROFILE:-release}" postgres "${settings[@]}"
sql -d postgres -c "CREATE DATABASE origin"
sql -d origin -c "CREATE EXTENSION pg_tally" -f pg_test/dump/schema.sql -c "SELECT tally.set('tally.keep_runs', '20 days')" >/dev/null
before=$(sql -d origin -c 'SELECT * FROM state()')
is "$(sql -d origin -c "SELECT count(*) > 0 FROM tally.dirty" -c "SELECT count(*) > 0 FROM tally.dirty_ranges WHERE batch IS NOT NULL" | tr '\n' ' ')" "t t " \
    "marks and a half-done backfill are left on purpose"

# The physical copy first: the origin is as it was.
dumped_socket=$SERVER_SOCKET dumped_port=$SERVER_PORT dumped_bin=$SERVER_BIN dumped_dir=$SERVER_DIR
use_server copied
make_prefix
install -m 755 "$dumped_dir/pg/lib/postgresql/$PG_MAJOR/lib/pg_tally.so" "$SERVER_DIR/pg/lib/postgresql/$PG_MAJOR/lib/"
install -m 644 "$dumped_dir/pg/share/postgresql/$PG_MAJOR/extension/"pg_tally* "$SERVER_DIR/pg/share/postgresql/$PG_MAJOR/extension/"
if as_server "$dumped_bin/pg_basebackup" -h "$dumped_socket" -p "$dumped_port" -U postgres -D "$SERVER_DATA" -X stream --checkpoint=fast --no-sync; then
    choose_socket_dir
    write_settings postgres "${settings[@]}"
    start_server
    survived origin "pg_basebackup"
    stop_server
else
    not_ok "pg_basebackup runs"
fi

# Both kinds of dump, into another cluster.
use_server dumped
as_server mkdir -p "$SERVER_DIR/dumps"
dumps=$SERVER_DIR/dumps
# pg_dump warns that a rollup may stand on a rollup; one COPY takes them all, so that is no obstacle.
tool pg_dump -d origin -f "$dumps/script.sql" 2>/dev/null
tool pg_dump -d origin -Fd -f "$dumps/archive" -j 2 2>/dev/null
run_server restored "${PROFILE:-release}" postgres "${settings[@]}"
sql -d postgres -c "CREATE ROLE analyst" -c "CREATE DATABASE script" -c "CREATE DATABASE archive"
is "$(as_server cat "$dumps/script.sql" | sql -d script 2>&1 | grep -E '^(psql|ERROR|WARNING)')" "" "the script of pg_dump restores without a word"
survived script "pg_dump and psql"
# Jobs restore the data of tables in any order, but for pg_tally's own tables, which point at each other, order matters
# (PostgreSQL keeps no order among an extension's tables in an archive): they come first, by one job.
restore() { as_server "$SERVER_BIN/pg_restore" -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -d archive --exit-on-error "$@" "$dumps/archive" 2>&1; }
is "$(restore --section=pre-data; restore --section=data -n tally; restore --section=data -N tally -j 2; restore --section=post-data -j 2)" "" \
    "the archive of pg_dump restores by two jobs without a word"
survived archive "pg_restore -j 2"
stop_server
done_testing
