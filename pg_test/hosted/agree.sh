#!/usr/bin/env bash
# Owns the comparison of the two kernels: every question of pg_test/hosted/*.sql is asked in a database with the extension and in one with the hosted
# edition, which an ordinary role has installed. Their answers are equal, line by line.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

use_server test
scripts/hosted.sh 2>/dev/null
install_hosted agree_hosted
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS agree_library WITH (FORCE)" -c "CREATE DATABASE agree_library TEMPLATE tally_template"
work=$(mktemp -d)
trap 'rm -rf "$work"; server_psql -q -d postgres \
    -c "DROP DATABASE IF EXISTS agree_library WITH (FORCE)" -c "DROP DATABASE IF EXISTS agree_hosted WITH (FORCE)"' EXIT

# ask DATABASE ROLE FILE: the answers, without what only one of them says beside an error.
ask() {
    PGOPTIONS='-c timezone=UTC -c datestyle=ISO,YMD -c client_min_messages=warning -c statement_timeout=120s' \
        "$PG_LIB/bin/psql" -XAtq -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U "$2" -d "$1" -f "$3" 2>&1
}

files=(pg_test/hosted/*.sql)
echo "1..$((2 * ${#files[@]}))"
n=0
for file in "${files[@]}"; do
    ask agree_library postgres "$file" >"$work/library"
    ask agree_hosted tally_host "$file" >"$work/hosted"
    least=$(sed -n 's/^-- answers: //p' "$file")
    n=$((n + 1))
    [ "$(wc -l <"$work/library")" -ge "${least:-1}" ] || printf 'not '
    echo "ok $n - $(basename "$file"): the library gives $(wc -l <"$work/library") answers, at least ${least:-1}"
    n=$((n + 1))
    if ! diff "$work/library" "$work/hosted" >"$work/diff"; then
        printf 'not '
    fi
    echo "ok $n - $(basename "$file"): the kernel in SQL gives the same"
    head -n 20 "$work/diff" | cut -c 1-300 | sed 's/^/# /'
done
