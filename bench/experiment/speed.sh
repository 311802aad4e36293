#!/usr/bin/env bash
# Owns the speed part of `make bench-experiment`: five experiments of ten metrics each over one table of events, first build, a day's late rows and a
# report, against one plain-SQL query for each experiment that computes the same ten metrics.
#   EVENTS=10000000   events (units are a tenth of it)      make bench-experiment PART=speed EVENTS=1000000

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

events=${EVENTS:-10000000}
units=$((events / 10))
run_server bench "${PROFILE:-release}" postgres "shared_buffers = $(server_memory_mb 4 2048)MB" "work_mem = 256MB" "maintenance_work_mem = 512MB" \
    "max_wal_size = 8GB" "jit = off" "autovacuum = off" "synchronous_commit = off"
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS bench_experiment WITH (FORCE)" -c "CREATE DATABASE bench_experiment"
run() { server_psql -q -d bench_experiment -v ON_ERROR_STOP=1 "$@"; }
# Processor time of all backends that have ended: what a busy machine leaves as it is.
cpu() { awk -v ticks="$(getconf CLK_TCK)" '{ printf "%.2f", ($16 + $17) / ticks }' "/proc/$(head -1 "$SERVER_DATA/postmaster.pid")/stat"; }
seconds() {
    local from spent to
    spent=$(cpu)
    from=$(date +%s.%N)
    "${@:2}" >/dev/null
    to=$(date +%s.%N)
    # The server reaps a backend a while after its client has gone.
    while pgrep -P "$(head -1 "$SERVER_DATA/postmaster.pid")" -f 'bench_experiment|parallel worker' >/dev/null; do sleep 0.05; done
    awk -v a="$from" -v b="$to" -v c="$spent" -v d="$(cpu)" -v what="$1" \
        'BEGIN { printf "%-46s %8.2f s %8.2f s of a processor\n", what, b - a, d - c }'
}
run -c "CREATE EXTENSION pg_tally" -c "
CREATE TABLE exposures (experiment text NOT NULL, unit int NOT NULL, arm text NOT NULL, at timestamptz NOT NULL);
CREATE TABLE events (unit int NOT NULL, at timestamptz NOT NULL, kind int NOT NULL, amount float8 NOT NULL, items int NOT NULL);
INSERT INTO exposures SELECT 'x' || e, i, CASE WHEN hashint8extended(i, e) & 1 = 0 THEN 'control' ELSE 'new' END,
       timestamptz '2026-01-05 00:00Z' + (hashint4(i) & 1048575) % 20160 * interval '1 minute' FROM generate_series(1, 5) e, generate_series(1, $units) i;
INSERT INTO events SELECT 1 + (hashint8extended(i, 1) & 9007199254740991) % $units,
       timestamptz '2025-12-29 00:00Z' + (hashint8extended(i, 2) & 9007199254740991) % 40320 * interval '1 minute',
       i % 5, (hashint8extended(i, 3) & 1023) / 10.0, 1 + i % 3 FROM generate_series(1, $events) i;
CREATE INDEX ON exposures (unit); CREATE INDEX ON events (unit); ANALYZE;" \
    -c "SET client_min_messages = warning;
SELECT tally.create_experiment_metric('m' || k, 'events', expression => 'amount', \"where\" => 'kind = ' || k) FROM generate_series(0, 4) k;
SELECT tally.create_experiment_metric('p' || k, 'events', 'proportion', expression => 'kind = ' || k) FROM generate_series(0, 2) k;
SELECT tally.create_experiment_metric('r' || k, 'events', 'ratio', expression => 'amount', denominator => 'items',
    \"where\" => 'kind = ' || k) FROM generate_series(0, 1) k;"

# What a warehouse engine sends: exposures to units, units to events, units to cells, for ten metrics in one query.
plain() {
    local e=$1 metrics='' cells='' k
    local after="v.at >= u.at AND v.at < u.at + interval '168 hours'" before="v.at < u.at"
    for k in 0 1 2 3 4; do
        metrics+=", COALESCE(sum(v.amount) FILTER (WHERE v.kind = $k AND $after), 0) AS y$k"
        metrics+=", COALESCE(sum(v.amount) FILTER (WHERE v.kind = $k AND $before), 0) AS x$k"
        cells+=", avg(y$k), var_samp(y$k), avg(x$k), var_samp(x$k), covar_samp(y$k, x$k)"
    done
    for k in 0 1 2; do
        metrics+=", (count(*) FILTER (WHERE v.kind = $k AND $after) > 0)::int AS p$k"
        cells+=", sum(p$k)"
    done
    for k in 0 1; do
        metrics+=", COALESCE(sum(v.items) FILTER (WHERE v.kind = $k AND $after), 0) AS d$k"
        metrics+=", COALESCE(sum(v.items) FILTER (WHERE v.kind = $k AND $before), 0) AS e$k"
        cells+=", avg(d$k), var_samp(d$k), covar_samp(y$k, d$k), avg(e$k), var_samp(e$k), covar_samp(x$k, e$k)"
        cells+=", covar_samp(y$k, e$k), covar_samp(d$k, x$k), covar_samp(d$k, e$k)"
    done
    run -c "WITH u AS (SELECT unit, min(at) AS at, min(arm) AS arm FROM exposures WHERE experiment = 'x$e' GROUP BY unit HAVING min(arm) = max(arm)),
        w AS (SELECT u.unit, u.arm, u.at$metrics FROM u LEFT JOIN events v ON v.unit = u.unit
               AND v.at >= u.at - interval '168 hours' AND v.at < u.at + interval '168 hours' GROUP BY 1, 2, 3)
        SELECT arm, count(*)$cells FROM w GROUP BY arm"
}
all_plain() { local e; for e in 1 2 3 4 5; do plain $e; done; }
define() {
    run -c "SET client_min_messages = warning; SELECT tally.create_experiment('x' || e, 'exposures', 'unit', '{\"control\": 1, \"new\": 1}',
        '{m0,m1,m2,m3,m4,p0,p1,p2,r0,r1}', experiment_column => 'experiment') FROM generate_series(1, 5) e"
}
report() { run -c "SELECT * FROM tally.experiment_report('x1', '2026-02-20 00:00Z')"; }
late() {
    run -c "INSERT INTO events SELECT 1 + (hashint8extended(i, 7) & 9007199254740991) % $units, '2026-01-20 12:00Z', i % 5, 5, 1
        FROM generate_series(1, $events / 2800) i"
}
echo "$events events, $units units, 5 experiments × 10 metrics; load $(cut -d' ' -f1 /proc/loadavg)"
seconds "plain SQL, one query an experiment, all five" all_plain
seconds "plain SQL once more (warm)" all_plain
seconds "definition" define
seconds "first build of all five" run -c "SELECT count(*) FROM tally.refresh()"
run -c "VACUUM ANALYZE"
seconds "a report (a connection of its own)" report
seconds "a report again" report
late
seconds "1 % of a day's events come late: refresh" run -c "SELECT count(*) FROM tally.refresh()"
echo "Seconds of the refreshes, by kind of rollup:"
run -c "SELECT regexp_replace(r.name, '^x[0-9]', 'x') AS rollup, count(*) AS runs, round(sum(u.duration_ms) / 1000) AS seconds, sum(u.inserted) AS inserted,
               sum(u.updated) AS updated FROM tally.runs u JOIN tally.rollups r ON r.id = u.rollup_id GROUP BY 1 ORDER BY min(u.id)"
stop_server
