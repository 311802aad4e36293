#!/usr/bin/env bash
# Owns: the speed of boards. Per pack a database of its own on the server that PGHOST, PGPORT and PGUSER name, with EVENTS events; each board as a whole
# page: first in a new session, warm, the share of the drawing, and under ten viewers who load a board again every 30 seconds.
#
#   EVENTS=10000000 bench/boards.sh PACK…        with all five, the table is also written to bench/boards.md
set -euo pipefail

events=${EVENTS:-10000000}
# What the reference asks of a board, and what this project aims at, in milliseconds.
limit=${LIMIT_MS:-1500} aim=${AIM_MS:-300}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
db=postgres
sql() { PGOPTIONS="-c client_min_messages=warning" psql -XqAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }
# times STATEMENT COUNT: the milliseconds of each run in one new session, rows fetched and thrown away.
times() {
    for _ in $(seq "$2"); do printf '%s;\n' "$1"; done >"$work/statement.sql"
    sql -c '\timing on' -c '\o /dev/null' -f "$work/statement.sql" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}
# cpu STATEMENT: the milliseconds of CPU that its backend takes, warm, which is what a machine busy with other work does not change.
cpu() {
    for _ in 1 2 3 4; do printf '%s;\n' "$1"; done >"$work/statement.sql"
    sql -c 'SET log_statement_stats = on' -c 'SET client_min_messages = log' -c '\o /dev/null' -f "$work/statement.sql" 2>&1 >/dev/null |
        sed -n 's/^!.*[[:space:]]\([0-9.]*\) s user, \([0-9.]*\) s system.*/\1 \2/p' | tail -n 3 | awk '{ print ($1 + $2) * 1000 }' | median
}
median() { sort -n | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'; }

measured() {
    echo "# Boards of $events events each: milliseconds of a whole page"
    echo
    echo "Asked: under $limit ms. Aim: $aim ms. First: in a new session, with no plan and no catalogue read yet. CPU: of the warm page, in its backend." \
        "Drawing: of the warm page, its HTML and pictures. Load: of the machine, over the last minute, when the row was done."
    for pack in "${@:-}"; do
        [ -n "$pack" ] || continue
        db=boards_$pack
        psql -XqAt -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db" 2>/dev/null
        sql -o /dev/null -c "CREATE EXTENSION pg_tally" -c "SELECT tally.generate_$pack($events, until => date_trunc('hour', now()))" \
            -c "SELECT tally.install_pack('$pack')" -c "CALL tally.backfill()" -c "VACUUM (ANALYZE)"
        echo
        echo "| board of \`$pack\` | first | warm | CPU | drawing | 95 % under ten viewers | within | load |"
        echo "|---|---:|---:|---:|---:|---:|---|---:|"
        mapfile -t boards < <(sql -c "SELECT name FROM tally.boards ORDER BY place, name")
        for board in "${boards[@]}"; do
            page="SELECT tally.page('$board')"
            first=$(times "$page" 1)
            warm=$(times "$page" 6 | tail -n 5 | median)
            used=$(cpu "$page")
            sql -o /dev/null -c "CREATE TABLE model AS SELECT tally_internal._board_model(b, '{}', b.since, NULL, 'auto', false, now()) AS m
                FROM tally.boards b WHERE name = '$board'"
            drawing=$(times "SELECT tally_internal._page_html(m) FROM model" 4 | tail -n 3 | median)
            sql -o /dev/null -c "DROP TABLE model"
            echo "$page;" >"$work/page.sql"
            # Ten viewers, a page every 30 seconds each, none in step with another.
            (cd "$work" && rm -f viewers.* &&
                pgbench -n -d "$db" -f page.sql -c 10 -j 2 -R 0.3333 -T "${LOAD_SECONDS:-60}" -l --log-prefix=viewers >/dev/null 2>&1)
            loaded=$(cat "$work"/viewers.* | awk '{ print $3 / 1000 }' | sort -n | awk '{ x[NR] = $1 } END { if (NR) print x[int(NR * 0.95 + 0.999)] }')
            awk -v b="$board" -v f="$first" -v w="$warm" -v c="$used" -v load="$(cut -d' ' -f1 /proc/loadavg)" -v d="$drawing" \
                -v l="${loaded:-0}" -v limit="$limit" -v aim="$aim" 'BEGIN {
                worst = f > l ? f : l
                within = worst <= aim ? "the aim" : worst <= limit ? "what is asked" : "**no**"
                printf "| `%s` | %.0f | %.0f | %.0f | %.1f | %.0f | %s | %s |\n", b, f, w, c, d, l, within, load }'
        done
        psql -XqAt -d postgres -c "DROP DATABASE $db"
    done
    echo
    db=postgres
    echo "Measured on $(date -u +%F) with PostgreSQL $(sql -c 'SHOW server_version' | cut -d' ' -f1), $(nproc) cores; load at the end" \
        "$(cut -d' ' -f1 /proc/loadavg)."
}
measured "$@" | tee "$work/boards.md"
# The file holds all packs: with fewer of them the table is only printed.
[ $# -lt "$(grep -c '/pack\.sql$' sql/order)" ] || cp "$work/boards.md" "$(dirname "${BASH_SOURCE[0]}")/boards.md"
