#!/usr/bin/env bash
# Owns one guarantee: an aggregate that is cancelled, times out or runs out of memory ends its statement and nothing else. The
# same backend goes on, its next answer is right, and nothing is leaked. Has a server of its own.
#
# Memory is taken away by an address-space limit on the backend (prlimit): there malloc fails, as it does under a cgroup without
# overcommit, and Rust's own allocations would end the process with SIGABRT, and PostgreSQL all others with it.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server safety
remove_server
run_server safety "${PROFILE:-release}" safety "fsync = off" "shared_buffers = 64MB" "max_connections = 20" "log_min_messages = warning"
trap remove_server EXIT
export PGOPTIONS='-c client_min_messages=warning -c max_parallel_workers_per_gather=0 -c jit=off -c work_mem=1GB'
# One session: VERBOSITY sqlstate prints an error as its code alone.
session() { server_psql -d safety -AtqX -v VERBOSITY=sqlstate 2>&1; }
echo "CREATE EXTENSION pg_tally" | session

# What each aggregate is asked, over n rows in one group or in many.
declare -A one=(
    [tdigest]="round(tally.percentile(tally.tdigest(i), 1))"
    [hll]="tally.distinct_count(tally.hll(i % 500))"
    [stats]="tally.count(tally.stats(i, -i))"
    [topk]="tally.count(tally.topk((i % 900)::text))"
    [totals]="tally.total(tally.jsonb_totals(jsonb_build_object('a', 1, 'b', i)), 'a')"
    [funnel]="tally.window_funnel('1 day', 'epoch'::timestamptz + i * interval '1 s', i % 2 = 0, i % 2 = 1)"
    [funnel_path]="cardinality(tally.funnel_path('1 day', 'epoch'::timestamptz - i * interval '1 s', i % 2 = 0, i % 2 = 1))"
    [any_order]="tally.window_funnel('1 hour', 'epoch'::timestamptz - i * interval '1 s', CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END,
        '{a,b}'::text[], 'any_order')"
    [retention]="cardinality(tally.retention(array_agg('epoch'::timestamptz + i * interval '1 s'), 
        array_agg('epoch'::timestamptz + i * interval '1 s'), '1 day', 3))"
    [next_event_path]="cardinality(tally.next_event_path(array_agg('epoch'::timestamptz + i * interval '1 s'), array_agg('e' || i), 'e1', 3))"
    [funnel_counts]="(tally.reached(tally.funnel_counts(i % 3)))[1]"
    [sequence]="tally.sequence_count(tally.sequence_events('epoch'::timestamptz - i * interval '1 s', i % 2 = 0, i % 2 = 1), '(?1)(?2)')"
    [times]="cardinality(tally_internal._times('epoch'::timestamptz - i * interval '1 s'))"
    [counter]="round(tally.increase(tally.counter(i, 'epoch'::timestamptz - i * interval '1 s')))"
    [state_time]="tally.count(tally.state_time((i % 5)::text, 'epoch'::timestamptz - i * interval '1 s'))"
    [last]="tally.value(tally.last(i, 'epoch'::timestamptz + i * interval '1 s'))"
    [retention_counts]="jsonb_array_length(tally.retention_counts(ARRAY[i % 2 = 0, NULL])::jsonb)"
)
# Only the server's own user may limit its processes.
limit="prlimit"
[ "$(id -u)" -ne 0 ] || limit="setpriv --reuid=postgres --regid=postgres --init-groups -- prlimit"

alive() { echo "SELECT pid = pg_backend_pid() AND tally.approx_distinct(i % 7) = 7 FROM generate_series(1, 100) i, before GROUP BY pid;"; }

