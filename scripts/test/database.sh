#!/usr/bin/env bash
# Owns the running of one pgTAP script: in a database of its own, made from the template and dropped afterwards.
# Errors become TAP comments, which the harness shows; rows that are no TAP it passes over.
#
#   scripts/test/database.sh pg_test/stages/x.sql

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

file=$1
use_server test
database=$(printf %s "${file#pg_test/}" | sed 's/\.sql$//; s/[^A-Za-z0-9_]/_/g' | cut -c1-60)

server_psql -q -d postgres -c "DROP DATABASE IF EXISTS \"$database\"" -c "CREATE DATABASE \"$database\" TEMPLATE tally_template"
set +e
PGOPTIONS='-c client_min_messages=warning' timeout 900 "$PG_LIB/bin/psql" -XAtq -h "$SERVER_SOCKET" -p "$SERVER_PORT" \
    -U postgres -d "$database" -v ON_ERROR_STOP=1 -P pager=off -f "$file" 2>&1 |
    sed -u -E '/^psql:|^(ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT|LINE [0-9]+):/s/^/# /'
status=${PIPESTATUS[0]}
set -e
[ "$status" -ne 124 ] || echo "# the script did not end within 15 minutes"
server_psql -q -d postgres -c "DROP DATABASE \"$database\" WITH (FORCE)"
exit "$status"
