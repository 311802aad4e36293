#!/usr/bin/env bash
# Owns what pg_test/install/docker.sh does inside the root that the Dockerfile made: a container's life, seen from its owner.
# ENTRYPOINT, CMD and HEALTHCHECK come from the Dockerfile, as shell words.

set -uo pipefail
number=$TAP_COUNT
. /test/tap.sh
TAP_COUNT=$number
umask 022
mkdir -p /run/secrets
printf 'let me in' >/run/secrets/postgres_password
printf "it's \"odd\" \$x" >/run/secrets/dashboard_password
chmod 644 /run/secrets/*
chown postgres: /var/run/postgresql

# A container of the image: its environment, its user, its entry point.
container() { (cd / && exec setpriv --reuid="$IMAGE_USER" --regid="$IMAGE_USER" --init-groups -- env "${settings[@]}" "$@"); }
eval "entrypoint=($IMAGE_ENTRYPOINT) command=($IMAGE_CMD) healthcheck=($IMAGE_HEALTHCHECK)"
healthy() { container "${healthcheck[@]}" >/dev/null 2>&1; }
sql() { container psql -XAtq -U postgres -d app -v ON_ERROR_STOP=1 "$@" 2>&1; }
until_true() { # SECONDS COMMAND…
    local tries=$(($1 * 2))
    shift
    until "$@"; do [ $((tries -= 1)) -gt 0 ] || return 1; sleep 0.5; done
}
answer() { [ "$(sql -c "$1")" = t ]; }

settings=(POSTGRES_DB=app)
is "$(container "${entrypoint[@]}" "${command[@]}" 2>&1 | grep -c 'password is not specified')" 1 "without a password nothing starts"
is "$(container "${entrypoint[@]}" psql --version 2>&1 | grep -c '^psql (PostgreSQL)')" 1 "another command than the server runs as it is"

settings=(POSTGRES_DB=app POSTGRES_PASSWORD_FILE=/run/secrets/postgres_password TALLY_READER_PASSWORD_FILE=/run/secrets/dashboard_password TALLY_PACK=awf \
    TALLY_EVENTS=20000)
container "${entrypoint[@]}" "${command[@]}" >/test/first.log 2>&1 &
server=$!
if until_true 240 healthy; then ok "the first start ends healthy"; else not_ok "the first start ends healthy"; tail -n 20 /test/first.log | diag; fi
is "$(ps -o user= -p "$(head -n 1 /var/lib/postgresql/data/postmaster.pid 2>/dev/null)" 2>/dev/null || stat -c %U /var/lib/postgresql/data/postmaster.pid)" \
    postgres "the server does not run as root"
is "$(sql -c "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql'")" "pg_cron pg_tally" \
    "both extensions are in the first database"
is "$(sql -c "SHOW shared_preload_libraries" -c "SHOW cron.database_name" | xargs)" "pg_cron app" "pg_cron is loaded, for that database"
is "$(sql -c "SELECT (SELECT count(*) FROM analytics_events) = 20000 AND (SELECT count(*) FROM tally.rollups) > 0
    AND count(*) FILTER (WHERE jobname LIKE 'tally %') > 0 FROM cron.job")" t "the pack, its events and its jobs are there"
reader() { PGPASSWORD=$1 psql -XAtq -h 127.0.0.1 -U dashboard -d app -c "$2" 2>&1; }
is "$(reader "$(cat /run/secrets/dashboard_password)" "SELECT sum(turns) > 0 FROM awf_hourly_live")" t \
    "the reader of dashboards gets in by TCP, with its password"
is "$(reader wrong "SELECT 1" | grep -c 'password authentication failed')" 1 "and not without it"
is "$(reader "$(cat /run/secrets/dashboard_password)" "DELETE FROM analytics_events" | grep -c 'permission denied')" 1 "and writes nothing"
is "$(grep -cF "let me in" /test/first.log; grep -cF "it's" /test/first.log)" "0
0" "no password is in the log"
sql >/dev/null -c "SELECT tally.create_threshold('queue', condition => '> 5', query => 'SELECT 9 AS value')"
if until_true 150 answer "SELECT count(*) = 1 FROM tally.incidents WHERE threshold = 'queue'"; then ok "pg_cron files an incident"; else not_ok \
    "pg_cron files an incident"; tail -n 5 /test/first.log | diag; fi

# docker stop: the official image's signal.
kill -INT "$(head -n 1 /var/lib/postgresql/data/postmaster.pid)"
wait "$server"
is $? 0 "the container ends by itself when it is told"
if healthy; then not_ok "a stopped one is not healthy"; else ok "a stopped one is not healthy"; fi
container "${entrypoint[@]}" "${command[@]}" -c work_mem=7MB >/test/second.log 2>&1 &
server=$!
if until_true 60 healthy; then ok "the second start ends healthy, with the same volume"; else not_ok \
    "the second start ends healthy, with the same volume"; tail -n 20 /test/second.log | diag; fi
is "$(sql -c "SHOW work_mem" -c "SELECT count(*) FROM tally.incidents WHERE threshold = 'queue'" | xargs)" "7MB 1" \
    "arguments go on to the server; nothing was made anew"
kill -INT "$(head -n 1 /var/lib/postgresql/data/postmaster.pid)"
wait "$server" || :
done_testing
