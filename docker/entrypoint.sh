#!/usr/bin/env bash
# Owns the start of the container: the official entry point, with pg_cron loaded and its database chosen.
#
#   POSTGRES_DB            the first database; pg_tally and pg_cron are made in it (official image; default: POSTGRES_USER)
#   POSTGRES_PASSWORD_FILE file with the superuser's password (official image); there is no default password
#   CRON_DATABASE          the database that pg_cron works in; default: the first one
#   CRON_TIMEZONE          the zone that schedules are read in; default UTC
#
# Arguments after `postgres` go on to the server and win over what is set here.
set -euo pipefail

# Other commands than the server (psql, bash, pg_dump) run as they are.
if [ "${1:-postgres}" != postgres ] && [ "${1:0:1}" != - ]; then exec "$@"; fi
[ "${1:-}" != postgres ] || shift

database=${CRON_DATABASE:-${POSTGRES_DB:-${POSTGRES_USER:-postgres}}}
# Background workers need no password and no listening address, which the first start does not have either.
exec docker-entrypoint.sh postgres \
    -c shared_preload_libraries=pg_cron \
    -c cron.database_name="$database" \
    -c cron.timezone="${CRON_TIMEZONE:-UTC}" \
    -c cron.use_background_workers=on \
    -c max_worker_processes="${MAX_WORKER_PROCESSES:-24}" \
    "$@"
