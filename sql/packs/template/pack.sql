-- Owns: the template pack: its description, and its files in the order in which they are installed.
-- description: Orders of a shop per day and country: how many, what they are worth, what is sent back; a limit on returns. Copy it and make it
--   your own.

\ir source.sql
\ir settings.sql
\ir rollups.sql
\ir metrics.sql
\ir views.sql
\ir thresholds.sql
\ir readers.sql
