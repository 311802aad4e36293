-- Rows whose time is NULL or infinite: in no bucket, counted exactly, never in the way of a writer or a refresh.
SELECT no_plan();
SET client_min_messages = warning;

CREATE TABLE events (id int, at timestamptz, local timestamp, day date, kind text);
CREATE INDEX ON events (at);
INSERT INTO events SELECT i, t, t AT TIME ZONE 'Asia/Kolkata', (t AT TIME ZONE 'Asia/Kolkata')::date, 'a'
  FROM generate_series(1, 1000) i, LATERAL (SELECT timestamptz '2026-03-01 00:00+00' + i * interval '7 minutes') s(t);
INSERT INTO events (id, at, local, day, kind) VALUES
    (2001, NULL, NULL, NULL, 'a'), (2002, NULL, NULL, NULL, 'b'), (2003, NULL, NULL, NULL, 'a'),
    (2004, 'infinity', 'infinity', 'infinity', 'a'), (2005, '-infinity', '-infinity', '-infinity', 'a'), (2006, '-infinity', '-infinity', '-infinity', 'b');

CREATE TABLE made (name text, column_name text, bucket interval, filter text);
INSERT INTO made VALUES ('by_hour', 'at', '1 hour', NULL), ('by_local_day', 'local', '1 day', NULL), ('by_month', 'day', '1 month', NULL),
    ('only_a', 'at', '1 day', 'kind = ''a''');
SELECT tally.create_rollup(name, 'events', column_name, bucket => bucket, zone => 'Asia/Kolkata', measures => '{"n": "count(*)"}', "where" => filter) FROM made
    WHERE bucket > '1 hour';
SELECT tally.create_rollup('by_hour', 'events', 'at', measures => '{"n": "count(*)"}');
SELECT tally.create_rollup('by_day', 'by_hour', bucket => '1 day');

CREATE FUNCTION counted(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE one record;
BEGIN
    PERFORM tally.refresh();
    FOR one IN SELECT * FROM made LOOP
        RETURN QUERY SELECT results_eq(
            format('SELECT no_time, too_early, too_late FROM tally.odd_rows o JOIN tally.rollups r ON r.id = o.rollup_id WHERE r.name = %L', one.name),
            format('SELECT count(*) FILTER (WHERE %1$I IS NULL), count(*) FILTER (WHERE %1$I = ''-infinity''), '
                'count(*) FILTER (WHERE %1$I = ''infinity'') FROM events WHERE %2$s', one.column_name, COALESCE(one.filter, 'true')),
            format('%s: %s', what, one.name));
        RETURN QUERY EXECUTE format('SELECT is((SELECT COALESCE(sum(n), 0) FROM %I)::bigint, (SELECT count(*) FROM events WHERE isfinite(%I) AND %s), %L)',
            one.name, one.column_name, COALESCE(one.filter, 'true'),
            format('%s: every other row is in a bucket of %s', what, one.name));
    END LOOP;
    RETURN QUERY SELECT is_empty('SELECT * FROM tally.status WHERE state <> ''fresh''', what || ': all fresh');
END $$;

SELECT counted('history');
SELECT results_eq($$SELECT rollup, odd_rows FROM tally.status ORDER BY rollup$$,
    $$VALUES ('by_day', NULL::bigint), ('by_hour', 6), ('by_local_day', 6), ('by_month', 6), ('only_a', 4)$$,
    'status shows them; a rollup''s buckets have none');
SELECT ok(NOT EXISTS (SELECT FROM by_hour WHERE NOT isfinite(bucket)), 'no bucket of theirs is stored');

INSERT INTO events (id, at, local, day, kind) VALUES (3001, NULL, NULL, NULL, 'a'), (3002, 'infinity', 'infinity', 'infinity', 'b');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'by_hour'), 'dirty', 'an odd row leaves a mark');
SELECT is((SELECT sum(n) FROM by_hour_live)::bigint, 1000::bigint, 'the live view is not disturbed by the mark');
SELECT is((SELECT sum(n) FROM by_day_live)::bigint, 1000::bigint, 'nor is that of a rollup on the rollup');
SELECT is((SELECT exact_until FROM tally.status WHERE rollup = 'by_hour'), NULL, 'all buckets are exact in the meantime');
SELECT counted('insert');

