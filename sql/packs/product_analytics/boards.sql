-- Owns: the boards of the pack product_analytics: the KPIs with the funnel, the supply behind them, and what does not keep to the taxonomy.

-- step: metric product_notified
SELECT tally.create_metric('product_notified', 'pa_notification_funnel', 'sent', unit => 'pairs',
    description => 'Pairs of a tutor and an assignment that were notified.', direction => 'up_is_good', samples => 'sent');

-- step: metric product_notify_clicked
SELECT tally.create_metric('product_notify_clicked', 'pa_notification_funnel', 'clicked', unit => 'pairs',
    description => 'Of them, those that were clicked.', direction => 'up_is_good', samples => 'sent');

-- step: metric product_notify_viewed
SELECT tally.create_metric('product_notify_viewed', 'pa_notification_funnel', 'viewed', unit => 'pairs',
    description => 'Of them, those that were then viewed.', direction => 'up_is_good', samples => 'sent');

-- step: metric product_notify_applied
SELECT tally.create_metric('product_notify_applied', 'pa_notification_funnel', 'applied', unit => 'pairs',
    description => 'Of them, those that led to a click to apply.', direction => 'up_is_good', samples => 'sent');

-- step: board product_overview
SELECT tally.create_board('product_overview', 'Product', place => 10, since => '28 days', refresh => '5 minutes',
    description => 'Is the loop working? Tutors come, find assignments, apply, and hear back.', panels => $p$[
    {"title": "Active tutors", "metric": "product_tutors", "picture": "stat", "width": 3, "why": "All other numbers are shares of these.",
     "do": "With fewer, look whether fewer are notified (the funnel below) or fewer assignments are offered."},
    {"title": "Apply rate", "metric": "product_apply_rate", "picture": "stat", "width": 3, "why": "It says whether what is shown fits who looks.",
     "do": "Compare the surfaces below; tune the order of the list."},
    {"title": "Dead-end rate", "metric": "product_dead_end_rate", "picture": "stat", "width": 3, "why": "A tutor who hears nothing applies less.",
     "do": "Close assignments that are filled sooner; look for the channel with the scams."},
    {"title": "Tuned their preferences", "metric": "product_tune_rate", "picture": "stat", "width": 3,
     "why": "Tutors who tune their preferences get better matches.",
     "do": "Ask for preferences after a view without a click."},
    {"title": "Notified to applied", "metrics": ["product_notified", "product_notify_clicked", "product_notify_viewed", "product_notify_applied"],
     "picture": "funnel", "description": "Pairs of a tutor and an assignment, each step after the one before.",
     "why": "The greatest loss is the step to work on first.", "do": "Few clicks: better matching. Few views: a slow page. Few applies: what the page says."},
    {"title": "Apply rate by surface", "metric": "product_apply_rate", "by": ["surface"], "bucket": "1 day",
     "description": "Clicks to apply per view, by where the view was.", "why": "Surfaces differ more than days do.", "do": "Move the best surface up."},
    {"title": "Active tutors by the week", "metric": "product_tutors", "picture": "bars", "description": "Each counted once a week.",
     "why": "The weekly count is the growth that stays.", "do": "Look at the week's notifications before its content."},
    {"title": "Dead ends", "metric": "product_dead_end_rate", "bucket": "1 day", "description": "Reports of no reply, scam and filled per click to apply.",
     "why": "It can exceed 1, because one click can have two ends.", "do": "Read which report rose, on the board of events.", "board": "product_taxonomy"},
    {"title": "Time to click", "metric": "product_notify_seconds_to_click", "bucket": "1 day", "description": "Median from notification to click.",
     "why": "The first tutor who answers gets the assignment.", "do": "Send at the hours in which tutors answer."},
    {"title": "Events by type", "metric": "product_events", "picture": "ranking", "by": ["event_type"], "description": "How often each happened.",
     "why": "If a type stops, a release of the client no longer sends it.", "do": "Look at what does not keep to the taxonomy.", "board": "product_taxonomy"},
    {"title": "How fresh this is", "status": true, "width": 12, "description": "The rollups behind these numbers.",
     "why": "Tutors and the funnel are counted every 15 minutes; all else is exact now.", "do": "Run the statement in the reason."}
]$p$);

