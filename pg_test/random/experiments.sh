#!/usr/bin/env bash
# Owns the running of the random test of experiments (pg_test/harness): random metrics and experiments × random late, changed and
# deleted exposures and events, each report and health against plain SQL. A short run here; `make test-random OF=experiments` is
# the long one.
#
#   SEED=1234 SEQUENCES=1 make test-random OF=experiments          plays one sequence again

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

use_server test
if [ "${KERNEL:-rust}" = sql ]; then
    use_server test-sql
    export TALLY_OWNER=tally_host SEQUENCES=${SEQUENCES:-3}
fi
harness=$(build_harness)
TALLY_SOCKET=$SERVER_SOCKET TALLY_PORT=$SERVER_PORT SEQUENCES=${SEQUENCES:-6} exec "$harness" experiments
