-- Owns: demo, stage 2: the pack's rollups, metrics and thresholds, and the history computed.

\echo
\echo '━━ 2. Rollups ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT tally.install_pack(''awf'');     -- definitions only: rollups, metrics, thresholds, views'
\echo '   CALL tally.backfill();                -- history, in committed batches'
\echo
SELECT tally.install_pack('awf') AS said \gset
CALL tally.backfill();
\echo
SELECT r.name AS rollup, r.bucket AS per, coalesce(p.name, r.source::text) AS "from", r.schedule, left(split_part(r.description, ':', 1), 38) AS "what for"
  FROM tally.rollups r LEFT JOIN tally.rollups p ON p.id = r.source_rollup ORDER BY r.id;
