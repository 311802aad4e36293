-- Owns: create_threshold, drop_threshold, enable_threshold, and finding a threshold by its name.

CREATE OR REPLACE FUNCTION tally.create_threshold(
    name               text,
    metric             text DEFAULT NULL,
    condition          text DEFAULT NULL,
    "for"              interval DEFAULT '0',
    per                text[] DEFAULT '{}',
    "where"            jsonb DEFAULT '{}',
    severity           text DEFAULT 'warning',
    owner              text DEFAULT NULL,
    runbook            text DEFAULT NULL,
    response_target    interval DEFAULT NULL,
    suggested_actions  jsonb DEFAULT '[]',
    recovery_condition text DEFAULT NULL,
    keep_firing_for    interval DEFAULT '0',
    min_samples        float8 DEFAULT NULL,
    no_data            text DEFAULT 'keep_last',
    on_error           text DEFAULT 'keep_last',
    over               interval DEFAULT NULL,
    partial_ok         boolean DEFAULT false,
    every              interval DEFAULT '1 minute',
    auto_resolve       boolean DEFAULT false,
    reopen_within      interval DEFAULT '0',
    area               text DEFAULT NULL,
    impact             text DEFAULT NULL,
    query              text DEFAULT NULL,
    enabled            boolean DEFAULT true,
    description        text DEFAULT NULL,
    search_path        text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    arguments jsonb := jsonb_build_object(
        'metric', metric, 'query', query, 'condition', condition, 'for', "for", 'per', to_jsonb(per), 'where', "where", 'severity', severity, 'owner', owner,
        'runbook', runbook, 'response_target', response_target, 'suggested_actions', suggested_actions, 'recovery_condition', recovery_condition,
        'keep_firing_for', keep_firing_for, 'min_samples', min_samples, 'no_data', no_data, 'on_error', on_error, 'over', over, 'partial_ok', partial_ok,
        'every', every, 'auto_resolve', auto_resolve, 'reopen_within', reopen_within, 'area', area, 'impact', impact, 'enabled', enabled,
        'description', description, 'search_path', search_path);
BEGIN
    RETURN tally_internal._define_threshold(tally_internal._threshold_of(NULL, name, arguments));
END $$;
COMMENT ON FUNCTION tally.create_threshold(text, text, text, interval, text[], jsonb, text, text, text, interval, jsonb, text, interval, float8, text, text,
                                           interval, boolean, interval, boolean, interval, text, text, text, boolean, text, text) IS
'Defines a threshold: what to watch (metric or probe by name, or query), condition, for, per (dimensions: one alert per values), where (scope), severity, '
    'owner (who answers), runbook, response_target, suggested_actions, and how it recovers: see docs/alerting.md for every option. Again with changes it '
    'replaces the definition, says what changed, and keeps alert states.';

CREATE OR REPLACE FUNCTION tally_internal._threshold_of(base tally.thresholds, name text, arguments jsonb) RETURNS tally.thresholds
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
#variable_conflict use_variable
DECLARE
    t tally.thresholds;
BEGIN
    t := jsonb_populate_record(base, (arguments - '{metric,for,where,owner}'::text[]) || jsonb_build_object('name', name,
        'for_', arguments -> 'for', 'filter', arguments -> 'where', 'responsible', arguments -> 'owner'));
    t.probe_id := (tally_internal._find_probe(arguments ->> 'metric')).id;
    t.metric_id := NULL;
    IF t.probe_id IS NULL AND arguments ->> 'metric' IS NOT NULL THEN t.metric_id := (tally_internal._metric(arguments ->> 'metric')).id; END IF;
    RETURN t;
END $$;
COMMENT ON FUNCTION tally_internal._threshold_of(tally.thresholds, text, jsonb) IS
'A threshold of that name, of the arguments of create_threshold() by their names; what they do not say (owner, number) is as in base.';

CREATE OR REPLACE FUNCTION tally_internal._threshold_schema(t tally.thresholds) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE((SELECT tally_internal._schema_of(r.relation) FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id WHERE m.id = t.metric_id),
                    (SELECT p.schema FROM tally.probes p WHERE p.id = t.probe_id), tally_internal._home(t.search_path))
$$;
COMMENT ON FUNCTION tally_internal._threshold_schema(tally.thresholds) IS 'The schema that the name of a new threshold is of.';

CREATE OR REPLACE FUNCTION tally_internal._find_threshold(name text, role regrole DEFAULT tally_internal._current_role()) RETURNS tally.thresholds
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A function with the engine's rights sees all thresholds. Those of the calling role come first, and only they are named as choices.
    WITH named AS MATERIALIZED (
        SELECT x.id, x.schema, x.name, tally_internal._has_rights(role, x.owner) AS mine
          FROM tally.thresholds x WHERE x.name IN (SELECT w.name FROM tally_internal._readings($1) w)
    )
    SELECT t.* FROM tally.thresholds t WHERE t.id = COALESCE(
        (SELECT tally_internal._choose('threshold', $1, array_agg(n.id), array_agg(n.schema), array_agg(n.name)) FROM named n WHERE n.mine),
        (SELECT n.id FROM named n JOIN tally_internal._readings($1) w ON w.name = n.name AND n.schema = COALESCE(w.schema, n.schema)
          WHERE NOT n.mine ORDER BY n.id LIMIT 1))
$$;
COMMENT ON FUNCTION tally_internal._find_threshold(text, regrole) IS 'The threshold of a name, first among those of a role, where there is one.';

CREATE OR REPLACE FUNCTION tally_internal._called(t tally.thresholds) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._called_by(t.schema, t.name, EXISTS (SELECT FROM tally.thresholds x WHERE x.name = t.name AND x.id <> t.id))
$$;
COMMENT ON FUNCTION tally_internal._called(tally.thresholds) IS
'The name by which a threshold is found from everywhere: with its schema where the bare name is not clear.';

CREATE OR REPLACE FUNCTION tally_internal._define_threshold(t tally.thresholds) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old     tally.thresholds;
    m       tally.metrics;
    changes text;
BEGIN
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    t := tally_internal._check_threshold(t, m);
    t.schema := COALESCE(t.schema, tally_internal._threshold_schema(t));
    SELECT * INTO old FROM tally.thresholds x WHERE x.schema = t.schema AND x.name = t.name;
    IF old.id IS NULL THEN
        PERFORM tally_internal._store_threshold(t);
        RETURN t.name;
    END IF;
    t.id := old.id;
    t.owner := old.owner;
    t.created_at := old.created_at;
    t.updated_at := now();
    SELECT string_agg(format('%s: %s to %s', o.key, o.value, n.value), '; ' ORDER BY o.key) INTO changes
      FROM jsonb_each(to_jsonb(old) - ARRAY['updated_at', 'rule', 'windows', 'search_path']) o JOIN jsonb_each(to_jsonb(t)) n ON n.key = o.key
     WHERE o.value IS DISTINCT FROM n.value;
    IF changes IS NULL THEN
        PERFORM tally_internal._note_unchanged(format('threshold %L', t.name));
        RETURN t.name;
    END IF;
    PERFORM tally_internal._store_threshold(t);
    RAISE NOTICE USING MESSAGE = format('threshold %L changed', t.name), DETAIL = changes,
        HINT = 'Alerts that are pending or firing go on under the new rule from the next tick.';
    RETURN t.name;
END $$;
COMMENT ON FUNCTION tally_internal._define_threshold(tally.thresholds) IS 'Checks and stores a threshold, new or changed, and says what changed.';

CREATE OR REPLACE FUNCTION tally_internal._bounded_threshold(t tally.thresholds, m tally.metrics) RETURNS tally.thresholds
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r        tally.rollups;
    again    text := format('SELECT tally.create_threshold(%L, %s, %L', t.name,
                            COALESCE(quote_literal(m.name), quote_literal((SELECT p.name FROM tally.probes p WHERE p.id = t.probe_id)),
                                     format('query => %L', t.query)), t.condition);
    needs    text;
    problem  text;
    recovery jsonb;
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
    problem := CASE
        WHEN t.severity NOT IN ('info', 'warning', 'critical') THEN format('severity must be info, warning or critical, got %L', t.severity)
        WHEN t.no_data NOT IN ('keep_last', 'breach', 'ok') THEN format('no_data must be keep_last, breach or ok, got %L', t.no_data)
        WHEN t.on_error NOT IN ('keep_last', 'breach', 'ok') THEN format('on_error must be keep_last, breach or ok, got %L', t.on_error)
        WHEN tally_internal._no_length(t.for_, '0', '10 years') THEN format('"for" must be from 0 to 10 years, got %s', t.for_)
        WHEN tally_internal._no_length(t.keep_firing_for, '0', '10 years') THEN format('keep_firing_for must be from 0 to 10 years, got %s', t.keep_firing_for)
        WHEN tally_internal._no_length(t.reopen_within, '0', '10 years') THEN format('reopen_within must be from 0 to 10 years, got %s', t.reopen_within)
        WHEN tally_internal._no_length(t.every, '1 second', '366 days',
                                       false) THEN format('every must be from 1 second to 366 days, without months, got %s', t.every)
        WHEN t.over IS NOT NULL AND tally_internal._no_length(t.over, '1 second', '10 years') THEN format('over must be from 1 second to 10 years, got %s',
                t.over)
        WHEN t.response_target IS NOT NULL AND tally_internal._no_length(t.response_target, '1 second', '10 years') THEN
            format('response_target must be from 1 second to 10 years, got %s', t.response_target)
        WHEN t.min_samples NOT BETWEEN 0 AND 1e15 THEN format('min_samples must be from 0 to 1e15, got %s', t.min_samples)
        WHEN GREATEST(octet_length(t.condition), octet_length(t.recovery_condition)) > 1000 THEN 'a condition takes 1000 bytes at most'
        WHEN octet_length(t.query) > 100000 THEN format('query takes 100000 bytes at most, got %s', octet_length(t.query))
        WHEN GREATEST(octet_length(t.runbook), octet_length(t.impact), octet_length(t.area), octet_length(t.responsible), octet_length(t.description),
                      octet_length(t.suggested_actions::text)) > 20000 THEN 'runbook, impact, area, owner, description and suggested_actions take 20000 '
                          'bytes each at most'
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
    IF problem IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('threshold %L: %s', t.name, problem), 'docs/alerting.md lists every option.',
            CASE WHEN t.min_samples IS NOT NULL AND m.samples IS NULL AND m.id IS NOT NULL
                 THEN format('SELECT tally.create_metric(%L, …, samples => ''<measure>'');', m.name) ELSE again || ');' END);
    END IF;
    IF t.severity = 'critical' THEN
        needs := concat_ws(' and ', CASE WHEN t.responsible IS NULL THEN 'owner' END, CASE WHEN t.runbook IS NULL THEN 'runbook' END);
        IF needs <> '' THEN
            PERFORM tally_internal._refuse('null_value_not_allowed', format('threshold %L is critical and so needs %s', t.name, needs),
                'Say now whom it wakes and what that person does first, not at night.',
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
    IF t.query IS NOT NULL THEN
        PERFORM tally_internal._check_query(t.query, t.search_path, format('threshold %L', t.name));
    END IF;
    RETURN t;
END $$;
COMMENT ON FUNCTION tally_internal._check_threshold(tally.thresholds, tally.metrics) IS 'The same, and whether the current role may read what it watches.';

CREATE OR REPLACE FUNCTION tally_internal._threshold(name text, role regrole DEFAULT tally_internal._current_role()) RETURNS tally.thresholds
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.thresholds;
BEGIN
    found_ := tally_internal._find_threshold(name, role);
    IF found_.id IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('threshold %L does not exist', name),
            -- A function with the engine's rights sees all thresholds. The error names only those of the calling role.
            COALESCE('Thresholds most like it: ' || tally_internal._closest_names(name, (SELECT array_agg(x.name) FROM tally.thresholds x
                                                                                          WHERE tally_internal._has_rights(role, x.owner))) || '.',
                     'This role knows of no threshold yet.'),
            'SELECT name, condition FROM tally.thresholds ORDER BY name;');
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._threshold(text, regrole) IS 'The threshold of a name, or an error that lists near ones which are the role''s.';

CREATE OR REPLACE FUNCTION tally.drop_threshold(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t tally.thresholds := tally_internal._threshold(name);
BEGIN
    PERFORM tally_internal._forget_threshold(t.id);
END $$;
COMMENT ON FUNCTION tally.drop_threshold(text) IS 'Drops a threshold and its alert states. Its incidents and their timelines stay.';

CREATE OR REPLACE FUNCTION tally.enable_threshold(name text, enabled boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    t tally.thresholds := tally_internal._threshold(name);
BEGIN
    PERFORM tally_internal._store_enabled(t.id, enabled);
END $$;
COMMENT ON FUNCTION tally.enable_threshold(text, boolean) IS
'Has a threshold evaluated, or (enabled => false) left alone, without touching the rest of its definition.';
