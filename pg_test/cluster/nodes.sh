#!/usr/bin/env bash
# Owns the promises of cluster rollups on plain PostgreSQL with two nodes: the live view equals plain SQL over all nodes' events now, and the table as of the
# last pull; a node that does not answer is an error and an incident, never zero; whatever fails on either side, nothing is lost; nodes that differ are refused.

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
refused() { # NAME PATTERN SERVER STATEMENT: the statement fails with words that match.
    local said
    said=$(on "$3" -v VERBOSITY=verbose -c "$4" || :)
    if [[ $said =~ $2 ]]; then ok "$1"; else
        not_ok "$1"
        printf '%s\n' "expected: $2" "$said" | diag
    fi
}

for node in node1 node2; do
    on $node -c "INSERT INTO events SELECT timestamptz '2026-01-01Z' + i * interval '7 minutes', CASE WHEN i % 5 > 0 THEN 'k' || i % 3 END, i % 50,
        i FROM generate_series(1, 2000) i"
done

# Bug: a node with another zone in its settings, or another style of intervals, was taken for one that knows other rules or another bucket.
on node2 -c "ALTER DATABASE app SET timezone = 'America/New_York'" -c "ALTER DATABASE app SET intervalstyle = 'iso_8601'" \
    -c "ALTER DATABASE app SET datestyle = 'SQL, DMY'" -c "ALTER DATABASE app SET extra_float_digits = -3" -c "ALTER DATABASE app SET bytea_output = 'escape'"

# Bad input makes nothing half: at the second node a column is missing.
on node2 -c "ALTER TABLE events RENAME v TO w"
refused "what one node cannot make is refused in its words" 'ERROR: *42703.*node node2.*column "v" does not exist' coordinator \
    "SELECT tally.create_cluster_rollup('by_hour', '{node1,node2}', 'events', 'at', measures => '{\"total\": \"sum(v)\"}')"
is "$(on node1 -c "SELECT count(*) FROM tally.rollups")/$(on coordinator \
    -c "SELECT (SELECT count(*) FROM tally.rollups) || '/' || (SELECT count(*) FROM pg_class WHERE relname ~ '^by_hour')")" "0/0/0" \
    "and made at none, nor at the coordinator"
on node2 -c "ALTER TABLE events RENAME w TO v"
refused "a server that is none" "ERROR: *42704.*node9.*HINT: *CREATE SERVER node9" coordinator \
    "SELECT tally.create_cluster_rollup('by_hour', '{node9}', 'events', 'at', measures => '{\"n\": \"count(*)\"}')"
refused "no server" "ERROR: *22023.*at least one node" coordinator \
    "SELECT tally.create_cluster_rollup('by_hour', '{}', 'events', 'at', measures => '{\"n\": \"count(*)\"}')"
# What a node says of itself, as another version would say it.
replaced() { # SERVER FUNCTION WAS BECOMES
    on "$1" -c "CREATE TABLE IF NOT EXISTS kept (f text)" -c "TRUNCATE kept" -c "INSERT INTO kept VALUES (pg_get_functiondef('$2'::regprocedure))" \
        -c "DO \$\$ BEGIN EXECUTE replace((SELECT f FROM kept), \$q\$$3\$q\$, \$q\$$4\$q\$); END \$\$"
}
put_back() { on "$1" -c "DO \$\$ BEGIN EXECUTE (SELECT f FROM kept); END \$\$"; }
replaced node2 "tally_internal._feed_version()" "e.extversion FROM" "'0.9.9' FROM"
refused "a node with another pg_tally" 'ERROR: *0A000.*node node2 must have pg_tally .* got 0.9.9' coordinator \
    "SELECT tally.create_cluster_rollup('by_hour', '{node1,node2}', 'events', 'at', measures => '{\"n\": \"count(*)\"}')"
put_back node2

