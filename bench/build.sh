# Owns: part "build" of bench/run.sh: the first build of the pack's rollups against the floor and against plain SQL.

part_build() {
    fresh_database "$events" "$(span_for "$events")"
    for ((i = 1; i <= rounds; i++)); do
        echo "  round $i of $rounds"
        sql -c "SELECT tally.drop_pack('awf')" -c 'CALL bench.floor_statistics()' >/dev/null
        measure scan 'SELECT count(*) FROM analytics_events'
        measure floor 'SELECT bench.run(bench.floor_query())'
        measure 'floor, stored' 'SELECT bench.store(bench.floor_query())'
        sql -c 'DROP STATISTICS bench.floor_groups' -c 'ANALYZE analytics_events' -c "SELECT tally.install_pack('awf')" >/dev/null
        measure hourly "CALL tally.backfill('awf_hourly')"
        measure analyze 'ANALYZE analytics_events'
        measure daily "CALL tally.backfill('awf_daily')"
        measure sessions "CALL tally.backfill('awf_sessions')"
        measure funnel "CALL tally.backfill('awf_funnel_daily')"
        measure 'plain hourly' 'SELECT bench.run(bench.plain_query())'
        measure 'plain daily' "SELECT bench.run(bench.plain_query('1 day'))"
        measure 'plain funnel' 'SELECT bench.run(bench.plain_funnel())'
        sum all hourly daily sessions funnel
        sum 'plain all' 'plain hourly' 'plain daily' 'plain funnel'
    done
    echo
    echo "First build, $events events, $(sql -c 'SELECT count(*) FROM awf_hourly') hourly groups"
    table_head what ms 'ms of CPU' '× floor' aim
    table_line 'sequential scan, `count(*)`' scan floor
    table_line 'floor: hourly, counts and sums only, rows thrown away' floor floor
    table_line 'the floor stored in a table without index' 'floor, stored' floor
    table_line '`awf_hourly`: t-digest, HLL, 11 counts and sums, stored and indexed' hourly floor 1.2
    table_line 'of which `ANALYZE` of the source, for its statistics' analyze floor
    table_line '`awf_daily` from the hours' daily floor
    table_line '`awf_sessions`: first time of each step, by session' sessions floor
    table_line '`awf_funnel_daily` from the sessions' funnel floor
    table_line '**all four**' all floor 3.5
    table_line 'plain SQL hourly (`percentile_cont`, `count(DISTINCT …)`), not stored' 'plain hourly' floor
    table_line 'plain SQL daily' 'plain daily' floor
    table_line 'plain SQL funnel' 'plain funnel' floor
    table_line 'plain SQL, all three' 'plain all' floor
    table_into README.md build
}
