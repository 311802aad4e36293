-- Owns: tally.readings, the readings of one meter, whose parts merge in the order of time: counters, gauges and values weighted by time;
-- their aggregates and readers.

CREATE OR REPLACE FUNCTION tally_internal._counter_trans(state tally.readings, value float8, "time" timestamptz) RETURNS tally.readings
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_counter_trans';
COMMENT ON FUNCTION tally_internal._counter_trans(tally.readings, float8, timestamptz) IS 'Transition of tally.counter.';

CREATE OR REPLACE FUNCTION tally_internal._gauge_trans(state tally.readings, value float8, "time" timestamptz) RETURNS tally.readings
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_gauge_trans';
COMMENT ON FUNCTION tally_internal._gauge_trans(tally.readings, float8, timestamptz) IS 'Transition of tally.gauge.';

CREATE OR REPLACE FUNCTION tally_internal._time_weighted_trans(state tally.readings, value float8, "time" timestamptz) RETURNS tally.readings
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_time_weighted_trans';
COMMENT ON FUNCTION tally_internal._time_weighted_trans(tally.readings, float8, timestamptz) IS 'Transition of tally.time_weighted.';

CREATE OR REPLACE FUNCTION tally_internal._time_weighted_trans(state tally.readings, value float8, "time" timestamptz, method text) RETURNS tally.readings
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_time_weighted_trans';
COMMENT ON FUNCTION tally_internal._time_weighted_trans(tally.readings, float8, timestamptz, text) IS 'Transition of tally.time_weighted with a method.';

CREATE OR REPLACE FUNCTION tally_internal._readings_merge(state tally.readings, sketch tally.readings) RETURNS tally.readings
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_merge';
COMMENT ON FUNCTION tally_internal._readings_merge(tally.readings, tally.readings) IS 'Combines partial states, and merges for tally.rollup.';

CREATE OR REPLACE FUNCTION tally_internal._readings_final(state tally.readings) RETURNS tally.readings
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_final';
COMMENT ON FUNCTION tally_internal._readings_final(tally.readings) IS 'Finishes a state: its readings in the order of time, as one part.';

