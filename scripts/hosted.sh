#!/usr/bin/env bash
# Owns `make hosted`: dist/pg_tally-hosted--<version>.sql, pg_tally for servers that load no shared library. An ordinary role runs it in one
# transaction: psql -1 -f dist/pg_tally-hosted--<version>.sql. docs/supabase-hosted.md is the page for people.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/sql.sh
. scripts/lib/sql.sh

out=dist/pg_tally-hosted--$VERSION.sql
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p dist

# What is the library's alone: dumps of an extension.
ours() { case $1 in sql/s90_grants/dump.sql | sql/packs/dump.sql) return 1 ;; esac; }

# The kernel: sql/s10_kernel with the library's functions replaced.
for file in $(ordered_files); do
    [[ $file != sql/s10_kernel/* ]] || { printf '\n-- %s\n' "$file"; filled "$file"; }
done >"$work/kernel.sql"

{
    sed "s/@VERSION@/$VERSION/g" kernels/sql/begin.sql
    perl scripts/lib/hosted.pl "$work/kernel.sql" | sed "s/@VERSION@/$VERSION/g"
    for file in $(ordered_files); do
        [[ $file == sql/s10_kernel/* ]] || ! ours "$file" && continue
        [ "$file" != sql/s90_grants/session.sql ] || { printf '\n-- kernels/sql/rights.sql\n'; cat kernels/sql/rights.sql; }
        printf '\n-- %s\n' "$file"
        case $file in
            */pack.sql) pack_call tally_internal._bring_pack "$(basename "$(dirname "$file")")" "$file" ;;
            sql/s90_grants/event_triggers.sql)
                # Where the role may make none, each refresh begins by comparing the list of members with PostgreSQL's catalogue.
                printf 'DO $hosted$\nBEGIN\n'
                filled "$file"
                printf 'EXCEPTION WHEN insufficient_privilege THEN\n    NULL;\nEND $hosted$;\n'
                ;;
            # Only a superuser may give a function a setting of ours. What it says ends with the transaction then.
            *) filled "$file" | sed -E ":again; s/^(LANGUAGE .*) SET tally\.[a-z_]+ = '[^']*'/\1/; t again" ;;
        esac
    done
} >"$work/all.sql"
mv "$work/all.sql" "$out"
say "$out: $(wc -l <"$out") lines"
