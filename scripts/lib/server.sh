# shellcheck shell=bash
# Owns the private PostgreSQL servers: one per purpose (demo, test, crash, bench, …), each in `.run/<purpose>` with its
# own binaries, data, socket and log. Sourced after common.sh.
#
# PostgreSQL finds its library and share folders relative to its own binary. So a prefix of copied binaries and
# symlinked folders is a server that takes our extension without root and without touching the system's files.

# Runs a command as the user that owns the servers: PostgreSQL refuses to run as root, so root hands over to `postgres`.
as_server() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@")
    else
        "$@"
    fi
}

# Where the servers live: `.run` in the checkout; where the server's user cannot come (a checkout below /root), a folder
# under /var/tmp named after the checkout's path, with `.run` as a link to it.
locate_run() {
    RUN=$ROOT/.run
    [ ! -L "$RUN" ] || [ -d "$RUN" ] || rm -f "$RUN"
    if [ -L "$RUN" ]; then
        RUN=$(readlink -f "$RUN")
    elif ! mkdir -p "$RUN" 2>/dev/null || [ ! -w "$RUN" ] || ! as_server test -x "$RUN"; then
        RUN=/var/tmp/pg_tally-$(id -u)-$(printf %s "$ROOT" | sha256sum | cut -c1-12)
        say "the server's user cannot reach $ROOT/.run; using $RUN"
        mkdir -p -m 755 "$RUN"
        { rmdir "$ROOT/.run" && ln -s "$RUN" "$ROOT/.run"; } 2>/dev/null || :
    fi
    # Anybody may make folders in /var/tmp: trust only our own.
    [ -O "$RUN" ] || die "$RUN belongs to somebody else." "Remove it, or run as its owner."
}

# use_server PURPOSE: names the server that the functions below work on.
use_server() {
    [ -n "${RUN:-}" ] || locate_run
    SERVER=$1
    SERVER_DIR=$RUN/$1
    SERVER_BIN=$SERVER_DIR/pg/lib/postgresql/$PG_MAJOR/bin
    SERVER_DATA=$SERVER_DIR/data
    SERVER_LOG=$SERVER_DIR/server.log
    SERVER_PORT=54320
    [ ! -s "$SERVER_DIR/port" ] || SERVER_PORT=$(cat "$SERVER_DIR/port")
    SERVER_SOCKET=$SERVER_DIR
    [ ! -s "$SERVER_DIR/socket" ] || SERVER_SOCKET=$(cat "$SERVER_DIR/socket")
}

