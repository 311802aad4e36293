-- Owns: demo, stage 1: the marketplace's own tables, filled, and the pack over them.

\echo
\echo '━━ 1. The marketplace ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'Ninety days of tutors and assignments up to this minute,' :events 'events in an ordinary table, analytics_events,'
\echo 'and assignments, extractions, ingestion runs and clicks beside it.'
\echo
SELECT tally.generate_product_analytics(:EVENTS, until => now()) AS loaded \gset
\echo '━━ 2. The pack ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT tally.install_pack(''product_analytics'');'
\echo '   CALL tally.backfill();                -- history, in committed batches'
\echo '   SELECT tally.start();                 -- pg_cron is the only clock; there is no other process'
\echo
SELECT tally.install_pack('product_analytics') AS said \gset
CALL tally.backfill();
SELECT name AS job, schedule, command FROM tally.start();
