-- Owns what every specification starts from and is checked by. The definition is written out in plain SQL.

CREATE FUNCTION make() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL, kind text NOT NULL, n int NOT NULL);
    CREATE INDEX ON events (at);
    INSERT INTO events SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '20 minutes', 'k' || i % 2, i FROM generate_series(1, 24) i;
    PERFORM tally.create_rollup('hours', 'events', 'at', dimensions => '["kind"]', measures => '{"c": "count(*)", "s": "sum(n)"}', with_data => true);
    PERFORM tally.create_rollup('days', 'hours', bucket => '1 day', dimensions => '[]', with_data => true);
END $$;

CREATE FUNCTION make_partitioned() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE events (id int NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, n int NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01+00') TO ('2026-02-01+00');
    CREATE INDEX ON events (at);
    INSERT INTO events SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '20 minutes', 'k' || i % 2, i FROM generate_series(1, 24) i;
    CREATE TABLE events_2 AS SELECT id, at + interval '1 month' AS at, kind, n FROM events;
    ALTER TABLE events_2 ALTER id SET NOT NULL, ALTER at SET NOT NULL, ALTER kind SET NOT NULL, ALTER n SET NOT NULL;
    PERFORM tally.create_rollup('hours', 'events', 'at', dimensions => '["kind"]', measures => '{"c": "count(*)", "s": "sum(n)"}', with_data => true);
    PERFORM tally.create_rollup('days', 'hours', bucket => '1 day', dimensions => '[]', with_data => true);
END $$;

CREATE FUNCTION check_and_drop(OUT "live view exact" boolean, OUT "stored exact" boolean) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP VIEW hand AS SELECT date_trunc('hour', at, 'UTC') AS bucket, kind, count(*) AS c, sum(n) AS s FROM events GROUP BY 1, 2;
    CREATE TEMP VIEW hand_days AS SELECT date_trunc('day', at, 'UTC') AS bucket, count(*) AS c, sum(n) AS s FROM events GROUP BY 1;
    "live view exact" := NOT EXISTS ((TABLE hand EXCEPT SELECT bucket, kind, c, s FROM hours_live) UNION ALL (SELECT bucket, kind, c, s FROM hours_live EXCEPT TABLE hand))
        AND NOT EXISTS ((TABLE hand_days EXCEPT SELECT bucket, c, s FROM days_live) UNION ALL (SELECT bucket, c, s FROM days_live EXCEPT TABLE hand_days));
    PERFORM tally.refresh();
    "stored exact" := NOT EXISTS ((TABLE hand EXCEPT SELECT bucket, kind, c, s FROM hours) UNION ALL (SELECT bucket, kind, c, s FROM hours EXCEPT TABLE hand))
        AND NOT EXISTS ((TABLE hand_days EXCEPT SELECT bucket, c, s FROM days) UNION ALL (SELECT bucket, c, s FROM days EXCEPT TABLE hand_days));
    DROP VIEW hand, hand_days;
    PERFORM tally.drop_rollup('hours', "cascade" => true);
    DROP TABLE events;
    DROP TABLE IF EXISTS events_1, events_2;
END $$;
