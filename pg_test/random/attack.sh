#!/usr/bin/env bash
# Owns the running of the random attack (pg_test/harness): a role without rights calls every function that PUBLIC may execute with hostile
# arguments, and writes every table that it can. A short run here; `make test-attack` is the long one. Has a server of its own: what must be as it was
# are roles and settings too, which belong to the whole server, and other tests make such.
#
#   SEED=1234 ROUNDS=1 make test-attack          plays one round again

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

use_server attack
remove_server
run_server attack "${PROFILE:-release}" postgres "fsync = off" "shared_buffers = 64MB" "max_connections = 30" "log_min_messages = fatal"
trap remove_server EXIT
harness=$(build_harness)
TALLY_SOCKET=$SERVER_SOCKET TALLY_PORT=$SERVER_PORT ROUNDS=${ROUNDS:-8} "$harness" attack
