-- Owns: alter_threshold, and the draft of a threshold: what it would be with some arguments changed, tried by replay() and
-- test_threshold() before it is stored.

CREATE OR REPLACE FUNCTION tally_internal._threshold_arguments(t tally.thresholds) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
    SELECT jsonb_build_object('metric', COALESCE((SELECT m.name FROM tally.metrics m WHERE m.id = t.metric_id), (SELECT p.name FROM tally.probes p
                                                                                                                  WHERE p.id = t.probe_id)),
        'query', t.query, 'condition', t.condition, 'for', t.for_, 'per', to_jsonb(t.per), 'where', t.filter, 'severity', t.severity,
        'owner', t.responsible, 'runbook', t.runbook, 'response_target', t.response_target, 'suggested_actions', t.suggested_actions,
        'recovery_condition', t.recovery_condition, 'keep_firing_for', t.keep_firing_for, 'min_samples', t.min_samples, 'no_data', t.no_data,
        'on_error', t.on_error, 'over', t.over, 'partial_ok', t.partial_ok, 'every', t.every, 'auto_resolve', t.auto_resolve,
        'reopen_within', t.reopen_within, 'area', t.area, 'impact', t.impact, 'enabled', t.enabled, 'description', t.description,
        'search_path', t.search_path)
$$;
COMMENT ON FUNCTION tally_internal._threshold_arguments(tally.thresholds) IS 'A threshold as the arguments of create_threshold(), by their names.';

CREATE OR REPLACE FUNCTION tally_internal._changed_arguments(base jsonb, changes jsonb, label text, again text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
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
    RETURN base || CASE WHEN changes ? 'metric' THEN '{"query": null}'::jsonb WHEN changes ? 'query' THEN '{"metric": null}' ELSE '{}' END || changes;
END $$;
COMMENT ON FUNCTION tally_internal._changed_arguments(jsonb, jsonb, text, text) IS
'Arguments of a threshold with some changed; an error where one has no such name. again is the statement that the error proposes.';

CREATE OR REPLACE FUNCTION tally.alter_threshold(name text, changes jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    again text := format('SELECT tally.alter_threshold(%L, ''{"condition": "> 3000", "for": "15 minutes"}'');', name);
    a     jsonb := tally_internal._changed_arguments(tally_internal._threshold_arguments(tally_internal._threshold(name)), changes, name, again);
BEGIN
    RETURN tally.create_threshold(name, a ->> 'metric', a ->> 'condition', (a ->> 'for')::interval,
        CASE jsonb_typeof(a -> 'per') WHEN 'array' THEN ARRAY(SELECT p FROM jsonb_array_elements_text(a -> 'per') p) ELSE (a ->> 'per')::text[] END,
        NULLIF(a -> 'where', 'null'), a ->> 'severity', a ->> 'owner', a ->> 'runbook', (a ->> 'response_target')::interval,
        NULLIF(a -> 'suggested_actions', 'null'), a ->> 'recovery_condition', (a ->> 'keep_firing_for')::interval, (a ->> 'min_samples')::float8,
        a ->> 'no_data', a ->> 'on_error', (a ->> 'over')::interval, (a ->> 'partial_ok')::boolean, (a ->> 'every')::interval,
        (a ->> 'auto_resolve')::boolean, (a ->> 'reopen_within')::interval, a ->> 'area', a ->> 'impact', a ->> 'query', (a ->> 'enabled')::boolean,
        a ->> 'description', a ->> 'search_path');
EXCEPTION WHEN invalid_text_representation OR invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow OR numeric_value_out_of_range THEN
    PERFORM tally_internal._refuse(SQLSTATE, format('threshold %L: %s', name, SQLERRM), format('Got changes %s.', left(changes::text, 1000)), again);
END $$;
COMMENT ON FUNCTION tally.alter_threshold(text, jsonb) IS
'Changes some arguments of a threshold and leaves the others: {"condition": "> 3000", "for": "15 minutes"}, named as create_threshold() names them; null puts '
    'one back to its default. Alert states go on. Try it first: tally.replay(name, changes => …).';

CREATE OR REPLACE FUNCTION tally_internal._draft_threshold(threshold text, changes jsonb, role regrole, search_path text) RETURNS tally.thresholds
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    t     tally.thresholds;
    again text := format('SELECT * FROM tally.replay(%L, changes => ''{"condition": "> 3000"}'');', threshold);
    a     jsonb;
    m     tally.metrics;
BEGIN
    IF changes IS NULL OR EXISTS (SELECT FROM tally.thresholds x WHERE x.name = threshold) THEN
        t := tally_internal._threshold(threshold, role);
        IF changes IS NULL THEN RETURN t; END IF;
        a := tally_internal._changed_arguments(tally_internal._threshold_arguments(t), changes, threshold, again);
    ELSE
        again := format('SELECT * FROM tally.replay(%L, changes => ''{"metric": "p95_latency_ms", "condition": "> 2500"}'');', threshold);
        a := tally_internal._changed_arguments(tally_internal._threshold_arguments(t), changes, threshold, again);
        t.name := threshold;
        t.owner := role;
        a := a || jsonb_build_object('search_path', COALESCE(a ->> 'search_path', search_path));
    END IF;
    t := jsonb_populate_record(t, (a - '{metric,for,where,owner}'::text[]) || jsonb_build_object('for_', a -> 'for', 'filter', a -> 'where',
                                                                                                'responsible', a -> 'owner'));
    SELECT p.id INTO t.probe_id FROM tally.probes p WHERE p.name = a ->> 'metric';
    IF t.probe_id IS NULL AND a ->> 'metric' IS NOT NULL THEN m := tally_internal._metric(a ->> 'metric'); END IF;
    t.metric_id := m.id;
    RETURN tally_internal._bounded_threshold(t, m);
EXCEPTION WHEN invalid_text_representation OR invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow OR numeric_value_out_of_range THEN
    PERFORM tally_internal._refuse(SQLSTATE, format('threshold %L: %s', threshold, SQLERRM), format('Got changes %s.', left(changes::text, 1000)), again);
END $$;
COMMENT ON FUNCTION tally_internal._draft_threshold(text, jsonb, regrole, text) IS
'A threshold as it is stored, or as it would be with changes. If none of that name is stored, it is made of the changes alone, for that role. Stores '
    'nothing.';
