-- Values of every sketch type can be compared: GROUP BY, DISTINCT, EXCEPT, joins, sorting and rows, whatever the search_path.
SELECT no_plan();
SET client_min_messages = warning;

-- Two different values of each type, each twice, the second time made from its rows in another order.
CREATE TABLE made (kind text, what int, again int, query text);
INSERT INTO made SELECT kind, what, again, format(query, what, CASE again WHEN 1 THEN 'ASC' ELSE 'DESC' END)
FROM generate_series(1, 2) what, generate_series(1, 2) again, (VALUES
    ('tdigest', 'SELECT tally.tdigest(i * %1$s ORDER BY i %2$s) FROM generate_series(1, 50) i'),
    ('hll', 'SELECT tally.hll(i * %1$s ORDER BY i %2$s) FROM generate_series(1, 2000) i'),
    ('stats', 'SELECT tally.stats(i * %1$s ORDER BY i) FROM generate_series(1, 5) i'),
    ('moments', 'SELECT tally.moments(i * %1$s, i ORDER BY i) FROM generate_series(1, 5) i'),
    ('topk', 'SELECT tally.topk((i %% (%1$s + 3))::text ORDER BY i %2$s) FROM generate_series(1, 50) i'),
    ('totals', 'SELECT tally.jsonb_totals(jsonb_build_object(i, i * %1$s) ORDER BY i %2$s) FROM generate_series(1, 5) i'),
    ('timed', 'SELECT tally.last(i * %1$s, timestamptz ''epoch'' + i * interval ''1 s'' ORDER BY i %2$s) FROM generate_series(1, 50) i'),
    ('ohlc', 'SELECT tally.ohlc(i * %1$s, timestamptz ''epoch'' + i * interval ''1 s'' ORDER BY i %2$s) FROM generate_series(1, 50) i'),
    ('readings', 'SELECT tally.counter(i %% 7 * %1$s, timestamptz ''epoch'' + i * interval ''1 s'' ORDER BY i %2$s) FROM generate_series(1, 50) i'),
    ('state_time', 'SELECT tally.state_time((i %% (%1$s + 3))::text, timestamptz ''epoch'' + i * interval ''1 s'' ORDER BY i %2$s) FROM generate_series(1, '
        '50) i'),
    ('funnel_counts', 'SELECT tally.funnel_counts(i %% (%1$s + 3) ORDER BY i %2$s) FROM generate_series(1, 50) i'),
    ('retention_counts', 'SELECT tally.retention_counts(ARRAY[true, i > %1$s] ORDER BY i %2$s) FROM generate_series(1, 5) i'),
    ('funnel_events', $$SELECT CASE WHEN '%2$s' = 'ASC' THEN tally_internal._funnel_combine(a, b) ELSE tally_internal._funnel_combine(b, a) END
        FROM (SELECT tally_internal._funnel_trans(NULL, '1 day', '2026-01-01Z', ARRAY[true, false]) AS a,
            tally_internal._funnel_trans(NULL, '1 day', '2026-01-0%1$sZ', ARRAY[false, true]) AS b) x$$)
) t (kind, query);
SELECT is((SELECT string_agg(t.typname, ',' ORDER BY t.typname) FROM pg_type t
            WHERE t.typnamespace = 'tally'::regnamespace AND t.typtype = 'b' AND t.typcategory <> 'A' AND t.typname <> 'role' AND t.typname NOT IN (SELECT kind
                FROM made)), NULL, 'every sketch type is among them');

