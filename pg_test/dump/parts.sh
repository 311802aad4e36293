#!/usr/bin/env bash
# Owns dumps of a part, and restores where something is missing: the role of an owner, the catalogue, the data. No definition is lost, no writer stops,
# no live view gives numbers that nothing vouches for.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

clean() { use_server parts; remove_server; }
use_server parts
remove_server
trap clean EXIT
sql() { PGOPTIONS='-c client_min_messages=error' server_psql -Atq "$@" 2>&1; }
dump() { as_server "$SERVER_BIN/pg_dump" -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -d origin "$@" 2>/dev/null; }

run_server parts "${PROFILE:-release}" postgres "fsync = off" "shared_buffers = 64MB" "max_connections = 20"
sql -d postgres -c "CREATE ROLE analyst" -c "CREATE DATABASE origin" >/dev/null
sql -d origin -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
CREATE EXTENSION pg_tally;
CREATE SCHEMA app;
GRANT USAGE, CREATE ON SCHEMA app TO analyst;
CREATE TABLE app.events (gone int, at timestamptz NOT NULL, who text, kind text);
ALTER TABLE app.events DROP COLUMN gone;
CREATE INDEX ON app.events (at); CREATE INDEX ON app.events (who);
GRANT SELECT, TRIGGER ON app.events TO analyst;
INSERT INTO app.events SELECT timestamptz '2026-01-01Z' + i * interval '3 hours', 'w' || i % 4, 'k' || i % 3 FROM generate_series(1, 200) i;
SELECT tally.create_rollup('app.days', 'app.events', 'at', bucket => '1 day', dimensions => '["kind"]', measures => '{"n": "count(*)"}', with_data => true);
SET ROLE analyst;
SELECT tally.create_rollup('app.people', 'app.events', key => 'who', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('app.theirs', 'app.events', 'at', bucket => '1 day', measures => '{"n": "count(*)"}', with_data => true);
RESET ROLE;
INSERT INTO app.events VALUES ('2026-01-05 01:00Z', 'w1', 'k1'), ('2026-03-05 01:00Z', 'w9', 'k1');
SQL
# differs DATABASE SUFFIX: rows by which days, people and theirs differ from plain SQL.
differs() {
    sql -d "$1" -c "SELECT count(*) FROM (
        (SELECT bucket::text, kind, n FROM app.days$2 UNION ALL SELECT '', who, n FROM app.people$2 UNION ALL SELECT bucket::text, '', n FROM app.theirs$2)
        EXCEPT ALL (SELECT date_trunc('day', at, 'UTC')::text, kind, count(*) FROM app.events GROUP BY 1, 2 UNION ALL SELECT '', who,
            count(*) FROM app.events GROUP BY 2 UNION ALL SELECT date_trunc('day', at, 'UTC')::text, '', count(*) FROM app.events GROUP BY 1)) x"
}
is "$(differs origin _live)" 0 "at the origin the live views are exact"

# All of it, where one owner's role is missing. Bug: the catalogue's COPY failed, and all definitions were lost.
dump -f "$SERVER_DIR/all.sql"
sql -d postgres -c "ALTER ROLE analyst RENAME TO somebody_else" -c "CREATE DATABASE orphaned"
is "$(as_server cat "$SERVER_DIR/all.sql" | sql -d orphaned | grep -E 'ERROR' | grep -v 'role "analyst" does not exist')" "" \
    "a restore without the role of an owner fails at nothing but its grants"
is "$(sql -d orphaned -c "SELECT string_agg(name || ' ' || owner::text, ', ' ORDER BY id) FROM tally.rollups")" "days postgres, people -, theirs -" \
    "all definitions are there, those of that role as nobody's"
