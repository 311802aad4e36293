#!/usr/bin/env bash
# Owns: pg_tally beside its rivals, one run, the same events: the hourly relation of the pack awf (hour × 7 dimensions, counts, sums, percentiles, distinct
# sessions), made, brought up to date after 10,000 new events in two hours, and asked for 30 days. Rivals in PostgreSQL: plain SQL, a table kept by hand, a
# materialized view, the extensions tdigest and hll, pg_ivm if the server has it. Column stores, from PyPI: DuckDB and chDB (ClickHouse).
# In a database of its own on the server that PGHOST, PGPORT and PGUSER name.
#
#   EVENTS=10000000 ROUNDS=3 make bench-rivals
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
events=${EVENTS:-10000000} rounds=${ROUNDS:-3}
db=${BENCH_DATABASE:-tally_bench_rivals}
# shellcheck source=bench/measure.sh
. "$here/measure.sh"
run_of "$events" 10000000 "EVENTS=$events ROUNDS=$rounds make bench-rivals"

packages=(duckdb==2.0.1 chdb==4.4.0)
columns=${XDG_CACHE_HOME:-$HOME/.cache}/pg_tally/columns-$(printf '%s ' "${packages[@]}" | sha256sum | cut -c1-12)
if [ ! -e "$columns/.ready" ]; then
    python3 -m venv "$columns"
    "$columns/bin/pip" install -q --disable-pip-version-check "${packages[@]}"
    touch "$columns/.ready"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fresh_database "$events" "$(span_for "$events")"
sql -c 'CREATE EXTENSION tdigest' -c 'CREATE EXTENSION hll' -f "$here/rivals/rivals.sql" >/dev/null
# The column stores read the events as a file; its making is nobody's time.
given='event_time, event_type, session_id, world, adventure, locale, model, experiment, variation, content_version, latency_ms, tokens_in, tokens_out, ticks,
    tool_calls, acts'
given=${given//$'\n'/ }
sql -c 'SET timezone = UTC' -c "\\copy (SELECT $given FROM analytics_events) TO '$folder/events.csv' (FORMAT csv, HEADER)" >/dev/null

echo 'making the hourly relation'
sql -c "SELECT tally.install_pack('awf')" >/dev/null
measure 'tally made' "CALL tally.backfill('awf_hourly')"
measure 'hand made' 'SELECT bench.store(bench.plain_query())'
sql -c 'DROP TABLE bench.stored' -c 'SELECT bench.by_hand_tables()' >/dev/null
took['matview made']=${took['hand made']}
measure 'sketched made' "CREATE TABLE bench.sketched AS $(sql -c 'SELECT bench.sketched_query()')"
sql -c 'CREATE INDEX ON bench.sketched (bucket)' -c 'CREATE UNIQUE INDEX ON bench.plain_hourly (bucket, world, adventure, locale, model, experiment, variation,
    content_version)' -c 'VACUUM (ANALYZE)' >/dev/null
for ((i = 1; i <= rounds; i++)); do
    echo "  new events: round $i of $rounds"
    sql -c "SELECT bench.new_events(10000, $i)" >/dev/null
    measure 'tally due' "SELECT count(*) FROM tally.refresh('awf_hourly')"
    measure 'hand due' 'SELECT bench.by_hand_refresh()'
    measure 'sketched due' 'SELECT bench.sketched_refresh()'
    [ "$i" -gt 1 ] || measure 'matview due' 'REFRESH MATERIALIZED VIEW CONCURRENTLY bench.plain_hourly'
    sql -c 'SET timezone = UTC' -c "\\copy (SELECT $given FROM bench_new.analytics_events) TO '$folder/new.$i.csv' (FORMAT csv, HEADER)"
done
sql -c 'SELECT bench.check_refresh()' >/dev/null

echo 'asking for 30 days'
declare -A question
while IFS=$'\t' read -r name relation; do question[$name]=$(sql -c "SELECT bench.question('$relation')"); done <<LIST
tally	public.awf_hourly
events	public.analytics_events
sketched	bench.sketched
LIST
for ((i = 1; i <= rounds; i++)); do
    for name in "${!question[@]}"; do measure "$name asked" "${question[$name]}"; done