-- step: board product_supply
SELECT tally.create_board('product_supply', 'Supply', place => 20, since => '28 days', refresh => '5 minutes',
    description => 'Are there assignments to apply for, and do they come in whole?', panels => $p$[
    {"title": "Assignments offered", "metric": "product_assignments_created", "picture": "stat", "width": 4,
     "why": "Tutors leave when there are too few assignments.",
     "do": "Look at the ingestion below, then at the channels."},
    {"title": "Still open", "metric": "product_open_share", "picture": "stat", "width": 4,
     "why": "A tutor who opens an assignment that is filled has wasted the click.",
     "do": "Close the oldest assignments."},
    {"title": "Runs that went wrong", "metric": "product_bad_run_rate", "picture": "stat", "width": 4, "why": "A failed run is assignments that nobody sees.",
     "do": "Read its error in ingestion_runs."},
    {"title": "Offered by the day", "metric": "product_assignments_created", "picture": "bars", "bucket": "1 day",
     "description": "Assignments by the day of the offer.",
     "why": "It rises and falls with the school year.", "do": "Compare with the same weeks of last year."},
    {"title": "Hours to a report of filled", "relation": "product_time_to_fill", "time": "week", "columns": ["p50_hours_to_filled_report",
     "p90_hours_to_filled_report"],
     "picture": "line", "unit": "hours", "description": "Median and slowest tenth, by the week of the offer.", "why": "Fast means that matching works.",
     "do": "Recent weeks hold only the fast ones so far: read weeks that are a month old."},
    {"title": "Outcomes of extraction", "metric": "product_extractions", "picture": "area", "by": ["status"], "bucket": "1 day",
     "description": "Messages by what became of them.",
     "why": "A message that is not extracted becomes no assignment.", "do": "Read the rejected ones of a day on which they rise."},
    {"title": "Ingestion runs that went wrong", "metric": "product_bad_run_rate", "bucket": "1 day", "description": "Share of runs of another status than ok.",
     "why": "One bad run delays assignments; many bad runs lose them.", "do": "Run it again."},
    {"title": "Clicks in the channels", "metrics": ["product_clicked_assignments"], "picture": "bars", "bucket": "1 day",
     "description": "Assignments by the day on which they were last clicked.", "why": "It is the reach of a broadcast.",
     "do": "Compare with the assignments offered."}
]$p$);

-- step: board product_taxonomy
SELECT tally.create_board('product_taxonomy', 'Events and their taxonomy', place => 30, since => '28 days', refresh => '5 minutes',
    description => 'Do events say what was agreed? Numbers stand on them.', panels => $p$[
    {"title": "What does not keep to the taxonomy", "relation": "product_event_problems", "order": "events desc", "limit": 30, "width": 12,
     "description": "Types that are unknown, keys that are missing, values that are not allowed; over all of history.",
     "why": "A number over wrong events is wrong.", "do": "Mend the client, or add the key to analytics_event_keys."},
    {"title": "Events by type", "metric": "product_events", "picture": "ranking", "by": ["event_type"], "limit": 20, "description": "How often each happened.",
     "why": "If a type stops, a release of the client no longer sends it.", "do": "Look at the day on which it stopped."},
    {"title": "Events by type over time", "metric": "product_events", "by": ["event_type"], "bucket": "1 day", "description": "The most frequent.",
     "why": "A fall of one type alone is a fault; of all, a quiet day.", "do": "Find the release of that day."},
    {"title": "Where they come from", "metric": "product_events", "picture": "heatmap", "by": ["event_type", "surface"], "width": 12,
     "description": "Events by type and surface; (none) where meta names none.", "why": "A surface that is not named cannot be compared.",
     "do": "Send the surface with the event."}
]$p$);
