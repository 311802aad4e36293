-- Owns: the pack operator_control_center: its description, and its files in the order in which they are installed.
-- description: Success metrics of an operator dashboard: activation of new shops within seven days, minutes from SLA breach to reply, anomalies followed up
--   within 24 hours; nightly as facts for the tile, live as views, and by week.

\ir source.sql
\ir rollups.sql
\ir views.sql
\ir views_live.sql
\ir nightly.sql
\ir sprints.sql
\ir shopify.sql
\ir boards.sql
