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

sql() { PGOPTIONS='-c client_min_messages=warning' psql -XqAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }
ms() { { echo '\timing on'; cat "$1"; echo ';'; } | sql | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -1; }
answer() { sql -f "$1"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

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

declare -A took
for _ in $(seq "$rounds"); do
    for way in floor arrays names conditions nested; do took[$way]+="$(ms "$here/$way.sql")"$'\n'; done
done
of() { printf '%s' "${took[$1]}" | median; }
for way in floor arrays names conditions nested; do
    awk -v w="$way" -v t="$(of "$way")" -v f="$(of floor)" -v n="$(of nested)" \
        'BEGIN { printf "%-12s %9.0f ms   %5.2f x floor   nested / this %5.2f\n", w, t, t / f, n / t }'
done
sql -c "EXPLAIN (COSTS OFF) $(grep -v '^--' "$here/names.sql")"
[ "${KEEP:-}" ] || psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
