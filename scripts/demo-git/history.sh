#!/usr/bin/env bash
# Owns the history of a git repository as CSV, one line for each commit that HEAD reaches: hash, author time, commit time
# (seconds since 1970), author, files, lines added, lines removed.
#
#   scripts/demo-git/history.sh path/to/repository
#
# Names may hold anything (quotes, tabs, bytes that are no UTF-8). The line that begins a commit is told from those of
# --numstat by a control character, and paths with such characters are quoted by git.
set -euo pipefail

git -c safe.directory='*' -c core.quotePath=true -C "$1" log --no-show-signature --encoding=UTF-8 --no-renames --numstat \
    --format='%x01%H %at %ct %aE%x02%aN' HEAD |
    LC_ALL=C awk '
        function flush() { if (hash != "") print hash "," at "," ct ",\"" author "\"," files "," added "," removed }
        /^\001/ {
            flush()
            split($0, head, " ")
            hash = substr(head[1], 2); at = head[2]; ct = head[3]
            author = substr($0, length(head[1]) + length(at) + length(ct) + 4)
            # The address tells people apart; where there is none, the name.
            cut = index(author, "\002")
            author = tolower(cut > 1 ? substr(author, 1, cut - 1) : substr(author, 2))
            gsub(/"/, "\"\"", author)
            files = added = removed = 0
            next
        }
        NF >= 3 { files++; if ($1 != "-") { added += $1; removed += $2 } }
        END { flush() }' |
    iconv -c -f UTF-8 -t UTF-8
