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
    echo
    echo "Refresh of awf_hourly after 10,000 new events in two hours"
    for label in 1M 10M; do
        local history; history=$([ "$label" = 1M ] && echo $((events / 10)) || echo "$events")
        line "$history events of history: tally.refresh" "refresh $label" '(aim: under 80 ms)'
        line '  delete and insert the two hours by hand' "by hand $label" "$(ratio "by hand $label" "refresh $label") × tally.refresh"
        line '  REFRESH MATERIALIZED VIEW' "matview $label" "$(ratio "matview $label" "refresh $label") × tally.refresh"
        line '  tally.refresh with nothing due' "idle $label" '(aim: under 10 ms)'
    done
    echo "tally.refresh at ten times the history: $(ratio 'refresh 10M' 'refresh 1M') × (aim 1)"
}
