-- Owns: the boards of the pack awf: the six dashboards of the reference document, from overview to detail. Their numbers are live.

-- step: board awf_overview
SELECT tally.create_board('awf_overview', 'Overview', place => 10, since => '24 hours', variables => '{world,adventure,locale,variation,model}',
    description => 'Is the game well right now? Traffic, speed, quality, and what is open.', panels => $p$[
    {"title": "Turns", "metric": "turns", "picture": "stat", "width": 3, "why": "Traffic is what all rates are shares of.",
     "do": "A sudden drop with healthy latency is outside of the game: look at the site and the login."},
    {"title": "Sessions", "metric": "sessions", "picture": "stat", "width": 3,
     "why": "Turns without new sessions are old players alone.", "do": "With fewer, look at the site and where players come from."},
    {"title": "Latency, p95", "metric": "p95_latency_ms", "picture": "stat", "width": 3, "thresholds": ["awf latency"],
     "why": "Players leave when answers take long.", "do": "Lower the output token cap, or route long contexts to the faster model."},
    {"title": "Fallback rate", "metric": "fallback_rate", "picture": "stat", "width": 3, "thresholds": ["awf fallback rate"],
     "why": "A fallback is an answer that the model did not give.", "do": "Reduce the input token cap by 10 %, then look at the newest content."},
    {"title": "Latency by world, p95", "metric": "p95_latency_ms", "by": ["world"], "thresholds": ["awf latency"],
     "description": "How long nineteen of twenty answers took at most.", "runbook": "https://runbooks.example/awf/p95-latency-ms",
     "why": "One world alone is its content; all of them are the model.", "do": "Shorten the context of the slow world, or route it to the faster model."},
    {"title": "Turns over time", "metric": "turns", "picture": "bars", "description": "Turns taken.",
     "why": "It shows which hours are busy every day, and what happened once.", "do": "Compare a gap with the incidents below."},
    {"title": "Fallbacks, retries, repairs", "metrics": ["fallback_rate", "retry_rate", "validator_retry_rate"], "thresholds": ["awf fallback rate"],
     "description": "Shares of turns that did not go well at first.", "runbook": "https://runbooks.example/awf/fallback-rate",
     "why": "Each costs time and tokens, and reads worse.", "do": "Look which rose first: retries point to the model, repairs to the content."},
    {"title": "Open incidents and those of the range", "incidents": true, "area": "awf", "description": "Newest first, each with what to try.",
     "why": "It shows what somebody already works on.", "do": "Acknowledge what is yours, then try the first action."},
    {"title": "Limits", "slo": true, "area": "awf", "description": "What is watched, and whether it is within its limit.",
     "why": "A part without a check breaks and nobody notices.", "do": "Add a limit: tally.create_threshold()."},
    {"title": "Where players are stuck", "metric": "stuck_rate", "picture": "ranking", "by": ["adventure"], "board": "awf_narrative",
     "description": "Stuck signals per turn, the worst adventures.",
     "why": "A stuck player leaves.", "do": "Open the narrative board for the worst adventure."},
    {"title": "How fresh this is", "status": true, "width": 12,
     "description": "The rollups behind these numbers.", "why": "Numbers are exact at every moment; a rollup in error says what to do.",
     "do": "Run the statement in its reason."}
]$p$);

-- step: board awf_narrative
SELECT tally.create_board('awf_narrative', 'Narrative health', place => 20, since => '14 days', variables => '{world,adventure,locale,variation,model}',
    description => 'Where do players stop? Quest nodes, the way to completion, dialogue.', panels => $p$[
    {"title": "Start to completion", "metrics": ["funnel_start", "funnel_first_choice", "funnel_first_npc_join", "funnel_first_craft",
     "funnel_first_vendor", "funnel_first_boss", "funnel_completion"], "picture": "funnel", "description": "Sessions that came so far, in order.",
     "why": "The greatest loss is the step to work on first.", "do": "Play that step, then look at its quest nodes beside this."},
    {"title": "Quest nodes where players are stuck", "metric": "node_stuck_rate", "picture": "heatmap", "by": ["node"],
     "description": "Stuck signals per choice at a node, over time.", "do": "Soften the node's condition, or show its hint earlier.",
     "why": "One node can hold a whole adventure."},
    {"title": "Quest nodes at which sessions end", "metric": "node_drop_off_rate", "picture": "heatmap", "by": ["node"], "bucket": "1 day",
     "description": "Of the sessions that were at a node, those that ended there without completing, by the day on which they started.",
     "do": "Play the node with the darkest cells.", "why": "A player who leaves at the same place as others was sent away by it."},
    {"title": "Soft-lock hints per turn", "metric": "softlock_hints_rate", "picture": "line", "by": ["adventure"], "bucket": "1 day",
     "description": "Hints given to players who seemed locked out.", "why": "It compares adventures of different traffic.",
     "do": "Look at the quest nodes of the adventure with the most."},
    {"title": "Stuck rate", "metric": "stuck_rate", "by": ["adventure"], "thresholds": ["awf stuck rate"],
     "description": "Turns at which the objective had not moved for long.", "runbook": "https://runbooks.example/awf/stuck-rate",
     "why": "Above its limit, players give up.", "do": "Look at the quest nodes above for the same hours."},
    {"title": "Soft-lock hints", "metric": "softlock_hints", "picture": "bars",
     "why": "A hint that is often needed is a puzzle that is not fair.", "do": "Show it earlier, or make the objective plainer."},
    {"title": "Dialogue blocked by a cooldown", "metric": "dialogue_cooldown_block_rate", "description": "Share of dialogues that did not start.",
     "why": "A blocked dialogue feels like a bug.", "do": "Shorten the cooldown, or say when it ends."},
    {"title": "Diversity of choices", "metric": "choice_entropy_bits", "description": "2 bits: four options are equally common.",
     "why": "If all players take the same option, it is no choice.", "do": "Rewrite the options that nobody takes."},
    {"title": "Completion by adventure", "metric": "overall_completion_rate", "picture": "ranking", "by": ["adventure"],
     "description": "Sessions that reached the end.",
     "why": "It is the promise that an adventure makes.", "do": "Look where the worst one loses its players: the funnel above."},
    {"title": "Arc progress", "metric": "arc_progress_rate", "description": "Looks at an arc that found it advanced.",
     "why": "Players leave a story that does not go on.", "do": "Advance arcs on more kinds of scenes."}
]$p$);

