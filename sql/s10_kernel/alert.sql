-- Owns: the alert functions of the kernel contract. They compute; sql/s60_alert moves the rows.

CREATE OR REPLACE FUNCTION tally.parse_condition(condition text) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_parse_condition';
COMMENT ON FUNCTION tally.parse_condition(text) IS
    'Reads a threshold''s condition, such as ''> 2500'' or ''> 1.5 x baseline of 7 days'', into the object the state machine works with.';

CREATE OR REPLACE FUNCTION tally.condition_windows(condition jsonb) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_condition_windows';
COMMENT ON FUNCTION tally.condition_windows(jsonb) IS
    'The stretches of history a condition needs, relative to the tested window, in the order alert_step() expects their values.';

CREATE OR REPLACE FUNCTION tally.condition_limit(condition jsonb) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_condition_limit';
COMMENT ON FUNCTION tally.condition_limit(jsonb) IS
    'The number a condition holds its value against, as a json number; json null where it has none.';

CREATE OR REPLACE FUNCTION tally.alert_step(state jsonb, sample jsonb, rule jsonb, tick timestamptz) RETURNS jsonb
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_alert_step';
COMMENT ON FUNCTION tally.alert_step(jsonb, jsonb, jsonb, timestamptz) IS
    'The alert state machine: from the state of a label set (null: none yet), a sample, a rule and the tick to the next state, with transition, verdict and '
        'observed number.';

CREATE OR REPLACE FUNCTION tally.schedule_before(schedule text, at timestamptz, beats int DEFAULT 1) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_schedule_before';
COMMENT ON FUNCTION tally.schedule_before(text, timestamptz, int) IS
    'When a cron schedule (or a number of seconds) came up for the beats-th last time at or before a moment, in UTC. NULL further back than eight years; an '
        'error where the text is no schedule or never comes up.';
