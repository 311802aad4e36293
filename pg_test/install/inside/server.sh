# shellcheck shell=bash
# Owns what the tests inside a bare root share: apt, Debian's server with pg_cron as the Install page says, and its database app. Sourced after tap.sh.

name=postgresql-$PG_MAJOR-pg-tally

apt() { apt-get -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" </dev/null 2>&1; }
as_postgres() { (cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"); }
sql() { as_postgres psql -XAtq -v ON_ERROR_STOP=1 -d app "$@" 2>&1; }
# wait_for QUERY: until the query answers t; two minutes and a half, because pg_cron's shortest beat is a minute.
wait_for() {
    local tries=300
    until [ "$(sql -c "$1")" = t ] || [ $((tries -= 1)) -eq 0 ]; do sleep 0.5; done
}

with_cron() { apt install "$1" "postgresql-$PG_MAJOR-cron"; }

# install_package FILE NAME: the package and pg_cron, as one assertion; once more with fresh lists where the mirror has moved on.
install_package() {
    local words status=0
    words=$(with_cron "$1") || { apt-get update -q >/dev/null 2>&1; words=$(with_cron "$1"); } || status=$?
    is $status 0 "$2"
    [ "$(dpkg-query -W -f '${Status}' "$name")" = "install ok installed" ] || tail -n 10 <<<"$words" | diag
}

# What the Install page says: two settings and a restart.
start_server() {
    [ -d "/etc/postgresql/$PG_MAJOR/main" ] || pg_createcluster "$PG_MAJOR" main >/dev/null
    cat >>"/etc/postgresql/$PG_MAJOR/main/conf.d/pg_tally.conf" <<CONF
shared_preload_libraries = 'pg_cron'
cron.database_name = 'app'
cron.use_background_workers = on
CONF
    pg_ctlcluster "$PG_MAJOR" main start
    as_postgres createdb app
}
