#!/usr/bin/env bash
# Owns the running of `cargo test` over the pure code, as TAP. The glue has its tests in scripts/test/pg_test.sh.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

status=0
words=$(cargo test --locked --package tally-core --no-fail-fast 2>&1) || status=$?
cargo_tap "$status" "$words"
done_testing
