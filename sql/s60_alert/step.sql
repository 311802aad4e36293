-- Owns: the one path from a sample to a state. evaluate(), replay() and test_threshold() all go through _stepped(), so the
-- same sample gives the same state in all three; what differs is where samples and states are kept.

CREATE OR REPLACE FUNCTION tally_internal._observe(t tally.thresholds, tick timestamptz, OUT observed jsonb, OUT code text, OUT message text, OUT detail text,
                                        OUT hint text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    many    bigint;
    longest int;
    wrong   jsonb;
BEGIN
    IF tally_internal._tick(t.every, tick) IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('threshold %L has every %s, expected 1 second to 366 days and no months',
                left(t.name, 200),
                                                                t.every), NULL,
            format('SELECT tally.create_threshold(%L, …, every => ''1 minute'');', left(t.name, 200)));
    END IF;
    SELECT COALESCE(jsonb_agg(jsonb_build_object('labels', s.labels, 'sample', s.sample)), '[]'), count(*), max(octet_length(s.labels::text))
      INTO observed, many, longest FROM tally_internal._samples(t, tick) s;
    IF many > 1 THEN
        PERFORM tally_internal._check_label_sets(many, format('threshold %L', left(t.name, 200)));
        SELECT o -> 'labels' INTO wrong FROM jsonb_array_elements(observed) o GROUP BY 1 HAVING count(*) > 1 LIMIT 1;
        IF wrong IS NOT NULL THEN
            PERFORM tally_internal._refuse('unique_violation', format('threshold %L yields the label set %s twice', t.name, wrong),
                'Labels tell alerts apart, so each label set has one value.', 'Aggregate in the query, or select the column that tells the rows apart.');
        END IF;
    END IF;
    IF longest > 2000 THEN
        SELECT o -> 'labels' INTO wrong FROM jsonb_array_elements(observed) o WHERE octet_length(o ->> 'labels') > 2000 LIMIT 1;
        PERFORM tally_internal._refuse('program_limit_exceeded',
            format('threshold %L yields a label set of %s bytes, expected 2000 at most', t.name, octet_length(wrong::text)),
            'Labels identify an alert; what only describes it is no label. It begins with ' || left(wrong::text, 80),
            'Leave the long column out of the query, or select left(column, 60).');
    END IF;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    observed := '[]';
END $$;
COMMENT ON FUNCTION tally_internal._observe(tally.thresholds, timestamptz) IS
'What a threshold sees at a tick, as a list of {"labels", "sample"}; or the error of its query, with an empty list.';

