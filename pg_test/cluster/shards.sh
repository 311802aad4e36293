#!/usr/bin/env bash
# Owns the promises of cluster rollups on the distributed tables of Citus, without Citus: its lists are tables here, shards are tables at two nodes, and a move
# is a copy and a change of the lists, each of them at its own moment. Whatever moves, the live view and the table equal plain SQL, or a question is an error.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh
# shellcheck source=pg_test/cluster/servers.bash
. pg_test/cluster/servers.bash

trap remove_servers EXIT
start_servers
same="0 surplus, 0 missing"
all="coordinator node1 node2"
refused() { # NAME PATTERN SERVER STATEMENT…: the last statement fails with words that match.
    local said
    said=$(on "$3" -v VERBOSITY=verbose "${@:4}" || :)
    if [[ $said =~ $2 ]]; then ok "$1"; else
        not_ok "$1"
        printf '%s\n' "expected: $2" "$said" | diag
    fi
}

# Citus's lists, as far as they are read, with the same rows at all servers.
hosts=""
for node in node1 node2; do
    at $node
    hosts="$hosts, ('$SERVER_SOCKET', $SERVER_PORT, ${node#node})"
done
number=0
for server in $all; do
    on "$server" >/dev/null <<SQL
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char" DEFAULT 'h', colocationid int DEFAULT 3, repmodel "char" DEFAULT 's');
CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE TABLE pg_catalog.pg_dist_placement (shardid bigint, shardstate int DEFAULT 1, groupid int);
CREATE TABLE pg_catalog.pg_dist_node (nodename text, nodeport int, groupid int, noderole text DEFAULT 'primary');
CREATE TABLE pg_catalog.pg_dist_local_group (groupid int);
CREATE FUNCTION pg_catalog.shard_name(relation regclass, shard bigint) RETURNS text LANGUAGE sql STABLE AS 'SELECT format(''%s_%s'', relation, shard)';
RESET allow_system_table_mods;
CREATE TABLE IF NOT EXISTS events (at timestamptz NOT NULL, kind text, v int, id int);
ALTER TABLE events ADD COLUMN spare text;
INSERT INTO pg_dist_local_group VALUES ($number);
INSERT INTO pg_dist_node VALUES ${hosts#, };
INSERT INTO pg_dist_partition (logicalrelid) VALUES ('events');
INSERT INTO pg_dist_shard VALUES ('events', 101), ('events', 102), ('events', 103), ('events', 104);
INSERT INTO pg_dist_placement (shardid, groupid) VALUES (101, 1), (102, 2), (103, 1), (104, 2);
SQL
    number=$((number + 1))
done
on coordinator -c "ALTER FOREIGN TABLE plain.events_node1 OPTIONS (SET table_name 'here')" \
    -c "ALTER FOREIGN TABLE plain.events_node2 OPTIONS (SET table_name 'here')"
shard() { # NODE SHARD: an empty shard
    on "$1" -c "CREATE TABLE events_$2 (LIKE events INCLUDING ALL)"
}
# Plain SQL reads the shards that lie at a node now, and no copy that a move has left.
plain() { # NODE SHARD…
    on "$1" -c "CREATE OR REPLACE VIEW here AS SELECT at, kind, v, id FROM events WHERE false $(printf ' UNION ALL SELECT at, kind, v, id
        FROM events_%s' "${@:2}")"
}
fill() { # NODE SHARD
    on "$1" -c "INSERT INTO events_$2 SELECT timestamptz '2026-01-01Z' + i * interval '7 minutes', CASE WHEN i % 5 > 0 THEN 'k' || i % 3 END, i % 50,
        i FROM generate_series($2, 2000, 4) i"
}
copy_shard() { # SHARD FROM TO
    shard "$3" "$1"
    on "$2" -c "COPY events_$1 TO STDOUT" | on "$3" -c "COPY events_$1 FROM STDIN"
}
lies() { # SHARD GROUP SERVER…: these servers come to know that the shard lies there
    local server
    for server in "${@:3}"; do on "$server" -c "UPDATE pg_dist_placement SET groupid = $2 WHERE shardid = $1"; done
}
refresh() { on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"; }
exact() { # NAME
    is "$(differences by_hour_live)/$(differences by_hour)" "$same/$same" "$1"
}
for i in "node1 101" "node2 102" "node1 103" "node2 104"; do
    # shellcheck disable=SC2086
    shard $i
    # shellcheck disable=SC2086
    fill $i
done
plain node1 101 103
plain node2 102 104

create="SELECT tally.create_cluster_rollup('by_hour', NULL, 'events', 'at', dimensions => '[\"kind\"]', schedule => NULL,
    measures => '{\"n\": \"count(*)\", \"total\": \"sum(v)\", \"most\": \"max(v)\", \"people\": \"tally.hll(v)\"}')"
refused "a rollup of the coordinator is refused with the statement to use" \
    'ERROR: *42809.*HINT: *SELECT tally.create_cluster_rollup\(.by_hour., servers => NULL' coordinator \
    -c "SELECT tally.create_rollup('by_hour', 'events', 'at', measures => '{\"n\": \"count(*)\"}')"
on coordinator -c "CREATE TABLE monthly (at timestamptz NOT NULL, v int) PARTITION BY RANGE (at)" -c "CREATE TABLE march PARTITION OF monthly DEFAULT" \
    -c "INSERT INTO pg_dist_partition (logicalrelid) VALUES ('monthly'), ('march')"
for table in 'monthly a distributed table with partitions' 'march a partition of a distributed table'; do
    refused "and ${table#* }" "ERROR: *0A000.*got ${table#* }.*HINT: *SELECT \* FROM citus_shards" coordinator \
        -c "SELECT tally.create_cluster_rollup('monthly', NULL, '${table%% *}', 'at', measures => '{\"n\": \"count(*)\"}')"
done
on coordinator -c "DELETE FROM pg_dist_partition WHERE logicalrelid <> 'events'::regclass" -c "DROP TABLE monthly"
refused "and so are servers of one's own" 'ERROR: *22023.*must be NULL' coordinator -c "${create/NULL/\'\{node1\}\'}"
on coordinator -c "UPDATE pg_dist_placement SET groupid = 0 WHERE shardid = 104"
refused "and a shard at the coordinator" 'ERROR: *0A000.*shards at the coordinator.*HINT: *SELECT citus_set_node_property' coordinator -c "$create"
lies 104 2 coordinator
on coordinator -c "INSERT INTO pg_dist_placement VALUES (104, 1, 1)"
refused "and a shard at two places" 'ERROR: *0A000.*several nodes each' coordinator -c "$create"
on coordinator -c "DELETE FROM pg_dist_placement WHERE shardid = 104 AND groupid = 1"
lies 101 2 node2
refused "and a worker that knows other places, which makes nothing half" 'ERROR: *55000.*node citus_2.*must lie where' coordinator -c "$create"
is "$(on node1 -c "SELECT count(*) FROM tally.rollups" -c "SELECT count(*) FROM pg_class WHERE relname ~ '^by_hour'" | xargs)" "0 0" "at no node"
lies 101 1 node2

is "$(on coordinator -c "$create")/$(on coordinator -c "$create")" "by_hour/by_hour" "the rollup is made, and again it is the same"
is "$(differences by_hour_live)" "$same" "before the first pull the live view is exact"
refresh
exact "after a refresh"
on node1 -c "UPDATE events_101 SET v = v + 100, at = at + interval '3 days' WHERE id % 97 = 4" -c "ALTER TABLE events_103 DROP COLUMN spare" \
    -c "ALTER TABLE events_103 ADD COLUMN spare text"
on node2 -c "DELETE FROM events_102 WHERE at < '2026-01-02'" -c "TRUNCATE events_104"
is "$(differences by_hour_live)" "$same" "what is written to a shard is in the live view at once; a column that is not used may go"
refresh
exact "and after a refresh in the table"
on coordinator -c "SELECT tally.create_metric('total', 'by_hour', 'total::float8')" >/dev/null
metric="SELECT sum(value) FROM tally.timeseries('total', since => '2026-01-01', until => '2026-02-01', bucket => '1 day')"
total=$(on coordinator -c "SELECT sum(v) FROM plain.events")
is "$(on coordinator -c "$metric")" "$total" "a metric stands on it"

# A shard is moved. The copy that it leaves stays for a while, and each server comes to know of the move at another moment.
copy_shard 101 node1 node2
is "$(on coordinator -c "$metric")" "$total" "while a shard is being copied nothing changes"
for knows in coordinator node1 node2; do
    lies 101 2 $knows
    refused "once $knows knows that a shard was moved, the live view is an error" 'ERROR: *55000.*shards of public.events must lie where' coordinator \
        -c "SELECT sum(total) FROM by_hour_live"
    refused "and so is a metric" 'ERROR: *55000.*shards of public.events must lie where' coordinator -c "$metric"
    lies 101 1 $knows
done
is "$(on coordinator -c "$metric")" "$total" "and where it did not come to that, all is as it was"
lies 101 2 coordinator node1 node2
on node2 -c "INSERT INTO events_101 VALUES ('2026-01-05 12:00Z', 'k1', 7, 0)"
plain node1 103
plain node2 102 104 101
is "$(on coordinator -c "SELECT state, message, hint FROM tally.status WHERE rollup = 'by_hour'")" \
    "error|shards of public.events were moved, split or made since the last refresh|SELECT * FROM tally.refresh('by_hour');" "status finds it"
at node1
stop_server
refresh
is "$(on coordinator -c "SELECT sum(total) FROM by_hour" -c "SELECT state FROM tally.status WHERE rollup = 'by_hour'" | xargs)" "$total error" \
    "while one worker is away a refresh takes no shard from the other: the table stands as it was"
at node1
start_server
refresh
exact "a refresh follows the move: the old copy is not counted, nor is a row lost"
is "$(on coordinator -c "SELECT state FROM tally.status WHERE rollup = 'by_hour'")/$(on coordinator -c "$metric")" "fresh/$((total + 7))" "and all is well"
on node1 -c "INSERT INTO events_101 VALUES ('2026-01-05 12:00Z', 'k1', 1000, 0)"
exact "what is written to the old copy counts nowhere"
on node1 -c "DROP TABLE events_101"
refresh
exact "nor does it matter that it goes"

# A shard is split.
shard node1 105
shard node2 106
on node1 -c "INSERT INTO events_105 (at, kind, v, id) SELECT at, kind, v, id FROM events_103 WHERE id % 8 < 4"
on node1 -c "COPY (SELECT at, kind, v, id, spare FROM events_103 WHERE id % 8 >= 4) TO STDOUT" | on node2 -c "COPY events_106 FROM STDIN"
for server in $all; do
    on "$server" -c "BEGIN" -c "DELETE FROM pg_dist_shard WHERE shardid = 103" -c "DELETE FROM pg_dist_placement WHERE shardid = 103" \
        -c "INSERT INTO pg_dist_shard VALUES ('events', 105), ('events', 106)" -c "INSERT INTO pg_dist_placement (shardid, groupid) VALUES (105, 1), (106, 2)" \
        -c "COMMIT" >/dev/null
done
plain node1 105
plain node2 102 104 101 106
refused "a shard that was split is an error" 'ERROR: *55000' coordinator -c "SELECT sum(total) FROM by_hour_live"
refresh
exact "until a refresh"
on node1 -c "ALTER TABLE events_105 NO INHERIT by_hour_shards"
refused "a shard that somebody takes out is an error" 'ERROR: *55000.*1 shards here, 0 in the rollup' coordinator -c "SELECT sum(total) FROM by_hour_live"
is "$(on coordinator -c "SELECT node, substr(error, 1, 6) FROM tally.pull('by_hour')" | xargs)" "citus_1|55000: citus_2|" "for a pull too"
on coordinator -c "$create" >/dev/null
refresh
exact "made again it is in it"

# A worker loses its last shard, and gets one again.
copy_shard 105 node1 node2
lies 105 2 $all
plain node1 105
on node1 -c "CREATE OR REPLACE VIEW here AS SELECT at, kind, v, id FROM events WHERE false"
plain node2 102 104 101 106 105
refresh
exact "a worker without shards is no node any more"
is "$(on coordinator -c "SELECT string_agg(node, ' ') FROM tally.cluster_nodes")/$(on node1 -c "SELECT count(*) FROM tally.rollups")" "citus_2/0" \
    "and keeps no rollup"
# A transaction of the coordinator reads a node as it was when it first did, and finds tables there as they are.
for i in 1 2; do
    on coordinator -c "CREATE FOREIGN TABLE plain.other$i (nspname name) SERVER citus_$i OPTIONS (schema_name 'pg_catalog', table_name 'pg_namespace')"
done
coproc old { on coordinator 2>&1; }
echo "BEGIN; SELECT count(*) > 0 FROM plain.other1, plain.other2;" >&"${old[1]}"
read -r said <&"${old[0]}"
is "$said" t "a transaction begins before a move"
copy_shard 102 node2 node1
lies 102 1 $all
plain node1 102
plain node2 104 101 106 105
refresh
exact "with its first shard it is one again"
echo "SELECT sum(total) FROM by_hour_live;" >&"${old[1]}"
read -r said <&"${old[0]}"
[[ $said =~ "must lie where" ]] && ok "and for that transaction it is an error" || is "$said" "an error" "and for that transaction it is an error"
eval "exec ${old[1]}>&-"
wait
on node1 -c "INSERT INTO events_102 VALUES ('2026-01-06 12:00Z', 'k1', 9, 0)"
is "$(differences by_hour_live)" "$same" "and its writes count"

is "$(on coordinator -c "SELECT statement ~ 'servers => NULL' FROM tally.definitions() WHERE kind = 'cluster rollup'")" t "definitions() names no server"
rows=$(on coordinator -c "SELECT count(*) FROM plain.events")
is "$(on coordinator -c "SELECT tally.drop_cluster_rollup('by_hour', at_nodes => true, \"cascade\" => true)" || :)" "" "it is dropped, at the workers too"
is "$(for node in node1 node2; do on $node -c "SELECT count(*) FROM pg_class WHERE relname ~ '^by_hour'" -c "SELECT count(*) FROM pg_trigger
    WHERE tgname ~ '^tally_'"; done | xargs)/$(on coordinator -c "SELECT count(*) FROM plain.events")" "0 0 0 0/$rows" \
    "nothing is left, and the shards have all their rows"
done_testing
