#!/usr/bin/env bash
# Owns `make freeze`: sql/upgrade/frozen/<version>, a hash of what each file of state makes, without comments. A database of that version
# stores what these texts say, so a change of one needs an upgrade script (docs/upgrade.md).
#
#   scripts/frozen.sh         the hashes of the files as they are, on standard output
#   scripts/frozen.sh write   written down for the present version: only while it is not released

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/sql.sh
. scripts/lib/sql.sh

hashes() {
    local file
    for file in $(ordered_files | grep /state/); do
        printf '%s  %s\n' "$(state_of "$file" | sha256sum | cut -d' ' -f1)" "$file"
    done
}

# A version is released once its heading in the changelog does not say otherwise.
released() { ! grep -q "^## $VERSION (not released)" CHANGELOG.md; }

case ${1:-show} in
    show) hashes ;;
    write)
        ! released || die "version $VERSION is released: what its databases store is fixed." "Raise the version and write an upgrade: docs/upgrade.md"
        mkdir -p sql/upgrade/frozen
        hashes >"sql/upgrade/frozen/$VERSION"
        say "sql/upgrade/frozen/$VERSION is written"
        ;;
    *) die "scripts/frozen.sh knows write, got $1." ;;
esac
