-- Owns: balance and narrative health of the pack awf: what the reference document asks for beside its rollup tables (time
-- to kill, arc progress, diversity of choices and dialogue, consent compliance, currency flow, party, world simulation,
-- quest nodes, age of the session), and the small rollups that answer whole ranges.

-- step: rollup awf_balance_hourly
SELECT awf_with_columns('awf_balance_hourly', '["locale", "model"]');
SELECT tally.create_rollup('awf_balance_hourly', source => 'analytics_events', time_column => 'event_time', bucket => '1 hour',
    dimensions => '["world", "adventure", "experiment", "variation", "locale", "model"]',
    measures => '{
        "ttk":                  "tally.tdigest((meta ->> ''ttk_seconds'')::float8)",
        "fights":               "count(*) FILTER (WHERE event_type = ''combat'')",
        "arcs":                 "count(*) FILTER (WHERE event_type = ''arc'')",
        "arcs_advanced":        "count(*) FILTER (WHERE event_type = ''arc'' AND meta @> ''{\"advanced\": true}'')",
        "choice_events":        "count(*) FILTER (WHERE event_type = ''choice'')",
        "choices_by":           "tally.jsonb_totals(jsonb_build_object(meta ->> ''choice'', 1)) '
                                 'FILTER (WHERE event_type = ''choice'' AND meta ->> ''choice'' IS NOT NULL)",
        "dialogues":            "count(*) FILTER (WHERE event_type = ''dialogue'')",
        "dialogue_lines":       "tally.hll(meta ->> ''line'')",
        "dialogues_blocked":    "count(*) FILTER (WHERE event_type = ''dialogue_blocked'')",
        "romances_proceeded":   "count(*) FILTER (WHERE event_type = ''romance'' AND meta @> ''{\"proceeded\": true}'')",
        "romances_compliant":   "count(*) FILTER (WHERE event_type = ''romance'' AND meta @> ''{\"proceeded\": true, \"consent\": true}'')",
        "items":                "sum((meta ->> ''items'')::bigint)",
        "gold_in":              "sum((meta ->> ''gold'')::float8) FILTER (WHERE (meta ->> ''gold'')::float8 > 0)",
        "gold_out":             "sum(-(meta ->> ''gold'')::float8) FILTER (WHERE (meta ->> ''gold'')::float8 < 0)",
        "worth_bought":         "sum((meta ->> ''worth'')::float8) FILTER (WHERE (meta ->> ''gold'')::float8 < 0)",
        "worth_sold":           "sum((meta ->> ''worth'')::float8) FILTER (WHERE (meta ->> ''gold'')::float8 > 0)",
        "npc_joins":            "count(*) FILTER (WHERE event_type = ''npc_join'')",
        "npc_dismissals":       "count(*) FILTER (WHERE event_type = ''npc_dismiss'')",
        "checks":               "count(*) FILTER (WHERE event_type = ''delegated_check'')",
        "checks_passed":        "count(*) FILTER (WHERE event_type = ''delegated_check'' AND meta @> ''{\"success\": true}'')",
        "weather_by":           "tally.jsonb_totals(jsonb_build_object(meta ->> ''weather'', 1)) FILTER (WHERE meta ->> ''weather'' IS NOT NULL)",
        "drift":                "tally.stats((meta ->> ''drift'')::float8)"}',
    "where" => $w$event_type IN ('combat', 'arc', 'choice', 'dialogue', 'dialogue_blocked', 'romance', 'loot', 'vendor', 'npc_join', 'npc_dismiss', $w$
        || $w$'delegated_check', 'weather', 'region_drift')$w$,
    schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'Balance, narrative health, party and world simulation per hour.');

