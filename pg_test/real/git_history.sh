#!/usr/bin/env bash
# Owns what `make demo-git` reads: commits by authors with odd names, in odd files, arrive as they were made.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
repository="$directory/it's a \"place\""
git init -q "$repository"

# commit NAME ADDRESS SECONDS FILE LINES
commit() {
    local i
    for ((i = 0; i < $5; i++)); do echo "$i"; done >"$repository/$4"
    git -C "$repository" add -A
    GIT_AUTHOR_NAME=$1 GIT_AUTHOR_EMAIL=$2 GIT_AUTHOR_DATE="@$3 +0530" GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@c \
        GIT_COMMITTER_DATE="@$(($3 + 60)) -0800" git -c core.hooksPath=/dev/null -c commit.gpgSign=false -C "$repository" commit -qm "line one

$(printf '\001')not a commit 7 7 x" 2>/dev/null
}
commit 'O"Neil, "Tab'$'\t''Man" \N' 'X"y@z, W' 1000000000 'a' 3
commit 'nobody' '' 1100000000 $'tab\tand\nline' 2
commit $'Ren\xe9' $'ren\xff@x' 1200000000 'ünï' 1
commit 'same' 'x"y@Z, w' 900000000 'a' 5

got=$(scripts/demo-git/history.sh "$repository" |
    server_psql -d postgres -Atq -v ON_ERROR_STOP=1 \
        -c "CREATE TEMP TABLE raw (hash text, authored bigint, committed bigint, author text, files int, added int, removed int)" \
        -c "COPY raw FROM STDIN (FORMAT csv)" \
        -c "SELECT length(hash), authored, committed, CASE WHEN author LIKE 'ren%@x' THEN 'ren…@x' ELSE author END, files, added,
            removed FROM raw ORDER BY authored" 2>&1)
is "$got" '40|900000000|900000060|x"y@z, w|1|2|0
40|1000000000|1000000060|x"y@z, w|1|3|0
40|1100000000|1100000060|nobody|1|2|0
40|1200000000|1200000060|ren…@x|1|1|0' "odd names, odd files and odd messages arrive as they were made"

git clone -q --depth 1 "file://$repository" "$directory/shallow"
is "$(scripts/demo-git/history.sh "$directory/shallow" | wc -l)" 1 "a shallow clone of one commit has one line"
done_testing
