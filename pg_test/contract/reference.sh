#!/usr/bin/env bash
# Owns one promise: docs/reference.md is what the catalogue says. `pg_test/contract/reference.sh write` makes it so.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
made=$(server_psql -At -q -d tally_template -f scripts/reference.sql)
if [ "${1:-}" = write ]; then
    printf '%s\n' "$made" >docs/reference.md
    exit 0
fi
if difference=$(diff <(printf '%s\n' "$made") docs/reference.md); then
    ok "docs/reference.md is current: $(grep -c '^\*\*' docs/reference.md) objects"
else
    not_ok "docs/reference.md is current (mend with: make reference)"
    head -n 40 <<<"$difference" | diag
fi
done_testing
