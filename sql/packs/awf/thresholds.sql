-- Owns: the thresholds of the pack awf: the SLOs of the reference document per world, each with the levers that help.
-- The numbers are this pack's own choice, since the document names none: change them with tally.create_threshold(), or
-- through awf_kpi_thresholds.

-- step: threshold awf fallback rate
SELECT tally.create_threshold('awf fallback rate', metric => 'fallback_rate_5m', condition => '> 0.10', "for" => '0 minutes', per => '{world}',
    severity => 'critical', owner => 'on-call', runbook => 'https://runbooks.example/awf/fallback-rate', response_target => '15 minutes',
    suggested_actions => '["reduce input token cap by 10%", "turn off the newest content module of the world", "switch the experiment arm to control", '
        '"route to the previous model"]',
    -- A quiet night is no incident: a world with fewer turns in five minutes than this says nothing.
    min_samples => 50, no_data => 'ok', area => 'awf', impact => '{{labels.world}}: {{value}} fallbacks per turn',
        description => 'Answers fall back to a simpler one: the model is failing or out of budget.');

-- step: threshold awf latency
SELECT tally.create_threshold('awf latency', metric => 'p95_latency_ms_5m', condition => '> 4000', "for" => '10 minutes', per => '{world}',
    severity => 'critical', owner => 'on-call', runbook => 'https://runbooks.example/awf/p95-latency-ms', response_target => '15 minutes',
    suggested_actions => '["reduce output token cap by 15%", "lower the tool quota by one call per turn", "route long contexts to the faster model"]',
    -- A quiet night is no incident: a world with fewer turns in five minutes than this says nothing.
    min_samples => 50, no_data => 'ok', area => 'awf', impact => '{{labels.world}}: p95 of {{value}} ms', description => 'Players wait for answers.');

-- step: threshold awf retry rate
SELECT tally.create_threshold('awf retry rate', metric => 'retry_rate_5m', condition => '> 0.15', "for" => '10 minutes', per => '{world}',
    severity => 'warning', owner => 'on-call', runbook => 'https://runbooks.example/awf/retry-rate', response_target => '4 hours',
    suggested_actions => '["reduce input token cap by 10%", "roll back the latest prompt change"]',
    -- A quiet night is no incident: a world with fewer turns in five minutes than this says nothing.
    min_samples => 50, no_data => 'ok', area => 'awf', impact => '{{labels.world}}: {{value}} retries per turn',
        description => 'Answers come back invalid and are asked for again.');

-- step: threshold awf validator repair rate
SELECT tally.create_threshold('awf validator repair rate', metric => 'validator_retry_rate_5m', condition => '> 0.12', "for" => '10 minutes',
    per => '{world}',
    severity => 'warning', owner => 'on-call', runbook => 'https://runbooks.example/awf/validator-retry-rate', response_target => '4 hours',
    suggested_actions => '["relax the newest validator rule to a warning", "roll back the latest content version"]',
    -- A quiet night is no incident: a world with fewer turns in five minutes than this says nothing.
    min_samples => 50, no_data => 'ok', area => 'awf', impact => '{{labels.world}}: {{value}} repairs per turn',
        description => 'The validator has answers repaired.');

-- step: threshold awf stuck rate
SELECT tally.create_threshold('awf stuck rate', metric => 'stuck_rate_5m', condition => '> 0.10', "for" => '15 minutes', per => '{world}',
    severity => 'warning', owner => 'on-call', runbook => 'https://runbooks.example/awf/stuck-rate', response_target => '1 day',
    suggested_actions => '["enable soft-lock hints earlier", "flip the hint parameter of the running experiment"]',
    -- A quiet night is no incident: a world with fewer turns in five minutes than this says nothing.
    min_samples => 50, no_data => 'ok', area => 'awf', impact => '{{labels.world}}: {{value}} stuck signals per turn',
        description => 'Players do not get on with their objective.');

-- step: threshold awf token budget overrun
SELECT tally.create_threshold('awf token budget overrun', metric => 'token_overrun_rate_5m', condition => '> 0.20', "for" => '15 minutes', per => '{world}',
    severity => 'warning', owner => 'on-call', runbook => 'https://runbooks.example/awf/token-overrun-rate', response_target => '1 day',
    suggested_actions => '["reduce input token cap by 10%", "trim the history window to 20 turns"]',
    -- A quiet night is no incident: a world with fewer turns in five minutes than this says nothing.
    min_samples => 50, no_data => 'ok', area => 'awf', impact => '{{labels.world}}: {{value}} of turns beyond the token budget',
        description => 'Turns cost more than was planned.');
