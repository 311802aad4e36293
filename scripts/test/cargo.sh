#!/usr/bin/env bash
# Owns the translation of `cargo test` into TAP: one line for each Rust test, the whole output when something failed.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

status=0
words=$(cargo test --locked --workspace "${CARGO_FEATURES[@]}" --no-fail-fast 2>&1) || status=$?
failures=0
while IFS= read -r line; do
    if [[ $line =~ ^test\ (.*)\ \.\.\.\ (ok|FAILED|ignored.*)$ ]]; then
        case ${BASH_REMATCH[2]} in
            ok) ok "${BASH_REMATCH[1]//#/}" ;;
            FAILED) not_ok "${BASH_REMATCH[1]//#/}"; failures=$((failures + 1)) ;;
            *) ok "${BASH_REMATCH[1]//#/} # SKIP ${BASH_REMATCH[2]}" ;;
        esac
    fi
done <<<"$words"
if [ $status -ne 0 ]; then
    [ $failures -gt 0 ] || not_ok "cargo test builds and runs"
    grep -vE '^ *(Blocking|Compiling|Downloaded|Downloading) |^test .* \.\.\. (ok|ignored)' <<<"$words" | tail -n 200 | diag
fi
[ "$TAP_COUNT" -gt 0 ] || not_ok "cargo test found no test"
# Such tests are compiled only by `cargo pgrx test`, which nobody runs (see docs/testing.md).
if found=$(grep -rn '#\[pg_test\]' src); then
    not_ok "no #[pg_test]: what it tests belongs into pg_test/stages"
    diag <<<"$found"
fi
done_testing
