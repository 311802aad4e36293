#!/usr/bin/env bash
# Owns "an upgrade changes what pg_tally does and keeps what it holds": from 0.1.0, an upgraded installation equals a fresh one object by object;
# definitions, rows, marks, progress and incidents are as they were; live views are exact before any refresh.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server upgrade
remove_server
trap remove_server EXIT
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -Atq -v ON_ERROR_STOP=1 "$@"; }
inventory() {
    sql -d "$1" -f pg_test/upgrade/inventory.psql -c "SELECT object, property, replace(value, E'\n', ' ') FROM inventory ORDER BY 1, 2, 3" >"$2"
}
run_server upgrade "${PROFILE:-release}" postgres "fsync = off" "shared_buffers = 64MB" "max_connections = 20" "log_min_messages = warning"
extension=$SERVER_DIR/pg/share/postgresql/$PG_MAJOR/extension
zcat pg_test/upgrade/pg_tally--0.1.0.sql.gz >"$extension/pg_tally--0.1.0.sql"
chmod 644 "$extension/pg_tally--0.1.0.sql"
found=$(mktemp -d)
trap 'rm -rf "$found"; remove_server' EXIT

sql -c "CREATE ROLE analyst" -c "CREATE DATABASE fresh" -c "CREATE DATABASE upgraded" -c "CREATE DATABASE used"
sql -d fresh -c "CREATE EXTENSION pg_tally"
inventory fresh "$found/fresh"
is "$([ "$(wc -l <"$found/fresh")" -gt 5000 ] && echo many)" many "the inventory of a fresh installation holds its objects"

sql -d upgraded -c "SET check_function_bodies = off" -c "CREATE EXTENSION pg_tally VERSION '0.1.0'"
is "$(sql -d upgraded -c "ALTER EXTENSION pg_tally UPDATE" 2>&1)" "" "an empty installation of 0.1.0 is upgraded without a word"
inventory upgraded "$found/upgraded"
is "$(diff "$found/fresh" "$found/upgraded" | head -40)" "" \
    "it equals a fresh one object by object: definition, owner, rights, comment, settings, columns in their order, what is dumped"

# A database of 0.1.0 that was in use, and a backfill that has done a part.
zcat pg_test/upgrade/installed_0_1_0.sql.gz |
    sed "s/^CREATE EXTENSION IF NOT EXISTS pg_tally WITH SCHEMA tally;/CREATE EXTENSION pg_tally WITH SCHEMA tally VERSION '0.1.0';/" |
    sql -d used >/dev/null
sql -d used -c "DELETE FROM mine WHERE bucket < '2026-02-01Z'" \
    -c "INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason, batch, rows)
        SELECT id, '2019-01-01Z', '2026-02-01Z', 'history', '10 days', 2000 FROM tally.rollups WHERE name = 'mine'" \
    -c "INSERT INTO events (at, kind, actor, amount) VALUES ('2026-01-09 10:00Z', 'a', 50, 3)" -f pg_test/upgrade/kept.sql
# Somebody's own view, on the engine's table, with a right on it.
sql -d used -c "CREATE VIEW whose WITH (security_invoker = true) AS SELECT name, owner, owner::text AS owner_name FROM tally.rollups" \
    -c "GRANT SELECT ON whose TO analyst" -c "COMMENT ON VIEW whose IS 'mine'" -c "CREATE VIEW on_whose AS SELECT count(*) AS n FROM whose"
is "$(sql -d used -c "SELECT count(*) > 0 FROM tally.dirty" -c "SELECT count(*) FROM tally.dirty_ranges WHERE batch IS NOT NULL" | xargs)" "t 1" \
    "marks and a half-done backfill are there"
