#!/usr/bin/env bash
# Owns the way from a folder to a pack: prints the statement that registers the pack whose files lie in it. sql/packs/README.md is the contract.
#
#   scripts/pack.sh FOLDER [NAME] | psql        NAME: that of the folder, if it is not given

called_from=$PWD
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/sql.sh
. scripts/lib/sql.sh

folder=${1:-}
case $folder in /*) ;; *) folder=$called_from/$folder ;; esac
[ -r "$folder/pack.sql" ] || die "a pack is a folder with a pack.sql, got ${1:-nothing}." "scripts/pack.sh sql/packs/template my_pack | psql"
pack_call tally.register_pack "${2:-$(basename "$folder")}" "$folder/pack.sql"
