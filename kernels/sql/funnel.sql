-- Owns: funnels in SQL: the default search, steps in order, with the options once, reuse and increase. core/src/funnel/ordered.rs says what holds. The
-- other options are refused.

CREATE FUNCTION tally_internal._funnel_taken(state tally.funnel_events, span interval, event_time timestamptz, steps boolean[], options text)
    RETURNS tally.funnel_events
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mask bigint := 0;
    word text;
BEGIN
    IF event_time IS NULL OR steps IS NULL THEN RETURN state; END IF;
    IF state IS NULL THEN
        IF span IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'window of a funnel expected, got NULL',
                HINT = 'SELECT tally.window_funnel(''1 day'', event_time, step_1, step_2) FROM …';
        ELSIF cardinality(steps) NOT BETWEEN 1 AND 32 THEN
            RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = format('expected 1 to 32 steps and exclusions, got %s', cardinality(steps)),
                HINT = 'SELECT tally.window_funnel(''1 day'', event_time, step_1, step_2) FROM …';
        END IF;
        FOREACH word IN ARRAY regexp_split_to_array(btrim(COALESCE(options, '')), '\s*,\s*') LOOP
            IF word NOT IN ('', 'once', 'reuse', 'increase') THEN
                RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
                    MESSAGE = format('the option %L of a funnel is not in the hosted edition of pg_tally', word),
                    DETAIL = 'It has once, reuse and increase.', HINT = 'SELECT tally.window_funnel(''1 day'', event_time, step_1, step_2) FROM …';
            END IF;
        END LOOP;
        state := ROW(span, cardinality(steps), COALESCE(options, ''), '{}', '{}')::tally.funnel_events;
    ELSIF state.steps <> cardinality(steps) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('expected %s conditions as in the group''s first row, got %s', state.steps, cardinality(steps)),
            HINT = 'GROUP BY what the steps depend on.';
    END IF;
    FOR i IN 1 .. cardinality(steps) LOOP
        IF steps[i] THEN mask := mask | (1::bigint << (i - 1)); END IF;
    END LOOP;
    IF mask <> 0 THEN
        state.times := state.times || event_time;
        state.masks := state.masks || mask;
    END IF;
    RETURN state;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_taken(tally.funnel_events, interval, timestamptz, boolean[], text) IS 'Takes an event into the state of a funnel.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, steps boolean[])
    RETURNS tally.funnel_events
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._funnel_taken(state, "window", event_time, steps, '');
CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, steps boolean[], options text)
    RETURNS tally.funnel_events
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._funnel_taken(state, "window", event_time, steps, options);
CREATE OR REPLACE FUNCTION tally_internal._funnel_trans(state tally.funnel_events, "window" interval, event_time timestamptz, event_type text, steps text[])
    RETURNS tally.funnel_events
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._funnel_taken(state, "window", event_time, ARRAY(SELECT COALESCE(event_type = s, false) FROM unnest(steps) WITH ORDINALITY u(s, n)
                                                                           ORDER BY n), '')
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
    run := least(run, cardinality(masks));
    -- Each event fills one step. By Hall's theorem so many steps can be filled when each choice of them finds as many events.
    FOR n IN REVERSE run .. 2 LOOP
        IF NOT EXISTS (SELECT FROM generate_series(1, (1 << n) - 1) chosen
                        WHERE (SELECT count(*) FROM unnest(masks) m WHERE m >> start & chosen <> 0)
                              < length(replace(chosen::bit(32)::text, '0', ''))) THEN
            RETURN n;
        END IF;
    END LOOP;
    RETURN 1;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_advance(bigint[], int, int, text) IS 'How many steps after the first so many the events of one time can fill.';

CREATE FUNCTION tally_internal._funnel_better(a timestamptz[], b timestamptz[]) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT b IS NULL OR a[1] > b[1] OR a[1] = b[1] AND a < b $$;
COMMENT ON FUNCTION tally_internal._funnel_better(timestamptz[], timestamptz[]) IS
'Whether one chain is to be reported rather than another of its length and end: the latest start, then the earliest middle steps.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_path(state tally.funnel_events) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span    numeric := (extract(year FROM state.span) * 12 + extract(month FROM state.span)) * 30 * 86400 + extract(day FROM state.span) * 86400
                       + extract(hour FROM state.span) * 3600 + extract(minute FROM state.span) * 60 + extract(second FROM state.span);
    chains  jsonb := '{}';
    chain   timestamptz[];
    longer  timestamptz[];
    best    timestamptz[] := '{}';
    moment  record;
    held    timestamptz[];
BEGIN
    IF state IS NULL THEN RETURN NULL; END IF;
    FOR moment IN SELECT e.t, array_agg(e.m) AS masks FROM unnest(state.times, state.masks) e(t, m) GROUP BY e.t ORDER BY e.t LOOP
        FOR start IN REVERSE least(cardinality(best), state.steps - 1) .. 0 LOOP
            chain := CASE WHEN start = 0 THEN '{}' ELSE ARRAY(SELECT x::timestamptz FROM jsonb_array_elements_text(chains -> start::text)
                                                              WITH ORDINALITY u(x, n) ORDER BY n) END;
            CONTINUE WHEN start > 0 AND chain = '{}';
            CONTINUE WHEN start > 0 AND extract(epoch FROM moment.t) - extract(epoch FROM chain[1]) > span;
            FOR n IN 1 .. tally_internal._funnel_advance(moment.masks, start, state.steps, state.options) LOOP
                longer := chain || array_fill(moment.t, ARRAY[n]);
                held := CASE WHEN chains ? (start + n)::text THEN ARRAY(SELECT x::timestamptz FROM jsonb_array_elements_text(chains -> (start + n)::text)
                                                                        WITH ORDINALITY u(x, k) ORDER BY k) END;
                IF tally_internal._funnel_better(longer, held) THEN chains := chains || jsonb_build_object((start + n)::text, to_jsonb(longer)); END IF;
                IF cardinality(longer) > cardinality(best)
                    OR cardinality(longer) = cardinality(best) AND (longer[cardinality(longer)] < best[cardinality(best)]
                        OR longer[cardinality(longer)] = best[cardinality(best)] AND tally_internal._funnel_better(longer, best)) THEN
                    best := longer;
                END IF;
            END LOOP;
        END LOOP;
        EXIT WHEN cardinality(best) = state.steps;
    END LOOP;
    RETURN best;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._funnel_level(state tally.funnel_events) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$ SELECT COALESCE(cardinality(tally_internal._funnel_path(state)), 0) $$;

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
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = format('expected 1 to 32 steps and exclusions, got %s', level),
            HINT = 'SELECT tally.window_funnel(''1 day'', event_time, step_1, step_2) FROM …';
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
