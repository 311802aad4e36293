#!/usr/bin/env bash
# Owns the build of the extension: `scripts/build.sh [release|dev]` leaves its files below target/package-<profile>,
# laid out as on a Debian system. Where nothing changed it ends within a second.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

profile=${1:-release}
log=target/package-$profile.log

mkdir -p target
# Captured first: a failure of cargo must show its whole output.
if ! cargo build --locked --lib --profile "$profile" "${CARGO_FEATURES[@]}" 2>&1 | tee "$log" | cargo_progress; then
    cat "$log" >&2
    die "the extension does not build."
fi
# Two tests that run at a time may both come here, and a third may copy the files meanwhile. So each file is replaced whole, and only if it differs.
exec 8>"target/package-$profile.lock"
flock 8
package=target/package-$profile
made=$package.made
rm -rf "$made"
mkdir -p "$package$PG_LIB/lib" "$package$PG_SHARE/extension" "$made$PG_LIB/lib" "$made$PG_SHARE/extension"
install -m 755 "target/${profile/#dev/debug}/libpg_tally.so" "$made$PG_LIB/lib/pg_tally.so"
sed "s/@CARGO_VERSION@/$VERSION/" pg_tally.control >"$made$PG_SHARE/extension/pg_tally.control"
scripts/install_script.sh >"$made$PG_SHARE/extension/pg_tally--$VERSION.sql"
for from in $(scripts/install_script.sh versions); do
    scripts/install_script.sh "$from" >"$made$PG_SHARE/extension/pg_tally--$from--$VERSION.sql"
    scripts/install_script.sh back "$from" >"$made$PG_SHARE/extension/pg_tally--$VERSION--$from.sql"
done
for file in "$package$PG_LIB/lib/"pg_tally* "$package$PG_SHARE/extension/"pg_tally*; do
    [ -e "$made${file#"$package"}" ] || rm -f "$file"
done
for file in "$made$PG_LIB/lib/"pg_tally* "$made$PG_SHARE/extension/"pg_tally*; do
    cmp -s "$file" "$package${file#"$made"}" || mv "$file" "$package${file#"$made"}"
done
rm -rf "$made"
