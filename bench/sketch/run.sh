#!/usr/bin/env bash
# Speed and accuracy of the sketches. Needs a server with pg_tally, tdigest and hll (postgresql-<major>-tdigest, -hll) that
# the environment's PGHOST, PGPORT, PGUSER and PGDATABASE reach; EVENTS rows (10,000,000). Makes the table ev and drops it.
set -euo pipefail
cd "$(dirname "$0")"
sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }
sql -c 'CREATE EXTENSION IF NOT EXISTS tdigest SCHEMA public; CREATE EXTENSION IF NOT EXISTS hll SCHEMA public'
sql -v events="${EVENTS:-10000000}" -f data.sql
sql -v ON_ERROR_STOP=0 -f speed.sql
sql -c 'DROP TABLE ev'
cd ../.. && cargo test --release --lib accuracy_table -- --ignored --nocapture | grep -E 'rank error|one pass|parts'
