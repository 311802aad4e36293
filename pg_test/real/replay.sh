#!/usr/bin/env bash
# Owns one promise on real input: a recorded stream of commits is replayed in commit order, with author time (late by
# seconds to years) as event time. After each batch every live view, and after the refresh every rollup, equals its
# definition, computed in plain SQL. The stream is the file that TALLY_REAL_DATA names (commits.csv.gz).

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

[ -n "${TALLY_REAL_DATA:-}" ] || skip_all "TALLY_REAL_DATA is not set: no recorded stream to replay"

batches=12
use_server test
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS replay" -c "CREATE DATABASE replay TEMPLATE tally_template"
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -d replay -Atq -v ON_ERROR_STOP=1 "$@"; }

columns="repository, commit, author, authored_at, committed_at, is_merge, files_changed, insertions, deletions"
sql -f pg_test/real/schema.sql >/dev/null
gzip -dc -- "$TALLY_REAL_DATA" | sql -c "COPY stream ($columns) FROM STDIN (FORMAT csv, HEADER)"
rows=$(sql -c "SELECT count(*) FROM stream")

# compare VIEW-SUFFIX NAME: rows that stand on one side only, in both directions.
declare -A columns_of
for rollup in hourly daily weekly monthly; do
    columns_of[$rollup]=$(sql -c "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                                   WHERE attrelid = '${rollup}_by_hand'::regclass AND attnum > 0")
done
compare() {
    local rollup
    for rollup in hourly daily weekly monthly; do
        is "$(sql -c "WITH ours AS (SELECT ${columns_of[$rollup]} FROM commits_$rollup$1), hand AS (TABLE ${rollup}_by_hand)
                      (TABLE ours EXCEPT ALL TABLE hand) UNION ALL (TABLE hand EXCEPT ALL TABLE ours) LIMIT 5" 2>&1)" "" "$2: commits_$rollup$1"
    done
    # Of the live views only now and then: the check itself costs seconds there.
    [ -z "$1" ] || [ $((batch % 4)) -eq 0 ] || return 0
    is "$(sql -c "SELECT * FROM sketch_differences('commits_hourly$1', 'hour', true)" -c "SELECT * FROM sketch_differences('commits_daily$1', 'day', true)" \
              -c "SELECT * FROM sketch_differences('commits_quarterly$1', 'quarter', false)" 2>&1)" "" "$2: sketches of commits_{hourly,daily,quarterly}$1"
}

for ((batch = 1; batch <= batches; batch++)); do
    sql -c "COPY (SELECT $columns FROM stream WHERE seq > $rows::bigint * ($batch - 1) / $batches
                     AND seq <= $rows::bigint * $batch / $batches ORDER BY seq) TO STDOUT" |
        sql -c "COPY commits ($columns) FROM STDIN"
    sql -c "ANALYZE commits"
    compare _live "batch $batch, before the refresh"
    is "$(sql -c "SELECT error FROM tally.refresh() WHERE error IS NOT NULL" 2>&1)" "" "batch $batch: the refresh reports no error"
    compare "" "batch $batch, after the refresh"
done
is "$(sql -c "SELECT count(*) FROM commits")" "$rows" "all $rows commits were replayed"

server_psql -q -d postgres -c "DROP DATABASE replay WITH (FORCE)"
done_testing
