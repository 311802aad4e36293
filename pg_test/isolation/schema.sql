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
    "live view exact" := NOT EXISTS ((TABLE hand EXCEPT ALL SELECT bucket, kind, c, s FROM hours_live)
        UNION ALL (SELECT bucket, kind, c, s FROM hours_live EXCEPT ALL TABLE hand))
        AND NOT EXISTS ((TABLE hand_days EXCEPT ALL SELECT bucket, c, s FROM days_live)
            UNION ALL (SELECT bucket, c, s FROM days_live EXCEPT ALL TABLE hand_days));
    PERFORM tally.refresh();
    "stored exact" := NOT EXISTS ((TABLE hand EXCEPT ALL SELECT bucket, kind, c, s FROM hours)
        UNION ALL (SELECT bucket, kind, c, s FROM hours EXCEPT ALL TABLE hand))
        AND NOT EXISTS ((TABLE hand_days EXCEPT ALL SELECT bucket, c, s FROM days) UNION ALL (SELECT bucket, c, s FROM days EXCEPT ALL TABLE hand_days));
    DROP VIEW hand, hand_days;
    PERFORM tally.drop_rollup('hours', "cascade" => true);
    DROP TABLE events;
    DROP TABLE IF EXISTS events_1, events_2;
END $$;

-- The same with retention. ever keeps every row in its last form, whoever deletes it; what counts is all of that but for
-- rows that are set aside.
CREATE FUNCTION make_expiring() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM make();
    CREATE TABLE ever AS SELECT * FROM events;
    CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $f$
    BEGIN
        IF TG_OP = 'UPDATE' THEN DELETE FROM public.ever e WHERE e.id = OLD.id; END IF;
        INSERT INTO public.ever SELECT NEW.*;
        RETURN NULL;
    END $f$;
    CREATE TRIGGER remember AFTER INSERT OR UPDATE ON events FOR EACH ROW EXECUTE FUNCTION remember();
    PERFORM tally.retain_source('events', keep => '1 hour');
END $$;

CREATE FUNCTION check_and_drop_expired(OUT "live view exact" boolean, OUT "stored exact" boolean) LANGUAGE plpgsql AS $$
BEGIN
    -- What is late is known once a refresh has set it aside; nothing of it is in the rollups before either.
    PERFORM tally.refresh();
    CREATE TEMP VIEW hand AS SELECT date_trunc('hour', at, 'UTC') AS bucket, kind, count(*) AS c, sum(n) AS s FROM ever
     WHERE NOT EXISTS (SELECT FROM tally.late_rows l WHERE (l."row" ->> 'id')::int = ever.id) GROUP BY 1, 2;
    CREATE TEMP VIEW hand_days AS SELECT date_trunc('day', bucket, 'UTC') AS bucket, sum(c) AS c, sum(s) AS s FROM hand GROUP BY 1;
    "live view exact" := NOT EXISTS ((TABLE hand EXCEPT ALL SELECT bucket, kind, c, s FROM hours_live)
        UNION ALL (SELECT bucket, kind, c, s FROM hours_live EXCEPT ALL TABLE hand))
        AND NOT EXISTS ((TABLE hand_days EXCEPT ALL SELECT bucket, c, s FROM days_live)
            UNION ALL (SELECT bucket, c, s FROM days_live EXCEPT ALL TABLE hand_days));
    "stored exact" := NOT EXISTS ((TABLE hand EXCEPT ALL SELECT bucket, kind, c, s FROM hours)
        UNION ALL (SELECT bucket, kind, c, s FROM hours EXCEPT ALL TABLE hand))
        AND NOT EXISTS ((TABLE hand_days EXCEPT ALL SELECT bucket, c, s FROM days) UNION ALL (SELECT bucket, c, s FROM days EXCEPT ALL TABLE hand_days));
    DROP VIEW hand, hand_days;
    PERFORM tally.drop_rollup('hours', "cascade" => true);
    DELETE FROM tally.source_retentions;
    DELETE FROM tally.late_rows;
    DROP TABLE events, ever;
    DROP FUNCTION remember();