CREATE FUNCTION results(kind text) RETURNS TABLE (what text, answer text) LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    m record;
BEGIN
    EXECUTE format('CREATE TEMP TABLE v (what int, again int, s tally.%I)', kind);
    FOR m IN SELECT * FROM public.made x WHERE x.kind = $1 LOOP
        EXECUTE format('INSERT INTO pg_temp.v SELECT %s, %s, (%s)', m.what, m.again, m.query);
    END LOOP;
    RETURN QUERY EXECUTE $q$
        SELECT 'DISTINCT', count(*)::text FROM (SELECT DISTINCT s FROM pg_temp.v) x
        UNION ALL SELECT 'GROUP BY', string_agg(n::text, ',') FROM (SELECT count(*) AS n FROM pg_temp.v GROUP BY s) x
        UNION ALL SELECT 'EXCEPT', count(*)::text FROM (SELECT s FROM pg_temp.v WHERE what = 1 EXCEPT SELECT s FROM pg_temp.v WHERE again = 2) x
        UNION ALL SELECT 'EXCEPT ALL', count(*)::text FROM (SELECT s FROM pg_temp.v EXCEPT ALL SELECT s FROM pg_temp.v WHERE again = 2) x
        UNION ALL SELECT 'join', count(*)::text FROM pg_temp.v a JOIN pg_temp.v b USING (s)
        UNION ALL SELECT 'IS DISTINCT FROM', count(*)::text FROM pg_temp.v a, pg_temp.v b WHERE a.s IS DISTINCT FROM b.s
        UNION ALL SELECT 'rows', count(*)::text FROM pg_temp.v a, pg_temp.v b WHERE ROW(a.what, a.s) = ROW(b.what, b.s)
        UNION ALL SELECT 'whole rows', count(*)::text FROM (SELECT what, s FROM pg_temp.v) a, (SELECT what, s FROM pg_temp.v) b WHERE a = b
        UNION ALL SELECT 'order', count(*)::text FROM pg_temp.v a, pg_temp.v b WHERE (a.s < b.s)::int + (a.s = b.s)::int + (a.s > b.s)::int <> 1
            OR (a.s <= b.s) <> (NOT a.s > b.s) OR (a.s >= b.s) <> (NOT a.s < b.s)
        UNION ALL SELECT 'count DISTINCT', count(DISTINCT s)::text FROM pg_temp.v $q$;
    DROP TABLE pg_temp.v;
END $$;
CREATE TABLE expected (what text, answer text);
INSERT INTO expected VALUES ('DISTINCT', '2'), ('GROUP BY', '2,2'), ('EXCEPT', '0'), ('EXCEPT ALL', '2'), ('join', '8'), ('IS DISTINCT FROM', '8'),
    ('rows', '8'), ('whole rows', '8'), ('order', '0'), ('count DISTINCT', '2');
SELECT results_eq(format('SELECT * FROM results(%L) ORDER BY what COLLATE "C"', kind), 'SELECT * FROM expected ORDER BY what COLLATE "C"', kind || ' by hash')
  FROM (SELECT DISTINCT kind FROM made) k ORDER BY kind;
SET enable_hashagg = off; SET enable_hashjoin = off;
SELECT results_eq(format('SELECT * FROM results(%L) ORDER BY what COLLATE "C"', kind), 'SELECT * FROM expected ORDER BY what COLLATE "C"',
    kind || ' by sorting')
  FROM (SELECT DISTINCT kind FROM made) k ORDER BY kind;
RESET enable_hashagg; RESET enable_hashjoin;

-- A hash index and a hash partition use the hash; an unequal hash of equal values would lose rows.
CREATE TABLE parts (s tally.hll) PARTITION BY HASH (s);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT tally.hll(i) FROM generate_series(1, 20) i GROUP BY i;
SELECT is((SELECT count(*) FROM parts WHERE s = (SELECT tally.hll(7))), 1::bigint, 'a value is found in its hash partition');

-- F16 of the same kind: an empty text is no value, and says so as every text does (it raised data_corrupted).
SELECT throws_ok(format('SELECT %L::tally.%I', '', kind), '22P02', NULL, kind || ' from no text') FROM (SELECT DISTINCT kind FROM made WHERE kind <> 'hll') k;
SELECT throws_ok(format('SELECT %L::tally.%I', 'partial:AQ==', kind), '22P02', NULL, kind || ' from a state that is none')
    FROM (SELECT DISTINCT kind FROM made) k;
SELECT * FROM finish();