sql -d used -c 'SELECT * FROM kept()' >"$found/before"
views() { sql -d used -c "SELECT c.oid::regclass, c.relowner::regrole, c.relacl, c.reloptions FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace IN
    ('public'::regnamespace, 'awf'::regnamespace, 'od'::regnamespace, '\"Odd schema\"'::regnamespace) ORDER BY 1"; }
views >"$found/views"

# Somebody's copy of the engine's rows: PostgreSQL changes no table whose row type is the type of a column.
sql -d used -c "CREATE TABLE saved AS SELECT r AS row, ARRAY[r] AS rows FROM tally.rollups r"
refused=$(server_psql -Atq -d used -v VERBOSITY=verbose -c "ALTER EXTENSION pg_tally UPDATE" 2>&1 || :)
is "$(sed -nE 's/^((ERROR|DETAIL|HINT): ).*/\1/p' <<<"$refused" | xargs) \
$(grep -c 'got public.saved."row", public.saved.rows' <<<"$refused")" "ERROR: DETAIL: HINT: 1" \
    "a column of the row type of one of the engine's tables stops the upgrade, in four parts"
sed -n 's/^HINT:  //p' <<<"$refused" | sql -d used
is "$(sql -d used -c "SELECT count(*) > 10 FROM saved s JOIN tally.rollups r ON r.name = s.row ->> 'name' AND r.name = s.rows -> 0 ->> 'name'")" t \
    "the hint keeps the values"

counted=$(sql -d used -c "SELECT r.name FROM tally.rollups r JOIN pg_statistic_ext s ON s.stxrelid = r.source AND s.stxname = r.name || '_tally_groups'
    ORDER BY 1")

said=$(server_psql -Atq -d used -c "ALTER EXTENSION pg_tally UPDATE" 2>&1 || :)
is "$(grep -E '^(WARNING|ERROR|NOTICE)' <<<"$said")" "" "it is upgraded without a warning"
is "$(grep -c "HINT:  CALL tally.backfill();" <<<"$said")" 1 "what is to be computed anew is said, with the statement to run"
is "$(sql -d used -c 'SELECT * FROM kept()' | diff "$found/before" -)" "" "definitions, stored rows, marks, progress, incidents, audit and log are the same"
is "$(views | diff "$found/views" -)" "" "every view has its owner, rights and options"
is "$(sql -d used -c "SELECT owner_name, owner::text, obj_description('whose'::regclass) FROM whose WHERE name = 'mine'" -c "SELECT n > 10 FROM on_whose" |
    xargs)" \
    "analyst|analyst|mine t" "a view of somebody's on the engine's tables still reads them"
inventory used "$found/used"
is "$(diff "$found/fresh" "$found/used" | head -40)" "" "the used installation equals a fresh one object by object, too"
is "$(sql -d used -c "SELECT count(*) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass
    AND e.extname = 'pg_tally' AND EXISTS (SELECT FROM tally.rollups r WHERE d.objid IN (r.relation, r.live_view))")" 0 \
        "nothing of a person's has become the extension's"

is "$(sql -d used -c "SELECT count(*) > 0 AND bool_and(pg_get_statisticsobjdef_expressions(oid)::text ~ '_bucket_start') FROM pg_statistic_ext
        WHERE stxname ~ '_tally_groups$'" \
    -c "SELECT count(*) > 0 FROM tally.rollups r WHERE r.key IS NULL AND NOT tally_internal._has_statistics(r, '_tally_groups')" | xargs)" "t t" \
    "statistics are on the expressions of this version, and one serves all rollups with the same groups"
is "$(sql -d used -c "SELECT r.name FROM tally.rollups r WHERE tally_internal._statistics_for(r) IS NOT NULL ORDER BY 1")" "$counted" \
    "of all rollups that had some"
is "$(sed -n 's/^HINT:  \(ANALYZE .*\)/\1/p' <<<"$said" | sql -d used; sql -d used -c "SELECT count(*) FROM tally_internal._lacking_statistics()")" 0 \
    "they are empty, and the statement that fills them is said"

exact() { sql -d used -c "SELECT * FROM differences('$1')" -c "SELECT * FROM more_differences('$1')"; }
is "$(exact _live)" "" "live views are exact before any refresh"
sql -d used -c "INSERT INTO events (at, kind, actor, amount) VALUES ('2026-02-03 04:05+00', 'a', 99, 12), ('2026-02-03 05:05+00', 'b', 99, 12)" \
    -c "DELETE FROM events WHERE id = 40" -c "INSERT INTO \"Odd schema\".\"Parts\" VALUES ('2030-01-01', 3)"
is "$(exact _live)" "" "capture goes on"
sql -d used -c "CALL tally.backfill()"
is "$(exact '')" "" "the next refresh is exact"
is "$(sql -d used -c "SELECT r.name, v FROM tally.rollups r, tally.verify(r.name) v LIMIT 5")" "" "verify finds no difference in any rollup"
is "$(sql -d used -c "SELECT rollup, state, message FROM tally.status WHERE state NOT IN ('fresh', 'dirty')")" "" "status finds no fault"

is "$(sql -d used -c "SELECT count(*) FROM tally.evaluate('2026-03-01 12:05Z') WHERE threshold IN ('hot', 'amount low', 'probe high')" \
    -c "SELECT sum(opened) FROM tally.evaluate('2026-03-01 12:10Z') WHERE threshold = 'hot'" | xargs)" \
    "0 0" "a tick that 0.1.0 evaluated is not evaluated again, and what fired goes on"
is "$(sql -d used -c "SELECT tally.resolve(1, root_cause => 'r', mitigation => 'm', prevention => 'p')" \
    -c "SELECT status, (SELECT string_agg(event, ' ' ORDER BY id) FROM tally.incident_events WHERE incident_id = 1) FROM tally.incidents WHERE id = 1" |
        xargs)" \
    "resolved|opened acknowledged resolved" "an incident of 0.1.0 is handled on"
