-- Owns: what bench/rollup/run.sh measures: the history, the same rollup by three means, ways to change the history, hundreds of rollups, stacks of
-- them, and a stopwatch. Everything lives in schema bench and goes with it.

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

-- Rollups on the history until there are so many.
CREATE PROCEDURE make_many(many int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN (SELECT count(*) + 1 FROM tally.rollups)..many LOOP
        PERFORM tally.create_rollup(format('many_%s', i), 'bench.events', 'at', '1 hour', '["kind"]', '{"n": "count(*)", "total": "sum(amount)"}');
        COMMIT;
    END LOOP;
END $$;

-- Buckets on buckets over two years, and a stack in which each rollup changes from keys to time or back.
CREATE PROCEDURE make_stacks() LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE bench.visits AS SELECT timestamptz '2024-01-01 00:00+00' + i * interval '10 minutes' AS at, 'world ' || i % 5 AS world,
        'person ' || (i::bigint * 7919) % 4000 AS who, i AS n FROM generate_series(0, 105000) i;
    ALTER TABLE bench.visits ALTER at SET NOT NULL;
    CREATE INDEX ON bench.visits (at);
    CREATE INDEX ON bench.visits (who);
    ANALYZE bench.visits;
    PERFORM tally.create_rollup('hours', 'bench.visits', 'at', '1 hour', '["world"]', '{"n": "count(*)"}');
    PERFORM tally.create_rollup('days', 'bench.hours', 'bucket', '1 day', '["world"]', '{"n": "sum(n)"}');
    PERFORM tally.create_rollup('months', 'bench.days', 'bucket', '1 month', '["world"]', '{"n": "sum(n)"}');
    PERFORM tally.create_rollup('people', 'bench.visits', key => 'who', dimensions => '[]',
        measures => '{"first": "min(at)", "world": "min(world)", "n": "count(*)"}');
    PERFORM tally.create_rollup('arrivals', 'bench.people', 'first', '7 days', '["world"]', '{"n": "count(*)", "latest": "max(first)"}');
    PERFORM tally.create_rollup('arrivals_monthly', 'bench.arrivals', 'latest', '1 month', '["world"]', '{"n": "sum(n)", "latest": "max(latest)"}');
    PERFORM tally.create_rollup('worlds', 'bench.arrivals_monthly', key => 'world', dimensions => '[]',
        measures => '{"n": "sum(n)", "latest": "max(latest)"}');
    PERFORM tally.create_rollup('worlds_yearly', 'bench.worlds', 'latest', '1 year', '[]', '{"n": "sum(n)"}');
END $$;

-- The least of several plannings: a busy machine only ever adds.
CREATE TABLE planned (n int, label text, aim numeric, planning numeric, cost numeric, ms_off numeric, ms_on numeric);
CREATE PROCEDURE measure_planning() LANGUAGE plpgsql AS $$
DECLARE
    one  record;
    plan json;
    did  bench.planned;
BEGIN
    FOR one IN SELECT * FROM (VALUES (1, 'hours, a day', 10, 'hours_live WHERE bucket >= ''2025-11-30'''),
            (2, 'days on hours, a month', 10, 'days_live WHERE bucket >= ''2025-11-01'''),
            (3, 'months on days on hours, a year', 10, 'months_live WHERE bucket >= ''2025-01-01'''),
            (4, 'keys', NULL, 'people_live'), (5, 'weeks by a fact of the keys: one change', NULL, 'arrivals_live'),
            (6, 'months by a fact of those weeks: two', NULL, 'arrivals_monthly_live'), (7, 'keys of those months: three', NULL, 'worlds_live'),
            (8, 'years by a fact of those keys: four', NULL, 'worlds_yearly_live')) x(n, label, aim, place) ORDER BY n LOOP
        did := (one.n, one.label, one.aim, NULL, NULL, NULL, NULL);
        FOR i IN 1..5 LOOP
            EXECUTE 'EXPLAIN (SUMMARY, FORMAT json) SELECT * FROM bench.' || one.place INTO plan;
            did.planning := round(least(did.planning, (plan -> 0 ->> 'Planning Time')::numeric), 1);
            did.cost := round((plan -> 0 -> 'Plan' ->> 'Total Cost')::numeric);
            SET LOCAL jit = off;
            EXECUTE 'EXPLAIN (ANALYZE, TIMING off, FORMAT json) SELECT * FROM bench.' || one.place INTO plan;
            did.ms_off := round(least(did.ms_off, (plan -> 0 ->> 'Execution Time')::numeric), 1);
            SET LOCAL jit = on;
            EXECUTE 'EXPLAIN (ANALYZE, TIMING off, FORMAT json) SELECT * FROM bench.' || one.place INTO plan;
            did.ms_on := round(least(did.ms_on, (plan -> 0 ->> 'Execution Time')::numeric), 1);
        END LOOP;
        INSERT INTO bench.planned VALUES (did.*);
    END LOOP;
END $$;
