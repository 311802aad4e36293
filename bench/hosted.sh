#!/usr/bin/env bash
# Owns: what the hosted edition costs, beside the library edition and what PostgreSQL does by itself, in one run on the private server of scripts/bench.sh:
# processor time, the median of rounds that are interleaved. The tables go into bench/hosted.md.
#
#   EVENTS=10000000 ROUNDS=3 bench/hosted.sh [aims] [parts]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
events=${EVENTS:-10000000} rounds=${ROUNDS:-3}
parts=("$@"); [ $# -gt 0 ] || parts=(aims parts)
db=tally_bench_library
# shellcheck source=bench/measure.sh
. "$here/measure.sh"
run_of "$events" 10000000 "EVENTS=$events ROUNDS=$rounds make bench-hosted"

# sql …: in the hosted edition's database everything is done by the ordinary role that has installed it.
sql() {
    PGOPTIONS="-c client_min_messages=warning -c jit=off -c work_mem=$memory" \
        psql -XqAt -v ON_ERROR_STOP=1 -U "$([ "$db" = tally_bench_hosted ] && echo tally_host || echo postgres)" -d "$db" "$@"
}
# spend NAME PREPARE STATEMENT [TIMES]: processor time of a statement in a session of its own, behind what prepares it; the last of so many times.
spend() {
    local mark="SELECT 'at ' || x FROM ($cpu) c(x)" run=() figures
    for ((time = 1; time <= ${4:-1}; time++)); do run+=(-c "$2" -c "$mark" -c "$3" -c "$mark"); done
    # By itself, so that an error ends the run.
    figures=$(sql -c CHECKPOINT "${run[@]}")
    figures=$(awk '/^at / { before = last; last = $2 } END { print last - before }' <<<"$figures")
    cpu_of[$1]+="$figures"$'\n'
    printf '    %-34s %10.1f ms of CPU\n' "$1" "$figures"
}
# cpu_times NAME OTHER: how often the processor time of OTHER goes into that of NAME.
cpu_times() { awk -v a="$(printf '%s' "${cpu_of[$1]}" | median)" -v b="$(printf '%s' "${cpu_of[$2]}" | median)" 'BEGIN { printf "%.1f", a / b }'; }
# beside TEXT NAME TEXT OTHER [AIM]: a row of a table: both and how often the other goes into the first.
beside() {
    table_row "$1" "$(thousands "$(cpu_ms "$2")")" "$3" "$(thousands "$(cpu_ms "$4")")" "$(judged "$(cpu_times "$2" "$4")" "${5:-}")" "${5:-}"
}

# edition NAME: a database with one edition and the events.
edition() {
    db=tally_bench_$1
    psql -Xq -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS $db WITH (FORCE)"
    if [ "$1" = hosted ]; then
        (
            # shellcheck source=scripts/lib/common.sh
            . "$here/../scripts/lib/common.sh"
            # shellcheck source=scripts/lib/server.sh
            . scripts/lib/server.sh
            scripts/hosted.sh
            use_server bench
            install_hosted "$db"
        )
        psql -Xq -d "$db" -c "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO tally_host" -c "GRANT pg_read_server_files, pg_checkpoint TO tally_host"
    else
        psql -Xq -d postgres -c "CREATE DATABASE $db"
        sql -c 'CREATE EXTENSION pg_tally'
    fi
    sql <<SQL
CREATE SCHEMA bench;
CREATE TABLE bench.events (at timestamptz NOT NULL, value float8, person int);
INSERT INTO bench.events SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 second', (i * 7919 % 10007)::float8 / 10, (i * 31 % 50021)::int
  FROM generate_series(1, $events::bigint) i;
CREATE INDEX ON bench.events (at);
CREATE TABLE bench.plain (LIKE bench.events INCLUDING INDEXES);
CREATE TABLE bench.captured (LIKE bench.events INCLUDING INDEXES);
VACUUM ANALYZE bench.events;
SELECT tally.create_rollup('bench.captured_hourly', source => 'bench.captured', time_column => 'at', bucket => '1 hour', measures => '{"n": "count(*)"}');
SQL
}

# rollup NAME SOURCE BUCKET MEASURES [DIMENSIONS]: the statement that defines a rollup anew, without its history.
rollup() {
    echo "DROP FUNCTION IF EXISTS pg_temp.again();
        CREATE FUNCTION pg_temp.again() RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN
            IF to_regclass('$1') IS NOT NULL THEN PERFORM tally.drop_rollup('$1'); END IF;
            PERFORM tally.create_rollup('$1', source => '$2', time_column => 'at', bucket => '$3', measures => '$4', dimensions => '${5:-[]}');
        END \$\$;
        SELECT pg_temp.again()"
}
# The groups with a count, a sum, a minimum and a maximum. count(x) names the whole row, or PostgreSQL would leave out what nobody reads.
floor_query() { echo "SELECT count(x) FROM (SELECT $1, count(*), sum(value), min(value), max(value) FROM $2 GROUP BY $3) x"; }
hour="date_bin('1 hour', at, '2000-01-01 00:00+00')"

part_aims() {
    local all='{"n": "count(*)", "s": "sum(value)", "p": "tally.tdigest(value)", "u": "tally.hll(person)"}'
    local change="UPDATE bench.events SET value = value + 1 WHERE at IN ('2026-01-02 00:30+00', '2026-01-05 10:30+00')"
    local rows="SELECT timestamptz '2027-01-01 00:00+00' + i * interval '1 second', i, i FROM generate_series(1, 200000) i"
    for one in library hosted; do edition $one; done
    for ((i = 1; i <= rounds; i++)); do
        echo "  round $i of $rounds"
        for one in library hosted; do
            db=tally_bench_$one
            spend "floor $one" 'SELECT' "$(floor_query "$hour" bench.events 1)"
            spend "build $one" "$(rollup bench.hourly bench.events '1 hour' "$all")" "CALL tally.backfill('bench.hourly')"
            spend "plain $one" 'TRUNCATE bench.plain' "INSERT INTO bench.plain $rows"
            spend "captured $one" 'TRUNCATE bench.captured' "INSERT INTO bench.captured $rows"
            spend "refresh $one, first" "$change" "SELECT count(*) FROM tally.refresh('bench.hourly')"
            spend "refresh $one" "$change" "SELECT count(*) FROM tally.refresh('bench.hourly')" 2
        done
    done
    for one in library hosted; do
        db=tally_bench_$one
        sql -c "SELECT tally.create_metric('bench_value', 'bench.hourly', 's')" -c "SELECT count(tally.create_threshold('bench ' || i,
            metric => 'bench_value', condition => '< ' || i, owner => 'me')) FROM generate_series(1, 100) i" >/dev/null
        # Once, because a second evaluation of one beat has nothing to do.
        spend "tick $one" 'SELECT' 'SELECT count(*) FROM tally.evaluate()'
    done
    table_head 'hosted edition' 'ms of CPU' 'beside' 'ms of CPU' '×' aim
    beside "first build of $(thousands "$events") events by the hour: count, sum, \`tdigest\`, \`hll\`" 'build hosted' \
        'the same hours with count, sum, min, max, not stored' 'floor hosted' 4
    beside 'the same' 'build hosted' 'the library edition' 'build library'
    beside 'INSERT of 200,000 rows, captured' 'captured hosted' 'not captured' 'plain hosted' 1.6
    beside 'refresh of two dirty hours' 'refresh hosted' 'the library edition' 'refresh library' 3
    beside 'the same, as the first of a session' 'refresh hosted, first' 'the library edition' 'refresh library, first' 3
    beside 'evaluation of 100 thresholds (aim: under 1,000 ms)' 'tick hosted' 'the library edition' 'tick library'
    table_into hosted.md aims
    for one in library hosted; do psql -Xq -d postgres -c "DROP DATABASE tally_bench_$one WITH (FORCE)"; done
}

