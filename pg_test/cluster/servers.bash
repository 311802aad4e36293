# shellcheck shell=bash
# Owns what the tests of cluster rollups share: three servers (two nodes and the coordinator), and plain SQL over the union of the nodes' events.
# Sourced after common.sh, server.sh and tap.sh.

cluster_servers="node1 node2 coordinator"
node_settings=("max_prepared_transactions = 20" "fsync = off" "shared_buffers = 64MB" "max_connections = 40" "log_min_messages = warning")

# Each test has servers of its own, because two tests run at a time.
cluster=$(basename "$0" .sh)
at() { use_server "$cluster-$1"; } # SERVER

on() { # SERVER [psql argument…]
    at "$1"
    PGOPTIONS='-c client_min_messages=error' server_psql -d app -Atq -v ON_ERROR_STOP=1 "${@:2}" 2>&1
}

remove_servers() {
    local server
    for server in $cluster_servers; do
        at "$server"
        remove_server
    done
}

# start_servers: three empty servers with pg_tally; events on the nodes; at the coordinator both as foreign servers. The server `elsewhere`, if there is one,
# runs already, with its socket in the folder `elsewhere_socket`.
start_servers() {
    local server port socket
    remove_servers
    for server in $cluster_servers; do
        if [ "$server" = "${elsewhere:-}" ]; then
            at "$server"
            mkdir -p "$SERVER_DIR"
            echo "$elsewhere_socket" >"$SERVER_DIR/socket"
        else
            run_server "$cluster-$server" "${PROFILE:-release}" app "${node_settings[@]}"
        fi
        on "$server" >/dev/null -c "CREATE EXTENSION pg_tally"
    done
    on coordinator >/dev/null -c "CREATE EXTENSION dblink" -c "CREATE EXTENSION postgres_fdw" -c "CREATE SCHEMA plain"
    for server in node1 node2; do
        on "$server" >/dev/null <<'SQL'
CREATE TABLE events (at timestamptz NOT NULL, kind text, v int, id int);
CREATE INDEX ON events (at);
SQL
        socket=$SERVER_SOCKET port=$SERVER_PORT
        on coordinator >/dev/null <<SQL
CREATE SERVER $server FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$socket', port '$port', dbname 'app', connect_timeout '5', extensions 'pg_tally');
CREATE USER MAPPING FOR postgres SERVER $server OPTIONS (user 'postgres');
CREATE FOREIGN TABLE plain.events_$server (at timestamptz, kind text, v int, id int) SERVER $server OPTIONS (schema_name 'public', table_name 'events');
SQL
    done
    on coordinator >/dev/null <<'SQL'
CREATE VIEW plain.events AS SELECT * FROM plain.events_node1 UNION ALL SELECT * FROM plain.events_node2;
CREATE VIEW plain.wanted AS SELECT date_trunc('hour', at) AS bucket, COALESCE(kind, '(none)') AS kind, count(*) AS n, sum(v) AS total, max(v) AS most, count(DISTINCT v) AS people
  FROM plain.events GROUP BY 1, 2;
SQL
}

make_rollup() {
    on coordinator -c "SELECT tally.create_cluster_rollup('by_hour', '{node1,node2}', 'events', 'at', dimensions => '[\"kind\"]', schedule => NULL,
        measures => '{\"n\": \"count(*)\", \"total\": \"sum(v)\", \"most\": \"max(v)\", \"people\": \"tally.hll(v)\"}')"
}

# differences RELATION: how many rows it has more, and less, than plain SQL over all events, as bags.
differences() {
    on coordinator -c "SET timezone = 'UTC'; WITH got AS MATERIALIZED (SELECT bucket, kind, n, total, most, tally.distinct_count(people) AS people FROM $1), want AS MATERIALIZED (TABLE plain.wanted)
        SELECT (SELECT count(*) FROM (TABLE got EXCEPT ALL TABLE want) x) || ' surplus, ' || (SELECT count(*) FROM (TABLE want EXCEPT ALL TABLE got) x) || ' missing'"
}
