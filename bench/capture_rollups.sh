#!/usr/bin/env bash
# Owns: what writers pay by the number of rollups on their table: one COPY, single rows in one transaction, and single rows
# in a transaction each (pgbench, one client, no wait for the disk). Prints ratios to the same table without a rollup;
# rivals are interleaved and the median of the rounds counts. On the server that PGHOST, PGPORT and PGUSER name.
#
#   ROWS=1000000 SINGLE=100000 SECONDS_EACH=5 ROUNDS=5 bench/capture_rollups.sh [1 2 8]
set -euo pipefail

rows=${ROWS:-1000000}
single=${SINGLE:-100000}
seconds=${SECONDS_EACH:-5}
rounds=${ROUNDS:-5}
db=${BENCH_DATABASE:-tally_bench_capture}
numbers=("$@"); [ $# -gt 0 ] || numbers=(1 2 8)
pgbench=$("${PG_CONFIG:-pg_config}" --bindir)/pgbench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sql() { PGOPTIONS='-c client_min_messages=error -c synchronous_commit=off' psql -XqAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }
ms() { sql -c 'CHECKPOINT' -c '\timing on' -c "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -1; }
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
declare -A took
of() { printf '%s' "${took[$1]}" | median; }

psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
# Rows as wide as an event is: a time, a kind, a user, a number, a little JSON.
sql -c "CREATE EXTENSION pg_tally" -c "
    CREATE TABLE given AS SELECT timestamptz '2025-01-01 00:00+00' + i * interval '4 seconds' AS at, 'kind ' || i % 7 AS kind, md5((i % 5000)::text) AS user_id,
           i % 997 AS ms, jsonb_build_object('page', i % 50, 'device', 'phone') AS meta FROM generate_series(1, $rows) i"
for n in 0 "${numbers[@]}"; do
    sql -c "CREATE TABLE into_$n (LIKE given)" -c "CREATE INDEX ON into_$n (at)" -c "
        SELECT tally.create_rollup(format('r_%s_%s', $n, i), 'into_$n', 'at', (ARRAY['1 hour', '1 day', '5 minutes', '15 minutes', '1 week', '1 minute', '6 hours', '30 minutes'])[(i - 1) % 8 + 1]::interval,
               dimensions => '[\"kind\"]', measures => '{\"n\": \"count(*)\"}', zone => CASE WHEN i = 5 THEN 'Europe/Berlin' ELSE 'UTC' END) FROM generate_series(1, $n) i" >/dev/null
    echo "INSERT INTO into_$n VALUES (timestamptz '2025-06-01 00:00+00' + random() * interval '20 minutes', 'kind', 'user', 1, '{}');" >"$work/$n.sql"
done
sql -c "CREATE FUNCTION one_by_one(target text) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
    FOR i IN 1..$single LOOP
        EXECUTE format('INSERT INTO %I VALUES (\$1, \$2, \$3, \$4, \$5)', target) USING timestamptz '2025-06-01 00:00+00' + i * interval '4 seconds', 'kind', 'user', i, '{}'::jsonb;
    END LOOP;
END \$\$"
sql -c "\\copy given TO '$work/given.copy'"

for ((i = 1; i <= rounds; i++)); do
    for n in 0 "${numbers[@]}"; do
        sql -c "TRUNCATE into_$n" -c "DELETE FROM tally.dirty" -c "VACUUM tally.dirty"
        took[copy $n]+="$(ms "\\copy into_$n FROM '$work/given.copy'")"$'\n'
        sql -c "TRUNCATE into_$n"
        took[rows $n]+="$(ms "SELECT one_by_one('into_$n')")"$'\n'
        sql -c "TRUNCATE into_$n"
        # Milliseconds per transaction.
        took[transactions $n]+="$(PGOPTIONS='-c synchronous_commit=off' "$pgbench" -n -M prepared -c 1 -T "$seconds" -f "$work/$n.sql" "$db" 2>/dev/null | sed -n 's/^latency average = \([0-9.]*\) ms/\1/p')"$'\n'
    done
done
printf '%-10s %26s %30s %34s\n' rollups "COPY of $rows" "$single rows, one transaction" "a transaction each"
for n in 0 "${numbers[@]}"; do
    printf '%-10s' "$n"
    for what in copy rows transactions; do
        printf '%16.3f ms  × %.2f' "$(of "$what $n")" "$(awk -v a="$(of "$what $n")" -v b="$(of "$what 0")" 'BEGIN { print a / b }')"
    done
    echo
done
psql -Xq -d postgres -c "DROP DATABASE $db"
