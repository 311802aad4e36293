-- Owns: demo, stage 3: a worker falls silent and streams stall; the other workers go on.

\echo '━━ 3. Something breaks ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'worker-2 stopped saying that it lives ten minutes ago, and every fifth play of the last 25 minutes stalled.'
\echo '   DELETE FROM worker_heartbeats WHERE worker = ''worker-2'' AND …; INSERT INTO playback_attempts …'
DELETE FROM worker_heartbeats WHERE worker = 'worker-2' AND beat_at > now() - interval '10 minutes';
-- The others go on: nobody runs them here, so pg_cron says it for them, once a minute.
SELECT cron.schedule('workers of the demo', '* * * * *', $job$
    INSERT INTO worker_heartbeats (beat_at, environment, worker, process_started_at)
    SELECT now(), environment, worker, max(process_started_at) FROM worker_heartbeats WHERE beat_at > now() - interval '5 minutes' AND worker <> 'worker-2'
        GROUP BY environment, worker$job$) AS job \gset
INSERT INTO playback_attempts (attempted_at, environment, artist, release, platform, browser, ok, error_code, error_message)
SELECT now() - i * interval '0.1 s', 'prod', 'artist-7', 'release-7', CASE WHEN i % 3 = 0 THEN 'iOS' ELSE 'Windows' END, CASE WHEN i % 3 = 0 THEN 'Safari'
    ELSE 'Chrome' END, i % 5 > 0,
       CASE WHEN i % 5 = 0 THEN 'STALLED' END, CASE WHEN i % 5 = 0 THEN 'no data for 30 s' END
  FROM generate_series(1, 15000) i;
