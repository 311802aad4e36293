-- Owns: what the pack awf gives per turn beside its rollup tables: economy velocity, loot, soft-lock hints, ticks of the world's simulation, token budget.

-- step: rollup awf_pace_hourly
SELECT awf_with_columns('awf_pace_hourly', '["locale"]');
SELECT tally.create_rollup('awf_pace_hourly', source => 'analytics_events', time_column => 'event_time', bucket => '1 hour',
    dimensions => '["world", "adventure", "model", "experiment", "variation", "locale"]',
    measures => '{
        "turns":          "count(*) FILTER (WHERE event_type = ''turn'')",
        "tokens":         "tally.tdigest(tokens_in + tokens_out)",
        "gold":           "sum((meta ->> ''gold'')::float8) FILTER (WHERE event_type = ''vendor'')",
        "loots":          "count(*) FILTER (WHERE event_type = ''loot'')",
        "items":          "sum((meta ->> ''items'')::bigint) FILTER (WHERE event_type = ''loot'')",
        "softlock_hints": "count(*) FILTER (WHERE event_type = ''softlock_hint'')",
        "sims":           "count(*) FILTER (WHERE event_type = ''sim'')",
        "sim_ticks":      "sum((meta ->> ''ticks'')::bigint) FILTER (WHERE event_type = ''sim'')"}',
    "where" => $w$event_type IN ('turn', 'vendor', 'loot', 'softlock_hint', 'sim')$w$,
    schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'Economy, loot, hints, tokens and simulation beside the turns of the same hour.');

-- step: rollup awf_pace_daily
SELECT awf_with_columns('awf_pace_daily', '["locale"]');
SELECT tally.create_rollup('awf_pace_daily', source => 'awf_pace_hourly', bucket => '1 day', schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Economy, loot, hints, tokens and simulation per day: the hours, merged.');

-- step: rollup awf_adventure_pace_daily
SELECT tally.create_rollup('awf_adventure_pace_daily', source => 'awf_pace_daily', bucket => '1 day', dimensions => '["world", "adventure", "variation"]',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Economy, loot, hints, tokens and simulation per day, adventure and arm: the cells of awf_pace_daily, merged.');

-- step: rollup awf_variation_pace_daily
SELECT tally.create_rollup('awf_variation_pace_daily', source => 'awf_adventure_pace_daily', bucket => '1 day', dimensions => '["variation"]',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Economy, loot, hints, tokens and simulation per day and arm: the adventures, merged.');

-- step: metric econ_velocity
SELECT tally.create_metric('econ_velocity', 'awf_pace_hourly', 'coalesce(gold, 0) / nullif(turns, 0)', unit => 'gold',
    description => 'Gold gained less gold spent, per turn.', direction => 'neutral', samples => 'turns');

-- step: metric item_acquisition_rate
SELECT tally.create_metric('item_acquisition_rate', 'awf_pace_hourly', 'coalesce(items, 0)::float8 / nullif(turns, 0)', unit => 'items',
    description => 'Items acquired per turn.', direction => 'neutral', samples => 'turns');

-- step: metric loot_rate
SELECT tally.create_metric('loot_rate', 'awf_pace_hourly', 'loots::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Finds of loot per turn.', direction => 'neutral', samples => 'turns');

-- step: metric softlock_hints_rate
SELECT tally.create_metric('softlock_hints_rate', 'awf_pace_hourly', 'softlock_hints::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Soft-lock hints per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric sim_ticks
SELECT tally.create_metric('sim_ticks', 'awf_pace_hourly', 'coalesce(sim_ticks, 0)', unit => 'ticks',
    description => 'Ticks that the simulation of worlds has run.', direction => 'neutral', samples => 'sims');

-- step: metric sim_ticks_per_turn
SELECT tally.create_metric('sim_ticks_per_turn', 'awf_pace_hourly', 'coalesce(sim_ticks, 0)::float8 / nullif(turns, 0)', unit => 'ticks',
    description => 'Ticks of the simulation per turn.', direction => 'neutral', samples => 'turns');

-- step: metric token_overrun_rate
SELECT tally.create_metric('token_overrun_rate', 'awf_pace_hourly', awf_token_overrun(), unit => 'ratio',
    description => 'Share of turns beyond the token budget (TOKEN_BUDGET of awf_settings).', direction => 'down_is_good', samples => 'turns');