is "$(sql -d orphaned -c "SELECT DISTINCT sqlstate FROM tally.status WHERE rollup <> 'days'")" 42704 "which status says"
is "$(sql -d orphaned -c "SELECT error FROM tally.refresh() WHERE rollup = 'days'")" "" "the others are refreshed"
sql -d orphaned -c "INSERT INTO app.events VALUES ('2026-01-07 01:00Z', 'w1', 'k2')"
sql -d orphaned -c "SELECT hint FROM tally.status WHERE sqlstate IS NOT NULL" | sql -d orphaned >/dev/null
is "$(sql -d orphaned -c "SELECT string_agg(error, ' ') FROM tally.refresh()")" "" "the statements that status gives mend"
is "$(differs orphaned "")$(differs orphaned _live)" 00 "and all is exact, with what was written meanwhile"
is "$(sql -d orphaned -c "ALTER TABLE app.events RENAME COLUMN kind TO sort" -c "INSERT INTO app.events VALUES ('2026-01-08 01:00Z', 'w1', 'k2')" \
    -c "SELECT error FROM tally.refresh() WHERE rollup = 'days'" -c "ALTER TABLE app.events RENAME COLUMN sort TO kind" \
    -c "SELECT given FROM tally.dimensions WHERE name = 'kind'")" \
    "
kind" "columns that the restore has numbered anew are followed all the same"
sql -d postgres -c "ALTER ROLE somebody_else RENAME TO analyst"

# One schema, into a database that has pg_tally and rollups of its own under the same numbers. Bug: every INSERT failed, or marks piled up and live views were
# empty.
dump -n app -f "$SERVER_DIR/app.sql"
sql -d postgres -c "CREATE DATABASE part"
sql -d part -c "CREATE EXTENSION pg_tally" -c "CREATE TABLE own (at timestamptz NOT NULL, who text)" \
    -c "SELECT tally.create_rollup('own_days', 'own', 'at', bucket => '1 day', measures => '{\"n\": \"count(*)\"}', with_data => true)" >/dev/null
as_server cat "$SERVER_DIR/app.sql" | sql -d part >/dev/null
is "$(sql -d part -c "INSERT INTO app.events VALUES ('2026-01-07 01:00Z', 'w1', 'k2')" -c "COPY app.events (at) FROM PROGRAM 'echo 2026-01-01'" \
    -c "UPDATE app.events SET who = 'w8' WHERE who = 'w1'" -c "DELETE FROM app.events WHERE who = 'w2'")" "" "one schema: writers go on"
sql -d part -c "SELECT tally.refresh()" >/dev/null
is "$(sql -d part -c "SELECT count(*) FROM tally.dirty")" 0 "no marks are left that nobody takes"
is "$(sql -d part -c "SELECT * FROM app.days_live" | grep -c 'ERROR:.*definition behind the live view')" 1 \
    "a live view without its definition is an error, not an old number"
is "$(sql -d part -c "DROP TABLE app.days, app.people, app.theirs CASCADE" \
    -c "SELECT tally.create_rollup('app.days', 'app.events', 'at', bucket => '1 day', measures => '{\"n\": \"count(*)\"}', with_data => true)" \
    -c "INSERT INTO app.events VALUES ('2026-01-07 02:00Z', 'w1', 'k2')" -c "SELECT (SELECT sum(n) FROM app.days_live) = (SELECT count(*) FROM app.events)")" \
        "app.days
t" "and the source can be used anew"

# The schema first, then the data.
dump --schema-only -f "$SERVER_DIR/schema.sql"
dump --data-only -f "$SERVER_DIR/data.sql"
sql -d postgres -c "CREATE DATABASE split"
is "$(as_server cat "$SERVER_DIR/schema.sql" | sql -d split | grep ERROR)" "" "a schema alone restores without an error"
is "$(as_server cat "$SERVER_DIR/data.sql" | sql -d split | grep ERROR)" "" "and then its data"
is "$(differs split _live)" 0 "the live views are exact"
is "$(sql -d split -c "SELECT string_agg(error, ' ') FROM tally.refresh()")$(differs split "")" 0 "and the next refresh"
done_testing
