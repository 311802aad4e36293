-- Owns: where sessions end: quest nodes at which players drop off, and the weather of worlds.

-- step: rollup awf_session_nodes
SELECT awf_with_columns('awf_session_nodes', '[]', '{"first_locale": "tally.first(locale, event_time)", "first_model": "tally.first(model, event_time)"}');
SELECT tally.create_rollup('awf_session_nodes', source => 'analytics_events', time_column => 'session_started_at', bucket => '1 hour',
    dimensions => '["session_id", "adventure", "world", "variation"]',
    measures => '{
        "nodes":     "tally.jsonb_totals(jsonb_build_object(meta ->> ''node'', 1)) FILTER (WHERE meta ->> ''node'' IS NOT NULL)",
        "last_node": "tally.last(meta ->> ''node'', event_time) FILTER (WHERE meta ->> ''node'' IS NOT NULL)",
        "completed": "count(*) FILTER (WHERE event_type = ''completion'')",
        "first_locale": "tally.first(locale, event_time)",
        "first_model":  "tally.first(model, event_time)"}',
    "where" => $w$event_type IN ('choice', 'stuck', 'completion')$w$,
    schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'The quest nodes of each session, and the last of them, in the hour it started.');

-- step: rollup awf_drop_offs_daily
SELECT awf_with_columns('awf_drop_offs_daily', '[{"locale": "tally.value_text(first_locale)"}, {"model": "tally.value_text(first_model)"}]');
SELECT tally.create_rollup('awf_drop_offs_daily', source => 'awf_session_nodes', bucket => '1 day',
    dimensions => '["adventure", "world", "variation", {"node": "visited"}, {"locale": "tally.value_text(first_locale)"}, '
                  '{"model": "tally.value_text(first_model)"}]',
    measures => '{
        "sessions":  "count(*)",
        "drop_offs": "count(*) FILTER (WHERE completed = 0 AND visited = tally.value_text(last_node))"}',
    expand => 'jsonb_object_keys(nodes::jsonb) AS visited',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Per day on which sessions started and quest node: sessions that were there, and those that ended there without completing.');

-- step: rollup awf_adventure_drop_offs_daily
SELECT tally.create_rollup('awf_adventure_drop_offs_daily', source => 'awf_drop_offs_daily', bucket => '1 day', dimensions => '["adventure", "node"]',
    schedule => awf_schedule('METRICS_ROLLUP_DAILY_CRON'),
    description => 'Sessions and drop-offs per day, adventure and quest node: the cells of awf_drop_offs_daily, merged.');

-- step: metric node_sessions
SELECT tally.create_metric('node_sessions', 'awf_drop_offs_daily', 'sessions', unit => 'sessions',
    description => 'Sessions that were at a quest node.', direction => 'neutral', samples => 'sessions');

-- step: metric node_drop_offs
SELECT tally.create_metric('node_drop_offs', 'awf_drop_offs_daily', 'drop_offs', unit => 'sessions',
    description => 'Sessions that were last seen at a quest node and did not complete.', direction => 'down_is_good', samples => 'sessions');

-- step: metric node_drop_off_rate
SELECT tally.create_metric('node_drop_off_rate', 'awf_drop_offs_daily', 'drop_offs::float8 / nullif(sessions, 0)', unit => 'ratio',
    description => 'Of the sessions that were at a quest node, those that ended there without completing.', direction => 'down_is_good',
    samples => 'sessions');

-- step: rollup awf_weather_hourly
SELECT awf_with_columns('awf_weather_hourly', '["locale", "model"]');
SELECT tally.create_rollup('awf_weather_hourly', source => 'analytics_events', time_column => 'event_time', bucket => '1 hour',
    dimensions => '["world", "adventure", "variation", {"weather": "meta ->> ''weather''"}, "locale", "model"]',
    measures => '{"times": "count(*)"}',
    "where" => $w$event_type = 'weather' AND meta ->> 'weather' IS NOT NULL$w$, schedule => awf_schedule('METRICS_ROLLUP_HOURLY_CRON'),
    description => 'How often each kind of weather began, per hour.');

-- step: metric weather_times
SELECT tally.create_metric('weather_times', 'awf_weather_hourly', 'times', unit => 'times',
    description => 'How often weather began; by weather: each kind.', direction => 'neutral', samples => 'times');
