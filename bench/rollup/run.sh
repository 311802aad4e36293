#!/usr/bin/env bash
# Owns: what a rollup costs after its first build: refresh against history, against delete-and-insert and against REFRESH
# MATERIALIZED VIEW CONCURRENTLY; what writers pay for capture; writers beside a refresh every second; WAL of an idle refresh; hundreds of rollups on one
# source; how long live views are planned, and whether they are compiled.
# In a database of its own on the server that PGHOST, PGPORT and PGUSER name. Rivals are interleaved, medians count.
#
#   SIZES="1000000 10000000" ROUNDS=5 make bench-rollup          SIZES="1000000 10000000 50000000" where the disk allows (8 GB)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
read -r -a sizes <<<"${SIZES:-1000000 10000000}"
rounds=${ROUNDS:-5}
copied=${COPIED:-500000}
seconds=${SECONDS_EACH:-8}
db=${BENCH_DATABASE:-tally_bench_rollup}

export PGOPTIONS='-c client_min_messages=warning -c jit=off -c search_path=bench,public'
sql() { psql -XqAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }
# shellcheck source=bench/table.sh
. "$here/../table.sh"
run_of "${sizes[*]: -1}" 10000000 "SIZES=\"${sizes[*]}\" ROUNDS=$rounds make bench-rollup"
fresh() {
    psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
    PGOPTIONS='-c client_min_messages=warning' sql -c 'CREATE EXTENSION pg_tally' -f "$here/setup.sql"
}

part_refresh() {
    local size n b round changes='1,1 1000,1 1000,100 10000,10' changed='' idle=''
    for size in "${sizes[@]}"; do
        fresh
        echo "history of $size rows …"
        sql -c "CALL load($size)" -c 'CALL make_rivals()' \
            -c "SELECT tally.create_rollup('hourly', 'events', 'at', '1 hour', '[\"kind\"]',
            '{\"n\": \"count(*)\", \"total\": \"sum(amount)\", \"lo\": \"min(amount)\", \"hi\": \"max(amount)\"}')" \
            -c "CALL tally.backfill('hourly')" -c 'VACUUM ANALYZE' >/dev/null
        for ((round = 1; round <= rounds; round++)); do
            for change in $changes; do
                n=${change%,*} b=${change#*,}
                # The first refresh of a session parses and plans, as a scheduled job does; the second one shows the work.
                sql -c "CALL change($n, $b, $round)" -c "CALL measure('tally $n $b', $round, 'SELECT tally.refresh(''hourly'')')" \
                    -c "CALL measure('hand $n $b', $round, 'SELECT bench.delete_and_insert()')" \
                    -c "CALL change($n, $b, $round + 100)" -c "CALL measure('warm $n $b', $round, 'SELECT tally.refresh(''hourly'')')" \
                        -c "CALL measure('hand $n $b', $round, 'SELECT bench.delete_and_insert()')"
            done
            # Its cost is the history's, whatever changed: once a round, and at most twice.
            [ "$round" -gt 2 ] || sql -c "CALL measure('matview', $round, 'REFRESH MATERIALIZED VIEW CONCURRENTLY bench.matview')"
            sql -c "CALL measure('first idle', $round, 'SELECT tally.refresh(''hourly'')')" \
                -c "CALL measure('idle', $round, 'SELECT tally.refresh(''hourly'')')"
        done
        # All three hold the same.
        [ "$(sql -c 'REFRESH MATERIALIZED VIEW matview' \
            -c 'SELECT count(*) FROM ((SELECT bucket, kind, n, total FROM hourly EXCEPT SELECT bucket, kind, n, total FROM by_hand)
            UNION ALL (SELECT bucket, kind, n, total FROM hourly EXCEPT SELECT bucket, kind, n, total FROM matview)) x')" = 0 ] ||
            { echo "bench/rollup: the rivals hold different rows" >&2; exit 1; }
        # The table goes on over all sizes: its rows are kept until the last.
        changed+=$(table_lines "SELECT $size, split_part(what, ' ', 2)::int, split_part(what, ' ', 3)::int,
                round(bench.of(what)::numeric, 1), round(bench.of(replace(what, 'tally', 'warm'))::numeric, 1),
                round(bench.of(replace(what, 'tally', 'hand'))::numeric, 1),
                round((bench.of(replace(what, 'tally', 'hand')) / bench.of(replace(what, 'tally', 'warm')))::numeric, 2),
                round(bench.of('matview')::numeric), round((bench.of('matview') / bench.of(replace(what, 'tally', 'warm')))::numeric, 1)
           FROM (SELECT DISTINCT what FROM took WHERE what LIKE 'tally %') t ORDER BY 2, 3")$'\n'
        idle+=$(printf '| %s: nothing due, ms (first of a session) | %s (%s) | 2 |' "$size" "$(sql -c "SELECT round(bench.of('idle')::numeric, 2)")" \
            "$(sql -c "SELECT round(bench.of('first idle')::numeric, 2)")")$'\n'
        idle+=$(printf '| %s: nothing due, bytes of WAL | %s | 0 |' "$size" "$(sql -c "CALL wal_of('SELECT tally.refresh(''hourly'')', NULL)")")$'\n'
        # A change that changes no result: marks and the log are written, the rollup is not.
        sql -c "SELECT pg_stat_reset()" -c "UPDATE events SET id = id WHERE at >= '2020-01-02' AND at < '2020-01-02 03:00+00'" \
            -c "SELECT tally.refresh('hourly')" >/dev/null
        sleep 1
        idle+=$(printf '| %s: 30,000 rows rewritten as they were, rows of the rollup written | %s | 0 |' "$size" \
            "$(sql -c "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE relname = 'hourly'")")$'
'
    done
    table_head history 'changed rows' buckets '`tally.refresh`, new session, ms' '`tally.refresh`, ms' 'delete and insert by hand, ms' \
        '× `tally.refresh`' 'REFRESH MATERIALIZED VIEW CONCURRENTLY, ms' '× `tally.refresh`'
    tabled+=$changed
    table_into rollup.md refresh
    table_head 'rows of history: what' got aim
    tabled+=$idle
    table_into rollup.md idle
}

part_capture() {
    local round many
    fresh
    sql -c 'CALL make_captured()' -c "CALL load($copied)"
    file=$(mktemp)
    trap 'rm -f "$file"' EXIT
    sql -c "\\copy events TO '$file'"
    for ((round = 1; round <= rounds; round++)); do
        for many in 0 1 2 8; do
            sql -c "TRUNCATE captured_$many" -c "DELETE FROM tally.dirty" -c "DELETE FROM tally.dirty_ranges" -c 'CHECKPOINT' -c '\timing on' \
                -c "\\copy captured_$many FROM '$file'" |
                awk -v what="copy $many" -v round="$round" '/^Time:/ { printf "INSERT INTO took VALUES ('\''%s'\'', %d, %s);\n", what, round, $2 }' | sql
            sql -c "CALL measure('rows $many', $round, 'CALL bench.single_rows(''captured_$many'', 50000)')"
        done
    done
    # One transaction per row: a mark per transaction and rollup, the dearest case. Nobody waits for the disk.
    for ((round = 1; round <= rounds; round++)); do
        for many in 0 1 2 8; do
            pgbench_of "captured_$many" 1 3 >"$file"
            sql -c "INSERT INTO took SELECT 'transactions $many', $round, 50000 * 1000.0 / $(cat "$file")"
        done
    done
    table_head rollups "COPY of $(thousands "$copied") rows, ms" '× none' 'µs a row more' \
        'INSERT in one transaction, µs' '× none' 'one transaction a row, µs' '× none'
    table_rows "SELECT many, round(bench.of('copy ' || many)::numeric), round((bench.of('copy ' || many) / bench.of('copy 0'))::numeric, 2),
              round(((bench.of('copy ' || many) - bench.of('copy 0')) * 1000 / $copied)::numeric, 3),
              round((bench.of('rows ' || many) / 50)::numeric, 2), round((bench.of('rows ' || many) / bench.of('rows 0'))::numeric, 2),
              round((bench.of('transactions ' || many) / 50)::numeric, 1), round((bench.of('transactions ' || many) / bench.of('transactions 0'))::numeric, 2)
         FROM unnest('{0,1,2,8}'::int[]) many"
    table_row 'aim with 8' '' 1.10 '' '' 1.2 '' 1.3
    table_into rollup.md capture
}

