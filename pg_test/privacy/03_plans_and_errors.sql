-- Owns: what PostgreSQL itself tells a reader: plans with row counts, functions and operators that see rows before they are filtered, error
-- messages, cursors, the order of rows, statistics. Each attack finds the secret behind a view with HAVING or a masked table, and not in
-- the release.
SELECT no_plan();
\ir prelude.psql
CREATE TABLE evil.heard (what text);
CREATE FUNCTION evil.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY OFF) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
    RETURN plan;
END $$;
SELECT matches(evil.plan($$SELECT * FROM app.naive_cells WHERE world = 'w1' AND kind = 'b'$$), 'rows=6(\.00)? ',
    'EXPLAIN ANALYZE prints the six visits behind a view with HAVING, security_barrier or not');
SELECT doesnt_match(evil.plan($$SELECT * FROM app.seen WHERE world = 'w1' AND kind = 'b'$$), 'rows=[3-9]',
    'of the release it prints the one row that it shows');
SELECT doesnt_match(evil.plan($$SELECT * FROM tally.released('seen', by => '{world,kind}', "where" => '{"world": "w1", "kind": "b"}')$$), 'rows=[3-9]',
    'and of tally.released() two values');
SELECT is(evil.refused($$EXPLAIN ANALYZE SELECT * FROM app.by_hour_live$$), '42501', 'the live view is not for a reader');
SELECT is(evil.refused($$EXPLAIN SELECT * FROM app.by_hour$$), '42501', 'nor is the rollup, its plan included');

-- A function that costs nothing is asked before the filter.
CREATE FUNCTION evil.hear(world text, kind text, n bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
    BEGIN INSERT INTO evil.heard VALUES (concat(world, kind, ' ', n)); RETURN true; END $$;
CREATE FUNCTION evil.hear_two(a bigint, b bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
    BEGIN INSERT INTO evil.heard VALUES ('operator ' || a); RETURN true; END $$;
CREATE OPERATOR evil.<<< (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.hear_two);
SELECT count(*) FROM app.naive_plain WHERE evil.hear(world, kind, n);
SELECT count(*) FROM app.naive_plain WHERE n OPERATOR(evil.<<<) 0;
SELECT bag_has($$SELECT what FROM evil.heard$$, $$VALUES ('w1b 6'), ('operator 6')$$, 'a function and an operator in WHERE hear the secret of the view');
TRUNCATE evil.heard;
SELECT count(*) FROM app.seen WHERE evil.hear(world, kind, n);
SELECT count(*) FROM app.seen WHERE n OPERATOR(evil.<<<) 0;
SELECT cmp_ok((SELECT count(*) FROM evil.heard), '>', 10::bigint, 'they hear the rows of the release');
SELECT is_empty($$SELECT what FROM evil.heard WHERE what ~ '^w1b .*\d' OR what ~ '^w4.* \d' OR what IN ('operator 6', 'operator 3')$$, 'and not the secret');
-- How often a predicate is asked is what sleeping in it would tell.
TRUNCATE evil.heard;
SELECT count(*) FROM app.seen WHERE world = 'w1' AND kind = 'b' AND evil.hear('once', NULL, NULL);
SELECT is((SELECT count(*) FROM evil.heard), 1::bigint, 'it is asked once of a hidden cell, however many people are in it');

-- Errors that quote a value.
CREATE FUNCTION evil.shout(n bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RETURN 1 / (n - 6) = 7; END $$;
SELECT is(evil.refused($$SELECT * FROM app.naive_plain WHERE evil.shout(n)$$), '22012', 'a division by zero says that there is a cell of six in the view');
SELECT is(evil.refused($$SELECT * FROM app.seen WHERE evil.shout(n)$$), 'done', 'and none in the release');

-- The order of rows, and cursors.
SELECT is((SELECT world || kind FROM app.naive_masked WHERE n IS NULL ORDER BY ctid LIMIT 1), (SELECT x FROM unnest('{w1b,w4c}'::text[]) x LIMIT 1),
    'a masked table shows by its order which hidden cell is smallest');
SELECT results_eq($$SELECT cell FROM app.seen ORDER BY ctid$$, $$SELECT cell FROM app.seen ORDER BY bucket, cell$$,
    'rows of a release lie in the order of their cells');
SELECT results_eq($$SELECT world, kind FROM app.seen WHERE world IS NOT NULL AND kind IS NOT NULL ORDER BY cell$$,
    $$SELECT world, kind FROM app.seen WHERE world IS NOT NULL AND kind IS NOT NULL ORDER BY kind, world$$, 'which is that of their dimensions');
SELECT is((SELECT array_agg(DISTINCT n) FROM (SELECT n FROM app.seen ORDER BY n NULLS FIRST LIMIT (SELECT count(*) FROM app.seen WHERE hidden)) x), '{NULL}',
    'sorted by what is hidden, hidden cells are alike');

-- Statistics.
SELECT is((SELECT count(*) FROM pg_stats WHERE tablename IN ('visits', 'by_hour')), 0::bigint, 'pg_stats shows nothing of what lies behind');
SELECT is((SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('app', 'tally') AND c.relkind = 'r' AND c.relname ~ 'w1|kind'), 0::bigint,
    'there is no table for a value of a dimension, whose size would tell');
SELECT is(evil.refused($$ANALYZE app.seen$$), 'done', 'ANALYZE by a reader is passed over');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
ANALYZE app.seen;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SELECT is_empty($$SELECT attname FROM pg_stats WHERE tablename = 'seen'
    AND (most_common_vals::text ~ '[{,](3|6)[,}]' OR histogram_bounds::text ~ '[{,](3|6)[,}]')
    AND attname IN ('n', 'people')$$, 'statistics of the release hold what it shows');
\ir epilogue.psql
SELECT * FROM finish();
