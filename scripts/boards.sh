#!/usr/bin/env bash
# Owns `make boards`: writes the boards of all packs for other tools, from a private server: dashboards/grafana/<board>.json,
# dashboards/superset/<pack>.zip and dashboards/metabase/<pack>.tgz.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

scripts/setup.sh
trap stop_server EXIT
run_server test "${PROFILE:-release}" postgres "fsync = off"
in_database() { server_psql -X -q -A -t -v ON_ERROR_STOP=1 -d tally_boards "$@"; }
for pack in $(packs); do
    # A database for each, since their relations are in the schema public.
    server_psql -q -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS tally_boards" -c "CREATE DATABASE tally_boards"
    PGOPTIONS="-c client_min_messages=warning" in_database -o /dev/null -c "CREATE EXTENSION pg_tally" \
        -c "SELECT tally.generate_$pack(0)" -c "SELECT tally.install_pack('$pack')"
    boards=$(in_database -c "SELECT name FROM tally.boards ORDER BY place, name")
    for board in $boards; do
        in_database -c "SELECT jsonb_pretty(tally.grafana_dashboard('$board'))" >"dashboards/grafana/$board.json"
        say "dashboards/grafana/$board.json"
    done
    in_database -c "SELECT json_build_array(path, content) FROM tally.superset_files()" | scripts/bundle.py "dashboards/superset/$pack.zip"
    in_database -c "SELECT json_build_array(path, content) FROM tally.metabase_files()" | scripts/bundle.py "dashboards/metabase/$pack.tgz"
    say "dashboards/superset/$pack.zip, dashboards/metabase/$pack.tgz"
done
server_psql -q -c "DROP DATABASE tally_boards"
