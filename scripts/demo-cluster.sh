#!/usr/bin/env bash
# Owns `make demo-cluster`: three private servers on this machine. Orders lie on two of them, and the third merges their rollups, watches them and opens one
# incident. What each is told is in scripts/demo-cluster/*.sql.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

scripts/setup.sh
say "building the extension and starting three private servers"
for server in north south centre; do
    use_server "demo-$server"
    remove_server
    run_server "demo-$server" "${PROFILE:-release}" "demo_$server" "shared_buffers = 128MB" "log_min_messages = warning"
    if [ $server = centre ]; then
        server_psql -q -d demo_centre -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_tally" -c "CREATE EXTENSION dblink" -c "CREATE EXTENSION postgres_fdw"
        for node in north south; do
            use_server "demo-$node"
            options="host '$SERVER_SOCKET', port '$SERVER_PORT', dbname 'demo_$node', connect_timeout '5', extensions 'pg_tally'"
            use_server demo-centre
            server_psql -q -d demo_centre -v ON_ERROR_STOP=1 -c "CREATE SERVER $node FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($options)" \
                -c "CREATE USER MAPPING FOR postgres SERVER $node OPTIONS (user 'postgres')"
        done
    else
        server_psql -q -d "demo_$server" -v ON_ERROR_STOP=1 -v node=$server -f scripts/demo-cluster/node.sql
    fi
done
tell() { # SERVER SCRIPT
    use_server "demo-$1"
    tell_story "demo_$1" -v node="$1" -f "scripts/demo-cluster/$2.sql" || die "the demo ended too early." "Its log: $SERVER_LOG"
}
tell centre story
tell south failures
tell centre incident
use_server demo-south
stop_server
tell centre down
use_server demo-south
start_server
echo
echo "   south is up again. make psql PURPOSE=demo-centre looks around; make demo-stop ends the three servers."
