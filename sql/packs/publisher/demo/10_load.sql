-- Owns: demo, stage 1: the services' two tables, filled, and the pack over them.

\echo
\echo '━━ 1. The publisher ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'Half a year of artifacts and of notifications in Discord up to this minute,' :events 'rows in two ordinary tables,'
\echo 'publisher_metrics_rollup and publisher_discord_metrics.'
\echo
SELECT tally.generate_publisher(:EVENTS, until => now()) AS loaded \gset
\echo '━━ 2. The pack ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT tally.install_pack(''publisher'');'
\echo '   CALL tally.backfill();                -- history, in committed batches'
\echo '   SELECT tally.start();                 -- pg_cron is the only clock; there is no other process'
\echo
SELECT tally.install_pack('publisher') AS said \gset
CALL tally.backfill();
SELECT name AS job, schedule, command FROM tally.start();
\echo '━━ 3. A service writes ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT publisher_upsert_metrics(''{"artifact_uri": "jellyfin://new", "namespace": "lane-1", "turnaround_seconds": 5400, …}'');   -- and again, '
    'with its views'
SELECT publisher_upsert_metrics('{"artifact_uri": "jellyfin://new", "namespace": "lane-1", "slug": "new", "turnaround_seconds": 5400, '
    '"approval_latency_seconds": 900, "cost": {"processing_minutes": 44, "storage_gb": 6.2}}') AS first,
       publisher_upsert_metrics('{"artifact_uri": "jellyfin://new", "engagement": {"views": 1800, "ctr": 12.5}}') AS "and again";
