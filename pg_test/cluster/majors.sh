#!/usr/bin/env bash
# Owns the promise that nodes may have another major version of PostgreSQL than the coordinator: the second node is a server in the bare root that
# scripts/matrix.sh makes for that version, with other settings besides. `make test-cluster-majors` runs it; `make test` says that it is skipped.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh
# shellcheck source=scripts/lib/root.sh
. scripts/lib/root.sh
# shellcheck source=pg_test/cluster/servers.bash
. pg_test/cluster/servers.bash

[ -n "${MAJORS:-}" ] || skip_all "a second version of PostgreSQL takes a root of its own: make test-cluster-majors"
[ -n "${ROOT_SUITES[$MAJORS]:-}" ] && [ "$MAJORS" != "$PG_MAJOR" ] || die "no Debian release has PostgreSQL $MAJORS beside $PG_MAJOR." "MAJORS=17"
[ "$(id -u)" -ne 0 ] || scripts/setup.sh roots
reason=$(roots_possible) || skip_all "$reason"

elsewhere=node2
# The two users named postgres have two numbers. So the socket is open to all who know its folder, whose name nobody can guess.
elsewhere_socket=$(mktemp -d /tmp/pg_tally.XXXXXXXXXX)
chmod 1733 "$elsewhere_socket"
log=$(mktemp)
end() {
    rm -f "$elsewhere_socket/wanted"
    wait
    remove_servers
    rm -rf "$elsewhere_socket" "$log"
}
trap end EXIT

root_of_version "$MAJORS"
ROOT_BIND+=("$elsewhere_socket")
touch "$elsewhere_socket/wanted"
# The server lives as long as somebody wants it, and what is left of it ends with the root's namespace.
# shellcheck disable=SC2016  # expanded by the inner shell
root_run "$VERSION_ROOT" PG_MAJOR="$MAJORS" PROFILE="${PROFILE:-release}" FOLDER="$elsewhere_socket" bash -euc '
    export PATH="$CARGO_HOME/bin:$PATH"
    cd /srv/pg_tally
    . scripts/lib/common.sh
    . scripts/lib/server.sh
    scripts/setup.sh
    use_server majors
    remove_server
    run_server majors "$PROFILE" app "fsync = off" "shared_buffers = 64MB" "max_prepared_transactions = 20" "unix_socket_permissions = 0777" \
        "unix_socket_directories = '\''\"$SERVER_DIR\", \"$FOLDER\"'\''" "timezone = '\''America/New_York'\''" "extra_float_digits = 0" \
        "bytea_output = '\''escape'\''" "intervalstyle = '\''iso_8601'\''" "datestyle = '\''SQL, DMY'\''"
    touch "$FOLDER/there"
    while [ -e "$FOLDER/wanted" ]; do sleep 0.5; done
    remove_server' >"$log" 2>&1 </dev/null &
inside=$!
until [ -e "$elsewhere_socket/there" ]; do
    kill -0 "$inside" 2>/dev/null || { tail -n 20 "$log" | diag; die "PostgreSQL $MAJORS does not start in its root."; }
    sleep 0.5
done

start_servers
same="0 surplus, 0 missing"
is "$(for server in node1 node2 coordinator; do on $server -c "SELECT current_setting('server_version_num')::int / 10000"; done | xargs)" \
    "$PG_MAJOR $MAJORS $PG_MAJOR" "the nodes have two major versions"
for node in node1 node2; do
    on $node -c "INSERT INTO events SELECT timestamptz '2026-03-20Z' + i * interval '7 minutes', CASE WHEN i % 5 > 0 THEN 'k' || i % 3 END, i % 50,
        i FROM generate_series(1, 3000) i"
done
is "$(make_rollup)" by_hour "the rollup is made"
is "$(differences by_hour_live)" "$same" "before the first pull the live view is exact"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)" "$same" "refreshed, the table too"

# Every kind of state travels: by the pull as text, and to a question in its binary form.
is "$(on coordinator -c "SELECT tally.create_cluster_rollup('by_day', '{node1,node2}', 'events', 'at', bucket => '1 day', zone => 'Europe/Berlin',
    dimensions => '[\"kind\"]', schedule => NULL, measures => '{\"n\": \"count(*)\", \"people\": \"tally.hll(id)\", \"spread\": \"tally.tdigest(v)\",
    \"mean\": \"tally.stats(v)\", \"top\": \"tally.topk(kind)\", \"newest\": \"max(at)\", \"share\": \"sum(v / 7.0::float8)\",
    \"open\": \"tally.ohlc(v, at)\"}')")" by_day "one by day with every kind of sketch too"
