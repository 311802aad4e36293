#!/usr/bin/env bash
# Owns the proof that the table of faults in docs/testing.md is true: each file is there, and has the test that the line names.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

lines=0
while IFS='|' read -r _ fault what file name _; do
    file=$(tr -d '` ' <<<"$file")
    name=$(sed 's/^ *//; s/ *$//' <<<"$name")
    lines=$((lines + 1))
    if [ -e "pg_test/$file" ] && [ -n "$name" ] && grep -qF -- "$name" "pg_test/$file"; then
        ok "$fault:$what"
    else
        not_ok "$fault:$what"
        diag <<<"pg_test/$file has no test named '$name'"
    fi
done < <(sed -n '/^## Faults that were found/,/^## /p' docs/testing.md | grep -E '^\| [A-Z][0-9]* \|')
is "$((lines >= 60))" 1 "there are $lines lines"
done_testing
