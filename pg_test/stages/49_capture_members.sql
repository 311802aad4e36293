-- Rows that come or go with a table (ATTACH, DETACH, DROP, INHERIT, NO INHERIT), and writes to tables that came later, are
-- seen by live view and refresh, whatever the partitions are bound by.
SELECT no_plan();
SET client_min_messages = warning;

CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT bag_eq('SELECT * FROM h_live', 'SELECT date_trunc(''hour'', at, ''UTC''), count(*), sum(ms) FROM events GROUP BY 1', what || ': live');
    PERFORM tally.refresh('h');
    RETURN QUERY SELECT bag_eq('SELECT * FROM h', 'SELECT date_trunc(''hour'', at, ''UTC''), count(*), sum(ms) FROM events GROUP BY 1', what || ': stored');
    RETURN QUERY SELECT is((SELECT count(*) FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE r.name = 'h'), 0::bigint,
        what || ': no mark is left');
END $$;
CREATE FUNCTION marked() RETURNS TABLE (since timestamptz, until timestamptz) LANGUAGE sql AS 'SELECT g.since, g.until FROM tally.dirty_ranges g ORDER BY 1, 2';

-- By time, two levels: the second by hash, so that its bounds are those of the first.
CREATE TABLE events (at timestamptz NOT NULL, id int NOT NULL, ms int) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2026-02-01+00') PARTITION BY HASH (id);
CREATE TABLE events_1_0 PARTITION OF events_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE events_1_1 PARTITION OF events_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-01-15+00' + i * interval '1 hour', i, i FROM generate_series(1, 300) i;
SELECT tally.create_rollup('h', 'events', 'at', measures => '{"n": "count(*)", "total": "sum(ms)"}', with_data => true);

CREATE TABLE events_2 AS SELECT timestamptz '2026-02-10+00' + i * interval '1 hour' AS at, i AS id, 1 AS ms FROM generate_series(1, 100) i;
ALTER TABLE events_2 ALTER at SET NOT NULL, ALTER id SET NOT NULL;
ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2026-02-01+00') TO ('2026-03-01+00');
SELECT results_eq('SELECT * FROM marked()', $$VALUES ('2026-02-01+00'::timestamptz, '2026-03-01+00'::timestamptz)$$,
    'an attached partition marks its own range only');
SELECT exact('attached');
TRUNCATE events_2;
SELECT results_eq('SELECT * FROM marked()', $$VALUES ('2026-02-01+00'::timestamptz, '2026-03-01+00'::timestamptz)$$, 'and when it is truncated too');
SELECT exact('an attached partition truncated');
INSERT INTO events_2 VALUES ('2026-02-20 10:00+00', 1, 5);
SELECT exact('written to');

CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM ('2026-03-01+00') TO ('2026-04-01+00');
SELECT is_empty('SELECT * FROM marked()', 'a new, empty partition marks nothing');
INSERT INTO events VALUES ('2026-03-03+00', 1, 3);
SELECT exact('a partition made later');
TRUNCATE events_3;
SELECT exact('a partition made later truncated');
INSERT INTO events VALUES ('2026-03-03+00', 1, 3);
SELECT tally.refresh('h');

BEGIN;
ALTER TABLE events DETACH PARTITION events_2;
SELECT bag_eq('SELECT * FROM h_live', 'SELECT date_trunc(''hour'', at, ''UTC''), count(*), sum(ms) FROM events GROUP BY 1',
    'inside the transaction that detaches');
ROLLBACK;
SELECT is_empty('SELECT * FROM marked()', 'undone, nothing is marked');
ALTER TABLE events DETACH PARTITION events_2;
SELECT results_eq('SELECT * FROM marked()', $$VALUES ('2026-02-01+00'::timestamptz, '2026-03-01+00'::timestamptz)$$,
    'a detached partition marks the range it had');
