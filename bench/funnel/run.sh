#!/usr/bin/env bash
# Owns: the speed of funnels: 7 steps per user within a day, against nested window functions and against the floor. One
# run in a database of its own on the server that PGHOST, PGPORT and PGUSER name; rounds are interleaved, the median
# counts, and ratios are what travels. The formulations are the .sql files beside this script.
#
#   EVENTS=10000000 ROUNDS=3 bench/funnel/run.sh
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
events=${EVENTS:-10000000}
rounds=${ROUNDS:-3}
db=${BENCH_DATABASE:-tally_bench_funnel}
# shellcheck source=bench/measure.sh
. "$here/../measure.sh"
run_of "$events" 10000000 "EVENTS=$events ROUNDS=$rounds make bench-funnel"
answer() { sql -f "$1"; }

psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
sql -c 'CREATE EXTENSION pg_tally'
echo "loading $events events"
sql -c "SELECT tally.generate_awf($events, until => '2025-06-01 00:00+00', span => '$((720 * events / 10000000 + 1)) hours')" >/dev/null
sql -c 'VACUUM (ANALYZE) analytics_events'
sql -c "SELECT count(*) || ' events of the seven types by ' || count(DISTINCT user_id) || ' users' FROM analytics_events
         WHERE event_type IN ('start', 'choice', 'npc_join', 'craft', 'vendor', 'boss', 'completion')"

# Both ways must give the same numbers before their times mean anything.
for way in names conditions; do
    if ! diff <(answer "$here/nested.sql") <(answer "$here/$way.sql"); then
        echo "bench/funnel: $way.sql and nested.sql disagree" >&2
        exit 1
    fi
done
echo 'level|users'
answer "$here/names.sql"

for _ in $(seq "$rounds"); do
    for way in floor arrays names conditions nested; do measure "$way" "$(cat "$here/$way.sql")"; done
done
declare -A text=(
    [floor]='filter the types, hash-aggregate by user, a count and a max'
    [arrays]='gather unordered arrays per user'
    [names]='`tally.window_funnel('"'1 day', event_time, event_type, '{…}'"')`'
    [conditions]='`tally.window_funnel('"'1 day', event_time, event_type = 'start', …"')`'
    [nested]='the exact answer by nested window functions'
)
table_head formulation ms 'ms of CPU' '× floor' aim 'nested / this' 'aim '
for way in floor arrays names conditions nested; do
    case $way in names | conditions) most=1.5 least=5 ;; *) most='' least='' ;; esac
    table_row "[\`$way.sql\`](funnel/$way.sql): ${text[$way]}" "$(ms_of "$way")" "$(cpu_ms "$way")" "$(judged "$(ratio "$way" floor)" "$most")" \
        "$most" "$(ratio nested "$way")" "$least"
done
table_into funnel.md funnel
sql -c "EXPLAIN (COSTS OFF) $(grep -v '^--' "$here/names.sql")"
[ "${KEEP:-}" ] || psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
