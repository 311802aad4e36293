# shellcheck shell=bash
# Owns: 2,000 thresholds in one tick, on queries, on metrics, and all of them firing.
sql >/dev/null <<'SQL'
CREATE TABLE events (at timestamptz NOT NULL, kind text, ms int);
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-03-01Z' + g * interval '1 minute', 'k' || g % 5, g FROM generate_series(1, 1000) g;
SELECT tally.create_rollup('r', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)", "ms": "sum(ms)"}', with_data => true);
SELECT tally.create_metric('m', 'r', 'ms::float8 / nullif(n, 0)');
SELECT tally.create_threshold(format('q%s', i), query => format('SELECT %s AS value', i % 7), condition => '> 10') FROM generate_series(1, 2000) i;
ANALYZE;
SQL
one="SELECT count(*), count(error) FROM tally.evaluate('2026-03-01 10:%s:00Z')"
# shellcheck disable=SC2059
tick() { TRIES=1 timed "$1" "$2" "$(printf "$one" "$3")"; }
tick '2,000 thresholds on queries: first tick' '1 s' 01
tick '2,000 thresholds on queries: a calm tick' '1 s' 02
tick '2,000 thresholds on queries: another' '1 s' 03
sql >/dev/null <<'SQL'
SELECT tally.enable_threshold(t.name, false) FROM tally.thresholds t;
SELECT tally.create_threshold(format('m%s', i), metric => 'm', condition => '> ' || 1000000 + i) FROM generate_series(1, 2000) i;
ANALYZE;
SQL
tick '2,000 thresholds on one metric: first tick' '1 s' 11
tick '2,000 thresholds on one metric: a calm tick' '1 s' 12
tick '2,000 thresholds on one metric: another' '1 s' 13
timed '2,000 thresholds: SELECT * FROM tally.health()' '100 ms' 'SELECT count(*) FROM tally.health()'
