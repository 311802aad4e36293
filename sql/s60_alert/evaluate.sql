-- Owns: evaluate: every threshold at its tick, each in a subtransaction of its own.
--
-- What makes it once: (threshold, tick) is the key of the evaluation, written in the transaction that moves states and
-- files incidents, so a retried tick finds the key and a cut one left nothing. An advisory lock makes overlap a no-op.

-- A type of its own, because PL/pgSQL does not let an argument and a result column both be named threshold.
CREATE TYPE tally.evaluated AS (threshold text, tick timestamptz, series int, breaches int, opened int, recovered int, error text);
COMMENT ON TYPE tally.evaluated IS 'What one evaluation of a threshold did: label sets judged, those in breach, alerts that fired, alerts that recovered, the error if it failed.';

CREATE FUNCTION tally._evaluation_lock() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- 1952541805 follows the class of the rollups' locks ('tall' in ASCII).
    IF pg_try_advisory_xact_lock(1952541805, 0) THEN RETURN true; END IF;
    RAISE NOTICE USING MESSAGE = 'another session is evaluating; nothing to do here';
    RETURN false;
END $$;
COMMENT ON FUNCTION tally._evaluation_lock() IS 'Takes the evaluators'' lock until the end of the transaction; false, with a notice, where another session has it.';

CREATE FUNCTION tally._evaluate_part(as_of timestamptz, by_clock boolean, threshold text, budget interval) RETURNS SETOF tally.evaluated
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    began timestamptz := clock_timestamp();
    due   record;
    one   record;
BEGIN
    IF NOT tally._evaluation_lock() THEN RETURN; END IF;
    FOR due IN SELECT * FROM tally._due_thresholds(as_of, by_clock, threshold) LOOP
        IF due.set_back THEN
            DELETE FROM tally.evaluations e WHERE e.threshold_id = (due.t).id AND e.tick >= due.tick;
        END IF;
        SELECT * INTO one FROM tally._evaluate_caught(due.t, due.tick);
        RETURN NEXT ((due.t).name, due.tick, one.series, one.breaches, one.opened, one.recovered, one.error)::tally.evaluated;
        EXIT WHEN clock_timestamp() > began + budget;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally._evaluate_part(timestamptz, boolean, text, interval) IS
'Evaluates thresholds that are due (one, or all with null) until they are done or the budget of time is spent (null: none). by_clock: as_of is the real time.';

