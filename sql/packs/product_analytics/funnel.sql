-- Owns: the notification funnel: notify_sent, notify_click, view, click to apply, per tutor and assignment. A pair counts at the click when it first
-- clicked at or after its first notification (who clicked before was not brought by it), at the view when it viewed at or after that
-- click, at the apply when it then also clicked to apply at or after that click. Four times per pair say all of this exactly.

-- step: rollup pa_notifications
SELECT tally.create_rollup('pa_notifications', source => 'analytics_events', key => '["user_id", "assignment_id"]',
    measures => $m${"sent_at": "min(event_time) FILTER (WHERE event_type = 'notify_sent')",
        "clicked_at": "min(event_time) FILTER (WHERE event_type = 'notify_click')",
                    "last_view_at": "max(event_time) FILTER (WHERE event_type = 'assignment_view')",
                        "last_apply_at": "max(event_time) FILTER (WHERE event_type = 'assignment_apply_click')"}$m$,
    "where" => $w$event_type IN ('notify_sent', 'notify_click', 'assignment_view', 'assignment_apply_click') AND user_id IS NOT NULL $w$
        || $w$AND assignment_id IS NOT NULL$w$,
    schedule => '*/15 * * * *', description => 'What each tutor did about each assignment, notified or not.');

-- step: rollup pa_notification_funnel
SELECT tally.create_rollup('pa_notification_funnel', source => 'pa_notifications', time_column => 'sent_at', bucket => '1 day', dimensions => '[]',
    measures => '{"sent": "count(*)", "clicked": "count(*) FILTER (WHERE clicked_at >= sent_at)", "viewed": "count(*) FILTER (WHERE clicked_at >= sent_at '
        'AND last_view_at >= clicked_at)",
                  "applied": "count(*) FILTER (WHERE clicked_at >= sent_at AND last_view_at >= clicked_at AND last_apply_at >= clicked_at)",
                  "seconds_to_click": "tally.tdigest(extract(epoch FROM clicked_at - sent_at)::float8) FILTER (WHERE clicked_at >= sent_at)"}',
    schedule => '*/15 * * * *', zone => current_setting('TimeZone'), description => 'The notification funnel per day of the first notification.');

-- step: metric product_notify_click_rate
SELECT tally.create_metric('product_notify_click_rate', 'pa_notification_funnel', 'clicked::float8 / nullif(sent, 0)', unit => 'ratio',
    description => 'Notifications of an assignment that were clicked.', direction => 'up_is_good', samples => 'sent');

-- step: metric product_notify_apply_rate
SELECT tally.create_metric('product_notify_apply_rate', 'pa_notification_funnel', 'applied::float8 / nullif(sent, 0)', unit => 'ratio',
    description => 'Notifications of an assignment that led to a click to apply.', direction => 'up_is_good', samples => 'sent');

-- step: metric product_notify_seconds_to_click
SELECT tally.create_metric('product_notify_seconds_to_click', 'pa_notification_funnel', 'tally.percentile(seconds_to_click, 0.5)', unit => 's',
    description => 'Median seconds from notification to click.', direction => 'down_is_good', samples => 'clicked');

-- step: view product_notification_funnel
CREATE OR REPLACE VIEW product_notification_funnel AS
SELECT r.bucket AS day, r.sent, r.clicked, r.viewed, r.applied, round(r.clicked::numeric / nullif(r.sent, 0), 4) AS click_rate,
    round(r.viewed::numeric / nullif(r.clicked, 0), 4) AS view_rate,
       round(r.applied::numeric / nullif(r.viewed, 0), 4) AS apply_rate, round(r.applied::numeric / nullif(r.sent, 0), 4) AS overall_rate
  FROM pa_notification_funnel r;
COMMENT ON VIEW product_notification_funnel IS
'The notification funnel, of tutors and assignments by the day they were first notified, as of the last refresh of pa_notification_funnel.';
COMMENT ON COLUMN product_notification_funnel.day IS 'Start of the day of the first notification.';
COMMENT ON COLUMN product_notification_funnel.sent IS 'Tutors notified of an assignment.';
COMMENT ON COLUMN product_notification_funnel.clicked IS 'Of them, those whose first click came after it.';
COMMENT ON COLUMN product_notification_funnel.viewed IS 'Of them, those who viewed the assignment after the click.';
COMMENT ON COLUMN product_notification_funnel.applied IS 'Of them, those who clicked to apply after the click.';
COMMENT ON COLUMN product_notification_funnel.click_rate IS 'Clicked ÷ sent.';
COMMENT ON COLUMN product_notification_funnel.view_rate IS 'Viewed ÷ clicked.';
COMMENT ON COLUMN product_notification_funnel.apply_rate IS 'Applied ÷ viewed.';
COMMENT ON COLUMN product_notification_funnel.overall_rate IS 'Applied ÷ sent.';
