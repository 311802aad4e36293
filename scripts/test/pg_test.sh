#!/usr/bin/env bash
# Owns the running of `cargo pgrx test` as TAP: the #[pg_test]s, which run inside a backend, and the unit tests of the glue.
# With an argument: those whose names hold it.
#
# pgrx's framework builds the library once more with the tests in it, installs it, and makes a cluster for the run. Here it installs into
# a prefix of our own, never into the system's folders, and the server runs as the server's user.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

scripts/setup.sh pgrx
use_server pgrx

# A run that was killed leaves its cluster, named after its process.
end_clusters() {
    local cluster
    for cluster in "$SERVER_DATA"/*/; do
        [ ! -e "$cluster/postmaster.pid" ] || as_server "$SERVER_BIN/pg_ctl" -D "$cluster" -m immediate stop >/dev/null 2>&1 || :
    done
    rm -rf "$SERVER_DATA"
}
trap end_clusters EXIT

make_prefix
# Its pg_config names a folder of headers in the prefix. pgrx reads them where target/ has no bindings yet.
mkdir -p "$SERVER_DIR/pg/include/postgresql"
ln -sfn "$("$PG_CONFIG" --includedir-server | sed 's:/server$::')" "$SERVER_DIR/pg/include/postgresql/$PG_MAJOR"
end_clusters
pgrx=(test "pg$PG_MAJOR" --pgdata "$SERVER_DATA")
if [ "$(id -u)" -eq 0 ]; then
    # pgrx runs programs of the prefix as root, so only root may change it. It changes users by `sudo`, which need not be here.
    chown root: "$SERVER_DIR" && chmod 755 "$SERVER_DIR"
    install -d -o postgres -m 700 "$SERVER_DATA"
    export PATH="$ROOT/scripts/lib/sudo:$PATH"
    pgrx+=(--runas postgres)
fi
scripts/install_script.sh >"$SERVER_DIR/pg/share/postgresql/$PG_MAJOR/extension/pg_tally.install"

export PGRX_HOME=$SERVER_DIR/pgrx
mkdir -p "$PGRX_HOME"
printf '[configs]\npg%s = "%s"\n' "$PG_MAJOR" "$SERVER_BIN/pg_config" >"$PGRX_HOME/config.toml"

# The framework connects as $USER. Lines of tests stay whole when there are two threads. The tests say that no error carries a backtrace,
# which must hold where the server is asked for them. A linker flag of pgrx's own would compile all dependencies once more.
export USER=${USER:-$(id -un)} RUST_TEST_THREADS=2 RUST_BACKTRACE=1 CARGO_PGRX_DISABLE_GC_SECTIONS_WORKAROUND=1 CARGO_TERM_COLOR=never
unset RUST_LIB_BACKTRACE

status=0
words=$(cargo pgrx "${pgrx[@]}" "$@" 2>&1) || status=$?
cargo_tap "$status" "$words"
done_testing