on coordinator >/dev/null -c "SELECT tally.create_metric('people', 'by_day', 'tally.distinct_count(people)')"
on coordinator <<'SQL'
CREATE VIEW plain.days AS
SELECT date_trunc('day', at, 'Europe/Berlin') AS bucket, COALESCE(kind, '(none)') AS kind, count(*) AS n, count(DISTINCT id) AS people, count(v) AS measured,
    round(avg(v), 9) AS mean, count(kind) AS named, max(at) AS newest, round(sum(v / 7.0::float8)::numeric, 9) AS share, max(v) AS high
FROM plain.events GROUP BY 1, 2;
SQL
days() { # RELATION: as bags, how it differs from plain SQL over both nodes
    on coordinator -c "WITH got AS MATERIALIZED (SELECT bucket, kind, n, tally.distinct_count(people), tally.count(spread)::bigint,
        round(tally.mean(mean)::numeric, 9), COALESCE(tally.count(top), 0)::bigint, newest, round(share::numeric, 9), tally.high(open)::int FROM $1)
        SELECT (SELECT count(*) FROM (TABLE got EXCEPT ALL TABLE plain.days) x) || ' surplus, '
            || (SELECT count(*) FROM (TABLE plain.days EXCEPT ALL TABLE got) x) || ' missing'"
}
question() { # METRIC EXPECTED NAME: by day, each node merges its own
    is "$(on coordinator -c "SET timezone = 'UTC'; SELECT bucket, labels ->> 'kind', value FROM tally.timeseries('$1', since => '2026-03-19 23:00Z',
        until => '2026-04-09 22:00Z', bucket => '1 day', by => '{kind}') WHERE value IS NOT NULL ORDER BY 1, 2")" \
        "$(on coordinator -c "SET timezone = 'UTC'; SELECT date_trunc('day', at, 'Europe/Berlin'), COALESCE(kind, '(none)'), $2 FROM plain.events
        WHERE at >= '2026-03-19 23:00Z' AND at < '2026-04-09 22:00Z' GROUP BY 1, 2 ORDER BY 1, 2")" "$3"
}
is "$(days by_day_live)" "$same" "live it is that of plain SQL, over the night when clocks go forward"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_day')"
is "$(days by_day)" "$same" "and so it is after a pull"
question people "count(DISTINCT id)" "people by day and kind, merged by each node"
on node2 -c "UPDATE events SET v = v + 13, at = at + interval '31 hours' WHERE id % 97 = 0" -c "DELETE FROM events WHERE id % 91 = 0"
on node1 -c "INSERT INTO events VALUES ('2026-03-29 00:30Z', 'k1', 77, 9001), ('2026-03-29 01:30Z', 'k1', 78, 9002)"
is "$(differences by_hour_live)/$(days by_day_live)" "$same/$same" "after writes at both, the live views at once"
question people "count(DISTINCT id)" "and people"
on node2 -c "BEGIN" -c "INSERT INTO events VALUES ('2026-03-25 12:00Z', 'k2', 5, 9003)" -c "PREPARE TRANSACTION 'late'"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh()"
is "$(differences by_hour)/$(days by_day)" "$same/$same" "and the tables after a refresh"
on node2 -c "COMMIT PREPARED 'late'"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh()"
is "$(differences by_hour)/$(days by_day)" "$same/$same" "what was prepared at a node comes when it commits"
on node2 -c "TRUNCATE events"
is "$(differences by_hour_live)/$(days by_day_live)" "$same/$same" "TRUNCATE at the other version"
is "$(on coordinator -c "SELECT tally.drop_cluster_rollup('by_hour', at_nodes => true)" -c "SELECT tally.drop_cluster_rollup('by_day', at_nodes => true,
    \"cascade\" => true)" || :)$(on node2 -c "SELECT count(*) FROM tally.rollups" -c "SELECT count(*) FROM tally.feed_marks" | xargs)" "0 0" \
    "dropped, nothing is left at the other version"
done_testing