# pgbench_of TABLE CLIENTS SECONDS [OPTION…]: transactions a second, of one row each, at times that go on as a clock does.
pgbench_of() {
    PGOPTIONS='-c synchronous_commit=off -c client_min_messages=warning' pgbench -n -c "$2" -j "$2" -T "$3" "${@:4}" -M prepared -f - \
        "$db" 2>/dev/null <<SQL | sed -n 's/^tps = \([0-9.]*\).*/\1/p'
\set n random(0, 7)
INSERT INTO bench.$1 VALUES (clock_timestamp(), 'kind ' || :n, :n, :n);
SQL
}

# p99_of TABLE CLIENTS SECONDS RATE: the milliseconds within which 99 of 100 such transactions end, at so many a second.
p99_of() {
    local logs
    logs=$(mktemp -d)
    pgbench_of "$1" "$2" "$3" --rate="$4" --log --log-prefix="$logs/t" >/dev/null
    cat "$logs"/t* | cut -d ' ' -f 3 | sort -n | awk '{ took[NR] = $1 } END { print took[int(NR * 0.99 + 0.5)] / 1000 }'
    rm -r "$logs"
}

part_writers() {
    local round way worker tps p99 half=''
    fresh
    sql -c "CALL load(${sizes[0]})" -c "SELECT tally.create_rollup('hourly', 'events', 'at', '1 hour', '[\"kind\"]',
        '{\"n\": \"count(*)\", \"total\": \"sum(amount)\"}', with_data => true)" >/dev/null
    for ((round = 1; round <= rounds; round++)); do
        for way in without with; do
            if [ $way = with ]; then
                # One session, a refresh every second; psql itself is the process that is ended.
                psql -XqAt -d "$db" -f <(echo 'SELECT count(*) FROM tally.refresh() \watch 1') >/dev/null 2>&1 &
                worker=$!
            fi
            tps=$(pgbench_of events 2 "$seconds")
            half=${half:-$(awk -v tps="$tps" 'BEGIN { printf "%d", tps / 2 }')}
            p99=$(p99_of events 2 "$seconds" "$half")
            if [ $way = with ]; then
                kill "$worker"
                wait "$worker" || :
            fi
            sql -c "INSERT INTO took VALUES ('$way', $round, $tps), ('p99 $way', $round, $p99)" -c "SELECT tally.refresh()" >/dev/null
        done
    done
    table_head "two writers, one row a transaction, $seconds s each" got ratio aim
    table_rows "SELECT 'transactions/s without refreshes', round(bench.of('without')::numeric), '', ''"
    table_rows "SELECT 'with a refresh every second', round(bench.of('with')::numeric), round((bench.of('with') / bench.of('without'))::numeric, 3), 0.90"
    table_rows "SELECT 'ms of the 99th of 100 at half that load ($half/s), without refreshes', round(bench.of('p99 without')::numeric, 2), '', ''"
    table_rows "SELECT 'with a refresh every second', round(bench.of('p99 with')::numeric, 2),
                       round((bench.of('p99 with') / bench.of('p99 without'))::numeric, 3), 1.10"
    table_into rollup.md writers
    [ "$(sql -c "SELECT sum(n) = (SELECT count(*) FROM events) FROM hourly")" = t ] || { echo "bench/rollup: the rollup lost rows" >&2; exit 1; }
    echo
}

