-- Owns: the relations of the reference document over the pack's rollups: awf_rollup_hourly, awf_rollup_daily and
-- awf_funnels_daily, with its columns and names. Identities are made of the key, so they never change.
--
-- The rates are numeric rounded to the document's four places without its limit on digits: a world with no turns but
-- ten fallbacks must not be an error. '(none)' is NULL again, as there.

-- step: view awf_rollup_hourly
CREATE OR REPLACE VIEW awf_rollup_hourly AS
SELECT md5(concat_ws(E'\x1f', extract(epoch FROM r.bucket), r.world, r.adventure, r.locale, r.model, r.experiment, r.variation))::uuid AS id,
       r.bucket AS date_hour,
       nullif(r.world, '(none)') AS world, nullif(r.adventure, '(none)') AS adventure, nullif(r.locale, '(none)') AS locale,
       nullif(r.model, '(none)') AS model, nullif(r.experiment, '(none)') AS experiment, nullif(r.variation, '(none)') AS variation,
       r.turns::int AS turns,
       tally.distinct_count(r.sessions)::int AS sessions,
       tally.percentile(r.latency, 0.95)::int AS p95_latency_ms,
       round(r.retries::numeric / nullif(r.turns, 0), 4) AS retry_rate,
       round(r.fallbacks::numeric / nullif(r.turns, 0), 4) AS fallback_rate,
       round(r.stuck::numeric / nullif(r.turns, 0), 4) AS stuck_rate,
       r.bucket + interval '1 hour' AS created_at
  FROM (SELECT bucket, world, adventure, locale, model, experiment, variation,
               sum(turns) AS turns, sum(retries) AS retries, sum(fallbacks) AS fallbacks, sum(stuck) AS stuck,
               tally.rollup(sessions) AS sessions, tally.rollup(latency) AS latency
          FROM awf_hourly GROUP BY bucket, world, adventure, locale, model, experiment, variation) r;
COMMENT ON VIEW awf_rollup_hourly IS
'Per hour: performance and quality by world, adventure, locale, model and experiment arm, as of the last refresh of awf_hourly.';
COMMENT ON COLUMN awf_rollup_hourly.id IS 'Made of the hour and the dimensions.';
COMMENT ON COLUMN awf_rollup_hourly.date_hour IS 'Start of the hour.';
COMMENT ON COLUMN awf_rollup_hourly.world IS 'World.';
COMMENT ON COLUMN awf_rollup_hourly.adventure IS 'Adventure.';
COMMENT ON COLUMN awf_rollup_hourly.locale IS 'Locale.';
COMMENT ON COLUMN awf_rollup_hourly.model IS 'Language model.';
COMMENT ON COLUMN awf_rollup_hourly.experiment IS 'Experiment.';
COMMENT ON COLUMN awf_rollup_hourly.variation IS 'Arm of the experiment.';
COMMENT ON COLUMN awf_rollup_hourly.turns IS 'Turns taken.';
COMMENT ON COLUMN awf_rollup_hourly.sessions IS 'Sessions with any event.';
COMMENT ON COLUMN awf_rollup_hourly.p95_latency_ms IS '95th percentile of latency over turns, in milliseconds.';
COMMENT ON COLUMN awf_rollup_hourly.retry_rate IS 'Retries per turn.';
COMMENT ON COLUMN awf_rollup_hourly.fallback_rate IS 'Fallbacks per turn.';
COMMENT ON COLUMN awf_rollup_hourly.stuck_rate IS 'Stuck signals per turn.';
COMMENT ON COLUMN awf_rollup_hourly.created_at IS 'End of the hour, from when the row can be whole.';

