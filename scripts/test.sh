#!/usr/bin/env bash
# Owns `make test`: sets the machine up, builds, starts a private server, and hands every test to one TAP harness.
#
#   scripts/test.sh                       everything
#   scripts/test.sh text                  the checks that read files only: the arrow of the stages, the seam, lines, the table of folders, recipes,
#                                         that every example of the docs is run, that tests share no role, that each fault has its test
#   scripts/test.sh rust                  the checks that need no server: rustfmt, clippy, cargo test
#   scripts/test.sh backend               the #[pg_test]s, by cargo pgrx test
#   scripts/test.sh pg_test/stages/x.sql  only the named files (pgTAP scripts, or *.sh that print TAP)
#   KERNEL=sql scripts/test.sh [FILE…]    the hosted edition on a server without the library: the files that kernels/sql/tests lists
#   PROFILE=dev scripts/test.sh …         with a debug build of the extension (default: release, which is what ships)

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

# A run that cannot even begin is one failure, and its last line says so.
began=
finish() {
    local status=$?
    [ -z "${SERVER:-}" ] || stop_server
    [ -n "$began" ] || echo "0 passed, 1 failed"
    exit "$status"
}
trap finish EXIT

text=(scripts/test/{arrow,seam,lines,tree,recipes,examples,roles}.pl scripts/test/faults.sh)
rust=(scripts/test/rustfmt.sh scripts/test/clippy.sh scripts/test/cargo.sh)
backend=(scripts/test/pg_test.sh)
shopt -s nullglob
database=()
for file in pg_test/*/*.sh pg_test/{attacks,boards,contract,packs,privacy,stages}/*.sql; do
    # Those need a root of their own: make test-install.
    [[ $file == pg_test/install/* ]] || database+=("$file")
done
shopt -u nullglob
case ${1:-all} in
    all) tests=("${text[@]}" "${rust[@]}" "${backend[@]}" "${database[@]}") ;;
    text) tests=("${text[@]}") ;;
    rust) tests=("${rust[@]}") ;;
    backend) tests=("${backend[@]}") ;;
    *) tests=("$@") ;;
esac

scripts/setup.sh

if [ "${KERNEL:-rust}" = sql ]; then
    export KERNEL
    [ $# -gt 0 ] || mapfile -t tests < <(sed -n 's,^\(pg_test/[^ ]*\).*,\1,p' kernels/sql/tests)
    scripts/hosted.sh
    say "starting a private server without the library"
    run_hosted_server test-sql postgres "max_connections = 60" "shared_buffers = 256MB" "fsync = off" "full_page_writes = off" \
        "max_prepared_transactions = 20" "max_wal_size = 2GB" "log_min_messages = warning"
    install_hosted_templates
    say "running ${#tests[@]} test files"
    began=1
    perl scripts/test/harness.pl "${tests[@]}"
    exit
fi

if [[ " ${tests[*]} " == *" scripts/test/clippy.sh "* ]]; then
    # Built here, where one sees it going on; the tests then find it done, or fail with the reason.
    for component in fmt clippy; do
        cargo $component --version >/dev/null 2>&1 || rustup component add "${component/fmt/rustfmt}" >&2 || :
    done
    say "clippy"
    cargo clippy --locked --workspace "${CARGO_FEATURES[@]}" --all-targets 2>&1 | cargo_progress || :
    say "building the Rust tests"
    cargo test --locked --package tally-core --no-run 2>&1 | cargo_progress || :
fi

if [[ " ${tests[*]} " == *" scripts/test/pg_test.sh "* ]]; then
    scripts/setup.sh pgrx
    say "building the tests inside a backend"
    cargo test --locked "${CARGO_FEATURES[@]}" --features pg_test --no-run 2>&1 | cargo_progress || :
fi

if [[ " rust text backend " != *" ${1:-all} "* ]]; then
    export PROFILE=${PROFILE:-release}
    say "building the extension ($PROFILE) and starting a private server"
    # Nothing that a test writes must survive the machine, so nothing is flushed.
    run_server test "$PROFILE" postgres "max_connections = 60" "shared_buffers = 256MB" "fsync = off" \
        "full_page_writes = off" "max_prepared_transactions = 20" "max_wal_size = 2GB" "log_min_messages = warning"
    server_psql -q -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS tally_template" -c "CREATE DATABASE tally_template"
    server_psql -q -v ON_ERROR_STOP=1 -d tally_template -c "CREATE EXTENSION pgtap" -c "CREATE EXTENSION plpgsql_check" \
        -c "CREATE EXTENSION pg_tally"
fi

if [[ " ${tests[*]} " =~ \ pg_test/(random|crash)/ ]]; then
    say "building the test harness"
    build_harness >/dev/null
fi

say "running ${#tests[@]} test files"
began=1
perl scripts/test/harness.pl "${tests[@]}"