# Hundreds of rollups on one source, each with an event that waits for it and with none.
part_many() {
    local many round rows=''
    fresh
    sql -c 'CALL load(1000)'
    for many in 100 500; do
        sql -c "CALL make_many($many)" -c 'CALL tally.backfill()' -c 'ANALYZE' >/dev/null
        for ((round = 1; round <= rounds; round++)); do
            # A session of its own: its first refresh compiles and plans.
            sql -c "CALL measure('first $many', $round, 'SELECT tally.refresh()')" -c "CALL measure('idle $many', $round, 'SELECT tally.refresh()')" \
                -c "CALL measure('row $many', $round, 'INSERT INTO events VALUES (''2020-01-01 00:01+00'', ''kind 1'', 1, 0)')" \
                -c "CALL measure('all $many', $round, 'SELECT tally.refresh()')"
        done
        [ "$(sql -c "SELECT count(*) FROM many_$many WHERE total <> (SELECT sum(amount) FROM events e WHERE e.kind = many_$many.kind)")" = 0 ] ||
            { echo "bench/rollup: a rollup of many lost rows" >&2; exit 1; }
        rows+=$(table_lines "SELECT $many, CASE WHEN ms > 2 AND $many = 100 THEN format('**%s**', ms) ELSE ms::text END,
                CASE $many WHEN 100 THEN '2' ELSE '' END, CASE $many WHEN 100 THEN round(ms / 2, 2)::text ELSE '' END,
                round(bench.of('first $many')::numeric, 1), round(bench.of('row $many')::numeric, 1), round(bench.of('all $many')::numeric),
                round((bench.of('all $many') / $many)::numeric, 1) FROM round(bench.of('idle $many')::numeric, 2) ms")$'\n'
    done
    table_head 'rollups on one source' 'a refresh with nothing due, ms' 'aim, ms' '× aim' 'the first of a session, ms' 'one row into the source, ms' \
        'a refresh of them all, ms' 'ms each'
    tabled+=$rows
    table_into rollup.md many
}

# How long live views are planned, how many there are below each other, and whether they are compiled with jit = on.
part_planning() {
    fresh
    sql -c 'CALL make_stacks()' -c 'CALL tally.backfill()' -c 'ANALYZE' >/dev/null
    sql -c 'CALL measure_planning()'
    table_head 'live view' 'planning, ms' 'aim, ms' '× aim' '× the one below' 'cost on paper' 'compiled above' 'ms with `jit = off`' 'ms with `jit = on`'
    table_rows "SELECT label, CASE WHEN planning > aim THEN format('**%s**', planning) ELSE planning::text END, coalesce(aim::text, ''),
            coalesce(round(planning / aim, 2)::text, ''), coalesce(round(planning / below, 2)::text, ''), cost, current_setting('jit_above_cost'),
            ms_off, ms_on FROM (SELECT *, CASE WHEN aim IS NULL THEN lag(planning) OVER (ORDER BY n) END AS below FROM bench.planned) p ORDER BY n"
    table_into rollup.md planning
}

echo "PostgreSQL $(psql -XqAt -d postgres -c 'SHOW server_version'), $(nproc) cores, rounds $rounds"
parts=("$@")
[ $# -gt 0 ] || parts=(refresh capture writers many planning)
for part in "${parts[@]}"; do
    case $part in
        refresh | capture | writers | many | planning) "part_$part" ;;
        *) echo "bench/rollup/run.sh: parts are refresh, capture, writers, many and planning, got $part" >&2; exit 2 ;;
    esac
done
psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
