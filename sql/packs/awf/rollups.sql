-- Owns: the rollups of the pack awf by hour and day. Rates are metrics (metrics.sql); here are only sums, counts and sketches that merge.

-- step: rollup awf_hourly
SELECT tally.create_rollup('awf_hourly', source => 'analytics_events', time_column => 'event_time', bucket => '1 hour',
    dimensions => '["world", "adventure", "locale", "model", "experiment", "variation", "content_version"]',
    measures => '{
        "turns":             "count(*) FILTER (WHERE event_type = ''turn'')",
        "retries":           "count(*) FILTER (WHERE event_type = ''retry'')",
        "fallbacks":         "count(*) FILTER (WHERE event_type = ''fallback'')",
        "validator_retries": "count(*) FILTER (WHERE event_type = ''validator_retry'')",
        "stuck":             "count(*) FILTER (WHERE event_type = ''stuck'')",
        "choices":           "count(*) FILTER (WHERE event_type = ''choice'')",
        "tokens_in":         "sum(tokens_in)",
        "tokens_out":        "sum(tokens_out)",
        "ticks":             "sum(ticks)",
        "tool_calls":        "sum(tool_calls)",
        "acts":              "sum(acts)",
        "latency":           "tally.tdigest(latency_ms)",
        "sessions":          "tally.hll(session_id)"}',
    schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'Performance and quality per hour, by every dimension.');

-- step: rollup awf_daily
SELECT tally.create_rollup('awf_daily', source => 'awf_hourly', bucket => '1 day', schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Performance and quality per day: the hours, merged.');

-- step: rollup awf_gameplay_hourly
SELECT tally.create_rollup('awf_gameplay_hourly', source => 'analytics_events', time_column => 'event_time', bucket => '1 hour',
    dimensions => '["world", "adventure", "locale", "model", "experiment", "variation", "content_version"]',
    measures => '{
        "softlock_hints":      "count(*) FILTER (WHERE event_type = ''softlock_hint'')",
        "crafts":              "count(*) FILTER (WHERE event_type = ''craft'')",
        "crafts_succeeded":    "count(*) FILTER (WHERE event_type = ''craft'' AND meta @> ''{\"success\": true}'')",
        "vendor_visits":       "count(*) FILTER (WHERE event_type = ''vendor'')",
        "vendor_trades":       "count(*) FILTER (WHERE event_type = ''vendor'' AND meta ->> ''gold'' <> ''0'')",
        "gold":                "sum((meta ->> ''gold'')::float8)",
        "npc_joins":           "count(*) FILTER (WHERE event_type = ''npc_join'')",
        "npc_declines":        "count(*) FILTER (WHERE event_type = ''npc_decline'')",
        "dialogues":           "count(*) FILTER (WHERE event_type = ''dialogue'')",
        "dialogue_candidates": "sum((meta ->> ''candidates'')::bigint)",
        "romances":            "count(*) FILTER (WHERE event_type = ''romance'')",
        "romances_consented":  "count(*) FILTER (WHERE event_type = ''romance'' AND meta @> ''{\"consent\": true}'')",
        "world_events":        "count(*) FILTER (WHERE event_type = ''world_event'')",
        "world_events_triggered": "count(*) FILTER (WHERE event_type = ''world_event'' AND meta @> ''{\"triggered\": true}'')"}',
    "where" => $w$event_type IN ('softlock_hint', 'craft', 'vendor', 'npc_join', 'npc_decline', 'dialogue', 'romance', 'world_event')$w$,
    schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'Economy, party, dialogue and world simulation per hour.');

