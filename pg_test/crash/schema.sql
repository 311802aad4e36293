-- Owns what the crash test works on: a source, an hourly and a daily rollup upon it, ways to change the source, and the
-- definitions in plain SQL to compare with.

CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_time timestamptz NOT NULL, kind text, amount int);
CREATE INDEX ON events (event_time);

-- Thirty days of events, three kinds and NULL.
CREATE FUNCTION made_events(many int) RETURNS TABLE (event_time timestamptz, kind text, amount int) LANGUAGE sql VOLATILE AS $$
    SELECT timestamptz '2026-03-01 00:00+00' + random() * interval '30 days',
           (ARRAY['turn', 'retry', 'fallback', NULL])[1 + floor(random() * 4)::int], floor(random() * 1000)::int
      FROM generate_series(1, many)
$$;
CREATE FUNCTION insert_events(many int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO events (event_time, kind, amount) SELECT * FROM made_events(many)
$$;
SELECT insert_events(200000);
ANALYZE events;

SELECT tally.create_rollup('events_hourly', 'events', 'event_time', '1 hour', '["kind"]',
    '{"events": "count(*)", "amount": "sum(amount)", "smallest": "min(amount)", "largest": "max(amount)"}');
SELECT tally.create_rollup('events_daily', 'events_hourly', bucket => '1 day');

-- Touches every hour: new rows, moved rows, removed rows.
CREATE FUNCTION change_events() RETURNS void LANGUAGE sql AS $$
    SELECT insert_events(3000);
    UPDATE events SET event_time = event_time + interval '5 hours', amount = amount + 1 WHERE id % 97 = floor(random() * 97);
    DELETE FROM events WHERE id % 101 = floor(random() * 101);
$$;

CREATE FUNCTION mark_all() RETURNS void LANGUAGE sql AS $$
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
    SELECT r.id, '-infinity', 'infinity', 'marked by the crash test' FROM tally.rollups r;
$$;

CREATE VIEW by_hand AS
SELECT 'hourly' AS rollup, date_trunc('hour', event_time, 'UTC') AS bucket, COALESCE(kind, '(none)') AS kind,
       count(*) AS events, sum(amount) AS amount, min(amount) AS smallest, max(amount) AS largest
  FROM events GROUP BY 2, 3
UNION ALL
SELECT 'daily', date_trunc('day', event_time, 'UTC'), COALESCE(kind, '(none)'), count(*), sum(amount), min(amount), max(amount)
  FROM events GROUP BY 2, 3;

CREATE FUNCTION differences() RETURNS SETOF by_hand LANGUAGE sql AS $$
    WITH stored AS (
        SELECT 'hourly', bucket, kind, events, amount, smallest, largest FROM events_hourly
        UNION ALL SELECT 'daily', bucket, kind, events, amount, smallest, largest FROM events_daily
    )
    (TABLE stored EXCEPT ALL TABLE by_hand) UNION ALL (TABLE by_hand EXCEPT ALL TABLE stored) LIMIT 5
$$;
CREATE FUNCTION live_differences() RETURNS SETOF by_hand LANGUAGE sql AS $$
    WITH live AS (
        SELECT 'hourly', bucket, kind, events, amount, smallest, largest FROM events_hourly_live
        UNION ALL SELECT 'daily', bucket, kind, events, amount, smallest, largest FROM events_daily_live
    )
    (TABLE live EXCEPT ALL TABLE by_hand) UNION ALL (TABLE by_hand EXCEPT ALL TABLE live) LIMIT 5
$$;