CREATE OR REPLACE FUNCTION tally_internal._stepped(rule jsonb, known jsonb, observed jsonb, failed boolean, tick timestamptz)
RETURNS TABLE (labels jsonb, sample jsonb, was jsonb, step jsonb)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    unseen jsonb := CASE WHEN failed THEN '{"error": true}' WHEN observed = '[]' THEN '{}' ELSE '{"missing": true}' END;
BEGIN
    -- Where no label set is seen or known, the threshold as a whole stands for them. Otherwise an error or missing data could never count as
    -- a breach. A condition "absent" is left out: what was never there is not absent.
    IF observed = '[]' AND known = '[]' AND (failed OR rule #>> '{condition,kind}' <> 'absent') THEN known := '[{"labels": {}}]'; END IF;
    RETURN QUERY
    SELECT x.labels, x.sample, x.was,
           CASE WHEN x.sample ? 'closed' AND x.was IS NULL THEN s.step || '{"state": "inactive", "transition": "none"}' ELSE s.step END
      FROM (SELECT COALESCE(o.o -> 'labels', k.k -> 'labels') AS labels, o.o -> 'sample' AS sample, NULLIF(k.k - 'labels', '{}') AS was
              FROM jsonb_array_elements(observed) o(o) FULL JOIN jsonb_array_elements(known) k(k) ON k.k -> 'labels' = o.o -> 'labels') x,
           LATERAL (SELECT tally.alert_step(x.was, COALESCE(x.sample, unseen), rule, tick) AS step) s;
END $$;
COMMENT ON FUNCTION tally_internal._stepped(jsonb, jsonb, jsonb, boolean, timestamptz) IS
'Steps every label set that is known (pending or firing: a list of states with "labels") or observed (a list of {"labels", "sample"}) by a rule. failed: the '
    'query failed. A sample marked closed is of a bucket that a closed incident has judged: it moves nothing.';

CREATE OR REPLACE FUNCTION tally_internal._why(rule jsonb, sample jsonb, step jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE step ->> 'verdict'
        WHEN 'no_data' THEN format('no data (%s) counts as %s',
            CASE WHEN COALESCE((sample ->> 'samples')::float8, 0) < (rule ->> 'min_samples')::float8
                 THEN format('%s samples, min_samples is %s', COALESCE(sample ->> 'samples', 'no'), rule ->> 'min_samples')
                     ELSE 'no value' END, rule ->> 'no_data')
        WHEN 'error' THEN format('an error counts as %s', rule ->> 'on_error')
        WHEN 'missing' THEN 'its labels vanished while others report' END;
END $$;
COMMENT ON FUNCTION tally_internal._why(jsonb, jsonb, jsonb) IS
'Why a step went as it did, where the value alone does not say: no data, an error, labels that vanished. Null where it does.';

CREATE OR REPLACE FUNCTION tally_internal._known(threshold_id int, OUT known jsonb, OUT metas text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    SELECT COALESCE(jsonb_agg(jsonb_build_object('labels', k.labels, 'state', k.state, 'active_at', k.active_at, 'keep_since', k.keep_since,
                                                 'paused', k.paused, 'missing', k.missing, 'last_tick', k.last_tick)) FILTER (WHERE k.kind = 'breach'), '[]'),
           COALESCE(array_agg(k.kind) FILTER (WHERE k.kind <> 'breach'), '{}')
      INTO known, metas FROM tally.threshold_states k WHERE k.threshold_id = threshold_id;
END $$;
COMMENT ON FUNCTION tally_internal._known(int) IS
'The label sets of a threshold that are pending or firing, as _stepped() takes them; and the kinds of its meta-alerts that are.';

CREATE OR REPLACE FUNCTION tally_internal._mark_closed(threshold_id int, observed jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    -- All samples of a tick are of one bucket.
    seen   timestamptz := (observed #>> '{0,sample,bucket}')::timestamptz;
    closed jsonb;
BEGIN
    IF seen IS NULL THEN RETURN observed; END IF;
    SELECT jsonb_agg(i.labels) INTO closed FROM tally.incidents i WHERE i.threshold_id = threshold_id AND i.kind = 'breach' AND i.closed_bucket >= seen;
    IF closed IS NULL THEN RETURN observed; END IF;
    -- Joined as a whole. One by one, 10,000 among 10,000 are a hundred million comparisons.
    RETURN (SELECT jsonb_agg(CASE WHEN c.labels IS NULL THEN o.o ELSE jsonb_set(o.o, '{sample,closed}', 'true') END)
              FROM jsonb_array_elements(observed) o(o)
              LEFT JOIN (SELECT DISTINCT x AS labels FROM jsonb_array_elements(closed) x) c ON c.labels = o.o -> 'labels');
END $$;
COMMENT ON FUNCTION tally_internal._mark_closed(int, jsonb) IS
'Marks samples of a bucket that an incident of the same labels had judged before a person closed it: only a newer bucket can page again.';

CREATE OR REPLACE FUNCTION tally_internal._step_all(t tally.thresholds, tick timestamptz, known jsonb, observed jsonb, failed boolean, began timestamptz,
                                INOUT proved jsonb, OUT series int, OUT breaches int, OUT told int, OUT opened int, OUT recovered int)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_variable
DECLARE
    stepped jsonb;
    kept    boolean;
    ended   boolean;
    moved   boolean;
BEGIN
    opened := 0;
    recovered := 0;
    -- Changes are gathered once. Most ticks of most thresholds change nothing, and then only the entry below is written.
    SELECT jsonb_agg(jsonb_build_object('labels', s.labels, 'sample', s.sample, 'was', s.was, 'step', s.step)), count(s.sample),
        count(*) FILTER (WHERE s.step ->> 'verdict' = 'breach'),
           count(*) FILTER (WHERE s.step ->> 'verdict' IN ('breach', 'ok')), bool_or(s.step ->> 'state' <> 'inactive'),
           bool_or(s.was IS NOT NULL AND s.step ->> 'state' = 'inactive'), bool_or(s.step ->> 'transition' IN ('fired', 'recovered', 'missing_series'))
      INTO stepped, series, breaches, told, kept, ended, moved
      FROM tally_internal._stepped(t.rule, known, tally_internal._mark_closed(t.id, observed), failed, tick) s;
    INSERT INTO tally.evaluations (threshold_id, tick, series, breaches, told, bucket, duration_ms)
    VALUES (t.id, tick, series, breaches, told, (observed #>> '{0,sample,bucket}')::timestamptz, extract(epoch FROM clock_timestamp() - began) * 1000);
    IF kept THEN PERFORM tally_internal._keep_states(t.id, tick, stepped); END IF;
    IF ended THEN PERFORM tally_internal._end_states(t.id, stepped); END IF;
    IF moved THEN
        SELECT f.opened, f.recovered, f.proved INTO opened, recovered, proved FROM tally_internal._file_changes(t, tick, stepped, proved) f;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._step_all(tally.thresholds, timestamptz, jsonb, jsonb, boolean, timestamptz, jsonb) IS
'Steps every label set of a threshold at a tick, logs the evaluation that began then, keeps the states, and files what fired or recovered. failed: the query '
    'failed.';

CREATE OR REPLACE FUNCTION tally_internal._step_meta(t tally.thresholds, tick timestamptz, kind text, holds boolean, why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    k    tally.threshold_states;
    seen timestamptz;
    step jsonb;
BEGIN
    SELECT * INTO k FROM tally.threshold_states x WHERE x.threshold_id = t.id AND x.kind = kind;
    IF NOT holds AND k.threshold_id IS NULL THEN RETURN; END IF;
    IF k.threshold_id IS NULL THEN
        -- First the bucket, then the incidents by it: joined, all incidents of the threshold may be read.
        SELECT e.bucket INTO seen FROM tally.evaluations e WHERE e.threshold_id = t.id AND e.tick = tick;
        IF seen IS NOT NULL AND EXISTS (SELECT FROM tally.incidents i WHERE i.threshold_id = t.id AND i.kind = kind AND i.closed_bucket >= seen) THEN
            RETURN;
        END IF;
    END IF;
    -- It must hold at two ticks in a row, because one may be an accident.
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
        PERFORM tally_internal._fire(t, kind, ARRAY[jsonb_build_object('labels', '{}'::jsonb, 'step', step)], ARRAY[why], tick, 0, NULL);
    ELSIF step ->> 'transition' = 'recovered' THEN
        PERFORM tally_internal._recover(t, kind, ARRAY[jsonb_build_object('labels', '{}'::jsonb, 'step', step)], '{NULL}', tick);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._step_meta(tally.thresholds, timestamptz, text, boolean, text) IS
'Steps the meta-alert of a threshold (no_data, error), which says that what it watches is unknown.';

CREATE OR REPLACE FUNCTION tally_internal._step_guarded(t tally.thresholds, tick timestamptz, known jsonb, observed jsonb, failed boolean, began timestamptz,
                                             INOUT proved jsonb, OUT series int, OUT breaches int, OUT told int, OUT opened int, OUT recovered int,
                                             OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    done record;
BEGIN
    done := tally_internal._step_all(t, tick, known, observed, failed, began, proved);
    proved := done.proved;
    series := done.series; breaches := done.breaches; told := done.told; opened := done.opened; recovered := done.recovered;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    series := 0; breaches := 0; told := 0; opened := 0; recovered := 0;
END $$;
COMMENT ON FUNCTION tally_internal._step_guarded(tally.thresholds, timestamptz, jsonb, jsonb, boolean, timestamptz, jsonb) IS
'_step_all(), whose error is returned instead of raised; nothing has moved then.';

CREATE OR REPLACE FUNCTION tally_internal._step_meta_guarded(t tally.thresholds, tick timestamptz, kind text, holds boolean, why text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._step_meta(t, tick, kind, holds, why);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN left(format('%s: %s', SQLSTATE, SQLERRM), 500);
END $$;
COMMENT ON FUNCTION tally_internal._step_meta_guarded(tally.thresholds, timestamptz, text, boolean, text) IS
'_step_meta(), whose error is returned instead of raised.';

CREATE OR REPLACE FUNCTION tally_internal._evaluate_one(t tally.thresholds, tick timestamptz, given jsonb, INOUT proved jsonb, OUT series int,
                                                        OUT breaches int, OUT opened int, OUT recovered int, OUT error text, OUT seen jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    began  timestamptz := clock_timestamp();
    before record;
    saw    record;
    done   record;
    e      tally.evaluations;
    blind  boolean;
    meta   text;
BEGIN
    -- Functions are assigned from, here and below. A SELECT of one starts the executor, for each threshold.
    before := tally_internal._known(t.id);
    IF given IS NULL THEN
        saw := tally_internal._observe(t, tick);
    ELSE
        SELECT given AS observed, NULL AS code, NULL AS message, NULL AS detail, NULL AS hint INTO saw;
    END IF;
    -- What it reads may have dropped it. Then nothing is left to judge, and no entry to make.
    IF NOT EXISTS (SELECT FROM tally.thresholds x WHERE x.id = t.id) THEN
        series := 0; breaches := 0; opened := 0; recovered := 0;
        error := '42704: the threshold was dropped by what it reads';
        RETURN;
    END IF;
    IF saw.code IS NULL THEN seen := saw.observed; END IF;
    done := tally_internal._step_guarded(t, tick, before.known, saw.observed, saw.code IS NOT NULL, began, proved);
    -- The first error says why. Later ones follow from it.
    IF saw.code IS NOT NULL THEN
        e.sqlstate := saw.code; e.message := saw.message; e.detail := saw.detail; e.hint := saw.hint;
    ELSIF done.code IS NOT NULL THEN
        e.sqlstate := done.code; e.message := done.message; e.detail := done.detail; e.hint := done.hint;
    END IF;
    IF done.code IS NOT NULL THEN
        -- The fault is not in the query but elsewhere in the definition. Known label sets count by on_error, if that works.
        IF saw.code IS NULL THEN
            done := tally_internal._step_guarded(t, tick, before.known, '[]', true, began, proved);
        END IF;
        -- The tick is done, whether it failed or not. Without its entry it would be tried again for ever.
        INSERT INTO tally.evaluations (threshold_id, tick) VALUES (t.id, tick) ON CONFLICT ON CONSTRAINT evaluations_pkey DO NOTHING;
    END IF;
    series := done.series;
    breaches := done.breaches;
    opened := done.opened;
    recovered := done.recovered;
    proved := done.proved;
    error := CASE WHEN e.sqlstate IS NOT NULL THEN format('%s: %s', e.sqlstate, left(e.message, 1000)) END;
    blind := error IS NULL AND done.told = 0 AND t.no_data <> 'ok';
    IF error IS NOT NULL OR 'error' = ANY (before.metas) THEN
        meta := tally_internal._step_meta_guarded(t, tick, 'error', error IS NOT NULL, COALESCE(error, 'evaluation works again'));
    END IF;
    IF blind OR 'no_data' = ANY (before.metas) THEN
        meta := concat_ws('; ', meta, tally_internal._step_meta_guarded(t, tick, 'no_data', blind, 'no label set has a value that can be judged'));
    END IF;
    -- A threshold that took longer than a second, with filing, is slow. It comes last the next time.
    IF error IS NOT NULL OR NULLIF(meta, '') IS NOT NULL OR clock_timestamp() > began + interval '1 second' THEN
        UPDATE tally.evaluations x
           SET duration_ms = extract(epoch FROM clock_timestamp() - began) * 1000, sqlstate = COALESCE(e.sqlstate, left(NULLIF(meta, ''), 5)),
               message = COALESCE(left(e.message, 1000), NULLIF(meta, '')), detail = left(NULLIF(e.detail, ''), 1000),
               hint = CASE WHEN e.sqlstate IS NOT NULL THEN COALESCE(left(NULLIF(e.hint, ''), 1000),
                                                                     format('SELECT * FROM tally.evaluate(now(), %L);', left(t.name, 500))) END
         WHERE x.threshold_id = t.id AND x.tick = tick;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._evaluate_one(tally.thresholds, timestamptz, jsonb, jsonb) IS
'Evaluates one threshold at one tick; given: what a threshold that reads the same has seen (null: it reads for itself); proved: what such a one has proved. '
    'Returns what it has seen, unless its query failed, and proved. If anything fails, in its query, in filing, or in the handling of errors, the failure is '
    'logged and stops no other threshold.';
