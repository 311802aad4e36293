#!/usr/bin/env bash
# Owns `make test-superset`: the boards of the packs in a real Superset. It imports the ZIPs, opens each dashboard in headless Chromium, and holds every
# number that a chart got against the same question in SQL. Superset comes from PyPI, once, into the cache. Pictures are left in .run/superset/seen.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/browser.sh
. scripts/lib/browser.sh

here=pg_test/boards/superset
require_browser
scripts/setup.sh
cached=$CACHE/superset-$(sha256sum "$here/requirements.txt" | cut -c1-12)
export SUPERSET_CONFIG_PATH=$ROOT/$here/superset_config.py FLASK_APP=superset
if [ ! -e "$cached/ready" ]; then
    say "installing Superset into $cached (some minutes, once)"
    rm -rf "$cached"
    /usr/bin/python3 -m venv "$cached" && "$cached/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" ||
        die "Superset cannot be installed." "pip install -r $here/requirements.txt"
    export TALLY_SUPERSET_STORE=$cached/empty.db
    { "$cached/bin/superset" db upgrade && "$cached/bin/superset" init &&
        "$cached/bin/superset" fab create-admin --username admin --firstname a --lastname b --email a@b.example --password admin; } >"$cached/init.log" 2>&1 ||
        die "Superset does not start." "Its log: $cached/init.log"
    touch "$cached/ready"
fi

work=$ROOT/.run/superset
pid=
end() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || :
    stop_server
}
trap end EXIT
# A free port, from the system.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
run_server test "${PROFILE:-release}" postgres "fsync = off"
rm -rf "$work" && mkdir -p "$work/seen"
failed=0
in_database() { server_psql -X -q -A -t -v ON_ERROR_STOP=1 -d tally_superset "$@"; }
for pack in ${PACKS:-$(packs)}; do
    say "$pack: boards into Superset"
    server_psql -q -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS tally_superset" -c "CREATE DATABASE tally_superset" 2>/dev/null
    PGOPTIONS="-c client_min_messages=warning" in_database -o /dev/null -c "CREATE EXTENSION pg_tally" -c "CREATE EXTENSION pgtap" \
        -c "SELECT tally.generate_$pack(${EVENTS:-5000}, until => date_trunc('hour', now()))" -c "SELECT tally.install_pack('$pack')" -c "CALL tally.backfill()"
    in_database -o /dev/null -f "$here/viewer.sql"
    in_database -c "SELECT json_build_array(path, content) FROM tally.superset_files(uri =>
        'postgresql+psycopg2://tally_superset_viewer@/tally_superset?host=$SERVER_SOCKET&port=$SERVER_PORT')" |
        scripts/bundle.py "$work/$pack.zip"
    export TALLY_SUPERSET_STORE=$work/$pack.db
    cp "$cached/empty.db" "$TALLY_SUPERSET_STORE"
    "$cached/bin/superset" import-dashboards -p "$work/$pack.zip" -u admin >"$work/$pack.import.log" 2>&1 ||
        die "Superset does not take the ZIP of $pack." "Its log: $work/$pack.import.log"
    port=$(free_port)
    "$cached/bin/superset" run -h 127.0.0.1 -p "$port" --with-threads >"$work/$pack.log" 2>&1 &
    pid=$!
    for _ in $(seq 90); do
        ! curl -sf -o /dev/null "http://127.0.0.1:$port/health" || break
        sleep 1
    done
    mapfile -t slugs < <(in_database -c "SELECT tally_internal._grafana_uid(name) FROM tally.boards ORDER BY place, name")
    # One board with a filter, which all its charts must obey.
    filtered=$(in_database -f "$here/filtered.sql")
    node pg_test/boards/browser/superset.mjs "http://127.0.0.1:$port" "$work/seen/$pack" "${slugs[@]}" ${filtered:+"$filtered"}
    kill "$pid" && pid=
    in_database -c "CREATE TABLE public.seen_in_superset (name text, answer json)"
    for file in "$work/seen/$pack"/*.json; do
        jq -c --arg name "$(basename "$file" .json)" '.answers[] | [$name, .]' "$file"
        jq -c --arg name "$(basename "$file" .json)" '[$name, {faults: .faults, charts: .charts, slug: .slug}]' "$file"
    done >"$work/$pack.answers"
    in_database -c "CREATE TEMP TABLE line (l json)" -c "\\copy line FROM '$work/$pack.answers' WITH (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')" \
        -c "INSERT INTO public.seen_in_superset SELECT l ->> 0, l -> 1 FROM line"
    in_database -f "$here/numbers.sql" | tee "$work/$pack.tap" | grep -v '^ok' || :
    ! grep -q '^not ok' "$work/$pack.tap" || failed=1
    say "$pack: $(grep -c '^ok' "$work/$pack.tap") numbers, tables and pictures hold; pictures in $work/seen/$pack"
done
server_psql -q -c "DROP DATABASE tally_superset" -c "DROP ROLE IF EXISTS tally_superset_viewer"
exit "$failed"
