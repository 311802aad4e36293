-- A rollup that read a second table stayed as it was when that table changed, and its status said fresh. So a definition that reads another table than its
-- source is refused, wherever it stands; what only names a table, or reads the row alone, is not.
SELECT no_plan();
\ir ../message_of.psql
SET client_min_messages = warning;
CREATE TABLE sales (at timestamptz NOT NULL, product int, tags int[], what regclass);
CREATE TABLE products (id int PRIMARY KEY, category text);
CREATE VIEW catalogue AS SELECT * FROM products;
INSERT INTO products VALUES (1, 'toys'), (2, 'books');
INSERT INTO sales VALUES ('2026-03-01 10:00Z', 1, '{1,2}', 'products'), ('2026-03-01 11:00Z', 2, '{2}', 'sales');
CREATE FUNCTION asked(dimensions text DEFAULT '[]', measure text DEFAULT 'count(*)', filter text DEFAULT 'true', expand text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    m record;
BEGIN
    SELECT * INTO m FROM message_of(format(
        'SELECT tally.create_rollup(''x'', ''sales'', ''at'', dimensions => %L, measures => %L, "where" => %L, expand => %L)', dimensions,
        jsonb_build_object('n', measure), filter, expand));
    IF m.state IS NULL THEN PERFORM tally.drop_rollup('x'); END IF;
    RETURN COALESCE(m.state || ': ' || m.message, 'made');
END $$;
SELECT is(asked(dimensions => '[{"category": "(SELECT p.category FROM products p WHERE p.id = product)"}]'),
    '0A000: dimension ''category'' reads public.products beside its source public.sales', 'a dimension');
SELECT is(asked(measure => 'count(*) FILTER (WHERE product IN (SELECT id FROM products))'),
    '0A000: measure ''n'' reads public.products beside its source public.sales', 'a measure');
SELECT is(asked(filter => 'EXISTS (SELECT FROM catalogue c WHERE c.id = product)'),
    '0A000: where of rollup ''x'' reads public.catalogue beside its source public.sales', 'a filter, by way of a view');
SELECT is(asked(expand => '(SELECT p.category FROM products p WHERE p.id = product) AS p'),
    '0A000: expand of rollup ''x'' reads public.products beside its source public.sales',
    'a list');
-- Bug: PostgreSQL notes no dependency on its own catalogue, so its tables were not seen.
SELECT is(asked(dimensions => '[{"kind": "(SELECT c.relkind::text FROM pg_class c WHERE c.oid = what)"}]'),
    '0A000: dimension ''kind'' reads pg_class beside its source public.sales', 'a table of PostgreSQL');
SELECT is(asked(filter => 'EXISTS (SELECT FROM pg_stat_activity)'),
    '0A000: where of rollup ''x'' reads pg_stat_activity beside its source public.sales', 'a view of PostgreSQL');
SELECT is(asked(measure => 'count(*) FILTER (WHERE what = ''products''::regclass)'), 'made', 'a table that is only named');
SELECT is(asked(measure => 'sum((SELECT max(t) FROM unnest(tags) t))'), 'made', 'a subquery over the row alone');
SELECT is(asked(expand => 'unnest(tags) AS t(tag)'), 'made', 'a list of the row');
SELECT tally.create_rollup('y', 'sales', 'at', dimensions => '["product"]', measures => '{"n": "count(*)"}');
SELECT throws_ok($$SELECT tally.alter_rollup('y', add_measures => '{"known": "count(*) FILTER (WHERE product IN (SELECT id FROM products))"}')$$, '0A000',
    'measure ''known'' reads public.products beside its source public.sales', 'nor can a change read it');
SELECT bag_eq('SELECT p.category, sum(n)::int AS n FROM y_live JOIN products p ON p.id = y_live.product::int GROUP BY 1', $$VALUES ('toys', 1), ('books', 1)$$,
    'joined where it is read');
SELECT * FROM finish();
