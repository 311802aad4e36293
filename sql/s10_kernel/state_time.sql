-- Owns: tally.state_time, how long something was in which state, whose parts merge in the order of time: its aggregates and readers.

CREATE OR REPLACE FUNCTION tally_internal._state_time_trans(sketch tally.state_time, state text, "time" timestamptz) RETURNS tally.state_time
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_trans';
COMMENT ON FUNCTION tally_internal._state_time_trans(tally.state_time, text, timestamptz) IS 'Transition of tally.state_time.';

CREATE OR REPLACE FUNCTION tally_internal._state_time_merge(state tally.state_time, sketch tally.state_time) RETURNS tally.state_time
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_merge';
COMMENT ON FUNCTION tally_internal._state_time_merge(tally.state_time, tally.state_time) IS 'Combines partial states, and merges for tally.rollup.';

CREATE OR REPLACE FUNCTION tally_internal._state_time_final(state tally.state_time) RETURNS tally.state_time
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_final';
COMMENT ON FUNCTION tally_internal._state_time_final(tally.state_time) IS 'Finishes a state: its rows in the order of time, as one part.';

CREATE OR REPLACE AGGREGATE tally.state_time(state text, "time" timestamptz) (
    SFUNC = tally_internal._state_time_trans, FINALFUNC = tally_internal._state_time_final,
    STYPE = tally.state_time, COMBINEFUNC = tally_internal._state_time_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.state_time(text, timestamptz) IS
    'How long something was in which state: each state holds until the next row. Of states at one instant the greatest by its bytes holds. NULLs '
    'and infinite times are skipped.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.state_time) (
    SFUNC = tally_internal._state_time_merge, FINALFUNC = tally_internal._state_time_final,
    STYPE = tally.state_time, COMBINEFUNC = tally_internal._state_time_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.rollup(tally.state_time) IS
    'Merges parts of one series in the order of time, exactly; what lies between two parts is the last state of the earlier one. Parts that '
    'overlap are refused.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.state_time, b tally.state_time) RETURNS tally.state_time
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_merge_two';
COMMENT ON FUNCTION tally.merge(tally.state_time, tally.state_time) IS
'Merges two parts in the order of time. Parts that overlap are refused. NULL counts as an empty part.';

CREATE OR REPLACE FUNCTION tally.duration_in(sketch tally.state_time, state text) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_duration';
COMMENT ON FUNCTION tally.duration_in(tally.state_time, text) IS 'How long it was in a state, between the first and the last row.';

CREATE OR REPLACE FUNCTION tally.within(sketch tally.state_time, since timestamptz, until timestamptz, before tally.state_time) RETURNS tally.state_time
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_within';
COMMENT ON FUNCTION tally.within(tally.state_time, timestamptz, timestamptz, tally.state_time) IS
'How long it was in which state over all of a range: the last state of the part before it (which may be NULL) holds from the start, and the last state '
'of the range until its end.';

CREATE OR REPLACE FUNCTION tally.states(sketch tally.state_time) RETURNS TABLE (state text, duration interval, share float8)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'tally_state_time_states';
COMMENT ON FUNCTION tally.states(tally.state_time) IS
    'How long it was in each state, and which share of the time that is. A state that held no time is left out.';

CREATE OR REPLACE FUNCTION tally.count(sketch tally.state_time) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_count';
COMMENT ON FUNCTION tally.count(tally.state_time) IS 'How many rows.';

CREATE OR REPLACE FUNCTION tally.changes(sketch tally.state_time) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_changes';
COMMENT ON FUNCTION tally.changes(tally.state_time) IS 'How many rows differ from the one before.';

CREATE OR REPLACE FUNCTION tally.first_state(sketch tally.state_time) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_first_state';
COMMENT ON FUNCTION tally.first_state(tally.state_time) IS 'The first state.';

CREATE OR REPLACE FUNCTION tally.first_time(sketch tally.state_time) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_first_time';
COMMENT ON FUNCTION tally.first_time(tally.state_time) IS 'The time of the first row.';

CREATE OR REPLACE FUNCTION tally.last_state(sketch tally.state_time) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_last_state';
COMMENT ON FUNCTION tally.last_state(tally.state_time) IS 'The last state.';

CREATE OR REPLACE FUNCTION tally.last_time(sketch tally.state_time) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_state_time_last_time';
COMMENT ON FUNCTION tally.last_time(tally.state_time) IS 'The time of the last row.';
