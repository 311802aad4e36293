-- Owns: demo, stage 3: pg_cron takes over, and something goes wrong in one world.

\echo
\echo '━━ 3. The clock ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT tally.start();                 -- pg_cron is the only clock; there is no other process'
\echo
SELECT name AS job, schedule, command FROM tally.start();
\echo 'Now the model behind one world stumbles: every fourth answer of the last ten minutes was a fallback.'
\echo '   INSERT INTO analytics_events … world ''emberfall'', 900 turns, 300 fallbacks'
INSERT INTO analytics_events (event_time, event_type, session_id, user_id, world, adventure, locale, model, content_version,
                              session_started_at, latency_ms, tokens_in, tokens_out, ticks, tool_calls, acts)
SELECT now() - i * interval '0.5 s', CASE WHEN i % 4 = 0 THEN 'fallback' ELSE 'turn' END, 'spike' || i % 60, 'u' || i % 60, 'emberfall',
       'the-drowned-bell', 'en-US', 'swift-2', '2025.200', now() - interval '10 min',
       CASE WHEN i % 4 > 0 THEN 900 + i % 700 END, CASE WHEN i % 4 > 0 THEN 2400 END, CASE WHEN i % 4 > 0 THEN 150 END, 1, 0, 0
  FROM generate_series(1, 1200) i;
