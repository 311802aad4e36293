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
    escalation         interval[] DEFAULT NULL,
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
        'description', description, 'escalation', to_jsonb(escalation), 'search_path', search_path);
BEGIN
    RETURN tally_internal._define_threshold(tally_internal._threshold_of(NULL, name, arguments));
END $$;
COMMENT ON FUNCTION tally.create_threshold(text, text, text, interval, text[], jsonb, text, text, text, interval, jsonb, text, interval, float8, text, text,
                                           interval, boolean, interval, boolean, interval, text, text, text, boolean, text, interval[], text) IS
'Defines a threshold: what to watch (metric, ratio or probe by name, or query), condition, for, per (dimensions: one alert per values), where (scope), '
    'severity, owner (who answers), runbook, response_target, escalation, suggested_actions, and how it recovers: see docs/alerting.md for every option. If '
    'you define it again with changes, the new definition replaces the old one, a notice says what changed, and alert states are kept.';

CREATE OR REPLACE FUNCTION tally_internal._threshold_of(base tally.thresholds, name text, arguments jsonb) RETURNS tally.thresholds
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
#variable_conflict use_variable
DECLARE
    t     tally.thresholds;
    ratio tally.ratios;
BEGIN
    t := jsonb_populate_record(base, (arguments - '{metric,for,where,owner}'::text[]) || jsonb_build_object('name', name,
        'for_', arguments -> 'for', 'filter', arguments -> 'where', 'responsible', arguments -> 'owner'));
    t.probe_id := (tally_internal._find_probe(arguments ->> 'metric')).id;
    t.metric_id := NULL;
    IF t.probe_id IS NOT NULL OR arguments ->> 'metric' IS NULL THEN RETURN t; END IF;
    ratio := tally_internal._find_ratio(arguments ->> 'metric');
    IF ratio.id IS NULL THEN
        t.metric_id := (tally_internal._metric(arguments ->> 'metric')).id;
    ELSIF t.query IS NULL THEN
        t.query := tally_internal._ratio_query(ratio.id, t.per, t.filter, t.partial_ok);
    ELSE
        PERFORM tally_internal._refuse('invalid_parameter_value', format('threshold %L needs either a metric or a query, got both', name),
            format('Got metric %L, query %L.', arguments ->> 'metric', t.query),
            format('SELECT tally.create_threshold(%L, metric => %L, condition => %L);', name, tally_internal._called(ratio), COALESCE(t.condition, '> 0.5')));
    END IF;
    RETURN t;
END $$;
COMMENT ON FUNCTION tally_internal._threshold_of(tally.thresholds, text, jsonb) IS
'A threshold of that name, of the arguments of create_threshold() by their names; what they do not say (owner, number) is as in base.';

CREATE OR REPLACE FUNCTION tally_internal._threshold_schema(t tally.thresholds) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE((SELECT tally_internal._schema_of(r.relation) FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id WHERE m.id = t.metric_id),
                    (SELECT p.schema FROM tally.probes p WHERE p.id = t.probe_id),
                    tally_internal._schema_of((tally_internal._ratio_rollups(tally_internal._watched_ratio(t)))[1].relation),
                    tally_internal._home(t.search_path, tally_internal._current_role()))
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
'Turns the evaluation of a threshold on, or off with enabled => false. The rest of its definition stays.';
