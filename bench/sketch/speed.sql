-- Times of the sketches beside twelve counts and sums, and of the peers where they are installed. Run by run.sh.
\timing on
SET work_mem = '256MB';
SET max_parallel_workers_per_gather = 1;
\set counts 'count(*), count(*) FILTER (WHERE k = 1), count(*) FILTER (WHERE k = 2), count(*) FILTER (WHERE k = 3), count(*) FILTER (WHERE k = 4), count(*) FILTER (WHERE k = 5), count(*) FILTER (WHERE k > 9), sum(q), sum(k), min(q), max(q), max(k)'
\echo scan
SELECT count(*) FROM ev;
SELECT count(*) FROM ev;
\echo groups of about 23: counts, + tdigest, + tdigest + hll, + peer tdigest
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY on) SELECT g, :counts FROM ev GROUP BY g;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY on) SELECT g, :counts, tally.tdigest(v) FROM ev GROUP BY g;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY on) SELECT g, :counts, tally.tdigest(v), tally.hll(s) FROM ev GROUP BY g;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY on) SELECT g, :counts, public.tdigest(v, 200) FROM ev GROUP BY g;
\echo 3,600 groups: counts, + tdigest + hll, + peers
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY on) SELECT h, :counts FROM ev GROUP BY h;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY on) SELECT h, :counts, tally.tdigest(v), tally.hll(s) FROM ev GROUP BY h;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY on) SELECT h, :counts, public.tdigest(v, 200), hll_add_agg(hll_hash_bigint(s)) FROM ev GROUP BY h;
\echo 155 groups: counts, + tdigest + hll, + peers
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY on) SELECT w, :counts FROM ev GROUP BY w;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY on) SELECT w, :counts, tally.tdigest(v), tally.hll(s) FROM ev GROUP BY w;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY on) SELECT w, :counts, public.tdigest(v, 200), hll_add_agg(hll_hash_bigint(s)) FROM ev GROUP BY w;
\echo one group on one process: sum, tdigest, peer tdigest, hll, peer hll
SET max_parallel_workers_per_gather = 0;
SELECT sum(v) FROM ev;
SELECT tally.percentile(tally.tdigest(v), 0.95) FROM ev;
SELECT tdigest_percentile(v, 200, 0.95) FROM ev;
SELECT tally.approx_distinct(s) FROM ev;
SELECT hll_cardinality(hll_add_agg(hll_hash_bigint(s))) FROM ev;
\echo merging 100,000 stored sketches of about 42 values: tdigest, peer, hll, peer
CREATE TEMP TABLE stored AS SELECT g, tally.tdigest(v) AS d, tally.hll(s) AS h, public.tdigest(v, 200) AS pd, hll_add_agg(hll_hash_bigint(s)) AS ph
  FROM (SELECT g % 100000 AS g, v, s FROM ev LIMIT 4200000) t GROUP BY g;
SELECT avg(pg_column_size(d)) AS tdigest, avg(pg_column_size(h)) AS hll, avg(pg_column_size(pd)) AS peer_tdigest, avg(pg_column_size(ph)) AS peer_hll FROM stored;
SELECT tally.percentile(tally.rollup(d), 0.95) FROM stored;
SELECT tally.percentile(tally.rollup(d), 0.95) FROM stored;
SELECT public.tdigest_percentile(pd, 0.95) FROM stored;
SELECT tally.distinct_count(tally.rollup(h)) FROM stored;
SELECT hll_cardinality(hll_union_agg(ph)) FROM stored;