is "$(sql -d used -c "SELECT count(*) FROM tally.silence_anchors" -c "SELECT source_anchors <> '{}' FROM tally.inhibitions" | xargs)" "1 t" \
    "silences and inhibitions are found by what they match"
is "$(sql -d used -c "SELECT tally.create_metric('share_a', 'hours', 'n::float8 / nullif(n, 0)', unit => 'ratio', description => 'A share.',
        direction => 'up_is_good', samples => 'n')" \
    -c "SELECT tally.create_rollup('rolling', 'events', 'at', '1 day', '[]', '{\"n\": \"count(*)\", \"actors\": \"tally.hll(actor)\"}', lookback => '7 days')" \
    -c "SELECT tally.create_funnel('buying', 'events', 'at', 'actor', '{\"a\": \"kind = ''a''\", \"b\": \"kind = ''b''\"}', \"window\" => '2 days')" \
    -c "SELECT tally.create_retention('coming_back', 'events', 'at', 'actor')" 2>&1 | grep -c ERROR)" 0 "the same definitions again change nothing"
is "$(sql -d used -c "SELECT split_part(tally.install_pack(pack, target_schema => target_schema), ';', 1)
    FROM (SELECT * FROM tally.installed_packs OFFSET 0) p ORDER BY 1")" \
    "pack awf is installed in schema awf
pack operator_dashboard is installed in schema od" "packs are installed again in place"
is "$(sql -d used -c "SELECT count(*) FROM tally.installed_packs WHERE version = '$VERSION'" -c "SELECT count(*) >= 0 FROM awf.awf_incidents" \
    -c "SELECT count(*) >= 0 FROM od.operator_incident_feed" -c "SELECT count(*) FROM pg_proc WHERE proname LIKE '%of an earlier pack%'" | xargs)" "2 t t 0" \
    "their views read, and nothing of the earlier pack is left"

