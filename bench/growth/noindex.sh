# shellcheck shell=bash
# Owns: a source without an index on its time column, all of whose buckets are dirty: one scan, not one a bucket.
for rows in 40000 80000 160000; do
    sql >/dev/null <<SQL
DROP TABLE IF EXISTS events CASCADE;
SELECT tally.drop_rollup(name) FROM tally.rollups;
CREATE TABLE events (at timestamptz NOT NULL, ms int);
SELECT tally.create_rollup('r', 'events', 'at', bucket => '1 minute', measures => '{"n": "count(*)"}', with_data => true);
INSERT INTO events SELECT timestamptz '2026-03-01Z' + g * interval '1 minute', g FROM generate_series(1, $rows) g;
ANALYZE;
SQL
    TRIES=1 timed "$rows dirty buckets without an index on the time: the live view" 'linear' 'SELECT count(*) FROM r_live'
    TRIES=1 timed "$rows dirty buckets without an index on the time: the refresh" 'linear' "SELECT * FROM tally.refresh('r')"
done
