#!/usr/bin/env bash
# Owns one guarantee: a server killed (SIGKILL) in the middle of a refresh or a backfill, while writers are at work, is
# started again, and the next refresh leaves every rollup equal to its definition. Has a server of its own.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

# fsync matters when the machine dies, not when processes do.
# What an earlier run, cut short, may have left.
use_server crash
remove_server
role=postgres
settings=("fsync = off" "shared_buffers = 128MB" "max_connections = 20" "log_min_messages = warning" "autovacuum_naptime = 1s")
trap remove_server EXIT
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -U "$role" -d crash -Atq -v ON_ERROR_STOP=1 "$@"; }
if [ "${KERNEL:-rust}" = sql ]; then
    run_hosted_server crash postgres "${settings[@]}"
    install_hosted crash
    role=tally_host
else
    run_server crash "${PROFILE:-release}" crash "${settings[@]}"
    sql -c "CREATE EXTENSION pg_tally"
fi

sql -f pg_test/crash/schema.sql >/dev/null

# Runs a statement in the background, kills the server after some milliseconds, starts it again. Says "hit" when the
# statement was still running.
crash_during() {
    local milliseconds=$1 statement=$2 writer worker hit=missed
    (while sql -c "SELECT insert_events(50)"; do :; done) >/dev/null 2>&1 &
    writer=$!
    sql -c "$statement" >/dev/null 2>&1 &
    worker=$!
    sleep "$(printf '0.%03d' "$milliseconds")"
    ! kill -0 "$worker" 2>/dev/null || hit=hit
    kill_server
    wait "$worker" "$writer" 2>/dev/null || :
    start_server
    echo "$hit"
}

differences() { sql -c "SELECT * FROM differences()"; }

is "$(sql -c "CALL tally.backfill()" -c "SELECT * FROM differences()")" "" "before any crash the rollups equal their definitions"

# How long a refresh of everything takes here; the kills are spread over that time.
milliseconds=$(sql -c "SELECT change_events()" -c "SELECT ceil(sum(duration_ms)) FROM tally.refresh()" | tail -n 1)
hits=0
for percent in 10 25 40 55 70 85; do
    sql -c "SELECT change_events()" >/dev/null
    wait_ms=$((milliseconds * percent / 100 + 15))
    outcome=$(crash_during $((wait_ms > 900 ? 900 : wait_ms)) "SELECT * FROM tally.refresh()")
    if [ "$outcome" = hit ]; then hits=$((hits + 1)); fi
    # The live views are exact even before the next refresh.
    is "$(sql -c "SELECT * FROM live_differences()")" "" "killed after $wait_ms ms of a refresh ($outcome): live views are exact at once"
    sql -c "SELECT * FROM tally.refresh()" >/dev/null
    is "$(differences)" "" "killed after $wait_ms ms of a refresh ($outcome): the next refresh leaves no difference"
done
if [ $hits -ge 3 ]; then ok "$hits of 6 kills fell into a running refresh"; else not_ok "only $hits of 6 kills fell into a running refresh"; fi

hits=0
for wait_ms in 60 150 300; do
    sql -c "SELECT mark_all()" >/dev/null
    if [ "$(crash_during $wait_ms "CALL tally.backfill(batch_rows => 5000)")" = hit ]; then hits=$((hits + 1)); fi
    sql -c "CALL tally.backfill(batch_rows => 50000)" >/dev/null
    is "$(differences)" "" "killed after $wait_ms ms of a backfill: the next one goes on, and leaves no difference"
done
if [ $hits -ge 1 ]; then ok "$hits of 3 kills fell into a running backfill"; else not_ok "no kill fell into a running backfill"; fi

is "$(sql -c "SELECT count(*) FROM tally.dirty" -c "SELECT count(*) FROM tally.dirty_ranges" | tr '\n' ' ')" "0 0 " "no mark is left"
done_testing