is "$(make_rollup)" by_hour "the rollup is made, also where a node has other settings"
is "$(make_rollup)" by_hour "and again it is the same"
refused "with another definition it is refused, with the statement to run" "ERROR: *42710.*would change bucket.*HINT: *SELECT tally.drop_cluster_rollup" \
    coordinator "SELECT tally.create_cluster_rollup('by_hour', '{node1,node2}', 'events', 'at', bucket => '2 hours', dimensions => '[\"kind\"]',
    schedule => NULL, measures => '{\"n\": \"count(*)\", \"total\": \"sum(v)\", \"most\": \"max(v)\", \"people\": \"tally.hll(v)\"}')"
refused "it is not dropped alone" "ERROR: *2BP01.*HINT: *SELECT tally.drop_cluster_rollup" coordinator "SELECT tally.drop_rollup('by_hour')"
is "$(differences by_hour_live)" "$same" "before the first pull the live view is exact"
on coordinator -c "SELECT * FROM tally.refresh('by_hour')" >/dev/null
is "$(differences by_hour)" "$same" "refreshed, the table too"
on node1 -c "UPDATE events SET v = v + 1000, at = at + interval '3 days' WHERE id % 97 = 0" -c "INSERT INTO events VALUES ('2024-02-29 12:00Z', 'late', 5, 0)"
on node2 -c "DELETE FROM events WHERE at < '2026-01-02'"
is "$(differences by_hour_live)" "$same" "after writes, the live view at once"
is "$(on coordinator -c "SELECT node, buckets > 0 FROM tally.pull('by_hour')" | xargs)" "node1|t node2|t" "a pull takes what changed"
is "$(on coordinator -c "SELECT sum(buckets), sum(rows) FROM tally.pull('by_hour')")" "0|0" "and the next one nothing"
on coordinator -c "SELECT * FROM tally.refresh('by_hour')" >/dev/null
is "$(differences by_hour)" "$same" "and the table after a refresh"
is "$(on node1 -c "SELECT count(*) FROM tally.feed_marks")" 0 "the marks at the node are deleted once the coordinator has committed"

# What stands on it.
on coordinator >/dev/null <<'SQL'
SET timezone = 'UTC';
SELECT tally.create_metric('total', 'by_hour', 'total::float8');
SELECT tally.create_rollup('by_day', 'by_hour', bucket => '1 day', schedule => NULL);
SELECT tally.create_threshold('much', 'total', '> 1', over => '400 days', partial_ok => true);
SELECT tally.create_board('all', 'All', '[{"title": "Total", "metric": "total"}]');
SELECT tally.refresh();
CREATE VIEW plain.days AS SELECT date_trunc('day', at) AS bucket, sum(v)::float8 AS value FROM plain.events GROUP BY 1;
SQL
on node2 -c "INSERT INTO events VALUES ('2026-01-03 12:00Z', 'k1', 77, 0)"
is "$(on coordinator -c "SET timezone = 'UTC'; SELECT count(*)
    FROM ((SELECT bucket, value FROM tally.timeseries('total', since => '2026-01-01', until => '2026-01-12', bucket => '1 day') EXCEPT ALL TABLE plain.days)
    UNION ALL (SELECT * FROM plain.days WHERE bucket >= '2026-01-01' AND bucket < '2026-01-12' EXCEPT ALL SELECT bucket,
        value FROM tally.timeseries('total', since => '2026-01-01', until => '2026-01-12', bucket => '1 day'))) x")" 0 \
        "a metric by day is exact now, also where a daily rollup stands on it"
is "$(on coordinator -c "SET timezone = 'UTC'; SELECT count(*)
    FROM ((SELECT bucket, sum(total)::float8 FROM by_day_live GROUP BY 1 EXCEPT ALL TABLE plain.days) UNION ALL (TABLE plain.days EXCEPT ALL SELECT bucket,
    sum(total)::float8 FROM by_day_live GROUP BY 1)) x")" 0 "and so is the live view of that"