-- step: rollup awf_balance_daily
SELECT awf_with_columns('awf_balance_daily', '["locale", "model"]');
SELECT tally.create_rollup('awf_balance_daily', source => 'awf_balance_hourly', bucket => '1 day', schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Balance, narrative health, party and world simulation per day: the hours, merged.');

-- step: rollup awf_adventure_balance_hourly
-- Boards ask mostly without a filter, or for a world or an adventure. Locale and model make five times the rows, which these two spare them.
SELECT tally.create_rollup('awf_adventure_balance_hourly', source => 'awf_balance_hourly', bucket => '1 hour', dimensions => '["world", "adventure"]',
    schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'Balance, narrative health, party and world simulation per hour and adventure: the cells of awf_balance_hourly, merged.');

-- step: rollup awf_adventure_balance_daily
SELECT tally.create_rollup('awf_adventure_balance_daily', source => 'awf_adventure_balance_hourly', bucket => '1 day',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Balance, narrative health, party and world simulation per day and adventure: the hours, merged.');

-- step: rollup awf_variation_balance_daily
SELECT tally.create_rollup('awf_variation_balance_daily', source => 'awf_balance_daily', bucket => '1 day', dimensions => '["experiment", "variation"]',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Balance, narrative health, party and world simulation per day and arm of an experiment: the cells of awf_balance_daily, merged.');

-- step: rollup awf_nodes_hourly
SELECT awf_with_columns('awf_nodes_hourly', '["world", "locale", "variation", "model"]');
SELECT tally.create_rollup('awf_nodes_hourly', source => 'analytics_events', time_column => 'event_time', bucket => '1 hour',
    dimensions => '["adventure", {"node": "meta ->> ''node''"}, "world", "locale", "variation", "model"]',
    measures => '{"choices": "count(*) FILTER (WHERE event_type = ''choice'')", "stuck": "count(*) FILTER (WHERE event_type = ''stuck'')", "sessions": '
        '"tally.hll(session_id)"}',
    "where" => $w$event_type IN ('choice', 'stuck') AND meta ->> 'node' IS NOT NULL$w$, schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'Choices, stuck signals and sessions per quest node.');

-- step: rollup awf_nodes_daily
SELECT awf_with_columns('awf_nodes_daily', '["world", "locale", "variation", "model"]');
SELECT tally.create_rollup('awf_nodes_daily', source => 'awf_nodes_hourly', bucket => '1 day', schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
                           description => 'Choices, stuck signals and sessions per quest node and day: the hours, merged.');

-- step: rollup awf_adventure_nodes_hourly
SELECT tally.create_rollup('awf_adventure_nodes_hourly', source => 'awf_nodes_hourly', bucket => '1 hour', dimensions => '["adventure", "node"]',
    schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'Choices, stuck signals and sessions per hour, adventure and quest node: the cells of awf_nodes_hourly, merged.');

-- step: rollup awf_adventure_nodes_daily
SELECT tally.create_rollup('awf_adventure_nodes_daily', source => 'awf_adventure_nodes_hourly', bucket => '1 day',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Choices, stuck signals and sessions per day, adventure and quest node: the hours, merged.');

-- step: rollup awf_session_age_hourly
SELECT tally.create_rollup('awf_session_age_hourly', source => 'analytics_events', time_column => 'event_time', bucket => '1 hour',
    dimensions => '[{"session_age_bucket": "CASE '
        'WHEN event_time - session_started_at < interval ''5 minutes'' THEN ''0-5m'' '
        'WHEN event_time - session_started_at < interval ''15 minutes'' THEN ''5-15m'' '
        'WHEN event_time - session_started_at < interval ''60 minutes'' THEN ''15-60m'' '
        'WHEN event_time - session_started_at < interval ''240 minutes'' THEN ''1-4h'' ELSE ''4h+'' END"},
        "world", "adventure", "model"]',
    measures => '{
        "turns":     "count(*) FILTER (WHERE event_type = ''turn'')",
        "retries":   "count(*) FILTER (WHERE event_type = ''retry'')",
        "fallbacks": "count(*) FILTER (WHERE event_type = ''fallback'')",
        "stuck":     "count(*) FILTER (WHERE event_type = ''stuck'')",
        "latency":   "tally.tdigest(latency_ms)",
        "sessions":  "tally.hll(session_id)"}',
    schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'Performance and quality by how long the session has been going on.');

-- step: rollup awf_session_age_daily
SELECT tally.create_rollup('awf_session_age_daily', source => 'awf_session_age_hourly', bucket => '1 day',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Performance and quality by age of the session, per day: the hours, merged.');

-- step: rollup awf_adventure_hourly
-- The same measures over fewer dimensions: what report() reads when a range of days is asked as a whole.
SELECT tally.create_rollup('awf_adventure_hourly', source => 'awf_hourly', bucket => '1 hour', dimensions => '["world", "adventure"]',
                           schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'Performance and quality per hour and adventure: the cells of awf_hourly, merged.');

-- step: rollup awf_adventure_daily
SELECT tally.create_rollup('awf_adventure_daily', source => 'awf_adventure_hourly', bucket => '1 day',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Performance and quality per day and adventure: the hours, merged.');

-- step: rollup awf_variation_daily
SELECT tally.create_rollup('awf_variation_daily', source => 'awf_daily', bucket => '1 day', dimensions => '["experiment", "variation"]',
                           schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Performance and quality per day and arm of an experiment: the cells of awf_daily, merged.');

-- step: rollup awf_locale_daily
SELECT tally.create_rollup('awf_locale_daily', source => 'awf_daily', bucket => '1 day', dimensions => '["locale", "model"]',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Performance and quality per day, locale and model: the cells of awf_daily, merged.');

-- step: metric econ_velocity_items
SELECT tally.create_metric('econ_velocity_items', 'awf_balance_hourly', 'items', unit => 'items', description => 'Items acquired.',
    direction => 'neutral', samples => 'fights');

-- step: metric ttk_p50_seconds
SELECT tally.create_metric('ttk_p50_seconds', 'awf_balance_hourly', 'tally.percentile(ttk, 0.5)', unit => 's', description => 'Median time to kill.',
    direction => 'neutral', samples => 'fights');

-- step: metric ttk_p90_seconds
SELECT tally.create_metric('ttk_p90_seconds', 'awf_balance_hourly', 'tally.percentile(ttk, 0.9)', unit => 's',
    description => '90th percentile of the time to kill.', direction => 'neutral', samples => 'fights');

-- step: metric arc_progress_rate
SELECT tally.create_metric('arc_progress_rate', 'awf_balance_hourly', 'arcs_advanced::float8 / nullif(arcs, 0)', unit => 'ratio',
    description => 'Looks at an arc that found it advanced.', direction => 'up_is_good', samples => 'arcs');

-- step: metric choice_entropy_bits
SELECT tally.create_metric('choice_entropy_bits', 'awf_balance_hourly', 'tally.entropy(choices_by)', unit => 'bits',
    description => 'Diversity of choices: Shannon entropy over the options taken; 2 bits when four options are equally common.',
    direction => 'up_is_good', samples => 'choice_events');

-- step: metric dialogue_diversity
SELECT tally.create_metric('dialogue_diversity', 'awf_balance_hourly', 'tally.distinct_count(dialogue_lines)::float8 / nullif(dialogues, 0)',
    unit => 'ratio', description => 'Different lines said per dialogue: 1 when none is ever said twice.', direction => 'up_is_good',
    samples => 'dialogues');

-- step: metric dialogue_cooldown_block_rate
SELECT tally.create_metric('dialogue_cooldown_block_rate', 'awf_balance_hourly',
    'dialogues_blocked::float8 / nullif(dialogues + dialogues_blocked, 0)', unit => 'ratio', description => 'Dialogues that a cooldown blocked.',
    direction => 'down_is_good', samples => 'dialogues');

-- step: metric consent_compliance
SELECT tally.create_metric('consent_compliance', 'awf_balance_hourly', 'romances_compliant::float8 / nullif(romances_proceeded, 0)', unit => 'ratio',
    description => 'Romance scenes that went on with consent, of all that went on.', direction => 'up_is_good', samples => 'romances_proceeded');

-- step: metric gold_inflow
SELECT tally.create_metric('gold_inflow', 'awf_balance_hourly', 'gold_in', unit => 'gold', description => 'Gold that players received.',
    direction => 'neutral', samples => 'choice_events');

-- step: metric gold_outflow
SELECT tally.create_metric('gold_outflow', 'awf_balance_hourly', 'gold_out', unit => 'gold', description => 'Gold that players paid.',
    direction => 'neutral', samples => 'choice_events');

-- step: metric vendor_margin
SELECT tally.create_metric('vendor_margin', 'awf_balance_hourly',
    '(gold_out - worth_bought + worth_sold - gold_in) / nullif(worth_bought + worth_sold, 0)', unit => 'ratio',
    description => 'What vendors earned on the worth of what they traded.', direction => 'neutral', samples => 'choice_events');

-- step: metric npc_dismissal_rate
SELECT tally.create_metric('npc_dismissal_rate', 'awf_balance_hourly', 'npc_dismissals::float8 / nullif(npc_joins, 0)', unit => 'ratio',
    description => 'Dismissals per recruit.', direction => 'down_is_good', samples => 'npc_joins');

-- step: metric delegated_check_pass_rate
SELECT tally.create_metric('delegated_check_pass_rate', 'awf_balance_hourly', 'checks_passed::float8 / nullif(checks, 0)', unit => 'ratio',
    description => 'Checks delegated to an NPC that passed.', direction => 'up_is_good', samples => 'checks');

-- step: metric region_drift
SELECT tally.create_metric('region_drift', 'awf_balance_hourly', 'tally.mean(drift)', unit => 'drift',
    description => 'Mean drift of regions, from -1 to 1.', direction => 'neutral', samples => 'choice_events');

-- step: metric node_stuck_rate
SELECT tally.create_metric('node_stuck_rate', 'awf_nodes_hourly', 'stuck::float8 / nullif(choices, 0)', unit => 'ratio',
    description => 'Stuck signals per choice at a quest node.', direction => 'down_is_good', samples => 'choices');

-- step: metric retry_rate_by_age
SELECT tally.create_metric('retry_rate_by_age', 'awf_session_age_hourly', 'retries::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Retries per turn, by age of the session.', direction => 'down_is_good', samples => 'turns');

-- step: metric p95_latency_ms_by_age
SELECT tally.create_metric('p95_latency_ms_by_age', 'awf_session_age_hourly', 'tally.percentile(latency, 0.95)', unit => 'ms',
    description => '95th percentile of the time to an answer, by age of the session.', direction => 'down_is_good', samples => 'turns');

-- step: metric stuck_rate_by_age
SELECT tally.create_metric('stuck_rate_by_age', 'awf_session_age_hourly', 'stuck::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Stuck signals per turn, by age of the session.', direction => 'down_is_good', samples => 'turns');