-- step: view awf_rollup_daily
CREATE OR REPLACE VIEW awf_rollup_daily AS
SELECT md5(concat_ws(E'\x1f', extract(epoch FROM r.bucket), r.world, r.adventure, r.locale, r.model, r.experiment, r.variation,
    r.content_version))::uuid AS id,
       (r.bucket AT TIME ZONE 'UTC')::date AS date,
       nullif(r.world, '(none)') AS world, nullif(r.adventure, '(none)') AS adventure, nullif(r.locale, '(none)') AS locale,
       nullif(r.model, '(none)') AS model, nullif(r.experiment, '(none)') AS experiment, nullif(r.variation, '(none)') AS variation,
       nullif(r.content_version, '(none)') AS content_version,
       r.turns::int AS turns,
       tally.distinct_count(r.sessions)::int AS sessions,
       tally.percentile(r.latency, 0.5)::int AS p50_latency_ms,
       tally.percentile(r.latency, 0.95)::int AS p95_latency_ms,
       round(r.tokens_in::numeric / nullif(r.turns, 0))::int AS avg_in_tokens,
       round(r.tokens_out::numeric / nullif(r.turns, 0))::int AS avg_out_tokens,
       round(r.retries::numeric / nullif(r.turns, 0), 4) AS retry_rate,
       round(r.fallbacks::numeric / nullif(r.turns, 0), 4) AS fallback_rate,
       round(r.validator_retries::numeric / nullif(r.turns, 0), 4) AS validator_retry_rate,
       round(r.stuck::numeric / nullif(r.turns, 0), 4) AS stuck_rate,
       round(r.ticks::numeric / nullif(r.turns, 0), 2) AS avg_ticks,
       round(r.tool_calls::numeric / nullif(r.turns, 0), 2) AS tool_calls_per_turn,
       round(r.acts::numeric / nullif(r.turns, 0), 2) AS acts_per_turn,
       round(r.choices::numeric / nullif(r.turns, 0), 2) AS choices_per_turn,
       round(coalesce(g.softlock_hints, 0)::numeric / nullif(r.turns, 0), 4) AS softlock_hints_rate,
       round(coalesce(g.gold, 0)::numeric / nullif(r.turns, 0), 2) AS econ_velocity,
       round(g.crafts_succeeded::numeric / nullif(g.crafts, 0), 4) AS craft_success_rate,
       round(g.vendor_trades::numeric / nullif(g.vendor_visits, 0), 4) AS vendor_trade_rate,
       round(g.npc_joins::numeric / nullif(g.npc_joins + g.npc_declines, 0), 4) AS party_recruits_rate,
       round(g.dialogue_candidates::numeric / nullif(g.dialogues, 0), 2) AS dialogue_candidate_avg,
       round(g.romances_consented::numeric / nullif(g.romances, 0), 4) AS romance_consent_rate,
       round(g.world_events_triggered::numeric / nullif(g.world_events, 0), 4) AS event_trigger_rate,
       r.bucket + interval '1 day' AS created_at,
       r.bucket + interval '1 day' AS updated_at
  FROM awf_daily r
  LEFT JOIN awf_gameplay_daily g USING (bucket, world, adventure, locale, model, experiment, variation, content_version);
COMMENT ON VIEW awf_rollup_daily IS
'Per day (UTC): performance, quality, gameplay, economy and dialogue by every dimension, as of the last refresh of awf_daily and awf_gameplay_daily.';
COMMENT ON COLUMN awf_rollup_daily.id IS 'Made of the day and the dimensions.';
COMMENT ON COLUMN awf_rollup_daily.date IS 'The day, in UTC.';
COMMENT ON COLUMN awf_rollup_daily.world IS 'World.';
COMMENT ON COLUMN awf_rollup_daily.adventure IS 'Adventure.';
COMMENT ON COLUMN awf_rollup_daily.locale IS 'Locale.';
COMMENT ON COLUMN awf_rollup_daily.model IS 'Language model.';
COMMENT ON COLUMN awf_rollup_daily.experiment IS 'Experiment.';
COMMENT ON COLUMN awf_rollup_daily.variation IS 'Arm of the experiment.';
COMMENT ON COLUMN awf_rollup_daily.content_version IS 'Release of the content.';
COMMENT ON COLUMN awf_rollup_daily.turns IS 'Turns taken.';
COMMENT ON COLUMN awf_rollup_daily.sessions IS 'Sessions with any event.';
COMMENT ON COLUMN awf_rollup_daily.p50_latency_ms IS 'Median latency over turns, in milliseconds.';
COMMENT ON COLUMN awf_rollup_daily.p95_latency_ms IS '95th percentile of latency over turns, in milliseconds.';
COMMENT ON COLUMN awf_rollup_daily.avg_in_tokens IS 'Tokens sent to the model per turn.';
COMMENT ON COLUMN awf_rollup_daily.avg_out_tokens IS 'Tokens received per turn.';
COMMENT ON COLUMN awf_rollup_daily.retry_rate IS 'Retries per turn.';
COMMENT ON COLUMN awf_rollup_daily.fallback_rate IS 'Fallbacks per turn.';
COMMENT ON COLUMN awf_rollup_daily.validator_retry_rate IS 'Repairs that the validator asked for, per turn.';
COMMENT ON COLUMN awf_rollup_daily.stuck_rate IS 'Stuck signals per turn.';
COMMENT ON COLUMN awf_rollup_daily.avg_ticks IS 'TIME_ADVANCE ticks per turn.';
COMMENT ON COLUMN awf_rollup_daily.tool_calls_per_turn IS 'Tool calls per turn.';
COMMENT ON COLUMN awf_rollup_daily.acts_per_turn IS 'Acts per turn.';
COMMENT ON COLUMN awf_rollup_daily.choices_per_turn IS 'Choices per turn.';
COMMENT ON COLUMN awf_rollup_daily.softlock_hints_rate IS 'Soft-lock hints per turn.';
COMMENT ON COLUMN awf_rollup_daily.econ_velocity IS 'Gold gained less gold spent, per turn.';
COMMENT ON COLUMN awf_rollup_daily.craft_success_rate IS 'Crafts that succeeded.';
COMMENT ON COLUMN awf_rollup_daily.vendor_trade_rate IS 'Visits to a vendor at which gold changed hands.';
COMMENT ON COLUMN awf_rollup_daily.party_recruits_rate IS 'NPCs asked that joined.';
COMMENT ON COLUMN awf_rollup_daily.dialogue_candidate_avg IS 'Candidate lines per dialogue.';
COMMENT ON COLUMN awf_rollup_daily.romance_consent_rate IS 'Romance scenes with consent given.';
COMMENT ON COLUMN awf_rollup_daily.event_trigger_rate IS 'Checks of a world event that triggered it.';
COMMENT ON COLUMN awf_rollup_daily.created_at IS 'End of the day, from when the row can be whole.';
COMMENT ON COLUMN awf_rollup_daily.updated_at IS 'The same; awf_daily is recomputed whenever events of the day change.';

