#!/usr/bin/env bash
# Owns one promise: every SQL example of the README and of docs/ runs, and prints what the page says.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
pages=0
for page in README.md docs/*.md; do
    grep -q '^```sql' "$page" || continue
    pages=$((pages + 1))
    server_psql -q -d postgres -c "DROP DATABASE IF EXISTS docs_page" -c "CREATE DATABASE docs_page TEMPLATE tally_template"
    server_psql -q -d docs_page -c "DROP EXTENSION pg_tally CASCADE" 2>/dev/null
    words=$(perl pg_test/docs/run.pl "$page" "$PG_LIB/bin/psql" -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -d docs_page) || not_ok "$page is read"
    failed=$(grep -c '^not ok' <<<"$words" || :)
    if [ "$failed" -eq 0 ] && grep -q '^ok' <<<"$words"; then
        ok "$page: $(grep -c '^ok' <<<"$words") examples"
    else
        not_ok "$page: $failed examples fail"
        diag <<<"$words"
    fi
done
[ "$pages" -gt 0 ] && ok "there are $pages pages with examples" || not_ok "no page has an example"
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS docs_page WITH (FORCE)"
done_testing
