#!/usr/bin/env bash
# Owns the proof that scripts/move.sh takes a whole database from the hosted edition to the library, and back: what is stored, frozen history, sketches, alerts,
# logs, releases and saved views are there, numbers of rows and all; live views are exact, and capture goes on.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
scripts/hosted.sh 2>/dev/null
databases=(hosted_whole_a hosted_whole_b hosted_whole_c)
drop() { for d in "${databases[@]}"; do server_psql -q -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS $d WITH (FORCE)"; done; }
trap drop EXIT
drop
ask() { PGOPTIONS='-c client_min_messages=warning -c timezone=UTC' server_psql -Atq -v ON_ERROR_STOP=1 -d "$1" "${@:2}" 2>&1 || :; }
as_host() { ask "$1" -c "SET ROLE tally_host" "${@:2}"; }
move() {
    PATH="$PG_LIB/bin:$PATH" bash scripts/move.sh "host=$SERVER_SOCKET port=$SERVER_PORT user=$3 dbname=$1" \
        "host=$SERVER_SOCKET port=$SERVER_PORT user=$4 dbname=$2" shop 2>&1 || echo failed
}
library() {
    server_psql -q -d postgres -c "CREATE DATABASE $1 TEMPLATE tally_template" -c "GRANT CREATE ON DATABASE $1 TO tally_host"
}

# What readers see of what is stored, sketches by their answers; estimates of more than 766 people by their hundreds.
stored="SELECT bucket, kind, n, amount, tally.distinct_count(people), tally.percentile(p, 0.5), round(tally.slope(spread)::numeric, 9), sums::jsonb,
        tally.value(\"end\"), tally.high(points), round(tally.average(level)::numeric, 9), states::jsonb, (SELECT count FROM tally.top(top, 1))
        FROM shop.hourly%s ORDER BY 1, 2;
    SELECT bucket, step, name, actors FROM shop.buyers_steps%s ORDER BY 1, 2, 3;
    SELECT bucket, period, actors, retained FROM shop.again_cohorts%s ORDER BY 1, 2;
    SELECT person, n, first FROM shop.people%s ORDER BY 1;
    SELECT bucket, n FROM shop.plain%s ORDER BY 1;
    SELECT bucket, n, round(tally.distinct_count(people), -2) FROM shop.daily%s WHERE bucket < '2026-03-02' OR bucket > '2026-03-03 12:00' ORDER BY 1"
live=${stored//%s/_live}
stored=${stored//%s/}
# What pg_tally knows, row by row.
known="SELECT id, name, relation, live_view, source, frozen_before, schedule, description FROM tally.rollups ORDER BY id;
    SELECT * FROM tally.incidents ORDER BY id; SELECT * FROM tally.incident_events ORDER BY id; SELECT * FROM tally.threshold_states ORDER BY 1, 2, 3;
    SELECT * FROM tally.notifications ORDER BY id; SELECT * FROM tally.silences ORDER BY id; SELECT * FROM tally.released_buckets ORDER BY id;
    SELECT * FROM shop.shown ORDER BY bucket, cell; SELECT * FROM tally.release_proofs ORDER BY 1, 2, 3, 4; SELECT * FROM tally.board_views ORDER BY id;
    SELECT * FROM tally.audit ORDER BY id LIMIT %s; SELECT * FROM tally.tasks ORDER BY id; SELECT * FROM tally.limits ORDER BY id;
    SELECT * FROM tally.stored_settings ORDER BY name;
    SELECT kind, name, statement FROM tally.definitions() ORDER BY ordinal; SELECT obj_description('shop.sales'::regclass)"

# What a live view differs in from plain SQL over the raw rows, where they are.
differences="(SELECT bucket, kind, n, amount, tally.distinct_count(people) FROM shop.hourly_live WHERE bucket >= '2026-03-03'
     EXCEPT ALL SELECT date_trunc('hour', at, 'UTC'), kind::text, count(*), sum(amount), count(DISTINCT person) FROM shop.sales GROUP BY 1, 2)
    UNION ALL (SELECT date_trunc('hour', at, 'UTC'), kind::text, count(*), sum(amount), count(DISTINCT person) FROM shop.sales GROUP BY 1, 2
     EXCEPT ALL SELECT bucket, kind, n, amount, tally.distinct_count(people) FROM shop.hourly_live WHERE bucket >= '2026-03-03');
    (SELECT person, n, first FROM shop.people_live EXCEPT ALL SELECT person::text, count(*), min(at) FROM shop.acts GROUP BY 1)
    UNION ALL (SELECT person::text, count(*), min(at) FROM shop.acts GROUP BY 1 EXCEPT ALL SELECT person, n, first FROM shop.people_live)"

# alike GOT EXPECTED TEXT: shows the lines that differ, and no others.
alike() { is "$(diff <(echo "$2") <(echo "$1") | head -n 8 | cut -c 1-300)" '' "$3"; }
# arrived DATABASE SAID KNEW HOW
arrived() {
    alike "$(as_host "$1" -c "$stored")" "$2" "$4: stored rows give the same answers, frozen history too"
    alike "$(ask "$1" -c "$live")" "$2" "$4: and so do live views"
    alike "$(ask "$1" -c "$known")" "$3" "$4: definitions, incidents, messages, releases, views, audit and logs are the same"
    is "$(ask "$1" -c "$differences")" '' "$4: live views are exact"
    as_host "$1" -c "INSERT INTO shop.sales VALUES ('2026-03-04 05:30Z', 1, 'buy', 7)" -c "DELETE FROM shop.sales WHERE at = '2026-03-03 01:00Z'" \
        -c "INSERT INTO shop.acts VALUES ('2026-03-04 05:30Z', 2, 'pay', 7)" >/dev/null
    is "$(ask "$1" -c "$differences")" '' "$4: capture goes on"
    is "$(as_host "$1" -c "CALL tally.backfill()" -c "$differences" \
        -c "SELECT rollup, state, message FROM tally.status WHERE state NOT IN ('fresh', 'due')" | head)" '' \
        "$4: the next refresh is exact, and no rollup has a fault"
    # In the library edition the clock's work is its operator's.
    local clock=as_host
    [ "$1" != hosted_whole_b ] || clock=ask
    is "$($clock "$1" -c "SELECT count(*) FROM tally.evaluate('2026-03-05 12:00Z') e WHERE e::text ~ 'opened'" \
        -c "SELECT count(*) FROM tally.incidents" | tail -n 1)" 1 \
        "$4: the tick that was evaluated opens no second incident"
    is "$(as_host "$1" -c "SELECT * FROM tally.refresh_release('shop.shown', '2026-03-04 12:00Z')")" '' "$4: nothing is published twice"
    is "$(as_host "$1" -c "SELECT sum(n) = (SELECT sum(n) FROM shop.hourly_live) FROM shop.own")" t "$4: a view on a live view reads it"
    is "$(as_host "$1" -c "SELECT tally.distinct_count(tally.rollup(people)) > 300 FROM shop.hourly WHERE bucket < '2026-03-03'" \
        -c "SELECT tally.distinct_count(tally.rollup(people)) > 300 FROM shop.hourly WHERE bucket >= '2026-03-03'" | tr '\n' ' ')" 't t ' \
        "$4: distinct counts merge on each side of the horizon"
    is "$(as_host "$1" -c "SELECT tally.distinct_count(tally.rollup(people)) FROM shop.hourly" | grep -c 'ERROR:.*distinct counts under one identity key')" 1 \
        "$4: and not across it, where a person would count twice"
}

install_hosted hosted_whole_a
is "$(ask hosted_whole_a -c "SET ROLE tally_host" -f pg_test/hosted/moves_whole.psql | grep -E 'ERROR|WARNING')" '' 'a database of the hosted edition'
ask hosted_whole_a -c "SET ROLE tally_host" -c "CALL tally.backfill()" >/dev/null
known=${known/\%s/$(ask hosted_whole_a -c "SELECT count(*) FROM tally.audit")}
said=$(ask hosted_whole_a -c "$stored") knew=$(ask hosted_whole_a -c "$known")
is "$(wc -l <<<"$said" | awk '{ print ($1 > 400) }') $(grep -c ERROR <<<"$said$knew")" '1 0' 'which answers'

library hosted_whole_b
out=$(move hosted_whole_a hosted_whole_b tally_host postgres)
is "$(grep -E 'ERROR|error:|failed|WARNING' <<<"$out" | head -n 5)" '' 'it moves to the library without an error'
arrived hosted_whole_b "$said" "$knew" 'hosted to library'

said=$(ask hosted_whole_b -c "$stored") knew=$(ask hosted_whole_b -c "$known")
install_hosted hosted_whole_c
out=$(move hosted_whole_b hosted_whole_c postgres tally_host)
is "$(grep -E 'ERROR|error:|failed|WARNING' <<<"$out" | head -n 5)" '' 'and back without an error'
arrived hosted_whole_c "$said" "$knew" 'library to hosted'
is "$(move hosted_whole_b hosted_whole_c postgres tally_host | grep -cE 'already exists|without definitions')" 1 'a database with definitions is refused'
done_testing
