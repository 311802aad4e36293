# Owns: tables of figures. A benchmark prints each as Markdown and, in a whole run, writes it into its page between two marks, so that no figure of a page is
# copied by hand. Sourced by measure.sh and by the run.sh of each benchmark.
#
#   run_of N LEAST COMMAND      says how the tables came about; a quick look (N below LEAST, the size of a whole run) is not written into pages
#   table_head COLUMN…          begins a table: the first column is text, the others are numbers
#   table_row CELL…             one row
#   table_rows SQL              rows that a query gives, in the database $db; table_lines SQL prints them, for a table that is made later
#   table_into PAGE MARK        prints it, and writes it into bench/PAGE between <!-- MARK: written by … --> and <!-- end of MARK -->
#
# WRITE=1 writes a quick look all the same.
# shellcheck shell=bash disable=SC2154
tabled=''
load_before=$(cut -d ' ' -f 1 /proc/loadavg)
own="SELECT 'own ' || split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)"   # the session's nanoseconds of processor time
benches=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

run_of() {
    size_of_run="\`$3\`."
    quick_look=''
    [ "$1" -ge "$2" ] || quick_look=1
}
table_head() {
    tabled="$(printf '| %s ' "$@")|"$'\n'"|---$(printf '|---:%.0s' "${@:2}")|"$'\n'
}
table_row() { tabled+="$(printf '| %s ' "$@")|"$'\n'; }
table_lines() { psql -XqAt -v ON_ERROR_STOP=1 -F ' | ' -d "$db" -c "$1" | sed 's/.*/| & |/'; }
table_rows() { tabled+="$(table_lines "$1")"$'\n'; }
# judged FIGURE [AIM]: the figure, bold where it is above its aim.
judged() { awk -v f="$1" -v a="${2:-}" 'BEGIN { printf (a != "" && f + 0 > a + 0) ? "**%s**" : "%s", f }'; }
# thousands N: 10000000 as 10,000,000.
thousands() { sed -E ':a; s/([0-9])([0-9]{3})($|,)/\1,\2\3/; ta' <<<"$1"; }

table_into() { # PAGE MARK
    local circumstances
    circumstances=$(printf 'PostgreSQL %s, %s cores, load %s at the start and %s at the end, %s.' \
        "$(psql -XqAt -d postgres -c 'SHOW server_version' | cut -d ' ' -f 1)" "$(nproc)" "$load_before" "$(cut -d ' ' -f 1 /proc/loadavg)" "$(date -u +%F)")
    tabled+=$'\n'"${size_of_run:-} $circumstances"
    printf '\n%s\n\n' "$tabled"
    [ "${quick_look:-}" = "" ] || [ "${WRITE:-}" = 1 ] || { echo "bench/$1 is left as it is: this was a quick look. WRITE=1 writes it."; return; }
    mark=$2 tabled=$tabled perl -0pi -e '
        s/(<!-- \Q$ENV{mark}\E: written by [^\n]*-->\n).*?(<!-- end of \Q$ENV{mark}\E -->)/$1\n$ENV{tabled}\n\n$2/s
            or die "bench/table.sh: $ARGV has no marks for the table $ENV{mark}\n"' "$benches/$1"
}
