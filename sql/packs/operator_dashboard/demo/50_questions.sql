-- Owns: demo, the end: the document's done criteria, answered; and the incident closed with its three notes.

\echo '━━ 6. A person acts ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
SELECT incident FROM operator_incident_feed WHERE area = 'workers' AND impact LIKE '%worker-2%' LIMIT 1 \gset
\echo '   SELECT tally.acknowledge(':incident');'
\echo '   SELECT tally.resolve(':incident', root_cause => …, mitigation => …, prevention => …);   -- refused without all three'
SELECT tally.acknowledge(:incident, note => 'host is gone') \gset
SELECT tally.resolve(:incident, root_cause => 'its host ran out of disk', mitigation => 'worker moved to another host',
                     prevention => 'alert on free disk') \gset
\echo
\echo '━━ 7. Done when an operator can answer these in under two minutes ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\timing on
\echo 'How many transcodes failed today?'
\echo '   SELECT failed FROM operator_transcodes WHERE range = ''today'' AND environment = ''prod'';'
SELECT failed FROM operator_transcodes WHERE range = 'today' AND environment = 'prod';
\echo 'What is the oldest queued job right now?'
\echo '   SELECT oldest_queued_at, oldest_queued_minutes FROM operator_queue WHERE environment = ''prod'';'
SELECT oldest_queued_at, oldest_queued_minutes FROM operator_queue WHERE environment = 'prod';
\echo 'Is worker alive right now?'
\echo '   SELECT worker, alive FROM operator_workers WHERE range = ''1h'' AND environment = ''prod'' ORDER BY alive;'
SELECT worker, alive FROM operator_workers WHERE range = '1h' AND environment = 'prod' ORDER BY alive, worker LIMIT 3;
\echo 'What is play failure rate in the last 24h?'
\echo '   SELECT failure_rate FROM operator_playback WHERE range = ''24h'' AND environment = ''prod'';'
SELECT failure_rate FROM operator_playback WHERE range = '24h' AND environment = 'prod';
\echo 'What is the top active failure cause?'
\echo '   SELECT service, cause, failures FROM operator_failure_causes WHERE range = ''1h'' AND environment = ''prod'' AND place = 1;'
SELECT service, cause, failures FROM operator_failure_causes WHERE range = '1h' AND environment = 'prod' AND place = 1;
\timing off
\echo 'The server goes on running, and pg_cron with it:  psql -h' :HOST '-p' :PORT '-U' :USER :DBNAME
