#!/usr/bin/env bash
# Owns the build of the extension: `scripts/build.sh [release|dev]` leaves its files below target/package-<profile>,
# laid out as on a Debian system. Where nothing changed it ends within a second.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

profile=${1:-release}
log=target/package-$profile.log

mkdir -p target
# cargo-pgrx has no --locked: fetching first refuses a Cargo.lock that does not fit.
cargo fetch --locked --quiet || die "Cargo.lock does not fit Cargo.toml, or the crates could not be fetched." "Run: cargo fetch"
if ! cargo pgrx package --profile "$profile" --pg-config "$PG_CONFIG" --out-dir "target/package-$profile" 2>&1 |
    tee "$log" | cargo_progress; then
    cat "$log" >&2
    die "the extension does not build."
fi
