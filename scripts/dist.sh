#!/usr/bin/env bash
# Owns `make dist`: target/dist/pg_tally-<version>.tar.gz, the source of HEAD as PGXN and packagers take it. Reproducible: the same
# commit gives the same bytes, whoever makes it. Its last line of output is the archive's path.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

[ -z "$(git status --porcelain --untracked-files=no)" ] || say "what is not committed is not in the archive"
for key in "$(sed -n 's/^    "version": "\(.*\)",$/\1/p' META.json | head -n 1)" "$(sed -n 's/^            "version": "\(.*\)"$/\1/p' META.json)"; do
    [ "$key" = "$VERSION" ] || die "META.json says version '$key', Cargo.toml says '$VERSION'." "Set both in META.json to $VERSION."
done
mkdir -p target/dist
result=target/dist/pg_tally-$VERSION.tar.gz
# Without -n gzip would write the time of its run.
git -c core.autocrlf=false -c tar.umask=0022 archive --format=tar --prefix="pg_tally-$VERSION/" HEAD | gzip -9n >"$result.new"
mv "$result.new" "$result"
echo "$result"
