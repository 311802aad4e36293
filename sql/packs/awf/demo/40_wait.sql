-- Owns: demo, stage 4: nobody touches anything until pg_cron has found the spike and filed an incident.

\echo
\echo '━━ 4. Waiting for pg_cron to notice ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\set threshold '%fallback%'
\set labels '{"world": "emberfall"}'
\ir ../../demo/wait.sql
