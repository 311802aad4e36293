# shellcheck shell=bash
# Owns: one of 2,000 partitions added, attached, detached and dropped, with four rollups on the table and with none; the live view's planning.
# PARTITIONS=400 for fewer.
partitions=${PARTITIONS:-2000}
sql >/dev/null <<'SQL'
CREATE TABLE plain (at timestamptz NOT NULL, kind text, ms int) PARTITION BY RANGE (at);
CREATE INDEX ON plain (at);
CREATE TABLE events (LIKE plain) PARTITION BY RANGE (at);
CREATE INDEX ON events (at);
SQL
for ((i = 0; i < partitions; i += 200)); do
    sql >/dev/null <<SQL
SELECT format('CREATE TABLE %1\$s_%2\$s PARTITION OF %1\$s FOR VALUES FROM (%3\$L) TO (%4\$L)', t, d, date '2020-01-01' + d, date '2020-01-02' + d)
  FROM unnest('{plain,events}'::text[]) t, generate_series($i, $i + 199) d \\gexec
SQL
done
sql >/dev/null <<'SQL'
SELECT tally.create_rollup(format('r%s', i), 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)"}', with_data => true)
    FROM generate_series(1, 4) i;
INSERT INTO events VALUES ('2020-05-01 10:00Z', 'a', 1);
ANALYZE;
SQL
n=2000
for table in plain events; do
    n=$((n + 10))
    TRIES=1 timed "$table: CREATE TABLE … PARTITION OF, warm" 'with rollups at most 50 ms more' \
        "CREATE TABLE ${table}_a PARTITION OF $table FOR VALUES FROM ('2030-01-01') TO ('2030-01-02')" \
            "CREATE TABLE ${table}_b PARTITION OF $table FOR VALUES FROM ('2030-01-02') TO ('2030-01-03')"
    TRIES=1 timed "$table: CREATE TABLE … PARTITION OF, a new session" 'with rollups at most 50 ms more' \
        "CREATE TABLE ${table}_c PARTITION OF $table FOR VALUES FROM ('2030-01-03') TO ('2030-01-04')"
    TRIES=1 timed "$table: ATTACH" 'with rollups at most 50 ms more' "CREATE TABLE ${table}_d (LIKE $table INCLUDING ALL)" \
        "ALTER TABLE $table ATTACH PARTITION ${table}_d FOR VALUES FROM ('2030-01-04') TO ('2030-01-05')"
    TRIES=1 timed "$table: DETACH" 'with rollups at most 50 ms more' "ALTER TABLE $table DETACH PARTITION ${table}_d"
    TRIES=1 timed "$table: DROP of a partition" 'with rollups at most 50 ms more' "DROP TABLE ${table}_c"
done
timed "planning of a live view over $partitions partitions" '-' "EXPLAIN SELECT * FROM r1_live WHERE bucket >= '2020-05-01Z' AND bucket < '2020-05-02Z'"
timed 'planning of the definition alone' '-' \
    "EXPLAIN SELECT date_trunc('hour', at), kind, count(*) FROM events WHERE at >= '2020-05-01Z' AND at < '2020-05-02Z' GROUP BY 1, 2"
TRIES=1 timed 'refresh of one dirty bucket' '-' "SELECT * FROM tally.refresh('r1')"