-- step: board awf_economy
SELECT tally.create_board('awf_economy', 'Economy', place => 30, since => '14 days', variables => '{world,adventure,locale,variation,model}',
    description => 'Does gold keep its worth? What players receive, pay and make.', panels => $p$[
    {"title": "Gold in and out", "metrics": ["gold_inflow", "gold_outflow"], "bucket": "6 hours", "description": "What players received and paid.",
     "why": "More in than out, for long, makes every price too low.", "do": "Let players pay more before you lower rewards."},
    {"title": "Gold in by world", "metric": "gold_inflow", "picture": "ranking", "by": ["world"], "description": "Where gold comes from.",
     "why": "One source can flood all prices.", "do": "Lower what the first world of the list pays out."},
    {"title": "Margin of vendors", "metric": "vendor_margin", "by": ["world"], "bucket": "1 day", "description": "Earned on the worth of what was traded.",
     "why": "A margin below 0 makes gold out of nothing.", "do": "Raise the vendor's price of what sells most."},
    {"title": "Crafts that succeeded", "metric": "craft_success_rate", "by": ["world"], "bucket": "1 day", "description": "Share of all crafts.",
     "why": "Too few frustrate, too many make items worthless.", "do": "Change the difficulty of the recipes of that world."},
    {"title": "Visits to vendors with a trade", "metric": "vendor_trade_rate", "by": ["world"], "bucket": "1 day", "description": "Share of all visits.",
     "why": "A vendor without trades has the wrong goods.", "do": "Change the stock, or what it buys."},
    {"title": "Economy velocity", "metric": "econ_velocity", "by": ["world"], "bucket": "1 day", "description": "Gold gained less gold spent, per turn.",
     "why": "Above 0 for long, prices lose their meaning.", "do": "Compare gold in and out of that world."},
    {"title": "Items acquired per turn", "metric": "item_acquisition_rate", "by": ["world"], "bucket": "1 day",
     "description": "By loot; loot_rate counts the finds themselves.", "why": "A game that rewards too often rewards nothing.",
     "do": "Lower the chance of the commonest find."},
    {"title": "Items acquired", "metric": "econ_velocity_items", "picture": "bars", "bucket": "1 day", "description": "Items that players came by.",
     "why": "Items come faster than players can use them, or too slowly to matter.", "do": "Compare with crafts and trades above."}
]$p$);

-- step: board awf_party
SELECT tally.create_board('awf_party', 'Party and NPCs', place => 40, since => '14 days', variables => '{world,adventure,locale,variation,model}',
    description => 'Whom do players take along, and does it help?', panels => $p$[
    {"title": "NPCs that joined", "metric": "party_recruits_rate", "picture": "stat", "width": 4,
     "why": "Companions keep players.", "do": "Look at the world that recruits least."},
    {"title": "Dismissals per recruit", "metric": "npc_dismissal_rate", "picture": "stat", "width": 4,
     "why": "A companion that players dismiss did not help them.", "do": "Look at the checks that were delegated to it."},
    {"title": "Delegated checks passed", "metric": "delegated_check_pass_rate", "picture": "stat", "width": 4,
     "why": "It is what a companion is for.", "do": "Below one half nobody delegates: raise the NPCs' skills."},
    {"title": "Recruits by world", "metric": "party_recruits_rate", "by": ["world"], "bucket": "1 day", "description": "NPCs asked that joined.",
     "why": "It depends on which companions a world has.", "do": "Offer a companion earlier where few join."},
    {"title": "Delegated checks by world", "metric": "delegated_check_pass_rate", "by": ["world"], "bucket": "1 day",
     "description": "Checks delegated to an NPC that passed.",
     "why": "If checks are too hard, companions are of no use.", "do": "Lower its checks, or give its NPCs skills for them."},
    {"title": "Time to kill", "metrics": ["ttk_p50_seconds", "ttk_p90_seconds"], "bucket": "1 day", "description": "Median, and nine of ten fights.",
     "why": "Long fights bore, short ones say nothing.", "do": "Change the health of what is fought most."},
    {"title": "Spread of the time to kill", "metric": "ttk_p50_seconds", "picture": "histogram", "description": "Fights by how long they took.",
     "why": "Two peaks show two kinds of fights.", "do": "Balance each by itself."}
]$p$);