CREATE FUNCTION tally._due_thresholds(as_of timestamptz, by_clock boolean, threshold text) RETURNS TABLE (t tally.thresholds, tick timestamptz, set_back boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT x, k.tick, COALESCE(l.tick >= k.tick, false)
      FROM tally.thresholds x
     CROSS JOIN LATERAL (SELECT date_bin(x.every, as_of, timestamptz '2000-01-01 00:00:00+00') AS tick) k
      LEFT JOIN LATERAL (SELECT e.tick, e.duration_ms FROM tally.evaluations e WHERE e.threshold_id = x.id ORDER BY e.tick DESC LIMIT 1) l ON true
     WHERE x.enabled AND (threshold IS NULL OR x.name = threshold)
       -- Once per tick, and never back in time. But a tick that lies in the future of the real clock can only come of a
       -- clock that was set back since: without this, nothing would be evaluated until the clock is where it was.
       -- alert_step() moves the timers back by as much.
       AND (l.tick IS NULL OR k.tick > l.tick OR (by_clock AND l.tick > as_of))
     -- What was slow the last time comes last, so that it keeps nobody waiting.
     ORDER BY COALESCE(l.duration_ms > 1000, false), x.id
$$;
COMMENT ON FUNCTION tally._due_thresholds(timestamptz, boolean, text) IS
'The thresholds still to be evaluated at their tick, the slow ones last. set_back: the clock was set back since their last evaluation.';

CREATE FUNCTION tally.evaluate(as_of timestamptz DEFAULT now(), threshold text DEFAULT NULL) RETURNS SETOF tally.evaluated
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF as_of IS NULL OR NOT isfinite(as_of) THEN
        PERFORM tally._refuse('invalid_parameter_value', format('as_of must be a moment, got %s', COALESCE(as_of::text, 'NULL')), NULL, 'SELECT tally.evaluate(now());');
    END IF;
    IF threshold IS NOT NULL THEN PERFORM tally._threshold(threshold); END IF;
    IF NOT tally._evaluation_lock() THEN RETURN; END IF;
    PERFORM tally.sample_probes(as_of);
    RETURN QUERY SELECT * FROM tally._evaluate_part(as_of, as_of = now(), threshold, NULL);
    PERFORM tally._follow_up(as_of);
END $$;
COMMENT ON FUNCTION tally.evaluate(timestamptz, text) IS
'Evaluates every enabled threshold (or one) that has not been evaluated at its tick yet: samples, states, incidents, notifications, in one transaction. as_of is the clock. A failing threshold stops no other; its error is in tally.evaluations. Returns what was done; does nothing while another session evaluates.';

CREATE PROCEDURE tally.evaluate_scheduled()
LANGUAGE plpgsql AS $$
DECLARE
    as_of pg_catalog.timestamptz := pg_catalog.now();
    done  pg_catalog.int8;
BEGIN
    IF tally._evaluation_lock() THEN
        PERFORM tally.sample_probes(as_of);
    END IF;
    COMMIT;
    LOOP
        SELECT pg_catalog.count(*) INTO done FROM tally._evaluate_part(as_of, true, NULL, '250 milliseconds');
        COMMIT;
        EXIT WHEN done OPERATOR(pg_catalog.=) 0;
    END LOOP;
    PERFORM tally._follow_up(as_of);
    COMMIT;
END $$;
COMMENT ON PROCEDURE tally.evaluate_scheduled() IS
'What the scheduled job runs: evaluate(now()), committed every quarter of a second, so that a slow threshold delays no incident of the others.';
REVOKE ALL ON FUNCTION tally.evaluate(timestamptz, text), tally._evaluate_part(timestamptz, boolean, text, interval), tally._evaluation_lock() FROM PUBLIC;
REVOKE ALL ON PROCEDURE tally.evaluate_scheduled() FROM PUBLIC;

CREATE FUNCTION tally._follow_up(as_of timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chore text;
BEGIN
    FOR chore IN SELECT unnest(ARRAY['tally._escalate', 'tally._release', 'tally._repeat', 'tally.deliver', 'tally._purge']) LOOP
        BEGIN
            EXECUTE format('SELECT %s($1)', chore) USING as_of;
        EXCEPTION WHEN OTHERS THEN
            -- What was evaluated stands; the chore comes round again with the next tick.
            RAISE WARNING USING MESSAGE = format('%s() failed and will be tried again: %s', chore, SQLERRM), ERRCODE = SQLSTATE, HINT = format('SELECT %s(now());', chore);
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally._follow_up(timestamptz) IS 'What every evaluation ends with: escalate, tell what a silence kept back, repeat, deliver, purge; each fails alone.';
REVOKE ALL ON FUNCTION tally._follow_up(timestamptz) FROM PUBLIC;

CREATE FUNCTION tally._purge(as_of timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- At full hours only: it need not be often.
    IF date_trunc('minute', as_of) <> date_trunc('hour', as_of) THEN RETURN; END IF;
    -- The latest tick of each threshold stays, because it says what has been evaluated.
    DELETE FROM tally.evaluations e WHERE e.tick < as_of - interval '2 days'
       AND e.tick < (SELECT max(x.tick) FROM tally.evaluations x WHERE x.threshold_id = e.threshold_id);
    DELETE FROM tally.notifications n WHERE n.status = 'sent' AND n.sent_at < as_of - interval '30 days';
END $$;
COMMENT ON FUNCTION tally._purge(timestamptz) IS 'Removes evaluations older than two days and notifications sent more than 30 days ago.';

CREATE FUNCTION tally._evaluate_caught(t tally.thresholds, tick timestamptz, OUT series int, OUT breaches int, OUT opened int, OUT recovered int, OUT error text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    began timestamptz := clock_timestamp();
    e     tally.evaluations;
BEGIN
    BEGIN
        SELECT x.opened, x.recovered INTO opened, recovered FROM tally._step_all(t, tick, false) x;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS e.sqlstate = RETURNED_SQLSTATE, e.message = MESSAGE_TEXT, e.detail = PG_EXCEPTION_DETAIL, e.hint = PG_EXCEPTION_HINT;
        SELECT x.opened, x.recovered INTO opened, recovered FROM tally._step_all(t, tick, true) x;
        error := format('%s: %s', e.sqlstate, e.message);
    END;
    UPDATE tally.evaluations x
       SET duration_ms = extract(epoch FROM clock_timestamp() - began) * 1000, sqlstate = e.sqlstate, message = e.message, detail = NULLIF(e.detail, ''),
           hint = CASE WHEN e.sqlstate IS NOT NULL THEN COALESCE(NULLIF(e.hint, ''), format('SELECT * FROM tally.evaluate(now(), %L);', t.name)) END
     WHERE x.threshold_id = t.id AND x.tick = tick
    RETURNING x.series, x.breaches, x.told INTO series, breaches, e.told;
    PERFORM tally._step_meta(t, tick, 'error', error IS NOT NULL, COALESCE(error, 'evaluation works again'));
    PERFORM tally._step_meta(t, tick, 'no_data', error IS NULL AND e.told = 0 AND t.no_data <> 'ok', 'no label set has a value that can be judged');
END $$;
COMMENT ON FUNCTION tally._evaluate_caught(tally.thresholds, timestamptz) IS 'One threshold at one tick; a failure of its query is logged, counts by on_error, and raises a meta-incident of its own.';

CREATE FUNCTION tally._step_all(t tally.thresholds, tick timestamptz, failed boolean, OUT opened int, OUT recovered int)
-- Planned once a session: its one large statement takes longer to plan than to run.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_variable
DECLARE
    change record;
    wrong  jsonb;
    found_ jsonb := '[]';
BEGIN
    opened := 0;
    recovered := 0;
    IF NOT failed THEN
        SELECT COALESCE(jsonb_agg(jsonb_build_object('labels', s.labels, 'sample', s.sample)), '[]') INTO found_ FROM tally._samples(t, tick) s;
        SELECT f -> 'labels' INTO wrong FROM jsonb_array_elements(found_) f GROUP BY 1 HAVING count(*) > 1 LIMIT 1;
        IF wrong IS NOT NULL THEN
            PERFORM tally._refuse('unique_violation', format('threshold %L yields the label set %s twice', t.name, wrong),
                'Labels tell alerts apart, so each label set has one value.', 'Aggregate in the query, or select the column that tells the rows apart.');
        END IF;
    END IF;
    SELECT f -> 'labels' INTO wrong FROM jsonb_array_elements(found_) f WHERE octet_length(f ->> 'labels') > 2000 LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally._refuse('program_limit_exceeded', format('threshold %L yields a label set of %s bytes, expected 2000 at most', t.name, octet_length(wrong::text)),
            'Labels identify an alert; what only describes it is no label. It begins with ' || left(wrong::text, 80), 'Leave the long column out of the query, or select left(column, 60).');
    END IF;
    FOR change IN
        WITH samples AS (
            SELECT f -> 'labels' AS labels, f -> 'sample' AS sample FROM jsonb_array_elements(found_) f
        ), known AS (
            SELECT * FROM tally.threshold_states k WHERE k.threshold_id = t.id AND k.kind = 'breach'
        ), stepped AS MATERIALIZED (
            SELECT COALESCE(s.labels, k.labels) AS labels, s.sample, k.labels IS NOT NULL AS was_known, k.active_at AS began_at,
                   tally.alert_step(CASE WHEN k.labels IS NOT NULL THEN jsonb_build_object('state', k.state, 'active_at', k.active_at, 'keep_since', k.keep_since,
                                         'paused', k.paused, 'missing', k.missing, 'last_tick', k.last_tick) END,
                                    COALESCE(s.sample, CASE WHEN failed THEN '{"error": true}' WHEN found_ = '[]' THEN '{}' ELSE '{"missing": true}' END::jsonb),
                                    t.rule, tick) AS step
              FROM samples s FULL JOIN known k ON k.labels = s.labels
        ), logged AS (
            INSERT INTO tally.evaluations (threshold_id, tick, series, breaches, told)
            SELECT t.id, tick, count(*) FILTER (WHERE s.sample IS NOT NULL), count(*) FILTER (WHERE s.step ->> 'verdict' = 'breach'),
                   count(*) FILTER (WHERE s.step ->> 'verdict' IN ('breach', 'ok')) FROM stepped s
        ), kept AS (
            INSERT INTO tally.threshold_states (threshold_id, kind, labels, state, active_at, keep_since, paused, missing, last_tick, value, samples, verdict)
            SELECT t.id, 'breach', s.labels, s.step ->> 'state', (s.step ->> 'active_at')::timestamptz, (s.step ->> 'keep_since')::timestamptz,
                   (s.step ->> 'paused')::float8, (s.step ->> 'missing')::int, tick, (s.sample ->> 'value')::float8, (s.sample ->> 'samples')::float8, s.step ->> 'verdict'
              FROM stepped s WHERE s.step ->> 'state' <> 'inactive'
            ON CONFLICT ON CONSTRAINT threshold_states_pkey DO UPDATE
               SET (state, active_at, keep_since, paused, missing, last_tick, value, samples, verdict)
                 = (EXCLUDED.state, EXCLUDED.active_at, EXCLUDED.keep_since, EXCLUDED.paused, EXCLUDED.missing, EXCLUDED.last_tick,
                    COALESCE(EXCLUDED.value, threshold_states.value), EXCLUDED.samples, EXCLUDED.verdict)
        ), ended AS (
            -- As an array, so that 10,000 label sets are looked up by the key and not joined in a nested loop (20 s, measured).
            DELETE FROM tally.threshold_states k
             WHERE k.threshold_id = t.id AND k.kind = 'breach'
               AND k.labels = ANY (ARRAY(SELECT s.labels FROM stepped s WHERE s.was_known AND s.step ->> 'state' = 'inactive'))
        )
        SELECT s.labels, s.sample, s.step, s.step ->> 'transition' AS transition, COALESCE((s.step ->> 'active_at')::timestamptz, s.began_at) AS began_at
          FROM stepped s WHERE s.step ->> 'transition' IN ('fired', 'recovered', 'missing_series') ORDER BY s.labels
    LOOP
        IF change.transition = 'fired' THEN
            opened := opened + 1;
            PERFORM tally._fire(t, 'breach', change.labels, change.sample, change.step, tick, change.began_at, NULL, opened <= 20);
        ELSE
            PERFORM tally._recover(t, 'breach', change.labels, change.sample, change.transition, tick);
            recovered := recovered + 1;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally._step_all(tally.thresholds, timestamptz, boolean) IS
'Steps every label set of a threshold at a tick, logs the evaluation, and files what fired or recovered. failed: the query failed, so that known label sets get an error as sample.';

CREATE FUNCTION tally._step_meta(t tally.thresholds, tick timestamptz, kind text, holds boolean, why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    k    tally.threshold_states;
    step jsonb;
BEGIN
    SELECT * INTO k FROM tally.threshold_states x WHERE x.threshold_id = t.id AND x.kind = kind;
    IF NOT holds AND k.threshold_id IS NULL THEN RETURN; END IF;
    -- It must hold at two ticks in a row: one may be an accident.
    step := tally.alert_step(CASE WHEN k.threshold_id IS NOT NULL THEN to_jsonb(k) END, jsonb_build_object('value', holds::int),
        jsonb_build_object('condition', '{"kind": "compare", "op": ">", "limit": 0, "decimals": 0}'::jsonb, 'for', extract(epoch FROM t.every)), tick);
    IF step ->> 'state' = 'inactive' THEN
        DELETE FROM tally.threshold_states x WHERE x.threshold_id = t.id AND x.kind = kind;
    ELSE
        INSERT INTO tally.threshold_states (threshold_id, kind, labels, state, active_at, last_tick, verdict)
        VALUES (t.id, kind, '{}', step ->> 'state', (step ->> 'active_at')::timestamptz, tick, kind)
        ON CONFLICT ON CONSTRAINT threshold_states_pkey DO UPDATE SET state = EXCLUDED.state, active_at = EXCLUDED.active_at, last_tick = EXCLUDED.last_tick;
    END IF;
    IF step ->> 'transition' = 'fired' THEN
        PERFORM tally._fire(t, kind, '{}', '{}', step, tick, (step ->> 'active_at')::timestamptz, why, false);
    ELSIF step ->> 'transition' = 'recovered' THEN
        PERFORM tally._recover(t, kind, '{}', '{}', 'recovered', tick);
    END IF;
END $$;
COMMENT ON FUNCTION tally._step_meta(tally.thresholds, timestamptz, text, boolean, text) IS 'Steps the meta-alert of a threshold (no_data, error): what it watches cannot be told.';
