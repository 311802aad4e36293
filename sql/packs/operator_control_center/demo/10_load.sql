-- Owns: demo, stage 1: facts and decisions, and the pack over them.

\echo
\echo '━━ 1. Facts and decisions ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'Twelve weeks of shops on an operators'' dashboard up to this minute,' :events 'rows in two ordinary tables.'
\echo
SELECT tally.generate_operator_control_center(:EVENTS, until => now()) AS loaded \gset
SELECT fact_type, count(*) FROM dashboard_facts GROUP BY 1 ORDER BY 2 DESC;
\echo '━━ 2. The pack ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT tally.install_pack(''operator_control_center'');'
\echo '   CALL tally.backfill();                -- history, in committed batches'
\echo '   SELECT tally.start();                 -- pg_cron is the only clock; there is no other process'
\echo
SELECT tally.install_pack('operator_control_center') AS said \gset
CALL tally.backfill();
SELECT name AS job, schedule, command FROM tally.start();