SELECT exact('detached');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'events_2'::regclass AND NOT tgisinternal$$,
    'a detached partition has no trigger of ours any more');
ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2026-02-01+00') TO ('2026-03-01+00');
SELECT exact('attached again');
ALTER TABLE events DETACH PARTITION events_2 CONCURRENTLY;
SELECT exact('detached concurrently');
DROP TABLE events_3;
SELECT exact('dropped');
TRUNCATE events_1_0;
SELECT results_eq('SELECT * FROM marked()', $$VALUES ('-infinity'::timestamptz, '2026-02-01+00'::timestamptz)$$,
    'a partition by hash has the bounds of its parent');
SELECT exact('one of the second level truncated');
ALTER TABLE events_1 DETACH PARTITION events_1_1;
SELECT exact('one of the second level detached');
CREATE TABLE events_9 PARTITION OF events DEFAULT;
INSERT INTO events VALUES ('2030-01-01+00', 1, 3);
SELECT exact('into a default partition');
SET client_min_messages = error;
DROP TABLE events_9, events_1;
SELECT exact('both dropped in one command');
INSERT INTO events_2 VALUES ('2026-02-21 10:00+00', 1, 5);
ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2026-02-01+00') TO ('2026-03-01+00');
SELECT tally.refresh('h');
CREATE ROLE tally_test_partitions ROLE CURRENT_USER;
GRANT USAGE, CREATE ON SCHEMA public TO tally_test_partitions;
ALTER TABLE events_2 OWNER TO tally_test_partitions;
DROP OWNED BY tally_test_partitions;
SELECT exact('dropped with all that a role owns');
DROP ROLE tally_test_partitions;
SELECT tally.drop_rollup('h');
SELECT is_empty($$SELECT * FROM tally.members$$, 'nothing is remembered of a source without rollups');
DROP TABLE events;

-- Dates in a zone of their own; list partitions have no bounds of time, so all is marked.
CREATE TABLE events (at date NOT NULL, kind text, ms int) PARTITION BY LIST (kind);
CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a') PARTITION BY RANGE (at);
CREATE TABLE events_a_1 PARTITION OF events_a FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE events_b PARTITION OF events FOR VALUES IN ('b');
INSERT INTO events SELECT date '2026-01-01' + i, (ARRAY['a', 'b'])[i % 2 + 1], i FROM generate_series(0, 30) i;
SELECT tally.create_rollup('d', 'events', 'at', '1 day', measures => '{"n": "count(*)"}', zone => 'America/New_York', with_data => true);
CREATE FUNCTION exact_days(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT bag_eq('SELECT * FROM d_live', 'SELECT at::timestamp AT TIME ZONE ''America/New_York'', count(*) FROM events GROUP BY 1',
        what || ': live');
    PERFORM tally.refresh('d');
    RETURN QUERY SELECT bag_eq('SELECT * FROM d', 'SELECT at::timestamp AT TIME ZONE ''America/New_York'', count(*) FROM events GROUP BY 1',
        what || ': stored');
END $$;
ALTER TABLE events DETACH PARTITION events_b;
SELECT exact_days('a list partition detached');
ALTER TABLE events_a DETACH PARTITION events_a_1;
SELECT cmp_ok((SELECT max(until - since) FROM marked()), '<', interval '40 days', 'dates: about a month is marked');
SELECT exact_days('a partition by dates below it detached');
SELECT tally.drop_rollup('d');
DROP TABLE events CASCADE;

-- Inheritance.
CREATE TABLE events (at timestamptz NOT NULL, ms int);
CREATE TABLE events_old (note text) INHERITS (events);
INSERT INTO events SELECT timestamptz '2026-01-15+00' + i * interval '1 hour', i FROM generate_series(1, 50) i;
INSERT INTO events_old SELECT timestamptz '2025-01-15+00' + i * interval '1 hour', i FROM generate_series(1, 50) i;
SELECT tally.create_rollup('h', 'events', 'at', measures => '{"n": "count(*)", "total": "sum(ms)"}', with_data => true);
SELECT exact('an inheriting table counts');
INSERT INTO events_old VALUES ('2025-01-16 05:05+00', 1);
UPDATE events SET ms = ms + 1 WHERE at < '2025-01-16+00';
DELETE FROM events_old WHERE at > '2025-01-17+00';
SELECT exact('and is written to');
CREATE TABLE events_new () INHERITS (events);
INSERT INTO events_new VALUES ('2027-01-16 05:05+00', 1);
SELECT exact('one made later');
TRUNCATE events_new;
SELECT exact('one made later truncated');
CREATE TABLE events_newer () INHERITS (events_new);
INSERT INTO events_newer VALUES ('2027-01-16 05:05+00', 1);
SELECT exact('one below it');
CREATE TABLE events_other (ms int, at timestamptz NOT NULL);
INSERT INTO events_other VALUES (1, '2024-01-01+00');
ALTER TABLE events_other INHERIT events;
SELECT exact('one that came with rows');
INSERT INTO events_other VALUES (1, '2024-01-01+00');
SELECT exact('and is written to');
SELECT tally.create_rollup('h2', 'events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('other', 'events_other', 'at', measures => '{"n": "count(*)"}', with_data => true);
INSERT INTO events_other VALUES (1, '2024-01-01 08:00+00');
SELECT tally.refresh();
SELECT results_eq('SELECT n FROM h2 WHERE bucket = ''2024-01-01 08:00+00''', 'SELECT 1::bigint', 'a second rollup on the parent is captured in it');
SELECT results_eq('SELECT n FROM other WHERE bucket = ''2024-01-01 08:00+00''', 'SELECT 1::bigint', 'and one on itself');
ALTER TABLE events_other NO INHERIT events;
SELECT exact('one that went');
INSERT INTO events_other VALUES (1, '2024-01-01 09:00+00');
SELECT is((SELECT count(*) FROM tally.dirty WHERE rollup_id IN (SELECT id FROM tally.rollups WHERE name IN ('h', 'h2'))), 0::bigint,
    'it marks the parent''s rollups no more');
SELECT tally.refresh();
SELECT results_eq('SELECT n FROM other WHERE bucket = ''2024-01-01 09:00+00''', 'SELECT 1::bigint', 'but its own');
SELECT tally.drop_rollup('other');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'events_other'::regclass$$, 'the last rollup takes the triggers with it');
DROP TABLE events_old;
SELECT exact('one dropped');
SELECT tally.drop_rollup('h'); SELECT tally.drop_rollup('h2');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgfoid = 'tally.capture'::regproc$$, 'on the children too');
DROP TABLE events CASCADE;

