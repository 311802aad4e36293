-- Owns: alter_threshold, and the draft of a threshold: what it would be with some arguments changed, tried by replay() and
-- test_threshold() before it is stored.

CREATE OR REPLACE FUNCTION tally_internal._threshold_arguments(t tally.thresholds) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
    SELECT jsonb_build_object('metric', COALESCE((SELECT tally_internal._called(m) FROM tally.metrics m WHERE m.id = t.metric_id),
                                               (SELECT tally_internal._called(p) FROM tally.probes p WHERE p.id = t.probe_id), tally_internal._called(x)),
        'query', CASE WHEN x.id IS NULL THEN t.query END, 'condition', t.condition, 'for', t.for_, 'per', to_jsonb(t.per), 'where', t.filter,
        'severity', t.severity, 'owner', t.responsible, 'runbook', t.runbook, 'response_target', t.response_target, 'suggested_actions', t.suggested_actions,
        'recovery_condition', t.recovery_condition, 'keep_firing_for', t.keep_firing_for, 'min_samples', t.min_samples, 'no_data', t.no_data,
        'on_error', t.on_error, 'over', t.over, 'partial_ok', t.partial_ok, 'every', t.every, 'auto_resolve', t.auto_resolve,
        'reopen_within', t.reopen_within, 'area', t.area, 'impact', t.impact, 'enabled', t.enabled, 'description', t.description,
        'escalation', to_jsonb(t.escalation), 'search_path', t.search_path)
      FROM tally_internal._watched_ratio(t) x
$$;
COMMENT ON FUNCTION tally_internal._threshold_arguments(tally.thresholds) IS 'A threshold as the arguments of create_threshold(), by their names.';

CREATE OR REPLACE FUNCTION tally_internal._changed_threshold(t tally.thresholds, label text, changes jsonb, again text) RETURNS tally.thresholds
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base    jsonb := tally_internal._threshold_arguments(t);
    unknown text;
BEGIN
    IF jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('changes of threshold %L must be an object, got %s', label,
                                                                         left(COALESCE(changes::text, 'NULL'), 100)),
            'It holds arguments of create_threshold() by their names; null puts one back to its default.', again);
    END IF;
    SELECT string_agg(quote_literal(k), ', ' ORDER BY k) INTO unknown FROM jsonb_object_keys(changes) k WHERE NOT base ? k;
    IF unknown IS NOT NULL THEN
        PERFORM tally_internal._refuse('undefined_parameter', format('a threshold has no argument %s', unknown),
            format('It has %s.', (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(base) k)), again);
    END IF;
    -- A threshold watches one thing, so a new one replaces the old.
    RETURN tally_internal._threshold_of(t, label,
        base || CASE WHEN changes ? 'metric' THEN '{"query": null}'::jsonb WHEN changes ? 'query' THEN '{"metric": null}' ELSE '{}' END || changes);
EXCEPTION WHEN invalid_text_representation OR invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow OR numeric_value_out_of_range THEN
    PERFORM tally_internal._refuse(SQLSTATE, format('threshold %L: %s', label, SQLERRM), format('Got changes %s.', left(changes::text, 1000)), again);
END $$;
COMMENT ON FUNCTION tally_internal._changed_threshold(tally.thresholds, text, jsonb, text) IS
'A threshold with some arguments of create_threshold() changed, not checked yet; an error where there is no such argument, or a value does not fit its type. '
    'again is the statement that the error proposes.';

CREATE OR REPLACE FUNCTION tally.alter_threshold(name text, changes jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t tally.thresholds := tally_internal._threshold(name);
BEGIN
    RETURN tally_internal._define_threshold(tally_internal._changed_threshold(t, t.name, changes,
        format('SELECT tally.alter_threshold(%L, ''{"condition": "> 3000", "for": "15 minutes"}'');', name)));
END $$;
COMMENT ON FUNCTION tally.alter_threshold(text, jsonb) IS
'Changes some arguments of a threshold and leaves the others: {"condition": "> 3000", "for": "15 minutes"}, named as create_threshold() names them; null puts '
    'one back to its default. Alert states go on. Try it first: tally.replay(name, changes => …).';

CREATE OR REPLACE FUNCTION tally_internal._draft_threshold(threshold text, changes jsonb, role regrole, search_path text) RETURNS tally.thresholds
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    t tally.thresholds;
    m tally.metrics;
BEGIN
    t := tally_internal._find_threshold(threshold, role);
    IF changes IS NULL OR t.id IS NOT NULL THEN
        t := tally_internal._threshold(threshold, role);
        IF changes IS NULL THEN RETURN t; END IF;
    ELSE
        t.owner := role;
        t.search_path := search_path;
    END IF;
    t := tally_internal._changed_threshold(t, COALESCE(t.name, threshold), changes, format('SELECT * FROM tally.replay(%L, changes => %L);', threshold,
        CASE WHEN t.id IS NULL THEN '{"metric": "p95_latency_ms", "condition": "> 2500"}' ELSE '{"condition": "> 3000"}' END));
    t.search_path := COALESCE(t.search_path, search_path);
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    RETURN tally_internal._bounded_threshold(t, m);
END $$;
COMMENT ON FUNCTION tally_internal._draft_threshold(text, jsonb, regrole, text) IS
'A threshold as it is stored, or as it would be with changes. If none of that name is stored, it is made of the changes alone, for that role. Stores '
    'nothing.';
