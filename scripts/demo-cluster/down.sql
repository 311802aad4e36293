-- Owns what make demo-cluster shows when a node is stopped, at the coordinator.
\set QUIET on
\pset footer off
SET client_min_messages = error;
\echo '   South is stopped. Its part is unknown, so there is no number, and an incident of its own:'
SELECT node, left(error, 60) AS error FROM tally.pull('orders_by_minute');
SELECT count(*) AS evaluated, sum(opened) AS opened FROM tally.evaluate(date_trunc('minute', now()) + interval '10 minutes');
SELECT id, threshold, labels, status, left(impact, 60) AS impact FROM tally.incidents WHERE threshold ~ 'nodes';
