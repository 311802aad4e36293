-- Partitioned sources: writes through the parent, straight into partitions, into partitions made later, and truncation of one.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, ms int) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01+00') TO ('2026-02-01+00');
-- Another order of columns, and a dropped one, so that numbers of columns differ from the parent's.
CREATE TABLE events_2 (gone int, ms int, at timestamptz NOT NULL);
ALTER TABLE events_2 DROP COLUMN gone;
ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2026-02-01+00') TO ('2026-03-01+00');
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-01-15+00' + i * interval '1 hour', i FROM generate_series(1, 700) i;
SELECT tally.create_rollup('h', 'events', 'at', measures => '{"n": "count(*)", "total": "sum(ms)"}', with_data => true);
CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT bag_eq('SELECT * FROM h_live', 'SELECT date_trunc(''hour'', at, ''UTC''), count(*), sum(ms) FROM events GROUP BY 1', what || ': live');
    PERFORM tally.refresh('h');
    RETURN QUERY SELECT bag_eq('SELECT * FROM h', 'SELECT date_trunc(''hour'', at, ''UTC''), count(*), sum(ms) FROM events GROUP BY 1', what || ': stored');
END $$;
SELECT exact('built');
INSERT INTO events_2 (at, ms) VALUES ('2026-02-10 05:05+00', 7);
SELECT exact('straight into a partition');
CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM ('2026-03-01+00') TO ('2026-04-01+00');
INSERT INTO events_3 VALUES ('2026-03-10 05:05+00', 8);
SELECT exact('a partition made later');
UPDATE events SET at = at + interval '1 month' WHERE at < '2026-01-16+00';
SELECT exact('rows that move between partitions');
TRUNCATE events_2;
SELECT exact('one partition truncated');
SELECT * FROM finish();
