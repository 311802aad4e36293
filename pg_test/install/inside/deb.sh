#!/usr/bin/env bash
# Owns what pg_test/install/deb.sh does inside the bare root: install, use, purge, as an administrator would type it.

set -uo pipefail
number=$TAP_COUNT
. /test/tap.sh
TAP_COUNT=$number
. /test/server.sh

install_package /test/package.deb "apt-get install ./package.deb"
start_server
is "$(sql -c "CREATE EXTENSION pg_cron" -c "CREATE EXTENSION pg_tally" -c "SELECT extversion FROM pg_extension WHERE extname = 'pg_tally'")" \
    "$(dpkg-query -W -f '${Version}' "$name")" "CREATE EXTENSION, of the package's version"
is "$(sql -c "SELECT tally.distinct_count(tally.hll(i % 50)) FROM generate_series(1, 1000) i")" 50 "the library answers"

sql >/dev/null <<'SQL'
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, failed boolean NOT NULL);
SELECT tally.create_rollup('by_hour', 'events', 'at', '1 hour', measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}',
    schedule => '* * * * *', with_data => true);
SELECT tally.create_threshold('queue', condition => '> 5', query => 'SELECT 9 AS value', owner => 'on-call');
INSERT INTO events SELECT now() - i * interval '1 minute', i % 2 = 0 FROM generate_series(1, 100) i;
SELECT tally.start();
SQL
wait_for "SELECT (SELECT count(*) FROM tally.incidents) > 0 AND (SELECT sum(n) FROM by_hour) = 100"
is "$(sql -c "SELECT threshold, value, status FROM tally.incidents")" "queue|9|new" "an incident, filed by pg_cron"
is "$(sql -c "SELECT sum(n), sum(failed) FROM by_hour")" "100|50" "a rollup, refreshed by pg_cron"

# Uninstall, as its page says.
is "$(sql -c "SET client_min_messages = warning" -c "SELECT count(*) > 0 FROM tally.stop()" -c "DROP EXTENSION pg_tally CASCADE" \
    -c "SELECT count(*) FROM pg_extension WHERE extname = 'pg_tally'" | tail -n 1)" 0 "DROP EXTENSION"
apt purge "$name" >/dev/null
is "$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -v not-installed)" "" "apt-get purge"
is "$(find / -xdev \( -path /proc -o -path /test -o -path /var/cache/apt -o -path /var/lib/apt -o -path /var/log -o -path /etc/postgresql \) -prune -o \( \
    -name '*pg_tally*' -o -name '*pg-tally*' \) -print)" "" \
    "nothing of it is left"
is "$(sql -c "SELECT count(*) FROM events")" 100 "the server and its data go on"
pg_ctlcluster "$PG_MAJOR" main stop -m immediate
done_testing
