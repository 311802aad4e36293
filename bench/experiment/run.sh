#!/usr/bin/env bash
# Owns `make bench-experiment`: simulated experiments whose truth is known, against what each test and interval promises. Needs no server.
# PART=speed has the engine compute experiments instead, against plain SQL (speed.sh).

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"

[ "${PART:-statistics}" = statistics ] || exec bench/experiment/speed.sh
cargo run --quiet --locked --release -p tally-core --example experiment -- "${ROUNDS:-20000}"
