#!/usr/bin/env bash
# Owns `make bench-micro`: nanoseconds of processor time a row of the transitions' pure code, by criterion. Needs no server.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"

# The pure modules without the parts that link to PostgreSQL, as for fuzzing; nothing is instrumented here.
cd bench/micro || exit
cargo bench --locked --bench transitions -- "$@"
