-- Owns: the pack operator_dashboard: its description, and its files in the order in which they are installed.
-- description: One page for the operator of an ingest and streaming service: uploads, transcode queue, workers, playback, API errors, incidents; alerts
--   with owner, response target and runbook; SLOs.

\ir source.sql
\ir rollups.sql
\ir metrics.sql
\ir views_ingest.sql
\ir views_transcode.sql
\ir views_worker.sql
\ir views_playback.sql
\ir views_release.sql
\ir runbooks.sql
\ir panels.sql
\ir alerts.sql
\ir boards.sql