is "$(on coordinator -c "SELECT tally.page('all') LIKE '%Total%'")" t "a board shows it"
refused "a rollup per key on it is refused" 'ERROR: *0A000.*must be over time' coordinator \
    "SELECT tally.create_rollup('kinds', 'by_hour', key => 'kind', measures => '{\"n\": \"sum(n)\"}')"
is "$(on coordinator -c "SELECT string_agg(kind, ' ' ORDER BY ordinal) FROM tally.definitions()")" "cluster rollup rollup metric threshold threshold board" \
    "definitions() writes it out as one"

# Each node merges what a question asks for, also by days of a zone with 23 and 25 hours, and only for a reader with access of its own to the nodes.
for node in node1 node2; do
    on $node -c "CREATE TABLE visits (at timestamptz NOT NULL, kind text, v int)" \
        -c "INSERT INTO visits SELECT timestamptz '2026-03-27Z' + i * interval '41 minutes', 'k' || i % 3, i % 17 FROM generate_series(1, 400) i" \
        -c "INSERT INTO visits SELECT timestamptz '2026-10-23Z' + i * interval '37 minutes', 'k' || i % 3, i % 13 FROM generate_series(1, 400) i"
done
on coordinator >/dev/null <<'SQL'
SELECT tally.create_cluster_rollup('berlin', '{node1,node2}', 'visits', 'at', dimensions => '["kind"]', zone => 'Europe/Berlin', schedule => NULL,
    measures => '{"v": "sum(v)", "n": "count(*)"}');
