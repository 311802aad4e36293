#!/usr/bin/env bash
# Owns one promise: with the real pg_cron as the only clock, tally.start() keeps a rollup equal to its definition without
# anybody calling refresh, and tally.stop() ends that; and a role that is no superuser can be the one whose jobs these are. Has a server of
# its own, because pg_cron serves one database only.

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
is "$(sql -c "SELECT status || ': ' || hint FROM tally.health WHERE \"check\" = 'clock'")" "stopped: SELECT tally.start();" \
    "and health says at once that the clock is stopped"

# Every job as a clock that is no superuser. As it was, evaluate_scheduled could not be granted: its parts were the superuser's alone.
sql >/dev/null <<'SQL'
CREATE ROLE clock LOGIN;
CREATE TABLE published (at timestamptz);
SELECT tally.create_task('publish', '* * * * *', 'INSERT INTO published SELECT :as_of');
SELECT tally.create_threshold('many', query => 'SELECT count(*) AS value FROM events', condition => '> 1');
SELECT tally.retain_source('events', '100 years');
INSERT INTO events SELECT now() - i * interval '7 minutes', 'kind ' || i % 3 FROM generate_series(1, 100) AS i;
SELECT tally.grant_access('clock', 'clock');
SQL
PGOPTIONS='-c client_min_messages=warning' server_psql -U clock -d cron -Atq -v ON_ERROR_STOP=1 -c "SELECT * FROM tally.start()" \
    -c "SELECT cron.schedule(jobname, '* * * * *', command) FROM cron.job WHERE jobname LIKE 'tally %'" >/dev/null
is "$(sql -c "SELECT username || ' ' || count(*) FROM cron.job WHERE jobname LIKE 'tally %' GROUP BY username")" "clock 6" \
    "all jobs are the clock's, who is no superuser"
if wait_for 130 "SELECT count(DISTINCT j.jobid) = 6 FROM cron.job_run_details AS d JOIN cron.job AS j USING (jobid) WHERE j.username = 'clock'
    AND d.status = 'succeeded'
                 HAVING NOT EXISTS (TABLE differing)"; then
    ok "each of them has run as the clock, and the rollup is exact"
else
    not_ok "each of them has run as the clock, and the rollup is exact"
    sql -c "SELECT j.jobname, d.status, d.return_message FROM cron.job_run_details AS d JOIN cron.job AS j USING (jobid) WHERE j.username = 'clock'"
fi
is "$(sql -c "SELECT DISTINCT d.return_message FROM cron.job_run_details AS d JOIN cron.job AS j USING (jobid) WHERE j.username = 'clock'
    AND d.status = 'failed'")" "" "none has failed"
is "$(sql -c "SELECT count(*) > 0 FROM published")" t "the task has run"
is "$(sql -c "SELECT count(*) FROM tally.incidents WHERE threshold = 'many'")" 1 "the threshold has fired"
is "$(PGOPTIONS='-c client_min_messages=warning' server_psql -U clock -d cron -Atq -c "SELECT count(*) FROM tally.stop()")" 6 "and the clock stops its jobs"
done_testing
