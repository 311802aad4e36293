#!/usr/bin/env bash
# Owns `make deb`: target/deb/postgresql-<major>-pg-tally_<version>_<arch>.deb, for the PostgreSQL of Debian or of apt.postgresql.org.
# Its last line of output is the package's path. PROFILE=dev packs a debug build, for tests of the packaging alone.
#
# In it are the library, the control file and the SQL scripts in the server's folders, and the copyright and the changelog that
# Debian's policy asks of every package (/usr/share/doc/<package>). Nothing runs at installation. Reproducible: files carry the
# time of the commit.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

profile=${PROFILE:-release}
scripts/setup.sh deb
say "building the extension for PostgreSQL $PG_MAJOR ($profile)"
scripts/build.sh "$profile"

name=postgresql-$PG_MAJOR-pg-tally
arch=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH
maintainer="pg_tally maintainers <maintainers@pg-tally.invalid>"
folder=target/deb/$name
result=target/deb/${name}_${VERSION}_$arch.deb
rm -rf "$folder"
mkdir -p "$folder/DEBIAN" "$folder/usr/share/doc/$name"

cp -r "target/package-$profile/usr" "$folder/"
strip --strip-unneeded --remove-section=.comment "$folder$PG_LIB/lib/pg_tally.so"
chmod 644 "$folder$PG_LIB/lib/pg_tally.so"

# What the library needs of other packages, by the symbols that it uses.
mkdir -p target/deb/shlibs/debian
printf 'Source: pg-tally\n\nPackage: %s\nArchitecture: any\n' "$name" >target/deb/shlibs/debian/control
libraries=$(cd target/deb/shlibs &&
    dpkg-shlibdeps -O --ignore-missing-info -e"$ROOT/$folder$PG_LIB/lib/pg_tally.so" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
cat >"$folder/DEBIAN/control" <<CONTROL
Package: $name
Source: pg-tally
Version: $VERSION
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size "$folder/usr" | cut -f1)
Depends: postgresql-$PG_MAJOR${libraries:+, $libraries}
Recommends: postgresql-$PG_MAJOR-cron
Section: database
Priority: optional
Description: product analytics and SLOs inside PostgreSQL $PG_MAJOR
 Events in ordinary tables become exact, fresh rollups, metrics, views for
 dashboards, and thresholds that file incidents with an owner and a runbook.
 Late, changed, deleted or rolled-back rows leave no wrong number behind.
 .
 pg_cron (recommended) is the only clock; there is no other process.
CONTROL

{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: pg_tally\n\n'
    printf 'Files: *\nCopyright: %s\nLicense: PostgreSQL\n' "$(sed -n 's/^Copyright (c) //p' LICENSE)"
    sed '1,/^Copyright/d; s/^$/./; s/^/ /' LICENSE | sed '1{/^ \.$/d}'
    printf '\nComment:\n The library holds code of these Rust crates, each under its own license:\n'
    cargo tree --locked "${CARGO_FEATURES[@]}" --edges normal,no-proc-macro --prefix none --format '{p}: {l}' |
        sed -E 's/ \(\*\)$//; s/ \(\/[^)]*\)//; s/^(\S+) v(\S+):/\1 \2:/; /^(pg_tally|tally)/d; s/^/  /' | sort -u
} >"$folder/usr/share/doc/$name/copyright"
printf 'pg-tally (%s) unstable; urgency=medium\n\n  * Release %s.\n\n -- %s  %s\n' "$VERSION" "$VERSION" "$maintainer" \
    "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$folder/usr/share/doc/$name/changelog.gz"

(cd "$folder" && find usr -type f | LC_ALL=C sort | xargs -d '\n' md5sum) >"$folder/DEBIAN/md5sums"
find "$folder" -type d -exec chmod 755 {} +
find "$folder" -type f -exec chmod 644 {} +
dpkg-deb --root-owner-group -Zxz --build "$folder" "$result" >/dev/null
echo "$result"
