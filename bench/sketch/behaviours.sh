# Owns the parts `ordered` and `sessions` of bench/sketch/run.sh, which sources it: aggregates that go by time beside sum(), and sessions beside window
# functions. Both sides of `sessions` give the same rows, which is checked before their times are told.
# shellcheck shell=bash disable=SC2154  # run.sh sets events and rounds

part_ordered() {
    local columns="date_bin('1 minute', at, '2000-01-01Z'), k" i name share
    local -A call=(
        [first]='tally.first(v, at)' [ohlc]='tally.ohlc(v, at)' [counter]='tally.counter(v, at)' [gauge]='tally.gauge(v, at)'
        [time_weighted]='tally.time_weighted(v, at)' [state_time]='tally.state_time(state, at)'
        [sequence_events]='tally.sequence_events(at, k = 1, k = 2, k = 3)'
    )
    sql -c "DROP TABLE IF EXISTS readings" -c "CREATE UNLOGGED TABLE readings AS
        SELECT timestamptz '2025-01-01Z' + i * interval '86 ms' AS at, i % 20 AS k, (i::bigint * 7919 % 1000)::float8 AS v, 's' || i / 50 % 4 AS state
          FROM generate_series(1, $events) i" -c 'VACUUM ANALYZE readings'
    for ((i = 1; i <= rounds; i++)); do
        timed 'ordered: count' "SELECT count(v), count(at) FROM readings GROUP BY $columns"
        timed 'ordered: sum' "SELECT count(v), count(at), sum(v) FROM readings GROUP BY $columns"
        for name in "${!call[@]}"; do timed "ordered: $name" "SELECT count(v), count(at), ${call[$name]} FROM readings GROUP BY $columns"; done
    done
    table_head "of $(thousands "$events") readings, groups of about 35" ms '× the query with `sum()`' '× what `sum()` adds' aim
    table_row 'two counts' "$(thousands "$(ms_of 'ordered: count')")" '' '' ''
    table_row 'the same with `sum()`' "$(thousands "$(ms_of 'ordered: sum')")" 1.00 1.00 ''
    for name in first ohlc counter gauge time_weighted state_time sequence_events; do
        # What one sum adds may be less than runs differ by.
        share=$(net 'ordered: sum' 'ordered: count' "ordered: $name")
        table_row "with \`$name\`" "$(thousands "$(ms_of "ordered: $name")")" "$(ratio "ordered: $name" 'ordered: sum')" \
            "$(judged "${share/ours is not above it/\`sum()\` adds nothing that shows}" 1.5)" 1.5
    done
    table_into sketch.md ordered
}

part_sessions() {
    local windows="WITH cut AS (SELECT user_id, event_time, CASE WHEN event_time - lag(event_time) OVER w <= interval '30 minutes' THEN 0 ELSE 1 END AS opens
          FROM analytics_events WHERE user_id IS NOT NULL WINDOW w AS (PARTITION BY user_id ORDER BY event_time)),
        numbered AS (SELECT *, sum(opens) OVER (PARTITION BY user_id ORDER BY event_time ROWS UNBOUNDED PRECEDING) AS n FROM cut),
        made AS (SELECT user_id, min(event_time) AS started_at, max(event_time) AS ended_at, count(*) AS events FROM numbered GROUP BY user_id, n)"
    local question="date_trunc('day', started_at, 'UTC'), count(*), avg(extract(epoch FROM ended_at - started_at)), avg(events)"
    local columns='user_id, started_at, ended_at, events' i wrong
    sql -c 'SELECT 1 FROM analytics_events LIMIT 1' >/dev/null 2>&1 || sql -f "$sketch/groups.sql" -v events="$events" >/dev/null
    sql -c 'CREATE INDEX IF NOT EXISTS events_by_user ON analytics_events (user_id)' -c 'VACUUM ANALYZE analytics_events'
    for ((i = 1; i <= rounds; i++)); do
        sql -c 'DROP TABLE IF EXISTS by_windows' -c "SELECT tally.drop_rollup(r.name) FROM tally.rollups r WHERE r.name = 'visits_daily'" \
            -c "SELECT tally.drop_sessions(b.name) FROM tally.behaviours b WHERE b.name = 'visits'" >/dev/null
        measure 'sessions: windows' "CREATE UNLOGGED TABLE by_windows AS $windows SELECT * FROM made"
        sql -c "SELECT tally.create_sessions('visits', 'analytics_events', 'event_time', 'user_id')" >/dev/null
        measure 'sessions: build' 'CALL tally.backfill()'
        sql -c 'VACUUM ANALYZE visits' -c 'SELECT tally.refresh()' >/dev/null
        measure 'sessions: read windows' "$windows SELECT $question FROM made GROUP BY 1"
        measure 'sessions: read' "SELECT $question FROM visits GROUP BY 1"
        sql -c "SELECT tally.create_rollup('visits_daily', 'visits', time_column => 'started_at', bucket => '1 day', dimensions => '[]', measures =>
            '{\"visits\": \"count(*)\", \"seconds\": \"sum(extract(epoch FROM ended_at - started_at))\", \"events\": \"sum(events)\"}', with_data => true)" \
            -c 'VACUUM ANALYZE visits_daily' >/dev/null
        measure 'sessions: read by day' "SELECT bucket, visits, seconds / visits, events / visits FROM visits_daily"
    done
    wrong=$(sql -c "SELECT count(*) FROM ((SELECT $columns FROM visits EXCEPT ALL SELECT $columns FROM by_windows)
        UNION ALL (SELECT $columns FROM by_windows EXCEPT ALL SELECT $columns FROM visits)) x")
    [ "$wrong" = 0 ] || { echo "bench/sketch: $wrong sessions differ from those of window functions" >&2; exit 1; }
    table_head "$(thousands "$(sql -c 'SELECT count(*) FROM visits')") sessions of $(thousands "$events") events" ms 'ms of CPU' 'windows / this' \
        'aim, at least'
    table_line 'window functions into a table' 'sessions: windows'
    table_row '`tally.backfill()`' "$(thousands "$(ms_of 'sessions: build')")" "$(thousands "$(cpu_ms 'sessions: build')")" \
        "$(ratio 'sessions: windows' 'sessions: build')" 3
    table_line 'sessions by day by window functions' 'sessions: read windows'
    table_row 'the same from the sessions' "$(thousands "$(ms_of 'sessions: read')")" "$(thousands "$(cpu_ms 'sessions: read')")" \
        "$(ratio 'sessions: read windows' 'sessions: read')" ''
    table_row 'the same from a rollup by day on them' "$(thousands "$(ms_of 'sessions: read by day')")" "$(thousands "$(cpu_ms 'sessions: read by day')")" \
        "$(ratio 'sessions: read windows' 'sessions: read by day')" 100
    table_into sketch.md sessions
}
