-- Owns: patterns over the events of an actor. The events are a value of the type funnel_events, which merges and is kept sorted, so one measure answers any
-- pattern later.

CREATE OR REPLACE FUNCTION tally_internal._sequence_trans(state tally.funnel_events, event_time timestamptz, conditions boolean[]) RETURNS tally.funnel_events
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_sequence_trans';
COMMENT ON FUNCTION tally_internal._sequence_trans(tally.funnel_events, timestamptz, boolean[]) IS 'Transition of tally.sequence_events.';

CREATE OR REPLACE FUNCTION tally_internal._sequence_final(state tally.funnel_events) RETURNS tally.funnel_events
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_sequence_final';
COMMENT ON FUNCTION tally_internal._sequence_final(tally.funnel_events) IS 'Final of tally.sequence_events: the events in order.';

CREATE OR REPLACE AGGREGATE tally.sequence_events(event_time timestamptz, VARIADIC conditions boolean[]) (
    SFUNC = tally_internal._sequence_trans, FINALFUNC = tally_internal._sequence_final, STYPE = tally.funnel_events,
        COMBINEFUNC = tally_internal._funnel_combine, SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.sequence_events(timestamptz, VARIADIC boolean[]) IS
'The events of an actor that meet any of up to 32 conditions, in order, for tally.sequence_match(), sequence_count() and sequence_times(). A NULL condition '
'is false, a NULL time drops the row. NULL where no event meets any.';

CREATE OR REPLACE AGGREGATE tally.rollup(events tally.funnel_events) (
    SFUNC = tally_internal._funnel_combine, FINALFUNC = tally_internal._sequence_final, STYPE = tally.funnel_events,
        COMBINEFUNC = tally_internal._funnel_combine, SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.rollup(tally.funnel_events) IS 'The events of several parts of one actor together, in order. All parts need the same conditions.';

CREATE OR REPLACE FUNCTION tally.sequence_match(events tally.funnel_events, pattern text) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_sequence_match';
COMMENT ON FUNCTION tally.sequence_match(tally.funnel_events, text) IS
'Whether a pattern occurs: (?1) an event that meets condition 1, . any event, .* any events between, (?t<=60) any events between, so many seconds apart '
'(<, <=, >, >=, ==). Two without a gap stand next to each other. NULL events: false.';

CREATE OR REPLACE FUNCTION tally.sequence_count(events tally.funnel_events, pattern text) RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_sequence_count';
COMMENT ON FUNCTION tally.sequence_count(tally.funnel_events, text) IS
'How often a pattern of tally.sequence_match() occurs, no two occurrences with a common event: the most there can be. NULL events: 0.';

CREATE OR REPLACE FUNCTION tally.sequence_times(events tally.funnel_events, pattern text) RETURNS timestamptz[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_sequence_times';
COMMENT ON FUNCTION tally.sequence_times(tally.funnel_events, text) IS
'The times of the events of the occurrence that ends earliest; of several such, the events as late as they can be. Empty where the pattern does not occur.';
