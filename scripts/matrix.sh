#!/usr/bin/env bash
# Owns the tests on other versions of PostgreSQL than this machine's Debian has: `scripts/matrix.sh 17 18` runs `make test` for
# each in a bare root of the Debian release that has that version. What is tested is HEAD, in a clone of its own.
#
#   scripts/matrix.sh 17 18                                everything, on PostgreSQL 17 and 18
#   TESTS="pg_test/stages/12_small_groups.sql rust" …      only these
#   PROFILE=dev TEST_JOBS=1 …                              as for make test
#   KERNEL=sql …                                           the hosted edition
#   PREPARE=only scripts/matrix.sh 17                      makes the root and installs the packages, and runs nothing
#
# Roots, with what was installed and built in them, stay in ~/.cache/pg_tally/roots (6 GB each); `rm -r` there is safe.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/root.sh
. scripts/lib/root.sh

[ $# -gt 0 ] || die "which versions?" "scripts/matrix.sh 17 18"
for major in "$@"; do
    [ -n "${ROOT_SUITES[$major]:-}" ] || die "no Debian release has PostgreSQL $major." "There are: $(printf '%s\n' "${!ROOT_SUITES[@]}" | sort | xargs)"
done
[ "$(id -u)" -ne 0 ] || scripts/setup.sh roots
reason=$(roots_possible) || die "$reason."

for variable in PROFILE TEST_JOBS KERNEL SEQUENCES ROUNDS SEED; do
    [ -z "${!variable:-}" ] || ROOT_ENV+=("$variable=${!variable}")
done

failed=()
for major in "$@"; do
    root_of_version "$major"
    if [ "${PREPARE:-}" = only ]; then
        # shellcheck disable=SC2016  # expanded by the inner shell
        root_run "$VERSION_ROOT" PG_MAJOR="$major" sh -euc 'export PATH="$CARGO_HOME/bin:$PATH"; exec /srv/pg_tally/scripts/setup.sh' </dev/null ||
            failed+=("$major")
        exec {VERSION_LOCK}>&-
        continue
    fi
    say "make test on PostgreSQL $major (Debian ${ROOT_SUITES[$major]})"
    # shellcheck disable=SC2016  # expanded by the inner shell
    root_run "$VERSION_ROOT" PG_MAJOR="$major" TESTS="${TESTS:-}" CARGO_NET_GIT_FETCH_WITH_CLI=true \
        sh -euc 'export PATH="$CARGO_HOME/bin:$PATH"; cd /srv/pg_tally; exec make --no-print-directory test TESTS="$TESTS"' </dev/null || failed+=("$major")
    exec {VERSION_LOCK}>&-
done
[ ${#failed[@]} -eq 0 ] || die "PostgreSQL ${failed[*]}: something failed."
say "PostgreSQL $*: nothing failed"
