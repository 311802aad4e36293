#!/usr/bin/env bash
# Owns `make psql`: a psql on the demo's server, starting that if it stands still. PURPOSE=demo-git for the other demo.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

purpose=${PURPOSE:-demo}
use_server "$purpose"
[ -d "$SERVER_DATA" ] || die "there is no $purpose server yet." "make $purpose"
start_server
exec "$PG_LIB/bin/psql" -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -d "${purpose//-/_}"
