#!/usr/bin/env bash
# Owns: the speed of the packs. Per pack a database of its own on the server that PGHOST, PGPORT and PGUSER name: source rows by the pack's
# generator, installation, backfill, a refresh with nothing due, then every view and reader function of its catalogue, all rows fetched. A whole run writes its
# tables into packs.md: two for each pack, its rollups and its questions, and those of all packs where none was named.
#
#   EVENTS=10000000 bench/packs.sh [pack…]        the packs named, or all that have a generator
#   ONLY=jit …                                    only which of them, and of the live views of rollups, PostgreSQL compiles where jit is on, and what that costs
#
# Shared machines drift by half and more within an hour: the yardstick beside each pack says how fast this one was then.
# Views that keep history are fetched whole and, because no dashboard draws them so, for their last seven days. Of what takes longer than its aim, the first
# hundred rows are also fetched by a cursor.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bench/table.sh
. "$here/table.sh"
events=${EVENTS:-10000000}
limit=${LIMIT_MS:-100}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

db=postgres
# As bench/run.sh: no compilation (JIT), which costs more than any of these queries.
sql() { PGOPTIONS="-c client_min_messages=warning -c jit=off -c statement_timeout=${STATEMENT_TIMEOUT:-10min}" psql -XqAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }
# ms STATEMENT: its milliseconds as psql measures them, rows fetched and thrown away.
ms() { sql -c '\timing on' -c '\o /dev/null' -c "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -1; }
# measured STATEMENT: the medians of three in one session: milliseconds as psql measures them, and of CPU (without parallel workers), which
# are what a machine busy with other work does not change.
measured() {
    printf '%s;\n' "$1" "$1" "$1" >"$work/statement.sql"
    sql -c 'SET log_statement_stats = on' -c 'SET client_min_messages = log' -c '\timing on' \
        -c '\o /dev/null' -f "$work/statement.sql" >"$work/took" 2>"$work/log" || return 0
    sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' "$work/took" | sort -n | sed -n 2p
    sed -n 's/^!.*[[:space:]]\([0-9.]*\) s user, \([0-9.]*\) s system.*/\1 \2/p' "$work/log" | tail -n 3 | awk '{ print ($1 + $2) * 1000 }' | sort -n |
        sed -n 2p
}
# row LABEL STATEMENT [AIM]: one line of the table, and one more for a page by a cursor where it misses its aim.
row() {
    local label=$1 statement=$2 aim=${3:-$limit} took
    if [ "${ONLY:-}" = jit ]; then
        compiles "$label" "$statement"
        return 0
    fi
    asked=$((asked + 1))
    mapfile -t took < <(measured "$statement")
    [ ${#took[@]} -eq 2 ] || { table_row "$label" error '' '' "$aim" ''; missed=$((missed + 1)); return; }
    table_row "$label" "$(sql -c "SELECT count(*) FROM ($statement) x")" "$(judged "$(printf %.1f "${took[0]}")" "$aim")" "$(printf %.1f "${took[1]}")" "$aim" \
        "$(times "${took[0]}" "$aim")"
    awk -v ms="${took[0]}" -v aim="$aim" 'BEGIN { exit !(ms > aim) }' || return 0
    missed=$((missed + 1))
    statement="BEGIN; DECLARE page NO SCROLL CURSOR FOR $statement; FETCH 100 FROM page; COMMIT"
    # The second in its session, as the figures of the rows themselves are.
    took=("$(sql -c '\timing on' -c '\o /dev/null' -c "$statement" -c "$statement" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -1)")
    table_row 'its first hundred rows by a cursor' 100 "$(judged "$(printf %.1f "${took[0]}")" "$aim")" '' "$aim" "$(times "${took[0]}" "$aim")"
}
# compiles LABEL STATEMENT: a line of the table of what costs so much on paper that PostgreSQL compiles it where jit is on; by turns without and with it.
compiled='' compiled_of=0
compiles() {
    local cost took=() way
    cost=$(sql -c "EXPLAIN $2" | sed -n '1s/.*\.\.\([0-9]*\)\..*/\1/p')
    compiled_of=$((compiled_of + 1))
    awk -v cost="${cost:-0}" -v limit="$(sql -c 'SHOW jit_above_cost')" 'BEGIN { exit !(cost > limit) }' || return 0
    for way in off on off on off on; do
        took+=("$(sql -c "SET jit = $way" -c '\timing on' -c '\o /dev/null' -c "$2" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -1)")
    done
    compiled+=$(printf '%s\n' "${took[@]}" | awk -v label="$1" -v pack="$pack" -v cost="$cost" '
        { if (least[NR % 2] == "" || $1 < least[NR % 2]) least[NR % 2] = $1 }
        END {
            bold = least[0] > 1.05 * least[1] ? "**" : ""
            printf "| %s | `%s` | %d | %.0f | %.0f | %s%.2f%s | 1.00 |", label, pack, cost, least[1], least[0], bold, least[0] / least[1], bold
        }')$'\n'
}
# times FIGURE AIM: how often the aim goes into a figure.
times() { awk -v figure="$1" -v aim="$2" 'BEGIN { printf "%.2f", figure / aim }'; }

# spent: the seconds of CPU of all sessions and workers of the server that have ended.
spent() { sql -c "SELECT (split_part(s, ' ', 13)::float8 + split_part(s, ' ', 14)::float8) / 100 FROM (SELECT regexp_replace(pg_read_file('/proc/'
    || split_part(pg_read_file('postmaster.pid'), E'\\n', 1) || '/stat'), '^.*\\) . ', '') AS s) x"; }
# backfilled: the seconds in which two sessions, one a core, compute all that is marked, and their seconds of CPU.
backfilled() {
    local began=$EPOCHREALTIME ended before
    before=$(spent)
    sql -c 'CALL tally.backfill()' &
    sql -c 'CALL tally.backfill()'
    wait
    ended=$EPOCHREALTIME
    sleep 0.2
    awk -v began="$began" -v ended="$ended" -v before="$before" -v after="$(spent)" 'BEGIN { print ended - began, after - before }'
}
# built_from: a line for each rollup of the database, the longest first: what it stands on, how large it is, what its first build took of all.
built_from() {
    table_lines "
        SELECT format('\`%s\`', r.name), format('\`%s\`', r.source), to_char(u.rows, 'FM999,999,999'), pg_size_pretty(pg_total_relation_size(r.relation)),
               to_char(u.ms / 1000, 'FM990.0'), to_char(100 * u.ms / sum(u.ms) OVER (), 'FM990.0')
          FROM tally.rollups r
          JOIN (SELECT u.rollup_id, sum(u.inserted) AS rows, sum(u.duration_ms)::numeric AS ms FROM tally.runs u GROUP BY 1) u ON u.rollup_id = r.id
         ORDER BY u.ms DESC"
}

# views: name, tab, and the column by which its history is cut, where it has one.
views() {
    sql -F $'\t' -c "
        SELECT s.name, coalesce((SELECT quote_ident(a.attname) FROM pg_attribute a
                                  WHERE a.attrelid = to_regclass(s.name) AND a.attnum > 0 AND a.attname IN ('bucket', 'date', 'date_hour', 'day', 'week',
                                      'hour')
                                    AND a.atttypid IN ('timestamptz'::regtype, 'date'::regtype, 'timestamp'::regtype) ORDER BY a.attnum LIMIT 1), '-')
          FROM tally.pack_steps s WHERE s.pack = '$1' AND s.kind = 'view' ORDER BY s.ordinal"
}
# functions: reader functions that can be called without arguments; those that cannot are in bench/packs/<pack>.sql.
functions() {
    sql -c "
        SELECT p.oid::regproc FROM tally.pack_steps s JOIN pg_proc p ON p.oid = to_regprocedure(regexp_replace(s.name, ' CASCADE\$', ''))
         WHERE s.pack = '$1' AND s.kind = 'function' AND p.pronargs = p.pronargdefaults AND p.prorettype <> 'trigger'::regtype AND p.provolatile <> 'v'
             ORDER BY s.ordinal"
}

# The seconds in which all rollups of a pack are to be made from 10 M rows.
declare -A made_within=([awf]=20 [product_analytics]=25 [publisher]=30)

bench_pack() {
    local pack=$1 name column statement views functions yardstick generated built cpu idle aim=${made_within[$1]:-60}
    echo
    echo "## $pack"
    asked=0 missed=0
    db=postgres
    sql -c "DROP DATABASE IF EXISTS tally_bench_pack WITH (FORCE)" -c "CREATE DATABASE tally_bench_pack"
    db=tally_bench_pack
    sql -c 'CREATE EXTENSION pg_tally'
    yardstick=$(ms "SELECT max(md5(i::text)) FROM generate_series(1, 1000000) i")
    generated=$(ms "SELECT tally.generate_$pack($events, until => now())")
    sql -c "SELECT tally.install_pack('$pack')" >/dev/null
    sql -c 'VACUUM ANALYZE'
    read -r built cpu < <(backfilled)
    if [ "${ONLY:-}" != jit ]; then
        table_head rollup 'stands on' rows size 's of its batches' '% of all'
        tabled+=$(built_from)$'\n'
        table_into packs.md "$pack rollups"
    fi
    sql -c 'VACUUM ANALYZE'
    idle=$(ms 'SELECT tally.refresh()')
    if [ "${ONLY:-}" = jit ]; then
        # What the planner would expect of ten million.
        sql -c "UPDATE pg_class SET reltuples = reltuples * 10000000.0 / $events WHERE relkind IN ('r', 'm') AND reltuples > 0 AND oid >= 16384"
    fi
    views=$(views "$pack")
    functions=$(functions "$pack")
    table_head 'view, function or question' rows ms 'ms of CPU' 'aim, ms' '× aim'
    while IFS=$'\t' read -r name column; do
        row "\`$name\`" "SELECT * FROM $name"
        # shellcheck disable=SC2016  # the backticks are Markdown
        [ "$column" = - ] || row "\`$name\`, 7 days" "SELECT * FROM $name WHERE $column >= (now() - interval '7 days')::timestamptz"
    done <<<"$views"
    # shellcheck disable=SC2086  # one name a word
    for name in $functions; do row "\`$name()\`" "SELECT * FROM $name()"; done
    # One statement a line, with its own aim: `50 SELECT …`. A line that begins with spaces goes on with the one before.
    if [ -e "$here/packs/$pack.sql" ]; then
        while read -r name statement; do
            [[ $name =~ ^[0-9]+$ ]] || continue
            row "\`${statement%;}\`" "${statement%;}" "$name"
        done < <(perl -0pe 's/\n +/ /g' "$here/packs/$pack.sql")
    fi
    if [ "${ONLY:-}" = jit ]; then
        for name in $(sql -c 'SELECT r.live_view FROM tally.rollups r ORDER BY r.id'); do
            compiles "\`$name\`, of a rollup" "SELECT * FROM $name"
        done
        return 0
    fi
    table_into packs.md "$pack"
    summary+=$(awk -v pack="$pack" -v y="$yardstick" -v g="$generated" -v b="$built" -v aim="$aim" -v i="$idle" -v asked="$asked" -v missed="$missed" \
        -v cpu="$cpu" 'BEGIN {
        bold = b > aim ? "**" : ""
        printf "| `%s` | %.0f | %.1f | %s%.1f%s | %d | %.2f | %.1f | %.0f | %d | %s |", pack, y, g / 1000, bold, b, bold, aim, b / aim, cpu, i, asked,
            missed ? "**" missed "**" : "0" }')$'\n'
}

packs=("$@")
if [ $# -eq 0 ]; then
    db=${PGDATABASE:-postgres}
    mapfile -t packs < <(sql -c "SELECT l.name FROM tally.pack_list l WHERE to_regproc('tally.generate_' || l.name) IS NOT NULL ORDER BY l.name")
    db=postgres
fi
sql -c "SELECT format('PostgreSQL %s, shared_buffers %s, work_mem %s, %s parallel workers, ', current_setting('server_version'),
    current_setting('shared_buffers'), current_setting('work_mem'), current_setting('max_parallel_workers_per_gather'))" | tr -d '\n'
echo "$(nproc) cores (load $(cut -d " " -f 1 /proc/loadavg)), no JIT; median of three, all rows fetched."
run_of "$events" 10000000 "${ONLY:+ONLY=$ONLY }EVENTS=$events make bench-packs"
summary=''
for pack in "${packs[@]}"; do bench_pack "$pack"; done
db=postgres
sql -c "DROP DATABASE IF EXISTS tally_bench_pack WITH (FORCE)"
# A table of some packs is no table of all.
[ $# -eq 0 ] || quick_look=1
if [ "${ONLY:-}" = jit ]; then
    table_head 'what costs more than `jit_above_cost`' pack 'cost on paper' 'ms with `jit = off`' 'ms with `jit = on`' '× off' aim
    tabled+=$compiled
    size_of_run="Costs are those of 10,000,000 rows, milliseconds those of $(thousands "$events"). $size_of_run"
    size_of_run="$compiled_of views, functions and questions were asked. $size_of_run"
    table_into packs.md jit
    exit 0
fi
table_head pack 'a million `md5()`, ms' 'generator, s' 'all rollups from nothing by two sessions, s' 'aim, s' '× aim' 's of CPU' \
    'a refresh with nothing due, ms' 'views, functions and questions' 'above their aim'
tabled+=$summary
table_into packs.md packs
