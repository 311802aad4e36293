-- Owns: the verdict on a sample and the alert state machine, in SQL. core/src/alert/ says what holds; the answers are the same.

CREATE FUNCTION tally_internal._burn_windows(own jsonb) RETURNS TABLE (pair int, share float8, long float8, short float8)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT n::int - 1, (p ->> 0)::float8, (p ->> 1)::float8, (p ->> 2)::float8
      FROM jsonb_array_elements(COALESCE(NULLIF(own, '[]'), '[[0.02, 3600, 300], [0.05, 21600, 1800], [0.10, 86400, 7200], [0.10, 259200, 21600]]'))
           WITH ORDINALITY x(p, n)
$$;
COMMENT ON FUNCTION tally_internal._burn_windows(jsonb) IS
'Pairs of windows of a burn rate: its own, or those of the Google SRE workbook: share of the budget, long and short window in seconds.';

CREATE OR REPLACE FUNCTION tally.condition_windows(condition jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE condition ->> 'kind'
        -- What was seen in the past week is what can be absent.
        WHEN 'absent' THEN '[{"kind": "before", "length": "7 days"}]'::jsonb
        WHEN 'baseline' THEN jsonb_build_array(jsonb_build_object('kind', 'before', 'length', condition ->> 'of'))
        WHEN 'change' THEN jsonb_build_array(jsonb_build_object('kind', 'shift', 'by', condition ->> 'vs'))
        WHEN 'rate' THEN '[{"kind": "previous"}]'
        WHEN 'burn' THEN (SELECT jsonb_agg(jsonb_build_object('kind', 'trailing', 'length', w.seconds || ' seconds') ORDER BY b.pair, w.n)
                            FROM tally_internal._burn_windows(condition -> 'pairs') b, LATERAL (VALUES (1, b.long), (2, b.short)) w(n, seconds))
        WHEN 'robust_z' THEN (SELECT jsonb_agg(jsonb_build_object('kind', 'shift', 'by', 7 * w || ' days') ORDER BY w)
                                FROM generate_series(1, (condition ->> 'weeks')::int) w)
        WHEN 'poisson' THEN (SELECT jsonb_agg(jsonb_build_object('kind', 'shift', 'by', 7 * w || ' days') ORDER BY w)
                               FROM generate_series(1, (condition ->> 'weeks')::int) w)
        ELSE '[]' END
$$;

CREATE OR REPLACE FUNCTION tally.condition_limit(condition jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(CASE condition ->> 'kind' WHEN 'poisson' THEN condition -> 'p' WHEN 'change' THEN condition -> 'percent'
                    WHEN 'baseline' THEN condition -> 'factor' WHEN 'burn' THEN condition -> 'objective' WHEN 'absent' THEN NULL
                    ELSE condition -> 'limit' END, 'null')
$$;

CREATE FUNCTION tally_internal._told(number jsonb) RETURNS float8
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Infinities arrive as strings. An infinity is a value; NaN is not.
    IF length(number #>> '{}') > 310 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('expected a number that a float8 holds, got one of %s digits',
                                                                                    length(number #>> '{}')),
            HINT = 'SELECT tally.parse_condition(''> 2500'');  -- and see docs/alerting.md for states, samples and rules';
    END IF;
    RETURN CASE WHEN jsonb_typeof(number) = 'number' OR number IN ('"Infinity"', '"-Infinity"') THEN (number #>> '{}')::float8 END;
END $$;
COMMENT ON FUNCTION tally_internal._told(jsonb) IS 'A number as it comes out of jsonb.';

CREATE FUNCTION tally_internal._robust_z(value float8, history float8[]) RETURNS float8
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    center   float8;
    mad      float8;
    mean     float8;
    distance float8;
    scale    float8;
BEGIN
    IF cardinality(history) < 3 THEN RETURN NULL; END IF;
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY h) INTO center FROM unnest(history) h;
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(h - center)), avg(abs(h - center)) INTO mad, mean FROM unnest(history) h;
    scale := CASE WHEN mad > 0 THEN 1.4826 * mad ELSE 1.2533 * mean END;
    distance := abs(value - center);
    RETURN CASE WHEN distance > 0 THEN CASE WHEN scale > 0 THEN distance / scale ELSE 'Infinity' END ELSE 0 END;
END $$;
COMMENT ON FUNCTION tally_internal._robust_z(float8, float8[]) IS 'Distance from the median of past values, in units of their spread.';

CREATE FUNCTION tally_internal._poisson_tail(count float8, mean float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k    float8 := floor(count + 0.5);
    up   boolean;
    term float8;
    sum  float8 := 0;
    log_ float8;
    x    float8;
BEGIN
    IF NOT (mean >= 0 AND count >= 0) OR mean = 'Infinity' OR mean = 'NaN' OR count = 'NaN' THEN RETURN NULL; END IF;
    IF count = 'Infinity' THEN RETURN 0; END IF;
    IF mean = 0 THEN RETURN CASE k WHEN 0 THEN 1 ELSE 0 END; END IF;
    up := k >= mean;
    LOOP
        IF k < 256 THEN
            log_ := (SELECT COALESCE(sum(ln(i::float8)), 0) FROM generate_series(2, k::int) i);
        ELSE
            x := k + 1;
            log_ := (x - 0.5) * ln(x) - x + 0.5 * ln(2 * pi()) + 1 / (12 * x) - 1 / (360 * x ^ 3);
        END IF;
        term := CASE WHEN k * ln(mean) - mean - log_ < -740 THEN 0 ELSE exp(k * ln(mean) - mean - log_) END;
        sum := sum + term;
        k := k + CASE WHEN up THEN 1 ELSE -1 END;
        EXIT WHEN k < 0 OR term <= sum * 1e-17;
    END LOOP;
    RETURN least(sum, 1);
END $$;
COMMENT ON FUNCTION tally_internal._poisson_tail(float8, float8) IS 'Probability of a count at least as far from the mean, on the same side.';

CREATE FUNCTION tally_internal._burned(condition jsonb, history float8[], samples float8[], OUT fires boolean, OUT observed float8)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pair record;
    rate float8;
    bad  float8;
BEGIN
    FOR pair IN SELECT * FROM tally_internal._burn_windows(condition -> 'pairs') b ORDER BY b.pair LOOP
        bad := history[2 * pair.pair + 1];
        CONTINUE WHEN bad IS NULL OR history[2 * pair.pair + 2] IS NULL;
        rate := least(bad, history[2 * pair.pair + 2]) / (1 - tally_internal._told(condition -> 'objective'));
        -- Without a count of observations no minimum is applied.
        fires := COALESCE(fires, false) OR (rate > pair.share * tally_internal._told(condition -> 'days') * 86400 / pair.long
                 AND COALESCE(samples[2 * pair.pair + 1] * bad >= tally_internal._told(condition -> 'min_bad'), true));
        observed := greatest(COALESCE(observed, 0), rate);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._burned(jsonb, float8[], float8[]) IS
'Whether an error budget burns too fast in both windows of a pair, and how fast at most.';

CREATE FUNCTION tally_internal._judge(condition jsonb, min_samples float8, sample jsonb, OUT verdict text, OUT observed float8)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    value   float8 := tally_internal._told(sample -> 'value');
    seen    float8 := tally_internal._told(sample -> 'samples');
    width   float8 := tally_internal._told(sample -> 'width');
    history float8[] := ARRAY(SELECT tally_internal._told(h) FROM jsonb_array_elements(COALESCE(NULLIF(sample -> 'history', 'null'), '[]'))
                              WITH ORDINALITY x(h, n) ORDER BY n);
    known   float8[] := array_remove(history, NULL);
    past    float8 := history[1];
    op      text := condition ->> 'op';
    holds   boolean;
BEGIN
    IF condition ->> 'kind' IN ('compare', 'absent', 'baseline', 'change', 'rate', 'burn', 'robust_z', 'poisson') IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('expected a rule with a condition as tally.parse_condition() gives it, got %s', COALESCE(condition::text, 'none')),
            DETAIL = 'The rule of a threshold is stored as JSON. Somebody has changed it.', HINT = 'SELECT tally.parse_condition(''> 2500'');';
    END IF;
    IF (sample ->> 'error')::boolean THEN verdict := 'error'; RETURN; END IF;
    IF (sample ->> 'missing')::boolean THEN verdict := 'missing'; RETURN; END IF;
    IF condition ->> 'kind' = 'absent' THEN
        holds := NOT COALESCE(seen > 0, value IS NOT NULL);
        observed := COALESCE(seen, 0);
    ELSIF COALESCE(seen, 0) < min_samples THEN
        holds := NULL;
    ELSIF condition ->> 'kind' = 'burn' THEN
        SELECT b.fires, b.observed INTO holds, observed FROM tally_internal._burned(condition, history,
            ARRAY(SELECT tally_internal._told(h) FROM jsonb_array_elements(COALESCE(NULLIF(sample -> 'history_samples', 'null'), '[]')) WITH ORDINALITY x(h, n)
                  ORDER BY n)) b;
    ELSIF value IS NOT NULL THEN
        CASE condition ->> 'kind'
            WHEN 'compare' THEN
                observed := value;
                holds := tally_internal._holds(op, value, tally_internal._told(condition -> 'limit'), (condition ->> 'decimals')::int);
            WHEN 'baseline' THEN
                -- As a product, so that a baseline of 0 is met by 0 and exceeded by anything above it.
                observed := CASE WHEN past = 0 THEN CASE WHEN value < 0 THEN '-Infinity'::float8 ELSE 'Infinity' END 
                                 ELSE tally_internal._ratio(value, past) END;
                holds := tally_internal._holds(op, value, tally_internal._product(tally_internal._told(condition -> 'factor'), past), 15);
            WHEN 'change' THEN
                observed := tally_internal._product(tally_internal._ratio(tally_internal._minus(value, past), abs(NULLIF(past, 0))), 100);
                holds := tally_internal._holds(op, observed, tally_internal._told(condition -> 'percent'), 9);
            WHEN 'rate' THEN
                observed := CASE WHEN width > 0 THEN
                    tally_internal._product(tally_internal._ratio(tally_internal._minus(value, past), width), tally_internal._told(condition -> 'per')) END;
                holds := tally_internal._holds(op, observed, tally_internal._told(condition -> 'limit'), 9);
            WHEN 'robust_z' THEN
                observed := tally_internal._robust_z(value, known);
                holds := observed > tally_internal._told(condition -> 'limit');
            WHEN 'poisson' THEN
                observed := CASE WHEN cardinality(known) >= 2 THEN tally_internal._poisson_tail(value, (SELECT avg(k) FROM unnest(known) k)) END;
                holds := observed < tally_internal._told(condition -> 'p');
            ELSE NULL;
        END CASE;
    END IF;
    IF observed = 'NaN' THEN observed := NULL; END IF;
    IF observed IS NULL THEN holds := NULL; END IF;
    verdict := CASE holds WHEN true THEN 'breach' WHEN false THEN 'ok' ELSE 'no_data' END;
    IF holds IS NULL THEN observed := NULL; END IF;
END $$;
COMMENT ON FUNCTION tally_internal._judge(jsonb, float8, jsonb) IS 'Whether a condition holds for a sample, and the number that was held against it.';

CREATE FUNCTION tally_internal._minus(a float8, b float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN a - b;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN CASE WHEN a > b THEN 'Infinity' ELSE '-Infinity' END;
END $$;
COMMENT ON FUNCTION tally_internal._minus(float8, float8) IS 'A difference; past the largest float it is infinity, and no error.';
CREATE FUNCTION tally_internal._product(a float8, b float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN a * b;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN CASE WHEN abs(a) < 1 AND abs(b) < 1 THEN 0 WHEN (a > 0) = (b > 0) THEN 'Infinity' ELSE '-Infinity' END;
END $$;
COMMENT ON FUNCTION tally_internal._product(float8, float8) IS 'A product; past the largest float it is infinity, and no error.';
CREATE FUNCTION tally_internal._ratio(a float8, b float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN a / b;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN CASE WHEN abs(b) > 1 THEN 0 WHEN (a > 0) = (b > 0) THEN 'Infinity' ELSE '-Infinity' END;
END $$;
COMMENT ON FUNCTION tally_internal._ratio(float8, float8) IS 'A quotient; past the largest float it is infinity, and no error.';

CREATE FUNCTION tally_internal._elapsed(since timestamptz, paused float8, tick timestamptz) RETURNS float8
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A millisecond's grace: the sum of many pauses must not lose a tick to rounding.
    SELECT COALESCE((extract(epoch FROM tick) - extract(epoch FROM since))::float8 - paused + 1e-3, 0)
$$;
COMMENT ON FUNCTION tally_internal._elapsed(timestamptz, float8, timestamptz) IS 'How long a timer has run, without the time that it stood still.';

CREATE OR REPLACE FUNCTION tally.alert_step(state jsonb, sample jsonb, rule jsonb, tick timestamptz) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 SET timezone = 'UTC' AS $$
DECLARE
    phase      text := COALESCE(state ->> 'state', 'inactive');
    active_at  timestamptz := (state ->> 'active_at')::timestamptz;
    keep_since timestamptz := (state ->> 'keep_since')::timestamptz;
    paused     float8 := COALESCE((state ->> 'paused')::float8, 0);
    missing    int := COALESCE((state ->> 'missing')::int, 0);
    last_tick  timestamptz := (state ->> 'last_tick')::timestamptz;
    last       timestamptz;
    verdict    text;
    observed   float8;
    policy     text;
    transition text := 'none';
    ended      boolean := false;
    recovering boolean := COALESCE(jsonb_typeof(rule -> 'recovery') = 'object' AND phase = 'firing', false);
BEGIN
    IF tick IS NULL OR NOT isfinite(tick) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'tally.alert_step(): expected a finite tick, got NULL or infinity',
            DETAIL = 'The tick is the scheduled time of the evaluation.',
            HINT = 'SELECT tally.alert_step(NULL, ''{"value": 3}'', ''{"condition": …}'', now());';
    ELSIF jsonb_typeof(sample) IS DISTINCT FROM 'object' OR jsonb_typeof(rule -> 'condition') IS DISTINCT FROM 'object'
        OR jsonb_typeof(state) NOT IN ('object', 'null') OR NOT COALESCE(state ->> 'state', 'inactive') IN ('inactive', 'pending', 'firing') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('expected a valid state, sample and rule, got %s, %s and %s', COALESCE(state::text, 'null'), COALESCE(sample::text, 'null'),
                             COALESCE(rule::text, 'null')),
            DETAIL = 'A state and a sample are objects; a rule is one with a condition.',
            HINT = 'SELECT tally.parse_condition(''> 2500'');  -- and see docs/alerting.md for states, samples and rules';
    END IF;
    SELECT j.verdict, j.observed INTO verdict, observed
      FROM tally_internal._judge(CASE WHEN recovering THEN rule -> 'recovery' ELSE rule -> 'condition' END, 
                                 tally_internal._told(rule -> 'min_samples'), sample) j;
    -- The recovery condition says when the breach is over, so what it does not hold for is still a breach.
    IF recovering THEN verdict := CASE verdict WHEN 'breach' THEN 'ok' WHEN 'ok' THEN 'breach' ELSE verdict END; END IF;
    IF last_tick IS DISTINCT FROM tick THEN
        last := COALESCE(last_tick, tick);
        IF tick < last THEN
            -- The clock was set back: the timers move with it.
            active_at := active_at - (last - tick);
            keep_since := keep_since - (last - tick);
            last := tick;
        END IF;
        last_tick := tick;
        missing := CASE verdict WHEN 'missing' THEN missing + 1 ELSE 0 END;
        policy := CASE verdict WHEN 'breach' THEN 'breach' WHEN 'ok' THEN 'ok' WHEN 'no_data' THEN COALESCE(rule ->> 'no_data', 'keep_last')
                  WHEN 'error' THEN COALESCE(rule ->> 'on_error', 'keep_last') ELSE CASE WHEN missing >= 2 THEN 'gone' ELSE 'keep_last' END END;
        CASE policy
            WHEN 'gone' THEN
                transition := CASE phase WHEN 'pending' THEN 'cancelled' WHEN 'firing' THEN 'missing_series' ELSE 'none' END;
                ended := true;
            WHEN 'breach' THEN
                IF phase = 'firing' THEN
                    keep_since := NULL; paused := 0;
                ELSE
                    IF phase = 'inactive' THEN phase := 'pending'; active_at := tick; paused := 0; transition := 'pending'; END IF;
                    IF tally_internal._elapsed(active_at, paused, tick) >= COALESCE((rule ->> 'for')::float8, 0) THEN
                        phase := 'firing'; paused := 0; transition := 'fired';
                    END IF;
                END IF;
            WHEN 'ok' THEN
                IF phase = 'pending' THEN
                    transition := 'cancelled'; ended := true;
                ELSIF phase = 'firing' THEN
                    IF keep_since IS NULL THEN keep_since := tick; paused := 0; END IF;
                    IF tally_internal._elapsed(keep_since, paused, tick) >= COALESCE((rule ->> 'keep_firing_for')::float8, 0) THEN
                        transition := 'recovered'; ended := true;
                    END IF;
                END IF;
            ELSE
                IF phase = 'pending' OR keep_since IS NOT NULL THEN
                    paused := paused + (extract(epoch FROM tick) - extract(epoch FROM last))::float8;
                END IF;
        END CASE;
        IF ended THEN phase := 'inactive'; active_at := NULL; keep_since := NULL; paused := 0; missing := 0; END IF;
    END IF;
    RETURN jsonb_build_object('state', phase, 'active_at', tally_internal._json_time(active_at), 'keep_since', tally_internal._json_time(keep_since),
        'paused', paused, 'missing', missing, 'last_tick', tally_internal._json_time(last_tick), 'transition', transition, 'verdict', verdict,
        'observed', CASE WHEN observed IN ('Infinity', '-Infinity') THEN to_jsonb(observed::text) ELSE to_jsonb(observed) END);
END $$;

CREATE FUNCTION tally_internal._json_time(at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT regexp_replace(regexp_replace(to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US'), '\.000000$', ''), '(\.\d{3})000$', '\1') || 'Z'
$$;
COMMENT ON FUNCTION tally_internal._json_time(timestamptz) IS 'A moment as the state of an alert holds it.';
