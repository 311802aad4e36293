#!/usr/bin/env bash
# Owns what a cluster rollup costs: a question on the face beside the same at the slowest node, growth with nodes, and a pull of 10,000 changed buckets. Each
# node is a database of the server that PGHOST, PGPORT and PGUSER name, so all of them share its cores. So it counts processor time, of the coordinator's
# backend and of those that it has at the nodes: on machines of their own a question takes that of the coordinator and that of the slowest node.
#
#   EVENTS=200000 NODES="1 2 4" make bench-cluster
set -euo pipefail

events=${EVENTS:-200000}
nodes=${NODES:-1 2 4}
most=$(tr ' ' '\n' <<<"$nodes" | sort -n | tail -n 1)
ask() { PGOPTIONS='-c client_min_messages=error -c jit=off -c timezone=UTC' psql -XqAt -v ON_ERROR_STOP=1 -d "tally_bench_$1" "${@:2}"; }
# cost DATABASE STATEMENT: milliseconds of processor at this backend, and at the nodes, of which the dearest; the least of nine in one session.
cost() {
    ask "$1" -F ' ' -c "SELECT round(c.here::numeric, 1), round(c.nodes::numeric, 1), round(c.slowest::numeric, 1) FROM public.cost(\$q\$$2\$q\$) c"
}
for db in centre $(seq -f node%g "$most"); do
    psql -Xq -d postgres -c "DROP DATABASE IF EXISTS tally_bench_$db WITH (FORCE)" -c "CREATE DATABASE tally_bench_$db"
    ask "$db" -c "CREATE EXTENSION pg_tally"
    ask "$db" <<'SQL'
CREATE FUNCTION public.spent(pid int) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
    -- The kernel brings the second file up to date where the first is read.
    PERFORM pg_read_file(format('/proc/%s/stat', pid));
    RETURN split_part(pg_read_file(format('/proc/%s/schedstat', pid)), ' ', 1)::float8 / 1e6;
END $$;
CREATE FUNCTION public.cost(question text, OUT here float8, OUT nodes float8, OUT slowest float8) LANGUAGE plpgsql AS $$
DECLARE
    far    int[];
    before float8[];
    spent  float8[];
    begun  float8;
BEGIN
    EXECUTE question;
    EXECUTE question;
    far := ARRAY(SELECT pid FROM pg_stat_activity WHERE application_name = 'postgres_fdw');
    FOR i IN 1 .. 9 LOOP
        before := ARRAY(SELECT public.spent(p) FROM unnest(far) p);
        begun := public.spent(pg_backend_pid());
        EXECUTE question;
        here := least(here, public.spent(pg_backend_pid()) - begun);
        spent := ARRAY(SELECT public.spent(p) - b FROM unnest(far, before) x(p, b));
        nodes := least(nodes, (SELECT COALESCE(sum(x), 0) FROM unnest(spent) x));
        slowest := least(slowest, (SELECT COALESCE(max(x), 0) FROM unnest(spent) x));
    END LOOP;
END $$;
SQL
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
printf '%-24s %6s %12s %12s %12s %14s %8s %8s\n' question nodes 'node alone' 'coordinator' 'its nodes' 'slowest of them' path all
for count in $nodes; do
    define "$count"
    for metric in events p95 people; do
        for by in "" ", by => '{kind}'"; do
            question="SELECT count(*) FROM tally.timeseries('$metric', since => '2026-01-01', until => '2026-01-31', bucket => '1 day'$by)"
            alone=$(for ((n = 1; n <= count; n++)); do cost "node$n" "$question"; done | awk '{ sum += $1; if ($1 > most) most = $1 } END { print most, sum }')
            awk -v name="$metric by day${by:+ and kind}" -v count="$count" -v alone="$alone" -v face="$(cost centre "$question")" 'BEGIN {
                split(alone, a, " "); split(face, f, " ")
                printf "%-24s %6s %12s %12s %12s %14s %8.2f %8.2f\n", name, count, a[1], f[1], f[2], f[3], (f[1] + f[3]) / a[1], (f[1] + f[2]) / a[2]
            }'
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
