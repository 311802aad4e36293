#!/usr/bin/env bash
# Owns what a VACUUM of a source keeps from whom. An autovacuum yields to a definition, because one attempt to lock the source lasts as long as
# PostgreSQL takes to cancel it. A VACUUM by hand does not yield: a definition waits as long as tally.lock_timeout says, and its error names who
# holds the table. A build does without fresh statistics. Once a definition waited for CREATE STATISTICS without an end.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server vacuum
trap 'remove_server' EXIT
run_server vacuum "${PROFILE:-release}" postgres "fsync = off" "autovacuum_naptime = 1" "deadlock_timeout = 500ms" "log_min_messages = warning"
sql() { PGOPTIONS="-c client_min_messages=error ${OPTIONS:-}" server_psql -d postgres -Atq "$@"; }

# at_work KIND: whether a vacuum of table v is at work, waited for at most half a minute.
at_work() {
    for _ in $(seq 1 300); do
        [ "$(sql -c "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.relation = 'v'::regclass AND l.granted
                        AND l.mode = 'ShareUpdateExclusiveLock' AND a.backend_type = '$1'")" != 1 ] || { echo yes; return; }
        sleep 0.1
    done
    echo no
}
define="SELECT tally.create_rollup('NAME', 'v', 'at', dimensions => '[\"k\"]', measures => '{\"n\": \"count(*)\"}')"

sql -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
CREATE EXTENSION pg_tally;
CREATE TABLE v (at timestamptz, k text, n int) WITH (autovacuum_enabled = off);
CREATE INDEX ON v (at);
INSERT INTO v SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 second', 'k' || i % 3, i FROM generate_series(1, 200000) i;
UPDATE v SET n = n + 1;
SQL

# By hand.
OPTIONS="-c vacuum_cost_delay=100 -c vacuum_cost_limit=10" sql -c "VACUUM v" >/dev/null 2>&1 &
is "$(at_work 'client backend')" yes "a VACUUM is at work"
sql -v VERBOSITY=verbose -c "SET tally.lock_timeout = '1 second'" -c "${define/NAME/early}" >"$SERVER_DIR/said" 2>&1 || :
holder=$(sql -c "SELECT pid FROM pg_stat_activity WHERE query = 'VACUUM v'")
is "$(sed -nE 's/^(ERROR:  55P03: capture could not lock public.v within 1 second).*/\1/p' "$SERVER_DIR/said")" \
    "ERROR:  55P03: capture could not lock public.v within 1 second" "a definition waits as long as it was told"
is "$(grep -c "^DETAIL:  It is held by pid $holder (" "$SERVER_DIR/said")" 1 "and says who holds the table"
is "$(grep -c "^HINT:  SET tally.lock_timeout = .*pg_terminate_backend($holder)" "$SERVER_DIR/said")" 1 "with what to run"
is "$(sql -c "SELECT count(*) FROM tally.rollups")" 0 "nothing is half made"
# A rollup that was made before is built and dropped while the VACUUM goes on.
sql -c "SELECT pg_cancel_backend($holder)" >/dev/null
wait || :
sql -c "${define/NAME/h}" >/dev/null
OPTIONS="-c vacuum_cost_delay=100 -c vacuum_cost_limit=10" sql -c "VACUUM v" >/dev/null 2>&1 &
is "$(at_work 'client backend')" yes "another VACUUM is at work"
holder=$(sql -c "SELECT pid FROM pg_stat_activity WHERE query = 'VACUUM v'")
is "$(sql -c "SELECT error FROM tally.refresh('h')" \
    -c "SELECT count(*) FROM ((SELECT bucket, k, n FROM h EXCEPT ALL SELECT date_trunc('hour', at, 'UTC'), k, count(*) FROM v GROUP BY 1, 2)
    UNION ALL (SELECT date_trunc('hour', at, 'UTC'), k, count(*) FROM v GROUP BY 1, 2 EXCEPT ALL SELECT bucket, k, n FROM h)) x" | xargs)" 0 \
        "a build goes on without fresh statistics"
is "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE pid = $holder AND query = 'VACUUM v' AND state = 'active'")" 1 "while it is still at work"
is "$(sql -c "SET tally.lock_timeout = '1 second'" -c "SELECT tally.drop_rollup('h')" 2>&1 |
    grep -c "^ERROR:  capture could not lock public.v within 1 second")" 1 "a drop says so too"
# Once it ended with PostgreSQL's bare "canceling statement due to lock timeout".
sql -v VERBOSITY=verbose -c "SET tally.lock_timeout = '1 second'" -c "SELECT tally.alter_rollup('h', add_dimensions => '[\"n\"]')" >"$SERVER_DIR/said" 2>&1 || :
is "$(grep -c "^ERROR:  55P03: rollup 'h' could not give up its statistics on public.v within 1 second" "$SERVER_DIR/said")" 1 "so does a change of its groups"
# Once its hint spoke of capture, which tries for short moments.
is "$(grep -c "^HINT:  SET tally.lock_timeout = .*readers and writers do not wait for it" "$SERVER_DIR/said")" 1 "with its own hint"
is "$(grep -c "^HINT:  SET tally.lock_timeout = .*pg_terminate_backend($holder)" "$SERVER_DIR/said")" 1 "with what to run too"
sql -c "SELECT pg_cancel_backend($holder)" >/dev/null
wait || :

# By the autovacuum.
sql -c "UPDATE v SET n = n + 1" -c "ALTER TABLE v SET (autovacuum_enabled = on, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 10,
    autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0)"
is "$(at_work 'autovacuum worker')" yes "an autovacuum is at work"
is "$(sql -c "SET tally.lock_timeout = '5 seconds'" -c "${define/NAME/g}")" g "a definition has it yield"
is "$(grep -c 'canceling autovacuum task' "$SERVER_LOG")" 1 "which PostgreSQL's log says"
done_testing