done
# What each says is kept for the comparison.
for name in "${!question[@]}"; do sql -F, -c 'SET timezone = UTC' -c "${question[$name]}" | sed 's/ 00:00:00+00//' >"$folder/answer.$name.csv"; done

echo 'the column stores'
since=$(head -1 "$folder/answer.events.csv" | cut -d, -f1)
"$columns/bin/python" "$here/rivals/columns.py" "$folder" "$rounds" "$since" >"$folder/figures"
while IFS=$'\t' read -r name ms; do note "$name" "$ms"; done <"$folder/figures"
python3 "$here/rivals/agree.py" "$folder" >"$folder/errors"
declare -A off=([events]=exact)
while IFS=$'\t' read -r name errors; do off[$name]=$errors; done <"$folder/errors"

# pg_ivm works within the INSERT, so the same INSERT is timed without its view and with it. It comes last: its triggers would slow the others' inserts.
if [ "$(sql -c "SELECT count(*) FROM pg_available_extensions a WHERE a.name = 'pg_ivm'")" = 1 ]; then
    for ((i = 1; i <= rounds; i++)); do measure 'insert alone' 'SELECT bench.insert_again()'; done
    sql -c 'CREATE EXTENSION pg_ivm' >/dev/null
    measure 'ivm made' "SELECT pgivm.create_immv('bench.by_ivm', bench.ivm_query())"
    # Its statement looks for each changed group in all groups where a key may be null. So it has a limit, and one round.
    if sql -c "SET statement_timeout = '5min'" -c 'SELECT bench.insert_again()' >/dev/null; then
        measure 'insert with ivm' 'SELECT bench.insert_again()'
        note 'ivm due' "$(awk -v a="$(of 'insert with ivm')" -v b="$(of 'insert alone')" 'BEGIN { print a - b }')"
    else
        late_of_ivm='; no end in five minutes'
    fi
    for ((i = 1; i <= rounds; i++)); do measure 'ivm asked' "$(sql -c "SELECT bench.question('bench.by_ivm')")"; done
    version_of_ivm=$(sql -c "SELECT extversion FROM pg_extension WHERE extname = 'pg_ivm'")
fi

# rival TEXT NAME MADE DUE ASKED WORDS: a figure that a rival does not have is a dash.
rival() {
    local cells=() verb key
    for verb in made due asked; do
        key="$2 $verb"
        if [ -z "${took[$key]:-}" ]; then cells+=('-' '-'); else cells+=("$(thousands "$(ms_of "$key")")" "$(ratio "$key" "tally $verb")"); fi
    done
    table_row "$1" "${cells[@]}" "${off[$2]:--}" "$3"
}
table_head rival 'made, ms' '× pg_tally' 'up to date, ms' '× pg_tally' 'asked, ms' '× pg_tally' 'p95 / sessions off by at most' 'late, changed, deleted rows'
rival 'pg_tally: `awf_hourly`, t-digest and HLL' tally 'found, whatever they are'
rival 'plain SQL over the events, exact' events 'nothing is kept'
rival 'a table kept by hand, exact percentiles of an hour; days need the events' hand 'whoever refreshes must know the hours'
rival '`REFRESH MATERIALIZED VIEW CONCURRENTLY` of the same' matview 'all anew each time'
rival "a table kept by hand, extensions \`tdigest\` $(sql -c "SELECT extversion FROM pg_extension WHERE extname = 'tdigest'"), \`hll\` $(
    sql -c "SELECT extversion FROM pg_extension WHERE extname = 'hll'")" sketched 'whoever refreshes must know the hours'
rival "pg_ivm ${version_of_ivm:-(not on this server)}: counts and sums alone" ivm "found, within the writer${late_of_ivm:-}"
rival "DuckDB ${packages[0]#*==}: its table of hours; asked: the events in its own file" duckdb 'whoever refreshes must know the hours'
rival "chDB ${packages[1]#*==}: AggregatingMergeTree by a materialized view" chdb 'new rows alone'
rival 'chDB: asked: the events in its own table' chraw 'nothing is kept'
table_into README.md rivals
[ "${KEEP:-}" ] || psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db"
