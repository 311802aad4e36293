#!/usr/bin/env bash
# Owns the way of a database from one edition of pg_tally to the other: move.sh OLD NEW SCHEMA…. OLD and NEW are addresses that psql takes; SCHEMA are those
# of your tables and rollups. In NEW the other edition of the same version is installed, and nothing is defined. OLD is only read: stop its clock before, by
# SELECT tally.stop(). It needs psql, pg_dump and pg_restore, and nothing else of this folder. docs/supabase-hosted.md is the page for people.
set -euo pipefail
[ $# -ge 3 ] || { echo "expected OLD NEW SCHEMA…, got $# arguments" >&2; exit 2; }
old=$1 new=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
from() { PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning" psql -XAtq -v ON_ERROR_STOP=1 -d "$old" "$@"; }
into() { PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning" psql -XAtq -v ON_ERROR_STOP=1 -d "$new" "$@"; }
restore() { PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning" pg_restore --exit-on-error -d "$new" "$@" "$work/tables"; }

# Your tables. Views that pg_tally made, its triggers, and rows with sketches stay out.
from -c "SELECT line FROM tally_internal._move_plan() WHERE kind = 'leave'" >"$work/leave"
from -c "SELECT line FROM tally_internal._move_plan() WHERE kind = 'make'" >"$work/make"
into -c "SELECT ' SCHEMA - ' || nspname || ' ' FROM pg_namespace" >>"$work/leave"
pg_dump -d "$old" -Fc --no-publications --no-subscriptions "${@/#/--schema=}" -f "$work/tables"
list() { pg_restore -l "$@" "$work/tables" | grep -v -e '^;' -e ' TRIGGER .* tally_' -e ' TRIGGER tally_' | grep -vF -f "$work/leave" || :; }
list --section=pre-data | grep -vE '^[0-9]+; [0-9]+ [0-9]+ (VIEW|MATERIALIZED VIEW|ACL|DEFAULT ACL|COMMENT) ' >"$work/first" || :
list | grep -vxF -f "$work/first" >"$work/then" || :
grep ' MATERIALIZED VIEW DATA ' "$work/then" >"$work/last" || :
grep -v ' MATERIALIZED VIEW DATA ' "$work/then" >"$work/second" || :
restore -L "$work/first"
into -f "$work/make"
restore -L "$work/second"

# What pg_tally knows. One transaction: it is all there, or nothing of it.
from -c "COPY (SELECT * FROM tally.move_out()) TO STDOUT" >"$work/lines"
into -1 -c "CREATE TEMP TABLE moved (line jsonb)" -c "COPY moved FROM STDIN" \
    -c "SELECT relation || ': ' || rows_taken || ' rows' FROM tally.move_in('moved')" <"$work/lines"
into -c "CALL tally.backfill()"
restore -L "$work/last"
