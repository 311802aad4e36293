-- Owns: the pack publisher: its description, and its files in the order in which they are installed.
-- description: What publishing costs and earns: turnaround and approval latency, engagement per unit of cost, pruning candidates, Discord delivery,
--   namespaces; the telemetry block of the services.

\ir source.sql
\ir settings.sql
\ir rollups.sql
\ir metrics.sql
\ir views.sql
\ir services.sql
\ir views_action.sql
\ir boards.sql
