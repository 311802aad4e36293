-- Many groups of about ten values: each percentile is percentile_cont's to the last bit, so the mean over all groups is, too. (A
-- t-digest alone is far off there: 2160 where 1947.3 is right, on 435,000 groups.)

SELECT no_plan();

SELECT setseed(0.5);
CREATE TABLE events AS
SELECT g, h, exp(6 + 1.2 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())) AS ms, (random() * 1000)::int AS who
FROM generate_series(1, 40000) AS g, generate_series(1, 1 + (20 * random() * (g % 2))::int + 5) AS h;
ANALYZE events;

CREATE TABLE exact AS SELECT g, percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS p95, count(DISTINCT who) AS people FROM events GROUP BY g;
SELECT cmp_ok((SELECT count(*) FROM exact), '=', 40000::bigint, 'forty thousand groups');
SELECT is((SELECT avg(p95) FROM (SELECT tally.approx_percentile(ms, 0.95) AS p95 FROM events GROUP BY g ORDER BY g) q),
    (SELECT avg(p95) FROM (SELECT p95 FROM exact ORDER BY g) q), 'the mean p95 is exact');
SELECT is((SELECT count(*) FROM exact JOIN (SELECT g, tally.percentile(tally.tdigest(ms), 0.95) AS p95 FROM events GROUP BY g) s USING (g)
    WHERE s.p95 IS DISTINCT FROM exact.p95), 0::bigint, 'each p95 is');
SELECT is((SELECT count(*) FROM exact
    JOIN (SELECT g, tally.percentile(tally.rollup(part), 0.95) AS p95 FROM (SELECT g, h % 3, tally.tdigest(ms) AS part FROM events GROUP BY g, h % 3) q
    GROUP BY g) s USING (g)
           WHERE s.p95 IS DISTINCT FROM exact.p95), 0::bigint, 'each p95 is after merging');
SELECT is((SELECT count(*) FROM exact
    JOIN (SELECT g, tally.distinct_count(tally.rollup(part)) AS people FROM (SELECT g, h % 3, tally.hll(who) AS part FROM events GROUP BY g, h % 3) q
    GROUP BY g) s USING (g)
           WHERE s.people IS DISTINCT FROM exact.people), 0::bigint, 'each count of people is after merging');

SELECT * FROM finish();
