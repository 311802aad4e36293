-- After every kind of write the live view equals the definition before the refresh, and the stored rows after it.
-- The definition is written out here in plain SQL, apart from the engine's own text of it.
SELECT no_plan();
SET client_min_messages = warning;

CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz, kind text, amount numeric, qty int);
CREATE INDEX ON events (at);
INSERT INTO events SELECT i, timestamptz '2026-03-01 00:00+00' + i * interval '7 minutes', (ARRAY['a', 'b', NULL])[i % 3 + 1], i % 17, i % 5
  FROM generate_series(1, 2000) i;

CREATE VIEW expected AS
SELECT date_trunc('hour', at, 'UTC') AS bucket, coalesce(kind, '(none)') AS kind, count(*) AS n, count(*) FILTER (WHERE qty > 2) AS big,
       sum(amount) AS total, min(qty) AS least, max(qty) AS most
  FROM events WHERE at IS NOT NULL AND isfinite(at) AND qty IS DISTINCT FROM 4 GROUP BY 1, 2;

SELECT tally.create_rollup('by_hour', 'events', 'at', dimensions => '["kind"]',
    measures => '{"n": "count(*)", "big": "count(*) FILTER (WHERE qty > 2)", "total": "sum(amount)", "least": "min(qty)", "most": "max(qty)"}',
    "where" => 'qty IS DISTINCT FROM 4', with_data => false);

CREATE FUNCTION live_is_exact(what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq('SELECT bucket, kind, n, big, total, least, most FROM by_hour_live', 'SELECT * FROM expected', what || ': live view')
$$;
CREATE FUNCTION stored_is_exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally.refresh('by_hour');
    RETURN QUERY SELECT bag_eq('SELECT bucket, kind, n, big, total, least, most FROM by_hour', 'SELECT * FROM expected', what || ': stored');
    RETURN QUERY SELECT is((SELECT state FROM tally.status WHERE rollup = 'by_hour'), 'fresh', what || ': status');
END $$;

SELECT live_is_exact('history not computed');
INSERT INTO events VALUES (5000, '2026-03-02 05:30+00', 'new', 1, 1);
SELECT live_is_exact('history not computed, a mark inside it');
CALL tally.backfill('by_hour', 300);
SELECT stored_is_exact('backfill in batches');
SELECT cmp_ok((SELECT count(*) FROM tally.runs WHERE since IS NOT NULL), '>', 3::bigint, 'the backfill went in several batches');

INSERT INTO events VALUES (5001, '2020-01-01 00:00+00', 'late', 3, 1), (5002, '2026-03-05 10:59:59.999999+00', 'a', 3, 3), (5003, '2030-01-01+00', NULL, 3, 1);
SELECT live_is_exact('late, early and present rows');
SELECT stored_is_exact('late, early and present rows');

UPDATE events SET at = at + interval '3 hours' WHERE id BETWEEN 100 AND 110;
SELECT live_is_exact('moved in time');
SELECT stored_is_exact('moved in time');

UPDATE events SET amount = 1000, kind = 'moved' WHERE id BETWEEN 200 AND 205;
SELECT live_is_exact('measures and dimension changed');
SELECT stored_is_exact('measures and dimension changed');

UPDATE events SET qty = 4 WHERE id BETWEEN 300 AND 310;
SELECT live_is_exact('filtered away by an update');
SELECT stored_is_exact('filtered away by an update');

DELETE FROM events WHERE id BETWEEN 400 AND 500;
SELECT live_is_exact('deleted, whole buckets gone');
SELECT stored_is_exact('deleted, whole buckets gone');

INSERT INTO events VALUES (1, '2026-03-01 04:00+00', 'upsert', 9, 1), (6000, '2026-03-01 04:00+00', 'upsert', 9, 1)
    ON CONFLICT (id) DO UPDATE SET at = excluded.at, kind = excluded.kind;
SELECT live_is_exact('upsert');
SELECT stored_is_exact('upsert');

MERGE INTO events e USING (VALUES (2, '2026-03-01 09:00+00'::timestamptz), (7000, '2026-03-01 09:00+00'), (3, NULL)) n(id, at) ON e.id = n.id
 WHEN MATCHED AND n.at IS NULL THEN DELETE
 WHEN MATCHED THEN UPDATE SET at = n.at
 WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.at, 'merge', 1, 1);
SELECT live_is_exact('merge');
SELECT stored_is_exact('merge');

COPY events FROM stdin WITH (FORMAT csv);
8000,2026-03-04 10:00+00,copy,5,1
8001,2026-03-04 11:00+00,copy,5,1
8002,2019-03-04 11:00+00,copy,5,1
\.
SELECT live_is_exact('copy');
SELECT stored_is_exact('copy');

INSERT INTO events VALUES (9000, NULL, 'no time', 1, 1), (9001, 'infinity', 'never', 1, 1), (9002, '-infinity', 'ever', 1, 1);
SELECT live_is_exact('null and infinite times are in no bucket');
SELECT stored_is_exact('null and infinite times are in no bucket');

BEGIN;
INSERT INTO events VALUES (10000, '2026-03-06 01:00+00', 'kept', 1, 1);
SAVEPOINT s;
INSERT INTO events VALUES (10001, '2026-03-07 01:00+00', 'rolled back', 1, 1), (10002, '2026-03-06 01:00+00', 'rolled back', 1, 1);
ROLLBACK TO s;
INSERT INTO events VALUES (10003, '2026-03-07 01:00+00', 'after it', 1, 1);
SELECT live_is_exact('inside the writer''s own transaction');
SELECT tally.refresh('by_hour');
INSERT INTO events VALUES (10004, '2026-03-07 01:00+00', 'after a refresh of the same transaction', 1, 1);
COMMIT;
SELECT live_is_exact('a rolled-back subtransaction, and a refresh between two writes');
SELECT stored_is_exact('a rolled-back subtransaction, and a refresh between two writes');

BEGIN;
TRUNCATE events;
SELECT live_is_exact('truncate');
ROLLBACK;
SELECT live_is_exact('truncate rolled back');
TRUNCATE events;
INSERT INTO events VALUES (1, '2026-03-06 01:00+00', 'first of the new', 1, 1);
SELECT live_is_exact('truncate and a row');
SELECT stored_is_exact('truncate and a row');
TRUNCATE events;
SELECT stored_is_exact('empty');

SELECT is((SELECT sum(inserted + updated + deleted) FROM tally.refresh()), 0::numeric, 'nothing due, nothing written');
INSERT INTO events SELECT i, '2026-03-06 01:00+00', 'x', 1, 1 FROM generate_series(1, 10) i;
SELECT tally.refresh();
UPDATE events SET id = id + 100;
SELECT results_eq('SELECT buckets, inserted, updated, deleted FROM tally.refresh(''by_hour'')', 'VALUES (1::bigint, 0::bigint, 0::bigint, 0::bigint)',
    'a dirty bucket whose rows are the same writes nothing');
SELECT * FROM finish();
