-- Owns what make demo-cluster tells at the coordinator.
\set QUIET on
\pset footer off
\pset null '-'
SET client_min_messages = warning;
\echo
\echo '   Three servers: orders lie on north and south; centre has none. On each of the two pg_tally keeps a rollup, and on centre one that merges them:'
\echo
\echo '   SELECT tally.create_cluster_rollup(''orders_by_minute'', ''{north,south}'', ''orders'', ''at'', …);'
SELECT tally.create_cluster_rollup('orders_by_minute', '{north,south}', 'orders', 'at', bucket => '1 minute', dimensions => '["shop"]', schedule => '* * * * *',
    measures => '{"orders": "count(*)", "failures": "count(*) FILTER (WHERE failed)", "amount": "sum(amount)", "customers": "tally.hll(customer)"}') AS made;
SELECT tally.create_metric('failure rate', 'orders_by_minute', '100 * failures::float8 / nullif(orders, 0)', unit => '%') AS metric;
SELECT tally.create_threshold('orders fail', 'failure rate', '> 5', over => '10 minutes', partial_ok => true, severity => 'warning', owner => 'on-call',
    impact => '{{value}} % of all orders fail, over both servers') AS threshold;
\echo '   What both hold now, by shop (the live view reads the servers):'
SELECT shop, sum(orders) AS orders, tally.distinct_count(tally.rollup(customers)) AS customers FROM orders_by_minute_live GROUP BY 1 ORDER BY 1;
\echo '   The same as of the last pull, in a table here:'
SELECT node, rows, error FROM tally.pull('orders_by_minute');
SELECT count(*) AS evaluated, sum(opened) AS opened FROM tally.evaluate();
