-- Owns: what a threshold may say: defaults, bounds of each argument, the rule that follows from them.

CREATE OR REPLACE FUNCTION tally_internal._with_defaults(t tally.thresholds) RETURNS tally.thresholds
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- NULL asks for the default, as leaving the argument out does.
    t.for_ := COALESCE(t.for_, '0');
    t.keep_firing_for := COALESCE(t.keep_firing_for, '0');
    t.per := COALESCE(t.per, '{}');
    t.filter := COALESCE(t.filter, '{}');
    t.no_data := COALESCE(t.no_data, 'keep_last');
    t.on_error := COALESCE(t.on_error, 'keep_last');
    t.partial_ok := COALESCE(t.partial_ok, false);
    t.every := COALESCE(t.every, '1 minute');
    t.severity := COALESCE(t.severity, 'warning');
    t.suggested_actions := COALESCE(t.suggested_actions, '[]');
    t.auto_resolve := COALESCE(t.auto_resolve, false);
    t.reopen_within := COALESCE(t.reopen_within, '0');
    t.enabled := COALESCE(t.enabled, true);
    RETURN t;
END $$;
COMMENT ON FUNCTION tally_internal._with_defaults(tally.thresholds) IS 'A threshold in the making, with defaults for what is NULL.';

CREATE OR REPLACE FUNCTION tally_internal._threshold_problem(t tally.thresholds, m tally.metrics) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE
        WHEN t.severity NOT IN ('info', 'warning', 'critical') THEN format('severity must be info, warning or critical, got %L', t.severity)
        WHEN t.no_data NOT IN ('keep_last', 'breach', 'ok') THEN format('no_data must be keep_last, breach or ok, got %L', t.no_data)
        WHEN t.on_error NOT IN ('keep_last', 'breach', 'ok') THEN format('on_error must be keep_last, breach or ok, got %L', t.on_error)
        WHEN tally_internal._no_length(t.for_, '0', '10 years') THEN format('"for" must be from 0 to 10 years, got %s', t.for_)
        WHEN tally_internal._no_length(t.keep_firing_for, '0', '10 years') THEN format('keep_firing_for must be from 0 to 10 years, got %s', t.keep_firing_for)
        WHEN tally_internal._no_length(t.reopen_within, '0', '10 years') THEN format('reopen_within must be from 0 to 10 years, got %s', t.reopen_within)
        WHEN tally_internal._no_length(t.every, '1 second', '366 days', false) THEN
            format('every must be from 1 second to 366 days, without months, got %s', t.every)
        WHEN t.over IS NOT NULL AND tally_internal._no_length(t.over, '1 second', '10 years') THEN
            format('over must be from 1 second to 10 years, got %s', t.over)
        WHEN t.response_target IS NOT NULL AND tally_internal._no_length(t.response_target, '1 second', '10 years') THEN
            format('response_target must be from 1 second to 10 years, got %s', t.response_target)
        WHEN cardinality(t.escalation) > 10 OR array_ndims(t.escalation) > 1 OR array_position(t.escalation, NULL) IS NOT NULL
            OR EXISTS (SELECT FROM unnest(t.escalation) e WHERE tally_internal._no_length(e, '1 second', '10 years')) THEN
            format('escalation must list up to 10 lengths from 1 second to 10 years, got %s', t.escalation)
        WHEN t.escalation IS NOT NULL AND t.response_target IS NULL AND t.severity <> 'critical' THEN
            'escalation needs a response_target, after which its first level comes'
        WHEN t.min_samples NOT BETWEEN 0 AND 1e15 THEN format('min_samples must be from 0 to 1e15, got %s', t.min_samples)
        WHEN GREATEST(octet_length(t.condition), octet_length(t.recovery_condition)) > 1000 THEN 'a condition takes 1000 bytes at most'
        WHEN octet_length(t.query) > 100000 THEN format('query takes 100000 bytes at most, got %s', octet_length(t.query))
        WHEN GREATEST(octet_length(t.runbook), octet_length(t.impact), octet_length(t.area), octet_length(t.responsible), octet_length(t.description),
                      octet_length(t.suggested_actions::text)) > 20000 THEN
            'runbook, impact, area, owner, description and suggested_actions take 20000 bytes each at most'
        WHEN jsonb_typeof(t.suggested_actions) <> 'array' THEN format('suggested_actions must be a list, got %s', t.suggested_actions)
        WHEN EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(t.suggested_actions) WHEN 'array' THEN t.suggested_actions ELSE '[]' END) a
                      WHERE NOT (jsonb_typeof(a) = 'string' OR (jsonb_typeof(a) = 'object' AND jsonb_typeof(a -> 'do') = 'string'))) THEN
            format('suggested_actions must be texts or objects with "do", got %s', t.suggested_actions)
        WHEN EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(t.suggested_actions) WHEN 'array' THEN t.suggested_actions ELSE '[]' END) a
                      WHERE COALESCE(jsonb_typeof(a -> 'above'), 'number') <> 'number' OR COALESCE(jsonb_typeof(a -> 'below'), 'number') <> 'number'
                         OR COALESCE(jsonb_typeof(a -> 'where'), 'object') <> 'object') THEN
            format('"above" and "below" of suggested_actions must be numbers and "where" an object, got %s', t.suggested_actions)
        WHEN t.min_samples IS NOT NULL AND m.id IS NOT NULL AND m.samples IS NULL THEN
            format('min_samples needs a measure that counts observations, and metric %L has none', m.name)
        END;
