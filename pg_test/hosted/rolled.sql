-- Asked of both kernels by pg_test/hosted/agree.sh: sketches that are merged at once, beside merges one after another. The kernel in SQL gathers them first.
-- answers: 60

SET extra_float_digits = 0;
\set VERBOSITY terse
CREATE SCHEMA rolled;
-- Groups of none, one, two and many parts, some of them NULL; of each part a few values.
CREATE TABLE rolled.rows AS
SELECT g, p, i, timestamptz '2026-01-01 00:00+00' + (p * 1000 + i * 7 % 50) * interval '1 minute' AS at,
       CASE WHEN i % 11 > 0 THEN (i * 7919 % 1009) / 8.0 END AS y, (i * 31 % 97) / 4.0 AS x, chr(97 + i * i % 26) AS t, i % 4 AS level,
       jsonb_build_object('a', i, 'b', jsonb_build_object('c', i / 10.0)) AS j
  FROM generate_series(0, 6) g, LATERAL generate_series(1, CASE g WHEN 0 THEN 1 WHEN 6 THEN 60 ELSE g END) p,
       LATERAL generate_series(g * 100 + p * 10, g * 100 + p * 10 + CASE WHEN g = 3 AND p = 2 THEN -1 ELSE (g * 5 + p) % 17 END) i;
CREATE TABLE rolled.parts AS
SELECT g, p, tally.tdigest(y) AS digest, tally.hll(t || i % 40) AS people, tally.stats(y) AS stats, tally.stats(y, x) AS pairs,
       tally.moments(y, x, level) AS moments, tally.jsonb_totals(j) AS totals, tally.topk(t) AS top, tally.first(t, at) AS first,
       tally.last(y, at) AS last, tally.ohlc(y, at) AS ohlc, tally.gauge(y, at) AS gauge, tally.counter(x, at) AS counter,
       tally.state_time(t, at) AS states, tally.funnel_counts(level::int) AS counts,
       tally.retention_counts(ARRAY[true, i % 3 = 0, CASE WHEN i % 5 > 0 THEN i % 2 = 0 END]) AS retained,
       tally.sequence_events(at, level = 1, level = 2) AS events
  FROM rolled.rows GROUP BY g, p;
