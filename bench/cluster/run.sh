#!/usr/bin/env bash
# Owns what a cluster rollup costs: a question on the face beside the same at the slowest node, growth with nodes, and a pull of 10,000 changed buckets. Each
# node is a database of the server that PGHOST, PGPORT and PGUSER name, so all of them share its cores: this is overhead, and more machines only gain.
#
#   EVENTS=200000 NODES="1 2 4" make bench-cluster
set -euo pipefail

events=${EVENTS:-200000}
nodes=${NODES:-1 2 4}
most=$(tr ' ' '\n' <<<"$nodes" | sort -n | tail -n 1)
ask() { PGOPTIONS='-c client_min_messages=error -c jit=off -c timezone=UTC' psql -XqAt -v ON_ERROR_STOP=1 -d "tally_bench_$1" "${@:2}"; }
# best DATABASE STATEMENT: milliseconds of the statement, the best of five in one session, after one that warms up.
best() {
    ask "$1" -c "$2" -c '\timing on' -c "$2" -c "$2" -c "$2" -c "$2" -c "$2" | awk '/^Time:/ && (!b || $2 < b) { b = $2 } END { printf "%.1f", b }'
}
for db in centre $(seq -f node%g "$most"); do
    psql -Xq -d postgres -c "DROP DATABASE IF EXISTS tally_bench_$db WITH (FORCE)" -c "CREATE DATABASE tally_bench_$db"
    ask "$db" -c "CREATE EXTENSION pg_tally"
    [ "$db" = centre ] || ask "$db" -v events="$events" >/dev/null <<'SQL'
CREATE TABLE events (at timestamptz NOT NULL, kind text, v float8, who bigint);
INSERT INTO events SELECT timestamptz '2026-01-01Z' + i * (interval '30 days' / :events), 'k' || i % 20, (i * 7919) % 1000, (i::bigint * 104729) % 50000
FROM generate_series(0, :events - 1) i;
CREATE INDEX ON events (at);
CREATE TABLE ticks (at timestamptz NOT NULL, v int);
INSERT INTO ticks SELECT timestamptz '2026-01-01Z' + i * interval '1 minute', i FROM generate_series(0, 9999) i;
CREATE INDEX ON ticks (at);
ANALYZE;
SQL
done
ask centre -c "CREATE EXTENSION dblink" -c "CREATE EXTENSION postgres_fdw"
for ((n = 1; n <= most; n++)); do
    ask centre -c "CREATE SERVER node$n FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$PGHOST', port '${PGPORT:-5432}', dbname 'tally_bench_node$n',
        extensions 'pg_tally')" \
        -c "CREATE USER MAPPING FOR CURRENT_USER SERVER node$n OPTIONS (user '$PGUSER')"
done

define() { # NODES: the rollups over so many nodes
    ask centre >/dev/null -c "SELECT tally.create_cluster_rollup('by_hour', (SELECT array_agg('node' || n) FROM generate_series(1, $1) n), 'events', 'at',
        dimensions => '[\"kind\"]', schedule => NULL,
        measures => '{\"n\": \"count(*)\", \"total\": \"sum(v)\", \"spread\": \"tally.tdigest(v)\", \"people\": \"tally.hll(who)\"}')" \
            -c "SELECT * FROM tally.refresh('by_hour')"
}
metrics="SELECT tally.create_metric('events', 'by_hour', 'n'), tally.create_metric('p95', 'by_hour', 'tally.percentile(spread, 0.95)'),
    tally.create_metric('people', 'by_hour', 'tally.distinct_count(people)')"
define 1
ask centre -c "$metrics" >/dev/null
for ((n = 1; n <= most; n++)); do
    [ "$n" -eq 1 ] || define "$n"
    ask "node$n" >/dev/null -c "$metrics"
done
printf '%-44s %6s %12s %12s %8s\n' question nodes 'node, ms' 'face, ms' ratio
for count in $nodes; do
    define "$count"
    for metric in events p95 people; do
        for by in "" ", by => '{kind}'"; do
            question="SELECT count(*) FROM tally.timeseries('$metric', since => '2026-01-01', until => '2026-01-31', bucket => '1 day'$by)"
            slowest=0
            for ((n = 1; n <= count; n++)); do
                ms=$(best "node$n" "$question")
                slowest=$(awk -v a="$slowest" -v b="$ms" 'BEGIN { print (b > a) ? b : a }')
            done
            face=$(best centre "$question")
            printf '%-44s %6s %12s %12s %8s\n' "$metric by day${by:+ and kind}" "$count" "$slowest" "$face" \
                "$(awk -v a="$face" -v b="$slowest" 'BEGIN { printf "%.2f", a / b }')"
        done
    done
done

ask centre >/dev/null -c "SELECT tally.create_cluster_rollup('by_minute', '{node1}', 'ticks', 'at', bucket => '1 minute', schedule => NULL,
    measures => '{\"n\": \"count(*)\", \"total\": \"sum(v)\"}')" \
    -c "SELECT * FROM tally.refresh('by_minute')" -c "SELECT * FROM tally.pull('by_minute')"
ask node1 >/dev/null -c "UPDATE ticks SET v = v + 1" -c "SELECT * FROM tally.refresh('by_minute')"
printf '%-44s %6s %12s ms   aim 1000\n' "pull of 10,000 changed buckets" 1 \
    "$(ask centre -c '\timing on' -c "SELECT * FROM tally.pull('by_minute')" | awk '/^Time:/ { print $2 }')"
printf '%-44s %6s %12s ms\n' "pull of nothing" 1 "$(ask centre -c '\timing on' -c "SELECT * FROM tally.pull('by_minute')" | awk '/^Time:/ { print $2 }')"
[ "${KEEP:-}" ] || for db in centre $(seq -f node%g "$most"); do psql -Xq -d postgres -c "DROP DATABASE IF EXISTS tally_bench_$db WITH (FORCE)"; done
