#!/usr/bin/env bash
# Owns "once": evaluators that run at the same moment, and evaluators cut off at any point and run again, leave one
# incident, one timeline entry and one notification per label set that fired.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS evaluators" -c "CREATE DATABASE evaluators TEMPLATE tally_template"
trap 'server_psql -q -d postgres -c "DROP DATABASE IF EXISTS evaluators WITH (FORCE)"' EXIT
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -d evaluators -Atq -v ON_ERROR_STOP=1 "$@"; }

labels=200
sql >/dev/null <<SQL
CREATE TABLE feed (host int, value float8);
INSERT INTO feed SELECT i, 99 FROM generate_series(1, $labels) i;
SELECT tally.create_channel('box', kind => 'table');
SELECT tally.create_threshold('t', query => 'SELECT host, value FROM feed', condition => '> 10');
SQL
# Incidents, label sets among them, timeline entries "opened", messages, evaluations.
totals() {
    sql -F' ' -c "SELECT (SELECT count(*) FROM tally.incidents), (SELECT count(DISTINCT labels) FROM tally.incidents),
        (SELECT count(*) FROM tally.incident_events WHERE event = 'opened'),
                         (SELECT count(*) FROM tally.notifications), (SELECT count(*) FROM tally.evaluations)"
}

for i in 1 2 3 4 5 6; do
    sql -c "SELECT opened FROM tally.evaluate('2026-03-01 12:00Z')" &
done >/dev/null
wait
is "$(totals)" "$labels $labels $labels $labels 1" "six evaluators at the same tick: one incident, one entry, one message per label set"

# All recover, are closed, and fire anew, tick by tick, each tick cut off at another point and then retried.
is "$(sql -c "SELECT tally.create_threshold('t', query => 'SELECT host, value FROM feed', condition => '> 10', auto_resolve => true)" \
          -c "UPDATE feed SET value = 1" -c "SELECT recovered FROM tally.evaluate('2026-03-01 12:01Z')" | tail -n 1)" "$labels" "all recover"
cut=0
minute=2
for ms in 5 10 20 30 40 60 80 100 130 160; do
    sql -c "UPDATE feed SET value = CASE WHEN value > 10 THEN 1 ELSE 99 END"
    at="2026-03-01 12:00Z'::timestamptz + interval '$minute minutes"
    PGAPPNAME=victim sql -c "SELECT opened FROM tally.evaluate('$at')" >/dev/null 2>&1 &
    sleep "$(printf '0.%03d' $ms)"
    killed=$(sql -c "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'victim'
        AND datname = current_database() AND state = 'active'")
    wait
    cut=$((cut + killed))
    # The retried tick, twice.
    sql -c "SELECT * FROM tally.evaluate('$at')" -c "SELECT * FROM tally.evaluate('$at')" >/dev/null
    minute=$((minute + 1))
done
# Ten more ticks: five in which all fired, five in which all recovered.
expected=$((labels * 6))
is "$(sql -F' ' -c "SELECT (SELECT count(*) FROM tally.incidents), (SELECT count(*) FROM tally.incident_events WHERE event = 'opened'),
    (SELECT count(*) FROM tally.incident_events WHERE event = 'recovered'),
        (SELECT count(*) FROM tally.notifications WHERE events #>> '{0,event}' = 'opened'), (SELECT count(*) FROM tally.notifications
            WHERE events #>> '{0,event}' = 'recovered'), (SELECT count(*) FROM tally.evaluations)")" \
    "$expected $expected $expected $expected $expected 12" "ticks cut off and retried: each fired and recovered once"
is "$(sql -c "SELECT count(*) FROM tally.incidents WHERE recovered_at - opened_at <> interval '1 minute'")" 0 "and each timeline has its minutes right"
if [ "$cut" -ge 2 ]; then ok "$cut of 10 evaluators were cut off at work"; else not_ok "only $cut of 10 evaluators were cut off at work"; fi

# A long evaluation: a second evaluator is a no-op at once, and says so.
sql -c "BEGIN" -c "SELECT tally_internal._evaluation_lock()" -c "SELECT pg_sleep(2)" -c "COMMIT" >/dev/null &
sleep 0.5
is "$(sql -c "SELECT count(*) FROM tally.evaluate('2026-03-01 13:00Z')")" 0 "while another evaluates there is nothing to do"
wait
is "$(sql -c "SELECT count(*) FROM tally.evaluate('2026-03-01 13:00Z')")" 1 "afterwards there is"
done_testing
