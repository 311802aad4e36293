#!/usr/bin/env bash
# Owns the proof that a database moves from the hosted edition to the library and back, as docs/supabase-hosted.md says: its tables by dump and restore without
# the triggers of pg_tally, its definitions by tally.definitions(). Then rollups, funnels and metrics give the same answers, and capture goes on.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
scripts/hosted.sh 2>/dev/null
work=$(mktemp -d)
databases=(hosted_moves_a hosted_moves_b hosted_moves_c)
trap 'rm -rf "$work"; for d in "${databases[@]}"; do server_psql -q -d postgres -c "DROP DATABASE IF EXISTS $d WITH (FORCE)"; done' EXIT

# run DATABASE ROLE [psql argument…]
run() {
    PGOPTIONS='-c client_min_messages=warning -c timezone=UTC' "$PG_LIB/bin/psql" -XAtq -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U "$2" -d "$1" "${@:3}" 2>&1 || :
}
# What is taken along: tables of people with their rows, and definitions.
pack() {
    "$PG_LIB/bin/pg_dump" -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -d "$1" -Fc -t shop.sales -f "$work/tables"
    "$PG_LIB/bin/pg_restore" -l "$work/tables" | grep -v ' TRIGGER .* tally_' >"$work/list"
    run "$1" tally_host -c "SELECT statement FROM tally.definitions()" >"$work/definitions.sql"
}
unpack() {
    run "$1" tally_host -c "CREATE SCHEMA shop"
    "$PG_LIB/bin/pg_restore" -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -d "$1" -L "$work/list" "$work/tables" 2>&1
    run "$1" tally_host -v ON_ERROR_STOP=1 -f "$work/definitions.sql" | grep -E 'ERROR|WARNING'
    run "$1" tally_host -c "CALL tally.backfill()"
}
answers="SELECT bucket, n, amount, tally.distinct_count(people), tally.percentile(p, 0.5), tally.percentile(p, 0.9) FROM shop.hourly ORDER BY 1;
    SELECT bucket, step, name, actors FROM shop.buyers_steps_live ORDER BY 1, 2;
    SELECT bucket, value FROM tally.timeseries('sold', since => '2026-03-02', until => '2026-03-04');
    SELECT name, condition FROM tally.thresholds"

install_hosted hosted_moves_a
run hosted_moves_a tally_host <<'SQL'
CREATE SCHEMA shop;
CREATE TABLE shop.sales (at timestamptz NOT NULL, person int, kind text, amount int);
CREATE INDEX sales_at ON shop.sales (at);
INSERT INTO shop.sales SELECT timestamptz '2026-03-02 00:00Z' + i * interval '5 minutes', i % 7, (ARRAY['see', 'buy', 'pay'])[1 + i % 3], i * 7919 % 1009
  FROM generate_series(1, 300) i;
DO $$ BEGIN
    PERFORM tally.create_rollup('shop.hourly', source => 'shop.sales', time_column => 'at', bucket => '1 hour', measures =>
        '{"n": "count(*)", "amount": "sum(amount)", "people": "tally.hll(person)", "p": "tally.tdigest(amount)"}', with_data => true);
    PERFORM tally.create_funnel('shop.buyers', 'shop.sales', 'at', 'person', '{"see": "kind = ''see''", "buy": "kind = ''buy''"}', options => 'increase',
        with_data => true);
    PERFORM tally.create_metric('sold', 'shop.hourly', 'n'), tally.create_threshold('few', metric => 'sold', condition => '< 3', owner => 'me');
END $$;
SQL
said=$(run hosted_moves_a tally_host -c "$answers")
is "$(wc -l <<<"$said" | awk '{ print ($1 > 50) }')" 1 'the hosted edition answers'

pack hosted_moves_a
is "$(grep -c 'TRIGGER' <("$PG_LIB/bin/pg_restore" -l "$work/tables")) $(grep -c TRIGGER "$work/list")" \
    "$(grep -c ' TRIGGER .* tally_' <("$PG_LIB/bin/pg_restore" -l "$work/tables")) 0" 'its triggers are left behind'
server_psql -q -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS hosted_moves_b WITH (FORCE)" \
    -c "CREATE DATABASE hosted_moves_b TEMPLATE tally_template" -c "GRANT CREATE ON DATABASE hosted_moves_b TO tally_host"
is "$(unpack hosted_moves_b)" '' 'tables and definitions go into a database with the library without an error'
is "$(run hosted_moves_b tally_host -c "$answers")" "$said" 'which gives the same answers'
run hosted_moves_b tally_host -c "INSERT INTO shop.sales VALUES ('2026-03-02 03:30Z', 1, 'see', 5)" >/dev/null
is "$(run hosted_moves_b tally_host -c "SELECT sum(n) FROM shop.hourly_live")" 301 'and captures what is written then'
run hosted_moves_b tally_host -c "CALL tally.backfill()" >/dev/null
said=$(run hosted_moves_b tally_host -c "$answers")

pack hosted_moves_b
install_hosted hosted_moves_c
is "$(unpack hosted_moves_c)" '' 'they go back to the hosted edition without an error'
is "$(run hosted_moves_c tally_host -c "$answers")" "$said" 'which gives the same answers'
run hosted_moves_c tally_host -c "INSERT INTO shop.sales VALUES ('2026-03-02 04:30Z', 1, 'see', 5)" >/dev/null
is "$(run hosted_moves_c tally_host -c "SELECT sum(n) FROM shop.hourly_live")" 302 'and captures what is written then'
done_testing
