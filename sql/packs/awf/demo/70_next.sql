-- Owns: demo, the end: how to connect and what to try.

\echo '━━ What next ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'The server goes on running, and pg_cron with it. Connect:'
\echo '   psql -h' :HOST '-p' :PORT '-U' :USER :DBNAME
\echo 'Try:'
\echo '   SELECT adventure, overall_completion_rate FROM awf_funnels_daily ORDER BY date DESC, start_count DESC LIMIT 10;'
\echo '   SELECT * FROM tally.timeseries(''fallback_rate'', since => ''7 days'', bucket => ''1 day'', by => ''{world}'') \\crosstabview bucket series value'
\echo '   DELETE FROM analytics_events WHERE world = ''emberfall''; then SELECT * FROM tally.status; SELECT * FROM tally.refresh();'
\echo '   SELECT * FROM tally.replay(''awf fallback rate'', now() - interval ''1 day'', now());'
\echo '   SELECT name, description FROM tally.packs;'
\echo
