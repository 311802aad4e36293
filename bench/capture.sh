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
    table_head capture ms 'ms of CPU' '× none' aim
    table_line 'none' 'copy plain' 'copy plain'
    table_line 'capture, one hourly rollup' 'copy capture' 'copy plain' 1.05
    table_line "capture, the pack's four rollups" 'copy pack' 'copy plain' 1.10
    table_line 'PL/pgSQL statement trigger with transition table' 'copy statement' 'copy plain'
    table_line 'PL/pgSQL row trigger' 'copy row' 'copy plain'
    table_into README.md copy
    sql -c 'SELECT bench.copy_done()' >/dev/null
}