for name in $(printf '%s\n' "${!one[@]}" | sort); do
    rows=300000
    many="SELECT count(*) FROM (SELECT i % 100000, ${one[$name]} FROM generate_series(1, 200000) i GROUP BY 1) q"
    right=$(echo "SELECT ${one[$name]} FROM generate_series(1, $rows) i;" | session)
    # From too little for anything to enough for all: each answer is the right one or 53200, of the same backend.
    answers=$(
        {
            echo "CREATE TEMP TABLE before AS SELECT pg_backend_pid() AS pid;"
            # Loaded and warm, so that the limit meets the aggregate.
            alive
            echo "SELECT pg_backend_pid() AS pid \\gset"
            echo "\\setenv BACKEND :pid"
            for mb in 1 4 7 10 16 22 28 40 64 100 160; do
                echo "\\! $limit --pid \$BACKEND --as=\$((\$(awk '/^VmSize/ { print \$2 * 1024 }' /proc/\$BACKEND/status) + $mb * 1048576)):unlimited"
                echo "SELECT ${one[$name]} FROM generate_series(1, $rows) i;"
                [ $((mb % 3)) -ne 1 ] || echo "$many;"
                echo "\\! $limit --pid \$BACKEND --as=unlimited:unlimited"
            done
            alive
        } | session
    )
    wrong=$(grep -vxE "t|ERROR:  53200|$right|100000" <<<"$answers" || :)
    is "$wrong" "" "$name: every answer is right, or out of memory"
    is "$(tail -n 1 <<<"$answers")" "t" "$name: the same backend goes on"
done

# Cancelled and timed out in the middle, forty times; what the process holds does not grow by what thirty states
# would be: how far a statement comes in its time varies, and malloc keeps what its longest one needed.
for name in $(printf '%s\n' "${!one[@]}" | sort); do
    held=$(
        {
            echo "CREATE TEMP TABLE before AS SELECT pg_backend_pid() AS pid;"
            echo "SELECT pg_backend_pid() AS pid \\gset"
            echo "\\setenv BACKEND :pid"
            for run in $(seq 40); do
                echo "SET statement_timeout = 60; SELECT ${one[$name]} FROM generate_series(1, 100000000) i; RESET statement_timeout;"
                [ "$run" != 10 ] || echo "\\! awk '/^VmData/ { print \"held\", \$2 }' /proc/\$BACKEND/status"
            done
            echo "\\! awk '/^VmData/ { print \"held\", \$2 }' /proc/\$BACKEND/status"
            alive
        } | session
    )
    is "$(grep -c 'ERROR:  57014' <<<"$held")" "40" "$name: timed out forty times"
    is "$(tail -n 1 <<<"$held")" "t" "$name: the same backend goes on after its timeouts"
    growth=$(awk '$1 == "held" { if (first == "") first = $2; last = $2 } END { print last - first }' <<<"$held")
    if [ "$growth" -lt 24576 ]; then ok "$name: nothing is leaked by thirty timeouts ($growth kB)"; else not_ok \
        "$name: $growth kB more after thirty timeouts"; fi
done

# A long search of one actor's events hears a cancel: any order, where each event meets several steps.
for options in any_order "exclude 1-2" reuse; do
    started=$(date +%s%N)
    answer=$(echo "SET statement_timeout = 700; SELECT tally.window_funnel('1000 days', 'epoch'::timestamptz + i * interval '1 s', CASE i % 3 WHEN 0 THEN 'a'
        WHEN 1 THEN 'b' ELSE 'c' END, '{a,b,x,a}'::text[], '$options') FROM generate_series(1, 300000) i;" | session)
    took=$((($(date +%s%N) - started) / 1000000))
    if [ "$took" -lt 5000 ]; then ok "$options: ended after $took ms with '$answer'"; else not_ok "$options: heard no timeout for $took ms"; fi
done

# SIGINT to the backend itself, as kill -INT and pg_cancel_backend send it.
for name in tdigest hll topk totals funnel; do
    echo "SELECT 'cancelled ' || ${one[$name]} FROM generate_series(1, 500000000) i;" | session >"$SERVER_DIR/cancelled" &
    client=$!
    for _ in $(seq 100); do
        pid=$(echo "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT ''cancelled%' AND pid <> pg_backend_pid()" | session)
        [ -z "$pid" ] || break
        sleep 0.05
    done
    sleep 0.2
    as_server kill -INT "$pid"
    wait "$client" || :
    is "$(cat "$SERVER_DIR/cancelled")" "ERROR:  57014" "$name: kill -INT cancels the statement"
done

is "$(grep -cE 'terminated by signal|PANIC' "$SERVER_LOG" || :)" "0" "no process died"
done_testing
