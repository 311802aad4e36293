#!/usr/bin/env bash
# Owns `make hosted`: dist/pg_tally-hosted--<version>.sql, pg_tally for servers that load no shared library, and the same over an installation that is there,
# pg_tally-hosted--<version>--again.sql. An ordinary role runs it in one transaction: psql -1 -f dist/pg_tally-hosted--<version>.sql.
# docs/supabase-hosted.md is the page for people.

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

# Two installations whose tables have one form give one word here.
state=$(for file in $(ordered_files | grep /state/ | grep -v s10_kernel); do state_of "$file"; done | sha256sum | cut -c1-12)
named() { sed "s/@VERSION@/$VERSION/g; s/@STATE@/$state/g" "$@"; }

# A file of sql/ other than the kernel's. How: install or again; where it is there already, the state of a stage is left alone but for its comments.
stage() {
    local how=$1 file=$2
    case $file in
        */state/*) if [ "$how" = again ]; then comments_of "$file"; else filled "$file"; fi ;;
        */pack.sql) pack_call tally_internal._bring_pack "$(basename "$(dirname "$file")")" "$file" ;;
        sql/s90_grants/event_triggers.sql)
            # Where the role may make none, each refresh begins by comparing the list of members with PostgreSQL's catalogue.
            printf 'DO $hosted$\nBEGIN\n'
            filled "$file"
            printf 'EXCEPTION WHEN insufficient_privilege THEN\n    NULL;\nEND $hosted$;\n'
            ;;
        # There is no extension to lend a view to.
        sql/s80_report/rebuild.sql) filled "$file" | sed "/ALTER EXTENSION pg_tally/d" ;;
        *) filled "$file" ;;
    esac
}

# kernels/sql/pins.sql with the list of the functions that it leaves alone: signatures, and names that stand for all of theirs.
pins() {
    local functions names
    functions=$(sed -nE "s/^([a-z_.]+\([^#]*\)) .*/'\1'/p" kernels/sql/unpinned | paste -sd, | sed 's/,\(.tally\)/,\n            \1/g')
    names=$(sed -nE "s/^([a-z_.]+) .*/'\1'/p" kernels/sql/unpinned | paste -sd, | sed 's/,\(.tally\)/,\n            \1/g')
    printf '\n-- kernels/sql/pins.sql\n'
    awk -v functions="$functions" -v names="$names" '{ sub(/@PINLESS_FUNCTIONS@/, functions); sub(/@PINLESS_NAMES@/, names); print }' kernels/sql/pins.sql
}

# The whole file: install or again.
edition() {
    local file
    if [ "$1" = again ]; then named kernels/sql/again_begin.sql; else named kernels/sql/begin.sql; fi
    perl scripts/lib/hosted.pl "$work/kernel.sql" "$1" | named
    for file in $(ordered_files); do
        [[ $file == sql/s10_kernel/* ]] || ! ours "$file" && continue
        [ "$file" != sql/s90_grants/session.sql ] || { printf '\n-- kernels/sql/rights.sql\n'; cat kernels/sql/rights.sql; }
        printf '\n-- %s\n' "$file"
        # Only a superuser may give a function a setting of ours. What it says ends with the transaction then.
        stage "$1" "$file" | sed -E ":again; s/^(LANGUAGE .*) SET tally\.[a-z_]+ = '[^']*'/\1/; t again"
    done
    pins
    if [ "$1" = again ]; then named kernels/sql/again_end.sql; fi
}

# A block with EXCEPTION cannot run in a parallel query, and much of this kernel has one: nothing of it is told to be safe there.
alone() { sed -E 's/ PARALLEL SAFE\b//; s/\bPARALLEL = SAFE\b/PARALLEL = UNSAFE/'; }

edition install | alone >"$work/all.sql"
edition again | alone >"$work/again.sql"
# Replaced in one step: tests that run side by side read them.
mv "$work/all.sql" "$out.$$"
mv "$out.$$" "$out"
mv "$work/again.sql" "$out.$$"
mv "$out.$$" "${out%.sql}--again.sql"
say "$out: $(wc -l <"$out") lines"
