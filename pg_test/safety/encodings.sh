#!/usr/bin/env bash
# Owns one promise: in a database whose encoding is not UTF8 the extension is refused in four parts, leaves nothing behind, and the statement of the
# hint makes a database in which it works, with texts of both. As it was, it installed there and took the bytes of LATIN1 for UTF-8.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server encodings
remove_server
run_server encodings "${PROFILE:-release}" postgres "fsync = off" "shared_buffers = 64MB" "max_connections = 20" "log_min_messages = fatal"
trap remove_server EXIT
sql() { PGOPTIONS='-c client_min_messages=warning' PGCLIENTENCODING=UTF8 server_psql -Atq -v ON_ERROR_STOP=1 "$@"; }

for encoding in SQL_ASCII LATIN1 LATIN9 WIN1252; do
    name=in_${encoding,,}
    sql -d postgres -c "CREATE DATABASE $name ENCODING '$encoding' LOCALE 'C' TEMPLATE template0"
    said=$(server_psql -X -v VERBOSITY=verbose -d "$name" -c 'CREATE EXTENSION pg_tally' 2>&1 || :)
    is "$(sed -n 's/^ERROR:  //p' <<<"$said")" "0A000: pg_tally needs a database whose encoding is UTF8, got $encoding" "$encoding is refused in words"
    is "$(sed -n 's/^DETAIL:  //p' <<<"$said")" "Names, labels and messages are read as UTF-8. Nothing was made." "$encoding: with the reason"
    is "$(sql -d "$name" -c "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tally%') + (SELECT count(*) FROM pg_extension
        WHERE extname = 'pg_tally')")" 0 \
        "$encoding: nothing is left behind"
    sql -d postgres -c "$(sed -n 's/^HINT:  //p' <<<"$said")"
    is "$(sql -d "${name}_utf8" <<'SQL'
CREATE EXTENSION pg_tally;
CREATE TABLE "größen" (at timestamptz NOT NULL, art text);
CREATE INDEX ON "größen" (at);
INSERT INTO "größen" SELECT '2026-03-01 00:00Z', 'straße' FROM generate_series(1, 3);
SELECT tally.create_rollup('nach_art', '"größen"', 'at', dimensions => '["art"]', measures => '{"n": "count(*)", "oft": "tally.topk(art)"}',
    with_data => true) \g /dev/null
SELECT art, n, (SELECT item FROM tally.top(oft, 1)) FROM nach_art;
SQL
)" "straße|3|straße" "$encoding: the statement of the hint makes a database where it works"
done
done_testing
