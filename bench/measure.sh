# Owns: how benchmarks measure. Sourced by the run.sh of each, which sets `here` (this folder), `db` and `rounds`.
# Rivals are interleaved (A B C, A B C, …) and the median of the rounds counts.
# shellcheck shell=bash disable=SC2154
# shellcheck source=bench/table.sh
. "$(dirname "${BASH_SOURCE[0]}")/table.sh"

# Rivals get what the engine gives itself: maintenance_work_mem for hashing, and no compilation.
memory=$(psql -XqAt -d postgres -c "SELECT greatest(pg_size_bytes(current_setting('work_mem')), pg_size_bytes(current_setting('maintenance_work_mem'))) / 1024")
sql() { PGOPTIONS="-c client_min_messages=warning -c jit=off -c work_mem=$memory" psql -XqAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }

# ms "statement": runs it in a session of its own and prints the milliseconds it took, as psql measures them.
ms() {
    # A checkpoint that another rival's writes called for must not land on this one.
    sql -c 'CHECKPOINT' -c '\timing on' -c "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -1
}
# The milliseconds of processor time that this session has used so far, and all sessions and parallel workers of the server that have ended.
cpu="SELECT split_part(pg_read_file('/proc/' || pg_backend_pid() || '/schedstat'), ' ', 1)::numeric / 1e6 + (ended[14]::numeric + ended[15]::numeric) * 10
       FROM (SELECT regexp_split_to_array(split_part(
                 pg_read_file('/proc/' || split_part(pg_read_file('postmaster.pid'), E'\\n', 1) || '/stat'), ') ', 2), ' ')) s (ended)"
declare -A took cpu_of
# note NAME MS [CPU]: one more figure of NAME.
note() {
    took[$1]+="$2"$'\n'
    [ -z "${3:-}" ] || cpu_of[$1]+="$3"$'\n'
    printf '    %-34s %10.0f ms%s\n' "$1" "$2" "${3:+$(printf '%10.0f ms of CPU' "$3")}"
}
# measure NAME "statement"
measure() {
    local figures
    # By itself, so that an error ends the run.
    # A session that has ended is counted once its process is gone, which takes longer the more memory it had: the one before must not count here.
    figures=$(sql -c CHECKPOINT -c 'SELECT pg_sleep(1)' -c "$cpu" -c '\timing on' -c "$2" -c '\timing off' -c "$cpu")
    # shellcheck disable=SC2046  # two numbers
    note "$1" $(awk '/^Time: / { ms = $2 } { first = first == "" ? $1 : first; last = $1 } END { print ms, last - first }' <<<"$figures")
}
# sum NAME PART…: the latest figures of the parts, added up.
sum() {
    local name=$1 part total=0 cpu=0
    shift
    for part in "$@"; do
        total=$(printf '%s' "${took[$part]}" | tail -1 | awk -v t="$total" '{ print t + $1 }')
        cpu=$(printf '%s' "${cpu_of[$part]}" | tail -1 | awk -v t="$cpu" '{ print t + $1 }')
    done
    took[$name]+="$total"$'\n'
    cpu_of[$name]+="$cpu"$'\n'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
of() { printf '%s' "${took[$1]}" | median; }
ms_of() { printf %.0f "$(of "$1")"; }
ratio() { awk -v a="$(of "$1")" -v b="$(of "$2")" 'BEGIN { printf "%.2f", a / b }'; }
# cpu_ms NAME: the median of its processor time, where it was taken.
cpu_ms() { [ -z "${cpu_of[$1]:-}" ] || printf '%s' "${cpu_of[$1]}" | median | awk '{ printf "%.0f", $1 }'; }
# table_line TEXT NAME [BASE [AIM]]: a row of a table: milliseconds, those of processor time, how often BASE goes into it, and the aim of that.
table_line() {
    local times=''
    [ -z "${3:-}" ] || times=$(judged "$(ratio "$2" "$3")" "${4:-}")
    table_row "$1" "$(thousands "$(ms_of "$2")")" "$(thousands "$(cpu_ms "$2")")" "$times" "${4:-}"
}

fresh_database() { # events span
    psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
    sql -c 'CREATE EXTENSION pg_tally' -f "$here/hand.sql"
    printf 'loading %s events … ' "$1"
    ms "SELECT tally.generate_awf($1, until => '2025-06-01 00:00+00', span => '$2')" | awk '{ printf "%.1f s\n", $1 / 1000 }'
    sql -c 'VACUUM (ANALYZE) analytics_events'
}

span_for() { awk -v n="$1" 'BEGIN { printf "%d hours", 1080 * n / 10000000 }'; }   # the density of 10 M in 45 days
