-- Owns the trouble of make demo-cluster: at one node, orders begin to fail.
INSERT INTO orders SELECT now() - i * interval '1 second' / 2, :'node' || '-1', 0, true, i FROM generate_series(1, 600) i;
