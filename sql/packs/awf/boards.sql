-- Owns: the boards of the pack awf: the six dashboards of the reference document, from overview to detail. Their numbers are live.

-- step: board awf_overview
SELECT tally.create_board('awf_overview', 'Overview', place => 10, since => '24 hours', variables => '{world,adventure,locale,variation,model}',
    description => 'Is the game well right now? Traffic, speed, quality, and what is open.', panels => $p$[
    {"title": "Turns", "metric": "turns", "picture": "stat", "width": 3, "why": "Traffic is what all rates are shares of.",
     "do": "A sudden drop with healthy latency is outside of the game: look at the site and the login."},
    {"title": "Sessions", "metric": "sessions", "picture": "stat", "width": 3},
    {"title": "Latency, p95", "metric": "p95_latency_ms", "picture": "stat", "width": 3, "thresholds": ["awf latency"],
     "why": "Players leave when answers take long.", "do": "Lower the output token cap, or route long contexts to the faster model."},
    {"title": "Fallback rate", "metric": "fallback_rate", "picture": "stat", "width": 3, "thresholds": ["awf fallback rate"],
     "why": "A fallback is an answer that the model did not give.", "do": "Reduce the input token cap by 10 %, then look at the newest content."},
    {"title": "Latency by world, p95", "metric": "p95_latency_ms", "by": ["world"], "thresholds": ["awf latency"],
     "description": "How long nineteen of twenty answers took at most.", "runbook": "https://runbooks.example/awf/p95-latency-ms"},
    {"title": "Turns over time", "metric": "turns", "picture": "bars", "description": "Turns taken."},
    {"title": "Fallbacks, retries, repairs", "metrics": ["fallback_rate", "retry_rate", "validator_retry_rate"], "thresholds": ["awf fallback rate"],
     "description": "Shares of turns that did not go well at first.", "runbook": "https://runbooks.example/awf/fallback-rate"},
    {"title": "Open incidents and those of the range", "incidents": true, "area": "awf", "description": "Newest first, each with what to try."},
    {"title": "Limits", "slo": true, "area": "awf", "description": "What is watched, and whether it is within its limit."},
    {"title": "Where players are stuck", "metric": "stuck_rate", "picture": "ranking", "by": ["adventure"], "board": "awf_narrative",
     "description": "Stuck signals per turn, the worst adventures."},
    {"title": "How fresh this is", "status": true, "width": 12}
]$p$);

-- step: board awf_narrative
SELECT tally.create_board('awf_narrative', 'Narrative health', place => 20, since => '14 days', variables => '{adventure}',
    description => 'Where do players stop? Quest nodes, the way to completion, dialogue.', panels => $p$[
    {"title": "Start to completion", "metrics": ["funnel_start", "funnel_first_choice", "funnel_first_npc_join", "funnel_first_craft",
     "funnel_first_vendor", "funnel_first_boss", "funnel_completion"], "picture": "funnel", "description": "Sessions that came so far, in order.",
     "why": "The greatest loss is the step to work on first.", "do": "Play that step, then look at its quest nodes beside this."},
    {"title": "Quest nodes where players are stuck", "metric": "node_stuck_rate", "picture": "heatmap", "by": ["node"],
     "description": "Stuck signals per choice at a node, over time.", "do": "Soften the node's condition, or show its hint earlier."},
    {"title": "Stuck rate", "metric": "stuck_rate", "by": ["adventure"], "thresholds": ["awf stuck rate"],
     "description": "Turns at which the objective had not moved for long.", "runbook": "https://runbooks.example/awf/stuck-rate"},
    {"title": "Soft-lock hints", "metric": "softlock_hints", "picture": "bars"},
    {"title": "Dialogue blocked by a cooldown", "metric": "dialogue_cooldown_block_rate", "description": "Share of dialogues that did not start."},
    {"title": "Diversity of choices", "metric": "choice_entropy_bits", "description": "2 bits: four options are equally common."},
    {"title": "Completion by adventure", "metric": "overall_completion_rate", "picture": "ranking", "by": ["adventure"],
     "description": "Sessions that reached the end."},
    {"title": "Arc progress", "metric": "arc_progress_rate", "description": "Looks at an arc that found it advanced."}
]$p$);

