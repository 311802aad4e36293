-- Owns: sessions.

CREATE OR REPLACE FUNCTION tally.sessionize(event_time timestamptz, gap interval) RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE WINDOW AS 'MODULE_PATHNAME', 'tally_sessionize';
COMMENT ON FUNCTION tally.sessionize(timestamptz, interval) IS
'Number of the session that a row is in, from 1 in each partition; a gap longer than the given one starts a new session. For OVER (PARTITION BY … ORDER BY '
'event_time); a NULL time is in no session.';

-- The parts of sessions as arrays, for create_sessions(). The times may come in any order, so no plan has to sort the rows: an actor's times are
-- gathered by an aggregate that hashes and runs in parallel.

CREATE OR REPLACE FUNCTION tally_internal._times_trans(state bytea, at timestamptz) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_times_trans';
COMMENT ON FUNCTION tally_internal._times_trans(bytea, timestamptz) IS 'Transition of _times.';

CREATE OR REPLACE FUNCTION tally_internal._times_merge(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_times_merge';
COMMENT ON FUNCTION tally_internal._times_merge(bytea, bytea) IS 'Combine of _times.';

CREATE OR REPLACE FUNCTION tally_internal._times_final(state bytea) RETURNS timestamptz[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_times_final';
COMMENT ON FUNCTION tally_internal._times_final(bytea) IS 'Final of _times: the times in order.';

CREATE OR REPLACE AGGREGATE tally_internal._times(at timestamptz) (
    SFUNC = tally_internal._times_trans, FINALFUNC = tally_internal._times_final, STYPE = bytea, COMBINEFUNC = tally_internal._times_merge,
    SSPACE = 512, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally_internal._times(timestamptz) IS 'The times of a group, in order, NULLs left out; NULL where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._session_times(times timestamptz[], gap interval, ends boolean) RETURNS timestamptz[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_session_times';
COMMENT ON FUNCTION tally_internal._session_times(timestamptz[], interval, boolean) IS
'The first times of all sessions of an actor''s times, or the last ones.';

CREATE OR REPLACE FUNCTION tally_internal._session_counts(times timestamptz[], gap interval) RETURNS bigint[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_session_counts';
COMMENT ON FUNCTION tally_internal._session_counts(timestamptz[], interval) IS 'How many of an actor''s times each session has.';

CREATE OR REPLACE FUNCTION tally_internal._session_values(times timestamptz[], gap interval, "values" text[], lasts boolean) RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_session_values';
COMMENT ON FUNCTION tally_internal._session_values(timestamptz[], interval, text[], boolean) IS
'The first (or last) value that is not NULL of each session of an actor''s times, which come with a value each. At one instant the values'' bytes decide.';
