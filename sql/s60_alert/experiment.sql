-- Owns: thresholds on experiments: a guardrail that got worse, a split that is not what it should be, the planned units reached. Each is a
-- threshold with a query like any other, so incidents, their life and their messages are those of the existing machine.

CREATE OR REPLACE FUNCTION tally.create_experiment_threshold(
    experiment        text,
    watch             text DEFAULT 'guardrail',
    metrics           text[] DEFAULT NULL,
    severity          text DEFAULT NULL,
    owner             text DEFAULT NULL,
    runbook           text DEFAULT NULL,
    suggested_actions jsonb DEFAULT NULL,
    every             interval DEFAULT '15 minutes',
    k                 int DEFAULT 10
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    e     tally.experiments := tally_internal._experiment(experiment);
    d     jsonb := e.definition;
    label text := format('%s: %s', e.name, COALESCE(watch, ''));
    again text := format('SELECT tally.create_experiment_threshold(%L, ''sample_ratio'');', tally_internal._called(e));
    -- In it the queries find the experiment by its name. It follows a schema that is renamed.
    path  text := quote_ident(e.schema);
    lever jsonb := jsonb_build_array(format('switch the arm to %s', d ->> 'control'))
        || COALESCE((SELECT jsonb_agg(DISTINCT format('set the parameter %s back to that of %s (%s)', p.key, d ->> 'control', p.value))
                       FROM jsonb_array_elements(d -> 'arms') a, jsonb_each(a -> 'parameters') p WHERE a ->> 'arm' = d ->> 'control'), '[]');
BEGIN
    -- By the names that the report has.
    metrics := CASE WHEN metrics IS NOT NULL THEN ARRAY(SELECT (tally_internal._experiment_cell(e, m)).metric FROM unnest(metrics) m) END;
    IF watch = 'guardrail' THEN
        -- The interval that holds at every look, because a threshold looks at every tick; p is adjusted for all metrics and arms. Over a control
        -- below 0 a lift of less than 0 is a rise.
        RETURN tally.create_threshold(label, query => format(
            'SELECT r.metric, r.arm, CASE WHEN r.sequential_p < %s AND ((r.lift < 0) <> (r.base < 0)) = (m.direction = ''up_is_good'') THEN abs(r.lift) '
                'ELSE 0 END AS value, r.units AS samples FROM (SELECT x.*, pg_catalog.first_value(x.value) OVER (PARTITION BY x.metric ORDER BY '
                'x.arm <> %5$L) AS base FROM tally.experiment_report(%2$L, :as_of, k => %3$s) x) r '
                'JOIN tally.experiment_cells c ON c.metric = r.metric '
                'JOIN tally.experiment_metrics m ON m.id = c.metric_id JOIN tally.experiments e ON e.id = c.experiment_id AND e.name = %2$L '
                'AND e.schema = ANY (pg_catalog.current_schemas(false)) WHERE r.lift IS NOT NULL%4$s', d ->> 'alpha', e.name,
            k, COALESCE(' AND r.metric = ANY (' || quote_literal(metrics) || ')', ''), d ->> 'control'), condition => '> 0',
            severity => COALESCE(severity, 'warning'), owner => owner, runbook => runbook,
            suggested_actions => COALESCE(suggested_actions, lever), every => every, search_path => path);
    ELSIF watch = 'sample_ratio' THEN
        RETURN tally.create_threshold(label, query => format('SELECT h.value FROM tally.experiment_health(%L, :as_of) h WHERE h."check" = ''sample_ratio''',
            e.name),
            condition => '< 0.001', severity => COALESCE(severity, 'warning'), owner => owner, runbook => runbook,
            suggested_actions => COALESCE(suggested_actions,
                '["find out who is exposed, and whether that is the same in every arm", "believe no number of this experiment"]'), every => every,
            search_path => path);
    ELSIF watch = 'planned_units' AND d ->> 'planned_units' IS NOT NULL THEN
        RETURN tally.create_threshold(label, query => format('SELECT h.value FROM tally.experiment_health(%L, :as_of) h WHERE h."check" = ''planned_units''',
            e.name),
            condition => '>= ' || (d ->> 'planned_units'), severity => COALESCE(severity, 'info'), owner => owner, runbook => runbook,
            suggested_actions => COALESCE(suggested_actions, '["read the report and decide"]'), every => every, search_path => path);
    END IF;
    PERFORM tally_internal._refuse('invalid_parameter_value',
        format('a threshold on experiment %L watches guardrail, sample_ratio or planned_units, got %L', e.name, watch),
        CASE WHEN watch = 'planned_units' THEN 'It was defined without planned_units.' ELSE 'A guardrail is a metric that must not get worse.' END, again);
END $$;
COMMENT ON FUNCTION tally.create_experiment_threshold(text, text, text[], text, text, text, jsonb, interval, int) IS
'Defines a threshold on an experiment: guardrail (one of metrics, or any, is worse than the control by the interval that holds at every look, adjusted), '
    'sample_ratio (the arms do not have the units of their weights, p < 0.001), planned_units (reached). Each files one incident, with the lever: switch the '
        'arm to '
    'the control, or its parameters back.';
