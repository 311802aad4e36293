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
    line 'sequential scan, count(*)' scan
    line 'floor: hourly, counts and sums only, not stored' floor "$(ratio floor scan) × scan"
    line 'the floor stored in a table without index' 'floor, stored' "$(ratio 'floor, stored' floor) × floor"
    line 'awf_hourly: with t-digest and HLL, stored, indexed' hourly "$(ratio hourly floor) × floor   (aim 1.5)"
    line '  of which ANALYZE of the source, for its statistics' analyze "$(ratio analyze floor) × floor"
    line 'awf_daily: the hours merged' daily "$(ratio daily floor) × floor"
    line 'awf_sessions: first step times per session' sessions "$(ratio sessions floor) × floor"
    line 'awf_funnel_daily' funnel "$(ratio funnel floor) × floor"
    line 'all of these' all "$(ratio all floor) × floor   (aim 6)"
    line 'plain SQL hourly: percentile_cont, count(distinct)' 'plain hourly' "$(ratio 'plain hourly' floor) × floor"
    line 'plain SQL daily' 'plain daily' "$(ratio 'plain daily' floor) × floor"
    line 'plain SQL funnel' 'plain funnel' "$(ratio 'plain funnel' floor) × floor"
    line 'plain SQL, all' 'plain all' "$(ratio 'plain all' all) × pg_tally"
}
