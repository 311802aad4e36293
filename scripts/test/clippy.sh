#!/usr/bin/env bash
# Owns one test: neither the compiler nor clippy warns of anything.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

if words=$(cargo clippy --locked "${CARGO_FEATURES[@]}" --all-targets -- -D warnings 2>&1); then
    ok "clippy"
else
    not_ok "clippy"
    grep -vE '^ *(Blocking|Compiling|Checking|Downloaded|Downloading) ' <<<"$words" | head -n 150 | diag
fi
done_testing
