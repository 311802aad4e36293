-- Owns: rollups over the elements of lists: expand makes several rows of one source row.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE orders (at timestamptz NOT NULL, shop text, meta jsonb);
CREATE INDEX ON orders (at);
INSERT INTO orders SELECT '2025-01-01 00:00+00'::timestamptz + i * interval '7 min', 's' || i % 3,
    jsonb_build_object('items', (SELECT coalesce(jsonb_agg(jsonb_build_object('sku', 'p' || (i * 7 + j) % 5, 'n', j)), '[]') FROM generate_series(1, i % 4) j))
        FROM generate_series(1, 500) i;
INSERT INTO orders VALUES ('2025-01-01 01:00+00', NULL, NULL), ('2025-01-01 01:00+00', 's1', '{"items": null}'),
    ('2025-01-01 01:00+00', 's1', '{"items": {"sku": "x"}}'), ('2025-01-01 01:00+00', 's1', '{"items": [{}]}');

SELECT tally.create_rollup('skus', 'orders', 'at', '1 hour', dimensions => '["shop", {"sku": "item ->> ''sku''"}]',
    measures => '{"lines": "count(*)", "pieces": "sum((item ->> ''n'')::bigint)"}',
    expand => $e$jsonb_array_elements(CASE jsonb_typeof(meta -> 'items') WHEN 'array' THEN meta -> 'items' ELSE '[]' END) AS item$e$);
-- A rollup per element on top of it: the bucket is gone, the list is long taken apart.
SELECT tally.create_rollup('sku', 'skus', key => 'sku', dimensions => '[]', measures => '{"lines": "sum(lines)", "first_seen": "min(bucket)"}');

CREATE VIEW plain AS SELECT date_trunc('hour', o.at, 'UTC') AS bucket, coalesce(shop, '(none)') AS shop, coalesce(i ->> 'sku', '(none)') AS sku,
    count(*) AS lines, sum((i ->> 'n')::bigint)::numeric AS pieces
  FROM orders o, jsonb_array_elements(CASE WHEN jsonb_typeof(meta -> 'items') = 'array' THEN meta -> 'items' ELSE '[]'::jsonb END) i GROUP BY 1, 2, 3;
CREATE FUNCTION same(suffix text, what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT is_empty(format('(TABLE skus%1$s EXCEPT ALL TABLE plain) UNION ALL (TABLE plain EXCEPT ALL TABLE skus%1$s)', suffix), what);
    RETURN NEXT is_empty(format('(SELECT sku, lines, first_seen FROM sku%1$s EXCEPT ALL SELECT sku, sum(lines), '
        'min(bucket) FROM plain GROUP BY 1) UNION ALL (SELECT sku, sum(lines), min(bucket) FROM plain GROUP BY 1 EXCEPT ALL SELECT sku, lines, '
        'first_seen FROM sku%1$s)', suffix), what || ', per key on top');
END $$;
SELECT same('_live', 'live before the backfill');
CALL tally.backfill();
SELECT same('', 'after the backfill');
SELECT is((SELECT count(*) FROM skus WHERE shop = '(none)'), 0::bigint, 'a row without a list makes none');
UPDATE orders SET meta = jsonb_set(meta, '{items}', '[{"sku": "new", "n": 3}, {"sku": "new", "n": 4}]') WHERE at < '2025-01-01 05:00+00' AND shop = 's2';
DELETE FROM orders WHERE at BETWEEN '2025-01-02 00:00+00' AND '2025-01-02 03:00+00';
INSERT INTO orders VALUES ('2024-12-01 00:00+00', 'late', '{"items": [{"sku": "p1", "n": 9}]}');
SELECT same('_live', 'live after edits');
SELECT tally.refresh();
SELECT same('', 'refreshed');
SELECT is_empty('SELECT * FROM tally.verify(''skus'')', 'verify finds nothing');
SELECT lives_ok($$SELECT tally.create_rollup('skus', 'orders', 'at', '1 hour', dimensions => '["shop", {"sku": "item ->> ''sku''"}]',
    measures => '{"lines": "count(*)", "pieces": "sum((item ->> ''n'')::bigint)"}',
    expand => 'jsonb_array_elements(CASE jsonb_typeof(meta -> ''items'') WHEN ''array'' THEN meta -> ''items'' ELSE ''[]'' END) AS item')$$, 'the same again');
SELECT throws_ok($$SELECT tally.create_rollup('bad', 'orders', 'at', measures => '{"n": "count(*)"}', dimensions => '[{"x": "item"}]',
    expand => 'nonsense(meta) AS item')$$, '42883', NULL, 'an expansion that does not exist');
SELECT throws_ok($$SELECT tally.create_rollup('bad', 'orders', 'at', measures => '{"n": "count(*)"}',
    expand => 'generate_series(1, (random() * 5)::int) AS item')$$, '42P17', NULL, 'one that gives another answer each time');
SELECT is(to_regclass('bad'), NULL, 'nothing is half made');

SELECT is(tally.instant(t), w::timestamptz, 'instant ' || t)
    FROM (VALUES ('2026-01-31T12:00:00Z', '2026-01-31 12:00+00'), ('2026-01-31 12:00:00.123456+05:30', '2026-01-31 06:30:00.123456+00'),
    ('2024-02-29T00:00Z', '2024-02-29 00:00+00'),
    ('2026-02-29T00:00:00Z', NULL), ('2026-02-30T00:00:00Z', NULL), ('0000-01-01T00:00:00Z', NULL), ('2026-01-31T24:00:00Z', NULL),
        ('2026-01-31T12:00:00', NULL), ('', NULL), ('now', NULL), ('infinity', NULL), ('9999-12-31T23:59:59-15:59', '10000-01-01 15:58:59+00')) x(t, w);
SELECT * FROM finish();
