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
# KERNEL=sql: the hosted edition, as a role without superuser, on a server that has no library of ours. kernels/sql/tests says which files apply, and how.
user=postgres
template=tally_template
owner=
use_server test
if [ "${KERNEL:-rust}" = sql ]; then
    words=$(awk -v file="$file" '$1 == file { $1 = ""; print }' kernels/sql/tests)
    if [[ $words == *" skip: "* ]]; then
        echo "1..0 # SKIP ${words#* skip: }"
        exit 0
    fi
    user=tally_host
    use_server test-sql
    [[ $words != *" event triggers"* ]] || template=tally_template_events
    if [[ $words =~ \ owner=([a-z_0-9]+) ]]; then
        # The edition belongs to the role that defines things in the file, and the session is a superuser's, as with the library. The role stays on the
        # server, because files share it.
        owner=${BASH_REMATCH[1]}
        user=postgres
    fi
fi
database=$(printf %s "${file#pg_test/}" | sed 's/\.sql$//; s/[^A-Za-z0-9_]/_/g' | cut -c1-60)

server_psql -q -d postgres -c "DROP DATABASE IF EXISTS \"$database\"" -c "CREATE DATABASE \"$database\" TEMPLATE $template"
if [ "${KERNEL:-rust}" = sql ]; then
    host=${owner:-tally_host}
    server_psql -q -d "$database" -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" \
        -c "DO \$\$ BEGIN CREATE ROLE $host LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END \$\$" \
        -c "GRANT CREATE, TEMPORARY ON DATABASE \"$database\" TO $host"
    [ -z "$owner" ] || server_psql -q -d "$database" -v ON_ERROR_STOP=1 -c "GRANT ALL ON SCHEMA public TO $owner" -c "REASSIGN OWNED BY tally_host TO $owner"
    [[ $words != *" superuser"* ]] || server_psql -q -d "$database" -v ON_ERROR_STOP=1 -f pg_test/superuser.psql
fi
# psql, with the script's name or - for the standard input.
script() {
    PGOPTIONS='-c client_min_messages=warning' timeout 900 "$PG_LIB/bin/psql" -XAtq -h "$SERVER_SOCKET" -p "$SERVER_PORT" \
        -U "$user" -d "$database" -v ON_ERROR_STOP=1 -P pager=off -f "$1" 2>&1
}
# The script with the setting by which the hosted edition sees the search_path that a session has chosen.
pathed() {
    perl -pe 's/^(SET (?:LOCAL )?)search_path = ([^;]+);/$&$1tally.search_path = \x27$2\x27;/; s/^RESET search_path;/$& RESET tally.search_path;/;
        s/"SET search_path = /"SET tally.search_path = /' "$file"
}
# The script without what makes and drops the role that the edition belongs to.
owned() {
    # shellcheck disable=SC2016  # read by Perl
    OWNER=$owner perl -pe 's/\bCREATE ROLE $ENV{OWNER}( LOGIN)?;//; next unless /DROP (?:OWNED BY|ROLE)/;
        s/\b$ENV{OWNER}, //; s/, $ENV{OWNER}\b//; s/DROP (?:OWNED BY|ROLE)(?: IF EXISTS)? $ENV{OWNER}(?: CASCADE)?;//g' "$file"
}
tap=$(mktemp)
set +e
if [ -n "$owner" ]; then owned | (cd "$(dirname "$file")" && script -)
elif [[ ${words:-} == *" path"* ]]; then pathed | (cd "$(dirname "$file")" && script -)
else script "$file"; fi |
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
