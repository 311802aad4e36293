#!/usr/bin/env bash
# Owns: the speed benchmark. One run, in a database of its own on the server that PGHOST, PGPORT and PGUSER name; prints
# ratios, because seconds do not travel. Rivals are interleaved (A B C, A B C, …) and the median of the rounds counts.
#
#   EVENTS=10000000 ROUNDS=3 bench/run.sh [build] [refresh] [capture]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034  # the parts read them
events=${EVENTS:-10000000} rounds=${ROUNDS:-3}
db=${BENCH_DATABASE:-tally_bench}
parts=("$@"); [ $# -gt 0 ] || parts=(build refresh capture)

# shellcheck source=bench/measure.sh
. "$here/measure.sh"
run_of "$events" 10000000 "EVENTS=$events ROUNDS=$rounds make bench"

# shellcheck source=/dev/null
for part in build refresh capture; do . "$here/$part.sh"; done

sql_version() { psql -XqAt -d postgres -c "SELECT current_setting('server_version') || ', shared_buffers ' || current_setting('shared_buffers') ||
    ', work_mem ' || current_setting('work_mem') || ', ' || current_setting('max_parallel_workers_per_gather') || ' parallel workers'"; }
echo "PostgreSQL $(sql_version); $(nproc) cores"
for part in "${parts[@]}"; do
    case $part in
        build | refresh | capture) "part_$part" ;;
        *) echo "bench/run.sh: parts are build, refresh and capture, got $part" >&2; exit 2 ;;
    esac
done
[ "${KEEP:-}" ] || psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
