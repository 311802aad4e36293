-- Owns: trying thresholds out: replay over the past, and test_threshold with given samples. Nothing is filed.

CREATE FUNCTION tally.replay(
    threshold text,
    since     text DEFAULT '7 days',
    until     text DEFAULT NULL,
    every     interval DEFAULT NULL,
    as_of     timestamptz DEFAULT now()
) RETURNS TABLE (tick timestamptz, labels jsonb, transition text, state text, value float8, samples float8)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    t       tally.thresholds := tally._threshold(threshold);
    m       tally.metrics;
    r       tally.rollups;
    at      timestamptz;
    last    timestamptz := tally._instant(until, as_of, 'until');
    step_   interval := COALESCE(every, t.every);
    window_ timestamptz;
    seen    timestamptz;
    states  jsonb := '{}';
    found_  jsonb;
    one     record;
    step    jsonb;
BEGIN
    IF NOT pg_has_role(tally._caller()::oid, t.owner::oid, 'USAGE') THEN
        PERFORM tally._refuse('insufficient_privilege', format('threshold %L is replayed by its owner %s, got %s', t.name, t.owner, tally._caller()), 'A replay reads the metric with the owner''s rights.', format('SET ROLE %s;', t.owner));
    END IF;
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
    at := date_bin(step_, tally._instant(since, as_of, 'since'), timestamptz '2000-01-01 00:00:00+00');
    WHILE at <= last LOOP
        -- The samples only change when the tested window does.
        IF r.id IS NOT NULL THEN SELECT w.until INTO window_ FROM tally._tested_window(t, r, at) w; END IF;
        IF r.id IS NULL OR window_ IS DISTINCT FROM seen THEN
            SELECT COALESCE(jsonb_agg(jsonb_build_object('labels', s.labels, 'sample', s.sample)), '[]') INTO found_ FROM tally._samples(t, at) s;
            seen := window_;
        END IF;
        FOR one IN
            SELECT COALESCE(f.f -> 'labels', k.key::jsonb) AS labels, f.f -> 'sample' AS sample,
                   tally.alert_step(k.value, COALESCE(f.f -> 'sample', CASE WHEN found_ = '[]' THEN '{}' ELSE '{"missing": true}' END::jsonb), t.rule, at) AS step
              FROM jsonb_array_elements(found_) f(f) FULL JOIN jsonb_each(states) k ON k.key = (f.f -> 'labels')::text
             ORDER BY 1
        LOOP
            IF one.step ->> 'state' = 'inactive' THEN states := states - one.labels::text;
            ELSE states := jsonb_set(states, ARRAY[one.labels::text], one.step); END IF;
            CONTINUE WHEN one.step ->> 'transition' = 'none';
            tick := at; labels := one.labels; transition := one.step ->> 'transition'; state := one.step ->> 'state';
            value := (one.sample ->> 'value')::float8; samples := (one.sample ->> 'samples')::float8;
            RETURN NEXT;
        END LOOP;
        at := at + step_;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.replay(text, text, text, interval, timestamptz) IS
'When a threshold would have changed state over past data, as it is now defined and as the data is now: transitions pending, cancelled, fired, recovered, missing_series per label set. Files nothing. every is the distance of ticks (default the threshold''s own).';

CREATE FUNCTION tally.test_threshold(
    threshold text,
    samples   jsonb,
    expected  text[] DEFAULT NULL,
    step      interval DEFAULT '1 minute'
) RETURNS TABLE (n int, value jsonb, state text, transition text, verdict text, expected text, ok boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE t AS (
        SELECT (tally._threshold(threshold)).rule AS rule
    ), run AS (
        SELECT 0 AS n, NULL::jsonb AS sample, NULL::jsonb AS state
        UNION ALL
        -- A number or null is a value; an object is a whole sample: {"value": 3, "samples": 10, "history": [2]}, {"error": true}, {"missing": true}.
        SELECT run.n + 1, s.sample, tally.alert_step(run.state, CASE jsonb_typeof(s.sample) WHEN 'object' THEN s.sample ELSE jsonb_build_object('value', s.sample, 'samples', 1e9) END,
                                                     t.rule, timestamptz '2000-01-01 00:00:00+00' + (run.n + 1) * step)
          FROM run, t, LATERAL (SELECT samples -> run.n AS sample) s WHERE run.n < jsonb_array_length(samples)
    )
    SELECT run.n, run.sample, run.state ->> 'state', run.state ->> 'transition', run.state ->> 'verdict', expected[run.n],
           CASE WHEN expected IS NOT NULL THEN expected[run.n] IS NOT DISTINCT FROM run.state ->> 'state' END
      FROM run WHERE run.n > 0 ORDER BY run.n
$$;
COMMENT ON FUNCTION tally.test_threshold(text, jsonb, text[], interval) IS
'Runs a threshold''s rule over given samples, step apart, and says the state after each; with expected states also whether they agree. A sample is a number, null (no data), or an object {"value": 3, "samples": 10, "history": […]}, {"error": true}, {"missing": true}.';
