#!/usr/bin/env bash
# Owns one promise: tally.openmetrics() is OpenMetrics: the parser of Prometheus's own Python client reads it, whatever names hold, and
# finds the numbers that plain SQL says. The parser is fetched from PyPI into a folder of the cache.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

client=$CACHE/prometheus-client-0.22.1
if [ ! -x "$client/bin/python" ]; then
    rm -rf "$client"
    /usr/bin/python3 -m venv "$client" >&2 && "$client/bin/pip" install -q --disable-pip-version-check prometheus-client==0.22.1 >&2 ||
        { rm -rf "$client"; skip_all "the parser cannot be had: pip install prometheus-client==0.22.1"; }
fi
use_server test
database=openmetrics
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -d $database -Atq -v ON_ERROR_STOP=1 "$@"; }
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database TEMPLATE tally_template"
trap 'server_psql -q -d postgres -c "DROP DATABASE $database WITH (FORCE)"' EXIT

sql >/dev/null <<'SQL'
CREATE TABLE events (at timestamptz NOT NULL, v int);
INSERT INTO events SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 minute', i FROM generate_series(1, 120) i;
SELECT tally.create_rollup('plain', 'events', 'at', measures => '{"n": "count(*)", "total": "sum(v)"}', with_data => true);
SELECT tally.create_rollup('"odd "" \ name"', 'events', 'at', measures => '{"n": "count(*)"}');
SELECT tally.create_metric('share', 'plain', 'total::float8 / nullif(n, 0)');
SELECT tally.create_threshold(E'line\nbreak "x" \\ é', condition => '> 5', query => 'SELECT 9 AS value', severity => 'critical', owner => 'on-call',
    runbook => 'https://example.org');
SELECT tally.create_threshold('broken', condition => '> 5', query => 'SELECT 1 / (random() * 0)::int AS value');
SELECT * FROM tally.evaluate('2026-03-01 10:00Z');
SELECT tally.resolve(id, 'a', 'b', 'c', '2026-03-01 10:00:30Z') FROM tally.incidents WHERE kind = 'breach';
INSERT INTO events VALUES ('2026-01-01 00:30Z', 5);
ANALYZE plain;
SQL

# Family, type, and each sample as name|labels|value, as the parser sees them.
cat >"$client/read.py" <<'PYTHON'
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    for s in family.samples:
        print(f"{family.name}|{family.type}|{s.name}|{json.dumps(s.labels, sort_keys=True, ensure_ascii=False)}|{s.value:g}")
PYTHON
# psql ends the text with a line feed of its own.
parse() { sed '/^$/d' | "$client/bin/python" "$client/read.py" 2>&1; }

text=$(sql -c "SELECT tally.openmetrics('2026-03-01 10:05Z')")
parsed=$(parse <<<"$text") || { not_ok "the parser reads it"; tail -n 3 <<<"$parsed" | diag; diag <<<"$text"; done_testing; exit; }
ok "the parser reads it"
is "$(grep -c . <<<"$parsed")" "$(grep -vc '^#' <<<"$text")" "and finds every sample"
is "$(tail -n 1 <<<"$text")" "# EOF" "which ends as it must"
value() { grep -F "$1" <<<"$parsed" | cut -d'|' -f5; }
is "$(value 'tally_rollup_rows|gauge|tally_rollup_rows|{"rollup": "plain"}')" "$(sql -c "SELECT count(*) FROM plain")" "rows of a rollup"
is "$(value 'tally_rollup_state|stateset|tally_rollup_state|{"rollup": "plain", "tally_rollup_state": "dirty"}')" 1 "a changed rollup is dirty"
is "$(grep -F '{"rollup": "plain", "tally_rollup_state"' <<<"$parsed" | cut -d'|' -f5 | sort | xargs)" "0 0 0 0 0 1" "and nothing else"
is "$(value 'tally_rollup_dirty_buckets|{"rollup": "plain"}' || value 'tally_rollup_dirty_buckets|gauge|tally_rollup_dirty_buckets|{"rollup": "plain"}')" \
    "$(sql -c "SELECT dirty_buckets FROM tally.status WHERE rollup = 'plain'")" "its marks"
is "$(grep -cF '{"rollup": "odd \" \\ name"' <<<"$parsed" || :)" \
    "$(sql -c "SELECT 6 + count(*) FROM regexp_split_to_table(tally.openmetrics('2026-03-01 10:05Z'), E'\n') l WHERE l LIKE '%odd%'
    AND l NOT LIKE 'tally_rollup_state%'")" \
    "a name with a quote and a backslash comes back"
is "$(value 'awf_alerts_incidents_created|counter|awf_alerts_incidents_created_total|{"severity": "critical", "threshold": "line\nbreak \"x\" \\ é"}')" 1 \
    "an incident, of a threshold with a line break in its name"
is "$(value 'tally_evaluation_failed|gauge|tally_evaluation_failed|{"threshold": "broken"}')" 1 "a threshold that fails"
is "$(value 'awf_alerts_resolution_time_ms|summary|awf_alerts_resolution_time_ms_count|{}')" 1 "one resolved"
is "$(value 'awf_alerts_resolution_time_ms|summary|awf_alerts_resolution_time_ms_sum|{}')" 30000 "after 30 seconds"
is "$(value 'awf_alerts_resolution_time_ms|summary|awf_alerts_resolution_time_ms|{"quantile": "0.95"}')" 30000 "and so its quantile"
is "$(value 'tally_evaluation_lag_seconds|gauge|tally_evaluation_lag_seconds|{"threshold": "broken"}' | awk '{ print ($1 >= 0) }')" 1 "a lag is never negative"
is "$(grep -c '^awf_dashboard_load_time_ms|gauge|awf_dashboard_load_time_ms|{"view": "plain_metrics"}' <<<"$parsed" || :)" 1 "a flat view was read and timed"
is "$(sql -c "SELECT tally.openmetrics(dashboards => false)" | grep -c awf_dashboard || :)" 0 "and is left alone when that is asked"
for name in awf_rollup_events_processed awf_rollup_duration_ms awf_alerts_incidents_created awf_alerts_resolution_time_ms awf_dashboard_load_time_ms; do
    is "$(grep -c "^# TYPE $name " <<<"$text" || :)" 1 "$name is there once"
done
# A stranger, and a session with settings of its own.
is "$(sql -c "CREATE ROLE tally_stranger" -c "SET ROLE tally_stranger" -c "SET extra_float_digits = -10" -c "SELECT tally.openmetrics()" | parse |
    grep -c '"threshold"' || :)" 0 "a stranger sees no threshold, and no error"
sql -c "DROP ROLE tally_stranger"
# Nothing resolved for long: a quantile of nothing is no number, and still a line.
is "$(sql -c "SELECT tally.openmetrics('2026-06-01')" | parse | grep -F 'awf_alerts_resolution_time_ms|{' | cut -d'|' -f5 | xargs)" "nan nan" \
    "no incident, no quantile"
done_testing
