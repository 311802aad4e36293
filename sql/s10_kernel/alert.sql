-- Owns: the alert functions of the kernel contract. They compute; sql/s60_alert moves the rows.

CREATE OR REPLACE FUNCTION tally.parse_condition(condition text) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_parse_condition';
COMMENT ON FUNCTION tally.parse_condition(text) IS
    'Reads a threshold''s condition, such as ''> 2500'' or ''> 1.5 x baseline of 7 days'', into the object the state machine works with.';

CREATE OR REPLACE FUNCTION tally.condition_windows(condition jsonb) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_condition_windows';
COMMENT ON FUNCTION tally.condition_windows(jsonb) IS
'The ranges of history that a condition needs, relative to the tested window, in the order in which alert_step() expects their values.';

CREATE OR REPLACE FUNCTION tally.condition_limit(condition jsonb) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_condition_limit';
COMMENT ON FUNCTION tally.condition_limit(jsonb) IS 'The number with which a condition compares, as a JSON number; JSON null if it has none.';

CREATE OR REPLACE FUNCTION tally.alert_step(state jsonb, sample jsonb, rule jsonb, tick timestamptz) RETURNS jsonb
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_alert_step';
COMMENT ON FUNCTION tally.alert_step(jsonb, jsonb, jsonb, timestamptz) IS
'One step of the alert state machine. It takes the state of a label set (null: none yet), a sample, a rule and the tick, and returns the next state with '
'the transition, the verdict and the observed number.';

CREATE OR REPLACE FUNCTION tally.schedule_before(schedule text, at timestamptz, beats int DEFAULT 1) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_schedule_before';
COMMENT ON FUNCTION tally.schedule_before(text, timestamptz, int) IS
'The beats-th last time, at or before a moment, at which a cron schedule (or a number of seconds) came up, in UTC. NULL if that is more than eight years '
'back. An error if the text is no schedule, or one that never comes up.';
