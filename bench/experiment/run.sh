#!/usr/bin/env bash
# Owns `make bench-experiment`: simulated experiments whose truth is known, against what each test and interval promises. Needs no server.
# PART=speed has the engine compute experiments instead, against plain SQL (speed.sh).

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"

[ "${PART:-statistics}" = statistics ] || exec bench/experiment/speed.sh
rounds=${ROUNDS:-20000}
table=$(mktemp)
trap 'rm -f "$table"' EXIT
cargo run --quiet --locked --release -p tally-core --example experiment -- "$rounds" | tee "$table"
# Seeds are fixed, so the page shows what this prints, figure for figure.
if [ "$rounds" = 20000 ] && grep -vxFf bench/experiment.md "$table" >&2; then
    die "bench/experiment.md does not have the lines above." "Put them into its table: they are what these seeds give by now."
fi
