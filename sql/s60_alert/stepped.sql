-- Owns: what a step leaves behind: the states of label sets that are pending or firing, and incidents that are filed or closed.

CREATE OR REPLACE FUNCTION tally_internal._keep_states(threshold_id int, tick timestamptz, stepped jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO tally.threshold_states (threshold_id, kind, labels, state, active_at, keep_since, paused, missing, last_tick, value, samples, verdict)
    SELECT $1, 'breach', s -> 'labels', s #>> '{step,state}', (s #>> '{step,active_at}')::timestamptz, (s #>> '{step,keep_since}')::timestamptz,
           (s #>> '{step,paused}')::float8, (s #>> '{step,missing}')::int, $2, (s #>> '{sample,value}')::float8, (s #>> '{sample,samples}')::float8,
           s #>> '{step,verdict}'
      FROM jsonb_array_elements(stepped) s WHERE s #>> '{step,state}' <> 'inactive'
    ON CONFLICT ON CONSTRAINT threshold_states_pkey DO UPDATE
       SET (state, active_at, keep_since, paused, missing, last_tick, value, samples, verdict)
         = (EXCLUDED.state, EXCLUDED.active_at, EXCLUDED.keep_since, EXCLUDED.paused, EXCLUDED.missing, EXCLUDED.last_tick,
            COALESCE(EXCLUDED.value, threshold_states.value), EXCLUDED.samples, EXCLUDED.verdict);
END $$;
COMMENT ON FUNCTION tally_internal._keep_states(int, timestamptz, jsonb) IS 'Writes the states of the label sets that are pending or firing after a step.';

CREATE OR REPLACE FUNCTION tally_internal._end_states(threshold_id int, stepped jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    -- It is an array, so that 10,000 label sets are looked up by key. Joined in a nested loop they took 20 s.
    DELETE FROM tally.threshold_states k
     WHERE k.threshold_id = $1 AND k.kind = 'breach'
       AND k.labels = ANY (ARRAY(SELECT s -> 'labels' FROM jsonb_array_elements(stepped) s WHERE s -> 'was' <> 'null'
                                 AND s #>> '{step,state}' = 'inactive'));
END $$;
COMMENT ON FUNCTION tally_internal._end_states(int, jsonb) IS 'Takes away the states of the label sets that are inactive again after a step.';

CREATE OR REPLACE FUNCTION tally_internal._file_changes(t tally.thresholds, tick timestamptz, stepped jsonb, OUT opened int, OUT recovered int)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    change record;
BEGIN
    opened := 0;
    recovered := 0;
    FOR change IN
        SELECT s -> 'labels' AS labels, NULLIF(s -> 'sample', 'null') AS sample, s -> 'step' AS step, s #>> '{step,transition}' AS transition,
               COALESCE(s #>> '{step,active_at}', s #>> '{was,active_at}')::timestamptz AS began_at
          FROM jsonb_array_elements(stepped) s WHERE s #>> '{step,transition}' IN ('fired', 'recovered', 'missing_series') ORDER BY s -> 'labels'
    LOOP
        IF change.transition = 'fired' THEN
            opened := opened + 1;
            PERFORM tally_internal._fire(t, 'breach', change.labels, change.sample, change.step, tick, change.began_at,
                                         tally_internal._why(t.rule, change.sample, change.step), opened <= 20);
        ELSE
            PERFORM tally_internal._recover(t, 'breach', change.labels, change.sample, change.transition,
                                            tally_internal._why(t.rule, change.sample, change.step), tick);
            recovered := recovered + 1;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._file_changes(tally.thresholds, timestamptz, jsonb) IS
'Files what fired and closes what recovered in a step, and says how many of each.';
