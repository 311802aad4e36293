#!/usr/bin/env bash
# Owns `make boards`: writes dashboards/grafana/<board>.json for the boards of the pack awf, from a private server.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

scripts/setup.sh
trap stop_server EXIT
run_server test "${PROFILE:-release}" postgres "fsync = off"
server_psql -q -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS tally_boards" -c "CREATE DATABASE tally_boards"
in_database() { server_psql -X -q -A -t -v ON_ERROR_STOP=1 -d tally_boards "$@"; }
PGOPTIONS="-c client_min_messages=warning" in_database -o /dev/null -c "CREATE EXTENSION pg_tally" \
    -c "SELECT tally.generate_awf(0)" -c "SELECT tally.install_pack('awf')"
boards=$(in_database -c "SELECT name FROM tally.boards ORDER BY place, name")
for board in $boards; do
    in_database -c "SELECT jsonb_pretty(tally.grafana_dashboard('$board'))" >"dashboards/grafana/$board.json"
    say "dashboards/grafana/$board.json"
done
server_psql -q -c "DROP DATABASE tally_boards"
