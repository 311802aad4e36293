-- Owns: the KPIs of the pack product_analytics as metrics and probes. A metric is a ratio of sums, or a sketch, so it is right over any
-- range. What needs a join of two tables (time to fill, errors of ingestion runs) is sampled by probes from the views.

INSERT INTO tally.pack_steps (pack, ordinal, kind, name, statement)
SELECT 'product_analytics', m.ordinal, 'metric', m.name,
    format('SELECT tally.create_metric(%L, %L, %L, unit => %L, description => %L, direction => %L, samples => %L)', m.name, m.rollup, m.expression, m.unit,
           m.description, m.direction, m.samples)
  FROM (VALUES
    (200, 'product_events', 'pa_events_15m', 'events', 'events', 'Events of all types; by => ''{event_type}'' for each.', 'up_is_good', 'events'),
    (201, 'product_tutors', 'pa_tutors_weekly', 'tally.distinct_count(tutors)', 'tutors',
     'Active tutors, each counted once in the whole range: over a week the WAU.', 'up_is_good', 'wau'),
    (202, 'product_tune_rate', 'pa_tutors_weekly', 'users_who_tuned::float8 / nullif(active_users, 0)', 'ratio',
     'Active tutors of a week who changed their preferences in it.', 'neutral', 'active_users'),
    (203, 'product_apply_rate', 'pa_conversion_daily', 'apply_clicks::float8 / nullif(views, 0)', 'ratio', 'Clicks to apply per view of an assignment.',
     'up_is_good', 'views'),
    (204, 'product_dead_end_rate', 'pa_conversion_daily',
     '(coalesce(no_reply, 0) + coalesce(scams, 0) + coalesce(filled_reports, 0))::float8 / nullif(apply_clicks, 0)', 'ratio',
        'Reports of no reply, scam and filled per click to apply.', 'down_is_good', 'apply_clicks'),
    (205, 'product_assignments_created', 'pa_assignments_daily', 'created', 'assignments', 'Assignments offered.', 'up_is_good', 'created'),
    (206, 'product_open_share', 'pa_assignments_daily', 'open::float8 / nullif(open + not_open, 0)', 'ratio',
     'Assignments offered in the range that are open now.', 'neutral', 'created'),
    (207, 'product_extractions', 'pa_extractions_daily', 'n', 'extractions', 'Extractions; by => ''{status}'' for each outcome.', 'neutral', 'n'),
    (208, 'product_bad_run_rate', 'pa_runs_daily', 'bad::float8 / nullif(runs, 0)', 'ratio', 'Ingestion runs of another status than ok.', 'down_is_good',
     'runs'),
    (209, 'product_channel_clicks', 'pa_clicks_daily', 'total_clicks', 'clicks', 'Clicks, of all days, on assignments last clicked in the range.',
     'up_is_good', 'assignments_with_clicks'),
    (210, 'product_clicked_assignments', 'pa_clicks_daily', 'assignments_with_clicks', 'assignments', 'Assignments last clicked in the range.',
     'up_is_good', 'assignments_with_clicks')
  ) m(ordinal, name, rollup, expression, unit, description, direction, samples)
UNION ALL
SELECT 'product_analytics', p.ordinal, 'probe', p.name,
    format('SELECT tally.create_probe(%L, %L, unit => %L, description => %L, direction => ''down_is_good'', every => ''1 hour'', keep => ''120 days'')',
           p.name, p.query, p.unit, p.description)
  FROM (VALUES
    (500, 'product_time_to_fill_p50',
     'SELECT p50_hours_to_filled_report AS value, n AS samples FROM product_time_to_fill WHERE week <= :as_of ORDER BY week DESC OFFSET 1 LIMIT 1', 'hours',
        'Median hours to a report of filled, for assignments of the week before.'),
    (501, 'product_time_to_fill_p90',
     'SELECT p90_hours_to_filled_report AS value, n AS samples FROM product_time_to_fill WHERE week <= :as_of ORDER BY week DESC OFFSET 1 LIMIT 1', 'hours',
        '90th percentile of the hours to a report of filled, for assignments of the week before.'),
    (502, 'product_ingestion_error_rate',
     'SELECT sum(errors) / nullif(sum(scanned), 0) AS value, sum(scanned) AS samples FROM product_ingestion_runs WHERE day > :as_of - interval ''7 days'' '
        'AND day <= :as_of', 'ratio', 'Errors per message looked at by the ingestion runs of seven days.')
  ) p(ordinal, name, query, unit, description);
