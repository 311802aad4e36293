#!/usr/bin/env bash
# Owns `make bench…`: runs a benchmark on a private server made for measuring (release build, one connection at a time,
# two parallel workers). `scripts/bench.sh bench/run.sh [argument…]`; the benchmark finds the server through PGHOST and so on.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

[ $# -gt 0 ] && [ -f "$1" ] || die "there is no benchmark '${1:-}'." "There are: $(find bench -name run.sh | sort | tr '\n' ' ')"
scripts/setup.sh peers
say "building the extension and starting a private server for measurements"
# The prefix is linked anew, for peers that may have been installed just now.
use_server bench
rm -rf "$SERVER_DIR/pg"
run_server bench release bench "shared_buffers = $(server_memory_mb 5 4096)MB" "work_mem = 256MB" \
    "maintenance_work_mem = 1GB" "effective_cache_size = $(server_memory_mb 2 16384)MB" "max_wal_size = 16GB" \
    "checkpoint_timeout = 30min" "random_page_cost = 1.1" "max_parallel_workers_per_gather = 2" "autovacuum = off" \
    "log_min_messages = warning"
trap stop_server EXIT
server_psql -q -d bench -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" \
    -c "DROP EXTENSION IF EXISTS pg_tally CASCADE" -c "CREATE EXTENSION pg_tally"
export PGHOST=$SERVER_SOCKET PGPORT=$SERVER_PORT PGUSER=postgres PGDATABASE=bench PATH="$PG_LIB/bin:$PATH"
bash "$@"
