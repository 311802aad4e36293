#!/usr/bin/env bash
# Owns what the first start makes, once, in the database that pg_cron works in: the extensions, the jobs, and on request a pack
# with made-up events, and a reader for dashboards.
#
#   TALLY_PACK            a pack to install (awf, publisher, …); default: none
#   TALLY_EVENTS          how many events of the pack awf to make up; default 0
#   TALLY_READER_PASSWORD_FILE  file with the password of a login role `dashboard` that reads everything; default: no such role
set -euo pipefail

database=${CRON_DATABASE:-${POSTGRES_DB:-${POSTGRES_USER:-postgres}}}
ask() { psql -X -v ON_ERROR_STOP=1 -q --no-password -U "${POSTGRES_USER:-postgres}" -d "$database" "$@"; }

[[ ${TALLY_EVENTS:-0} =~ ^[0-9]+$ ]] || { echo "TALLY_EVENTS must be a whole number, got '$TALLY_EVENTS'" >&2; exit 1; }
if [ "$database" != "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" ] && [ "$database" != postgres ]; then
    psql -X -v ON_ERROR_STOP=1 -q -U "${POSTGRES_USER:-postgres}" -d postgres -v name="$database" <<<'CREATE DATABASE :"name";'
fi
ask -c "CREATE EXTENSION IF NOT EXISTS pg_cron" -c "CREATE EXTENSION IF NOT EXISTS pg_tally"

if [ -n "${TALLY_PACK:-}" ]; then
    if [ "${TALLY_EVENTS:-0}" -gt 0 ]; then
        [ "$TALLY_PACK" = awf ] || { echo "TALLY_EVENTS needs TALLY_PACK=awf, got '$TALLY_PACK'" >&2; exit 1; }
        ask -v events="$TALLY_EVENTS" <<<"SELECT tally.generate_awf(:events, until => now());" >/dev/null
    fi
    ask -v pack="$TALLY_PACK" <<<"SELECT tally.install_pack(:'pack');" >/dev/null
    ask -c "CALL tally.backfill()"
fi
if [ -n "${TALLY_READER_PASSWORD_FILE:-}" ]; then
    # The password goes neither into an argument nor into the environment of a process.
    ask -v file="$TALLY_READER_PASSWORD_FILE" <<'SQL'
\set password `cat :'file'`
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE dashboard LOGIN PASSWORD :'password';
GRANT pg_read_all_data TO dashboard;
-- A dashboard asks for much of which little runs; compiling it takes longer than running it.
ALTER ROLE dashboard SET jit = off;
SQL
fi
ask -c "SELECT tally.start()" >/dev/null
