#!/usr/bin/env bash
# Owns `make bench-micro`: nanoseconds a row of the transitions' pure code, by criterion. Needs no server.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"

# The pure modules without the parts that link to PostgreSQL, as for fuzzing; nothing is instrumented here.
cd bench/micro
RUSTFLAGS="--cfg fuzzing ${RUSTFLAGS:-}" cargo bench --bench transitions -- "$@" 2>"$ROOT/bench/micro/target.log" |
    awk '/time:/ { name = (NF > 7) ? substr($0, 1, index($0, "time:") - 1) : held; time = $0; sub(/.*time: */, "", time) }
         !/time:|thrpt:/ && NF { held = $0 }
         /thrpt:/ { match($0, /\[[^]]*\]/); split(substr($0, RSTART + 1, RLENGTH - 2), t, " ");
                    unit = (t[4] ~ /^G/) ? 1 : (t[4] ~ /^M/) ? 1e3 : 1e6; printf "%-40s %8.1f ns/row\n", name, unit / t[3] }' ||
    { tail -20 "$ROOT/bench/micro/target.log" >&2; exit 1; }
rm -f "$ROOT/bench/micro/target.log"
