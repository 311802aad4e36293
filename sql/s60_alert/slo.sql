-- Owns: the error-budget report of thresholds that watch a burn rate.

CREATE OR REPLACE FUNCTION tally.error_budget(threshold text, as_of timestamptz DEFAULT now())
RETURNS TABLE (labels jsonb, objective float8, period interval, bad_share float8, observations float8, budget float8, consumed float8, remaining float8,
               burn_rate float8, gone_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_column
DECLARE
    t      tally.thresholds := tally_internal._threshold(threshold);
    m      tally.metrics;
    r      tally.rollups;
    until  timestamptz;
    first  timestamptz;
    days   float8 := (t.rule #>> '{condition,days}')::float8;
    used   text[];
    target float8 := (t.rule #>> '{condition,objective}')::float8;
BEGIN
    IF days IS NULL THEN
        PERFORM tally_internal._refuse('wrong_object_type', format('threshold %L has no objective: its condition is %s', t.name, t.condition),
            'An error budget belongs to a burn rate.',
                format('SELECT tally.create_threshold(%L, ''<share of bad events>'', ''burn rate 99.9%% over 30 days'');', t.name || ' slo'));
    END IF;
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
    used := m.measures || m.samples;
    SELECT w.until INTO until FROM tally_internal._tested_window(t, r, as_of) w;
    first := until - make_interval(secs => days * 86400);
    FOR labels, objective, period, bad_share, observations, budget, consumed, remaining, burn_rate IN EXECUTE tally_internal._refuse_unsafe(r, format(
        'SELECT %1$s, %2$L::float8, %3$L::interval, "the value", "the samples", 1 - %2$L::float8, "the value" / (1 - %2$L::float8), '
        '1 - "the value" / (1 - %2$L::float8), "the last hour" / (1 - %2$L::float8)
           FROM (%4$s) whole LEFT JOIN (SELECT %5$s"the value" AS "the last hour" FROM (%6$s) h) recent %7$s ORDER BY 1',
        tally_internal._labels_sql(t.per), target, make_interval(secs => days * 86400),
        tally_internal._merged_sql(m, r, tally_internal._answer_source(tally_internal._current_role(), r, used, t.per, t.filter, NULL, first, until), NULL,
                                   t.per, t.filter, '$1', '$2'),
        (SELECT string_agg(format('%I, ', d), '' ORDER BY n) FROM unnest(t.per) WITH ORDINALITY b(d, n)),
        tally_internal._merged_sql(m, r, tally_internal._answer_source(tally_internal._current_role(), r, used, t.per, t.filter, NULL,
                                   until - interval '1 hour', until), NULL, t.per, t.filter, '$3', '$2'),
        COALESCE('USING (' || NULLIF((SELECT string_agg(quote_ident(d), ', ' ORDER BY n) FROM unnest(t.per) WITH ORDINALITY b(d, n)), '') || ')', 'ON true')))
        USING first, until, until - interval '1 hour'
    LOOP
        gone_at := CASE WHEN remaining <= 0 THEN until
                        -- At a rate of 1 the budget of a whole period lasts for the period. A century on is never.
                        WHEN burn_rate > 0 AND remaining * days / burn_rate < 36525 THEN
                            until + make_interval(secs => remaining * days * 86400 / burn_rate) END;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.error_budget(text, timestamptz) IS
'The error budget of a burn-rate threshold over its period: the share of bad events, the number of observations, the budget (1 - objective), its '
'consumed and its remaining part (below 0: the objective is missed), how many times too fast the last hour burns it, and when it will be gone at that '
'speed (the end of the period if it is gone already; null: never). It reads with the caller''s rights.';
