-- Owns: the boards of the pack publisher: how long publishing takes and what it earns, engagement by cost, and whether notifications land.

-- step: board publisher_overview
SELECT tally.create_board('publisher_overview', 'Publishing', place => 10, since => '30 days', refresh => '5 minutes', variables => '{namespace}',
    description => 'How fast is it published, who is the bottleneck, and does it pay?', panels => $p$[
    {"title": "Artifacts", "metric": "publisher_artifacts", "picture": "stat", "width": 3, "why": "All other numbers are means over these.",
     "do": "With fewer, look at the lanes below: one may have stopped."},
    {"title": "Turnaround, nine of ten", "metric": "publisher_p90_turnaround_seconds", "picture": "stat", "width": 3,
     "why": "From ingest to publication is what creators wait for.", "do": "See whether reviewers or machines take the time."},
    {"title": "Approval latency, nine of ten", "metric": "publisher_p90_approval_latency_seconds", "picture": "stat", "width": 3,
     "why": "It is the reviewers' part of the turnaround.", "do": "Add a reviewer to the lane with the longest."},
    {"title": "Webhook failures", "metric": "publisher_webhook_failure_rate", "picture": "stat", "width": 3,
     "why": "Nobody watches an artifact that is not announced.",
     "do": "Renew the credentials of the channel.", "board": "publisher_delivery"},
    {"title": "Turnaround and approval", "metrics": ["publisher_avg_turnaround_seconds", "publisher_avg_approval_latency_seconds"], "bucket": "1 day",
     "description": "Means by the day of publication.", "why": "If both rise alike, the reviewers are slow; if only the turnaround rises, the automation is.",
     "do": "Read the bottlenecks beside it."},
    {"title": "Who is the bottleneck", "relation": "publisher_bottlenecks", "order": "points_to",
     "columns": ["namespace", "points_to", "avg_turnaround_seconds", "before_avg_turnaround_seconds", "avg_approval_latency_seconds",
                 "before_avg_approval_latency_seconds"],
     "units": {"avg_turnaround_seconds": "seconds", "before_avg_turnaround_seconds": "seconds", "avg_approval_latency_seconds": "seconds",
               "before_avg_approval_latency_seconds": "seconds"},
     "description": "The last seven whole days against the seven before.", "why": "It names whom to help.",
     "do": "If it is the reviewers, move reviews between them; if it is the automation, look at the encoder's queue."},
    {"title": "Turnaround by lane", "metric": "publisher_p90_turnaround_seconds", "picture": "ranking", "by": ["namespace"],
     "description": "Nine of ten artifacts took less.", "why": "Lanes differ in what they publish.", "do": "Compare a lane with its own past first."},
    {"title": "Artifacts by lane", "metric": "publisher_artifacts", "picture": "area", "by": ["namespace"], "bucket": "1 day",
     "description": "Published, by the day.", "why": "A lane that stops has lost its source.", "do": "Ask its owner."},
    {"title": "Lanes: what they cost and earn", "metrics": ["publisher_artifacts", "publisher_views_per_processing_minute",
     "publisher_likes_per_processing_minute",
     "publisher_views_per_storage_gb", "publisher_views_per_egress_gb"], "picture": "table", "by": ["namespace"], "width": 12, "board": "publisher_engagement",
     "description": "Total engagement by total cost, over the range.", "why": "It says where a minute of processing is worth most.",
     "do": "Give the best lane what the worst one uses."},
    {"title": "How fresh this is", "status": true, "width": 12, "description": "The rollups behind these numbers.", "why": "All of it is exact now.",
     "do": "Run the statement in the reason."}
]$p$);

-- step: board publisher_engagement
SELECT tally.create_board('publisher_engagement', 'Engagement by cost', place => 20, since => '30 days', refresh => '5 minutes', variables => '{namespace}',
    description => 'What does a minute, a gigabyte stored and a gigabyte sent earn, and what is better pruned?', panels => $p$[
    {"title": "Views per processing minute", "metric": "publisher_views_per_processing_minute", "by": ["namespace"], "bucket": "1 day",
     "description": "By creator lane.", "why": "Processing is the dearest part.", "do": "Encode less where nobody looks."},
    {"title": "Views per GB stored", "metric": "publisher_views_per_storage_gb", "by": ["namespace"], "bucket": "1 day", "description": "By creator lane.",
     "why": "Storage is paid every month.", "do": "Repackage or delete the releases in the list below."},
    {"title": "Views per GB sent", "metric": "publisher_views_per_egress_gb", "picture": "ranking", "by": ["namespace"], "description": "By creator lane.",
     "why": "Few views per gigabyte mean that the files are too large.", "do": "Lower the bit rate of the lane at the end."},
    {"title": "Likes per processing minute", "metric": "publisher_likes_per_processing_minute", "picture": "ranking", "by": ["namespace"],
     "description": "By creator lane.", "why": "Likes bring the next view.", "do": "Ask the best lane what it does."},
    {"title": "Candidates for pruning or repackaging", "relation": "publisher_pruning_candidates", "order": "minutes_per_view desc", "width": 12,
     "columns": ["artifact_uri", "namespace", "published_at", "views", "processing_minutes", "minutes_per_view", "lane_views"],
     "description": "A week old or more, with fewer views and more minutes than their lane.", "why": "They cost most for what they earn.",
     "do": "Take them down, or repackage them smaller."}
]$p$);

-- step: board publisher_delivery
SELECT tally.create_board('publisher_delivery', 'Notifications', place => 30, since => '30 days', refresh => '5 minutes', variables => '{namespace}',
    description => 'Is each artifact announced, and does each channel take it?', panels => $p$[
    {"title": "Failures by channel", "metric": "publisher_webhook_failure_rate", "by": ["channel"], "bucket": "1 day",
     "description": "Notifications that the webhook did not take.", "why": "One channel alone is its credentials; all of them are rate limits.",
     "do": "Renew the webhook, or send slower."},
    {"title": "Channels over the range", "metric": "publisher_webhook_failure_rate", "picture": "ranking", "by": ["channel"],
     "description": "Share that failed, the worst first.", "why": "Old credentials fail for good.", "do": "Remove channels that are gone."},
    {"title": "Published against notified", "relation": "publisher_channel_health", "time": "day", "order": "day desc", "limit": 14,
     "columns": ["day", "namespace", "published", "notified", "delivered", "failed", "difference"],
     "description": "By day and lane; a difference above 0 is artifacts without a notification.", "why": "Nobody watches an artifact that is not announced.",
     "do": "Read the artifacts beside it."},
    {"title": "Artifacts of the last 24 hours with a problem", "relation": "publisher_delivery_problems", "order": "published_at desc",
     "columns": ["published_at", "namespace", "artifact_uri", "channel", "outcome"], "description": "Failed, unknown or not notified.",
     "why": "These can still be announced today.", "do": "Send their notification again."},
    {"title": "Failed webhooks", "relation": "publisher_failed_webhooks", "time": "published_at", "order": "published_at desc", "width": 12,
     "columns": ["published_at", "namespace", "channel", "artifact_uri", "notifications", "unknown"], "description": "Newest first.",
     "why": "A row here is an artifact that few have seen.", "do": "Look whether they share a channel, a lane or an hour."}
]$p$);
