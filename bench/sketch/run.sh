#!/usr/bin/env bash
# Owns: speed and accuracy of the sketches, as ratios in one run against counts only and against Debian's tdigest and hll
# (postgresql-<major>-tdigest, -hll). In a database of its own on the server that PGHOST, PGPORT and PGUSER name.
#
#   EVENTS=10000000 ROUNDS=3 bench/sketch/run.sh [groups] [narrow] [one] [merge] [ordered] [sessions] [accuracy]
#
# groups    the pack's events (text keys, twelve counts and sums), a third of them without a latency
# ordered, sessions   aggregates that go by time, beside sum(); sessions beside window functions (behaviours.sh)
# narrow    a table of seven numbers with integer keys: the hardest ground, as counts alone cost least there
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
events=${EVENTS:-10000000}
rounds=${ROUNDS:-3}
db=${BENCH_DATABASE:-tally_bench}
parts=("$@"); [ $# -gt 0 ] || parts=(groups narrow one merge ordered sessions accuracy)
# shellcheck source=bench/measure.sh
. "$here/measure.sh"

run_of "$events" 10000000 "EVENTS=$events ROUNDS=$rounds make bench-sketch"
sketch=$here/sketch
# shellcheck source=bench/sketch/behaviours.sh
. "$here/sketch/behaviours.sh"
# The aims speak of this budget, and of two processes. Libraries are loaded before the clock runs.
sql_run() {
    sql -c "SET work_mem = '256MB'; SET max_parallel_workers_per_gather = 1" -c "LOAD 'pg_tally'" -c "LOAD 'tdigest'" -c "LOAD 'hll'" "$@"
}
# timed NAME "query": one more figure of NAME, from the server's own clock; remembers the temporary files it wrote.
declare -A temporary
timed() {
    local plan
    plan=$(sql_run -c "EXPLAIN (ANALYZE, BUFFERS, TIMING off, COSTS off) $2")
    note "$1" "$(sed -n 's/^Execution Time: \([0-9.]*\) ms/\1/p' <<<"$plan")"
    temporary[$1]=$(sed -n 's/.*temp .*written=\([0-9]*\).*/\1/p' <<<"$plan" | head -1)
}
# net NAME SCAN RIVAL: how often NAME's time beyond SCAN fits into RIVAL's; there is no such number where NAME takes no longer than SCAN.
net() { awk -v a="$(of "$1")" -v b="$(of "$3")" -v s="$(of "$2")" 'BEGIN { if (a > s) printf "%.2f", (b - s) / (a - s); else printf "ours is not above it" }'; }

# grouped LABEL TABLE COUNTS KEYS VALUE KEY HASH PEERS: counts, + t-digest, + both, + the peers, these PEERS times.
grouped() {
    local label=$1 table=$2 counts=$3 keys=$4 value=$5 key=$6 hash=$7 peers=$8 i
    local rest="FROM $table GROUP BY $keys"
    echo "$label, $rounds rounds"
    for ((i = 1; i <= rounds; i++)); do
        timed "$label: counts" "SELECT $counts $rest"
        timed "$label: + tdigest" "SELECT $counts, tally.tdigest($value) $rest"
        timed "$label: + both" "SELECT $counts, tally.tdigest($value), tally.hll($key) $rest"
        [ "$i" -le "$peers" ] || continue
        timed "$label: + peer tdigest" "SELECT $counts, public.tdigest($value, 200) $rest"
        timed "$label: + both peers" "SELECT $counts, public.tdigest($value, 200), hll_add_agg($hash) $rest"
    done
}
# written NAME: how much of temporary files it wrote, in words, if any.
written() { [ -z "${temporary[$1]:-}" ] || printf ', %s MB of temporary files' "$((temporary[$1] / 128))"; }
grouped_row() { # LABEL [AIM]: a row of the table of grouped_head
    local cells=() name
    for name in '+ tdigest' '+ both' '+ peer tdigest' '+ both peers'; do
        if [ -z "${took["$1: $name"]:-}" ]; then
            cells+=('not run')
        elif [ "$name" = '+ both' ]; then
            cells+=("$(judged "$(ratio "$1: $name" "$1: counts")" "${2:-}") ×$(written "$1: $name")" "${2:-}")
        else
            cells+=("$(ratio "$1: $name" "$1: counts") ×$(written "$1: $name")")
        fi
    done
    table_row "$1" "$(thousands "$(ms_of "$1: counts")")" "${cells[@]}"
}
grouped_head() {
    table_head groups 'counts, ms' '+ t-digest' '+ t-digest + HLL' aim '+ `tdigest` extension' '+ `tdigest` + `hll` extensions'
}

part_groups() {
    local counts="count(*), count(*) FILTER (WHERE event_type = 'turn'), count(*) FILTER (WHERE event_type = 'retry'),
        count(*) FILTER (WHERE event_type = 'fallback'),
        count(*) FILTER (WHERE event_type = 'validator_retry'), count(*) FILTER (WHERE event_type = 'stuck'), count(*) FILTER (WHERE event_type = 'choice'),
        sum(tokens_in), sum(tokens_out), sum(ticks), sum(tool_calls), sum(acts)"
    local rest=(analytics_events "$counts") values=(latency_ms session_id 'hll_hash_text(session_id)')
    local dimensions='world, adventure, locale, model, experiment, variation'
    # The groups that the aims speak of: 30 days × 6 worlds, each hour of them, and each combination of dimensions.
    sql -f "$sketch/groups.sql" -v events="$events" >/dev/null
    local names=('day, world' 'hour, world' 'hour, all dimensions') aims=(1.2 1.2 1.35) widths=(day hour hour) keys=(world world "$dimensions") i
    # The hll extension walks over a memory context per group: half a minute where groups are many.
    local peers=("$rounds" "$rounds" 1)
    for i in 0 1 2; do
        grouped "${names[i]}" "${rest[@]}" "date_trunc('${widths[i]}', event_time, 'UTC'), ${keys[i]}" "${values[@]}" "${peers[i]}"
    done
    grouped_head
    for i in 0 1 2; do grouped_row "${names[i]}" "${aims[i]}"; done
    table_into sketch.md groups
}

part_narrow() {
    local counts='count(*), count(*) FILTER (WHERE k = 1), count(*) FILTER (WHERE k = 2), count(*) FILTER (WHERE k = 3), count(*) FILTER (WHERE k = 4),
        count(*) FILTER (WHERE k = 5), count(*) FILTER (WHERE k > 9), sum(q), sum(k), min(q), max(q), max(k)'
    sql -v events="$events" -f "$sketch/data.sql" >/dev/null
    local names=('155 random' '3,600 random' '435,000 random') keys=(w h g) i
    # Peers have no part where groups are many: a minute and more.
    local peers=(1 1 0)
    for i in 0 1 2; do grouped "${names[i]}" ev "$counts" "${keys[i]}" v s 'hll_hash_bigint(s)' "${peers[i]}"; done
    grouped_head
    for i in 0 1 2; do grouped_row "${names[i]}" 1.5; done
    table_into sketch.md narrow
}

part_one() {
    sql -c 'SELECT 1 FROM ev LIMIT 1' >/dev/null 2>&1 || sql -v events="$events" -f "$sketch/data.sql" >/dev/null
    local i
    for ((i = 1; i <= rounds; i++)); do
        timed 'one: sum' 'SELECT sum(v) FROM ev'
        timed 'one: tdigest' 'SELECT tally.tdigest(v) FROM ev'
        timed 'one: peer tdigest' 'SELECT public.tdigest(v, 200) FROM ev'
        timed 'one: hll' 'SELECT tally.hll(s) FROM ev'
        timed 'one: peer hll' 'SELECT hll_add_agg(hll_hash_bigint(s)) FROM ev'
    done
    table_head "one group of $(thousands "$events") values" ms "the peer's, ms" "the peer's / ours, net of \`sum\`" 'aim, at least'
    table_row '`sum`' "$(ms_of 'one: sum')" '' '' ''
    table_row 't-digest' "$(ms_of 'one: tdigest')" "$(ms_of 'one: peer tdigest')" \
        "$(net 'one: tdigest' 'one: sum' 'one: peer tdigest')" 2.5
    table_row 'HLL' "$(ms_of 'one: hll')" "$(ms_of 'one: peer hll')" "$(net 'one: hll' 'one: sum' 'one: peer hll')" ''
    table_into sketch.md one
}

part_merge() {
    sql -c 'SELECT 1 FROM ev LIMIT 1' >/dev/null 2>&1 || sql -v events="$events" -f "$sketch/data.sql" >/dev/null
    sql -f "$sketch/stored.sql" >/dev/null
    local i
    for ((i = 1; i <= rounds; i++)); do
        timed 'merge: scan' 'SELECT count(d) FROM stored'
        timed 'merge: tdigest' 'SELECT tally.rollup(d) FROM stored'
        timed 'merge: peer tdigest' 'SELECT public.tdigest(pd) FROM stored'
        timed 'merge: hll' 'SELECT tally.rollup(h) FROM stored'
        timed 'merge: peer hll' 'SELECT hll_union_agg(ph) FROM stored'
    done
    table_head "merging $(thousands "$(sql -c 'SELECT count(*) FROM stored')") stored sketches of about 42 values" ms \
        "the peer's, ms" "the peer's / ours" 'aim, at least'
    table_row 'scan' "$(ms_of 'merge: scan')" '' '' ''
    table_row 't-digest' "$(ms_of 'merge: tdigest')" "$(ms_of 'merge: peer tdigest')" \
        "$(ratio 'merge: peer tdigest' 'merge: tdigest')" 2
    table_row 'HLL' "$(ms_of 'merge: hll')" "$(ms_of 'merge: peer hll')" "$(ratio 'merge: peer hll' 'merge: hll')" 1
    table_into sketch.md merge
    sql -c "SELECT format('bytes: tdigest %s, peer %s; hll %s, peer %s', avg(pg_column_size(d))::int, avg(pg_column_size(pd))::int,
        avg(pg_column_size(h))::int, avg(pg_column_size(ph))::int) FROM stored"
    sql -c "SELECT format('ten values: tdigest %s bytes, hll %s; full: tdigest %s, hll %s (aims: 150, 2048)', ten.d, ten.h, whole.d, whole.h)
              FROM (SELECT pg_column_size(tally.tdigest(v)) AS d, pg_column_size(tally.hll(s)) AS h FROM (SELECT v, s FROM ev LIMIT 10) t) ten,
                   (SELECT pg_column_size(tally.tdigest(v)) AS d, pg_column_size(tally.hll(s)) AS h FROM ev) whole"
}

part_accuracy() {
    local errors
    errors=$(cd "$here/.." && cargo test --quiet --locked --release --package tally-core --lib accuracy_table -- --ignored --nocapture |
        grep -E 'rank error|one pass|parts')
    # shellcheck disable=SC2046  # one share a word
    table_head 'mean rank error of six seeds, 1 M values' bytes $(sed -n 's/.*bytes//p' <<<"$errors")
    tabled+=$(sed -nE 's/^(.*, (one pass|1,000 parts)) +/\1|/p' <<<"$errors" |
        awk -F '|' '{ printf "| %s", $1; n = split($2, figure, " "); for (i = 1; i <= n; i++) printf " | %s", figure[i]; print " |" }')$'\n'
    table_into sketch.md accuracy
}

psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
sql -c 'CREATE EXTENSION pg_tally' -c 'CREATE EXTENSION tdigest' -c 'CREATE EXTENSION hll'
for part in "${parts[@]}"; do
    case $part in
        groups | narrow | one | merge | ordered | sessions | accuracy) "part_$part" ;;
        *) echo "bench/sketch/run.sh: parts are groups, narrow, one, merge, ordered, sessions and accuracy, got $part" >&2; exit 2 ;;
    esac
done
[ "${KEEP:-}" ] || psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
