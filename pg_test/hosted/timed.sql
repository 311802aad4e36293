-- Asked of both kernels by pg_test/hosted/agree.sh: first and last values by time, and adjusted p values.
-- answers: 21
\ir told.psql

SET extra_float_digits = 0;
CREATE TEMP TABLE series AS SELECT i % 4 AS g, timestamptz '2026-01-01 00:00+00' + (i * 7919 % 97) * interval '1 hour' AS at, (i * 31 % 17)::float8 / 2 AS v,
    (i * 37 % 23)::bigint AS n, chr(97 + i % 5) || i % 3 AS t FROM generate_series(1, 200) i;
SELECT 'values', g, tally.value(tally.first(v, at)), tally.value(tally.last(v, at)), tally.value(tally.first(n, at)), tally.value_text(tally.last(n, at)),
    tally.value_text(tally.first(t, at)), tally.value_text(tally.last(t, at)), tally.value_time(tally.first(v, at)), tally.value_time(tally.last(t, at))
  FROM series GROUP BY 2 ORDER BY 2;
SELECT 'rolled up', tally.value(tally.rollup(f)), tally.value_time(tally.rollup(f)), tally.value_text(tally.rollup(l)), tally.value_time(tally.rollup(l))
  FROM (SELECT tally.first(v, at) AS f, tally.last(t, at) AS l FROM series GROUP BY g) x;
SELECT 'merged', tally.value(tally.merge(a, b)), tally.value(tally.merge(a, NULL)) FROM (SELECT tally.last(v, at) FILTER (WHERE g = 1) AS a,
    tally.last(v, at) FILTER (WHERE g = 2) AS b FROM series) x;
SELECT 'skipped', tally.first(v, at) IS NULL FROM (VALUES (NULL::float8, timestamptz '2026-01-01 00:00+00'), (1, NULL), (2, 'infinity')) x(v, at);
SELECT 'odd', tally.value(tally.first(v, at)), tally.value(tally.last(v, at)) FROM (VALUES ('NaN'::float8, timestamptz '2026-01-01 00:00+00'), (1,
    '2026-01-01 00:00+00'),
    ('Infinity', '2026-01-01 00:00+00')) x(v, at);
SELECT 'adjusted', p, ARRAY(SELECT round(x::numeric, 12) FROM unnest(tally.adjust_holm(p)) WITH ORDINALITY u(x, n) ORDER BY n),
    ARRAY(SELECT round(x::numeric, 12) FROM unnest(tally.adjust_benjamini_hochberg(p)) WITH ORDINALITY u(x, n) ORDER BY n)
  FROM (VALUES ('{0.01,0.04,0.03,0.005}'::float8[]), ('{0.5}'), ('{}'), ('{0.2,NULL,0.01,0.9}'), ('{0.01,0.01,0.02,1,0}')) v(p);
SELECT 'adjusted', cardinality(tally.adjust_holm(p)), round(tally.adjust_holm(p)[3]::numeric, 12), round(tally.adjust_benjamini_hochberg(p)[7]::numeric, 12)
  FROM (SELECT array_agg((i * 7919 % 101)::float8 / 1000 ORDER BY i) AS p FROM generate_series(1, 20) i) x;
SELECT 'text', tally.first(v, at)::jsonb, tally.last(n, at)::jsonb, tally.last(t, at)::jsonb FROM series WHERE g = 1 AND v <> trunc(v);
SELECT pg_temp.told(s) FROM unnest(ARRAY['SELECT tally.value(tally.last(''a''::text, now()))',
    'SELECT tally.merge(tally.first(1::float8, now()), tally.last(1::float8, now()))',
    'SELECT tally.merge(tally.first(1::float8, now()), tally.first(1::bigint, now()))',
    'SELECT tally.rollup(x) FROM (VALUES (tally_internal._timed_final(NULL))) v(x)']) s;
