#!/usr/bin/env bash
# Owns `make reference`: writes docs/reference.md from the COMMENTs of the extension as it is now.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

scripts/setup.sh
trap stop_server EXIT
run_server test "${PROFILE:-release}" postgres "fsync = off"
server_psql -q -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS tally_template" -c "CREATE DATABASE tally_template"
server_psql -q -v ON_ERROR_STOP=1 -d tally_template -c "CREATE EXTENSION pg_tally"
bash pg_test/contract/reference.sh write
