#!/usr/bin/env bash
# Owns one promise: apt-get upgrades the package of 0.1.0 on a server at work, as docs/upgrade.md says, and nothing is lost. What
# runs inside the bare root is inside/upgrade.sh. PROFILE=dev packs a debug build.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/root.sh
. scripts/lib/root.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

reason=$(roots_possible) || skip_all "$reason"
git rev-parse --quiet --verify '382f689^{commit}' >/dev/null || skip_all "this clone does not hold the commit of 0.1.0: git fetch --unshallow"
old=$(bash pg_test/install/package_0_1_0.bash | tail -n 1)
new=$(scripts/deb.sh | tail -n 1)

folder=$(root_open "deb-upgrade-$PG_MAJOR" "$(root_variant "${ROOT_SUITES[$PG_MAJOR]}" "postgresql-$PG_MAJOR")") ||
    { not_ok "a bare root"; done_testing; exit; }
trap 'root_remove "$folder"' EXIT
mkdir -p "$folder/test"
cp "$old" "$folder/test/old.deb"
cp "$new" "$folder/test/new.deb"
cp scripts/lib/tap.sh pg_test/install/inside/{server,upgrade}.sh "$folder/test/"
root_run "$folder" PG_MAJOR="$PG_MAJOR" bash /test/upgrade.sh
