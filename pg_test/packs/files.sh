#!/usr/bin/env bash
# Owns "a pack is files": each file of each pack runs as it is in psql and makes what install_pack() makes; a pack of somebody's own is registered from
# its folder, installed, brought to a new version, dumped and dropped, by the same contract (sql/packs/README.md).

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
database=pack_files
found=$(mktemp -d)
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -d $database -Atq -v ON_ERROR_STOP=1 "$@"; }
as_shop() { sql -c "SET ROLE shop" "$@"; }
# What one statement says when it fails: SQLSTATE, message and hint.
refused() {
    sql -c "SET ROLE ${2:-shop}" -c '\set VERBOSITY verbose' -c "$1" 2>&1 >/dev/null | sed -nE 's/^(psql:.*: )?ERROR:  //p; s/^HINT:  //p'
}
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database TEMPLATE tally_template"
trap 'rm -rf "$found"; server_psql -q -d postgres -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" -c "DROP DATABASE IF EXISTS ${database}_again" \
    -c "DROP ROLE IF EXISTS shop" -c "DROP ROLE IF EXISTS shop_two"' EXIT

# Everything that a schema holds, and all definitions: texts, columns, comments, rows of settings left out. What install_pack() reads in lines beside the
# SQL is left out too: which pack it is, and which columns name people (pg_test/privacy/09_pseudonyms.sql).
everything() {
    sql -c "SELECT d.kind, d.name, d.statement FROM tally.definitions() d WHERE d.kind NOT IN ('pack', 'registered pack', 'pseudonym') ORDER BY 1, 2" \
        -c "SELECT c.oid::regclass, c.relkind, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum),
            obj_description(c.oid, 'pg_class')
              FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace::regnamespace::text LIKE 'files\_%' ORDER BY 1,
                  3" \
        -c "SELECT p.oid::regprocedure, p.prosrc, p.provolatile, obj_description(p.oid, 'pg_proc') FROM pg_proc p
            WHERE p.pronamespace::regnamespace::text LIKE 'files\_%' ORDER BY 1" \
        -c "SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE c.relnamespace::regnamespace::text LIKE 'files\_%' AND NOT t.tgisinternal ORDER BY 1, 2"
}
for pack in sql/packs/*/pack.sql; do
    pack=$(basename "$(dirname "$pack")")
    is "$(sql -c "CREATE SCHEMA files_$pack" -c "SET search_path = files_$pack" -c "SET timezone = 'Europe/Berlin'" \
        -f "sql/packs/$pack/pack.sql" 2>&1 >/dev/null |
        grep -v NOTICE)" "" "each file of $pack runs as it is"
done
everything >"$found/by_hand"
is "$([ "$(wc -l <"$found/by_hand")" -gt 2000 ] && echo many)" many "they make a lot"
scripts/pack.sh sql/packs/template | sql >/dev/null
sql -c "SELECT tally.install_pack(name, 'files_' || name, zone => 'Europe/Berlin') FROM tally.pack_list ORDER BY name" >/dev/null
is "$(everything | diff "$found/by_hand" - | head -20)" "" "install_pack() makes the same of each"
is "$(sql -c "SELECT count(*) FROM tally.packs WHERE current")" "$(find sql/packs -name pack.sql | wc -l)" "and each is current"
sql -c "UPDATE tally.pack_steps SET statement = statement || ' ' WHERE pack = 'awf' AND kind = 'view'"
is "$(sql -c "SELECT status, value, hint FROM tally.health WHERE \"check\" = 'packs'")" \
    "late|1|SELECT tally.install_pack('awf', target_schema => 'files_awf');" \
    "health says which pack an upgrade has brought new steps for, and what to run"
sql -c "SELECT hint FROM tally.health WHERE \"check\" = 'packs'" | sql >/dev/null
is "$(sql -c "SELECT status FROM tally.health WHERE \"check\" = 'packs'")" ok "which mends it"
is "$(sql -c "SELECT string_agg(tally.drop_pack(name), '; ') IS NOT NULL FROM (SELECT DISTINCT name FROM tally.packs) p" \
    -c "SELECT tally.unregister_pack('template')" | tail -1)" \
    "pack template is forgotten" "all are dropped, and the registered one forgotten"

# The views of views_live.sql are those of views.sql, word for word, over the live views.
twin() { grep -v '^-- ' "$1" | tr -s ' \n' ' ' | sed "s/' '//g; s/COMMENT/\n&/g; s/CREATE OR/\n&/g"; }
is "$(sed '/^-- step: view control_clock/,/^-- step: view control_shops/d' sql/packs/operator_control_center/views.sql | perl -pe '
        my $by_days = "sessions|approvals|breaches|replies|anomaly_pages|assignments_daily|shops|conversations|anomalies|rolling|present|weekly";
        s/\b(control_(?:$by_days))\b/$1_live/g' >"$found/expected"
    twin "$found/expected" | sed -E "s/(COMMENT ON VIEW [^ ]+ IS ')/\1Exact at this moment: /" >"$found/twin"
    twin sql/packs/operator_control_center/views_live.sql | diff "$found/twin" - | head -10)" "" "control_…_live are the same views over the live views"

# A pack of one's own.
server_psql -q -d $database -c "CREATE ROLE shop" -c "CREATE ROLE shop_two" -c "CREATE SCHEMA shop AUTHORIZATION shop" >/dev/null
cp -r sql/packs/template "$found/mine"
register() { (echo "SET ROLE ${1:-shop};"; cd "$found" && "$ROOT/scripts/pack.sh" mine) | sql 2>&1; }
is "$(register)" "pack mine is registered with 10 steps; next: SELECT tally.install_pack('mine', target_schema => …);" "a folder is registered"
is "$(sql -c "SET ROLE shop_two" -c "SELECT count(*) FROM tally.packs WHERE name = 'mine'" -c "SELECT count(*) FROM tally.pack_steps WHERE pack = 'mine'" |
    xargs)" "0 0" \
    "another role sees nothing of it"
is "$(refused "SELECT tally.install_pack('mine', 'shop')" shop_two | head -1)" \
    "42704: pack must be one that comes with pg_tally or that you have registered, got 'mine'" "nor installs it"
is "$(register shop_two | sed -n 's/^.*ERROR: *//p')" "a pack needs a name of its own, got 'mine', which is taken" "nor takes its name"
is "$(as_shop -c "SELECT tally.install_pack('mine', 'shop', zone => 'Asia/Tokyo')")" \
    "pack mine is installed in schema shop; next: CALL tally.backfill(); SELECT tally.start();" "it is installed by a role without special rights"
