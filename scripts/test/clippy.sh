#!/usr/bin/env bash
# Owns one test: neither the compiler nor clippy warns of anything.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

judge() { # NAME flags…
    if words=$(cargo clippy --locked "${@:2}" --all-targets -- -D warnings 2>&1); then
        ok "clippy: $1"
        return
    fi
    not_ok "clippy: $1"
    grep -vE '^ *(Blocking|Compiling|Checking|Downloaded|Downloading) ' <<<"$words" | head -n 150 | diag
}
judge "the extension" --workspace "${CARGO_FEATURES[@]}"
judge "the tests inside a backend" "${CARGO_FEATURES[@]}" --features pg_test
judge "the test harness" --manifest-path pg_test/harness/Cargo.toml --target-dir target/harness
done_testing
