# shellcheck shell=bash
# Owns how the SQL files are read: their order, their templates, and which of their statements are state. Sourced after common.sh.

# Each file of the list; the list's comments and empty lines left out.
ordered_files() { sed -E 's/[[:space:]]*#.*//; /^$/d; s,^,sql/,' sql/order; }

# The files of the pack whose pack.sql this is, in their order.
pack_files() { sed -n "s,^\\\\ir ,$(dirname "$1")/,p" "$1"; }

# A pack as the call that writes it down: pack_call FUNCTION NAME pack.sql. The description is the line "-- description: …" of pack.sql, with the
# indented ones behind it.
pack_call() {
    local file tag=pack_file comma=
    while pack_files "$3" | xargs grep -qF "\$$tag\$"; do tag=${tag}_; done
    printf "SELECT %s('%s', description => \$%s\$%s\$%s\$, files => json_build_object(" "$1" "$2" "$tag" \
        "$(awk '/^-- description: / { inside = 1; sub(/^-- description: /, ""); text = $0; next }
                inside && /^--   / { sub(/^--   /, " "); text = text $0; next }
                { inside = 0 }
                END { printf "%s", text }' "$3")" "$tag"
    for file in $(pack_files "$3"); do
        [ -r "$file" ] || die "$3 names $file, which is not there."
        printf "%s\n'%s', \$%s\$" "$comma" "$(basename "$file")" "$tag"
        cat "$file"
        printf '$%s$' "$tag"
        comma=,
    done
    printf '));\n'
}

# A file with its templates filled in. "-- TEMPLATE x" stands for sql/s10_kernel/x.template, in which @key@ is what the lines
# "-- key: value" behind it say. "-- FILE x" stands for sql/x.
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
        /^-- FILE [a-z0-9_\/]+\.sql$/ {
            while ((getline line < ("sql/" $3)) > 0) { print line; lines++ }
            close("sql/" $3)
            if (!lines) { print "error: " FILENAME " names a file that is not there: sql/" $3 >"/dev/stderr"; exit 1 }
            lines = 0
            next
        }
        { print }
        END { if (template != "") fill() }
    ' "$1"
}

# The COMMENT statements of a file of state: they change nothing that is stored, so every upgrade runs them again. A statement ends with the
# line that ends with a semicolon.
comments_of() { filled "$1" | awk '/^COMMENT ON / { inside = 1 } inside { print } inside && /;$/ { inside = 0 }'; }

# The other statements of a file of state, without comments and empty lines: what is stored.
state_of() {
    filled "$1" | awk '/^COMMENT ON / { inside = 1 } !inside && !/^[[:space:]]*(--.*)?$/ { print } inside && /;$/ { inside = 0 }'
}
