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
