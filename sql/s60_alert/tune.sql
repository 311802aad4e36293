-- Owns: what an editor does with thresholds that belong to another role, which let him in by grant_access(): to see and to change how they judge. What runs
-- as SQL with the rights of their owner (what is watched, by which dimensions, from which rows) stays the owner's.

CREATE OR REPLACE FUNCTION tally_internal._tunable() RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '{area,auto_resolve,condition,description,enabled,escalation,for,impact,keep_firing_for,min_samples,no_data,on_error,owner,recovery_condition,'
           'reopen_within,response_target,runbook,severity,suggested_actions}'::text[]
$$;
COMMENT ON FUNCTION tally_internal._tunable() IS 'The arguments of create_threshold() that an editor may change: none of them is SQL.';

CREATE OR REPLACE FUNCTION tally.tunable_thresholds(who bigint DEFAULT tally_internal._me())
    RETURNS TABLE (name text, belongs_to text, settings jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    RETURN QUERY SELECT tally_internal._with_schema(t.schema, t.name), t.owner::text,
        (SELECT jsonb_object_agg(a.key, a.value) FROM jsonb_each(tally_internal._threshold_arguments(t)) a WHERE a.key = ANY (tally_internal._tunable()))
      FROM tally.thresholds t WHERE tally_internal._handles(caller, t.owner, t.schema) ORDER BY 1;
END $$;
COMMENT ON FUNCTION tally.tunable_thresholds(bigint) IS
'The thresholds that you may change by tune_threshold(): your own, and those of roles that let you in as editor, with the settings that you may change.';

CREATE OR REPLACE FUNCTION tally_internal._tuned(t tally.thresholds, changes jsonb, again text) RETURNS tally.thresholds
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
BEGIN
    IF jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('changes must be an object, got %s', left(COALESCE(changes::text, 'NULL'), 100)),
            'It holds arguments of create_threshold() by their names.', again);
    END IF;
    -- Not the role that owns it, but who answers.
    RETURN jsonb_populate_record(t, (changes - '{for,owner}'::text[])
        || CASE WHEN changes ? 'for' THEN jsonb_build_object('for_', changes -> 'for') ELSE '{}' END
        || CASE WHEN changes ? 'owner' THEN jsonb_build_object('responsible', changes -> 'owner') ELSE '{}' END);
EXCEPTION WHEN invalid_text_representation OR invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow OR numeric_value_out_of_range THEN
    PERFORM tally_internal._refuse(SQLSTATE, format('threshold %L: %s', t.name, SQLERRM), format('Got changes %s.', left(changes::text, 1000)), again);
END $$;
COMMENT ON FUNCTION tally_internal._tuned(tally.thresholds, jsonb, text) IS 'A threshold with some of its settings changed, not checked yet.';

CREATE OR REPLACE FUNCTION tally.tune_threshold(name text, changes jsonb, by text DEFAULT NULL, who bigint DEFAULT tally_internal._me()) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' SET tally.person = '' AS $$
#variable_conflict use_variable
DECLARE
    caller  regrole := tally_internal._caller(who);
    again   text := format('SELECT tally.tune_threshold(%L, ''{"condition": "> 3000", "for": "15 minutes"}'');', name);
    found_  int[] := ARRAY(SELECT x.id FROM tally.thresholds x WHERE tally_internal._handles(caller, x.owner, x.schema) AND EXISTS (
                             SELECT FROM tally_internal._readings(name) w WHERE w.name = x.name AND x.schema = COALESCE(w.schema, x.schema)));
    other   text;
    t       tally.thresholds;
    m       tally.metrics;
BEGIN
    PERFORM tally_internal._check_person(by, again);
    IF cardinality(found_) <> 1 THEN
        PERFORM tally_internal._refuse('undefined_object', format('threshold %L must be one that role %s may change, and there are %s', name, caller,
                                                                  cardinality(found_)),
            'An editor changes the thresholds of roles that let him in.', 'SELECT name, belongs_to FROM tally.tunable_thresholds();');
    END IF;
    IF jsonb_typeof(changes) = 'object' THEN
        SELECT string_agg(quote_literal(k), ', ' ORDER BY k) INTO other FROM jsonb_object_keys(changes) k WHERE k <> ALL (tally_internal._tunable());
    END IF;
    IF other IS NOT NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('an editor may not change %s of threshold %L', other, name),
            format('These run with the rights of its owner. An editor may change %s.', array_to_string(tally_internal._tunable(), ', ')), again);
    END IF;
    SELECT * INTO t FROM tally.thresholds x WHERE x.id = found_[1] FOR UPDATE;
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    -- What is watched is not looked for by its name: names are read along the caller's search_path.
    t := tally_internal._bounded_threshold(tally_internal._tuned(t, changes, again), m);
    PERFORM tally_internal._refuse_merged_windows(t, m, r, w.since, w.until)
       FROM tally.rollups r, tally_internal._tested_window(t, r, now()) w WHERE r.id = m.rollup_id AND r.lookback IS NOT NULL;
    PERFORM set_config('tally.person', COALESCE(by, ''), true);
    UPDATE tally.thresholds x SET (condition, recovery_condition, for_, keep_firing_for, min_samples, no_data, on_error, severity, responsible, runbook,
                                   response_target, escalation, suggested_actions, area, impact, auto_resolve, reopen_within, enabled, description,
                                   rule, windows, updated_at)
         = (t.condition, t.recovery_condition, t.for_, t.keep_firing_for, t.min_samples, t.no_data, t.on_error, t.severity, t.responsible, t.runbook,
            t.response_target, t.escalation, t.suggested_actions, t.area, t.impact, t.auto_resolve, t.reopen_within, t.enabled, t.description,
            t.rule, t.windows, now())
     WHERE x.id = t.id;
    RETURN (SELECT jsonb_object_agg(a.key, a.value) FROM jsonb_each(tally_internal._threshold_arguments(t)) a WHERE changes ? a.key);
END $$;
COMMENT ON FUNCTION tally.tune_threshold(text, jsonb, text, bigint) IS
'Changes how a threshold judges: {"condition": "> 3000", "for": "15 minutes"}, by the names of create_threshold(); null puts one back to its default. For its '
'owner and for editors whom he lets in (grant_access()). What is watched stays the owner''s. by names the person if the role is an application''s; the audit '
'has both. Gives the new values.';
