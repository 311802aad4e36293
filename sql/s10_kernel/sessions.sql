-- Owns: sessions.

CREATE OR REPLACE FUNCTION tally.sessionize(event_time timestamptz, gap interval) RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE WINDOW AS 'MODULE_PATHNAME', 'tally_sessionize';
COMMENT ON FUNCTION tally.sessionize(timestamptz, interval) IS
'Number of the session that a row is in, from 1 in each partition; a gap longer than the given one starts a new session. For OVER (PARTITION BY … ORDER BY '
'event_time); a NULL time is in no session.';