END $$;

-- For steps that meet something that another has dropped or renamed.
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN undefined_object OR undefined_table OR undefined_column THEN
    RETURN SQLSTATE;
END $$;

-- Two rollups that do not stand on each other, both to be computed anew.
CREATE FUNCTION make_two() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM make();
    PERFORM tally.create_rollup('kinds', 'events', 'at', dimensions => '["kind"]', measures => '{"c": "count(*)"}');
    PERFORM tally.repair('hours');
    CREATE TABLE begun AS SELECT clock_timestamp() AS at;
END $$;

CREATE FUNCTION must_be_in_order(names text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    got text := (SELECT string_agg(r.name, ' ' ORDER BY u.id) FROM tally.runs u JOIN tally.rollups r ON r.id = u.rollup_id
        WHERE u.started_at > (SELECT b.at FROM begun b));
BEGIN
    IF got IS DISTINCT FROM names THEN RAISE EXCEPTION 'backfilled in order %, expected %', got, names; END IF;
END $$;

CREATE FUNCTION check_and_drop_two(OUT "live view exact" boolean, OUT "stored exact" boolean) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally.drop_rollup('kinds');
    DROP TABLE begun;
    SELECT * INTO "live view exact", "stored exact" FROM check_and_drop();
END $$;

-- A rollup per key, marked as a whole, and one over time on it.
CREATE FUNCTION make_keyed() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL, session text, n int NOT NULL);
    CREATE INDEX ON events (session);
    INSERT INTO events SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '20 minutes', 's' || i % 9, i FROM generate_series(1, 36) i;
    ANALYZE events;
    PERFORM tally.create_rollup('sessions', 'events', key => 'session', measures => '{"began": "min(at)", "c": "count(*)", "s": "sum(n)"}', with_data => true);
    PERFORM tally.create_rollup('starts', 'sessions', 'began', bucket => '1 hour', dimensions => '[]', measures => '{"sessions": "count(*)", "s": "sum(s)"}',
        with_data => true);
    PERFORM tally.repair('sessions');
END $$;

-- One unit of a backfill in batches of so few rows that the keys are computed in several parts.
CREATE FUNCTION next_part() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally_internal._backfill_unit(r.id, 5, now()) FROM tally.rollups r WHERE r.name = 'sessions';
END $$;

CREATE FUNCTION check_and_drop_keyed(OUT "live view exact" boolean, OUT "stored exact" boolean) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP VIEW hand AS SELECT COALESCE(session, '(none)') AS session, min(at) AS began, count(*) AS c, sum(n) AS s FROM events GROUP BY 1;
    CREATE TEMP VIEW hand_starts AS SELECT date_trunc('hour', began, 'UTC') AS bucket, count(*) AS sessions, sum(s) AS s FROM hand GROUP BY 1;
    "live view exact" := NOT EXISTS ((TABLE hand EXCEPT ALL SELECT session, began, c, s FROM sessions_live)
        UNION ALL (SELECT session, began, c, s FROM sessions_live EXCEPT ALL TABLE hand))
        AND NOT EXISTS ((TABLE hand_starts EXCEPT ALL SELECT bucket, sessions, s FROM starts_live)
            UNION ALL (SELECT bucket, sessions, s FROM starts_live EXCEPT ALL TABLE hand_starts));
    PERFORM tally.refresh();
    "stored exact" := NOT EXISTS ((TABLE hand EXCEPT ALL SELECT session, began, c, s FROM sessions)
        UNION ALL (SELECT session, began, c, s FROM sessions EXCEPT ALL TABLE hand))
        AND NOT EXISTS ((TABLE hand_starts EXCEPT ALL SELECT bucket, sessions, s FROM starts)
            UNION ALL (SELECT bucket, sessions, s FROM starts EXCEPT ALL TABLE hand_starts));
    DROP VIEW hand_starts, hand;
    PERFORM tally.drop_rollup('sessions', "cascade" => true);
    DROP TABLE events;
END $$;
