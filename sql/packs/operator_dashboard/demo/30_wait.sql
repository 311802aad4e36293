-- Owns: demo, stage 4: until pg_cron has found the silent worker.

\echo
\echo '━━ 4. Waiting for pg_cron to notice ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\set threshold 'operator worker heartbeat'
\set labels '{"worker": "worker-2"}'
\ir ../../demo/wait.sql
