-- Owns the events of one node of make demo-cluster: orders of its country in the last three hours, and failures.
CREATE EXTENSION IF NOT EXISTS pg_tally;
CREATE TABLE orders (at timestamptz NOT NULL, shop text NOT NULL, amount int NOT NULL, failed boolean NOT NULL, customer bigint NOT NULL);
CREATE INDEX ON orders (at);
INSERT INTO orders SELECT now() - i * interval '1 second' / 5, :'node' || '-' || i % 3, 10 + i % 90, i % 200 = 0, hashint8(i % 4000)
FROM generate_series(1, 54000) i;
