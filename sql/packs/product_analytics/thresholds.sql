-- Owns: the thresholds of the pack product_analytics: when the loop stops working. The numbers are this pack's own choice, since the document names none:
-- change them with tally.create_threshold() or tally.alter_threshold().

-- step: threshold product ingestion runs fail
SELECT tally.create_threshold('product ingestion runs fail', metric => 'product_bad_run_rate', condition => '> 0.2', severity => 'warning',
    owner => 'pipeline', response_target => '4 hours', runbook => 'SELECT * FROM product_ingestion_runs ORDER BY day DESC LIMIT 7;',
    suggested_actions => '["read the last errors of the collector", "run the ingestion again for the missing hours"]',
    min_samples => 5, no_data => 'ok', area => 'product', impact => '{{value}} of the runs of the day failed',
    description => 'Of the ingestion runs of the last finished day, more than a fifth were not ok.');

-- step: threshold product ingestion errors
SELECT tally.create_threshold('product ingestion errors', metric => 'product_ingestion_error_rate', condition => '> 0.1', severity => 'warning',
    owner => 'pipeline', response_target => '4 hours', runbook => 'SELECT * FROM product_ingestion_runs ORDER BY day DESC LIMIT 7;',
    suggested_actions => '["look which channel the errors come from"]',
    min_samples => 100, no_data => 'ok', area => 'product', impact => '{{value}} errors per message looked at',
    description => 'More than one error per ten messages over seven days.');

-- step: threshold product apply rate
SELECT tally.create_threshold('product apply rate', metric => 'product_apply_rate', condition => '< 0.02', over => '7 days', severity => 'warning',
    owner => 'product', response_target => '1 day', runbook => 'SELECT * FROM product_apply_rate ORDER BY week DESC LIMIT 8;',
    suggested_actions => '["try to apply on the website", "look whether the newest assignments are of subjects that tutors teach"]',
    min_samples => 200, no_data => 'ok', area => 'product', impact => '{{value}} clicks to apply per view over seven days',
    description => 'Tutors look at assignments and do not apply.');

-- step: threshold product dead ends
SELECT tally.create_threshold('product dead ends', metric => 'product_dead_end_rate', condition => '> 0.5', over => '7 days', severity => 'warning',
    owner => 'product', response_target => '1 day', runbook => 'SELECT * FROM product_dead_end_rate ORDER BY week DESC LIMIT 8;',
    suggested_actions => '["close assignments that were reported as filled", "ask the agencies that do not reply"]',
    min_samples => 50, no_data => 'ok', area => 'product', impact => '{{value}} dead ends per click to apply over seven days',
    description => 'More than every second click to apply is reported as no reply, scam or filled.');

-- step: threshold product no new assignments
SELECT tally.create_threshold('product no new assignments', metric => 'product_assignments_created', condition => '< 0.5 x baseline of 28 days',
    severity => 'warning', owner => 'pipeline', response_target => '4 hours', runbook => 'SELECT * FROM product_market_supply ORDER BY day DESC LIMIT 14;',
    suggested_actions => '["see whether the collector reads its channels", "compare product_pipeline of the same days"]',
    no_data => 'ok', area => 'product', impact => '{{value}} assignments were offered on the last finished day',
    description => 'Less than half as many assignments as on the days before.');