SELECT tally.create_metric('visited', 'berlin', 'v::float8', samples => 'n');
SELECT tally.refresh('berlin');
CREATE FOREIGN TABLE plain.visits1 (at timestamptz, kind text, v int) SERVER node1 OPTIONS (schema_name 'public', table_name 'visits');
CREATE FOREIGN TABLE plain.visits2 (at timestamptz, kind text, v int) SERVER node2 OPTIONS (schema_name 'public', table_name 'visits');
CREATE VIEW plain.visits AS TABLE plain.visits1 UNION ALL TABLE plain.visits2;
CREATE ROLE cluster_reader;
GRANT SELECT ON berlin, berlin_live TO cluster_reader;
SQL
on node1 -c "UPDATE visits SET v = v + 1 WHERE v = 3"
for role in postgres cluster_reader; do
    for unit in hour day month; do
        wanted=$(on coordinator -c "SET timezone = 'UTC'; SELECT date_trunc('$unit', at, 'Europe/Berlin'), kind,
            sum(v) FROM plain.visits WHERE kind IN ('k1', 'k2') AND at >= '2026-03-01 00:00+01' AND at < '2026-11-01 00:00+01' GROUP BY 1, 2 ORDER BY 1, 2")
        is "$(on coordinator -c "SET timezone = 'UTC'; SET ROLE $role; SELECT bucket, labels->>'kind',
            value::bigint FROM tally.timeseries('visited', since => '2026-03-01 00:00+01', until => '2026-11-01 00:00+01', bucket => '1 $unit',
            by => '{kind}', \"where\" => '{\"kind\": [\"k1\", \"k2\"]}') ORDER BY 1, 2")" \
            "$wanted" "each $unit in Berlin, as $role"
    done
    is "$(on coordinator -c "SET ROLE $role; SELECT tally.metric_value('visited', since => '2026-03-01 00:00+01', until => '2026-11-01 00:00+01')")" \
        "$(on coordinator -c "SELECT sum(v) FROM plain.visits WHERE at >= '2026-03-01 00:00+01' AND at < '2026-11-01 00:00+01'")" \
        "one value over all of it, as $role"
    is "$(on coordinator -c "SELECT left(tally_internal._answer_source('$role', r, '{v}', '{kind}', '{}', 'calendar day Europe/Berlin', '2026-03-01 00:00+01',
        '2026-05-01 00:00+02'), 8) FROM tally.rollups r WHERE name = 'berlin'")" \
        "$([ $role = postgres ] && echo "(SELECT " || echo public.b)" "and where it is read, as $role"
done
is "$(on coordinator -c "SELECT tally.metric_value('visited', since => '2020-03-01', until => '2020-11-01') IS NULL")" t "a range without rows has no value"
# Bug: the question's own condition on its buckets went down to the rows, and no server can compute it: each node sent all its rows. And where the question
# does not need a column, the nodes were asked one after another.
for rule in 'fixed 86400000000' 'calendar day Europe/Berlin'; do
    is "$(on coordinator -v rule="$rule" <<'SQL' | grep -c 'Async Foreign Scan\|Relations: Aggregate on'
SET timezone = 'UTC';
SELECT replace(replace(tally_internal._series_sql(m, r, tally_internal._answer_source('postgres', r, m.measures || m.samples, '{kind}', '{}', :'rule',
           a.first, a.last), :'rule', '{kind}', '{}'), '$1', quote_literal(a.first) || '::timestamptz'),
           '$2', quote_literal(a.last) || '::timestamptz') AS query
  FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id,
       tally_internal._bucket_start(:'rule', '2026-03-28 12:00Z') first, tally_internal._bucket_start(:'rule', '2026-10-28 12:00Z') last,
       LATERAL (SELECT first, last) a WHERE m.name = 'visited' \gset
EXPLAIN (COSTS off) :query
SQL
)" 4 "bug: both nodes sent every row for days of '$rule', instead of what they merged, and one after another"
done
on coordinator >/dev/null -c "SELECT tally.create_metric('people', 'by_hour', 'tally.distinct_count(people)')"
for unit in hour day month; do
    is "$(on coordinator -c "SET timezone = 'UTC'; SELECT bucket, value::bigint FROM tally.timeseries('people', since => '2026-01-01', until => '2026-02-01',
        bucket => '1 $unit') ORDER BY 1")" "$(on coordinator -c "SET timezone = 'UTC'; SELECT date_trunc('$unit', at), count(DISTINCT v) FROM plain.events
        WHERE at >= '2026-01-01' AND at < '2026-02-01' GROUP BY 1 ORDER BY 1")" "people by $unit: sketches come from the nodes as they are"
done
on coordinator >/dev/null -c "SELECT tally.drop_metric('people')"
on coordinator >/dev/null -c "SELECT tally.drop_cluster_rollup('berlin', at_nodes => true)" -c "DROP ROLE cluster_reader"

# Lost pulls, and crashes between the two commits.
on node1 -c "INSERT INTO events VALUES ('2026-01-04 12:00Z', 'k1', 1, 0)"
on coordinator >/dev/null -c "BEGIN" -c "SELECT * FROM tally.pull('by_hour')" -c "SELECT * FROM tally.pull('by_hour')" -c "ROLLBACK"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)" "$same" "two pulls in a transaction that is undone lose nothing"
on node1 -c "INSERT INTO events VALUES ('2026-01-05 12:00Z', 'k1', 1, 0)"
on coordinator >/dev/null -c "BEGIN" -c "SELECT * FROM tally.refresh('by_hour')" -c "PREPARE TRANSACTION 'pulled'"
on node1 -c "INSERT INTO events VALUES ('2026-01-05 12:10Z', 'k2', 1, 0)" -c "BEGIN" -c "INSERT INTO events VALUES ('2026-01-06 12:10Z', 'k2', 1, 0)" \
    -c "PREPARE TRANSACTION 'written'"