CREATE OR REPLACE AGGREGATE tally.counter(value float8, "time" timestamptz) (
    SFUNC = tally_internal._counter_trans, FINALFUNC = tally_internal._readings_final, STYPE = tally.readings, COMBINEFUNC = tally_internal._readings_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.counter(float8, timestamptz) IS
    'Readings of a counter. A reading lower than the one before means that the counter began again at 0. Readings at one instant go by their '
    'value. NULLs and infinite times are skipped.';

CREATE OR REPLACE AGGREGATE tally.gauge(value float8, "time" timestamptz) (
    SFUNC = tally_internal._gauge_trans, FINALFUNC = tally_internal._readings_final, STYPE = tally.readings, COMBINEFUNC = tally_internal._readings_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.gauge(float8, timestamptz) IS 'Readings of a gauge, which goes up and down.';

CREATE OR REPLACE AGGREGATE tally.time_weighted(value float8, "time" timestamptz) (
    SFUNC = tally_internal._time_weighted_trans, FINALFUNC = tally_internal._readings_final,
    STYPE = tally.readings, COMBINEFUNC = tally_internal._readings_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.time_weighted(float8, timestamptz) IS 'Readings of a value that holds until the next one, for averages weighted by time.';

CREATE OR REPLACE AGGREGATE tally.time_weighted(value float8, "time" timestamptz, method text) (
    SFUNC = tally_internal._time_weighted_trans, FINALFUNC = tally_internal._readings_final,
    STYPE = tally.readings, COMBINEFUNC = tally_internal._readings_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.time_weighted(float8, timestamptz, text) IS
    'Readings of a value that holds until the next one (method locf), or moves in a line to it (linear), for averages weighted by time.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.readings) (
    SFUNC = tally_internal._readings_merge, FINALFUNC = tally_internal._readings_final, STYPE = tally.readings, COMBINEFUNC = tally_internal._readings_merge,
    SSPACE = 500, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.rollup(tally.readings) IS
    'Merges parts of one series in the order of time, exactly; what lies between two parts counts too. Parts that overlap are refused.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.readings, b tally.readings) RETURNS tally.readings
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_merge_two';
COMMENT ON FUNCTION tally.merge(tally.readings, tally.readings) IS
'Merges two parts in the order of time. Parts that overlap are refused. NULL counts as an empty part.';

CREATE OR REPLACE FUNCTION tally.increase(sketch tally.readings) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_increase';
COMMENT ON FUNCTION tally.increase(tally.readings) IS
    'How much a counter grew from its first to its last reading, through all resets. 0 for one reading. NULL where a reading is NaN or infinite.';

CREATE OR REPLACE FUNCTION tally.increase(sketch tally.readings, before tally.readings) RETURNS float8
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_increase_since';
COMMENT ON FUNCTION tally.increase(tally.readings, tally.readings) IS
'How much a counter grew since the last reading of the part before (which may be NULL). So the increases of all buckets add up to the increase of the '
'whole.';

CREATE OR REPLACE FUNCTION tally.delta(sketch tally.readings) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_delta';
COMMENT ON FUNCTION tally.delta(tally.readings) IS
    'How much a gauge changed from its first to its last reading. 0 for one reading. NULL where a reading is NaN or infinite.';

CREATE OR REPLACE FUNCTION tally.delta(sketch tally.readings, before tally.readings) RETURNS float8
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_delta_since';
COMMENT ON FUNCTION tally.delta(tally.readings, tally.readings) IS 'How much a gauge changed from the last reading of the part before, which may be NULL.';

CREATE OR REPLACE FUNCTION tally.rate(sketch tally.readings) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_rate';
COMMENT ON FUNCTION tally.rate(tally.readings) IS
    'Increase of a counter, or delta of a gauge, per second between the first and the last reading, without extrapolation. NULL where no time passed.';

CREATE OR REPLACE FUNCTION tally.extrapolated_increase(sketch tally.readings, since timestamptz, until timestamptz) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_extrapolated';
COMMENT ON FUNCTION tally.extrapolated_increase(tally.readings, timestamptz, timestamptz) IS
    'The increase of a counter in all of a range, as Prometheus extrapolates it: up to the ends of the range if these are no further than 1.1 '
    'times the mean distance of readings, else for half that distance, and never below 0. NULL for fewer than two readings, or for readings '
    'outside the range.';

CREATE OR REPLACE FUNCTION tally.integral(sketch tally.readings) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_integral';
COMMENT ON FUNCTION tally.integral(tally.readings) IS 'Value × seconds between the first and the last reading of tally.time_weighted.';

CREATE OR REPLACE FUNCTION tally.average(sketch tally.readings) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_average';
COMMENT ON FUNCTION tally.average(tally.readings) IS 'Mean of tally.time_weighted between the first and the last reading. NULL where no time passed.';

CREATE OR REPLACE FUNCTION tally.average(
    sketch tally.readings, since timestamptz, until timestamptz, before tally.readings, after tally.readings DEFAULT NULL)
    RETURNS float8 LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_average_over';
COMMENT ON FUNCTION tally.average(tally.readings, timestamptz, timestamptz, tally.readings, tally.readings) IS
'Mean of tally.time_weighted over the part of a range in which the value is known. before and after are the readings around the range. All three may be '
'NULL.';

CREATE OR REPLACE FUNCTION tally.count(sketch tally.readings) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_count';
COMMENT ON FUNCTION tally.count(tally.readings) IS 'How many readings.';

CREATE OR REPLACE FUNCTION tally.changes(sketch tally.readings) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_changes';
COMMENT ON FUNCTION tally.changes(tally.readings) IS 'How many readings differ from the one before.';

CREATE OR REPLACE FUNCTION tally.resets(sketch tally.readings) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_resets';
COMMENT ON FUNCTION tally.resets(tally.readings) IS 'How many readings of a counter are lower than the one before.';

CREATE OR REPLACE FUNCTION tally.first_value(sketch tally.readings) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_first_value';
COMMENT ON FUNCTION tally.first_value(tally.readings) IS 'The first reading.';

CREATE OR REPLACE FUNCTION tally.first_time(sketch tally.readings) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_first_time';
COMMENT ON FUNCTION tally.first_time(tally.readings) IS 'The time of the first reading.';

CREATE OR REPLACE FUNCTION tally.last_value(sketch tally.readings) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_last_value';
COMMENT ON FUNCTION tally.last_value(tally.readings) IS 'The last reading.';

CREATE OR REPLACE FUNCTION tally.last_time(sketch tally.readings) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_last_time';
COMMENT ON FUNCTION tally.last_time(tally.readings) IS 'The time of the last reading.';

CREATE OR REPLACE FUNCTION tally.duration(sketch tally.readings) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_readings_duration';
COMMENT ON FUNCTION tally.duration(tally.readings) IS 'The time from the first to the last reading.';
