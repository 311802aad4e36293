# shellcheck shell=bash
# Owns what every script shares: where things are, and how to speak. Sourced, never run.
#
# Nothing here needs a tool that setup.sh would have to install first.

set -euo pipefail
umask 022

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$ROOT"

HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
export HOME
if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
    export PATH="$HOME/.cargo/bin:$PATH"
fi

# The caller's PGHOST, PGDATABASE, PGSERVICE, … would lead psql to a cluster that is not ours.
PG_MAJOR=${PG_MAJOR:-15}
for variable in $(compgen -A export PG); do
    case $variable in PG_MAJOR | PGRX_*) ;; *) unset "$variable" ;; esac
done

PG_LIB=/usr/lib/postgresql/$PG_MAJOR
PG_SHARE=/usr/share/postgresql/$PG_MAJOR
PG_CONFIG=$PG_LIB/bin/pg_config

VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
PGRX_VERSION=0.18.1
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pg_tally
export PGRX_HOME=$CACHE/pgrx
export PATH="$CACHE/cargo-pgrx-$PGRX_VERSION/bin:$PATH"

# One line of progress; standard output stays free for results.
say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

# die MESSAGE [HINT…]: what went wrong, then what to do, one line each.
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
    exit 1
}

# Cargo's flags that choose the PostgreSQL version.
CARGO_FEATURES=(--no-default-features --features "pg$PG_MAJOR")

# Shows that cargo goes on: one line redrawn on a terminal, every 25th crate elsewhere. Never fails: the step after it
# judges, with cargo's whole output.
cargo_progress() {
    local terminal=0
    [ ! -t 2 ] || terminal=1
    awk -v terminal=$terminal '
        /^ *(Compiling|Checking) / {
            count++
            if (terminal) printf "\r\033[K    %d crates: %s", count, $2 >"/dev/stderr"
            else if (count % 25 == 0) print "    " count " crates" >"/dev/stderr"
        }
        END { if (terminal && count) printf "\r\033[K" >"/dev/stderr" }' || :
}

# The packs that pg_tally brings, in their order.
packs() { sed -n 's|^packs/\(.*\)/pack\.sql$|\1|p' sql/order; }

# Builds the client harness of the random and crash tests, and prints where it is.
build_harness() {
    cargo build --locked --release --quiet --manifest-path pg_test/harness/Cargo.toml --target-dir target/harness >&2 ||
        die "the test harness does not build." "Run: cargo build --manifest-path pg_test/harness/Cargo.toml"
    echo "$ROOT/target/harness/release/tally-proof"
}
