#!/usr/bin/env bash
# Owns the package of 0.1.0, which was never published: made from its commit, so that the upgrade of a package can be tested.
# Its last line of output is the package's path. The library is built once and stays in the cache. Fails, with the reason, where
# the history of this clone does not reach back to that commit.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"

version=0.1.0
commit=$(git rev-parse --quiet --verify "382f689^{commit}") || die "this clone does not hold the commit of $version." "Run: git fetch --unshallow"
name=postgresql-$PG_MAJOR-pg-tally
old=$CACHE/source-$version
library=$CACHE/pg_tally-$version-$PG_MAJOR.so
if [ ! -s "$library" ]; then
    say "building the library of $version (once for this user)"
    rm -rf "$old"
    git clone -q --no-hardlinks --no-checkout "$ROOT" "$old"
    git -C "$old" checkout -q --detach "$commit"
    # Debug: what is tested is the upgrade, and a debug build takes a third of the time.
    (cd "$old" && cargo build --locked --quiet --lib "${CARGO_FEATURES[@]}" >&2) || die "the library of $version does not build."
    cp "$old/target/debug/libpg_tally.so" "$library.new"
    mv "$library.new" "$library"
    rm -rf "$old"
fi

folder=target/deb/$name-$version
result=target/deb/${name}_${version}_$(dpkg --print-architecture).deb
rm -rf "$folder"
mkdir -p "$folder/DEBIAN" "$folder$PG_LIB/lib" "$folder$PG_SHARE/extension"
install -m 644 "$library" "$folder$PG_LIB/lib/pg_tally.so"
git show "$commit:pg_tally.control" | sed "s/@CARGO_VERSION@/$version/" >"$folder$PG_SHARE/extension/pg_tally.control"
zcat "pg_test/upgrade/pg_tally--$version.sql.gz" >"$folder$PG_SHARE/extension/pg_tally--$version.sql"
cat >"$folder/DEBIAN/control" <<CONTROL
Package: $name
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: pg_tally maintainers <maintainers@pg-tally.invalid>
Depends: postgresql-$PG_MAJOR
Description: pg_tally $version, made for a test of its upgrade
CONTROL
chmod -R u+rwX,go+rX,go-w "$folder"
dpkg-deb --root-owner-group --build "$folder" "$result" >/dev/null
echo "$result"
