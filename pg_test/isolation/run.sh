#!/usr/bin/env bash
# Owns what competes: isolationtester plays every interleaving of a specification's steps, and after each of them the
# live view and, after one more refresh, the stored rows must equal the definition. Steps may fail with a serialization
# failure; no step may fail otherwise, wait where it must not, or deadlock.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
role=postgres
[ "${KERNEL:-rust}" = rust ] || { use_server test-sql; role=tally_host; }
tester=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/isolation/isolationtester
[ -x "$tester" ] || { not_ok "isolationtester is where the server's development package puts it: $tester"; done_testing; exit; }

# SPECS="pg_test/isolation/specs/partitions.spec" plays some of them.
# shellcheck disable=SC2086  # several names
for spec in ${SPECS:-pg_test/isolation/specs/*.spec}; do
    name=$(basename "$spec" .spec)
    # On the hosted edition what becomes of partitions is seen at once only where there are event triggers.
    template=tally_template
    [ "$role" = postgres ] || ! grep -q 'TACH PARTITION' "$spec" || template=tally_template_events
    server_psql -q -d postgres -c "DROP DATABASE IF EXISTS isolation" -c "CREATE DATABASE isolation TEMPLATE $template"
    server_psql -q -d isolation -U "$role" -v ON_ERROR_STOP=1 -f pg_test/isolation/schema.sql
    output=$(PGOPTIONS='-c client_min_messages=warning' "$tester" "host=$SERVER_SOCKET port=$SERVER_PORT user=$role dbname=isolation" <"$spec" 2>&1)
    count() { grep -c "$1" <<<"$output" || :; }
    interleavings=$(count '^starting permutation')
    is "$((interleavings > 0))" 1 "$name: $interleavings interleavings were played"
    is "$(count '^live view exact *|stored exact$')" "$interleavings" "$name: each ended with the check"
    is "$(count "^t *|t *$")" "$interleavings" "$name: live view and stored rows equal the definition after each"
    is "$(grep -E 'ERROR|FATAL|PANIC' <<<"$output" | grep -vE 'could not serialize access' | sort -u)" "" "$name: nothing failed but by serialization"
    if ! grep -q '^# may wait' "$spec"; then
        is "$(count '<waiting')" 0 "$name: nobody waited"
    fi
done
server_psql -q -d postgres -c "DROP DATABASE isolation WITH (FORCE)"
done_testing
