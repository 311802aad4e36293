#!/usr/bin/env bash
# Owns one guarantee: every kernel function, whatever it is given, ends when its statement is cancelled. The list of functions is the catalogue's; each
# gets the largest values of its types that are at hand. How it is asked and judged is in cancel.psql.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

use_server test
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS tally_cancel WITH (FORCE)" -c "CREATE DATABASE tally_cancel TEMPLATE tally_template"
server_psql -d tally_cancel -qAtX -v ON_ERROR_STOP=1 -v port="$SERVER_PORT" -v socket="$SERVER_SOCKET" -f pg_test/safety/cancel.psql 2>&1
status=$?
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS tally_cancel WITH (FORCE)"
exit "$status"