-- step: board awf_economy
SELECT tally.create_board('awf_economy', 'Economy', place => 30, since => '14 days', variables => '{world,adventure,variation}',
    description => 'Does gold keep its worth? What players receive, pay and make.', panels => $p$[
    {"title": "Gold in and out", "metrics": ["gold_inflow", "gold_outflow"], "bucket": "6 hours", "description": "What players received and paid.",
     "why": "More in than out, for long, makes every price too low.", "do": "Raise sinks before you lower rewards."},
    {"title": "Gold in by world", "metric": "gold_inflow", "picture": "ranking", "by": ["world"], "description": "Where gold comes from."},
    {"title": "Margin of vendors", "metric": "vendor_margin", "by": ["world"], "bucket": "1 day", "description": "Earned on the worth of what was traded."},
    {"title": "Crafts that succeeded", "metric": "craft_success_rate", "by": ["world"], "bucket": "1 day", "description": "Share of all crafts."},
    {"title": "Visits to vendors with a trade", "metric": "vendor_trade_rate", "by": ["world"], "bucket": "1 day", "description": "Share of all visits."},
    {"title": "Items acquired", "metric": "econ_velocity_items", "picture": "bars", "bucket": "1 day", "description": "Items that players came by."}
]$p$);

-- step: board awf_party
SELECT tally.create_board('awf_party', 'Party and NPCs', place => 40, since => '14 days', variables => '{world,adventure,variation}',
    description => 'Whom do players take along, and does it help?', panels => $p$[
    {"title": "NPCs that joined", "metric": "party_recruits_rate", "picture": "stat", "width": 4},
    {"title": "Dismissals per recruit", "metric": "npc_dismissal_rate", "picture": "stat", "width": 4},
    {"title": "Delegated checks passed", "metric": "delegated_check_pass_rate", "picture": "stat", "width": 4},
    {"title": "Recruits by world", "metric": "party_recruits_rate", "by": ["world"], "bucket": "1 day", "description": "NPCs asked that joined."},
    {"title": "Delegated checks by world", "metric": "delegated_check_pass_rate", "by": ["world"], "bucket": "1 day",
     "description": "Checks delegated to an NPC that passed."},
    {"title": "Time to kill", "metrics": ["ttk_p50_seconds", "ttk_p90_seconds"], "bucket": "1 day", "description": "Median, and nine of ten fights."},
    {"title": "Spread of the time to kill", "metric": "ttk_p50_seconds", "picture": "histogram", "description": "Fights by how long they took."}
]$p$);

-- step: board awf_sim
SELECT tally.create_board('awf_sim', 'World simulation', place => 50, since => '14 days', variables => '{world,adventure,variation}',
    description => 'Does the world live, and within bounds?', panels => $p$[
    {"title": "Events triggered", "metric": "event_trigger_rate", "by": ["world"], "bucket": "1 day",
     "description": "Checks of a world event that triggered it."},
    {"title": "Drift of regions", "metric": "region_drift", "by": ["world"], "bucket": "1 day", "description": "From -1 to 1; 0 is in balance.",
     "do": "A region that drifts for days has a rule that nothing counters."},
    {"title": "Events by world and adventure", "metric": "event_trigger_rate", "picture": "heatmap", "by": ["adventure", "world"],
     "description": "Over the whole range."},
    {"title": "Ticks per turn", "metric": "avg_ticks", "by": ["world"], "bucket": "1 day", "description": "How fast time goes by."}
]$p$);

-- step: board awf_experiments
SELECT tally.create_board('awf_experiments', 'Experiments', place => 60, since => '30 days', variables => '{world,adventure,experiment}',
    description => 'What do the arms of experiments change?', panels => $p$[
    {"title": "Arms side by side", "metrics": ["turns", "p95_latency_ms", "fallback_rate", "retry_rate", "stuck_rate", "avg_in_tokens"],
     "picture": "table", "by": ["experiment", "variation"], "width": 12,
     "description": "Over the whole range. tally.experiment_report() judges the differences.",
     "why": "A change that helps one number may harm another."},
    {"title": "Completion by arm", "metric": "overall_completion_rate", "by": ["variation"], "bucket": "1 day",
     "description": "Sessions that reached the end."},
    {"title": "Latency by arm, p95", "metric": "p95_latency_ms", "by": ["variation"], "bucket": "1 day", "thresholds": ["awf latency"]},
    {"title": "Fallbacks by arm", "metric": "fallback_rate", "by": ["variation"], "bucket": "1 day", "thresholds": ["awf fallback rate"]},
    {"title": "Stuck rate by arm", "metric": "stuck_rate", "by": ["variation"], "bucket": "1 day", "thresholds": ["awf stuck rate"]}
]$p$);
