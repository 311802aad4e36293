#!/usr/bin/env bash
# Owns one promise: with the real pg_cron as the only clock, tally.start() keeps a rollup equal to its definition without
# anybody calling refresh, and tally.stop() ends that. Has a server of its own, because pg_cron serves one database only.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

# What an earlier run, cut short, may have left.
use_server cron
remove_server
run_server cron "${PROFILE:-release}" cron "fsync = off" "shared_buffers = 64MB" "max_connections = 30" "log_min_messages = warning"
trap remove_server EXIT
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -d cron -Atq -v ON_ERROR_STOP=1 "$@"; }

# wait_for SECONDS QUERY: until the query answers t.
wait_for() {
    local tries=$(($1 * 2))
    until [ "$(sql -c "$2")" = t ]; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.5
    done
}

sql >/dev/null <<'SQL'
CREATE EXTENSION pg_cron;
CREATE EXTENSION pg_tally;
CREATE TABLE events (event_time timestamptz NOT NULL, kind text NOT NULL);
SELECT tally.create_rollup('by_minute', 'events', 'event_time', '1 hour', '["kind"]', '{"events": "count(*)"}', schedule => '* * * * *');
SELECT tally.create_rollup('by_night', 'events', 'event_time', '1 day', '["kind"]', '{"events": "count(*)"}', schedule => '30 2 * * *');
CREATE VIEW wanted AS SELECT date_trunc('hour', event_time) AS bucket, kind, count(*) AS events FROM events GROUP BY 1, 2;
CREATE VIEW differing AS (TABLE by_minute EXCEPT ALL TABLE wanted) UNION ALL (TABLE wanted EXCEPT ALL TABLE by_minute);
INSERT INTO events SELECT now() - i * interval '3 minutes', 'kind ' || i % 3 FROM generate_series(1, 5000) AS i;
SQL

sql -c "SELECT * FROM tally.start()" >/dev/null
is "$(sql -c "SELECT jobname || ': ' || schedule FROM cron.job WHERE jobname LIKE 'tally refresh%' ORDER BY 1")" \
    "tally refresh * * * * *: * * * * *
tally refresh 30 2 * * *: 30 2 * * *" "tally.start() makes one refresh job for each schedule"

is "$(sql -c "SELECT state FROM tally_internal._clock()")" running "health sees the clock run"

if wait_for 130 "SELECT NOT EXISTS (TABLE differing)"; then ok "the history was computed by pg_cron"; else not_ok "the history was computed by pg_cron"; fi

sql -c "UPDATE events SET kind = 'moved' WHERE random() < 0.1" -c "DELETE FROM events WHERE random() < 0.1" \
    -c "INSERT INTO events VALUES ('2020-02-29 12:00+00', 'late')"
is "$(sql -c "SELECT EXISTS (TABLE differing)")" t "changes wait for the next tick"
if wait_for 130 "SELECT NOT EXISTS (TABLE differing)"; then ok "changes were taken up by pg_cron"; else not_ok "changes were taken up by pg_cron"; fi

# A run that is still going on is no failure.
is "$(sql -c "SELECT j.jobname, d.status, d.return_message FROM cron.job_run_details AS d JOIN cron.job AS j USING (jobid)
               WHERE d.status = 'failed' ORDER BY d.runid LIMIT 5")" "" "no job failed"
is "$(sql -c "SELECT count(*) > 0 FROM cron.job_run_details AS d JOIN cron.job AS j USING (jobid)
               WHERE j.jobname = 'tally evaluate' AND d.status = 'succeeded'")" t "thresholds were evaluated, too"
is "$(sql -c "SELECT count(*) FROM by_night")" 0 "a rollup of another schedule was left alone"

sql -c "SELECT * FROM tally.stop()" >/dev/null
is "$(sql -c "SELECT count(*) FROM cron.job WHERE jobname LIKE 'tally %'")" 0 "tally.stop() leaves no job"
is "$(sql -c "SELECT status || ': ' || hint FROM tally.health WHERE \"check\" = 'clock'")" "stopped: SELECT tally.start();" "and health says at once that the clock is stopped"
done_testing