UPDATE events SET at = '2026-03-01 05:00+00', local = '2026-03-01 10:30', day = '2026-03-01' WHERE id IN (2001, 2004);
SELECT counted('update out of it');
UPDATE events SET at = NULL, local = 'infinity', day = '-infinity' WHERE id = 17;
SELECT counted('update into it');
UPDATE events SET kind = 'b' WHERE id = 3001;
SELECT counted('update that only the filter sees');
UPDATE events SET at = '-infinity', local = NULL, day = 'infinity' WHERE id = 2002;
SELECT counted('update from one odd time to another');
DELETE FROM events WHERE id IN (2003, 3002, 2005);
SELECT counted('delete');
COPY events FROM stdin WITH (FORMAT csv);
4001,,,,a
4002,infinity,-infinity,,b
\.
SELECT counted('copy');
BEGIN;
INSERT INTO events (id) VALUES (5001);
SAVEPOINT s;
INSERT INTO events (id, at) VALUES (5002, 'infinity');
ROLLBACK TO s;
COMMIT;
SELECT counted('subtransaction rolled back');
SELECT tally.refresh();
SELECT is((SELECT sum(inserted + updated + deleted) FROM tally.refresh()), 0::numeric, 'nothing due, nothing written');

-- No bloat.
CREATE TABLE before AS SELECT xmin::text AS written_by, o.* FROM tally.odd_rows o;
UPDATE events SET kind = kind WHERE at IS NULL;
SELECT tally.refresh();
SELECT bag_eq('SELECT o.xmin::text AS written_by, o.* FROM tally.odd_rows o', 'SELECT * FROM before', 'a recount that finds the same writes nothing');

TRUNCATE events;
SELECT counted('truncate');
SELECT is((SELECT sum(odd_rows) FROM tally.status), 0::numeric, 'none left');

-- Rows that make several: each counts once, if any of what it makes meets the filter.
CREATE TABLE carts (at timestamptz, items jsonb);
INSERT INTO carts VALUES (NULL, '[{"n": 1}, {"n": 2}, {"n": 3}]'), (NULL, '[{"n": 1}]'), (NULL, '[]'), ('infinity', '[{"n": 9}]'), ('2026-01-01', '[{"n": 9}]');
SELECT tally.create_rollup('items', 'carts', 'at', expand => 'jsonb_array_elements(items) AS item', measures => '{"n": "sum((item ->> ''n'')::int)"}',
    "where" => '(item ->> ''n'')::int > 1', with_data => true);
SELECT results_eq($$SELECT no_time, too_late FROM tally.odd_rows o JOIN tally.rollups r ON r.id = o.rollup_id WHERE r.name = 'items'$$,
    'VALUES (1::bigint, 1::bigint)', 'carts, not items');

-- Cost: the recount reads the odd rows by the index and nothing else.
INSERT INTO events (id, at) SELECT i, timestamptz '2026-03-01 00:00+00' + i * interval '1 minute' FROM generate_series(1, 50000) i;
INSERT INTO events (id, at) SELECT i, NULL FROM generate_series(1, 10) i;
ANALYZE events;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; all_ text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP all_ := all_ || line; END LOOP;
    RETURN all_;
END $$;
SELECT unalike(plan_of(tally_internal._odd_rows_query(r)), '%Seq Scan%', 'the recount is no scan of the source') FROM tally.rollups r WHERE r.name = 'by_hour';

SELECT tally.drop_rollup('by_hour', "cascade" => true);
SELECT is((SELECT count(*) FROM tally.odd_rows o LEFT JOIN tally.rollups r ON r.id = o.rollup_id WHERE r.id IS NULL), 0::bigint, 'counts go with their rollup');
SELECT * FROM finish();
