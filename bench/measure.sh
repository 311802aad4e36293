# Owns: how benchmarks measure. Sourced by the run.sh of each, which sets `here` (this folder), `db` and `rounds`.
# Rivals are interleaved (A B C, A B C, …) and the median of the rounds counts.
# shellcheck shell=bash disable=SC2154

# Rivals get what the engine gives itself: maintenance_work_mem for hashing, and no compilation.
memory=$(psql -XqAt -d postgres -c "SELECT greatest(pg_size_bytes(current_setting('work_mem')), pg_size_bytes(current_setting('maintenance_work_mem'))) / 1024")
sql() { PGOPTIONS="-c client_min_messages=warning -c jit=off -c work_mem=$memory" psql -XqAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }

# ms "statement": runs it in a session of its own and prints the milliseconds it took, as psql measures them.
ms() {
    # A checkpoint that another rival's writes called for must not land on this one.
    sql -c 'CHECKPOINT' -c '\timing on' -c "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -1
}
declare -A took
# note NAME MS: one more figure of NAME.
note() { took[$1]+="$2"$'\n'; printf '    %-34s %10.0f ms\n' "$1" "$2"; }
# measure NAME "statement"
measure() {
    local figure
    figure=$(ms "$2") # by itself, so that an error ends the run
    note "$1" "$figure"
}
# sum NAME PART…: the latest figures of the parts, added up.
sum() {
    local name=$1 part total=0
    shift
    for part in "$@"; do total=$(printf '%s' "${took[$part]}" | tail -1 | awk -v t="$total" '{ print t + $1 }'); done
    took[$name]+="$total"$'\n'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
of() { printf '%s' "${took[$1]}" | median; }
ratio() { awk -v a="$(of "$1")" -v b="$(of "$2")" 'BEGIN { printf "%.2f", a / b }'; }
line() { printf '%-58s %10.0f ms   %s\n' "$1" "$(of "$2")" "${3:-}"; }

fresh_database() { # events span
    psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
    sql -c 'CREATE EXTENSION pg_tally' -f "$here/hand.sql"
    printf 'loading %s events … ' "$1"
    ms "SELECT tally.generate_awf($1, until => '2025-06-01 00:00+00', span => '$2')" | awk '{ printf "%.1f s\n", $1 / 1000 }'
    sql -c 'VACUUM (ANALYZE) analytics_events'
}

span_for() { awk -v n="$1" 'BEGIN { printf "%d hours", 1080 * n / 10000000 }'; }   # the density of 10 M in 45 days
