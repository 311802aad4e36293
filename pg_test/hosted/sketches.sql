-- Asked of both kernels by pg_test/hosted/agree.sh: sketches. While they are exact the answers are equal; beyond, each is within its own error.
-- answers: 48

SET extra_float_digits = 0;
CREATE TEMP TABLE few AS SELECT i, (i * 7919 % 241)::float8 / 4 AS v, i % 5 AS g, 'u' || i % 37 AS u FROM generate_series(1, 250) i;
SELECT 'percentiles', g, tally.percentile(tally.tdigest(v), '{0,0.01,0.25,0.5,0.9,0.95,1}'::float8[]) FROM few GROUP BY 2 ORDER BY 2;
SELECT 'all', tally.percentile(tally.tdigest(v), 0.37), tally.count(tally.tdigest(v)), tally.sum(tally.tdigest(v)), tally.mean(tally.tdigest(v)),
    tally.min(tally.tdigest(v)), tally.max(tally.tdigest(v)), tally.trimmed_mean(tally.tdigest(v), 0.1, 0.9), tally.histogram(tally.tdigest(v), '{5,10,40}'),
    tally.percentile_rank(tally.tdigest(v), 20), tally.percentile_rank(tally.tdigest(v), '{-1,0,30.25,100}'::float8[]) FROM few;
SELECT 'rolled up', tally.percentile(tally.rollup(d), '{0.1,0.5,0.99}'::float8[]) FROM (SELECT tally.tdigest(v) AS d FROM few GROUP BY g) x;
SELECT 'merged', tally.percentile(tally.merge(tally.add(NULL::tally.tdigest, 3), tally.add(NULL, 5)), 0.5);
SELECT 'odd', tally.percentile(tally.tdigest(v), '{0,0.5,1}'::float8[]), tally.max(tally.tdigest(v))
    FROM unnest('{1,NaN,Infinity,-Infinity,2,NULL,0}'::float8[]) v;
SELECT 'none', tally.tdigest(v) IS NULL, tally.hll(v) IS NULL, tally.stats(v) IS NULL FROM unnest('{NULL,NULL}'::float8[]) v;
SELECT 'one shot', g, tally.approx_percentile(v, 0.75), tally.approx_distinct(u) FROM few GROUP BY 2 ORDER BY 2;
SELECT 'distinct', tally.distinct_count(tally.hll(u)), tally.distinct_count(tally.hll(i)), tally.distinct_count(tally.hll(v)),
    tally.distinct_count(tally.hll(u, 10)),
    tally.relative_error(tally.hll(u)) FROM few;
SELECT 'bug: pairs within numbers of 64 bits were one value', tally.distinct_count(tally.hll(a << 32 | b)), tally.distinct_count(tally.hll(-(a << 32 | b))),
    tally.distinct_count(tally.merge(tally.hll(b), tally.hll(b::int))) FROM generate_series(1, 25::bigint) a, generate_series(1, 30::bigint) b;
SELECT 'distinct rolled up', tally.distinct_count(tally.rollup(h)) FROM (SELECT tally.hll(u) AS h FROM few GROUP BY g) x;
SELECT 'equal', tally.distinct_count(tally.hll(n)), tally.distinct_count(tally.hll(j)), tally.distinct_count(tally.hll(a))
  FROM (VALUES (1.0, '{"a": 1.0}'::jsonb, ARRAY[1.50]), (1.00, '{"a": 1}', ARRAY[1.5]), (2, '{"b": 1}', ARRAY[2])) v(n, j, a);
SELECT 'stats', g, tally.count(s), round(tally.mean(s)::numeric, 6), round(tally.variance(s)::numeric, 6), round(tally.stddev(s)::numeric, 6),
    round(tally.skewness(s)::numeric, 6), round(tally.kurtosis(s)::numeric, 6), round(tally.sum(s)::numeric, 6)
  FROM (SELECT g, tally.stats(v) AS s FROM few GROUP BY 1) x ORDER BY 2;
SELECT 'pairs', tally.count(s), round(tally.covariance(s)::numeric, 6), round(tally.correlation(s)::numeric, 6), round(tally.slope(s)::numeric, 6),
    round(tally.intercept(s)::numeric, 6), round(tally.mean_x(s)::numeric, 6), round(tally.variance_x(s)::numeric, 6)
  FROM (SELECT tally.rollup(p) AS s FROM (SELECT tally.stats(v, i) AS p FROM few GROUP BY g) y) x;
SELECT 'moments', tally.count(m), tally.variables(m), round(tally.mean(m, 2)::numeric, 6), round(tally.variance(m, 1)::numeric, 6),
    round(tally.covariance(m, 1, 3)::numeric, 6), round(tally.sum(m, 1)::numeric, 6), ARRAY(SELECT round(c::numeric, 6) FROM unnest(tally.covariances(m)) c)
  FROM (SELECT tally.rollup(p) AS m FROM (SELECT tally.moments(v, i, v * i) AS p FROM few GROUP BY g) y) x;
