-- 100,000 stored sketches of about 42 values each (of fewer rows: fewer sketches), by both sides.
CREATE UNLOGGED TABLE stored AS
SELECT g, tally.tdigest(v) AS d, tally.hll(s) AS h, public.tdigest(v, 200) AS pd, hll_add_agg(hll_hash_bigint(s)) AS ph
  FROM (SELECT row_number() OVER () % greatest(count(*) OVER () / 42, 1) AS g, v, s FROM (SELECT v, s FROM ev LIMIT 4200000) e) t GROUP BY g;
VACUUM ANALYZE stored;
