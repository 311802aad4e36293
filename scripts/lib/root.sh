# shellcheck shell=bash
# Owns bare Debian roots: another release of Debian, or a machine without anything, as a folder. Sourced after common.sh.
#
# A suite is made once by debootstrap and kept as an archive in the user's cache; each root is unpacked from it. Commands run
# inside by chroot, in namespaces of their own: when a command ends, what it mounted and every process that it left are gone.
# Needs root (the user), debootstrap and unshare.

ROOTS=$CACHE/roots

# PostgreSQL → the Debian release that has it. Debian never had 16; a machine with packages of 16 runs `PG_MAJOR=16 make test`.
declare -A ROOT_SUITES=([15]=bookworm [17]=trixie [18]=forky)

# Whether roots can be had on this machine; says why not.
roots_possible() {
    [ "$(id -u)" -eq 0 ] || { echo "roots need the user root (chroot)"; return 1; }
    command -v debootstrap >/dev/null || { echo "roots need debootstrap: apt-get install debootstrap"; return 1; }
    unshare --mount --pid --fork true 2>/dev/null || { echo "this machine allows no namespaces (unshare)"; return 1; }
}

# The mirror that this machine itself takes its packages from.
roots_mirror() {
    local found
    found=$(awk '/^URIs:/ { print $2; exit } $1 == "deb" { print ($2 ~ /^\[/) ? $3 : $2; exit }' \
        /etc/apt/sources.list.d/debian* /etc/apt/sources.list 2>/dev/null) || :
    echo "${found:-http://deb.debian.org/debian}"
}

# root_suite SUITE: the archive of a suite or variant, made if it is not there. Fails, with the reason, where the mirror lacks the suite.
root_suite() {
    local suite=$1 script=() new=$ROOTS/.$1.new
    [ ! -s "$ROOTS/$suite.tar" ] || return 0
    mkdir -p "$ROOTS"
    say "making a bare root of Debian $suite (once for this user)"
    # A release that this debootstrap does not know yet is made as its newest one.
    [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=(/usr/share/debootstrap/scripts/sid)
    rm -rf --one-file-system "$new"
    if ! debootstrap --variant=minbase --include=ca-certificates "$suite" "$new" "$(roots_mirror)" "${script[@]}" >"$ROOTS/$suite.log" 2>&1; then
        tail -n 3 "$ROOTS/$suite.log" >&2
        rm -rf --one-file-system "$new"
        return 1
    fi
    # How this machine reaches its mirrors, and whom it trusts.
    apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https)::' >"$new/etc/apt/apt.conf.d/90machine" || :
    cp -a /etc/ssl/certs/. "$new/etc/ssl/certs/"
    cp -a /usr/local/share/ca-certificates/. "$new/usr/local/share/ca-certificates/" 2>/dev/null || :
    # Nothing that is installed may start by itself.
    printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
    chmod 755 "$new/usr/sbin/policy-rc.d"
    tar -C "$new" --one-file-system -cf "$ROOTS/$suite.tar.new" .
    mv "$ROOTS/$suite.tar.new" "$ROOTS/$suite.tar"
    rm -rf --one-file-system "$new"
}

# root_variant SUITE PACKAGE…: the archive of a suite with these packages in it, made if it is not there; prints its name.
root_variant() {
    local suite=$1 name folder
    shift
    name=$suite+$(printf '%s\n' "$@" | tr '\n' '+' | sed 's/+$//')
    if [ ! -s "$ROOTS/$name.tar" ]; then
        folder=$(root_open ".$name.new" "$suite") || return 1
        say "installing $* in a root of Debian $suite (once for this user)"
        root_apt "$folder" "$@" || return 1
        tar -C "$folder" --one-file-system -cf "$ROOTS/$name.tar.new" .
        mv "$ROOTS/$name.tar.new" "$ROOTS/$name.tar"
        root_remove "$folder"
    fi
    echo "$name"
}

