#!/usr/bin/env bash
# Owns the running of the randomized equivalence test (pg_test/harness): random definitions × random operations of several
# sessions, each live view and each refreshed rollup against plain SQL. A short run here; `make test-random` is the long one.
#
#   SEED=1234 SEQUENCES=1 make test-random          plays one sequence again

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

use_server test
if [ "${KERNEL:-rust}" = sql ]; then
    use_server test-sql
    export TALLY_OWNER=tally_host SEQUENCES=${SEQUENCES:-20}
fi
harness=$(build_harness)
TALLY_SOCKET=$SERVER_SOCKET TALLY_PORT=$SERVER_PORT SEQUENCES=${SEQUENCES:-60} exec "$harness" random
