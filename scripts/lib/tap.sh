# shellcheck shell=bash
# Owns TAP for tests that are shell scripts: ok, not_ok, is, skip_all, done_testing. Sourced after common.sh.

TAP_COUNT=0

ok() { TAP_COUNT=$((TAP_COUNT + 1)); echo "ok $TAP_COUNT - $1"; }
not_ok() { TAP_COUNT=$((TAP_COUNT + 1)); echo "not ok $TAP_COUNT - $1"; }

# is GOT EXPECTED NAME
is() {
    if [ "$1" = "$2" ]; then
        ok "$3"
    else
        not_ok "$3"
        printf '# expected: %s\n#      got: %s\n' "${2//$'\n'/$'\n'#           }" "${1//$'\n'/$'\n'#           }"
    fi
}

diag() { sed 's/^/# /'; }
skip_all() { echo "1..0 # SKIP $1"; exit 0; }
done_testing() { echo "1..$TAP_COUNT"; }

# cargo_tap STATUS WORDS: what `cargo test` said, as TAP: one line for each Rust test, the whole output when something failed.
cargo_tap() {
    local status=$1 words=$2 line before=$TAP_COUNT failures=0
    while IFS= read -r line; do
        if [[ $line =~ ^test\ (.*)\ \.\.\.\ (ok|FAILED|ignored.*)$ ]]; then
            case ${BASH_REMATCH[2]} in
                ok) ok "${BASH_REMATCH[1]//#/}" ;;
                FAILED) not_ok "${BASH_REMATCH[1]//#/}"; failures=$((failures + 1)) ;;
                *) ok "${BASH_REMATCH[1]//#/} # SKIP ${BASH_REMATCH[2]}" ;;
            esac
        fi
    done <<<"$words"
    if [ "$status" -ne 0 ]; then
        [ $failures -gt 0 ] || not_ok "the Rust tests build and run"
        grep -vE '^ *(Blocking|Compiling|Downloaded|Downloading) |^test .* \.\.\. (ok|ignored)' <<<"$words" | tail -n 200 | diag
    fi
    [ "$TAP_COUNT" -gt "$before" ] || not_ok "cargo found no test"
}
