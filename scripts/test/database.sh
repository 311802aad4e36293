#!/usr/bin/env bash
# Owns the running of one pgTAP script: in a database of its own, made from the template and dropped afterwards.
# Errors become TAP comments, which the harness shows; rows that are no TAP it passes over.
#
# Many assertions are made of rows, and would vanish with them. So pg_test/counts.txt says how many there are at least in each file: fewer
# are a failure. `WRITE_COUNTS=1 scripts/test.sh FILE…` writes the counts of what it runs.
#
#   scripts/test/database.sh pg_test/stages/x.sql

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

file=$1
# KERNEL=sql: the hosted edition, as a role without superuser, on a server that has no library of ours. kernels/sql/tests says which files apply.
user=postgres
template=tally_template
use_server test
if [ "${KERNEL:-rust}" = sql ]; then
    reason=$(sed -n "s,^$file  *skip: ,,p" kernels/sql/tests)
    if [ -n "$reason" ]; then
        echo "1..0 # SKIP $reason"
        exit 0
    fi
    user=tally_host
    use_server test-sql
    ! grep -q "^$file  *event triggers" kernels/sql/tests || template=tally_template_events
fi
database=$(printf %s "${file#pg_test/}" | sed 's/\.sql$//; s/[^A-Za-z0-9_]/_/g' | cut -c1-60)

server_psql -q -d postgres -c "DROP DATABASE IF EXISTS \"$database\"" -c "CREATE DATABASE \"$database\" TEMPLATE $template"
[ "$user" = postgres ] || server_psql -q -d postgres -c "GRANT CREATE, TEMPORARY ON DATABASE \"$database\" TO $user"
tap=$(mktemp)
set +e
PGOPTIONS='-c client_min_messages=warning' timeout 900 "$PG_LIB/bin/psql" -XAtq -h "$SERVER_SOCKET" -p "$SERVER_PORT" \
    -U "$user" -d "$database" -v ON_ERROR_STOP=1 -P pager=off -f "$file" 2>&1 |
    sed -u -E '/^psql:|^(ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT|LINE [0-9]+):/s/^/# /' | tee "$tap"
status=${PIPESTATUS[0]}
count=$(grep -cE '^(not )?ok ' "$tap")
least=$(awk -v file="$file" '$1 == file { print $2 }' pg_test/counts.txt)
if [ "${WRITE_COUNTS:-0}" = 1 ] && [ "$status" -eq 0 ]; then
    # Two tests run at a time.
    # shellcheck disable=SC2016  # expanded by the inner shell
    flock pg_test/counts.txt sh -c '
        rest=$(grep -v "^$1 " pg_test/counts.txt)
        printf "%s\n" "$rest" "$1 $2" | sed /^\$/d | LC_ALL=C sort >"$3"
        cat "$3" >pg_test/counts.txt' sh "$file" "$count" "$tap"
elif [ "$count" -lt "${least:-0}" ]; then
    echo "# $count assertions, and there were $least: the rows that they are made of are missing"
    status=1
fi
rm -f "$tap"
set -e
[ "$status" -ne 124 ] || echo "# the script did not end within 15 minutes"
server_psql -q -d postgres -c "DROP DATABASE \"$database\" WITH (FORCE)"
exit "$status"