# shape TEXT BUCKET BUCKET_SQL DIMENSIONS GROUPS: a first build with more and more measures.
shape() {
    local measures
    for ((i = 1; i <= rounds; i++)); do
        spend "$1: floor" 'SELECT' "$(floor_query "$3" bench.shaped "$5")"
        for measures in '"n": "count(*)"' '"p": "tally.tdigest(value)"' '"u": "tally.hll(person)"' '"p": "tally.tdigest(value)", "u": "tally.hll(person)"'; do
            spend "$1: $measures" "$(rollup bench.shape bench.shaped "$2" "{\"s\": \"sum(value)\", $measures}" "$4")" "CALL tally.backfill('bench.shape')"
        done
    done
    table_row "$1" "$(thousands "$(cpu_ms "$1: floor")")" "$(thousands "$(cpu_ms "$1: \"n\": \"count(*)\"")")" \
        "$(thousands "$(cpu_ms "$1: \"p\": \"tally.tdigest(value)\"")")" "$(thousands "$(cpu_ms "$1: \"u\": \"tally.hll(person)\"")")" \
        "$(thousands "$(cpu_ms "$1: \"p\": \"tally.tdigest(value)\", \"u\": \"tally.hll(person)\"")")" \
        "$(cpu_times "$1: \"p\": \"tally.tdigest(value)\", \"u\": \"tally.hll(person)\"" "$1: floor")"
}

part_parts() {
    events=$((events / 10)) edition hosted
    # As many people as events.
    sql -c "CREATE TABLE bench.shaped AS SELECT at, value, row_number() OVER ()::int AS person, row_number() OVER () % 360 AS kind FROM bench.events" \
        -c 'CREATE INDEX ON bench.shaped (at)' -c 'VACUUM ANALYZE bench.shaped'
    table_head 'groups' 'floor' 'count, sum' 'sum, digest' 'sum, distinct' 'sum, digest, distinct' '× floor'
    shape 'an hour: 3,600 people' '1 hour' "$hour" '[]' 1
    shape 'an hour and one of 360 kinds: 10 people' '1 hour' "$hour, kind" '["kind"]' '1, 2'
    shape '100,000 seconds: 100,000 people' '100000 seconds' "date_bin('100000 seconds', at, '2000-01-01 00:00+00')" '[]' 1
    table_into hosted.md parts
    psql -Xq -d postgres -c "DROP DATABASE $db WITH (FORCE)"
}

for part in "${parts[@]}"; do
    case $part in
        aims | parts) "part_$part" ;;
        *) echo "bench/hosted.sh: parts are aims and parts, got $part" >&2; exit 2 ;;
    esac
done
