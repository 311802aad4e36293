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
# timed LABEL AIM STATEMENT…: the milliseconds of the last statement, and those of its backend's processor, which say more on a busy machine; the best of
# three sessions where TRIES says nothing else.
timed() {
    local label=$1 aim=$2 best='' cpu='' ms own try now="SELECT 'own ' || split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)"
    shift 2
    set -- "${@/#/-c}"
    for ((try = 0; try < ${TRIES:-3}; try++)); do
        read -r ms own < <(sql -c '\timing on' "${@:1:$#-1}" -c "$now" "${!#}" -c "$now" |
            awk '/^own / { own[n++] = $2 } /^Time:/ { ms[k++] = $2 } END { printf "%.1f %.1f\n", ms[k - 2], (own[n - 1] - own[n - 2]) / 1e6 }')
        if [ -z "$best" ] || awk -v a="$ms" -v b="$best" 'BEGIN { exit !(a < b) }'; then best=$ms cpu=$own; fi
    done
    printf '%-78s %10.1f ms %10.1f ms of CPU   aim %s\n' "$label" "$best" "$cpu" "$aim"
}

for part in $parts; do
    psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
    sql -c 'CREATE EXTENSION pg_tally' >/dev/null
    # shellcheck source=/dev/null
    . "$here/$part.sh"
done
[ "${KEEP:-}" ] || psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