-- Parts of nothing.
INSERT INTO rolled.parts (g, p) SELECT g, 1000 FROM generate_series(1, 4) g UNION ALL SELECT 7, 1 UNION ALL SELECT 7, 2;
-- folded(column, group): the parts of a group merged one after another.
CREATE FUNCTION rolled.folded(wanted text, of_group int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    state jsonb;
BEGIN
    EXECUTE format('WITH RECURSIVE ordered AS (SELECT %1$I AS s, row_number() OVER (ORDER BY p) AS n FROM rolled.parts WHERE g = $1),
        folded AS (SELECT s, n FROM ordered WHERE n = 1 UNION ALL SELECT tally.merge(f.s, o.s), o.n FROM folded f JOIN ordered o ON o.n = f.n + 1)
        SELECT s::jsonb FROM folded ORDER BY n DESC LIMIT 1', wanted) INTO state USING of_group;
    RETURN state;
END $$;
SELECT z.of, p.g, z.rolled IS NULL, z.rolled = rolled.folded(z.of, p.g)
  FROM (SELECT g, tally.rollup(digest ORDER BY p)::jsonb AS digest, tally.rollup(people ORDER BY p DESC)::jsonb AS people,
               tally.rollup(totals)::jsonb AS totals, tally.rollup(top)::jsonb AS top, tally.rollup(first)::jsonb AS first,
               tally.rollup(last ORDER BY p DESC)::jsonb AS last, tally.rollup(ohlc)::jsonb AS ohlc,
               tally.rollup(gauge)::jsonb AS gauge, tally.rollup(states)::jsonb AS states
          FROM rolled.parts WHERE g < 6 OR g = 7 GROUP BY g) p,
       LATERAL (VALUES ('digest', digest), ('people', people), ('totals', totals), ('top', top), ('first', first), ('last', last), ('ohlc', ohlc),
                       ('gauge', gauge), ('states', states)) z(of, rolled) ORDER BY 1, 2;
-- And beside the values themselves.
SELECT 'values', p.g, tally.count(p.digest) = r.n, tally.percentile(p.digest, 0.3) = r.third, tally.distinct_count(p.people) = r.people,
       tally.count(p.stats) = r.n, round(tally.mean(p.stats)::numeric, 9) = round(r.mean::numeric, 9),
       round(tally.variance(p.stats)::numeric, 7) = round(r.variance::numeric, 7), round(tally.skewness(p.stats)::numeric, 6),
       round(tally.kurtosis(p.stats)::numeric, 6), round(tally.covariance(p.pairs)::numeric, 6) = round(r.covariance::numeric, 6),
       round(tally.variance_x(p.pairs)::numeric, 7) = round(r.variance_x::numeric, 7),
       tally.count(p.moments) = r.n, round(tally.covariance(p.moments, 1, 2)::numeric, 6) = round(r.covariance::numeric, 6),
       round(tally.mean(p.moments, 3)::numeric, 9) = round(r.level::numeric, 9), tally.total(p.totals, 'a') = r.a, tally.count(p.top) = r.all,
       tally.value_text(p.first), tally.value(p.last), tally.count(p.counter) = r.all, tally.reached(p.counts) = r.reached
  FROM (SELECT g, tally.rollup(digest) AS digest, tally.rollup(people) AS people, tally.rollup(stats) AS stats, tally.rollup(pairs) AS pairs,
               tally.rollup(moments) AS moments, tally.rollup(totals) AS totals, tally.rollup(top) AS top, tally.rollup(first) AS first,
               tally.rollup(last) AS last, tally.rollup(counter) AS counter, tally.rollup(counts) AS counts FROM rolled.parts WHERE g < 6 GROUP BY g) p
  JOIN (SELECT g, count(y) AS n, count(*) AS all, percentile_cont(0.3) WITHIN GROUP (ORDER BY y) AS third, count(DISTINCT t || i % 40) AS people,
               avg(y) AS mean, var_samp(y) AS variance, covar_samp(y, x) AS covariance, var_samp(x) FILTER (WHERE y IS NOT NULL) AS variance_x,
               avg(level) FILTER (WHERE y IS NOT NULL) AS level, sum(i)::float8 AS a,
               ARRAY[count(*) FILTER (WHERE level >= 1), count(*) FILTER (WHERE level >= 2), count(*) FILTER (WHERE level >= 3)] AS reached
          FROM rolled.rows GROUP BY g) r USING (g) ORDER BY 2;
SELECT 'periods', g, (SELECT array_agg(x.retained || ' of ' || x.eligible ORDER BY x.period) FROM tally.retention_periods(tally.rollup(retained)) x),
       tally.sequence_count(tally.rollup(events), '(?1).*(?2)') FROM rolled.parts GROUP BY g ORDER BY 2;
-- Estimates: near the values, whatever they were merged of.
SELECT 'many', abs(tally.percentile(tally.rollup(d), 0.9) - 90000) < 300, abs(tally.distinct_count(tally.rollup(h)) - 100000) < 5000,
       tally.count(tally.rollup(d)), tally.sum(tally.rollup(d)), tally.max(tally.rollup(d))
  FROM (SELECT tally.tdigest(i) AS d, tally.hll(i) AS h FROM generate_series(1, 100000) i GROUP BY i % 7
        UNION ALL SELECT tally.tdigest(i), tally.hll(i) FROM generate_series(5, 9) i) x;
-- Precisions and compressions: the smaller one.
SELECT 'smaller', tally.distinct_count(tally.rollup(h)), tally.rollup(h)::jsonb -> 'precision', tally.rollup(d)::jsonb -> 'compression'
  FROM (VALUES (10), (13), (8)) p(p), LATERAL (SELECT tally.hll(i, p) AS h, tally.tdigest(i, p * 10) AS d FROM generate_series(1, p) i) x;
SELECT 'odd', tally.count(tally.rollup(s)), tally.mean(tally.rollup(s)), tally.variance(tally.rollup(s))
  FROM (SELECT tally.stats(v) AS s FROM (VALUES (1, 'Infinity'::float8), (1, 1), (2, 2), (3, 3), (4, 4)) v(g, v) GROUP BY g) x;
SELECT 'even', tally.variance(tally.rollup(s)), tally.mean(tally.rollup(s)), tally.variance(tally.rollup(m), 1)
  FROM (SELECT tally.stats(0.1) AS s, tally.moments(0.1) AS m FROM generate_series(1, 50) i GROUP BY i % 9) x;
-- Frames that grow and that move.
SELECT 'grows', count(*), bool_and(tally.count(x.rolled) = x.n), bool_and(tally.distinct_count(x.people) = x.i)
  FROM (SELECT i, tally.rollup(d) OVER (ORDER BY i) AS rolled, tally.hll(i) OVER (ORDER BY i) AS people, sum(n) OVER (ORDER BY i) AS n
          FROM (SELECT i, tally.tdigest(j) AS d, count(*) AS n FROM generate_series(1, 40) i, generate_series(1, i) j GROUP BY i) y) x;
SELECT 'moves', count(*), bool_and(tally.count(x.digest) = x.n), bool_and(tally.max(x.digest) = x.i)
  FROM (SELECT i, tally.tdigest(i) OVER w AS digest, count(*) OVER w AS n FROM generate_series(1, 40) i WINDOW w AS (ORDER BY i ROWS 5 PRECEDING)) x;
-- What does not merge.
SELECT tally.rollup(s)
  FROM (SELECT tally.first(1::float8, now()) AS s UNION ALL SELECT tally.last(1::float8, now()) UNION ALL SELECT tally.last('a'::text, now())) x;
SELECT tally.rollup(s) FROM (SELECT tally.counter(1, now()) AS s UNION ALL SELECT tally.gauge(1, now()) UNION ALL SELECT tally.gauge(1, now())) x;
SELECT tally.rollup(s) FROM (SELECT tally.moments(1) AS s UNION ALL SELECT tally.moments(1, 2) UNION ALL SELECT tally.moments(1, 3)) x;
SELECT tally.rollup(s)
  FROM (SELECT tally.gauge(n, timestamptz '2026-01-01 00:00+00' + n * interval '1 hour') AS s FROM generate_series(1, 9) n GROUP BY n % 2) x;
SELECT tally.rollup(s) FROM (SELECT tally.sequence_events(now(), true) AS s UNION ALL SELECT tally.sequence_events(now(), true, false)) x;
DROP SCHEMA rolled CASCADE;
