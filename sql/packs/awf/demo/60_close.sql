-- Owns: demo, stage 9: a person acts: the incident is acknowledged, recovers, and is closed with notes.

SELECT id AS incident FROM tally.incidents WHERE status = 'new' AND threshold LIKE '%fallback%' AND labels ->> 'world' = 'emberfall'
    ORDER BY id DESC LIMIT 1 \gset
\echo '━━ 9. A person acts ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT tally.acknowledge(':incident', note => ''looking at it'');'
SELECT tally.acknowledge(:incident, note => 'looking at it') \gset
\echo 'The fallbacks turn out to be one client that sent its events again and again. They are deleted, and the rollups follow.'
\echo '   DELETE FROM analytics_events WHERE session_id LIKE ''spike%'';'
DELETE FROM analytics_events WHERE session_id LIKE 'spike%';
-- Every timed routine takes as_of; the next minute's evaluation is run now, so that nobody waits for it.
SELECT date_trunc('minute', now()) + interval '1 minute' AS next_minute \gset
\echo '   SELECT * FROM tally.evaluate(as_of => now() + interval ''1 minute'');   -- the next evaluation, without waiting for its minute'
SELECT sum(recovered) > 0 AS recovered FROM tally.evaluate(as_of => :'next_minute') \gset
\if :recovered
\echo 'It has recovered, and stays listed until somebody closes it:'
\else
\echo 'It has NOT recovered: SELECT * FROM tally.threshold_states;'
\quit 3
\endif
\echo '   SELECT tally.resolve(':incident', root_cause => …, mitigation => …, prevention => …);   -- refused without all three'
SELECT tally.resolve(:incident, root_cause => 'a client without idempotency keys retried its batch',
                     mitigation => 'its duplicates were deleted', prevention => 'the collector refuses a batch it has seen', as_of => :'next_minute') \gset
\echo
SELECT to_char(t.at, 'HH24:MI:SS') AS at, t.event, coalesce(t.author, '') AS by, left(coalesce(t.note, ''), 60) AS note
  FROM tally.incident_timeline(:incident) t;
