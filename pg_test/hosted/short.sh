#!/usr/bin/env bash
# Owns the short form of `make test KERNEL=sql` within `make test`: a few stages on the hosted edition, as the role that installed it, each in a database of
# its own. The whole list is kernels/sql/tests; there no library of ours is on the server.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

# None of them makes a role: the same file may run beside it with the library, and roles belong to the server.
files=(stages/40_rollup_exact stages/44_rollup_partitioned stages/50_probe stages/52_rollup_keys stages/60_alert_states stages/75_release)
use_server test
scripts/hosted.sh 2>/dev/null
install_hosted hosted_short
trap 'server_psql -q -d postgres -c "DROP DATABASE IF EXISTS hosted_short_one WITH (FORCE)" -c "DROP DATABASE IF EXISTS hosted_short WITH (FORCE)"' EXIT

echo "1..${#files[@]}"
n=0
for file in "${files[@]}"; do
    n=$((n + 1))
    server_psql -q -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS hosted_short_one WITH (FORCE)" \
        -c "CREATE DATABASE hosted_short_one TEMPLATE hosted_short" -c "GRANT CREATE, TEMPORARY ON DATABASE hosted_short_one TO tally_host"
    said=$(PGOPTIONS='-c client_min_messages=warning' "$PG_LIB/bin/psql" -XAtq -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U tally_host -d hosted_short_one \
        -v ON_ERROR_STOP=1 -P pager=off -f "pg_test/$file.sql" 2>&1) || said+=$'\nnot ok: psql failed'
    least=$(awk -v file="pg_test/$file.sql" '$1 == file { print $2 }' pg_test/counts.txt)
    if grep -q '^not ok' <<<"$said" || [ "$(grep -c '^ok ' <<<"$said")" -lt "${least:-1}" ]; then printf 'not '; fi
    echo "ok $n - $file: $(grep -c '^ok ' <<<"$said") assertions, at least ${least:-1}"
    grep -A6 -E '^not ok|ERROR:' <<<"$said" | head -n 20 | cut -c 1-200 | sed 's/^/# /' || :
done
