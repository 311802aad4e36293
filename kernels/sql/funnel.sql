-- Owns: funnels in SQL: taking events, the default search (steps in order, with the options once, reuse and increase), and what many actors add up to.
-- core/src/funnel/ordered.rs says what holds. funnel_modes.sql has the other options.

CREATE FUNCTION tally_internal._funnel_taken(state tally.funnel_events, span interval, event_time timestamptz, steps boolean[], options text)
    RETURNS tally.funnel_events
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mask bigint := 0;
BEGIN
    IF event_time IS NULL OR steps IS NULL THEN RETURN state; END IF;
    IF cardinality(steps) NOT BETWEEN 1 AND 32 THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = format('expected 1 to 32 steps and exclusions, got %s', cardinality(steps)),
            HINT = 'SELECT tally.window_funnel(''1 day'', event_time, step_1, step_2) FROM …';
    END IF;
    FOR i IN 1 .. cardinality(steps) LOOP
        IF steps[i] THEN mask := mask | (1::bigint << (i - 1)); END IF;
    END LOOP;
    IF state IS NULL THEN
        IF mask = 0 AND options IS NULL THEN RETURN state; END IF;
        IF span IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'window of a funnel expected, got NULL',
                HINT = 'SELECT tally.window_funnel(''1 day'', event_time, step_1, step_2) FROM …';
        END IF;
        options := tally_internal._funnel_options(span, cardinality(steps), COALESCE(options, ''));
        IF mask = 0 AND options !~ '\mstrict(_order)?\M' THEN RETURN state; END IF;
        state := ROW(span, cardinality(steps), options, '{}', '{}')::tally.funnel_events;
    ELSIF state.steps <> cardinality(steps) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('expected %s conditions as in the group''s first row, got %s', state.steps, cardinality(steps)),
            HINT = 'GROUP BY what the steps depend on.';
    END IF;
    -- Under the strict options what meets no condition breaks a chain.
    IF mask <> 0 OR state.options ~ '\mstrict(_order)?\M' THEN
        state.times := state.times || event_time;
        state.masks := state.masks || mask;
    END IF;
    RETURN state;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_taken(tally.funnel_events, interval, timestamptz, boolean[], text) IS 'Takes an event into the state of a funnel.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, steps boolean[])
    RETURNS tally.funnel_events
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._funnel_taken(state, "window", event_time, steps, NULL);
CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, steps boolean[], options text)
    RETURNS tally.funnel_events
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._funnel_taken(state, "window", event_time, steps, options);
CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, event_type text, steps text[])
    RETURNS tally.funnel_events
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._funnel_taken(state, "window", event_time, ARRAY(SELECT COALESCE(event_type = s, false) FROM unnest(steps) WITH ORDINALITY u(s, n)
                                                                           ORDER BY n), NULL)
$$;
CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, event_type text, steps text[],
                                                        options text) RETURNS tally.funnel_events
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._funnel_taken(state, "window", event_time, ARRAY(SELECT COALESCE(event_type = s, false) FROM unnest(steps) WITH ORDINALITY u(s, n)
                                                                           ORDER BY n), options)
$$;
CREATE OR REPLACE FUNCTION tally_internal._funnel_combine(state tally.funnel_events, other tally.funnel_events) RETURNS tally.funnel_events
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN other; END IF;
    IF other IS NULL THEN RETURN state; END IF;
    IF (state.span, state.steps, state.options) IS DISTINCT FROM (other.span, other.steps, other.options) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'expected the events of one funnel, got two with other windows, steps or options',
            HINT = 'GROUP BY what the window, the steps or the options depend on.';
    END IF;
    RETURN ROW(state.span, state.steps, state.options, state.times || other.times, state.masks || other.masks)::tally.funnel_events;
END $$;

CREATE FUNCTION tally_internal._funnel_advance(masks bigint[], start int, steps int, options text) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    every bigint := (SELECT bit_or(m) FROM unnest(masks) m);
    run   int := 0;
BEGIN
    WHILE start + run < steps AND every >> (start + run) & 1 = 1 LOOP run := run + 1; END LOOP;
    IF run <= 1 OR options ~ '\mincrease\M' THEN RETURN least(run, 1); END IF;
    IF options ~ '\mreuse\M' THEN RETURN run; END IF;
    RETURN tally_internal._funnel_matched(masks, start, run);
