#!/usr/bin/env bash
# Owns what pg_test/install/deb.sh does inside the bare root: install, use, purge, as an administrator would type it.

set -uo pipefail
number=$TAP_COUNT
. /test/tap.sh
TAP_COUNT=$number
name=postgresql-$PG_MAJOR-pg-tally

apt() { apt-get -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" </dev/null 2>&1; }
sql() { (cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups -- psql -XAtq -v ON_ERROR_STOP=1 -d app "$@") 2>&1; }

words=$(apt install /test/package.deb "postgresql-$PG_MAJOR-cron") || { apt-get update -q >/dev/null 2>&1; words=$(apt install /test/package.deb "postgresql-$PG_MAJOR-cron"); }
is $? 0 "apt-get install ./package.deb"
[ "$(dpkg-query -W -f '${Status}' "$name")" = "install ok installed" ] || tail -n 10 <<<"$words" | diag

# What the Install page says: two settings, a restart, two extensions.
[ -d "/etc/postgresql/$PG_MAJOR/main" ] || pg_createcluster "$PG_MAJOR" main >/dev/null
cat >>"/etc/postgresql/$PG_MAJOR/main/conf.d/pg_tally.conf" <<CONF
shared_preload_libraries = 'pg_cron'
cron.database_name = 'app'
cron.use_background_workers = on
CONF
pg_ctlcluster "$PG_MAJOR" main start
(cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- createdb app)
is "$(sql -c "CREATE EXTENSION pg_cron" -c "CREATE EXTENSION pg_tally" -c "SELECT extversion FROM pg_extension WHERE extname = 'pg_tally'")" \
    "$(dpkg-query -W -f '${Version}' "$name")" "CREATE EXTENSION, of the package's version"
is "$(sql -c "SELECT tally.distinct_count(tally.hll(i % 50)) FROM generate_series(1, 1000) i")" 50 "the library answers"

sql >/dev/null <<'SQL'
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, failed boolean NOT NULL);
SELECT tally.create_rollup('by_hour', 'events', 'at', '1 hour', measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}', schedule => '* * * * *', with_data => true);
SELECT tally.create_threshold('queue', condition => '> 5', query => 'SELECT 9 AS value', owner => 'on-call');
INSERT INTO events SELECT now() - i * interval '1 minute', i % 2 = 0 FROM generate_series(1, 100) i;
SELECT tally.start();
SQL
tries=300
until [ "$(sql -c "SELECT (SELECT count(*) FROM tally.incidents) > 0 AND (SELECT sum(n) FROM by_hour) = 100")" = t ] || [ $((tries -= 1)) -eq 0 ]; do sleep 0.5; done
is "$(sql -c "SELECT threshold, value, status FROM tally.incidents")" "queue|9|new" "an incident, filed by pg_cron"
is "$(sql -c "SELECT sum(n), sum(failed) FROM by_hour")" "100|50" "a rollup, refreshed by pg_cron"

# Uninstall, as its page says.
is "$(sql -c "SET client_min_messages = warning" -c "SELECT count(*) > 0 FROM tally.stop()" -c "DROP EXTENSION pg_tally CASCADE" -c "SELECT count(*) FROM pg_extension WHERE extname = 'pg_tally'" | tail -n 1)" 0 "DROP EXTENSION"
apt purge "$name" >/dev/null
is "$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -v not-installed)" "" "apt-get purge"
is "$(find / -xdev \( -path /proc -o -path /test -o -path /var/cache/apt -o -path /var/lib/apt -o -path /var/log -o -path /etc/postgresql \) -prune -o \( -name '*pg_tally*' -o -name '*pg-tally*' \) -print)" "" \
    "nothing of it is left"
is "$(sql -c "SELECT count(*) FROM events")" 100 "the server and its data go on"
pg_ctlcluster "$PG_MAJOR" main stop -m immediate
done_testing
