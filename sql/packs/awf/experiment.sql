-- Owns: experiments of the game: which metrics they have, and what metrics_experiment shows of one that is defined.
-- The unit is the session; its first event in the experiment is its exposure.

-- step: function awf_experiment(text, json, text, date, date, bigint)
CREATE OR REPLACE FUNCTION awf_experiment(experiment text, arms json, control text DEFAULT 'control', starts date DEFAULT NULL, ends date DEFAULT NULL,
                                          planned_units bigint DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path FROM CURRENT SET client_min_messages = warning AS $f$
BEGIN
    PERFORM tally.create_experiment_metric('awf turns', 'analytics_events', time_column => 'event_time', unit => 'session_id',
        "where" => 'event_type = ''turn''', description => 'Turns per session.');
    PERFORM tally.create_experiment_metric('awf retries per turn', 'analytics_events', 'ratio', time_column => 'event_time', unit => 'session_id',
        expression => '(event_type = ''retry'')::int', denominator => '(event_type = ''turn'')::int', direction => 'down_is_good',
        description => 'Retries per turn.');
    PERFORM tally.create_experiment_metric('awf tokens', 'analytics_events', time_column => 'event_time', unit => 'session_id',
        expression => 'tokens_in + tokens_out', "where" => 'event_type = ''turn''', direction => 'down_is_good', description => 'Tokens per session.');
    PERFORM tally.create_experiment_metric('awf completed', 'analytics_events', 'proportion', time_column => 'event_time', unit => 'session_id',
        expression => 'event_type = ''completion''', description => 'Sessions that complete their adventure.');
    RETURN tally.create_experiment(quote_ident(experiment), 'analytics_events', unit => 'session_id', arms => arms, control => control, arm => 'variation',
        time_column => 'event_time', experiment_column => 'experiment', experiment_key => experiment, "window" => '1 day', covariate_days => 0,
        metrics => ARRAY['awf turns', 'awf retries per turn', 'awf tokens', 'awf completed'],
        starts => starts, ends => ends, planned_units => planned_units,
        description => 'An experiment of the game, by session.');
END $f$;
COMMENT ON FUNCTION awf_experiment(text, json, text, date, date, bigint) IS
'Has an experiment of analytics_events judged: arms with weights and parameters (''{"control": {"weight": 1, "party_cap": 5}, …}''); turns, retries per '
    'turn, tokens '
    'and completion by session. metrics_experiment and tally.experiment_summary() then show intervals and badges.';
