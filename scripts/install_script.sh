#!/usr/bin/env bash
# Owns the making of the extension's SQL scripts, on standard output. Rust has no part in it, so that a change of SQL costs no compilation.
#
#   scripts/install_script.sh            the install script: the files that sql/order names, one after another
#   scripts/install_script.sh 0.1.0      the script from 0.1.0 to this version: sql/upgrade/begin.sql, the state of each step on the way
#                                        (before.sql), all behaviour of sql/order, sql/upgrade/middle.sql, each step's after.sql,
#                                        sql/upgrade/end.sql
#   scripts/install_script.sh back 0.1.0 the script from this version to 0.1.0, which refuses in words
#   scripts/install_script.sh versions   the versions that there is an upgrade from
#
# docs/upgrade.md says what state and behaviour are.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/sql.sh
. scripts/lib/sql.sh

mapfile -t files < <(ordered_files)
for file in "${files[@]}"; do
    [ -r "$file" ] || die "sql/order names $file, which is not there."
done
mapfile -t of_packs < <(for file in "${files[@]}"; do [[ $file != */pack.sql ]] || pack_files "$file"; done)
forgotten=$(comm -13 <(printf '%s\n' "${files[@]}" "${of_packs[@]}" | sort) \
    <(find sql -name '*.sql' ! -path '*/demo/*' ! -path 'sql/upgrade/*' ! -path 'sql/packs/template/*' | sort))
[ -z "$forgotten" ] || die "sql/order does not name these files:" "$forgotten"

# The steps of the way to this version, oldest first: folders <from>--<to>.
steps() { find sql/upgrade -mindepth 1 -maxdepth 1 -type d -name '*--*' -printf '%f\n' | sort -V; }

part() { printf '\n-- %s\n' "$1"; "${@:2}"; }

# A file of behaviour. A pack becomes rows.
behaviour() {
    case $1 in
        */pack.sql) part "$1" pack_call tally_internal._bring_pack "$(basename "$(dirname "$1")")" "$1" ;;
        *) part "$1" filled "$1" ;;
    esac
}

case ${1:-install} in
    versions) steps | sed 's/--.*//' ;;
    install)
        printf '%s\n' "-- pg_tally $VERSION: made by scripts/install_script.sh from the files that sql/order lists." \
            '\echo Run: CREATE EXTENSION pg_tally \quit'
        for file in "${files[@]}"; do
            behaviour "$file"
        done
        ;;
    back)
        cat <<SQL
-- pg_tally $VERSION to $2: there is no way back. Made by scripts/install_script.sh.
\\echo Run: ALTER EXTENSION pg_tally UPDATE \\quit
DO \$\$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
        MESSAGE = 'pg_tally goes from an older version to a newer one, got $VERSION to $2',
        DETAIL = 'What $VERSION stores, $2 cannot read. Nothing was changed.',
        HINT = 'ALTER EXTENSION pg_tally UPDATE;  -- to have $2 again, restore the dump that was made before the upgrade';
END \$\$;
SQL
        ;;
    *)
        mapfile -t way < <(steps | awk -v from="$1" 'index($0, from "--") == 1 { on = 1 } on')
        [ ${#way[@]} -gt 0 ] || die "there is no upgrade from $1." "There is one from: $(steps | sed 's/--.*//' | xargs)"
        printf '%s\n' "-- pg_tally $1 to $VERSION: made by scripts/install_script.sh from sql/upgrade and the files that sql/order lists." \
            '\echo Run: ALTER EXTENSION pg_tally UPDATE \quit'
        part sql/upgrade/begin.sql filled sql/upgrade/begin.sql
        for step in "${way[@]}"; do
            part "sql/upgrade/$step/before.sql" filled "sql/upgrade/$step/before.sql"
        done
        for file in "${files[@]}"; do
            case $file in
                # State is there; its comments are behaviour.
                */state/*) part "$file" comments_of "$file" ;;
                *) behaviour "$file" ;;
            esac
        done
        part sql/upgrade/middle.sql filled sql/upgrade/middle.sql
        for step in "${way[@]}"; do
            part "sql/upgrade/$step/after.sql" filled "sql/upgrade/$step/after.sql"
        done
        part sql/upgrade/end.sql filled sql/upgrade/end.sql
        ;;
esac
