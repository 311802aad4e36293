-- Aggregates beside each other in one hashed query: a transition looks at where the state of the next one lies (src/pg/ahead.rs). So states stand
-- here beside each other, beside values that are no pointers, at the end of the list, under grouping sets and in a hash that goes to disk.
-- Each answer is held against plain SQL, or against the same by sorted groups, where nothing looks ahead. Groups are smaller and larger than
-- what is exact, so states grow beside each other, too.

SELECT no_plan();

SELECT setseed(0.25);
CREATE TABLE rows_of AS
SELECT id, (id * 7919) % 3001 AS small, (id * 7919) % 13 AS large, CASE WHEN id % 5 > 0 THEN random() * 1000 END AS v, (random() * 1e6)::int AS who,
       chr(97 + id % 7) AS item, timestamptz '2026-01-01 00:00+00' + id * interval '1 s' AS at
  FROM generate_series(1, 20000) AS id;
ANALYZE rows_of;

CREATE TABLE measures (place int, expr text, plain text);
INSERT INTO measures VALUES
(1, 'count(*)', 'count(*)'),
(2, 'tally.count(tally.tdigest(v))', 'nullif(count(v), 0)'),
(3, 'tally.max(tally.tdigest(v))', 'max(v)'),
(4, 'tally.distinct_count(tally.hll(item))', 'count(DISTINCT item)'),
(5, 'tally.min(tally.tdigest(v) FILTER (WHERE item = ''a''))', 'min(v) FILTER (WHERE item = ''a'')'),
(6, 'sum(who)', 'sum(who)'),
(7, 'tally.high(tally.ohlc(v, at))', 'max(v)'),
(8, 'avg(who)', 'avg(who)'),
(9, 'tally.value(tally.last(who::float8, at))', '(array_agg(who::float8 ORDER BY at DESC))[1]'),
(10, 'max(item)', 'max(item)'),
(11, 'tally.count(tally.tdigest(who::float8, 100))', 'count(who)');

-- The query by a way of grouping, from the first measure to the last, or the other way round.
CREATE FUNCTION rows_by(grouping_ text, ours boolean, turned boolean DEFAULT false) RETURNS text LANGUAGE sql AS
$$SELECT format('SELECT small, large, %s FROM rows_of GROUP BY %s', string_agg(format('%s AS m%s', CASE WHEN ours THEN m.expr ELSE m.plain END, place), ', '
    ORDER BY CASE WHEN turned THEN -place ELSE place END), grouping_) FROM measures m$$;
CREATE FUNCTION nodes(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; found text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) ' || query LOOP found := found || line || E'\n'; END LOOP;
    RETURN found;
END $$;
-- What of a hashed query is not in the plain one, or the other way round.
CREATE FUNCTION differences(grouping_ text, turned boolean DEFAULT false) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE 'CREATE TEMP TABLE hashed AS ' || rows_by(grouping_, true, turned);
    EXECUTE 'CREATE TEMP TABLE plain AS ' || rows_by(grouping_, false, turned);
    SELECT count(*) INTO n FROM ((TABLE hashed EXCEPT ALL TABLE plain) UNION ALL (TABLE plain EXCEPT ALL TABLE hashed)) d;
    DROP TABLE hashed, plain;
    RETURN n;
END $$;

SET max_parallel_workers_per_gather = 0;
SET enable_sort = off;
SELECT alike(nodes(rows_by('small, large', true)), '%HashAggregate%', 'the plan hashes');
SELECT is(differences('small, large'), 0::bigint, 'groups of one or two rows');
SELECT is(differences('large, small', true), 0::bigint, 'the same measures from the last to the first');
SELECT is(differences('GROUPING SETS ((small), (large), (small, large))'), 0::bigint, 'grouping sets, some sorted and some hashed');
SET work_mem = '64kB';
SELECT alike(nodes(rows_by('small, large', true)), '%Disk Usage%', 'the hash goes to disk');
SELECT is(differences('small, large'), 0::bigint, 'a hash that goes to disk');
SELECT is(differences('CUBE (small, large)'), 0::bigint, 'and grouping sets that do');
RESET work_mem;

-- Large groups: digests that have merged, and distinct counts in registers. Sorted rows come to the aggregates in another order, so a digest differs
-- within its error; the counts and bounds do not, and no hash hangs on the order.
CREATE TEMP TABLE hashed AS
SELECT large, tally.tdigest(v) AS d, tally.hll(who) AS h, tally.hll(id) AS ids, tally.tdigest(who::float8) AS w FROM rows_of GROUP BY large;
SET enable_sort = on;
SET enable_hashagg = off;
CREATE TEMP TABLE sorted AS
SELECT large, tally.tdigest(v) AS d, tally.hll(who) AS h, tally.hll(id) AS ids, tally.tdigest(who::float8) AS w, count(v) AS n, min(v) AS low, max(v) AS high,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY who) AS median FROM rows_of GROUP BY large;
SELECT is((SELECT count(*) FROM hashed JOIN sorted USING (large)), 13::bigint, 'thirteen groups of 1,500 rows');
SELECT is((SELECT count(*) FROM hashed x JOIN sorted y USING (large) WHERE x.h::text <> y.h::text OR x.ids::text <> y.ids::text), 0::bigint,
    'registers are the same in any order');
SELECT is((SELECT count(*) FROM hashed x JOIN sorted y USING (large)
    WHERE (tally.count(x.d), tally.min(x.d), tally.max(x.d)) IS DISTINCT FROM (y.n, y.low, y.high)), 0::bigint, 'digests have all values and both ends');
SELECT cmp_ok((SELECT max(abs(tally.percentile_rank(x.w, y.median) - 0.5)) FROM hashed x JOIN sorted y USING (large)), '<', 0.005::float8,
    'the median of a digest has its rank');

SELECT * FROM finish();
