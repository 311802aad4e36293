-- Narrow rows in random order: log-normal values; keys for 435,000, 3,600 and 155 groups; 200,000 sessions.
DROP TABLE IF EXISTS ev;
SELECT setseed(0.5);
CREATE UNLOGGED TABLE ev AS
SELECT (random() * 435000)::int AS g, (random() * 3599)::int AS h, (random() * 154)::int AS w,
       exp(6 + sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())) AS v, (random() * 200000)::bigint AS s,
       (random() * 20)::int AS k, (random() * 100)::int AS q
  FROM generate_series(1, :events);
VACUUM ANALYZE ev;
