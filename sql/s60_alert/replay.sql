-- Owns: trying thresholds out: replay() over the past, and test_threshold() with given samples. Nothing is filed. Both go through _observe()
-- and _stepped(), as evaluate() does.

CREATE OR REPLACE FUNCTION tally_internal._changes(rule jsonb, states jsonb, observed jsonb, failed boolean, tick timestamptz, OUT next jsonb,
                                                   OUT changed jsonb)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_agg((s.step - '{transition,verdict,observed}'::text[])
                              || jsonb_build_object('labels', s.labels)) FILTER (WHERE s.step ->> 'state' <> 'inactive'), '[]'),
           COALESCE(jsonb_agg(jsonb_build_object('labels', s.labels, 'sample', s.sample, 'step', s.step) ORDER BY s.labels), '[]')
      FROM tally_internal._stepped(rule, states, observed, failed, tick) s
$$;
COMMENT ON FUNCTION tally_internal._changes(jsonb, jsonb, jsonb, boolean, timestamptz) IS
'A tick without a table behind it: the states that are pending or firing after it, and what became of each label set.';

CREATE OR REPLACE FUNCTION tally.replay(
    threshold text,
    since     text DEFAULT '7 days',
    until     text DEFAULT NULL,
    every     interval DEFAULT NULL,
    as_of     timestamptz DEFAULT now(),
    changes   jsonb DEFAULT NULL,
    search_path text DEFAULT pg_catalog.current_setting('search_path'),
    who bigint DEFAULT tally_internal._me()
) RETURNS TABLE (tick timestamptz, labels jsonb, transition text, state text, value float8, samples float8, reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_column
DECLARE
    caller regrole := tally_internal._caller(who);
    t       tally.thresholds;
    m       tally.metrics;
    r       tally.rollups;
    at      timestamptz;
    last    timestamptz;
    step_   interval;
    window_ timestamptz;
    before  timestamptz;
    seen    record;
    states  jsonb := '[]';
    changed jsonb;
    one     jsonb;
BEGIN
    t := tally_internal._find_threshold(threshold, caller);
    -- This check comes first, because later errors say how the threshold is defined.
    IF t.id IS NOT NULL AND NOT tally_internal._has_rights(caller, t.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('threshold %L can only be replayed by its owner %s, got %s', t.name, t.owner, caller),
            'A replay reads the metric with the owner''s rights.', format('SET ROLE %s;', t.owner));
    END IF;
    t := tally_internal._draft_threshold(threshold, changes, caller, search_path);
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
    at := tally_internal._parse_since(since, as_of, 'since', COALESCE(r.zone, 'UTC'));
    last := tally_internal._parse_since(until, as_of, 'until', COALESCE(r.zone, 'UTC'));
    step_ := COALESCE(every, t.every);
    IF tally_internal._no_length(step_, '1 second', '366 days', false) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('every must be from 1 second to 366 days, without months, got %s', step_), NULL,
            format('SELECT * FROM tally.replay(%L, every => ''1 minute'');', tally_internal._called(t)));
    END IF;
    PERFORM tally_internal._check_as_of(x, format('SELECT * FROM tally.replay(%L);', tally_internal._called(t))) FROM unnest(ARRAY[at, last]) x;
    IF extract(epoch FROM last - at) / extract(epoch FROM step_) > 1000000 THEN
        PERFORM tally_internal._refuse('program_limit_exceeded', format('a replay takes 1000000 ticks at most, got %s',
                                                               floor(extract(epoch FROM last - at) / extract(epoch FROM step_))),
            format('From %s to %s, every %s.', at, last, step_),
                format('SELECT * FROM tally.replay(%L, since => ''7 days'', every => ''1 minute'');', tally_internal._called(t)));
    END IF;
    at := tally_internal._tick(step_, at);
    WHILE at <= last LOOP
        -- The samples only change when the tested window does.
        IF r.id IS NOT NULL THEN SELECT w.until INTO window_ FROM tally_internal._tested_window(t, r, at) w; END IF;
        IF r.id IS NULL OR window_ IS DISTINCT FROM before THEN
            SELECT * INTO seen FROM tally_internal._observe(t, at);
            before := window_;
        END IF;
        SELECT c.next, c.changed INTO states, changed FROM tally_internal._changes(t.rule, states, seen.observed, seen.code IS NOT NULL, at) c;
        FOR one IN SELECT x FROM jsonb_array_elements(changed) x WHERE x #>> '{step,transition}' <> 'none' LOOP
            tick := at;
            labels := one -> 'labels';
            transition := one #>> '{step,transition}';
            state := one #>> '{step,state}';
            value := (one #>> '{sample,value}')::float8;
            samples := (one #>> '{sample,samples}')::float8;
            reason := concat_ws(': ', tally_internal._why(t.rule, one -> 'sample', one -> 'step'), seen.code, seen.message);
            reason := NULLIF(reason, '');
            RETURN NEXT;
        END LOOP;
        at := at + step_;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.replay(text, text, text, interval, timestamptz, jsonb, text, bigint) IS
'When a threshold, as it is defined now, would have changed its state over past data, as the data is now: transitions pending, cancelled, fired, '
'recovered, missing_series per label set, with the reason where the value alone does not say it (no data, an error). Files nothing. every is the '
'distance of ticks (default the threshold''s own). changes is what is to be tried: arguments of create_threshold() that differ from what is stored, or, '
'where no threshold has that name, a whole one: {"metric": …, "condition": …}.';

CREATE OR REPLACE FUNCTION tally_internal._tried(threshold text, samples jsonb, step interval, changes jsonb) RETURNS TABLE (n int, sample jsonb, after jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    t      tally.thresholds := tally_internal._draft_threshold(threshold, changes, tally_internal._current_role(), 'pg_catalog, pg_temp');
    states jsonb := '[]';
    at     timestamptz := '2000-01-01 00:00:00+00';
    failed boolean;
    whole  jsonb;
BEGIN
    IF jsonb_typeof(samples) IS DISTINCT FROM 'array' OR jsonb_array_length(samples) > 100000 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('samples must be a list of up to 100000 samples, got %s',
                                                                left(COALESCE(samples::text, 'NULL'), 100)),
            'A sample is a number, null (no data), or an object.',
                format('SELECT * FROM tally.test_threshold(%L, ''[1, null, 3]'');', tally_internal._called(t)));
    ELSIF tally_internal._no_length(step, '1 second', '366 days', false) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('step must be from 1 second to 366 days, without months, got %s',
                                                                COALESCE(step::text, 'NULL')), NULL,
            format('SELECT * FROM tally.test_threshold(%L, ''[1, null, 3]'', step => ''5 minutes'');', tally_internal._called(t)));
    END IF;
    FOR n, sample IN SELECT x.n, x.x FROM jsonb_array_elements(samples) WITH ORDINALITY x(x, n) ORDER BY x.n LOOP
        at := at + step;
        -- A number stands for itself with observations enough; null is a label set without a value; an object is a whole sample.
        failed := jsonb_typeof(sample) = 'object' AND COALESCE((sample ->> 'error')::boolean, false);
        whole := CASE jsonb_typeof(sample) WHEN 'object' THEN sample WHEN 'null' THEN '{"value": null}'
            ELSE jsonb_build_object('value', sample, 'samples', 1e9) END;
        SELECT c.next, c.changed -> 0 -> 'step' INTO states, after
          FROM tally_internal._changes(t.rule, states, CASE WHEN failed THEN '[]'
                              ELSE jsonb_build_array(jsonb_build_object('labels', '{}'::jsonb, 'sample', whole)) END, failed, at) c;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._tried(text, jsonb, interval, jsonb) IS
'What becomes of one label set of a threshold over given samples: the step after each.';

CREATE OR REPLACE FUNCTION tally.test_threshold(
    threshold text,
    samples   jsonb,
    expected  text[] DEFAULT NULL,
    step      interval DEFAULT '1 minute',
    changes   jsonb DEFAULT NULL
) RETURNS TABLE (n int, value jsonb, state text, transition text, verdict text, expected text, ok boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.n, r.sample, r.after ->> 'state', r.after ->> 'transition', r.after ->> 'verdict', $3[r.n],
           CASE WHEN $3 IS NOT NULL THEN $3[r.n] IS NOT DISTINCT FROM r.after ->> 'state' END
      FROM tally_internal._tried(threshold, samples, step, changes) r ORDER BY r.n
$$;
COMMENT ON FUNCTION tally.test_threshold(text, jsonb, text[], interval, jsonb) IS
'Runs a threshold''s rule over given samples, step apart, and says the state after each; with expected states also whether they agree. A sample is a number '
    '("Infinity" too), null (no data), or an object {"value": 3, "samples": 10, "history": […]}, {"error": true}, {"missing": true}. changes as for replay().';
