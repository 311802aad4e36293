# Owns: part "capture" of bench/run.sh: what writers pay: COPY of a million events with and without triggers.

part_capture() {
    local n=$((events / 10))
    fresh_database "$n" "$(span_for "$n")"
    sql -c 'SELECT bench.copy_tables()' >/dev/null
    for ((i = 1; i <= rounds; i++)); do
        echo "  round $i of $rounds"
        for rival in plain capture pack statement row; do
            sql -c "TRUNCATE bench.copy_$rival"
            measure "copy $rival" "SELECT bench.copy_into('copy_$rival')"
        done
    done
    echo
    echo "COPY of $n events into a table with one index"
    line 'no trigger' 'copy plain'
    line "tally.capture, one hourly rollup" 'copy capture' "$(ratio 'copy capture' 'copy plain') × none   (aim 1.10)"
    line "tally.capture, the pack's four rollups on the table" 'copy pack' "$(ratio 'copy pack' 'copy plain') × none"
    line 'PL/pgSQL statement trigger with transition table' 'copy statement' "$(ratio 'copy statement' 'copy plain') × none"
    line 'PL/pgSQL row trigger' 'copy row' "$(ratio 'copy row' 'copy plain') × none"
    sql -c 'SELECT bench.copy_done()' >/dev/null
}
