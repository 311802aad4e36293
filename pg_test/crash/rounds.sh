#!/usr/bin/env bash
# Owns the running of the crash test (pg_test/harness): rounds of concurrent writers, refreshers and evaluators, each ended by
# a SIGKILL. Has a server of its own. A short run here; `make test-crash` is the long one. Called by the harness itself
# with `kill` and `start`, because the server is started as another user.
#
#   SEED=1234 ROUNDS=50 make test-crash

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

use_server rounds
case ${1:-} in
    kill) kill_server; exit ;;
    start) start_server; exit ;;
esac

harness=$(build_harness)
remove_server
# fsync matters when the machine dies, not when processes do.
settings=("fsync = off" "shared_buffers = 128MB" "max_connections = 40" "max_prepared_transactions = 10" "log_min_messages = warning"
    "autovacuum_naptime = 1s" "max_wal_size = 200MB")
if [ "${KERNEL:-rust}" = sql ]; then
    run_hosted_server rounds postgres "${settings[@]}"
    install_hosted_templates
    export TALLY_OWNER=tally_host
else
    run_server rounds "${PROFILE:-release}" postgres "${settings[@]}"
fi
trap remove_server EXIT
TALLY_SOCKET=$SERVER_SOCKET TALLY_PORT=$SERVER_PORT TALLY_CONTROL=$ROOT/pg_test/crash/rounds.sh ROUNDS=${ROUNDS:-12} "$harness" crash