as_shop -c "INSERT INTO shop.shop_orders (ordered_at, country, amount, returned) SELECT '2026-03-01 12:00Z'::timestamptz + i * interval '1 hour',
    CASE WHEN i % 3 > 0 THEN 'JP' END, i, i % 5 = 0 FROM generate_series(1, 90) i"
is "$(as_shop -c "SELECT day, country, orders, amount, return_rate FROM shop.shop_days
        EXCEPT ALL SELECT date_trunc('day', ordered_at, 'Asia/Tokyo'), coalesce(country, '(none)'), count(*), sum(amount), round(avg(returned::int), 4)
            FROM shop.shop_orders GROUP BY 1, 2")" "" \
    "its view is exact, by days of the zone it was told"
is "$(as_shop -c "SELECT count(*) FROM shop.shop_days")" \
    "$(as_shop -c "SELECT count(*) FROM (SELECT FROM shop.shop_orders GROUP BY date_trunc('day', ordered_at, 'Asia/Tokyo'), country HAVING count(*) >= 5) x")" \
    "and holds as many rows as plain SQL says"
is "$(as_shop -c "SELECT status, coalesce(detail, '') FROM tally.health WHERE \"check\" = 'packs'")" "ok|" "it is current"

# A new version: a view goes, a function has other arguments, a rollup is no part of it any more, a metric is new.
rm "$found/mine/thresholds.sql"
sed -i '/thresholds.sql/d' "$found/mine/pack.sql"
sed -i 's/shop_best(int)/shop_best(int, int)/; s/shop_best(days int DEFAULT 7)/shop_best(days int DEFAULT 7, most int DEFAULT 3)/
    s/ORDER BY 2 DESC$/ORDER BY 2 DESC LIMIT most/' "$found/mine/readers.sql"
printf "\n-- step: metric shop_orders_n\nSELECT tally.create_metric('shop_orders_n', 'shop_orders_hourly', 'orders');\n" >>"$found/mine/metrics.sql"
sed -i '/^-- step: rollup shop_orders_daily/,$d' "$found/mine/rollups.sql"
sed -i 's/shop_orders_daily_live/shop_orders_hourly_live/' "$found/mine/views.sql" "$found/mine/readers.sql"
register >/dev/null
is "$(as_shop -c "SELECT status, hint FROM tally.health WHERE \"check\" = 'packs'")" "late|SELECT tally.install_pack('mine', target_schema => 'shop');" \
    "a new version is told"
sql -c "SET ROLE shop" -c "UPDATE shop.shop_settings SET value = 1" -c "SELECT tally.install_pack('mine', 'shop')" >"$found/said" 2>&1
is "$(sed -n 's/^.*WARNING:  //p' "$found/said")" "rollup shop.shop_orders_daily is no part of pack 'mine' any more, and is left as it is" \
    "what holds data stays, and is named"
is "$(as_shop -c "SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'shop'::regnamespace" -c "SELECT count(*) FROM tally.thresholds" \
    -c "SELECT name FROM tally.metrics ORDER BY name" \
    -c "SELECT value FROM shop.shop_settings" | xargs)" "shop_best(integer,integer) 0 shop_orders_n shop_return_rate 1" \
        "what it has no more is gone, what is new is there, settings stay"

