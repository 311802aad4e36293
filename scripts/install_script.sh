#!/usr/bin/env bash
# Owns the making of the extension's SQL script: the files that sql/order names, one after another, on standard output.
# Rust has no part in it, so that a change of SQL costs no compilation.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# A file with its templates filled in. "-- TEMPLATE x" stands for sql/s10_kernel/x.template, in which @key@ is what the lines
# "-- key: value" behind it say.
filled() {
    awk '
        function fill(   line, key, at, file) {
            file = "sql/s10_kernel/" template ".template"
            while ((getline line < file) > 0) {
                for (key in values)
                    while ((at = index(line, "@" key "@")) > 0)
                        line = substr(line, 1, at - 1) values[key] substr(line, at + length(key) + 2)
                print line
                lines++
            }
            close(file)
            if (!lines) { print "error: " FILENAME " names a template that is not there: " file >"/dev/stderr"; exit 1 }
            template = ""; split("", values); lines = 0
        }
        template != "" && /^-- [a-z]+: / { key = $2; sub(":", "", key); sub(/^-- [a-z]+: /, ""); values[key] = $0; next }
        template != "" { fill() }
        /^-- TEMPLATE [a-z_]+$/ { template = $3; next }
        { print }
        END { if (template != "") fill() }
    ' "$1"
}

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
    filled "$file"
done