-- step: board awf_sim
SELECT tally.create_board('awf_sim', 'World simulation', place => 50, since => '14 days', variables => '{world,adventure,locale,variation,model}',
    description => 'Does the world live, and within bounds?', panels => $p$[
    {"title": "Events triggered", "metric": "event_trigger_rate", "by": ["world"], "bucket": "1 day",
     "description": "Checks of a world event that triggered it.",
     "why": "A world without events is a stage.", "do": "Raise the chances where few trigger."},
    {"title": "Drift of regions", "metric": "region_drift", "by": ["world"], "bucket": "1 day", "description": "From -1 to 1; 0 is in balance.",
     "do": "A region that drifts for days has a rule that nothing counters.",
     "why": "Drift adds up, and players feel it late."},
    {"title": "Events by world and adventure", "metric": "event_trigger_rate", "picture": "heatmap", "by": ["adventure", "world"],
     "description": "Over the whole range.",
     "why": "An adventure can keep a world's events from happening.", "do": "Look at the conditions of the nodes with pale cells."},
    {"title": "Weather", "metric": "weather_times", "picture": "bars", "by": ["weather"], "bucket": "1 day",
     "description": "How often each kind of weather began.", "why": "Weather changes what NPCs do.",
     "do": "If a kind is missing for days, look whether its table of chances lost it."},
    {"title": "Ticks of the simulation per turn", "metric": "sim_ticks_per_turn", "by": ["world"], "bucket": "1 day",
     "description": "How much of the world goes on beside the player.", "why": "If the simulation stands still, the world changes only where a player is.",
     "do": "Look at the worker of the simulation of a world that falls to 0."},
    {"title": "Ticks per turn", "metric": "avg_ticks", "by": ["world"], "bucket": "1 day", "description": "How fast time goes by.",
     "why": "Time that runs too fast makes events pass unseen.", "do": "Change what a turn costs in ticks."}
]$p$);

-- step: board awf_experiments
SELECT tally.create_board('awf_experiments', 'Experiments', place => 60, since => '30 days', variables => '{world,adventure,locale,experiment,variation,model}',
    description => 'What do the arms of experiments change?', panels => $p$[
    {"title": "Arms side by side", "metrics": ["turns", "p95_latency_ms", "fallback_rate", "retry_rate", "stuck_rate", "avg_in_tokens"],
     "picture": "table", "by": ["experiment", "variation"], "width": 12,
     "description": "Over the whole range. The panel below judges the differences.",
     "why": "A change that helps one number may harm another.",
     "do": "Read all columns of an arm before you praise one."},
    {"title": "What the experiments say", "experiments": true, "width": 12,
     "description": "Each experiment that awf_experiment() has defined: every metric and arm, its change against the control and the verdict.",
     "why": "A difference that is smaller than chance is none.", "do": "Wait for the verdict; then keep the winner, or end it."},
    {"title": "Completion by arm", "metric": "overall_completion_rate", "by": ["variation"], "bucket": "1 day",
     "description": "Sessions that reached the end.",
     "why": "It is what most experiments are for.", "do": "Read the verdict above before this line."},
    {"title": "Latency by arm, p95", "metric": "p95_latency_ms", "by": ["variation"], "bucket": "1 day", "thresholds": ["awf latency"],
     "why": "What an arm gains, it can lose again by being slower.", "do": "Shorten the arm's context."},
    {"title": "Fallbacks by arm", "metric": "fallback_rate", "by": ["variation"], "bucket": "1 day", "thresholds": ["awf fallback rate"],
     "why": "An arm can win on its metric and still fail more often.", "do": "Read its retries beside it."},
    {"title": "Turns beyond the token budget by arm", "metric": "token_overrun_rate", "by": ["variation"], "bucket": "1 day",
     "thresholds": ["awf token budget overrun"],
     "description": "Share of turns that cost more tokens than TOKEN_BUDGET of awf_settings.", "why": "The budget is what a turn may cost.",
     "do": "Reduce the input token cap by 10 %."},
    {"title": "Stuck rate by arm", "metric": "stuck_rate", "by": ["variation"], "bucket": "1 day", "thresholds": ["awf stuck rate"],
     "why": "A change of content can lock players in.", "do": "Play the arm's first adventure."}
]$p$);
