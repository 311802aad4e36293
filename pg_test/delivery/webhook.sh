#!/usr/bin/env bash
# Owns delivery to a real receiver: an HTTP server that fails, stalls, takes and hangs up, on command. pg_net is not in
# Debian; a stand-in schema `net` of the same signature keeps the requests, and this script is its worker.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
folder=$(mktemp -d)
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS delivery" -c "CREATE DATABASE delivery TEMPLATE tally_template"
receiver=
trap '[ -z "$receiver" ] || kill "$receiver"; rm -rf "$folder"; server_psql -q -d postgres -c "DROP DATABASE IF EXISTS delivery WITH (FORCE)"' EXIT
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -d delivery -Atq -v ON_ERROR_STOP=1 "$@"; }

perl pg_test/delivery/receiver.pl "$folder/port" "$folder/log" 500 200 stall lost 503 200 &
receiver=$!
for _ in $(seq 100); do [ -s "$folder/port" ] && break; sleep 0.05; done
port=$(cat "$folder/port")

sql >/dev/null <<SQL
CREATE SCHEMA net;
CREATE TABLE net.http_request_queue (id bigserial, url text, body jsonb, headers jsonb);
CREATE TABLE net._http_response (id bigint, status_code int, content_type text, headers jsonb, content text, timed_out bool, error_msg text,
    created timestamptz DEFAULT now());
CREATE FUNCTION net.http_post(url text, body jsonb DEFAULT '{}', params jsonb DEFAULT '{}', headers jsonb DEFAULT '{"Content-Type": "application/json"}',
    timeout_milliseconds int DEFAULT 5000)
    RETURNS bigint LANGUAGE sql AS 'INSERT INTO net.http_request_queue (url, body, headers) VALUES (url, body, headers) RETURNING id';
-- What is pg_net's is asked of pg_extension, so the stand-in is made a member of an extension of that name.
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) VALUES (90001, 'pg_net', 10, 'net'::regnamespace, false, '0');
RESET allow_system_table_mods;
ALTER EXTENSION pg_net ADD FUNCTION net.http_post(text, jsonb, jsonb, jsonb, int);
ALTER EXTENSION pg_net ADD TABLE net._http_response;
CREATE TABLE feed (world text, value float8);
INSERT INTO feed VALUES ('w1', 99), ('w2', 99), ('w3', 99);
SELECT tally.create_channel('hook', url => 'http://127.0.0.1:$port/hook');
SELECT tally.create_threshold('t', query => 'SELECT world, value FROM feed', condition => '> 10');
SQL

# One round of pg_net's worker: takes what is queued, posts it, writes down the answers.
work() {
    local id key body answer
    while IFS='|' read -r id key body; do
        [ -n "$id" ] || continue
        answer=$(perl pg_test/delivery/post.pl "$port" "$key" <<<"$body")
        case $answer in
            [0-9]*) sql -c "INSERT INTO net._http_response (id, status_code, timed_out) VALUES ($id, $answer, false)" ;;
            *) sql -c "INSERT INTO net._http_response (id, timed_out, error_msg) VALUES ($id, $([ "$answer" = 'timed out' ] && echo true ||
                echo false), '$answer')" ;;
        esac
    done < <(sql -c "WITH taken AS (DELETE FROM net.http_request_queue RETURNING *) SELECT id, headers ->> 'Idempotency-Key', body FROM taken ORDER BY id")
}

sql -c "SELECT * FROM tally.evaluate('2026-03-01 12:00Z')" >/dev/null
is "$(sql -c "SELECT count(*) FROM net.http_request_queue")" 3 "three incidents, three posts, in the transaction that filed them"
rounds=0
while [ "$(sql -c "SELECT count(*) FROM tally.notifications WHERE status <> 'sent'")" -gt 0 ] && [ $rounds -lt 20 ]; do
    work
    rounds=$((rounds + 1))
    sql -c "SELECT * FROM tally.deliver('2026-03-01 12:00Z'::timestamptz + interval '$rounds minutes')" >/dev/null
done
# By hand: the first is refused, then taken but not answered, then taken again; the second is taken at once; the third
# meets a stall, then 503, then is taken.
is "$(sql -c "SELECT count(*) FROM tally.notifications WHERE status = 'sent'")" 3 "all are taken in the end (after $rounds rounds)"
is "$(awk '{ print $1 }' "$folder/log" | tr '\n' ' ')" "500 200 stall lost 503 200 200 " "the receiver failed, stalled, hung up, failed and took"
is "$(awk '{ print $2 }' "$folder/log" | sort -u | wc -l)" 3 "seven posts under three keys: a repeat can be told"
is "$(awk '$1 == "200" || $1 == "lost" { print $2 }' "$folder/log" | sort -u | wc -l)" 3 "each message was taken"
is "$(sql -c "SELECT string_agg(attempts::text, ' ' ORDER BY attempts) FROM tally.notifications")" "1 3 3" "in one, three and three attempts"
is "$(grep -c '"event": "opened"' "$folder/log")" 7 "each with the incident in its body"
done_testing
