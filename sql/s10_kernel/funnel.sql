-- Owns: funnels: how far an actor came through steps (window_funnel), by which events (funnel_path).
--
-- The state is a type of its own, changed in place: 8 bytes an event for up to 8 conditions, sorted only at the end. SSPACE
-- is what a group of about a dozen events takes with its chunk header.

CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, steps boolean[])
    RETURNS tally.funnel_events LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_funnel_trans';
COMMENT ON FUNCTION tally_internal._funnel_trans(tally.funnel_events, interval, timestamptz, boolean[]) IS
'Transition of tally.window_funnel and tally.funnel_path.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, steps boolean[],
                                    options text) RETURNS tally.funnel_events
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_funnel_trans';
COMMENT ON FUNCTION tally_internal._funnel_trans(tally.funnel_events, interval, timestamptz, boolean[], text) IS
'Transition of tally.window_funnel and tally.funnel_path.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, event_type text,
                                    steps text[]) RETURNS tally.funnel_events
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_funnel_trans_text';
COMMENT ON FUNCTION tally_internal._funnel_trans(tally.funnel_events, interval, timestamptz, text, text[]) IS
'Transition of tally.window_funnel and tally.funnel_path.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, event_type text, steps text[],
                                    options text) RETURNS tally.funnel_events
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_funnel_trans_text';
COMMENT ON FUNCTION tally_internal._funnel_trans(tally.funnel_events, interval, timestamptz, text, text[], text) IS
'Transition of tally.window_funnel and tally.funnel_path.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_combine(state tally.funnel_events, other tally.funnel_events) RETURNS tally.funnel_events
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_funnel_combine';
COMMENT ON FUNCTION tally_internal._funnel_combine(tally.funnel_events, tally.funnel_events) IS 'Combines the events of partial states.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_level(state tally.funnel_events) RETURNS int
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_funnel_level';
COMMENT ON FUNCTION tally_internal._funnel_level(tally.funnel_events) IS 'Final of tally.window_funnel: the level.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_path(state tally.funnel_events) RETURNS timestamptz[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_funnel_path';
COMMENT ON FUNCTION tally_internal._funnel_path(tally.funnel_events) IS 'Final of tally.funnel_path: the times.';

CREATE OR REPLACE AGGREGATE tally.window_funnel("window" interval, event_time timestamptz, VARIADIC steps boolean[]) (
    SFUNC = tally_internal._funnel_trans, FINALFUNC = tally_internal._funnel_level, STYPE = tally.funnel_events, COMBINEFUNC = tally_internal._funnel_combine,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.window_funnel(interval, timestamptz, VARIADIC boolean[]) IS
'Level of an actor: the largest k for which events match steps 1 to k in time order, the last within window of the first. 0 without any; a NULL condition is '
'false, a NULL time drops the row.';

CREATE OR REPLACE AGGREGATE tally.window_funnel("window" interval, event_time timestamptz, steps boolean[], options text) (
    SFUNC = tally_internal._funnel_trans, FINALFUNC = tally_internal._funnel_level, STYPE = tally.funnel_events, COMBINEFUNC = tally_internal._funnel_combine,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.window_funnel(interval, timestamptz, boolean[], text) IS
'Level of an actor: the largest k for which events match steps 1 to k in time order, the last within window of the first. 0 without any; a NULL condition is '
'false, a NULL time drops the row. options is text, words parted by commas: once (default: an event fills one step), reuse, increase, strict, strict_order, '
'strict_deduplication, any_order, exclude i-j [remove] (its condition stands after the steps).';

CREATE OR REPLACE AGGREGATE tally.window_funnel("window" interval, event_time timestamptz, event_type text, steps text[]) (
    SFUNC = tally_internal._funnel_trans, FINALFUNC = tally_internal._funnel_level, STYPE = tally.funnel_events, COMBINEFUNC = tally_internal._funnel_combine,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.window_funnel(interval, timestamptz, text, text[]) IS
'Level of an actor: the largest k for which events match steps 1 to k in time order, the last within window of the first. 0 without any; a NULL condition is '
'false, a NULL time drops the row.';

CREATE OR REPLACE AGGREGATE tally.window_funnel("window" interval, event_time timestamptz, event_type text, steps text[], options text) (
    SFUNC = tally_internal._funnel_trans, FINALFUNC = tally_internal._funnel_level, STYPE = tally.funnel_events, COMBINEFUNC = tally_internal._funnel_combine,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.window_funnel(interval, timestamptz, text, text[], text) IS
'Level of an actor: the largest k for which events match steps 1 to k in time order, the last within window of the first. 0 without any; a NULL condition is '
'false, a NULL time drops the row. options is text, words parted by commas: once (default: an event fills one step), reuse, increase, strict, strict_order, '
'strict_deduplication, any_order, exclude i-j [remove] (its condition stands after the steps).';

CREATE OR REPLACE AGGREGATE tally.funnel_path("window" interval, event_time timestamptz, VARIADIC steps boolean[]) (
    SFUNC = tally_internal._funnel_trans, FINALFUNC = tally_internal._funnel_path, STYPE = tally.funnel_events, COMBINEFUNC = tally_internal._funnel_combine,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.funnel_path(interval, timestamptz, VARIADIC boolean[]) IS
'Times of the steps that tally.window_funnel counts: of the longest chains the one with the earliest end, then the latest start, then the earliest middle '
'steps. Empty for level 0.';

CREATE OR REPLACE AGGREGATE tally.funnel_path("window" interval, event_time timestamptz, steps boolean[], options text) (
    SFUNC = tally_internal._funnel_trans, FINALFUNC = tally_internal._funnel_path, STYPE = tally.funnel_events, COMBINEFUNC = tally_internal._funnel_combine,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.funnel_path(interval, timestamptz, boolean[], text) IS
'Times of the steps that tally.window_funnel counts: of the longest chains the one with the earliest end, then the latest start, then the earliest middle '
'steps. Empty for level 0. options is text, words parted by commas: once (default: an event fills one step), reuse, increase, strict, strict_order, '
'strict_deduplication, any_order, exclude i-j [remove] (its condition stands after the steps).';

CREATE OR REPLACE AGGREGATE tally.funnel_path("window" interval, event_time timestamptz, event_type text, steps text[]) (
    SFUNC = tally_internal._funnel_trans, FINALFUNC = tally_internal._funnel_path, STYPE = tally.funnel_events, COMBINEFUNC = tally_internal._funnel_combine,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.funnel_path(interval, timestamptz, text, text[]) IS
'Times of the steps that tally.window_funnel counts: of the longest chains the one with the earliest end, then the latest start, then the earliest middle '
'steps. Empty for level 0.';

CREATE OR REPLACE AGGREGATE tally.funnel_path("window" interval, event_time timestamptz, event_type text, steps text[], options text) (
    SFUNC = tally_internal._funnel_trans, FINALFUNC = tally_internal._funnel_path, STYPE = tally.funnel_events, COMBINEFUNC = tally_internal._funnel_combine,
    SSPACE = 144, PARALLEL = SAFE, FINALFUNC_MODIFY = READ_ONLY
);
COMMENT ON AGGREGATE tally.funnel_path(interval, timestamptz, text, text[], text) IS
'Times of the steps that tally.window_funnel counts: of the longest chains the one with the earliest end, then the latest start, then the earliest middle '
'steps. Empty for level 0. options is text, words parted by commas: once (default: an event fills one step), reuse, increase, strict, strict_order, '
'strict_deduplication, any_order, exclude i-j [remove] (its condition stands after the steps).';
