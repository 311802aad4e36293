#!/usr/bin/env bash
# Owns the set-up of a machine: installs what is missing, and only that. Safe to run again; says nothing when all is there.
#
#   scripts/setup.sh          packages (apt; through sudo when not root) and where pgrx finds PostgreSQL
#   scripts/setup.sh build    only what building takes: no server, none of the tests' extensions
#   scripts/setup.sh deb      that, and what packing takes
#   scripts/setup.sh roots    only what bare roots take (scripts/lib/root.sh)
#   scripts/setup.sh peers    also the extensions that the sketches are measured against (tdigest, hll)
#   scripts/setup.sh list     only says which file stands for which package
#   scripts/setup.sh pgrx     also cargo-pgrx, which only `cargo pgrx test` needs (built into the user's cache directory)

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

with=${1:-}

# A file that only its package brings, or a package that it depends on for nothing else (`dpkg -S` says so: pgxs.mk belongs to
# the client's package, /usr/bin/cc to none) → the package.
requirements() {
    if [ "$with" = roots ]; then echo "/usr/sbin/debootstrap debootstrap" && return; fi
    cat <<LIST
/usr/include/postgresql/$PG_MAJOR/server/postgres.h postgresql-server-dev-$PG_MAJOR
/usr/bin/clang clang
/usr/lib/llvm-*/lib/libclang.so libclang-dev
/usr/bin/gcc gcc
/usr/include/stdio.h libc6-dev
LIST
    case $with in
        build) return ;;
        deb) echo "/usr/bin/dpkg-shlibdeps dpkg-dev" && return ;;
    esac
    cat <<LIST
$PG_LIB/bin/postgres postgresql-$PG_MAJOR
$PG_SHARE/extension/pg_cron.control postgresql-$PG_MAJOR-cron
$PG_SHARE/extension/pgtap.control postgresql-$PG_MAJOR-pgtap
$PG_SHARE/extension/plpgsql_check.control postgresql-$PG_MAJOR-plpgsql-check
/usr/bin/prove perl
/usr/bin/setpriv util-linux
/usr/bin/curl curl
/usr/bin/pgrep procps
/usr/lib/python3*/ensurepip/__init__.py python3-venv
LIST
    [ "$with" != peers ] || cat <<LIST
$PG_SHARE/extension/tdigest.control postgresql-$PG_MAJOR-tdigest
$PG_SHARE/extension/hll.control postgresql-$PG_MAJOR-hll
LIST
}

if [ "$with" = list ]; then
    requirements
    exit
fi

missing_packages() {
    local file package
    while read -r file package; do
        compgen -G "$file" >/dev/null || echo "$package"
    done < <(requirements)
}

# apt-get as root. A first installation of PostgreSQL would make and start a cluster `main`: while we install, a
# drop-in tells it not to; it goes away again, so that the machine's own settings are as they were.
install_packages() {
    local as_root=() drop_in=/etc/postgresql-common/createcluster.d/zz-pg-tally-setup.conf
    local command="apt-get install -y --no-install-recommends $*"
    command -v apt-get >/dev/null || die "these Debian packages are missing: $*" \
        "This system has no apt-get; install their equivalents by hand."
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            die "these packages are missing: $*" "I am neither root nor may I use sudo. Ask an administrator to run:" "  $command"
        fi
        as_root=(sudo)
    fi
    say "installing $*"
    # shellcheck disable=SC2016  # expanded by the inner shell
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical sh -euc '
        drop_in=$1; shift
        made=; [ -d "${drop_in%/*}" ] || made=1
        mkdir -p "${drop_in%/*}"
        trap '\''rm -f "$drop_in"; [ -z "$made" ] || rmdir "${drop_in%/*}" 2>/dev/null || :'\'' EXIT
        echo "create_main_cluster = false" >"$drop_in"
        install="apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0"
        $install "$@" </dev/null || { apt-get update -q </dev/null && $install "$@" </dev/null; }
    ' setup "$drop_in" "$@" >&2 || die "apt-get could not install: $*" "Run it by hand to see why:" "  $command"
}

# In a root folder that only root may enter (one made by `mktemp -d`, say), no other user finds even the C library: apt complains,
# and no PostgreSQL starts. Nothing else on such a machine could work either, so it is opened, and said.
open_root_folder() {
    local mode
    mode=$(stat -c %a /)
    [ "$(id -u)" -eq 0 ] && [ $((8#$mode & 8#5)) -ne 5 ] || return 0
    say "/ has mode $mode: no user but root can run a program. Opening it: chmod 755 /"
    chmod 755 / || die "/ has mode $mode, and PostgreSQL refuses to run as root." "chmod 755 /"
}

install_cargo_pgrx() {
    local root=$CACHE/cargo-pgrx-$PGRX_VERSION
    if [ "$("$root/bin/cargo-pgrx" pgrx --version 2>/dev/null)" != "cargo-pgrx $PGRX_VERSION" ]; then
        say "building cargo-pgrx $PGRX_VERSION into $root (a few minutes, once for this user)"
        # The debug profile builds in half the time, and what this program does is little.
        # Its default features link OpenSSL, which asks for two more packages. rustls is there without them.
        # A target folder that stays makes an interrupted build go on where it was; its remains are of no further use.
        cargo install cargo-pgrx --version "$PGRX_VERSION" --locked --debug --no-default-features --root "$root" --target-dir "$CACHE/build" >&2 ||
            die "cargo-pgrx $PGRX_VERSION could not be built." "Run it by hand to see why:" \
                "  cargo install cargo-pgrx --version $PGRX_VERSION --locked --debug --no-default-features --root '$root'"
        rm -rf "$CACHE/build"
    fi
}

# pgrx's build scripts ask this file which PostgreSQL to build for.
configure_pgrx() {
    mkdir -p "$PGRX_HOME"
    local config="[configs]"$'\n'"pg$PG_MAJOR = \"$PG_CONFIG\""
    if [ "$(cat "$PGRX_HOME/config.toml" 2>/dev/null)" != "$config" ]; then
        printf '%s\n' "$config" >"$PGRX_HOME/config.toml"
    fi
}

command -v cargo >/dev/null || die "no cargo found in PATH." "Install a Rust toolchain first: https://rustup.rs"
open_root_folder
mapfile -t missing < <(missing_packages)
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
mapfile -t missing < <(missing_packages)
[ ${#missing[@]} -eq 0 ] || die "still missing after the installation: ${missing[*]}"
if [ "$with" != roots ]; then
    # pgrx formats the bindings that it makes; a minimal toolchain (that of the official images, say) has no rustfmt.
    rustfmt --version >/dev/null 2>&1 || rustup component add rustfmt >&2 || die "there is no rustfmt." "rustup component add rustfmt"
    configure_pgrx
fi
[ "$with" != pgrx ] || install_cargo_pgrx
