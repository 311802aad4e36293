#!/usr/bin/env bash
# Owns `make fuzz`: libFuzzer over every decoder and text input (fuzz/), then the property tests with many more cases.
#
#   SECONDS_EACH=20   time of each fuzz target
#   TARGETS="hll …"   only these targets; all unless told otherwise
#   CASES=2000        cases of each property test; 0 leaves them out
#
# cargo-fuzz asks for a nightly compiler only because sanitizers and coverage are unstable options; RUSTC_BOOTSTRAP lets
# the project's own compiler take them. What was found before stays in fuzz/corpus and is tried first.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

cases=${CASES:-2000}
each=${SECONDS_EACH:-20}
version=0.13.1
[[ $cases =~ ^[0-9]+$ ]] || die "CASES must be a whole number, got '$cases'." "make fuzz CASES=20000"
[[ $each =~ ^[1-9][0-9]*$ ]] || die "SECONDS_EACH must be a whole number above 0, got '$each'." "make fuzz SECONDS_EACH=60"
scripts/setup.sh

root=$CACHE/cargo-fuzz-$version
if [ ! -x "$root/bin/cargo-fuzz" ]; then
    say "building cargo-fuzz $version into $root (a minute, once for this user)"
    cargo install cargo-fuzz --version "$version" --locked --root "$root" --target-dir "$CACHE/build" >&2 ||
        die "cargo-fuzz $version could not be built." "Run it by hand to see why:" \
            "  cargo install cargo-fuzz --version $version --locked --root '$root'"
    rm -rf "$CACHE/build"
fi
export PATH="$root/bin:$PATH" RUSTC_BOOTSTRAP=1

mapfile -t targets < <(tr ' ' '\n' <<<"${TARGETS:-$(cargo fuzz list)}" | grep .)
say "building ${#targets[@]} fuzz targets with AddressSanitizer"
cargo fuzz build --release 2>&1 | cargo_progress
failed=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
printf '%-16s %12s %10s %10s %8s  %s\n' target runs runs/s coverage corpus result
for target in "${targets[@]}"; do
    result=ok
    mkdir -p "fuzz/corpus/$target"
    seeds=()
    [ ! -d "fuzz/seeds/$target" ] || seeds=("fuzz/seeds/$target")
    # Above what a sketch may need, below what hides an allocation by a length that the input made up.
    cargo fuzz run --release "$target" "fuzz/corpus/$target" "${seeds[@]}" -- -max_total_time="$each" -rss_limit_mb=1024 \
        -max_len=8192 -timeout=5 -print_final_stats=1 >"$logs/$target" 2>&1 || result=FAILED
    awk -v target="$target" -v result="$result" '
        /stat::number_of_executed_units/ { runs = $2 }
        /stat::average_exec_per_sec/ { speed = $2 }
        $2 ~ /^(DONE|NEW|REDUCE|INITED|pulse)$/ { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "corp:") corpus = $(i + 1) } }
        END { printf "%-16s %12s %10s %10s %8s  %s\n", target, runs, speed, cov, corpus, result }' "$logs/$target"
    if [ "$result" != ok ]; then
        failed=1
        grep -E "panicked at|ERROR: |Test unit written|assertion|left:|right:" -A1 "$logs/$target" | head -20
    fi
done

if [ "$cases" -gt 0 ]; then
    say "property tests, $cases cases each"
    PROPTEST_CASES=$cases cargo test --locked --package tally-core --lib || failed=1
fi
[ "$failed" -eq 0 ] || die "something was found." "A crash's input lies in fuzz/artifacts/<target>/; make it a named test beside the code."
