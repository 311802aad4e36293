#!/usr/bin/env bash
# Owns one promise: the source archive is the same bytes whoever makes it, and its META.json says what Cargo.toml says.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

first=$(scripts/dist.sh 2>/dev/null | tail -n 1)
sum=$(sha256sum <"$first")
# Another clone, another mask, zone and language.
other=$(mktemp -d)
trap 'rm -rf "$other"' EXIT
git -c safe.directory='*' clone -q --no-hardlinks "$ROOT" "$other/clone"
git -C "$other/clone" -c advice.detachedHead=false checkout -q "$(git rev-parse HEAD)"
second=$other/clone/$(cd "$other/clone" && umask 077 && TZ=Asia/Kolkata LC_ALL=C scripts/dist.sh 2>/dev/null | tail -n 1)
is "$(sha256sum <"$second")" "$sum" "two builds of the archive are the same bytes"
is "$(tar -tzf "$first" | grep -v "^pg_tally-$VERSION/" || :)" "" "all is below pg_tally-$VERSION/"
is "$(tar -tzf "$first" | sed "s,^pg_tally-$VERSION/,,; /\/$/d; /^$/d" | LC_ALL=C sort)" "$(git ls-tree -r --name-only HEAD | LC_ALL=C sort)" \
    "it holds every file of the commit, and no other"
is "$(grep -c "\"version\": \"$VERSION\"" META.json)" 2 "META.json has the version of Cargo.toml, twice"
is "$(perl -MJSON::PP -0777 -ne 'my $m = JSON::PP->new->decode($_); 
    print join " ", grep { !defined $m->{$_} } qw(name version abstract maintainer license provides meta-spec)' META.json)" "" \
    "META.json is JSON with the keys that PGXN asks for"
done_testing
