#!/usr/bin/env bash
# Owns `make bench-hosted`: what the hosted edition costs, beside what PostgreSQL does by itself in the same run. CPU time of the backend, the least of
# three rounds. EVENTS=1000000 make bench-hosted

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

events=${EVENTS:-1000000}
scripts/hosted.sh
run_hosted_server bench-sql postgres "shared_buffers = 512MB" "fsync = off" "max_wal_size = 4GB" "work_mem = 64MB" "max_parallel_workers_per_gather = 0" \
    "jit = off" "autovacuum = off"
install_hosted bench_hosted
trap 'stop_server' EXIT
server_psql -q -d bench_hosted -c "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO tally_host" -c "GRANT pg_read_server_files TO tally_host"
sql() { "$PG_LIB/bin/psql" -XAtq -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U tally_host -d bench_hosted -v ON_ERROR_STOP=1 "$@"; }

sql <<SQL
CREATE SCHEMA bench;
-- Hundredths of a second that this backend has run.
CREATE FUNCTION bench.cpu() RETURNS bigint LANGUAGE sql AS
    \$\$ SELECT sum(w::bigint) FROM unnest((string_to_array(regexp_replace(pg_read_file('/proc/self/stat'), '^.*\) ', ''), ' '))[12:13]) w \$\$;
CREATE TABLE bench.events (at timestamptz NOT NULL, value float8, person int);
INSERT INTO bench.events SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 second', (i * 7919 % 10007)::float8 / 10, (i * 31 % 50021)::int
  FROM generate_series(1, $events::bigint) i;
CREATE INDEX ON bench.events (at);
CREATE TABLE bench.plain (LIKE bench.events INCLUDING INDEXES);
CREATE TABLE bench.captured (LIKE bench.events INCLUDING INDEXES);
VACUUM ANALYZE bench.events;
SELECT tally.create_rollup('bench.hourly', source => 'bench.events', time_column => 'at', bucket => '1 hour', measures =>
    '{"n": "count(*)", "s": "sum(value)", "p": "tally.tdigest(value)", "u": "tally.hll(person)"}');
SELECT tally.create_rollup('bench.captured_hourly', source => 'bench.captured', time_column => 'at', bucket => '1 hour', measures => '{"n": "count(*)"}');
SQL

# least SETUP STATEMENT: the least CPU time of three rounds, in milliseconds.
least() {
    local best='' ms
    for ((i = 1; i <= ${rounds:-3}; i++)); do
        ms=$(sql -c "$1" -c "SELECT 'began ' || bench.cpu()" -c "$2" -c "SELECT 'ended ' || bench.cpu()" 2>/dev/null |
            awk '/^began / { b = $2 } /^ended / { print ($2 - b) * 10 }')
        if [ -z "$best" ] || [ "$ms" -lt "$best" ]; then best=$ms; fi
    done
    echo "$best"
}
none='SELECT WHERE false'
define="SELECT tally.drop_rollup('bench.hourly'), tally.create_rollup('bench.hourly', source => 'bench.events', time_column => 'at', bucket => '1 hour',
    measures => '{\"n\": \"count(*)\", \"s\": \"sum(value)\", \"p\": \"tally.tdigest(value)\", \"u\": \"tally.hll(person)\"}')"
floor=$(least "$none" "SELECT FROM (SELECT date_bin('1 hour', at, '2000-01-01 00:00+00'), count(*), sum(value), min(value), max(value)
    FROM bench.events GROUP BY 1) x")
whole=$(least "$define" "CALL tally.backfill('bench.hourly')")
rows="SELECT timestamptz '2027-01-01 00:00+00' + i * interval '1 second', i, i FROM generate_series(1, 200000) i"
plain=$(least 'TRUNCATE bench.plain' "INSERT INTO bench.plain $rows")
captured=$(least 'TRUNCATE bench.captured' "INSERT INTO bench.captured $rows")
hours=$(least "UPDATE bench.events SET value = value + 1 WHERE at IN ('2026-01-02 00:30+00', '2026-01-05 10:30+00')" "SELECT tally.refresh('bench.hourly')")
# Twenty times, because once is too short to measure.
floor_hours=$(least "$none" "DO \$\$ BEGIN FOR i IN 1 .. 20 LOOP PERFORM date_bin('1 hour', at, '2000-01-01 00:00+00'), count(*), sum(value),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY value), count(DISTINCT person) FROM bench.events WHERE at >= '2026-01-02 00:00+00'
    AND at < '2026-01-02 01:00+00' OR at >= '2026-01-05 10:00+00' AND at < '2026-01-05 11:00+00' GROUP BY 1; END LOOP; END \$\$")
sql -c "SELECT tally.create_metric('bench_value', 'bench.hourly', 's')" >/dev/null
sql -c "SELECT count(tally.create_threshold('bench ' || i, metric => 'bench_value', condition => '< ' || i, owner => 'me'))
    FROM generate_series(1, 100) i" >/dev/null
# Once, because a second evaluation of one beat has nothing to do.
tick=$(rounds=1 least "$none" "SELECT count(*) FROM tally.evaluate()")
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", a / (b > 0 ? b : 10) }'; }
echo "$events events, CPU time of a backend"
echo "  hourly rollup with digest and distinct   $whole ms, $(ratio "$whole" "$floor") × the counts-only floor of $floor ms"
echo "  INSERT of 200,000 rows, captured         $captured ms, $(ratio "$captured" "$plain") × the plain one of $plain ms"
echo "  refresh of two dirty hours               $hours ms, $(ratio "$hours" $((floor_hours / 20))) × a query of the same hours"
echo "  tick of 100 thresholds                   $tick ms"
