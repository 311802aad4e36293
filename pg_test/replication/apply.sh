#!/usr/bin/env bash
# Owns one promise: rows that logical replication applies (INSERT, UPDATE, DELETE, TRUNCATE, and the copy of the first
# contents) mark like everybody's, so rollups on a subscriber are exact. Has a server of its own, which publishes from
# one database to another.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server replication
remove_server
run_server replication "${PROFILE:-release}" postgres "wal_level = logical" "fsync = off" "max_connections = 30" "log_min_messages = warning"
trap remove_server EXIT
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -Atq -v ON_ERROR_STOP=1 "$@"; }

for database in publisher subscriber; do
    sql -d postgres -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" -c "CREATE DATABASE $database"
    sql -d $database -c "CREATE TABLE events (id int, at timestamptz NOT NULL, ms int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)" \
        -c "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01+00') TO ('2026-02-01+00')" \
        -c "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01+00') TO ('2026-03-01+00')" \
        -c "CREATE TABLE plain (id int PRIMARY KEY, at timestamptz NOT NULL)"
done
sql -d publisher -c "INSERT INTO events SELECT i, timestamptz '2026-01-05+00' + i * interval '1 hour', i FROM generate_series(1, 1000) i" \
    -c "INSERT INTO plain SELECT i, timestamptz '2026-01-05+00' + i * interval '1 hour' FROM generate_series(1, 10) i" \
    -c "CREATE PUBLICATION everything FOR TABLE events, plain"
sql -d publisher -c "SELECT pg_create_logical_replication_slot('everything', 'pgoutput')" >/dev/null
sql -d subscriber -c "CREATE EXTENSION pg_tally" -c "
    SELECT tally.create_rollup('hours', 'events', 'at', measures => '{\"n\": \"count(*)\", \"total\": \"sum(ms)\"}', with_data => true),
           tally.create_rollup('days', 'plain', 'at', '1 day', measures => '{\"n\": \"count(*)\"}', with_data => true)" >/dev/null
# In one cluster the subscription cannot make its slot itself: it would wait for its own transaction.
sql -d subscriber -c "CREATE SUBSCRIPTION everything CONNECTION 'host=$SERVER_SOCKET port=$SERVER_PORT user=postgres dbname=publisher'
    PUBLICATION everything WITH (create_slot = false, slot_name = everything)"

# Waits until the subscriber has all that the publisher has committed.
caught_up() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        [ "$(sql -d publisher -c "TABLE events ORDER BY 1, 2" -c "TABLE plain ORDER BY 1")" != \
            "$(sql -d subscriber -c "TABLE events ORDER BY 1, 2" -c "TABLE plain ORDER BY 1")" ] || return 0
        sleep 0.1
    done
    diag <"$SERVER_LOG"
}

# What live views and, after a refresh, stored rows differ in from the definitions.
differences() {
    local suffix
    for suffix in _live ""; do
        [ -n "$suffix" ] || sql -d subscriber -c "SELECT tally.refresh()" >/dev/null
        sql -d subscriber -c "
            WITH hand AS (SELECT date_trunc('hour', at, 'UTC'), count(*), sum(ms) FROM events GROUP BY 1),
                hand_days AS (SELECT date_trunc('day', at, 'UTC'), count(*) FROM plain GROUP BY 1),
                 ours AS (SELECT bucket, n, total FROM hours$suffix), our_days AS (SELECT bucket, n FROM days$suffix)
            SELECT 'hours$suffix', x::text FROM ((TABLE hand EXCEPT TABLE ours) UNION ALL (TABLE ours EXCEPT TABLE hand)) x
            UNION ALL SELECT 'days$suffix', x::text FROM ((TABLE hand_days EXCEPT TABLE our_days) UNION ALL (TABLE our_days EXCEPT TABLE hand_days)) x"
    done
}

caught_up
is "$(sql -d subscriber -c "SELECT count(*) FROM events")" 1000 "the first contents are copied"
is "$(differences)" "" "and counted"
sql -d publisher -c "INSERT INTO events VALUES (2001, '2026-01-02 05:05+00', 1), (2002, '2026-02-20 05:05+00', 1)" \
    -c "UPDATE events SET at = '2026-02-03 07:07+00' WHERE id = 5" -c "UPDATE events SET ms = ms + 1 WHERE id BETWEEN 10 AND 12" \
    -c "DELETE FROM events WHERE id BETWEEN 100 AND 130" -c "DELETE FROM plain WHERE id = 3" -c "UPDATE plain SET at = at + interval '5 days' WHERE id = 4"
caught_up
is "$(differences)" "" "inserted, updated, moved between partitions, deleted"
sql -d publisher -c "TRUNCATE plain" -c "INSERT INTO plain VALUES (1, '2026-03-01+00')"
caught_up
is "$(differences)" "" "truncated"
sql -d publisher -c "TRUNCATE events_1"
sql -d publisher -c "INSERT INTO events VALUES (3001, '2026-01-02 05:05+00', 1)"
caught_up
is "$(differences)" "" "a partition truncated"
is "$(sql -d subscriber -c "SELECT count(*) > 0 FROM tally.runs WHERE inserted + updated + deleted > 0")" t "it was the rollups that followed"
sql -d subscriber -c "ALTER SUBSCRIPTION everything DISABLE" -c "ALTER SUBSCRIPTION everything SET (slot_name = NONE)" -c "DROP SUBSCRIPTION everything"
done_testing
