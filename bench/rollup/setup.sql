-- Owns: what bench/rollup/run.sh measures: the history, the same rollup by three means, ways to change the history, and a
-- stopwatch. Everything lives in schema bench and goes with it.

CREATE SCHEMA bench;
SET search_path = bench, public;
CREATE TABLE took (what text, round int, ms float8);

CREATE PROCEDURE measure(what text, round int, statement text) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    EXECUTE statement;
    COMMIT;
    INSERT INTO bench.took VALUES (what, round, extract(epoch FROM clock_timestamp() - began) * 1000);
    COMMIT;
END $$;
CREATE FUNCTION of(name text) RETURNS float8 LANGUAGE sql AS $$ SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM bench.took WHERE what = name $$;

-- Ten thousand events an hour, eight kinds, in order of time: a history of so many rows is so many hours long.
CREATE TABLE events (at timestamptz NOT NULL, kind text NOT NULL, amount int NOT NULL, id bigint);
CREATE PROCEDURE load(many bigint) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bench.events SELECT timestamptz '2020-01-01 00:00+00' + i * interval '0.36 seconds', 'kind ' || (i * 7919) % 8, (i * 104729) % 1000,
        i FROM generate_series(0, many - 1) i;
    CREATE INDEX ON bench.events (at);
    ANALYZE bench.events;
END $$;

-- The rollup as a person writes it, and as a materialized view.
CREATE FUNCTION definition(condition text DEFAULT 'true') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT date_trunc(''hour'', at, ''UTC'') AS bucket, kind, count(*) AS n, sum(amount) AS total, min(amount) AS lo, '
        'max(amount) AS hi FROM bench.events WHERE %s GROUP BY 1, 2', condition)
$$;
CREATE PROCEDURE make_rivals() LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'CREATE TABLE bench.by_hand AS ' || bench.definition();
    ALTER TABLE bench.by_hand ADD PRIMARY KEY (bucket, kind);
    EXECUTE 'CREATE MATERIALIZED VIEW bench.matview AS ' || bench.definition();
    CREATE UNIQUE INDEX ON bench.matview (bucket, kind);
    ANALYZE bench.by_hand;
    ANALYZE bench.matview;
END $$;

-- Which hours the latest change touched: what the person who deletes and inserts must know by other means.
CREATE TABLE touched (bucket timestamptz PRIMARY KEY);
CREATE PROCEDURE change(many int, buckets int, round int) LANGUAGE plpgsql AS $$
DECLARE
    hours int := (SELECT extract(epoch FROM max(at) - min(at)) / 3600 FROM bench.events);
BEGIN
    TRUNCATE bench.touched;
    INSERT INTO bench.touched SELECT DISTINCT timestamptz '2020-01-01 00:00+00' + ((i::bigint * hours / buckets + round * 7) % hours) * interval '1 hour'
        FROM generate_series(0, buckets - 1) i;
    INSERT INTO bench.events
    SELECT t.bucket + (i % 3600) * interval '1 second', 'kind ' || i % 8, i % 1000, -i
      FROM generate_series(0, many - 1) i
          JOIN (SELECT bucket, row_number() OVER (ORDER BY bucket) - 1 AS place FROM bench.touched) t ON t.place = i % (SELECT count(*) FROM bench.touched);
END $$;
CREATE FUNCTION delete_and_insert() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM bench.by_hand h USING bench.touched t WHERE h.bucket = t.bucket;
    -- One index range per hour: the best plan a person would find.
    INSERT INTO bench.by_hand
    SELECT t.bucket, r.* FROM bench.touched t
     CROSS JOIN LATERAL (SELECT kind, count(*), sum(amount), min(amount), max(amount) FROM bench.events e WHERE e.at >= t.bucket
         AND e.at < t.bucket + interval '1 hour' GROUP BY kind) r;
END $$;

-- WAL that a statement writes while nobody else works, in bytes: the least of five.
CREATE PROCEDURE wal_of(statement text, INOUT bytes bigint) LANGUAGE plpgsql AS $$
DECLARE
    before pg_lsn;
BEGIN
    FOR i IN 1..5 LOOP
        COMMIT;
        before := pg_current_wal_insert_lsn();
        EXECUTE statement;
        COMMIT;
        bytes := LEAST(bytes, pg_current_wal_insert_lsn() - before);
    END LOOP;
END $$;

-- Tables with so many rollups upon them, for capture.
CREATE PROCEDURE make_captured() LANGUAGE plpgsql AS $$
DECLARE
    many int;
BEGIN
    FOREACH many IN ARRAY '{0,1,2,8}'::int[] LOOP
        EXECUTE format('CREATE TABLE bench.captured_%s (at timestamptz NOT NULL, kind text NOT NULL, amount int NOT NULL, id bigint)', many);
        EXECUTE format('CREATE INDEX ON bench.captured_%s (at)', many);
        FOR i IN 1..many LOOP
            PERFORM tally.create_rollup(format('captured_%s_%s', many, i), format('bench.captured_%s', many)::regclass, 'at',
                (ARRAY['1 hour', '1 day', '15 minutes', '1 week', '6 hours', '5 minutes', '3 hours', '1 month'])[i]::interval, '["kind"]',
                    '{"n": "count(*)", "total": "sum(amount)"}', with_data => true);
        END LOOP;
    END LOOP;
END $$;
CREATE PROCEDURE single_rows(target text, many int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..many LOOP
        EXECUTE format('INSERT INTO bench.%I VALUES ($1, $2, $3, $4)', target) USING timestamptz '2026-01-01 00:00+00' + i * interval '0.36 seconds', 'kind 1',
            i % 1000, i;
    END LOOP;
END $$;
