#!/usr/bin/env bash
# Owns what pg_test/install/upgrade.sh does inside the bare root: 0.1.0 at work by pg_cron, the new package over it, ALTER
# EXTENSION, and the same definitions at work again.

set -uo pipefail
. /test/tap.sh
. /test/server.sh

install_package /test/old.deb "apt-get installs the package of 0.1.0"
start_server
# The script of 0.1.0 names functions before they exist.
sql >/dev/null <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_cron;
SET check_function_bodies = off;
CREATE EXTENSION pg_tally;
CREATE TABLE events (at timestamptz NOT NULL, failed boolean NOT NULL);
SELECT tally.create_rollup('by_hour', 'events', 'at', '1 hour',
    measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}', schedule => '* * * * *', with_data => true);
SELECT tally.create_threshold('queue', condition => '> 5', query => 'SELECT 9 AS value', owner => 'on-call');
INSERT INTO events SELECT '2026-01-01Z'::timestamptz + i * interval '1 minute', i % 2 = 0 FROM generate_series(1, 100) i;
SELECT tally.start();
SQL
wait_for "SELECT (SELECT count(*) FROM tally.incidents) > 0 AND (SELECT sum(n) FROM by_hour) = 100"
is "$(sql -c "SELECT extversion FROM pg_extension WHERE extname = 'pg_tally'" -c "SELECT threshold, status FROM tally.incidents" \
    -c "SELECT sum(n), sum(failed) FROM by_hour" | xargs)" \
    "0.1.0 queue|new 100|50" "0.1.0 is at work: an incident and a rollup by pg_cron"
sql -c "INSERT INTO events SELECT '2026-01-01Z'::timestamptz + i * interval '1 minute', false FROM generate_series(1, 7) i" >/dev/null

words=$(apt install /test/new.deb)
is $? 0 "apt-get installs the new package over it"
is "$(dpkg-query -W -f '${Version}' "$name")" "$(dpkg-deb -f /test/new.deb Version)" "it has the new version"
# Between the two steps.
is "$(sql -c "INSERT INTO events VALUES ('2026-01-01 00:30Z', true)" -c "SELECT sum(n), sum(failed) FROM by_hour_live")" "108|51" \
    "before ALTER EXTENSION writers go on, and the live view is exact"
is "$(sql -c "SELECT tally.refresh('by_hour')" | grep -c 'ALTER EXTENSION pg_tally UPDATE;')" 1 "what computes says which statement to run"
# docs/upgrade.md: sessions that still have the library of 0.1.0 end before the update.
is "$(sql -c "SELECT count(pg_terminate_backend(pid)) >= 0 FROM pg_stat_activity
        WHERE datname = 'app' AND backend_type = 'client backend' AND pid <> pg_backend_pid()" -c "ALTER EXTENSION pg_tally UPDATE" \
    -c "SELECT installed_version = default_version FROM pg_available_extensions WHERE name = 'pg_tally'" |
    grep -vE '^(INFO|HINT|DETAIL)' | tail -n 1)" t "ALTER EXTENSION pg_tally UPDATE"
is "$(sql -c "SELECT sum(n), sum(failed) FROM by_hour_live" -c "SELECT threshold, status FROM tally.incidents" | xargs)" "108|51 queue|new" \
    "the live view and the incident are as they were"
wait_for "SELECT sum(n) = 108 FROM by_hour"
is "$(sql -c "SELECT sum(n), sum(failed) FROM by_hour")" "108|51" "pg_cron's jobs of before refresh the rollup"
sql -c "INSERT INTO events VALUES ('2026-01-02 00:30Z', true)" -c "SELECT tally.start()" >/dev/null
wait_for "SELECT sum(n) = 109 FROM by_hour"
is "$(sql -c "SELECT sum(n) FROM by_hour" -c "SELECT count(*) FROM tally.incidents WHERE threshold = 'queue'" | xargs)" "109 1" \
    "start() takes the jobs over; the incident is still one"
is "$(sql -c "SELECT rollup, state FROM tally.status")" "by_hour|fresh" "status says that all is fresh"
pg_ctlcluster "$PG_MAJOR" main stop -m immediate
done_testing
