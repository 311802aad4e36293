#!/usr/bin/env bash
# Owns two promises: a physical standby answers live views, metrics and status exactly as its primary does; and when it is promoted
# after the primary's crash, pg_cron goes on there: what was marked is refreshed, what was open stays open, and nothing comes twice.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

settings=("cron.use_background_workers = on" "max_worker_processes = 20" "fsync = off" "shared_buffers = 64MB" "max_connections = 30" \
    "log_min_messages = warning" "hot_standby = on")
use_server standby
remove_server
use_server primary
remove_server
run_server primary "${PROFILE:-release}" app "${settings[@]}"
primary=$SERVER_SOCKET
trap 'use_server standby; remove_server; use_server primary; remove_server' EXIT
on() { # SERVER [psql argument…]
    use_server "$1"
    PGOPTIONS='-c client_min_messages=warning' server_psql -d app -Atq -v ON_ERROR_STOP=1 "${@:2}" 2>&1
}
wait_for() { # SECONDS SERVER QUERY
    local tries=$(($1 * 2))
    until [ "$(on "$2" -c "$3")" = t ]; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.5
    done
}

on primary >/dev/null <<'SQL'
CREATE EXTENSION pg_cron;
CREATE EXTENSION pg_tally;
CREATE TABLE events (at timestamptz NOT NULL, kind text NOT NULL, v int NOT NULL);
CREATE INDEX ON events (at);
INSERT INTO events SELECT now() - i * interval '1 minute', 'k' || i % 3, i FROM generate_series(1, 3000) i;
SELECT tally.create_rollup('by_hour', 'events', 'at', dimensions => '["kind"]',
    measures => '{"n": "count(*)", "total": "sum(v)", "spread": "tally.tdigest(v)"}', schedule => '* * * * *', with_data => true);
SELECT tally.create_metric('mean', 'by_hour', 'total::float8 / nullif(n, 0)');
SELECT tally.create_threshold('queue', condition => '> 5', query => 'SELECT 9 AS value');
SELECT count(*) FROM tally.evaluate(date_trunc('minute', now()));
CREATE VIEW wanted AS SELECT date_trunc('hour', at) AS bucket, kind, count(*) AS n, sum(v) AS total FROM events GROUP BY 1, 2;
SQL

# The standby: a base backup, with a prefix and a socket of its own.
use_server standby
install_extension "${PROFILE:-release}"
as_server "$SERVER_BIN/pg_basebackup" -h "$primary" -p 54320 -U postgres -D "$SERVER_DATA" -R --checkpoint=fast >/dev/null 2>&1 ||
    { not_ok "a base backup"; done_testing; exit; }
choose_socket_dir
write_settings app "${settings[@]}"
start_server

# Marks of a change that no refresh has taken up yet.
on primary >/dev/null -c "UPDATE events SET v = v + 1 WHERE v % 7 = 0" -c "INSERT INTO events VALUES ('2020-02-29 12:00Z', 'late', 5)"
caught_up() { wait_for 60 standby "SELECT pg_last_wal_replay_lsn() >= '$(on primary -c "SELECT pg_current_wal_lsn()")'::pg_lsn"; }
caught_up || not_ok "the standby follows"

is "$(on standby -c "SELECT pg_is_in_recovery()")" t "it is a standby"
for query in "SELECT bucket, kind, n, total FROM by_hour_live ORDER BY 1, 2" "SELECT * FROM by_hour_metrics ORDER BY 1, 2" \
    "SELECT tally.percentile(spread, 0.9) FROM by_hour_live ORDER BY bucket, kind" \
        "SELECT * FROM tally.timeseries('mean', since => '30 days', bucket => '1 day') ORDER BY 1" \
    "SELECT * FROM tally.report('{mean}', since => '30 days', bucket => '1 day')" "SELECT rollup, dirty_buckets, exact_until FROM tally.status" \
    "SELECT threshold, status, value FROM tally.incidents"; do
    wanted=$(on primary -c "SET timezone = 'UTC'" -c "$query")
    is "$(on standby -c "SET timezone = 'UTC'" -c "$query")" "$wanted" "the standby answers as the primary does: ${query:0:60}"
    [ -n "$wanted" ] || not_ok "and that is something"
done
is "$(on standby -c "SELECT count(*) FROM ((SELECT bucket, kind, n, total FROM by_hour_live EXCEPT ALL TABLE wanted)
    UNION ALL (TABLE wanted EXCEPT ALL SELECT bucket, kind, n, total FROM by_hour_live)) x")" 0 \
    "its live view is exact, with changes that no refresh has taken up"
is "$(on standby -c "SELECT count(*) > 5 FROM tally.health")" t "health answers there"
is "$(on standby -c "SELECT tally.openmetrics() LIKE '%# EOF%'")" t "and openmetrics"
is "$(on standby -c "SELECT * FROM tally.refresh()" | grep -cE "ERROR: .*(read-only|recovery)" || :)" 1 "a refresh is refused there, as every write is"

# The primary runs its jobs, and dies in the middle of work.
on primary >/dev/null -c "SELECT tally.start()" -c "INSERT INTO events SELECT now() - i * interval '1 second', 'new', i FROM generate_series(1, 500) i"
caught_up || not_ok "the standby follows until the crash"
use_server primary
kill_server
use_server standby
as_server "$SERVER_BIN/pg_ctl" -D "$SERVER_DATA" -w promote >/dev/null
is "$(on standby -c "SELECT pg_is_in_recovery()")" f "promoted"
if wait_for 150 standby "SELECT NOT EXISTS ((SELECT bucket, kind, n, total FROM by_hour EXCEPT ALL TABLE wanted)
    UNION ALL (TABLE wanted EXCEPT ALL SELECT bucket, kind, n, total FROM by_hour))"; then
    ok "pg_cron goes on there: the rollup equals its definition without anybody calling refresh"
else
    not_ok "pg_cron goes on there: the rollup equals its definition without anybody calling refresh"
    on standby -c "SELECT * FROM tally.status" -c "SELECT jobid, status, return_message, start_time FROM cron.job_run_details ORDER BY runid DESC LIMIT 5" |
        diag
fi
wait_for 150 standby "SELECT max(tick) > now() - interval '2 minutes' FROM tally.evaluations" || :
is "$(on standby -c "SELECT count(*), min(status) FROM tally.incidents WHERE threshold = 'queue'")" "1|new" "the incident that was open is open, once"
is "$(on standby -c "SELECT count(*) FROM (SELECT FROM tally.evaluations GROUP BY threshold_id, tick HAVING count(*) > 1) x")" 0 "no tick was evaluated twice"
on standby >/dev/null -c "INSERT INTO events VALUES ('2021-01-01 12:00Z', 'after', 1)"
is "$(on standby -c "SELECT n FROM by_hour_live WHERE kind = 'after'")" 1 "capture goes on"
done_testing