END $$;
COMMENT ON FUNCTION tally_internal._threshold_problem(tally.thresholds, tally.metrics) IS
'What is wrong with lengths, choices and actions of a threshold in the making, in words; null where nothing is.';

CREATE OR REPLACE FUNCTION tally_internal._check_lengths(t tally.thresholds, r tally.rollups, again text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
BEGIN
    -- A window before may be shorter than a bucket, and is one then. One so long ago would hold the tested bucket itself.
    FOR item IN SELECT x.words, x.length, r.bucket * GREATEST(1, round(extract(epoch FROM x.length) / extract(epoch FROM r.bucket)))::float8 AS fits
                  FROM (SELECT 'over' AS words, t.over AS length, true AS widened
                        UNION ALL SELECT 'condition', COALESCE(w ->> 'by', w ->> 'length')::interval, w ->> 'kind' = 'before'
                          FROM jsonb_array_elements(t.windows) w WHERE w ->> 'kind' IN ('shift', 'before')) x
                 WHERE x.length IS NOT NULL AND NOT (x.widened AND x.length <= r.bucket)
                   AND NOT tally_internal._whole_buckets(tally_internal._bucket_rule_of(r), x.length) LIMIT 1 LOOP
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('%s of threshold %L must be made up of whole buckets of rollup %L (%s in %s), got %s', item.words, t.name, r.name, r.bucket, r.zone,
                   item.length),
            'Buckets are merged, never split. 30 days are no month, and 24 hours are no day where clocks change.',
            CASE item.words WHEN 'over' THEN again || format(', over => %L);', item.fits)
                 -- A condition says no months. A rate compares with the bucket before.
                 ELSE format('SELECT tally.parse_condition(%L);', CASE WHEN r.bucket = date_trunc('month', r.bucket) THEN '> 5 per 1 hour'
                                                                       ELSE '> 1.5 x baseline of ' || item.fits END) END);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._check_lengths(tally.thresholds, tally.rollups, text) IS
'An error where a window that a threshold tests, or compares with, would split buckets; again is the statement to run instead, but for its end.';

CREATE OR REPLACE FUNCTION tally_internal._bounded_threshold(t tally.thresholds, m tally.metrics) RETURNS tally.thresholds
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r        tally.rollups;
    ratio    tally.ratios := tally_internal._watched_ratio(tally_internal._with_defaults(t));
    again    text := format('SELECT tally.create_threshold(%L, %s, %L', t.name,
                            COALESCE(quote_literal(m.name), quote_literal((SELECT p.name FROM tally.probes p WHERE p.id = t.probe_id)),
                                     quote_literal(tally_internal._called(ratio)),
                                     format('query => %L', t.query)), t.condition);
    needs    text;
    problem  text;
    recovery jsonb;
