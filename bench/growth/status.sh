# shellcheck shell=bash
# Owns: 500 rollups on one source, each with a metric: tally.status and tally.health().
sql >/dev/null <<'SQL'
CREATE TABLE events (at timestamptz NOT NULL, kind text, ms int);
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-03-01Z' + g * interval '1 minute', 'k' || g % 5, g FROM generate_series(1, 1000) g;
SELECT format('SELECT tally.create_rollup(''r%1$s'', ''events'', ''at'', dimensions => ''["kind"]'', measures => ''{"n": "count(*)", "ms": "sum(ms)"}'',
    schedule => ''*/5 * * * *''), tally.create_metric(''m%1$s'', ''r%1$s'', ''ms::float8 / nullif(n, 0)'')', i) FROM generate_series(1, 500) i \gexec
CALL tally.backfill();
INSERT INTO events VALUES ('2026-03-01Z', 'k1', 5);
ANALYZE;
SQL
timed '500 rollups: SELECT * FROM tally.status' '50 ms' 'SELECT count(state), count(reason), count(hint) FROM tally.status'
timed '500 rollups: SELECT * FROM tally.health()' '100 ms' 'SELECT count(*) FROM tally.health()'
TRIES=1 timed '500 rollups: insert of one row into their source' '-' "INSERT INTO events VALUES ('2026-03-02Z', 'k1', 5)"
TRIES=1 timed '500 rollups: refresh of them all' '-' 'SELECT count(*) FROM tally.refresh()'
