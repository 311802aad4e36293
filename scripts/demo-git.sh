#!/usr/bin/env bash
# Owns `make demo-git REPO=path`: the history of any git repository as events, on a private server: loaded by COPY, rolled
# up by day, held against a threshold on silence, and shown. What is loaded and shown is in scripts/demo-git/*.sql.
#
# Who wrote a commit goes in as a pseudonym, keyed with a key that is made for this run, kept nowhere and printed nowhere.

# A path is meant from where the caller stands, not from the checkout.
repository=$(cd -- "${REPO:-.}" 2>/dev/null && pwd -P) || repository=
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

[ -n "$repository" ] || die "there is no folder '${REPO:-.}'." "make demo-git REPO=/path/to/a/repository"
# The caller has named the repository, so whose it is does not matter for reading it.
history() { git -c safe.directory='*' -c core.quotePath=true -C "$repository" "$@"; }
history rev-parse --git-dir >/dev/null 2>&1 || die "'$repository' is not a git repository." "make demo-git REPO=/path/to/a/repository"
history rev-parse --verify -q HEAD >/dev/null || die "the repository '$repository' has no commit yet." "make demo-git REPO=/path/to/a/repository"
if [ "$(history rev-parse --is-shallow-repository)" = true ]; then
    say "this is a shallow clone: what lies before it is not in the figures (git fetch --unshallow brings it)"
fi

scripts/setup.sh
say "building the extension and starting a private server"
use_server demo-git
remove_server
run_server demo-git release demo_git "shared_buffers = $(server_memory_mb 8 1024)MB" "work_mem = 64MB" \
    "maintenance_work_mem = $(server_memory_mb 16 512)MB" "max_wal_size = 4GB" "random_page_cost = 1.1" "log_min_messages = warning"

# One line of CSV for each commit: hash, author, author time, commit time, files, lines added, lines removed. Names may
# hold anything (quotes, tabs, bytes that are no UTF-8); the line that begins a commit is told from --numstat's by a
# control character, and paths with such characters are quoted by git.
commits_csv() {
    history log --no-show-signature --encoding=UTF-8 --no-renames --numstat --format='%x01%H %at %ct %aE%x02%aN' HEAD |
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
}

# The name that people know it by: that of where it was cloned from, else its folder's.
name=$(basename "$(history config --get remote.origin.url || echo "$repository")" .git)
arguments=()
for script in scripts/demo-git/*.sql; do arguments+=(-f "$script"); done
commits_csv | tell_story demo_git -v REPOSITORY="$name" "${arguments[@]}" ||
    die "the demo ended too early." "The server is still up: make psql PURPOSE=demo-git" "Its log: $SERVER_LOG"