BEGIN
    t := tally_internal._with_defaults(t);
    PERFORM tally_internal._check_name(t.name, 'threshold');
    IF num_nonnulls(t.metric_id, t.probe_id, t.query) <> 1 OR t.name IS NULL OR t.condition IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('threshold %L needs a name, a condition, and either a metric or a query', t.name),
            format('Got metric %s, query %s, condition %s.', COALESCE(quote_literal(m.name), 'NULL'), COALESCE(quote_literal(t.query), 'NULL'),
                   COALESCE(quote_literal(t.condition), 'NULL')),
            format('SELECT tally.create_threshold(%L, metric => ''p95_latency_ms'', condition => ''> 2500'');', COALESCE(t.name, 'slow turns')));
    END IF;
    t.rule := jsonb_strip_nulls(jsonb_build_object('condition', tally.parse_condition(t.condition), 'recovery', tally.parse_condition(t.recovery_condition),
        'for', extract(epoch FROM t.for_), 'keep_firing_for', extract(epoch FROM t.keep_firing_for), 'min_samples', t.min_samples, 'no_data', t.no_data,
            'on_error', t.on_error));
    t.windows := tally.condition_windows(t.rule -> 'condition');
    recovery := t.rule -> 'recovery';
    IF recovery ->> 'kind' <> 'compare' THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('recovery_condition of threshold %L must be a comparison with a number, got %L', t.name,
                                                              t.recovery_condition), NULL,
            again || ', recovery_condition => ''< 2000'');');
    END IF;
    problem := tally_internal._threshold_problem(t, m);
    IF problem IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('threshold %L: %s', t.name, problem), 'docs/alerting.md lists every option.',
            CASE WHEN t.min_samples IS NOT NULL AND m.samples IS NULL AND m.id IS NOT NULL
                 THEN format('SELECT tally.create_metric(%L, …, samples => ''<measure>'');', m.name) ELSE again || ');' END);
    END IF;
    IF t.severity = 'critical' THEN
        needs := concat_ws(' and ', CASE WHEN t.responsible IS NULL THEN 'owner' END, CASE WHEN t.runbook IS NULL THEN 'runbook' END);
        IF needs <> '' THEN
            PERFORM tally_internal._refuse('null_value_not_allowed', format('threshold %L is critical and so needs %s', t.name, needs),
                'Decide now whom it wakes and what that person does first.',
                again || format(', severity => ''critical'', owner => %L, runbook => %L);', COALESCE(t.responsible, 'on-call'),
                                COALESCE(t.runbook, 'https://…')));
        END IF;
        t.response_target := COALESCE(t.response_target, '15 minutes');
    END IF;
    IF m.id IS NOT NULL THEN
        SELECT * INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
        PERFORM tally_internal._check_dimensions(r, t.per, 'per'), tally_internal._where_sql(r, t.filter);
        -- As buckets, not as intervals: 24 hours are not a day of New York.
        IF t.over < r.bucket AND COALESCE(tally_internal._bucket_is_finer(tally_internal._bucket_rule_or_null(t.over, r.zone, NULL),
                                                                          tally_internal._bucket_rule_of(r)), true) THEN
            RAISE NOTICE USING MESSAGE = format('over widened from %s to %s: rollup %L keeps nothing finer', t.over, r.bucket, r.name);
            t.over := NULL;
        END IF;
        PERFORM tally_internal._check_lengths(t, r, again);
    ELSIF ratio.id IS NOT NULL THEN
        IF t.windows <> '[]' OR t.over IS NOT NULL OR t.min_samples IS NOT NULL THEN
            PERFORM tally_internal._refuse('feature_not_supported',
                format('threshold %L watches a ratio, which takes a comparison only, and neither over nor min_samples', t.name),
                format('It is %s, in the last finished bucket.', tally_internal._ratio_words(ratio)),
                format('SELECT tally.create_threshold(%L, metric => %L, condition => ''> 0.5'');', t.name, tally_internal._called(ratio)));
        END IF;
    ELSIF t.windows <> '[]' OR t.filter <> '{}' OR t.per <> '{}' OR t.over IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported',
                              format('threshold %L watches a query or probe, which takes a comparison only, and no per, where or over', t.name),
            'The columns of the query other than value and samples are its labels; history is what rollups have.',
                format('SELECT tally.create_threshold(%L, query => %L, condition => ''> 120'');', t.name, COALESCE(t.query, '…')));
    END IF;
    RETURN t;
END $$;
COMMENT ON FUNCTION tally_internal._bounded_threshold(tally.thresholds, tally.metrics) IS
'Checks a threshold in the making and fills in rule, windows and defaults; errors say what is accepted.';

CREATE OR REPLACE FUNCTION tally_internal._check_threshold(t tally.thresholds, m tally.metrics) RETURNS tally.thresholds
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    live regclass := (SELECT r.live_view FROM tally.rollups r WHERE r.id = m.rollup_id);
BEGIN
    t := tally_internal._bounded_threshold(t, m);
    -- It is checked now, so that it does not first fail at a tick.
    PERFORM tally_internal._refuse_merged_windows(t, m, r, w.since, w.until)
       FROM tally.rollups r, tally_internal._tested_window(t, r, now()) w WHERE r.id = m.rollup_id AND r.lookback IS NOT NULL;
    IF NOT has_table_privilege(live, 'SELECT') THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('threshold %L reads %s, which %I may not', t.name, live, current_user),
            'A threshold is evaluated with the rights of the role that made it.', format('GRANT SELECT ON %s TO %I;', live, current_user));
    END IF;
    PERFORM tally_internal._check_ratio_threshold(t);
    IF t.query IS NOT NULL THEN
        PERFORM tally_internal._check_query(t.query, t.search_path, format('threshold %L', t.name));
    END IF;
    RETURN t;
END $$;
COMMENT ON FUNCTION tally_internal._check_threshold(tally.thresholds, tally.metrics) IS
'A threshold in the making, bounded; an error where the current role may not read what it watches, or its query cannot run.';