SELECT 'bug: a key "a.b" and a key b within a were one sum', tally.jsonb_totals(j)::jsonb, tally.total(tally.jsonb_totals(j), 'a.b'),
    tally.total(tally.jsonb_totals(j), 'a\.b'), tally.total(tally.jsonb_totals(j), 'c.d'), tally.total(tally.rollup(t), 'a\.b')
    FROM (SELECT j, tally.jsonb_totals(j) OVER () AS t FROM unnest('{"{\"a.b\":1,\"a\":{\"b\":2},\"c.d\":5}","{\"a.b\":10}"}'::jsonb[]) j) x;
SELECT 'bug: a key within an empty key was that of the outermost object', tally.jsonb_totals(j)::jsonb, tally.total(tally.jsonb_totals(j), '.a'),
    tally.total(tally.jsonb_totals(j), 'a'), tally.total(tally.rollup(t), '.')
    FROM (SELECT j, tally.jsonb_totals(j) OVER () AS t FROM unnest('{"{\"\":{\"a\":1,\"\":{\"\":3}},\"a\":2}","{\"\":{\"\":4}}","{\"\":5}"}'::jsonb[]) j) x;
SELECT 'bug: a key that begins with U+0001 met another key', tally.jsonb_totals(j)::jsonb, tally.total(tally.jsonb_totals(j), E'\x01a\\.b'),
    tally.total(tally.jsonb_totals(j), 'a\.b') FROM (VALUES ('{"\u0001a.b": 1, "a.b": 2, "a": {"b": 3}, "\u0001": 4, "\u0001a": {"b": 5}}'::jsonb)) x(j);
SELECT 'totals', tally.jsonb_totals(j)::jsonb, tally.count(tally.jsonb_totals(j)), tally.ignored(tally.jsonb_totals(j)), tally.total(tally.jsonb_totals(j),
    'b.c')
  FROM (VALUES ('{"a": 1, "b": {"c": 2.5, "d": "x"}}'::jsonb), ('{"a": 0.1, "e": 3, "b": {"c": 1}}'), (NULL), ('{"a": 0.1}')) v(j);
SELECT 'ratio', tally.jsonb_ratio('{"a": 1, "b": 6, "c": "x"}', '{"a": 4, "b": 0, "c": 1}');
SELECT 'top', t.* FROM (SELECT tally.topk(u, 5, i) AS k FROM few) x, LATERAL tally.top(k) t;
SELECT 'top 2', t.*, tally.count(k) FROM (SELECT tally.rollup(p) AS k FROM (SELECT tally.topk(u) AS p FROM few GROUP BY g) y) x, LATERAL tally.top(k, 2) t;
-- Beyond what is exact: within the errors that the pages promise.
CREATE TEMP TABLE many AS SELECT (i * 7919 % 100003)::float8 AS v, i FROM generate_series(1, 6000) i;
SELECT 'percentile', q, abs(tally.percentile(d, q) / percentile - 1) < 0.02
  FROM (SELECT tally.tdigest(v) AS d FROM many) x, unnest('{0.01,0.1,0.5,0.9,0.99,0.999}'::float8[]) q,
       LATERAL (SELECT percentile_cont(q) WITHIN GROUP (ORDER BY v) AS percentile FROM many) p;
SELECT 'percentile rolled up', q, abs(tally.percentile(d, q) / percentile - 1) < 0.02
  FROM (SELECT tally.rollup(t) AS d FROM (SELECT tally.tdigest(v) AS t FROM many GROUP BY i % 7) y) x, unnest('{0.1,0.5,0.9,0.99}'::float8[]) q,
       LATERAL (SELECT percentile_cont(q) WITHIN GROUP (ORDER BY v) AS percentile FROM many) p;
SELECT 'ends', tally.min(d), tally.max(d), tally.count(d), abs(tally.percentile_rank(d, 50001) - 0.5) < 0.01 FROM (SELECT tally.tdigest(v) AS d FROM many) x;
SELECT 'estimate', abs(tally.distinct_count(tally.hll(i)) / 6000.0 - 1) < 0.04, abs(tally.distinct_count(tally.hll(i % 3000)) / 3000.0 - 1) < 0.04,
    abs(tally.distinct_count(tally.hll(i::text, 10)) / 6000.0 - 1) < 0.12, round(tally.relative_error(tally.hll(i))::numeric, 5) FROM many;
SELECT 'estimate rolled up', abs(tally.distinct_count(tally.rollup(h)) / 6000.0 - 1) < 0.04 FROM (SELECT tally.hll(i) AS h FROM many GROUP BY i % 10) x;
