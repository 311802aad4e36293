#!/usr/bin/env bash
# Owns one test: the Rust code is formatted.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

if difference=$(cargo fmt --all --check 2>&1 && cargo fmt --check --manifest-path pg_test/harness/Cargo.toml 2>&1); then
    ok "rustfmt"
else
    not_ok "rustfmt (mend with: cargo fmt --all, also in pg_test/harness)"
    head -n 60 <<<"$difference" | diag
fi
done_testing
