-- Owns: the KPIs of the pack product_analytics as metrics and probes. A metric is a ratio of sums, or a sketch, so it is right over any
-- range. What needs a join of two tables (time to fill, errors of ingestion runs) is sampled by probes from the views.

-- step: metric product_events
SELECT tally.create_metric('product_events', 'pa_events_15m', 'events', unit => 'events',
    description => 'Events of all types; by => ''{event_type}'' for each.', direction => 'up_is_good', samples => 'events');

-- step: metric product_tutors
SELECT tally.create_metric('product_tutors', 'pa_tutors_weekly', 'tally.distinct_count(tutors)', unit => 'tutors',
    description => 'Active tutors, each counted once in the whole range: over a week the WAU.', direction => 'up_is_good', samples => 'wau');

-- step: metric product_tune_rate
SELECT tally.create_metric('product_tune_rate', 'pa_tutors_weekly', 'users_who_tuned::float8 / nullif(active_users, 0)', unit => 'ratio',
    description => 'Active tutors of a week who changed their preferences in it.', direction => 'neutral', samples => 'active_users');

-- step: metric product_apply_rate
SELECT tally.create_metric('product_apply_rate', 'pa_conversion_daily', 'apply_clicks::float8 / nullif(views, 0)', unit => 'ratio',
    description => 'Clicks to apply per view of an assignment.', direction => 'up_is_good', samples => 'views');

-- step: metric product_dead_end_rate
SELECT tally.create_metric('product_dead_end_rate', 'pa_conversion_daily',
    '(coalesce(no_reply, 0) + coalesce(scams, 0) + coalesce(filled_reports, 0))::float8 / nullif(apply_clicks, 0)', unit => 'ratio',
    description => 'Reports of no reply, scam and filled per click to apply.', direction => 'down_is_good', samples => 'apply_clicks');

-- step: metric product_assignments_created
SELECT tally.create_metric('product_assignments_created', 'pa_assignments_daily', 'created', unit => 'assignments',
    description => 'Assignments offered.', direction => 'up_is_good', samples => 'created');

-- step: metric product_open_share
SELECT tally.create_metric('product_open_share', 'pa_assignments_daily', 'open::float8 / nullif(open + not_open, 0)', unit => 'ratio',
    description => 'Assignments offered in the range that are open now.', direction => 'neutral', samples => 'created');

-- step: metric product_extractions
SELECT tally.create_metric('product_extractions', 'pa_extractions_daily', 'n', unit => 'extractions',
    description => 'Extractions; by => ''{status}'' for each outcome.', direction => 'neutral', samples => 'n');

-- step: metric product_bad_run_rate
SELECT tally.create_metric('product_bad_run_rate', 'pa_runs_daily', 'bad::float8 / nullif(runs, 0)', unit => 'ratio',
    description => 'Ingestion runs of another status than ok.', direction => 'down_is_good', samples => 'runs');

-- step: metric product_channel_clicks
SELECT tally.create_metric('product_channel_clicks', 'pa_clicks_daily', 'total_clicks', unit => 'clicks',
    description => 'Clicks, of all days, on assignments last clicked in the range.', direction => 'up_is_good', samples => 'assignments_with_clicks');

-- step: metric product_clicked_assignments
SELECT tally.create_metric('product_clicked_assignments', 'pa_clicks_daily', 'assignments_with_clicks', unit => 'assignments',
    description => 'Assignments last clicked in the range.', direction => 'up_is_good', samples => 'assignments_with_clicks');
