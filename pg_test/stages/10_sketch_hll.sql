-- tally.hll in the database: exact while small for every type, stable across widths and collations, error when large, I/O.
SELECT no_plan();
SET client_min_messages = warning;

CREATE TABLE v AS SELECT i % 499 AS g, i % 3001 AS s FROM generate_series(1, 30000) i;
ANALYZE v;
CREATE VIEW expected AS SELECT g, count(DISTINCT s) AS n FROM v GROUP BY g;
SELECT bag_eq('SELECT g, tally.distinct_count(tally.hll(s)) FROM v GROUP BY g', 'SELECT * FROM expected', 'small groups are exact');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 3;
SELECT bag_eq('SELECT g, tally.distinct_count(tally.hll(s)) FROM v GROUP BY g', 'SELECT * FROM expected', 'parallel plan');
CREATE TABLE in_parallel AS SELECT tally.hll(s) AS h FROM v;
RESET ALL;
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SELECT is((SELECT h::text FROM in_parallel), (SELECT tally.hll(s)::text FROM v), 'equal sets have equal bytes whatever the plan');
RESET max_parallel_workers_per_gather;

SELECT is(tally.hll(i::int2)::text, tally.hll(i::int8)::text, 'int2 and int8') FROM generate_series(1, 300) i;
SELECT is(tally.hll(i::int4)::text, tally.hll(i::int8)::text, 'int4 and int8') FROM generate_series(-300, 300) i;
SELECT is(tally.hll(t COLLATE "C")::text, tally.hll(t COLLATE "und-x-icu")::text, 'text under any collation')
  FROM (SELECT 'ä' || i AS t FROM generate_series(1, 300) i) s;
SELECT is(tally.hll(t::text)::text, tally.hll(t::varchar)::text, 'text and varchar') FROM (SELECT 'x' || i AS t FROM generate_series(1, 300) i) s;
SELECT is(tally.hll(t::name)::text, tally.hll(t::char(9))::text, 'name and char(9)') FROM (SELECT 'x' || i AS t FROM generate_series(1, 300) i) s;
SELECT is(tally.hll(i::numeric)::text, tally.hll((i || '.000')::numeric)::text, 'numeric 1 = 1.000') FROM generate_series(1, 300) i;
SELECT is(tally.hll(i::float4)::text, tally.hll(i::float8)::text, 'float4 and float8') FROM generate_series(1, 300) i;
SELECT is(tally.approx_distinct(f), 2::bigint, '-0 is 0, NaN is NaN') FROM (VALUES (float8 '0'), ('-0'), ('NaN'), ('NaN')) t(f);
SELECT is(tally.approx_distinct(jsonb_build_object('a', i % 100, 'b', 1)), 100::bigint, 'jsonb') FROM generate_series(1, 300) i;
SELECT is(tally.approx_distinct(ROW(i % 10, (i % 10)::text)), 10::bigint, 'composite keys') FROM generate_series(1, 300) i;
SELECT is(tally.approx_distinct(ARRAY[i % 10, 1]), 10::bigint, 'arrays') FROM generate_series(1, 300) i;
SELECT is(tally.approx_distinct(md5(i::text)::uuid), 300::bigint, 'uuid') FROM generate_series(1, 300) i;
SELECT is(tally.approx_distinct(timestamptz 'epoch' + i * interval '1 s'), 300::bigint, 'timestamptz') FROM generate_series(1, 300) i;
SELECT is(tally.approx_distinct((i % 2 = 0)), 2::bigint, 'bool') FROM generate_series(1, 300) i;
SELECT is(tally.approx_distinct(repeat(i::text, 5000)), 30::bigint, 'toasted text') FROM generate_series(1, 30) i;
CREATE TYPE colour AS ENUM ('red', 'green');
SELECT is(tally.hll(c)::text, tally.hll(c::text)::text, 'an enum counts by its labels') FROM unnest(enum_range(NULL::colour)) c;
CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);
SELECT is(tally.approx_distinct(c::short), 2::bigint, 'a domain as its base type') FROM (VALUES ('a'), ('b'), ('a')) t(c);

SELECT ok(tally.hll(s) FILTER (WHERE g < 0) IS NULL, 'no row: NULL') FROM v;
SELECT is(tally.approx_distinct(s) FILTER (WHERE g < 0), 0::bigint, 'approx_distinct of no row: 0, as count(DISTINCT)') FROM v;
SELECT is(tally.distinct_count(tally.rollup(h)), 766::bigint, 'rollup stays exact up to 766')
    FROM (SELECT tally.hll(i % 766) AS h FROM generate_series(1, 5000) i GROUP BY i % 50) s;
SELECT ok(abs(tally.distinct_count(tally.hll(i)) / 100000.0 - 1) < 0.046, 'within four standard errors') FROM generate_series(1, 100000) i;
SELECT ok(abs(tally.distinct_count(tally.hll(i, 16)) / 100000.0 - 1) < 0.0163, 'precision 16') FROM generate_series(1, 100000) i;
SELECT is(tally.hll(i, 10)::text,
    (SELECT tally.rollup(h)::text FROM (SELECT tally.hll(j, 10 + j % 4) AS h FROM generate_series(1, 20000) j GROUP BY j % 4, j % 100) s),
          'unequal precisions merge to the smaller') FROM generate_series(1, 20000) i;
SELECT is(tally.relative_error(tally.hll(i)), 0::float8, 'no error while exact') FROM generate_series(1, 700) i;
SELECT is(array_agg(p ORDER BY i), ARRAY[1, 2, 3, 3, 3]::bigint[], 'window frame')
  FROM (SELECT i, tally.distinct_count(tally.hll(i) OVER (ORDER BY i ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)) AS p FROM generate_series(1, 5) i) s;
SELECT is(tally.distinct_count(tally.merge(tally.add(NULL::tally.hll, 1), tally.add(tally.add(NULL::tally.hll, 1), 2))), 2::bigint,
    'add and merge outside aggregates');

CREATE TABLE stored AS SELECT g, tally.hll(s) AS h FROM v GROUP BY g UNION ALL SELECT -1, tally.hll(s) FROM v;
SELECT is(count(*), 0::bigint, 'text comes back') FROM stored WHERE h::text::tally.hll::text <> h::text;
SELECT ok(pg_column_size(tally.hll(i)) < 150, 'ten values take less than 150 bytes') FROM generate_series(1, 10) i;
SELECT throws_ok($$SELECT tally.hll('{}'::json)$$, '42883', 'expected a type with a hash function, got json', 'a type without hash');
SELECT throws_ok($$SELECT tally.hll(1, 3)$$, '22023', 'precision expected in 4 to 18, got 3', 'precision out of range');
SELECT throws_ok($$SELECT '{"hashes":["zz"]}'::text::tally.hll$$, '22P02', NULL, 'text that is no sketch');
SELECT throws_ok($$SELECT '{"precision":13,"registers":"00ff"}'::text::tally.hll$$, '22P02', NULL, 'too few registers');
SELECT * FROM finish();
