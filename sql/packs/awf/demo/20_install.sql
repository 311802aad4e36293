-- Owns: demo, stage 2: the pack's rollups, metrics and thresholds, and the history computed.

\echo
\echo '━━ 2. Rollups ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT tally.install_pack(''awf'');     -- definitions only: rollups, metrics, thresholds, views'
\echo '   CALL tally.backfill();                -- history, in committed batches'
\echo
SELECT tally.install_pack('awf') AS said \gset
CALL tally.backfill();
\echo
SELECT s.rollup, r.bucket AS per, to_char(greatest(c.reltuples, 0), 'FM999,999,999') AS rows, s.schedule, split_part(r.description, E'\n', 1) AS "for"
  FROM tally.status s JOIN tally.rollups r ON r.name = s.rollup JOIN pg_class c ON c.oid = r.relation ORDER BY r.id;