-- step: view awf_funnels_daily
CREATE OR REPLACE VIEW awf_funnels_daily AS
SELECT md5(concat_ws(E'\x1f', extract(epoch FROM r.bucket), r.adventure, r.world, r.experiment, r.variation))::uuid AS id,
       (r.bucket AT TIME ZONE 'UTC')::date AS date,
       r.adventure, nullif(r.world, '(none)') AS world, nullif(r.experiment, '(none)') AS experiment, nullif(r.variation, '(none)') AS variation,
       r.start_count::int AS start_count,
       r.first_choice_count::int AS first_choice_count,
       r.first_npc_join_count::int AS first_npc_join_count,
       r.first_craft_count::int AS first_craft_count,
       r.first_vendor_count::int AS first_vendor_count,
       r.first_boss_count::int AS first_boss_count,
       r.completion_count::int AS completion_count,
       round(r.first_choice_count::numeric / nullif(r.start_count, 0), 4) AS start_to_choice_rate,
       round(r.first_npc_join_count::numeric / nullif(r.first_choice_count, 0), 4) AS choice_to_npc_rate,
       round(r.first_craft_count::numeric / nullif(r.first_npc_join_count, 0), 4) AS npc_to_craft_rate,
       round(r.first_vendor_count::numeric / nullif(r.first_craft_count, 0), 4) AS craft_to_vendor_rate,
       round(r.first_boss_count::numeric / nullif(r.first_vendor_count, 0), 4) AS vendor_to_boss_rate,
       round(r.completion_count::numeric / nullif(r.first_boss_count, 0), 4) AS boss_to_completion_rate,
       round(r.completion_count::numeric / nullif(r.start_count, 0), 4) AS overall_completion_rate,
       r.bucket + interval '1 day' AS created_at
  FROM awf_arm_funnel_daily r;
COMMENT ON VIEW awf_funnels_daily IS
'The funnel per day on which sessions started (UTC), by adventure, world and experiment arm, as of the last refresh of awf_arm_funnel_daily. A session counts '
'at a step when it took all steps up to it and their first times do not decrease.';
COMMENT ON COLUMN awf_funnels_daily.id IS 'Made of the day and the dimensions.';
COMMENT ON COLUMN awf_funnels_daily.date IS 'Day on which the sessions started, in UTC.';
COMMENT ON COLUMN awf_funnels_daily.adventure IS 'Adventure; ''(none)'' where sessions have none.';
COMMENT ON COLUMN awf_funnels_daily.world IS 'World.';
COMMENT ON COLUMN awf_funnels_daily.experiment IS 'Experiment.';
COMMENT ON COLUMN awf_funnels_daily.variation IS 'Arm of the experiment.';
COMMENT ON COLUMN awf_funnels_daily.start_count IS 'Sessions that started.';
COMMENT ON COLUMN awf_funnels_daily.first_choice_count IS 'Of them, those that made a choice.';
COMMENT ON COLUMN awf_funnels_daily.first_npc_join_count IS 'Of them, those that an NPC joined.';
COMMENT ON COLUMN awf_funnels_daily.first_craft_count IS 'Of them, those that crafted.';
COMMENT ON COLUMN awf_funnels_daily.first_vendor_count IS 'Of them, those that saw a vendor.';
COMMENT ON COLUMN awf_funnels_daily.first_boss_count IS 'Of them, those that met a boss.';
COMMENT ON COLUMN awf_funnels_daily.completion_count IS 'Of them, those that completed the adventure.';
COMMENT ON COLUMN awf_funnels_daily.start_to_choice_rate IS 'First choice ÷ start.';
COMMENT ON COLUMN awf_funnels_daily.choice_to_npc_rate IS 'First NPC join ÷ first choice.';
COMMENT ON COLUMN awf_funnels_daily.npc_to_craft_rate IS 'First craft ÷ first NPC join.';
COMMENT ON COLUMN awf_funnels_daily.craft_to_vendor_rate IS 'First vendor ÷ first craft.';
COMMENT ON COLUMN awf_funnels_daily.vendor_to_boss_rate IS 'First boss ÷ first vendor.';
COMMENT ON COLUMN awf_funnels_daily.boss_to_completion_rate IS 'Completion ÷ first boss.';
COMMENT ON COLUMN awf_funnels_daily.overall_completion_rate IS 'Completion ÷ start.';
COMMENT ON COLUMN awf_funnels_daily.created_at IS 'End of the day; a session that goes on past it still counts on it.';
