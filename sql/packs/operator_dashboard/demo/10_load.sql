-- Owns: demo, stage 1: the service's own tables, filled, and the pack over them.

\echo
\echo '━━ 1. The service ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'Thirty days of an ingest and streaming service up to this minute,' :events 'rows in five ordinary tables:'
\echo 'uploads, transcode_jobs, worker_heartbeats, playback_attempts, api_requests.'
\echo
SELECT tally.generate_operator_dashboard(:EVENTS, until => now()) AS loaded \gset
\echo
\echo '━━ 2. The pack ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT tally.install_pack(''operator_dashboard'');'
\echo '   CALL tally.backfill();                -- history, in committed batches'
\echo '   SELECT tally.start();                 -- pg_cron is the only clock; there is no other process'
\echo
SELECT tally.install_pack('operator_dashboard') AS said \gset
CALL tally.backfill();
SELECT name AS job, schedule, command FROM tally.start();
