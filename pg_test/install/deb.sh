#!/usr/bin/env bash
# Owns one promise: the Debian package installs with apt-get on a machine that has nothing, works with Debian's own pg_cron, and
# goes without leaving anything. What runs inside the bare root is inside/deb.sh. PROFILE=dev packs a debug build.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/root.sh
. scripts/lib/root.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

reason=$(roots_possible) || skip_all "$reason"
package=$(scripts/deb.sh | tail -n 1)
name=postgresql-$PG_MAJOR-pg-tally

is "$(dpkg-deb -f "$package" Package Version Depends Recommends | sed -E 's/libc6 \(>= [0-9.]+\)/libc6/; s/, libgcc-s1 \([^)]*\)//' | sort)" \
    "Depends: postgresql-$PG_MAJOR, libc6
Package: $name
Recommends: postgresql-$PG_MAJOR-cron
Version: $VERSION" "the package says what it is and what it needs"
is "$(dpkg-deb -c "$package" | awk '$1 !~ /^d/ { print $6 }' | grep -vE "^\./usr/(lib|share)/postgresql/$PG_MAJOR/|^\./usr/share/doc/$name/" || :)" "" \
    "no file outside the server's folders and the package's own documentation"
is "$(dpkg-deb -c "$package" | awk '$2 != "root/root"' || :)" "" "every file belongs to root"
is "$(dpkg-deb -e "$package" target/deb/scripts && ls target/deb/scripts | xargs; rm -rf target/deb/scripts)" "control md5sums" \
    "nothing runs at installation or removal"
if command -v lintian >/dev/null; then
    # Not for a Debian upload, so no bug closes an intent to package it.
    is "$(lintian --fail-on none --suppress-tags initial-upload-closes-no-bugs "$package" 2>/dev/null | grep -E '^[EW]:' || :)" "" \
        "lintian has no error and no warning"
fi

folder=$(root_open "deb-test-$PG_MAJOR" "$(root_variant "${ROOT_SUITES[$PG_MAJOR]}" "postgresql-$PG_MAJOR")") || { not_ok "a bare root"; done_testing; exit; }
trap 'root_remove "$folder"' EXIT
mkdir -p "$folder/test"
cp "$package" "$folder/test/package.deb"
cp scripts/lib/tap.sh pg_test/install/inside/{server,deb}.sh "$folder/test/"
# Its own TAP follows; the numbers go on.
root_run "$folder" PG_MAJOR="$PG_MAJOR" TAP_COUNT="$TAP_COUNT" bash /test/deb.sh
