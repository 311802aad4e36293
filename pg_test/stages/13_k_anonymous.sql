-- Owns: tally.k_anonymous(): shown from k distinct persons, against plain SQL; merged by parallel plans; bad k.
SELECT no_plan();
\ir ../hosted.psql
CREATE TABLE sales AS SELECT g % 40 AS shop, (g / 40) % (g % 40 + 1) AS person, g::numeric / 4 AS amount FROM generate_series(1, 4000) g;
SELECT bag_eq('SELECT shop, tally.k_anonymous(amount, person) FROM sales GROUP BY shop',
    'SELECT shop, CASE WHEN count(DISTINCT person) >= 10 THEN sum(amount) END FROM sales GROUP BY shop', 'ten unless said otherwise');
SELECT bag_eq('SELECT shop, tally.k_anonymous(1, person, 25) FROM sales GROUP BY shop',
    'SELECT shop, CASE WHEN count(DISTINCT person) >= 25 THEN count(*)::numeric END FROM sales GROUP BY shop', 'rows, where there are 25');
SELECT bag_eq('SELECT shop, tally.k_anonymous(amount, person::text) FROM sales GROUP BY shop',
    'SELECT shop, tally.k_anonymous(amount, person) FROM sales GROUP BY shop',
    'persons of any type');
SELECT is((SELECT tally.k_anonymous(1, NULLIF(i % 2, 0) * i, 10) FROM generate_series(1, 18) i), NULL, 'who is not known is nobody: nine persons are too few');
SELECT is((SELECT tally.k_anonymous(i, i, 2) FROM generate_series(1, 0) i), NULL, 'nothing');
SELECT is((SELECT tally.k_anonymous(NULLIF(i, 3), i, 2) FROM generate_series(1, 3) i), 3::numeric, 'a NULL adds nothing');
SELECT throws_ok('SELECT tally.k_anonymous(i, i, 1) FROM generate_series(1, 3) i', '22023', 'k must be 2 or more, got 1', 'k of one hides nobody');
SELECT throws_ok('SELECT tally.k_anonymous(i, i, NULL) FROM generate_series(1, 3) i', '22023', 'k must be 2 or more, got NULL', 'nor does no k');
CREATE TEMP TABLE serial AS SELECT shop, tally.k_anonymous(amount, person, 12) AS total FROM sales GROUP BY shop;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    all_ text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP all_ := all_ || line; END LOOP;
    RETURN all_;
END $$;
\if :hosted
SELECT skip('aggregates in SQL do not run in parallel');
\else
SELECT matches(plan('SELECT shop, tally.k_anonymous(amount, person, 12) FROM sales GROUP BY shop'), 'Partial', 'a parallel plan merges');
\endif
SELECT bag_eq('SELECT shop, tally.k_anonymous(amount, person, 12) FROM sales GROUP BY shop', 'SELECT * FROM serial', 'and says the same');
SELECT * FROM finish();