# What does not keep to the form is refused in words, and nothing of it stays.
is "$(refused "SELECT tally.register_pack('bad', '{\"a.sql\": \"SELECT 1;\"}')")" \
    "22023: file 'a.sql' of a pack must consist of steps, got 'SELECT 1;' before the first
-- put a line in front of each step of a.sql: -- step: view my_view" "a file without steps is refused"
is "$(refused "SELECT tally.register_pack('bad', '{\"a.sql\": \"-- step: viev v\\nCREATE VIEW v AS SELECT 1 AS x;\"}')" | head -1)" \
    "22023: pack 'bad' must keep to the form of packs, got the kind 'viev' of step 'v'" "so is a kind that there is not"
is "$(refused "SELECT tally.register_pack('bad', '{\"a.sql\": \"-- step: view v\\nSELECT 1;\\n-- step: source s\\nCREATE TABLE s ();\"}')" | head -1)" \
    "22023: pack 'bad' must keep to the form of packs, got source 's' after other steps" "so is a source behind other steps"
is "$(refused "SELECT tally.register_pack('bad', '{\"a.sql\": \"-- step: source s\\nCREATE TABLE other ();\"}')" | head -1)" \
    "42P01: step source 's' must make the table s, and does not" "so is a source that makes another table"
is "$(refused "SELECT tally.register_pack('awf', '{\"a.sql\": \"-- step: view v\\nCREATE VIEW v AS SELECT 1 AS x;\"}')" | head -1)" \
    "42710: a pack needs a name of its own, got 'awf', which is taken" "so is the name of a pack that comes with pg_tally"
as_shop -c "SELECT tally.register_pack('bad', '{\"a.sql\": \"-- step: view v\\nCREATE VIEW w AS SELECT 1 AS x;\"}')" >/dev/null
is "$(refused "SELECT tally.install_pack('bad', 'shop')" | head -1)" "42704: a step of pack 'bad' must make the view 'v' that it names, and does not" \
    "so is a step that makes something else"
is "$(as_shop -c "SELECT to_regclass('shop.w') IS NULL" -c "SELECT count(*) FROM tally.installed_packs WHERE pack = 'bad'" | xargs)" "t 0" \
    "and nothing of it stays"
is "$(refused "SELECT tally.unregister_pack('mine')")" "55006: pack 'mine' must be dropped before it is forgotten; it is installed in schema shop
SELECT tally.drop_pack('mine', 'shop');" "a pack that is installed is not forgotten"
is "$(refused "SELECT tally.unregister_pack('awf')" | head -1)" "42501: only a pack of your own can be unregistered, got 'awf'" "nor one of pg_tally"

# definitions() has the pack, and so has a dump.
as_shop -c "SELECT statement FROM tally.definitions() WHERE kind = 'registered pack' AND name = 'mine'" >"$found/definition.sql"
sql -c "SELECT to_jsonb(s) FROM tally.pack_steps s WHERE pack = 'mine' ORDER BY ordinal" \
    -c "SELECT to_jsonb(c) FROM tally.pack_columns c WHERE pack = 'mine' ORDER BY 1" >"$found/steps"
"$PG_LIB/bin/pg_dump" -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -d $database >"$found/dump.sql"
server_psql -q -d postgres -c "CREATE DATABASE ${database}_again"
server_psql -q -d ${database}_again -f "$found/dump.sql" >/dev/null 2>"$found/errors"
is "$(cat "$found/errors")" "" "a dump is restored without an error"
is "$(server_psql -d ${database}_again -Atq -c "SELECT to_jsonb(s) FROM tally.pack_steps s WHERE pack = 'mine' ORDER BY ordinal" \
    -c "SELECT to_jsonb(c) FROM tally.pack_columns c WHERE pack = 'mine' ORDER BY 1" | diff "$found/steps" -)" "" "with the registered pack"
is "$(server_psql -d ${database}_again -Atq -c "SELECT current FROM tally.packs WHERE name = 'mine'")" t "and it is current"
server_psql -q -d postgres -c "DROP DATABASE ${database}_again"
as_shop -c "SELECT tally.drop_rollup('shop_orders_daily')" -c "SELECT tally.drop_pack('mine')" -c "SELECT tally.unregister_pack('mine')" \
    -c "SELECT tally.unregister_pack('bad')" >/dev/null
is "$(as_shop -f "$found/definition.sql" >/dev/null; sql -c "SELECT to_jsonb(s) FROM tally.pack_steps s WHERE pack = 'mine' ORDER BY ordinal" \
    -c "SELECT to_jsonb(c) FROM tally.pack_columns c WHERE pack = 'mine' ORDER BY 1" | diff "$found/steps" -)" "" \
        "the statement of definitions() makes the same pack again"
is "$(as_shop -c "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'v')" | xargs)" shop_orders \
    "drop_pack() has left the source alone"
done_testing
