-- Owns: the pack product_analytics: its description, and its files in the order in which they are installed.
-- description: Is the loop of a tutoring marketplace working: event volume, weekly active tutors, tuning, apply and dead-end rates, market supply, time to
--   fill, pipeline health, click-through, notification funnel, and events checked against a taxonomy.

\ir source.sql
\ir rollups.sql
\ir taxonomy.sql
\ir identities.sql
\ir funnel.sql
\ir metrics.sql
\ir views.sql
\ir probes.sql
\ir channels.sql
\ir thresholds.sql
\ir readers.sql
\ir experiment.sql
\ir boards.sql