-- A partition with a rollup of its own, under a source with one.
CREATE TABLE events (at timestamptz NOT NULL, ms int) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01+00') TO ('2026-02-01+00');
SELECT tally.create_rollup('h', 'events', 'at', measures => '{"n": "count(*)", "total": "sum(ms)"}', with_data => true);
SELECT tally.create_rollup('part', 'events_1', 'at', measures => '{"n": "count(*)"}', with_data => true);
INSERT INTO events VALUES ('2026-01-05+00', 1);
SELECT exact('a partition that is a source itself');
SELECT tally.refresh();
SELECT is((SELECT sum(n) FROM part), 1::numeric, 'its own rollup');
CREATE TABLE events_2 (at timestamptz NOT NULL, ms int);
SELECT tally.create_rollup('part2', 'events_2', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT lives_ok($$ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2026-02-01+00') TO ('2026-03-01+00')$$,
    'a source becomes a partition of another');
INSERT INTO events VALUES ('2026-02-05+00', 1);
SELECT exact('and is written to through it');
SELECT is((SELECT n FROM part2_live), 1::bigint, 'its own rollup sees that');
TRUNCATE events;
SELECT is((SELECT count(*) FROM part2_live), 0::bigint, 'and the truncation of all');
SELECT exact('all truncated');
TRUNCATE events;
DROP TABLE events_1 CASCADE;

CREATE FUNCTION stored_is_exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally.refresh('h');
    RETURN QUERY SELECT bag_eq('SELECT * FROM h', 'SELECT date_trunc(''hour'', at, ''UTC''), count(*), sum(ms) FROM events GROUP BY 1', what);
END $$;
-- Where event triggers do not fire, the refresh finds it by the catalogue. Hosted, they are a superuser's here.
\ir ../hosted.psql
\if :hosted
SELECT skip('event triggers are another role''s', 3);
\else
ALTER EVENT TRIGGER tally_after_ddl DISABLE; ALTER EVENT TRIGGER tally_after_drop DISABLE;
CREATE TABLE events_3 (at timestamptz NOT NULL, ms int);
INSERT INTO events_3 VALUES ('2026-03-05+00', 1);
ALTER TABLE events ATTACH PARTITION events_3 FOR VALUES FROM ('2026-03-01+00') TO ('2026-04-01+00');
SELECT stored_is_exact('without event triggers: attached');
TRUNCATE events_3;
SELECT stored_is_exact('without event triggers: the truncation of what was attached');
INSERT INTO events_3 VALUES ('2026-03-05+00', 1);
ALTER TABLE events DETACH PARTITION events_3;
CALL tally.refresh_scheduled('*/5 * * * *');
SELECT bag_eq('SELECT * FROM h', 'SELECT date_trunc(''hour'', at, ''UTC''), count(*), sum(ms) FROM events GROUP BY 1',
    'without event triggers: detached, by the scheduled refresh');
ALTER EVENT TRIGGER tally_after_ddl ENABLE ALWAYS; ALTER EVENT TRIGGER tally_after_drop ENABLE ALWAYS;
\endif

-- Loading with triggers off is an everyday thing: noticed, and made good when they are on again.
SELECT lives_ok($$ALTER TABLE events DISABLE TRIGGER ALL$$, 'triggers are disabled');
INSERT INTO events VALUES ('2026-02-05 05:05+00', 77);
SELECT is((SELECT off FROM tally.members WHERE source = 'events'::regclass AND member = 'events'::regclass), true, 'which capture remembers');
ALTER TABLE events ENABLE TRIGGER ALL;
SELECT exact('written to while triggers were off');
SELECT is_empty($$SELECT t.tgname FROM pg_trigger t WHERE t.tgfoid IN ('tally.capture'::regproc, 'tally.capture_truncate'::regproc) AND t.tgenabled <> 'A'$$,
    'enabled they fire for replicas too, as before');
SELECT is_empty($$SELECT count(*) FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE r.name = 'h' HAVING count(*) > 0$$,
    'and no mark is left');
DROP TRIGGER tally_capture_insert_6 ON events;
INSERT INTO events VALUES ('2026-02-06 05:05+00', 78);
SELECT stored_is_exact('a trigger that was dropped is made again, and what was missed is computed');
INSERT INTO events VALUES ('2026-02-07 05:05+00', 79);
SELECT exact('and marks again');

-- Another type: no value need be what it was.
CREATE TABLE typed (at timestamptz NOT NULL, note text, ms int);
INSERT INTO typed VALUES ('2026-01-01+00', '5', 1);
SELECT tally.create_rollup('t', 'typed', 'at', measures => '{"n": "sum(ms)"}', with_data => true);
CREATE FUNCTION marks_of_t() RETURNS bigint
    LANGUAGE sql AS 'SELECT count(*) FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE r.name = ''t''';
SELECT is(marks_of_t(), 0::bigint, 'clean');
ALTER TABLE typed ALTER note TYPE int USING 7;
SELECT is(marks_of_t(), 1::bigint, 'a rewritten column marks the whole');
SELECT tally.refresh('t');
ALTER TABLE typed ADD COLUMN more float8 DEFAULT 0.5;
SELECT is(marks_of_t(), 0::bigint, 'a new column with a constant default rewrites nothing and marks nothing');
ALTER TABLE typed ADD COLUMN chance float8 DEFAULT random();
SELECT is(marks_of_t(), 1::bigint, 'a new column with a computed default rewrites every row: the same event as a generated column with another expression');

-- Two minutes for 500 partitions, it once took: a mark for each, and a look at the whole source for each mark.
CREATE TABLE many (at timestamptz NOT NULL) PARTITION BY RANGE (at);
DO $$ BEGIN FOR i IN 1..40 LOOP EXECUTE format('CREATE TABLE many_%s PARTITION OF many FOR VALUES FROM (%L) TO (%L)', i, date '2026-01-01' + i,
    date '2026-01-02' + i); END LOOP; END $$;
SELECT tally.create_rollup('m', 'many', 'at', measures => '{"n": "count(*)"}', with_data => true);
INSERT INTO many SELECT timestamptz '2026-01-02 01:00+00' + i * interval '1 hour' FROM generate_series(0, 900) i;
SELECT tally.refresh('m');
TRUNCATE many;
INSERT INTO many VALUES ('2026-01-05 01:00+00');
TRUNCATE tally.runs;
SELECT tally.refresh('m');
SELECT bag_eq('SELECT bucket, n FROM m', $$VALUES ('2026-01-05 01:00+00'::timestamptz, 1::bigint)$$, 'all partitions truncated at once');
SELECT is((SELECT count(*) FROM tally.runs), 1::bigint, 'are one range to compute');
DROP TABLE many_1, many_2, many_4;
INSERT INTO many VALUES ('2026-01-07 01:00+00');
SELECT is((SELECT count(*) FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE r.name = 'm'), 3::bigint,
    'three that are dropped are three marks');
SELECT tally.refresh('m');
SELECT bag_eq('SELECT bucket, n FROM m', $$VALUES ('2026-01-07 01:00+00'::timestamptz, 1::bigint)$$, 'and gone');

-- A rollup per key has no time: what comes and goes marks the whole.
CREATE TABLE visits (at timestamptz NOT NULL, who text, ms int) PARTITION BY RANGE (at);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2026-01-01+00') TO ('2026-02-01+00');
CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM ('2026-02-01+00') TO ('2026-03-01+00');
INSERT INTO visits SELECT timestamptz '2026-01-01+00' + i * interval '1 hour', 'who ' || i % 7, i FROM generate_series(1, 1000) i;
SELECT tally.create_rollup('per_who', 'visits', key => 'who', measures => '{"n": "count(*)", "total": "sum(ms)"}', with_data => true);
CREATE FUNCTION exact_keys(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT bag_eq('SELECT who, n, total FROM per_who_live', 'SELECT who, count(*) AS n, sum(ms) AS total FROM visits GROUP BY 1',
        what || ': live');
    PERFORM tally.refresh('per_who');
    RETURN QUERY SELECT bag_eq('SELECT who, n, total FROM per_who', 'SELECT who, count(*) AS n, sum(ms) AS total FROM visits GROUP BY 1', what || ': stored');
END $$;
ALTER TABLE visits DETACH PARTITION visits_2;
SELECT exact_keys('per key, a partition detached');
ALTER TABLE visits ATTACH PARTITION visits_2 FOR VALUES FROM ('2026-02-01+00') TO ('2026-03-01+00');
SELECT exact_keys('per key, attached');
TRUNCATE visits_1;
SELECT exact_keys('per key, truncated');
DROP TABLE visits_2;
SELECT exact_keys('per key, dropped');

-- Bounds at the very end of time must not make the DDL fail.
CREATE TABLE ends (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE ends_1 PARTITION OF ends FOR VALUES FROM ('4713-01-01 BC') TO ('2026-01-01');
CREATE TABLE ends_2 PARTITION OF ends FOR VALUES FROM ('2026-01-01') TO ('5874897-12-31');
SELECT tally.create_rollup('e', 'ends', 'at', '1 month', measures => '{"n": "count(*)"}', zone => 'Europe/Berlin', with_data => true);
INSERT INTO ends VALUES ('2025-05-05'), ('2026-05-05');
SELECT tally.refresh('e');
SELECT lives_ok('TRUNCATE ends_1', 'a partition from the beginning of time is truncated');
SELECT lives_ok('DROP TABLE ends_2', 'and one to its end dropped');
SELECT tally.refresh('e');
SELECT is_empty('TABLE e', 'and what they held is gone');
SELECT * FROM finish();