END $$;
COMMENT ON FUNCTION tally_internal._funnel_advance(bigint[], int, int, text) IS 'How many steps after the first so many the events of one time can fill.';

CREATE FUNCTION tally_internal._funnel_better(a timestamptz[], b timestamptz[]) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT b IS NULL OR a[1] > b[1] OR a[1] = b[1] AND a < b $$;
COMMENT ON FUNCTION tally_internal._funnel_better(timestamptz[], timestamptz[]) IS
'Whether one chain is to be reported rather than another of its length and end: the latest start, then the earliest middle steps.';

CREATE FUNCTION tally_internal._funnel_best(best timestamptz[], chain timestamptz[]) RETURNS timestamptz[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN cardinality(chain) > cardinality(best) OR cardinality(chain) = cardinality(best) AND chain <> '{}'
                     AND (chain[cardinality(chain)] < best[cardinality(best)]
                          OR chain[cardinality(chain)] = best[cardinality(best)] AND tally_internal._funnel_better(chain, best)) THEN chain ELSE best END
$$;
COMMENT ON FUNCTION tally_internal._funnel_best(timestamptz[], timestamptz[]) IS
'The chain to report of two: the longest, then the earliest end, then _funnel_better().';

CREATE FUNCTION tally_internal._funnel_within(start timestamptz, at timestamptz, span numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT start = at OR extract(epoch FROM at) - extract(epoch FROM start) <= span $$;
COMMENT ON FUNCTION tally_internal._funnel_within(timestamptz, timestamptz, numeric) IS 'Whether a time is inside the window of so many seconds from a start.';

CREATE FUNCTION tally_internal._funnel_seconds(span interval) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (extract(year FROM span) * 12 + extract(month FROM span)) * 2592000 + extract(day FROM span) * 86400
           + extract(hour FROM span) * 3600 + extract(minute FROM span) * 60 + extract(second FROM span)
$$;
COMMENT ON FUNCTION tally_internal._funnel_seconds(interval) IS 'The length of an interval as PostgreSQL compares them: a day has 24 hours, a month 30 days.';

CREATE FUNCTION tally_internal._funnel_ordered(state tally.funnel_events) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span   numeric := tally_internal._funnel_seconds(state.span);
    chains tally_internal.funnel_chain[] := '{}';
    chain  timestamptz[];
    longer timestamptz[];
    best   timestamptz[] := '{}';
    moment record;
    times  timestamptz[];
    masks  bigint[];
BEGIN
    IF state.options IN ('', 'increase') THEN
        SELECT array_agg(e.t), array_agg(e.m) INTO times, masks FROM (SELECT unnest(state.times) AS t, unnest(state.masks) AS m ORDER BY 1, 2) e;
        chain := tally_internal._funnel_single(times, masks, state.span, state.steps);
        IF chain IS NOT NULL THEN RETURN chain; END IF;
    END IF;
    FOR moment IN SELECT e.t, array_agg(e.m) AS masks FROM unnest(state.times, state.masks) e(t, m) GROUP BY e.t ORDER BY e.t LOOP
        -- Downwards, so that no chain takes two turns in one moment.
        FOR start IN REVERSE least(cardinality(best), state.steps - 1) .. 0 LOOP
            chain := CASE WHEN start = 0 THEN '{}' ELSE chains[start].times END;
            CONTINUE WHEN chain IS NULL OR start > 0 AND NOT tally_internal._funnel_within(chain[1], moment.t, span);
            FOR n IN 1 .. tally_internal._funnel_advance(moment.masks, start, state.steps, state.options) LOOP
                longer := chain || array_fill(moment.t, ARRAY[n]);
                IF tally_internal._funnel_better(longer, chains[start + n].times) THEN chains[start + n] := ROW(longer); END IF;
                best := tally_internal._funnel_best(best, longer);
            END LOOP;
        END LOOP;
        EXIT WHEN cardinality(best) = state.steps;
    END LOOP;
    RETURN best;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_ordered(tally.funnel_events) IS 'The reported chain of a funnel without strict options and exclusions.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_path(state tally.funnel_events) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN '{}'; END IF;
    RETURN CASE WHEN state.options ~ '\mexclude\M' THEN tally_internal._funnel_excluding(state)
                WHEN state.options ~ '\many_order\M' THEN tally_internal._funnel_any_order(state)
                WHEN state.options ~ '\mstrict\M' THEN tally_internal._funnel_strict(state)
                WHEN state.options ~ '\mstrict_' THEN tally_internal._funnel_scanned(state)
                ELSE tally_internal._funnel_ordered(state) END;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._funnel_level(state tally.funnel_events) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$ SELECT cardinality(tally_internal._funnel_path(state)) $$;

-- What many actors add up to.

CREATE OR REPLACE FUNCTION tally_internal._funnel_counts_merge(state tally.funnel_counts, counts tally.funnel_counts) RETURNS tally.funnel_counts
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN counts; END IF;
    IF counts IS NULL THEN RETURN state; END IF;
    RETURN ROW(ARRAY(SELECT COALESCE(state.reached[i], 0) + COALESCE(counts.reached[i], 0)
                       FROM generate_series(1, greatest(cardinality(state.reached), cardinality(counts.reached))) i ORDER BY i),
               ARRAY(SELECT tally_internal._tdigest_joined(state.seconds[i], counts.seconds[i])
                       FROM generate_series(1, greatest(cardinality(state.seconds), cardinality(counts.seconds))) i ORDER BY i))::tally.funnel_counts;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._funnel_counts_trans(state tally.funnel_counts, level int) RETURNS tally.funnel_counts
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF level IS NULL OR level = 0 THEN RETURN state; END IF;
    IF level NOT BETWEEN 1 AND 32 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('level expected in 0 to 32, got %s', level),
            HINT = 'SELECT tally.funnel_counts(level) FROM (SELECT tally.window_funnel(…) AS level FROM … GROUP BY user_id) actors';
    END IF;
    RETURN tally_internal._funnel_counts_merge(state, ROW(array_fill(1::bigint, ARRAY[level]), '{}')::tally.funnel_counts);
END $$;
CREATE OR REPLACE FUNCTION tally_internal._funnel_counts_trans(state tally.funnel_counts, path timestamptz[]) RETURNS tally.funnel_counts
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF path IS NULL OR path = '{}' THEN RETURN state; END IF;
    RETURN tally_internal._funnel_counts_merge(state, ROW(array_fill(1::bigint, ARRAY[cardinality(path)]),
        ARRAY(SELECT tally_internal._tdigest_made(ARRAY[(extract(epoch FROM path[i]) - extract(epoch FROM path[i - 1]))::float8], 180, -1)
                FROM generate_series(2, cardinality(path)) i ORDER BY i))::tally.funnel_counts);
END $$;
CREATE OR REPLACE FUNCTION tally_internal._funnel_counts_final(state tally.funnel_counts) RETURNS tally.funnel_counts
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT state';
CREATE OR REPLACE FUNCTION tally.reached(counts tally.funnel_counts) RETURNS bigint[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT counts.reached';
CREATE OR REPLACE FUNCTION tally.time_to_convert(counts tally.funnel_counts, step int) RETURNS tally.tdigest
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT counts.seconds[step - 1] $$;
CREATE OR REPLACE FUNCTION tally.funnel_steps(counts tally.funnel_counts, names text[] DEFAULT NULL)
    RETURNS TABLE (step int, name text, actors bigint, of_previous float8, of_first float8, seconds_mean float8, seconds_p50 float8, seconds_p90 float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8 SET search_path = pg_catalog, pg_temp AS $$
    SELECT i, names[i], COALESCE(counts.reached[i], 0), CASE WHEN i > 1 THEN COALESCE(counts.reached[i], 0)::float8 / NULLIF(counts.reached[i - 1], 0) END,
           COALESCE(counts.reached[i], 0)::float8 / NULLIF(counts.reached[1], 0), tally.mean(counts.seconds[i - 1]),
           tally.percentile(counts.seconds[i - 1], 0.5),
           tally.percentile(counts.seconds[i - 1], 0.9)
      FROM generate_series(1, greatest(cardinality(counts.reached), cardinality(names))) i WHERE counts IS NOT NULL
$$;
