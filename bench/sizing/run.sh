#!/usr/bin/env bash
# Owns the figures of docs/sizing.md: what a rollup costs in disk, WAL, memory and planning. One run in a database of its own on
# the server that PGHOST, PGPORT and PGUSER name; prints the tables of that page.
#
#   EVENTS=1000000 bench/sizing/run.sh
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
db=${BENCH_DATABASE:-tally_bench_sizing}
psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
PGOPTIONS='-c client_min_messages=warning -c jit=off' psql -Xq -d "$db" -v ON_ERROR_STOP=1 -v events="${EVENTS:-1000000}" \
    -P format=unaligned -P fieldsep=' | ' -P footer=off -t -f "$here/sizing.sql"
[ "${KEEP:-}" ] || psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
