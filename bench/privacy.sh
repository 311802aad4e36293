#!/usr/bin/env bash
# Owns: the speed of a release: awf's daily table over many days, on the server that PGHOST, PGPORT and PGUSER name. First release, a day's increment after
# new events, the refresh of the rollups beside it, and reading.
#
#   EVENTS=10000000 DAYS=90 bench/privacy.sh
set -euo pipefail

events=${EVENTS:-10000000}
days=${DAYS:-90}
db=bench_privacy
sql() { PGOPTIONS="-c client_min_messages=warning -c timezone=UTC" psql -XqAt -v ON_ERROR_STOP=1 -d "$db" "$@"; }
# timed STATEMENT: milliseconds by the clock and of processor time (which /proc counts in hundredths of a second), and its rows into the file $rows.
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
timed() {
    local spent="(SELECT 10 * (s[12]::int + s[13]::int) FROM string_to_array(regexp_replace(pg_read_file('/proc/self/stat'), '^.*\) ', ''), ' ') s)"
    sql <<SQL | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p; s/^cpu //p' | paste -sd' '
SELECT $spent AS before \gset
\timing on
\o $rows
$1;
\o
\timing off
SELECT 'cpu ' || $spent - :before;
SQL
}
line() {
    awk -v what="$1" -v ms="$2" -v aim="$3" -v more="$4" 'BEGIN { split(ms, t, " "); printf "| %s | %.0f | %s | %s | %s |\n", what, t[1], t[2], aim, more }'
}

psql -XqAt -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db" 2>/dev/null
until='2026-04-01 00:00Z'
sql -o /dev/null -c "CREATE EXTENSION pg_tally" -c "SELECT tally.generate_awf($events, until => '$until', span => '$days days')" \
    -c "SELECT tally.install_pack('awf')" -c "CALL tally.backfill('awf_hourly')" -c "CALL tally.backfill('awf_daily')" -c "VACUUM (ANALYZE)"
sql -o /dev/null -c "SELECT tally.create_release('awf_released', 'awf_daily', '{world,adventure,variation}', people => 'sessions',
    hierarchies => '[[\"world\", \"adventure\"]]', settle => '0')"
first=$(timed "SELECT count(*), sum(cells), sum(hidden), count(*) FILTER (WHERE state = 'refused')
    FROM tally.refresh_release('awf_released', as_of => timestamptz '$until' - interval '1 day')")
published=$(cat "$rows")
# A day later there are new events of that day, in the rollups first.
sql -o /dev/null -c "INSERT INTO analytics_events
    SELECT * FROM (SELECT * FROM analytics_events WHERE event_time >= timestamptz '$until' - interval '1 day' LIMIT 10000) x"
refreshed=$(timed "SELECT count(*) FROM tally.refresh('awf_daily')")
increment=$(timed "SELECT count(*), sum(cells), sum(hidden), count(*) FILTER (WHERE state = 'refused')
    FROM tally.refresh_release('awf_released', as_of => '$until')")
one=$(cat "$rows")
read=$(timed "SELECT count(n) FROM (SELECT * FROM awf_released) n")
sql -o /dev/null -c "CREATE TABLE plain AS SELECT * FROM awf_released"
copied=$(timed "SELECT count(n) FROM (SELECT * FROM plain) n")

words() { awk -F'|' '{ printf "%s buckets, %s cells, %s hidden, %s buckets refused", $1, $2, $3, $4 }' <<<"$1"; }
echo "# A release of awf_daily by world > adventure × variation, $days days, $events events"
echo
echo "| what | ms | CPU ms | aim | |"
echo "|---|---:|---:|---:|---|"
line "first release" "$first" "" "$(words "$published")"
line "refresh of \`awf_daily\` after 10,000 events of a day" "$refreshed" "" ""
line "a day's increment of the release" "$increment" "2000" "$(words "$one")"
line "reading the release" "$read" "$(awk -v ms="$copied" 'BEGIN { printf "%.0f", ms * 1.5 + 1 }')" "the same rows in a plain table: ${copied% *} ms"
psql -XqAt -d postgres -c "DROP DATABASE $db"
