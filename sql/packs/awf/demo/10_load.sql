-- Owns: demo, stage 1: events in.

\echo
\echo '━━ 1. Events ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'Thirty days of an AI-run game up to this minute,' :events 'events in an ordinary table, analytics_events.'
\echo
SELECT tally.generate_awf(:EVENTS, until => now()) AS loaded \gset
\echo
SELECT event_time::timestamptz(0), event_type, left(session_id, 6) || '…' AS session, world, model, latency_ms, tokens_in
  FROM analytics_events WHERE event_type <> 'start' ORDER BY id DESC LIMIT 4;
