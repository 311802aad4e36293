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

CREATE OR REPLACE FUNCTION tally_internal._file_changes(t tally.thresholds, tick timestamptz, stepped jsonb, INOUT proved jsonb, OUT opened int,
                                                         OUT recovered int)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    run record;
BEGIN
    opened := 0;
    recovered := 0;
    -- In the order of labels, all that follow each other and fired, or ended, at once.
    FOR run IN
        SELECT c.fired, count(*) AS many, array_agg(c.s ORDER BY c.n) AS changes,
               array_agg(tally_internal._why(t.rule, c.s -> 'sample', c.s -> 'step') ORDER BY c.n) AS whys
          FROM (SELECT x.s, x.fired, x.n, x.n - row_number() OVER (PARTITION BY x.fired ORDER BY x.n) AS island
                  FROM (SELECT s, s #>> '{step,transition}' = 'fired' AS fired, row_number() OVER (ORDER BY s -> 'labels') AS n
                          FROM jsonb_array_elements(stepped) s WHERE s #>> '{step,transition}' IN ('fired', 'recovered', 'missing_series')) x) c
         GROUP BY c.fired, c.island ORDER BY min(c.n)
    LOOP
        IF run.fired THEN
            proved := tally_internal._fire(t, 'breach', run.changes, run.whys, tick, GREATEST(20 - opened, 0), proved);
            opened := opened + run.many;
        ELSE
            PERFORM tally_internal._recover(t, 'breach', run.changes, run.whys, tick);
            recovered := recovered + run.many;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._file_changes(tally.thresholds, timestamptz, jsonb, jsonb) IS
'Files what fired and closes what recovered in a step, and says how many of each. proved: as _fire() takes and gives it.';
