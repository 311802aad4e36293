#!/usr/bin/env bash
# Owns `make bench-experiment`: simulated experiments whose truth is known, against what each test and interval promises. Needs no server.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"

cargo run --quiet --locked --release -p tally-core --example experiment -- "${ROUNDS:-20000}"
