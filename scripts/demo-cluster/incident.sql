-- Owns what make demo-cluster shows of the trouble, at the coordinator.
\set QUIET on
\pset footer off
SET client_min_messages = warning;
\echo '   Now orders of one shop fail at south. Centre evaluates once, over both:'
SELECT count(*) AS evaluated, sum(opened) AS opened FROM tally.evaluate(date_trunc('minute', now()) + interval '1 minute');
SELECT id, threshold, severity, status, value, impact FROM tally.incidents;
SELECT n.node, to_char(n.pulled_at, 'HH24:MI:SS') AS pulled_at, n.message FROM tally.cluster_nodes n ORDER BY 1;