# The folder of a server, and its prefix: copied binaries, everything else linked.
make_prefix() {
    local lib=$SERVER_DIR/pg/lib/postgresql/$PG_MAJOR share=$SERVER_DIR/pg/share/postgresql/$PG_MAJOR
    mkdir -p "$SERVER_DIR"
    if [ "$(id -u)" -eq 0 ]; then chown postgres: "$SERVER_DIR"; fi
    chmod 700 "$SERVER_DIR"
    # The system's server may have been upgraded since: copy again when its binary differs.
    if cmp -s "$PG_LIB/bin/postgres" "$lib/bin/postgres" && [ -e "$share/extension/plpgsql.control" ]; then return; fi
    rm -rf "$SERVER_DIR/pg"
    mkdir -p "$lib/lib" "$share/extension"
    ln -s "$PG_LIB"/lib/* "$lib/lib/"
    find "$PG_SHARE" -mindepth 1 -maxdepth 1 ! -name extension -exec ln -s -t "$share" {} +
    find "$PG_SHARE/extension" -mindepth 1 ! -name 'pg_tally*' -exec ln -s -t "$share/extension" {} +
    cp -r "$PG_LIB/bin" "$lib/"
}

# install_extension PROFILE: builds pg_tally and puts its files into the server's prefix. `install` replaces files
# instead of writing into them, so a running backend keeps the library that it has mapped.
install_extension() {
    local package=$ROOT/target/package-$1
    "$ROOT/scripts/build.sh" "$1"
    make_prefix
    rm -f "$SERVER_DIR/pg/share/postgresql/$PG_MAJOR/extension/"pg_tally*
    install -m 755 "$package$PG_LIB/lib/"pg_tally.so "$SERVER_DIR/pg/lib/postgresql/$PG_MAJOR/lib/"
    install -m 644 "$package$PG_SHARE/extension/"pg_tally* "$SERVER_DIR/pg/share/postgresql/$PG_MAJOR/extension/"
}

# server_memory_mb SHARE MOST: one SHAREth of the machine's memory, at most MOST MB.
server_memory_mb() {
    awk -v share="$1" -v most="$2" '/^MemTotal:/ { mb = int($2 / 1024 / share); print (mb < most) ? mb : most }' /proc/meminfo
}

# A socket's path is limited to 107 bytes; and the folder is named in commands that people copy, so nothing to quote.
choose_socket_dir() {
    local longest="$SERVER_DIR/.s.PGSQL.$SERVER_PORT.lock"
    SERVER_SOCKET=$SERVER_DIR
    if [ ${#longest} -gt 100 ] || [[ $SERVER_DIR == *[!a-zA-Z0-9/._+@-]* ]]; then
        [ -d "$(cat "$SERVER_DIR/socket" 2>/dev/null)" ] || as_server mktemp -d /tmp/pg_tally.XXXXXX >"$SERVER_DIR/socket"
        SERVER_SOCKET=$(cat "$SERVER_DIR/socket")
    else
        rm -f "$SERVER_DIR/socket"
    fi
}

# write_settings DATABASE [LINE…]: the server's settings, written anew at each start because folders may have moved.
write_settings() {
    local database=$1
    shift
    as_server tee "$SERVER_DATA/pg_tally.conf" >/dev/null <<CONF
port = $SERVER_PORT
listen_addresses = ''
unix_socket_directories = '"$SERVER_SOCKET"'
unix_socket_permissions = 0700
shared_preload_libraries = 'pg_cron'
cron.database_name = '$database'
cron.host = '$SERVER_SOCKET'
cron.use_background_workers = off
cron.log_run = on
timezone = 'UTC'
log_line_prefix = '%m [%p] %d '
$(printf '%s\n' "$@")
CONF
}

# init_server DATABASE: the cluster and its first database. pg_cron's launcher wants its database from the first start
# on, so that is made in single-user mode.
init_server() {
    [ "$(cat "$SERVER_DATA/PG_VERSION" 2>/dev/null)" != "$PG_MAJOR" ] || return 0
    rm -rf "$SERVER_DATA" "$SERVER_DATA.new"
    as_server "$SERVER_BIN/initdb" -D "$SERVER_DATA.new" -U postgres --auth-local=trust --auth-host=scram-sha-256 -E UTF8 --locale=C.UTF-8 --no-sync \
        >"$SERVER_DIR/initdb.log" 2>&1 || { cat "$SERVER_DIR/initdb.log" >&2; die "initdb failed."; }
    as_server sh -c 'echo "include_if_exists = '\''pg_tally.conf'\''" >>"$1/postgresql.conf"' sh "$SERVER_DATA.new"
    if [ "$1" != postgres ]; then
        echo "CREATE DATABASE \"$1\"" | as_server "$SERVER_BIN/postgres" --single -D "$SERVER_DATA.new" -j postgres \
            >>"$SERVER_DIR/initdb.log" 2>&1
    fi
    mv "$SERVER_DATA.new" "$SERVER_DATA"
}

# The process id of the running server, or nothing. Lock files whose process is gone, is a zombie, or is some other
# program that got the number since, are removed: PostgreSQL itself would only see that the number is taken.
server_pid() {
    local pid
    pid=$(head -n 1 "$SERVER_DATA/postmaster.pid" 2>/dev/null) || return 0
    if [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$SERVER_DATA" ]; then
        echo "$pid"
    else
        rm -f "$SERVER_DATA/postmaster.pid" "$SERVER_SOCKET/.s.PGSQL.$SERVER_PORT.lock"
    fi
}

# start_server: starts with the settings as they are.
start_server() {
    [ -z "$(server_pid)" ] || return 0
    as_server "$SERVER_BIN/pg_ctl" -D "$SERVER_DATA" -l "$SERVER_LOG" -t 120 -w start >/dev/null || {
        tail -n 30 "$SERVER_LOG" >&2
        die "the $SERVER server did not start." "Its log: $SERVER_LOG"
    }
}

stop_server() {
    [ -n "$(server_pid)" ] || return 0
    as_server "$SERVER_BIN/pg_ctl" -D "$SERVER_DATA" -m fast -t 60 -w stop >/dev/null ||
        as_server "$SERVER_BIN/pg_ctl" -D "$SERVER_DATA" -m immediate -t 60 -w stop >/dev/null
}

# run_server PURPOSE PROFILE DATABASE [SETTING…]: builds, installs, makes the cluster if there is none, and starts it
# anew with these settings.
run_server() {
    use_server "$1"
    install_extension "$2"
    stop_server
    init_server "$3"
    choose_socket_dir
    write_settings "${@:3}"
    start_server
}

# run_hosted_server PURPOSE DATABASE [SETTING…]: the same without the extension: no file of ours is in its folders.
run_hosted_server() {
    use_server "$1"
    make_prefix
    stop_server
    init_server "$2"
    choose_socket_dir
    write_settings "${@:2}"
    start_server
}

# install_hosted DATABASE: makes the database anew, and the hosted edition in it, as the ordinary role tally_host. What needs a superuser is done here:
# the role, the database and pgTAP, which a platform's operator brings too.
install_hosted() {
    server_psql -q -d postgres -v ON_ERROR_STOP=1 <<SQL
SET client_min_messages = warning;
DO \$\$ BEGIN CREATE ROLE tally_host LOGIN CREATEROLE; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END \$\$;
DROP DATABASE IF EXISTS $1 WITH (FORCE);
CREATE DATABASE $1;
GRANT CREATE, TEMPORARY ON DATABASE $1 TO tally_host;
SQL
    server_psql -q -d "$1" -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pgtap" -c "GRANT ALL ON SCHEMA public TO tally_host WITH GRANT OPTION"
    put_hosted "$1"
}

# install_hosted_templates: the database of which each test has a copy, and the same with event triggers: some platforms let their administrator make
# them, which PostgreSQL itself allows a superuser alone.
install_hosted_templates() {
    install_hosted tally_template
    # What tests count and provoke with. Supabase's administrator may set them, too.
    server_psql -q -d postgres -v ON_ERROR_STOP=1 -c "GRANT SET ON PARAMETER track_functions, session_replication_role TO tally_host"
    server_psql -q -d postgres -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS tally_template_events WITH (FORCE)" \
        -c "CREATE DATABASE tally_template_events TEMPLATE tally_template"
    server_psql -q -d tally_template_events -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" -f sql/s90_grants/event_triggers.sql
}

# put_hosted DATABASE: runs the file of the hosted edition there, as tally_host.
put_hosted() {
    "$PG_LIB/bin/psql" -X -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U tally_host -d "$1" -q -1 -v ON_ERROR_STOP=1 \
        -f "dist/pg_tally-hosted--$VERSION.sql" >"$SERVER_DIR/install.log" 2>&1 || {
        tail -n 20 "$SERVER_DIR/install.log" >&2
        die "the hosted edition cannot be installed."
    }
}

# remove_server: ends the server and removes all that it had.
remove_server() {
    stop_server
    [ ! -s "$SERVER_DIR/socket" ] || rm -rf "$(cat "$SERVER_DIR/socket")"
    rm -rf "$SERVER_DIR"
}

# psql on the server, deaf to the user's ~/.psqlrc.
server_psql() { "$PG_LIB/bin/psql" -X -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres "$@"; }

# kill_server: SIGKILL to the postmaster and all its children, as a crash: nothing is flushed, nobody says goodbye. The
# children too, because a backend may outlive its postmaster and go on to commit.
kill_server() {
    local pid processes
    pid=$(server_pid)
    # Stopped first: a backend that was forked after the list was made outlived the server, waited for a lock of the dead, and its client for it.
    kill -STOP "$pid" 2>/dev/null || :
    # Until it stands still, is a zombie, or is gone.
    until [[ $(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) =~ ^([TZ]|$) ]]; do sleep 0.01; done
    processes="$pid $(pgrep -P "$pid" | tr '\n' ' ')"
    # shellcheck disable=SC2086  # one argument for each process
    kill -KILL $processes 2>/dev/null || :
    for pid in $processes; do
        # Until it is gone, or a zombie (which has no command line any more).
        while [ -n "$(tr -d '\0' 2>/dev/null <"/proc/$pid/cmdline")" ]; do sleep 0.01; done 2>/dev/null
    done
}

# tell_story DATABASE [psql argument…]: runs scripts in one session for somebody who reads along: output and notices in
# order, without the script's name and line before each notice.
tell_story() {
    stdbuf -oL "$PG_LIB/bin/psql" -X -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U "${STORY_ROLE:-postgres}" -q -v ON_ERROR_STOP=1 -d "$@" 2>&1 |
        sed -u -E 's/^psql:[^ ]+:[0-9]+: //'
}
