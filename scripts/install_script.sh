#!/usr/bin/env bash
# Owns the making of the extension's SQL script: the files that sql/order names, one after another, on standard output.
# Rust has no part in it, so that a change of SQL costs no compilation.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# Each file of the list; the list's comments and empty lines left out.
ordered_files() { sed -E 's/[[:space:]]*#.*//; /^$/d; s,^,sql/,' sql/order; }

mapfile -t files < <(ordered_files)
for file in "${files[@]}"; do
    [ -r "$file" ] || die "sql/order names $file, which is not there."
done
forgotten=$(comm -13 <(printf '%s\n' "${files[@]}" | sort) <(find sql -name '*.sql' ! -path '*/demo/*' | sort))
[ -z "$forgotten" ] || die "sql/order does not name these files:" "$forgotten"

printf '%s\n' "-- pg_tally $VERSION: made by scripts/install_script.sh from the files that sql/order lists." \
    '\echo Run: CREATE EXTENSION pg_tally \quit'
for file in "${files[@]}"; do
    printf '\n-- %s\n' "$file"
    cat "$file"
done
