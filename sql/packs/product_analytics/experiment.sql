-- Owns: experiments of the marketplace: events whose meta holds experiment {name, variant} are exposures of the tutor that they are about.

-- step: function product_experiment(text, json, text, date, date, bigint)
CREATE OR REPLACE FUNCTION product_experiment(experiment text, arms json, control text DEFAULT 'control', starts date DEFAULT NULL, ends date DEFAULT NULL,
                                              planned_units bigint DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path FROM CURRENT SET client_min_messages = warning AS $f$
BEGIN
    PERFORM tally.create_experiment_metric('product views', 'analytics_events', time_column => 'event_time', unit => 'user_id',
        "where" => 'event_type = ''assignment_view''', description => 'Assignments viewed per tutor.');
    PERFORM tally.create_experiment_metric('product applied', 'analytics_events', 'proportion', time_column => 'event_time', unit => 'user_id',
        expression => 'event_type = ''assignment_apply_click''', description => 'Tutors who click to apply.');
    PERFORM tally.create_experiment_metric('product applies per view', 'analytics_events', 'ratio', time_column => 'event_time', unit => 'user_id',
        expression => '(event_type = ''assignment_apply_click'')::int', denominator => '(event_type = ''assignment_view'')::int',
        description => 'Clicks to apply per view.');
    PERFORM tally.create_experiment_metric('product dead ends', 'analytics_events', time_column => 'event_time', unit => 'user_id',
        direction => 'down_is_good',
        "where" => 'event_type IN (''assignment_no_reply'', ''assignment_scam_report'', ''assignment_filled_report'')',
        description => 'Reports of no reply, scam or filled per tutor.');
    RETURN tally.create_experiment(quote_ident(experiment), 'analytics_events', unit => 'user_id', arms => arms, control => control,
        arm => 'meta #>> ''{experiment,variant}''', time_column => 'event_time', "where" => format('meta #>> ''{experiment,name}'' = %L', experiment),
        metrics => ARRAY['product views', 'product applied', 'product applies per view', 'product dead ends'],
        starts => starts, ends => ends,
        planned_units => planned_units, description => 'An experiment of meta.experiment, by tutor.');
END $f$;
COMMENT ON FUNCTION product_experiment(text, json, text, date, date, bigint) IS
'Has an experiment judged whose events hold meta.experiment {name, variant}: arms with weights and parameters; views, applications and dead ends by tutor '
    'within '
    'seven days of the first exposure. Read it with tally.experiment_summary() and tally.experiment_health().';