# The library beside SQL of another version, as between the installation of a package and the update of a database.
of_version() { sql -d used -c "UPDATE pg_extension SET extversion = '$1' WHERE extname = 'pg_tally'"; }
parts() { server_psql -Atq -d used -v VERBOSITY=verbose -c "$1" 2>&1 | sed -nE 's/^(ERROR:  55000|DETAIL|HINT):.*/\1/p' | xargs; }
calls=("SELECT * FROM tally.refresh('hours')" "SELECT * FROM tally.verify('days')" "SELECT tally.drop_metric('p50')")
of_version 0.1.0
for call in "${calls[@]}"; do
    is "$(parts "$call")" "ERROR: 55000 DETAIL HINT" "a library newer than the SQL says so in four parts: $call"
done
is "$(server_psql -Atq -d used -c "SELECT * FROM tally.refresh('hours')" 2>&1 | sed -n 's/^HINT:  //p')" "ALTER EXTENSION pg_tally UPDATE;" \
    "with the statement that mends it"
is "$(sql -d used -c "INSERT INTO events (at, kind, actor, amount) VALUES ('2026-02-05 04:05+00', 'a', 98, 1)" \
    -c "SELECT count(*) > 0 FROM tally.dirty" 2>&1)" t \
    "writers go on, and their rows are marked"
is "$(parts "SELECT * FROM tally.evaluate('2026-03-01 12:15Z')") $(sql -d used \
    -c "SELECT count(*) FROM tally.evaluations e WHERE e.tick = '2026-03-01 12:15Z'")" \
    "ERROR: 55000 DETAIL HINT 0" "an evaluation fails with the same words, and no alert changes by it"
of_version 99.0.0
for call in "${calls[@]}" "INSERT INTO events (at, kind, actor) VALUES ('2026-02-06 04:05+00', 'a', 98)"; do
    is "$(parts "$call")" "ERROR: 55000 DETAIL HINT" "a library older than the SQL says so in four parts: $call"
done
of_version "$VERSION"
is "$(sql -d used -c "CALL tally.backfill()")$(exact '')" "" "with one version of both all goes on, exact"
is "$(sql -d used -c "SELECT count(*) FROM tally.refresh()" -c "UPDATE pg_extension SET extversion = '99.0.0' WHERE extname = 'pg_tally'" \
    -c "CREATE OR REPLACE FUNCTION public.changed() RETURNS int LANGUAGE sql AS 'SELECT 1'" -c "SELECT count(*) FROM tally.refresh()" 2>&1 |
        grep -c 'SQL 99.0.0')" 1 \
    "a session that had looked looks again when functions change under it"
of_version "$VERSION"

# Somebody has laid his code into a database of 0.1.0.
sql -c "CREATE DATABASE attacked"
sql -d attacked -c "SET check_function_bodies = off" -c "CREATE EXTENSION pg_tally VERSION '0.1.0'" -c '\i pg_test/upgrade/attacked.sql' >/dev/null
is "$(sql -d attacked -c "ALTER EXTENSION pg_tally UPDATE" 2>&1 | grep -E '^(ERROR|WARNING)')" "" "a database with code of an attacker's is upgraded"
is "$(sql -d attacked -c "SELECT is_called FROM evil.seen")" f "which runs with nobody else's rights"
is "$(sql -d attacked -c "SELECT two, owner FROM evil.whose" -c "SELECT reloptions FROM pg_class WHERE oid = 'evil.whose'::regclass" | xargs)" \
    "2|analyst {security_barrier=true}" "his view reads as before, with its options"

back=$(server_psql -Atq -d used -v VERBOSITY=verbose -c "ALTER EXTENSION pg_tally UPDATE TO '0.1.0'" 2>&1 || :)
is "$(grep -oE '^(ERROR|DETAIL|HINT):  .*' <<<"$back" | cut -d: -f1 | xargs)" "ERROR DETAIL HINT" "a downgrade is refused, in four parts"
is "$(sql -d used -c "SELECT extversion FROM pg_extension WHERE extname = 'pg_tally'")" "$VERSION" "and changes nothing"
done_testing
