#!/usr/bin/env bash
# Owns: what grows with the number of definitions, partitions, incidents and rows: hundreds and thousands of each, beside the aim. One run in a
# database of its own on the server that PGHOST, PGPORT and PGUSER name. PARTS="status thresholds …" measures only those.
#
#   make bench-growth
set -euo pipefail
db=${BENCH_DATABASE:-tally_bench_growth}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
parts=${PARTS:-status thresholds incidents partitions noindex returns}

sql() { PGOPTIONS='-c client_min_messages=error' psql -XqAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }
# timed LABEL AIM STATEMENT…: the milliseconds of the last statement, the best of three sessions where TRIES says nothing else.
timed() {
    local label=$1 aim=$2 best='' ms try
    shift 2
    for ((try = 0; try < ${TRIES:-3}; try++)); do
        ms=$(sql -c '\timing on' "${@/#/-c}" | awk '/^Time:/ { ms = $2 } END { printf "%.1f", ms }')
        if [ -z "$best" ] || awk -v a="$ms" -v b="$best" 'BEGIN { exit !(a < b) }'; then best=$ms; fi
    done
    printf '%-78s %10.1f ms   aim %s\n' "$label" "$best" "$aim"
}

for part in $parts; do
    psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
    sql -c 'CREATE EXTENSION pg_tally' >/dev/null
    # shellcheck source=/dev/null
    . "$here/$part.sh"
done
[ "${KEEP:-}" ] || psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
