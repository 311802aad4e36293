-- Owns: the metrics of the pack awf. Each is a ratio of merged sums, so it is right at every grain above its rollup's.
-- They are the columns of the reference document. What thresholds watch is in watched.sql; more metrics stand with their rollups.

-- step: metric turns
SELECT tally.create_metric('turns', 'awf_hourly', 'turns', unit => 'turns',
    description => 'Turns taken.', direction => 'up_is_good', samples => 'turns');

-- step: metric sessions
SELECT tally.create_metric('sessions', 'awf_hourly', 'tally.distinct_count(sessions)', unit => 'sessions',
    description => 'Sessions with any event.', direction => 'up_is_good', samples => 'turns');

-- step: metric p50_latency_ms
SELECT tally.create_metric('p50_latency_ms', 'awf_hourly', 'tally.percentile(latency, 0.5)', unit => 'ms',
    description => 'Median time to an answer.', direction => 'down_is_good', samples => 'turns');

-- step: metric p95_latency_ms
SELECT tally.create_metric('p95_latency_ms', 'awf_hourly', 'tally.percentile(latency, 0.95)', unit => 'ms',
    description => '95th percentile of the time to an answer.', direction => 'down_is_good', samples => 'turns');

-- step: metric avg_in_tokens
SELECT tally.create_metric('avg_in_tokens', 'awf_hourly', 'tokens_in::float8 / nullif(turns, 0)', unit => 'tokens',
    description => 'Tokens sent per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric avg_out_tokens
SELECT tally.create_metric('avg_out_tokens', 'awf_hourly', 'tokens_out::float8 / nullif(turns, 0)',
        unit => 'tokens',
    description => 'Tokens received per turn.', direction => 'neutral', samples => 'turns');

-- step: metric retry_rate
SELECT tally.create_metric('retry_rate', 'awf_hourly', 'retries::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Retries per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric fallback_rate
SELECT tally.create_metric('fallback_rate', 'awf_hourly', 'fallbacks::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Fallbacks to a simpler answer per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric validator_retry_rate
SELECT tally.create_metric('validator_retry_rate', 'awf_hourly',
        'validator_retries::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Repairs that the validator asked for, per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric stuck_rate
SELECT tally.create_metric('stuck_rate', 'awf_hourly', 'stuck::float8 / nullif(turns, 0)', unit => 'ratio',
    description => 'Stuck signals per turn.', direction => 'down_is_good', samples => 'turns');

-- step: metric avg_ticks
SELECT tally.create_metric('avg_ticks', 'awf_hourly', 'ticks::float8 / nullif(turns, 0)', unit => 'ticks',
    description => 'TIME_ADVANCE ticks per turn.', direction => 'neutral', samples => 'turns');

-- step: metric tool_calls_per_turn
SELECT tally.create_metric('tool_calls_per_turn', 'awf_hourly', 'tool_calls::float8 / nullif(turns, 0)',
        unit => 'calls',
    description => 'Tool calls per turn.', direction => 'neutral', samples => 'turns');

-- step: metric acts_per_turn
SELECT tally.create_metric('acts_per_turn', 'awf_hourly', 'acts::float8 / nullif(turns, 0)', unit => 'acts',
    description => 'Acts per turn.', direction => 'neutral', samples => 'turns');

-- step: metric choices_per_turn
SELECT tally.create_metric('choices_per_turn', 'awf_hourly', 'choices::float8 / nullif(turns, 0)',
        unit => 'choices',
    description => 'Choices per turn.', direction => 'neutral', samples => 'turns');

-- step: metric craft_success_rate
SELECT tally.create_metric('craft_success_rate', 'awf_gameplay_hourly',
        'crafts_succeeded::float8 / nullif(crafts, 0)', unit => 'ratio',
    description => 'Crafts that succeeded.', direction => 'up_is_good', samples => 'crafts');

-- step: metric vendor_trade_rate
SELECT tally.create_metric('vendor_trade_rate', 'awf_gameplay_hourly',
        'vendor_trades::float8 / nullif(vendor_visits, 0)', unit => 'ratio',
    description => 'Visits to a vendor at which gold changed hands.', direction => 'up_is_good', samples => 'vendor_visits');

-- step: metric party_recruits_rate
SELECT tally.create_metric('party_recruits_rate', 'awf_gameplay_hourly',
        'npc_joins::float8 / nullif((npc_joins + npc_declines), 0)', unit => 'ratio',
    description => 'NPCs asked that joined.', direction => 'up_is_good', samples => 'npc_joins');

-- step: metric dialogue_candidate_avg
SELECT tally.create_metric('dialogue_candidate_avg', 'awf_gameplay_hourly',
        'dialogue_candidates::float8 / nullif(dialogues, 0)', unit => 'lines',
    description => 'Candidate lines per dialogue.', direction => 'neutral', samples => 'dialogues');

-- step: metric romance_consent_rate
SELECT tally.create_metric('romance_consent_rate', 'awf_gameplay_hourly',
        'romances_consented::float8 / nullif(romances, 0)', unit => 'ratio',
    description => 'Romance scenes with consent given.', direction => 'up_is_good', samples => 'romances');

-- step: metric event_trigger_rate
SELECT tally.create_metric('event_trigger_rate', 'awf_gameplay_hourly',
        'world_events_triggered::float8 / nullif(world_events, 0)', unit => 'ratio',
    description => 'Checks of a world event that triggered it.', direction => 'neutral', samples => 'world_events');

-- step: metric start_to_choice_rate
SELECT tally.create_metric('start_to_choice_rate', 'awf_funnel_daily',
        'first_choice_count::float8 / nullif(start_count, 0)', unit => 'ratio',
    description => 'Of the sessions that reached start, those that reached first choice.', direction => 'up_is_good', samples => 'start_count');

-- step: metric choice_to_npc_rate
SELECT tally.create_metric('choice_to_npc_rate', 'awf_funnel_daily',
        'first_npc_join_count::float8 / nullif(first_choice_count, 0)', unit => 'ratio',
    description => 'Of the sessions that reached first choice, those that reached first npc join.', direction => 'up_is_good',
        samples => 'first_choice_count');

-- step: metric npc_to_craft_rate
SELECT tally.create_metric('npc_to_craft_rate', 'awf_funnel_daily',
        'first_craft_count::float8 / nullif(first_npc_join_count, 0)', unit => 'ratio',
    description => 'Of the sessions that reached first npc join, those that reached first craft.', direction => 'up_is_good',
        samples => 'first_npc_join_count');

-- step: metric craft_to_vendor_rate
SELECT tally.create_metric('craft_to_vendor_rate', 'awf_funnel_daily',
        'first_vendor_count::float8 / nullif(first_craft_count, 0)', unit => 'ratio',
    description => 'Of the sessions that reached first craft, those that reached first vendor.', direction => 'up_is_good',
        samples => 'first_craft_count');

-- step: metric vendor_to_boss_rate
SELECT tally.create_metric('vendor_to_boss_rate', 'awf_funnel_daily',
        'first_boss_count::float8 / nullif(first_vendor_count, 0)', unit => 'ratio',
    description => 'Of the sessions that reached first vendor, those that reached first boss.', direction => 'up_is_good',
        samples => 'first_vendor_count');

-- step: metric boss_to_completion_rate
SELECT tally.create_metric('boss_to_completion_rate', 'awf_funnel_daily',
        'completion_count::float8 / nullif(first_boss_count, 0)', unit => 'ratio',
    description => 'Of the sessions that reached first boss, those that reached completion.', direction => 'up_is_good', samples => 'first_boss_count');

-- step: metric overall_completion_rate
SELECT tally.create_metric('overall_completion_rate', 'awf_funnel_daily',
        'completion_count::float8 / nullif(start_count, 0)', unit => 'ratio',
    description => 'Of the sessions that started, those that completed.', direction => 'up_is_good', samples => 'start_count');

-- step: metric funnel_start
SELECT tally.create_metric('funnel_start', 'awf_funnel_daily', 'start_count', unit => 'sessions',
    description => 'Sessions that reached the step start.', direction => 'up_is_good', samples => 'start_count');

-- step: metric funnel_first_choice
SELECT tally.create_metric('funnel_first_choice', 'awf_funnel_daily', 'first_choice_count', unit => 'sessions',
    description => 'Sessions that reached the step first choice.', direction => 'up_is_good', samples => 'start_count');

-- step: metric funnel_first_npc_join
SELECT tally.create_metric('funnel_first_npc_join', 'awf_funnel_daily', 'first_npc_join_count', unit => 'sessions',
    description => 'Sessions that reached the step first npc join.', direction => 'up_is_good', samples => 'start_count');

-- step: metric funnel_first_craft
SELECT tally.create_metric('funnel_first_craft', 'awf_funnel_daily', 'first_craft_count', unit => 'sessions',
    description => 'Sessions that reached the step first craft.', direction => 'up_is_good', samples => 'start_count');

-- step: metric funnel_first_vendor
SELECT tally.create_metric('funnel_first_vendor', 'awf_funnel_daily', 'first_vendor_count', unit => 'sessions',
    description => 'Sessions that reached the step first vendor.', direction => 'up_is_good', samples => 'start_count');

-- step: metric funnel_first_boss
SELECT tally.create_metric('funnel_first_boss', 'awf_funnel_daily', 'first_boss_count', unit => 'sessions',
    description => 'Sessions that reached the step first boss.', direction => 'up_is_good', samples => 'start_count');

-- step: metric funnel_completion
SELECT tally.create_metric('funnel_completion', 'awf_funnel_daily', 'completion_count', unit => 'sessions',
    description => 'Sessions that reached the step completion.', direction => 'up_is_good', samples => 'start_count');

-- step: metric softlock_hints
SELECT tally.create_metric('softlock_hints', 'awf_gameplay_hourly', 'softlock_hints', unit => 'hints',
    description => 'Hints given to players who seemed locked out.', direction => 'down_is_good', samples => 'softlock_hints');