-- step: rollup awf_gameplay_daily
SELECT tally.create_rollup('awf_gameplay_daily', source => 'awf_gameplay_hourly', bucket => '1 day', schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Economy, party, dialogue and world simulation per day: the hours, merged.');

-- step: rollup awf_sessions
SELECT awf_with_columns('awf_sessions', '[]', '{"first_locale": "tally.first(locale, event_time)", "first_model": "tally.first(model, event_time)"}');
SELECT tally.create_rollup('awf_sessions', source => 'analytics_events', time_column => 'session_started_at', bucket => '1 hour',
    dimensions => '["session_id", "adventure", "world", "experiment", "variation"]',
    measures => '{
        "start_at":          "min(event_time) FILTER (WHERE event_type = ''start'')",
        "first_choice_at":   "min(event_time) FILTER (WHERE event_type = ''choice'')",
        "first_npc_join_at": "min(event_time) FILTER (WHERE event_type = ''npc_join'')",
        "first_craft_at":    "min(event_time) FILTER (WHERE event_type = ''craft'')",
        "first_vendor_at":   "min(event_time) FILTER (WHERE event_type = ''vendor'')",
        "first_boss_at":     "min(event_time) FILTER (WHERE event_type = ''boss'')",
        "completion_at":     "min(event_time) FILTER (WHERE event_type = ''completion'')",
        "first_locale":      "tally.first(locale, event_time)",
        "first_model":       "tally.first(model, event_time)"}',
    "where" => $w$event_type IN ('start', 'choice', 'npc_join', 'craft', 'vendor', 'boss', 'completion')$w$,
    schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'When each session first took each step of the funnel, in the hour it started.');

-- step: rollup awf_funnel_daily
-- A session has reached step k when it took steps 1 to k and their first times do not decrease.
-- Its locale and model are those at its first step: a session that changes its model is one session.
SELECT awf_with_columns('awf_funnel_daily', '[{"locale": "tally.value_text(first_locale)"}, {"model": "tally.value_text(first_model)"}]');
SELECT tally.create_rollup('awf_funnel_daily', source => 'awf_sessions', bucket => '1 day',
    dimensions => '["adventure", "world", "experiment", "variation", {"locale": "tally.value_text(first_locale)"}, '
                  '{"model": "tally.value_text(first_model)"}]',
    measures => '{
        "start_count":          "count(*) FILTER (WHERE start_at IS NOT NULL)",
        "first_choice_count":   "count(*) FILTER (WHERE start_at <= first_choice_at)",
        "first_npc_join_count": "count(*) FILTER (WHERE start_at <= first_choice_at AND first_choice_at <= first_npc_join_at)",
        "first_craft_count":    "count(*) FILTER (WHERE start_at <= first_choice_at AND first_choice_at <= first_npc_join_at '
                                'AND first_npc_join_at <= first_craft_at)",
        "first_vendor_count":   "count(*) FILTER (WHERE start_at <= first_choice_at AND first_choice_at <= first_npc_join_at '
                                'AND first_npc_join_at <= first_craft_at AND first_craft_at <= first_vendor_at)",
        "first_boss_count":     "count(*) FILTER (WHERE start_at <= first_choice_at AND first_choice_at <= first_npc_join_at '
                                'AND first_npc_join_at <= first_craft_at AND first_craft_at <= first_vendor_at AND first_vendor_at <= first_boss_at)",
        "completion_count":     "count(*) FILTER (WHERE start_at <= first_choice_at AND first_choice_at <= first_npc_join_at '
                                'AND first_npc_join_at <= first_craft_at AND first_craft_at <= first_vendor_at AND first_vendor_at <= first_boss_at '
                                'AND first_boss_at <= completion_at)"}',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'The funnel per day on which sessions started: start, first choice, first NPC join, first craft, first vendor, first boss, completion.');

-- step: rollup awf_arm_funnel_daily
-- What awf_funnels_daily shows. Locale and model make fourteen times the rows.
SELECT tally.create_rollup('awf_arm_funnel_daily', source => 'awf_funnel_daily', bucket => '1 day',
    dimensions => '["adventure", "world", "experiment", "variation"]', schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'The funnel per day, adventure, world and arm of an experiment: the cells of awf_funnel_daily, merged.');

-- step: rollup awf_variation_gameplay_daily
SELECT tally.create_rollup('awf_variation_gameplay_daily', source => 'awf_gameplay_daily', bucket => '1 day', dimensions => '["experiment", "variation"]',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Economy, party, dialogue and world simulation per day and arm of an experiment: the cells of awf_gameplay_daily, merged.');
