-- A live view reads dirty buckets by an index of the time column, or in one scan where there is none. Once it kept the form that was right when it
-- was made: an index that came later was not used, and one that went left a scan of the source for each dirty bucket.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE e (at timestamptz, k text, n int);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', 'k' || i % 3, i FROM generate_series(1, 3000) i;
SET client_min_messages = error;
SELECT tally.create_rollup('h', 'e', 'at', dimensions => '["k"]', measures => '{"n": "sum(n)"}', with_data => true);
SET client_min_messages = warning;
GRANT SELECT ON h_live TO PUBLIC;
CREATE VIEW stands_on_it AS SELECT sum(n) AS n FROM h_live;
CREATE FUNCTION one_by_one() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    plan text;
BEGIN
    -- A cheap scan would hide what the view asks for.
    SET LOCAL enable_seqscan = off;
    EXECUTE 'EXPLAIN (FORMAT json) SELECT * FROM h_live' INTO plan;
    RESET enable_seqscan;
    RETURN (SELECT live_by_index FROM tally.rollups WHERE name = 'h') AND plan LIKE '%"Index Name": "e_at%';
END $$;
CREATE FUNCTION exact(when_ text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT bag_eq('SELECT bucket, k, n FROM h_live', 'SELECT date_trunc(''hour'', at, ''UTC'') AS bucket, k, sum(n) AS n FROM e GROUP BY 1, 2',
        when_ || ': the live view is exact');
    RETURN NEXT ok(has_table_privilege('public', 'h_live', 'SELECT') AND (SELECT n FROM stands_on_it) = (SELECT sum(n) FROM e),
        when_ || ': grants and views on it stay');
    RETURN NEXT is((SELECT COALESCE(sqlstate, 'none') FROM tally.status WHERE rollup = 'h'), 'none', when_ || ': status sees nothing wrong');
END $$;
UPDATE e SET n = n + 1 WHERE n % 700 = 0;
SELECT is(one_by_one(), false, 'without an index the source is read once');
SELECT exact('no index');
CREATE INDEX e_at ON e (at);
SELECT is(one_by_one(), true, 'an index that comes is used');
SELECT exact('an index');
DROP INDEX e_at;
SELECT is(one_by_one(), false, 'one that goes is missed at once');
SELECT exact('it went');
CREATE INDEX CONCURRENTLY e_at_k ON e (at, k);
SELECT is(one_by_one(), true, 'CREATE INDEX CONCURRENTLY');
DROP INDEX CONCURRENTLY e_at_k;
SELECT is(one_by_one(), false, 'DROP INDEX CONCURRENTLY');
CREATE INDEX e_k_at ON e (k, at);
SELECT is(one_by_one(), false, 'an index that does not lead with the time is none');
ALTER TABLE e ADD CONSTRAINT e_at_unique UNIQUE (at, n);
SELECT is(one_by_one(), true, 'an index of a constraint');
ALTER TABLE e DROP CONSTRAINT e_at_unique;
SELECT is(one_by_one(), false, 'which goes with it');
BEGIN;
CREATE INDEX e_at ON e USING brin (at);
ROLLBACK;
SELECT is(one_by_one(), false, 'an index that was rolled back');
SELECT exact('rolled back');
-- Where event triggers are off, or somebody has held the view, the next refresh that has work follows.
ALTER EVENT TRIGGER tally_after_ddl DISABLE;
CREATE INDEX e_at ON e (at);
ALTER EVENT TRIGGER tally_after_ddl ENABLE ALWAYS;
SELECT is(one_by_one(), false, 'nobody has looked yet');
SELECT tally.refresh('h');
SELECT is(one_by_one(), true, 'the next refresh follows');
SELECT exact('refreshed');
-- A partitioned source, where the index comes with its last partition.
CREATE TABLE p (at timestamptz, n int) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
INSERT INTO p VALUES ('2026-01-05', 1);
SET client_min_messages = error;
SELECT tally.create_rollup('ph', 'p', 'at', measures => '{"n": "sum(n)"}', with_data => true);
SET client_min_messages = warning;
CREATE INDEX p_at ON ONLY p (at);
SELECT is((SELECT live_by_index FROM tally.rollups WHERE name = 'ph'), false, 'an index of the parent alone is not valid yet');
CREATE INDEX p1_at ON p1 (at);
ALTER INDEX p_at ATTACH PARTITION p1_at;
SELECT is((SELECT live_by_index FROM tally.rollups WHERE name = 'ph'), true, 'and is once each partition has it');
SELECT * FROM finish();
