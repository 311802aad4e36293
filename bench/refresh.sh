# Owns: part "refresh" of bench/run.sh: a refresh after 10,000 new events in two hours, at two sizes of history.

# One size of history: 10,000 events of two past hours come in, and each rival brings its relation up to date.
refresh_at() { # label events
    local label=$1 size=$2 new
    fresh_database "$size" "$(span_for "$size")"
    sql -c "SELECT tally.install_pack('awf')" -c 'SELECT bench.by_hand_tables()' >/dev/null
    sql -c "CALL tally.backfill('awf_hourly')" -c 'VACUUM ANALYZE awf_hourly'
    for ((i = 1; i <= rounds; i++)); do
        echo "  $label: round $i of $rounds"
        sql -c "SELECT bench.new_events(10000, $i)" >/dev/null
        measure "refresh $label" "SELECT count(*) FROM tally.refresh('awf_hourly')"
        measure "by hand $label" 'SELECT bench.by_hand_refresh()'
        measure "matview $label" 'REFRESH MATERIALIZED VIEW bench.plain_hourly'
        measure "idle $label" "SELECT count(*) FROM tally.refresh('awf_hourly')"
    done
    sql -c 'SELECT bench.check_refresh()'
}

part_refresh() {
    refresh_at 1M $((events / 10))
    refresh_at 10M "$events"
    table_head 'history' 'what' ms 'ms of CPU' '× `tally.refresh`' 'aim, ms'
    for label in 1M 10M; do
        local history; history=$(thousands "$([ "$label" = 1M ] && echo $((events / 10)) || echo "$events")")
        refresh_line "$history" '`tally.refresh`' "refresh $label" "$label" 40
        refresh_line "$history" 'delete and insert the two hours by hand' "by hand $label" "$label"
        refresh_line "$history" '`REFRESH MATERIALIZED VIEW`' "matview $label" "$label"
        refresh_line "$history" '`tally.refresh` with nothing due' "idle $label" "$label" 10
    done
    table_row 'ten times' '`tally.refresh`' '' '' "$(ratio 'refresh 10M' 'refresh 1M')" ''
    table_into README.md refresh
}
# refresh_line HISTORY TEXT NAME LABEL [AIM]: like table_line, with the history before it and an aim in milliseconds.
refresh_line() {
    local took_ms
    took_ms=$(ms_of "$3")
    table_row "$1" "$2" "$(judged "$took_ms" "${5:-}")" "$(cpu_ms "$3")" "$(ratio "$3" "refresh $4")" "${5:-}"
}
