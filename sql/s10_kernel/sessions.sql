-- Owns: sessions.

CREATE OR REPLACE FUNCTION tally.sessionize(event_time timestamptz, gap interval) RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE WINDOW AS 'MODULE_PATHNAME', 'tally_sessionize';
COMMENT ON FUNCTION tally.sessionize(timestamptz, interval) IS
'Number of the session that a row is in, from 1 in each partition; a gap longer than the given one starts a new session. For OVER (PARTITION BY … ORDER BY '
'event_time); a NULL time is in no session.';

-- The parts of sessions as arrays, for create_sessions(). The times are sorted.

CREATE OR REPLACE FUNCTION tally_internal._session_times(times timestamptz[], gap interval, ends boolean) RETURNS timestamptz[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_session_times';
COMMENT ON FUNCTION tally_internal._session_times(timestamptz[], interval, boolean) IS 'The first times of all sessions of sorted times, or the last ones.';

CREATE OR REPLACE FUNCTION tally_internal._session_counts(times timestamptz[], gap interval) RETURNS bigint[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_session_counts';
COMMENT ON FUNCTION tally_internal._session_counts(timestamptz[], interval) IS 'How many of the sorted times each session has.';

CREATE OR REPLACE FUNCTION tally_internal._session_values(times timestamptz[], gap interval, "values" text[], lasts boolean) RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_session_values';
COMMENT ON FUNCTION tally_internal._session_values(timestamptz[], interval, text[], boolean) IS
'The first (or last) value that is not NULL of each session of sorted times, with a value for each time.';
