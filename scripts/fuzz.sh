#!/usr/bin/env bash
# Owns `make fuzz`: the property tests (proptest) with many more cases than in `make test`. CASES=20000 by default.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

cases=${CASES:-20000}
[[ $cases =~ ^[1-9][0-9]*$ ]] || die "CASES must be a whole number above 0, got '$cases'." "make fuzz CASES=20000"
scripts/setup.sh
say "property tests, $cases cases each"
PROPTEST_CASES=$cases cargo test --locked "${CARGO_FEATURES[@]}" --lib
