-- Owns: the pack awf: its description, and its files in the order in which they are installed.
-- description: Live telemetry of an AI-run game: latency, retries, fallbacks, tokens, gameplay and economy per hour and day, the funnel from start to
--   completion, SLO thresholds with suggested actions.

\ir source.sql
\ir settings.sql
\ir apply.sql
\ir wider.sql
\ir watched.sql
\ir rollups.sql
\ir balance.sql
\ir pace.sql
\ir nodes.sql
\ir metrics.sql
\ir thresholds.sql
\ir views.sql
\ir alerts.sql
\ir dashboards.sql
\ir boards.sql
\ir saved_views.sql
\ir experiment.sql
\ir readers.sql
\ir export.sql
