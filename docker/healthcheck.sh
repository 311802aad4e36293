#!/usr/bin/env bash
# Owns the container's health: the server answers, and the extension is in the database that pg_cron works in. While the first
# start is still going on the server listens on its socket alone, so it is asked by TCP.
set -euo pipefail

database=${CRON_DATABASE:-${POSTGRES_DB:-${POSTGRES_USER:-postgres}}}
user=${POSTGRES_USER:-postgres}
pg_isready -q -h 127.0.0.1 -U "$user" -d "$database"
[ "$(psql -XAtq -U "$user" -d "$database" -c "SELECT count(*) FROM pg_catalog.pg_extension WHERE extname IN ('pg_tally', 'pg_cron')")" = 2 ]