# root_open NAME SUITE: a root of this name, unpacked if it is not there; prints its folder.
root_open() {
    local folder=$ROOTS/$1
    root_suite "$2" || return 1
    if [ ! -x "$folder/usr/bin/apt-get" ]; then
        rm -rf --one-file-system "$folder.new"
        mkdir -p "$folder.new"
        tar -C "$folder.new" -xf "$ROOTS/$2.tar"
        mv "$folder.new" "$folder"
    fi
    cp -L /etc/resolv.conf /etc/hosts "$folder/etc/" 2>/dev/null || :
    echo "$folder"
}

# root_run FOLDER COMMAND…: runs a command inside, as root, with the environment of a newcomer: the lines of ROOT_ENV alone
# come from outside, and the folders of ROOT_BIND appear inside, each at its own path.
root_run() {
    local folder=$1
    shift
    # shellcheck disable=SC2016  # expanded by the inner shell
    unshare --mount --pid --fork --kill-child --propagation private bash -euc '
        folder=$1; shift
        mount -t proc proc "$folder/proc"
        mount --rbind /dev "$folder/dev"
        mount -t tmpfs tmpfs "$folder/dev/shm"
        while [ "$1" != -- ]; do
            mkdir -p "$folder$1"
            mount --bind "$1" "$folder$1"
            shift
        done
        shift
        exec chroot "$folder" /usr/bin/env -i "$@"
    ' root_run "$folder" "${ROOT_BIND[@]}" -- HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${ROOT_ENV[@]}" "$@"
}

# The proxies of this machine, without which nothing inside reaches a mirror.
ROOT_ENV=()
for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!variable:-}" ] || ROOT_ENV+=("$variable=${!variable}")
done
ROOT_BIND=()

# root_apt FOLDER PACKAGE…: installs packages inside, without what they only recommend.
root_apt() {
    local folder=$1
    shift
    # shellcheck disable=SC2016  # expanded by the inner shell
    root_run "$folder" sh -euc '
        install="apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0"
        $install "$@" </dev/null || { apt-get update -q </dev/null && $install "$@" </dev/null; }
    ' root_apt "$@" >"$ROOTS/apt.log" 2>&1 || { tail -n 20 "$ROOTS/apt.log" >&2; return 1; }
}

# root_of_version MAJOR: the root that has this version of PostgreSQL, with the last commit in a clone at /srv/pg_tally, and this machine's Rust in
# ROOT_BIND. Its folder is VERSION_ROOT. Nobody else has it until the file descriptor VERSION_LOCK is closed.
root_of_version() {
    local suite=${ROOT_SUITES[$1]} cargo_home=${CARGO_HOME:-$HOME/.cargo} rustup_home=${RUSTUP_HOME:-$HOME/.rustup} clone head
    VERSION_ROOT=$(root_open "postgresql-$1" "$suite") || die "the mirror $(roots_mirror) has no Debian $suite."
    exec {VERSION_LOCK}>"$VERSION_ROOT.lock"
    flock "$VERSION_LOCK"
    [ -x "$VERSION_ROOT/usr/bin/make" ] && [ -x "$VERSION_ROOT/usr/bin/git" ] || root_apt "$VERSION_ROOT" make git
    # The clone is brought to HEAD by git, which touches only what changed, so that cargo builds only that.
    clone=$VERSION_ROOT/srv/pg_tally
    head=$(git rev-parse HEAD)
    [ -d "$clone/.git" ] || git clone -q --no-hardlinks --no-checkout "$ROOT" "$clone"
    git -C "$clone" fetch -q "$ROOT" HEAD
    git -C "$clone" checkout -q --force --detach "$head"
    ROOT_BIND=("$cargo_home" "$rustup_home")
    ROOT_ENV+=("CARGO_HOME=$cargo_home" "RUSTUP_HOME=$rustup_home")
}

root_remove() { rm -rf --one-file-system "$1"; }
