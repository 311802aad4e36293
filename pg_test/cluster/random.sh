#!/usr/bin/env bash
# Owns one promise: whatever happens to writers, pulls, nodes and the coordinator at random moments, each round ends with the live view and the refreshed
# table equal to plain SQL over all nodes' events. While writers move amounts between buckets, no reader ever sees a sum that is not the true one.
#
#   ROUNDS=6 SEED=… pg_test/cluster/random.sh

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh
# shellcheck source=pg_test/cluster/servers.bash
. pg_test/cluster/servers.bash

RANDOM=${SEED:-$$}
echo "# SEED=${SEED:-$$}"
trap remove_servers EXIT
start_servers
work=$(mktemp -d)
same="0 surplus, 0 missing"
for node in node1 node2; do
    on $node -c "INSERT INTO events SELECT timestamptz '2026-01-01Z' + i * interval '1 hour', 'k' || i % 3, 1000, i FROM generate_series(1, 200) i" \
        -f pg_test/cluster/churn.sql
done
make_rollup >/dev/null
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"

writers() { # SECONDS: two writers at each node, until killed or done
    local node
    for node in node1 node1 node2 node2; do
        on $node -c "CALL churn($1)" >/dev/null 2>&1 &
    done
}
# Pulls and refreshes until the file is gone; sums that a reader of the live view saw meanwhile go to the file sums. (A rollup's table, here as everywhere, is
# exact bucket by bucket: a refresh may see a transaction in one bucket whose mark on another waits for the next run.)
pulls() {
    while [ -e "$work/go" ]; do
        on coordinator -c "SELECT * FROM tally.refresh('by_hour')" >/dev/null 2>&1 || :
        on coordinator -c "SELECT 'live', sum(total) FROM by_hour_live" >>"$work/sums" 2>/dev/null || :
    done
}
killer() { # Ends backends that pull, at the coordinator and at the nodes.
    local server
    while [ -e "$work/go" ]; do
        sleep "0.$((RANDOM % 8 + 1))"
        for server in coordinator "node$((RANDOM % 2 + 1))"; do
            on "$server" -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'tally.refresh|_feed_' AND pid <> pg_backend_pid()
                AND random() < 0.5 LIMIT 1" >/dev/null 2>&1 || :
        done
    done
}
disturb() { # KIND
    local node=node$((RANDOM % 2 + 1))
    case $1 in
        "a node crashes") at $node; kill_server; sleep 0.3; start_server ;;
        "the coordinator crashes") at coordinator; kill_server; start_server ;;
        "a node is away for a while") at $node; stop_server; sleep 1; start_server ;;
        "TRUNCATE at a node")
            on $node >/dev/null -c "BEGIN" -c "CREATE TEMP TABLE kept AS SELECT * FROM events WHERE id < 1000" -c "TRUNCATE events" \
                -c "INSERT INTO events TABLE kept" -c "COMMIT" ;;
        "DDL at a node")
            # In one transaction, which no writer gets into: what others write while the triggers are off is exact only when they are on again.
            on $node >/dev/null -c "BEGIN" -c "ALTER TABLE events DISABLE TRIGGER ALL" -c "UPDATE events SET kind = 'off' WHERE id % 7 = 0" \
                -c "ALTER TABLE events ENABLE TRIGGER ALL" -c "COMMIT" ;;
        "two-phase commits")
            on $node >/dev/null -c "BEGIN" -c "INSERT INTO events VALUES ('2026-01-03 12:00Z', 'late', 0, 1000)" -c "PREPARE TRANSACTION 'w$RANDOM'"
            on coordinator >/dev/null 2>&1 -c "BEGIN" -c "SELECT * FROM tally.refresh('by_hour')" -c "PREPARE TRANSACTION 'p$RANDOM'" || :
            sleep 0.5
            at coordinator
            kill_server
            start_server ;;
    esac
}

kinds=("a node crashes" "the coordinator crashes" "a node is away for a while" "TRUNCATE at a node" "DDL at a node" "two-phase commits")
for ((round = 0; round < ${ROUNDS:-6}; round++)); do
    kind=${kinds[$((round % 6))]}
    : >"$work/go"
    : >"$work/sums"
    writers 4
    pulls &
    killer &
    sleep "1.$((RANDOM % 9))"
    disturb "$kind"
    sleep 1
    rm "$work/go"
    wait
    for server in node1 node2 coordinator; do
        on "$server" -c "SELECT format('COMMIT PREPARED %L', gid) FROM pg_prepared_xacts" | while read -r statement; do on "$server" \
            -c "$statement" </dev/null; done
    done
    is "$(differences by_hour_live)" "$same" "round $round, $kind: the live view"
    on coordinator -c "SELECT * FROM tally.refresh('by_hour')" >/dev/null || :
    is "$(differences by_hour)" "$same" "round $round, $kind: the table after a refresh"
    # TRUNCATE is not MVCC-safe (PostgreSQL's manual, 13.6): a reader whose snapshot is older finds the table empty, with a rollup or without.
    if [ "$kind" != "TRUNCATE at a node" ]; then
        is "$(grep '^live' "$work/sums" | grep -v '^live|400000$' | sort | uniq -c | head -5)" "" "round $round, $kind: no reader saw a sum that never was"
    fi
    # A reader that saw nothing proves nothing.
    [ "$(grep -c '^live' "$work/sums")" -gt 0 ] && ok "round $round: there were readers" || not_ok "round $round: there were readers"
    on coordinator -c "SELECT * FROM tally.pull('by_hour')" >/dev/null
    is "$(on node1 -c "SELECT count(*) FROM tally.feed_marks")$(on node2 -c "SELECT count(*) FROM tally.feed_marks")" 00 \
        "round $round, $kind: no mark is left at a node"
done
rm -r "$work"
done_testing
