#!/usr/bin/env bash
# Owns one guarantee: no error carries a Rust backtrace, whatever RUST_BACKTRACE the server was started with. Each kind of error
# is raised: one of our own, one of PostgreSQL's that passes through Rust, one that Rust catches and raises anew, a panic of Rust.
# Has a server of its own, which is started anew with each environment.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

unset RUST_BACKTRACE RUST_LIB_BACKTRACE
use_server quiet
remove_server
run_server quiet "${PROFILE:-release}" quiet "fsync = off" "shared_buffers = 64MB" "max_connections = 20" "log_min_messages = notice"
trap remove_server EXIT
ask() { server_psql -d quiet -AtqX "$@" 2>&1 || :; }

# A function that is declared without the argument that it reads: the only way to a panic from SQL, and only a superuser has it.
made=$(ask <<'SQL'
CREATE EXTENSION pg_tally;
CREATE FUNCTION panic() RETURNS float8 LANGUAGE c AS '$libdir/pg_tally', 'tally_bar_share';
CREATE TABLE e (at timestamptz NOT NULL, v int NOT NULL);
SELECT tally.create_rollup('broken', source => 'e', time_column => 'at', bucket => '1 hour', measures => '{"n": "sum(1 / v)"}', schedule => '* * * * *');
CALL tally.backfill('broken');
-- One whose owner loses the right to its source: not a bucket fails but the run.
CREATE ROLE quiet_owner;
GRANT CREATE ON SCHEMA public TO quiet_owner;
CREATE TABLE f (at timestamptz NOT NULL);
GRANT SELECT, TRIGGER ON f TO quiet_owner;
SET ROLE quiet_owner;
SELECT tally.create_rollup('denied', source => 'f', time_column => 'at', bucket => '1 hour', measures => '{"n": "count(*)"}', schedule => '* * * * *');
SELECT tally.refresh('denied');
RESET ROLE;
REVOKE SELECT ON f FROM quiet_owner;
SQL
)
is "$(grep ERROR <<<"$made" || :)" "" "the database is made"

# Statement → the whole of what the client is told, but for the line of the source.
declare -A kinds=(
    [own]="SELECT 'x'::tally.hll"
    [through]="SELECT tally.run_as(current_user::regrole, 'pg_catalog', 'SELECT 1 / 0')"
    [detail]="SELECT tally.run_as(current_user::regrole, 'pg_catalog', 'SELECT ''[1'' :: jsonb')"
    [timeout]="SELECT tally.run_as(current_user::regrole, 'pg_catalog', 'SELECT pg_sleep(100)', 10)"
    [panic]="SELECT panic()"
)
declare -A plain=()
trail='backtrace|\.rs:[0-9]|pgrx|rust_begin|std::|core::|^ *[0-9]+: |^ +at '

judge() { # WORDS
    local kind said
    for kind in $(printf '%s\n' "${!kinds[@]}" | sort); do
        said=$(ask -c "\\set VERBOSITY default" -c "${kinds[$kind]}")
        [ -n "${plain[$kind]:-}" ] || plain[$kind]=$said
        is "$(grep -cE '^ERROR: ' <<<"$said" || :)" 1 "$1: $kind: is an error"
        is "$(grep -E "$trail" <<<"$said" | head -n 5 || :)" "" "$1: $kind: without a backtrace"
        is "$said" "${plain[$kind]}" "$1: $kind: word for word as without the variable"
    done
    said=$(ask -c "INSERT INTO e VALUES ('2026-01-01 00:30+00', 0)" -c "INSERT INTO f VALUES ('2026-01-01 00:30+00')" \
        -c "SELECT tally.refresh('broken')" -c "CALL tally.refresh_scheduled('* * * * *')" -c "SELECT tally.health()")
    is "$(grep -E "$trail" <<<"$said" | head -n 5 || :)" "" "$1: notices of a refresh that fails: without a backtrace"
    is "$(ask -c "SELECT count(*) > 0 FROM tally.runs WHERE sqlstate = '42501'")" t "$1: the failed run is in the log of runs"
    is "$(ask -c "SELECT state FROM tally.status WHERE rollup = 'broken'")" error "$1: a bucket that cannot be computed is told"
    said=$(ask -c "SELECT concat_ws(E'\n', message, detail, hint) FROM tally.runs WHERE sqlstate IS NOT NULL" \
        -c "SELECT s::text FROM tally.status s" -c "SELECT b::text FROM tally.broken_buckets b")
    is "$(grep -E "$trail" <<<"$said" | head -n 5 || :)" "" "$1: the log of runs, buckets set aside and tally.status: without a backtrace"
}

judge "no variable"
for variable in RUST_BACKTRACE=1 RUST_BACKTRACE=full RUST_LIB_BACKTRACE=full; do
    stop_server
    export "${variable?}"
    start_server
    is "$(tr '\0' '\n' 2>/dev/null <"/proc/$(server_pid)/environ" | grep -c "^$variable$" || :)" 1 "$variable: the server was started with it"
    judge "$variable"
    unset "${variable%%=*}"
done
is "$(grep -E "$trail" "$SERVER_LOG" | head -n 5 || :)" "" "the server's log: without a backtrace"
done_testing