at coordinator
kill_server
start_server
is "$(differences by_hour_live)" "$same" "after a crash of the coordinator with a pull prepared, the live view is exact"
on coordinator -c "COMMIT PREPARED 'pulled'"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)" "$same" "the prepared pull commits, and the next one brings what came meanwhile"
on node1 -c "COMMIT PREPARED 'written'"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)" "$same" "a prepared transaction of a node comes when it commits"
on node2 -c "INSERT INTO events VALUES ('2026-01-07 12:00Z', 'k1', 1, 0)"
on coordinator >/dev/null -c "BEGIN" -c "SELECT * FROM tally.pull('by_hour')" -c "SELECT pg_terminate_backend(pg_backend_pid())" || :
at node2
kill_server
start_server
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)" "$same" "a pull that is killed before its commit, and a node that crashes after it"

# A coordinator, or a node, that goes back in time.
on coordinator -c "CREATE TABLE before AS SELECT * FROM tally.cluster_nodes" -c "CREATE TABLE parts_before AS SELECT * FROM by_hour_parts"
on node2 -c "INSERT INTO events VALUES ('2026-01-08 12:00Z', 'k1', 1, 0)"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')" -c "SELECT * FROM tally.refresh('by_hour')"
on coordinator >/dev/null -c "UPDATE tally.cluster_nodes n SET taken = b.taken, snapshot = b.snapshot, identity = b.identity FROM before b
    WHERE b.node = n.node" -c "TRUNCATE by_hour_parts" -c "INSERT INTO by_hour_parts TABLE parts_before"
is "$(on coordinator -c "SELECT node, COALESCE(buckets::text, 'all') FROM tally.pull('by_hour')" | xargs)" "node1|all node2|all" \
    "a coordinator that was restored pulls all"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)" "$same" "and is exact again"

# A node that does not answer.
at node2
stop_server
on node1 -c "INSERT INTO events VALUES ('2026-01-09 12:00Z', 'k1', 123456, 0)"
refused "while a node is down the live view is an error, not a smaller number" 'ERROR: *08001.*node2' coordinator "SELECT sum(n) FROM by_hour_live"
refused "and so is a metric" 'ERROR: *08001.*node2' coordinator "SELECT * FROM tally.timeseries('total', since => '2026-01-01', until => '2026-01-12')"
is "$(on coordinator -c "SELECT node, error ~ '^08' FROM tally.pull('by_hour')" | xargs)" "node1| node2|t" "a pull says which node failed, and takes the others"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(on coordinator -c "SELECT max(most) FROM by_hour" \
    -c "SELECT state, message ~ 'node node2 was not pulled since' FROM tally.status WHERE rollup = 'by_hour'" | xargs)" "123456 error|t" \
    "the table goes on with what the other node brings, and status says that it is not whole"
on coordinator >/dev/null -c "SELECT * FROM tally.evaluate(date_trunc('minute', now()) + interval '10 minutes')"
is "$(on coordinator -c "SELECT threshold, labels->>'node', status FROM tally.incidents WHERE threshold = 'by_hour nodes'")" "by_hour nodes|node2|new" \
    "the node has an incident of its own"
is "$(on coordinator -c "SELECT count(*) FROM tally.evaluations e JOIN tally.thresholds t ON t.id = e.threshold_id WHERE t.name = 'much'
    AND e.sqlstate = '08001'")" 1 "a threshold on it says that it could not be evaluated"
is "$(on coordinator -c "SELECT count(*) FROM tally.incidents WHERE threshold = 'much' AND labels ? 'value'")" 0 \
    "and is not recovered, nor breached, by a number that is none"
at node2
start_server
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')" -c "SELECT * FROM tally.evaluate(date_trunc('minute', now()) + interval '11 minutes')"
is "$(on coordinator -c "SELECT status FROM tally.incidents WHERE threshold = 'by_hour nodes'" -c "SELECT state FROM tally.status WHERE rollup = 'by_hour'" |
    xargs)" "resolved fresh" "and when it answers again, that incident is resolved"
is "$(differences by_hour)" "$same" "and the table is exact"

