#!/usr/bin/env bash
# Owns `make demo`: from nothing to an incident on a private server with the real pg_cron. What is shown is the pack's:
# sql/packs/<pack>/demo/*.sql, run in order in one psql session
# after sql/packs/demo/begin.sql.
#
#   EVENTS=10000000   how many events to make (default 1000000)
#   PACK=awf          which pack to show
#   KERNEL=sql        the hosted edition: a server without the library of pg_tally, installed and shown by an ordinary role
#   TCP_PORT=5433     open 127.0.0.1:5433 too, for Grafana and the like, with a password (default: the socket only)

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

pack=${PACK:-awf}
events=${EVENTS:-1000000}
shopt -s nullglob
scripts=("sql/packs/$pack/demo/"*.sql)
shopt -u nullglob
[ ${#scripts[@]} -gt 0 ] || die "pack '$pack' has no demo." "There are: $(cd sql/packs && dirname -- */demo | tr '\n' ' ')"
[[ $events =~ ^[1-9][0-9]*$ ]] || die "EVENTS must be a whole number above 0, got '$events'." "make demo EVENTS=1000000"
[[ ${TCP_PORT:-1} =~ ^[1-9][0-9]*$ ]] || die "TCP_PORT must be a port number, got '$TCP_PORT'." "make demo TCP_PORT=5433"

scripts/setup.sh
say "building the extension and starting a private server"
use_server demo
# A demo begins with nothing, so that it shows the same each time.
remove_server
settings=("shared_buffers = $(server_memory_mb 8 1024)MB" "work_mem = 64MB" "maintenance_work_mem = $(server_memory_mb 16 512)MB"
    "max_wal_size = 4GB" "random_page_cost = 1.1" "log_min_messages = warning")
if [ -n "${TCP_PORT:-}" ]; then
    mkdir -p "$SERVER_DIR" && echo "$TCP_PORT" >"$SERVER_DIR/port"
    settings+=("listen_addresses = '127.0.0.1'")
fi
if [ "${KERNEL:-rust}" = sql ]; then
    scripts/hosted.sh
    run_hosted_server demo demo "${settings[@]}"
    # What a platform's operator does: the clock, a role without superuser that may use it, and a reader of the story whom it may speak for.
    server_psql -q -d demo -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_cron" -c "CREATE ROLE tally_host LOGIN CREATEROLE" \
        -c "CREATE ROLE demo_reader" -c "GRANT demo_reader TO tally_host" \
        -c "GRANT USAGE ON SCHEMA cron TO tally_host" -c "GRANT CREATE, TEMPORARY ON DATABASE demo TO tally_host" -c "GRANT ALL ON SCHEMA public TO tally_host"
    put_hosted demo
    STORY_ROLE=tally_host
else
    run_server demo release demo "${settings[@]}"
    server_psql -q -d demo -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_cron" -c "CREATE EXTENSION pg_tally"
fi
arguments=(-f sql/packs/demo/begin.sql)
for script in "${scripts[@]}"; do arguments+=(-f "$script"); done
tell_story demo -v EVENTS="$events" "${arguments[@]}" ||
    die "the demo ended too early." "The server is still up: make psql" "Its log: $SERVER_LOG"

if [ -n "${TCP_PORT:-}" ]; then
    password=$(head -c 15 /dev/urandom | base64 | tr '+/' 'xy')
    server_psql -q -d demo -v ON_ERROR_STOP=1 <<SQL
CREATE ROLE dashboard LOGIN PASSWORD '$password';
GRANT pg_read_all_data TO dashboard;
SQL
    echo "Grafana and others: host 127.0.0.1:$TCP_PORT, database demo, user dashboard, password $password, no TLS"
fi
# What the story told, to look at.
page=$RUN/demo.html
board=$(server_psql -XqAt -d demo -c "SELECT name FROM tally.boards ORDER BY place, name LIMIT 1")
if [ -n "$board" ]; then
    server_psql -XqAt -d demo -v ON_ERROR_STOP=1 -c "SELECT tally.page('$board')" >"$page"
    echo "The board $board as a page: file://$page"
fi
echo "The boards for Grafana: $ROOT/dashboards/grafana (beside it those for Superset and Metabase)"
echo "make psql connects you; make demo-stop ends the server."
