#!/usr/bin/env bash
# Owns: the speed of evaluation: 1,000 thresholds in one tick over the rollups of 10 M events, and one threshold of
# 10,000 label sets, each calm, pending, and in the tick in which it fires; and, in sizes.sh, beside much that is open. One run in a database of
# its own on the server that PGHOST, PGPORT and PGUSER name.
#
#   EVENTS=10000000 bench/alert/run.sh          PARTS=sizes bench/alert/run.sh for those alone
set -euo pipefail

events=${EVENTS:-10000000}
db=${BENCH_DATABASE:-tally_bench_alert}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bench/table.sh
. "$here/../table.sh"
sql() { PGOPTIONS='-c client_min_messages=warning' psql -XqAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }

if [ "${PARTS:-}" = sizes ]; then
    # shellcheck source=bench/alert/sizes.sh
    . "$here/sizes.sh"
    [ "${KEEP:-}" ] || psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
    exit
fi
psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
echo "loading $events events and their rollups"
sql -c 'CREATE EXTENSION pg_tally' -c "SELECT tally.generate_awf($events, until => '2025-06-01 00:00+00')" -c "SELECT tally.install_pack('awf')" \
    -c 'CALL tally.backfill()' -c 'VACUUM ANALYZE' >/dev/null

run_of "$events" 10000000 "EVENTS=$events make bench-alert"
table_head tick ms 'ms of CPU' 'aim, ms' thresholds 'label sets' 'in breach' opened
# tick LABEL AIM MOMENT [THRESHOLD]: one evaluation in a session of its own, as pg_cron makes it. An error of a threshold ends the benchmark.
tick() {
    local ms cpu thresholds sets breaches opened errors
    read -r ms cpu thresholds sets breaches opened errors < <(sql -c "$own" -c '\timing on' \
        -c "SELECT count(*), sum(series), sum(breaches), sum(opened), count(error) FROM tally.evaluate('$3'${4:+, '$4'})" -c '\timing off' -c "$own" | awk '
        /^own / { own[n++] = $2 }
        /^[0-9]+\|/ { gsub(/\|/, " "); counted = $0 }
        /^Time:/ { ms = $2 }
        END { printf "%.0f %.0f %s\n", ms, (own[1] - own[0]) / 1e6, counted }')
    [ "$errors" = 0 ] || { echo "bench/alert: $errors thresholds had an error in '$1'" >&2; exit 1; }
    table_row "$1" "$(judged "$ms" "$2")" "$cpu" "$2" "$thresholds" "$sets" "$breaches" "$opened"
}

# Metrics of six rollups, whole or by world or of one world; 204 of them breach.
sql >/dev/null <<'SQL'
SELECT tally.enable_threshold(t.name, false) FROM tally.thresholds t;
SELECT tally.create_threshold(format('t%s', i),
           metric => (ARRAY['p95_latency_ms', 'retry_rate', 'fallback_rate', 'turns', 'stuck_rate_5m', 'avg_in_tokens', 'p95_latency_ms_5m',
               'overall_completion_rate'])[1 + i % 8],
           condition => '> ' || i * 10, "for" => '5 minutes', per => CASE WHEN i % 3 = 0 THEN '{world}' ELSE '{}' END::text[],
           "where" => CASE WHEN i % 2 = 0 THEN jsonb_build_object('world', (SELECT DISTINCT f.world FROM awf_5m f ORDER BY 1 LIMIT 1 OFFSET i % 6))
               ELSE '{}' END)
  FROM generate_series(1, 1000) i;
SQL
tick '1,000 thresholds on metrics: first tick: those in breach become pending' 500 '2025-06-01 00:01Z'
tick 'a calm tick' 500 '2025-06-01 00:02Z'
tick 'the tick in which all in breach fire' 2000 '2025-06-01 00:06Z'
tick 'the tick after' 500 '2025-06-01 00:07Z'

sql >/dev/null <<'SQL'
SELECT tally.enable_threshold(t.name, false) FROM tally.thresholds t WHERE t.enabled;
CREATE TABLE hosts (at timestamptz NOT NULL, host text NOT NULL, load float8 NOT NULL);
INSERT INTO hosts SELECT '2025-06-01 00:00Z'::timestamptz + m * interval '1 minute', 'host-' || i, i FROM generate_series(0, 9) m, generate_series(1, 10000) i;
SELECT tally.create_rollup('hosts_1m', source => 'hosts', time_column => 'at', bucket => '1 minute', dimensions => '["host"]',
    measures => '{"n": "count(*)", "load": "sum(load)"}', with_data => true);
SELECT tally.create_metric('load', 'hosts_1m', 'load / nullif(n, 0)');
SELECT tally.create_threshold('hot', metric => 'load', condition => '> 20000', "for" => '2 minutes', per => '{host}');
ANALYZE;
SQL
tick 'one threshold of 10,000 label sets: a calm tick' 500 '2025-06-01 00:01Z' hot
sql -c "SELECT tally.create_threshold('hot', metric => 'load', condition => '> 0', \"for\" => '2 minutes', per => '{host}')" >/dev/null
tick 'all become pending' 500 '2025-06-01 00:02Z' hot
tick 'all are pending' 500 '2025-06-01 00:03Z' hot
tick 'all fire: 10,000 incidents' 1500 '2025-06-01 00:04Z' hot
tick 'all go on firing' 500 '2025-06-01 00:05Z' hot
table_into alert.md ticks

echo
echo "beside much that is open"
# shellcheck source=bench/alert/sizes.sh
. "$here/sizes.sh"
[ "${KEEP:-}" ] || psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