# TRUNCATE and DDL at nodes.
on node1 -c "TRUNCATE events"
is "$(differences by_hour_live)" "$same" "TRUNCATE at a node: the live view"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)" "$same" "and the table"
on node1 -c "INSERT INTO events SELECT timestamptz '2026-01-01Z' + i * interval '1 hour', 'k1', i, i FROM generate_series(1, 100) i" \
    -c "ALTER TABLE events ADD COLUMN more int DEFAULT 3" -c "ALTER TABLE events DISABLE TRIGGER ALL" -c "UPDATE events SET v = v * 2" \
    -c "ALTER TABLE events ENABLE TRIGGER ALL"
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)" "$same" "a column that comes, and rows that are written while the triggers of a node are off"
on node1 -c "TRUNCATE by_hour" >/dev/null
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)" "$same" "the rollup's own table truncated at a node"
on node1 -c "SELECT tally.alter_rollup('by_hour', \"where\" => 'v > 50')" >/dev/null
is "$(on coordinator -c "SELECT node, COALESCE(substr(error, 1, 65), 'ok') FROM tally.pull('by_hour') ORDER BY 1" | xargs)" \
    "node1|55000: rollup public.by_hour must be the same at all nodes, got node2|ok" "a rollup that is another at one node is not pulled"
on node1 -c "SELECT tally.drop_rollup('by_hour')" >/dev/null
is "$(on coordinator -c "SELECT left(error, 6) FROM tally.pull('by_hour') WHERE node = 'node1'")" "42704:" "nor one that was dropped there"
make_rollup >/dev/null
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)/$(differences by_hour_live)" "$same/$same" "and made again it is exact"
# Other rules of a zone: what the other tzdata would say.
replaced node2 "tally_internal._feed_definition(tally.rollups)" "md5(string_agg(" "md5('other ' || string_agg("
is "$(on coordinator -c "SELECT substr(error, 1, 75) FROM tally.pull('by_hour') WHERE node = 'node2'")" \
    "0A000: node node2 must know the same rules of zone UTC as the first node, g" "a node with other rules of the zone is not pulled"
put_back node2

# Nodes leave and come.
on coordinator -c "SELECT tally.create_cluster_rollup('by_hour', '{node1}', 'events', 'at', dimensions => '[\"kind\"]', schedule => NULL,
    measures => '{\"n\": \"count(*)\", \"total\": \"sum(v)\", \"most\": \"max(v)\", \"people\": \"tally.hll(v)\"}')" >/dev/null
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(on coordinator -c "SELECT (SELECT sum(n) FROM by_hour) || ' ' || (SELECT sum(n) FROM by_hour_live)")" \
    "$(on node1 -c "SELECT count(*) || ' ' || count(*) FROM events")" "a node is taken out"
make_rollup >/dev/null
on coordinator >/dev/null -c "SELECT * FROM tally.refresh('by_hour')"
is "$(differences by_hour)/$(differences by_hour_live)" "$same/$same" "and comes back"

refused "what a threshold watches is not dropped, nor the rollups at the nodes" "metric 'total' cannot be dropped" coordinator \
    "SELECT tally.drop_cluster_rollup('by_hour', at_nodes => true, \"cascade\" => true)"
is "$(on node1 -c "SELECT count(*) FROM tally.rollups")" 1 "they stand"
on coordinator -c "SELECT tally.drop_threshold('much')" >/dev/null
is "$(on coordinator -c "SELECT tally.drop_cluster_rollup('by_hour', at_nodes => true, \"cascade\" => true)" || :)" "" \
    "a cluster rollup is dropped, at the nodes too"
is "$(on coordinator -c "SELECT (SELECT count(*) FROM tally.rollups) + (SELECT count(*) FROM pg_class WHERE relname ~ '^by_') + (SELECT count(*)
    FROM tally.faces)")$(on node1 -c "SELECT count(*) FROM tally.rollups")$(on node2 -c "SELECT count(*) FROM tally.feed_marks")" 000 \
    "and nothing is left anywhere"
done_testing
