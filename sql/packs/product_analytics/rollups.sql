-- Owns: the rollups of the pack product_analytics. Days and weeks are those of the installing session's TimeZone, as in the document's
-- own SQL. Events are counted by quarter hours first, since all zones are whole quarter hours from UTC: of a day in
-- progress only what changed is counted again. Dimensions are cut, since keys hold no more than 2,700 bytes in all and one absurd row must not
-- stop a refresh.

-- step: rollup pa_events_15m
SELECT tally.create_rollup('pa_events_15m', source => 'analytics_events', time_column => 'event_time', bucket => '15 minutes',
    dimensions => $d$[{"event_type": "left(event_type, 500)"}, {"surface": "left(meta ->> 'surface', 100)"}]$d$,
    measures => '{"events": "count(*)", "without_user": "count(*) FILTER (WHERE user_id IS NULL)", "without_assignment": "count(*) FILTER (WHERE '
        'assignment_id IS NULL)", "last_seen": "max(event_time)"}',
    zone => current_setting('TimeZone'), description => 'Events by type and surface.');

-- step: rollup pa_events_daily
SELECT tally.create_rollup('pa_events_daily', source => 'pa_events_15m', bucket => '1 day', zone => current_setting('TimeZone'),
    description => 'Events by type and surface per day: the quarter hours, merged.');

-- step: rollup pa_conversion_daily
SELECT tally.create_rollup('pa_conversion_daily', source => 'pa_events_15m', bucket => '1 day', dimensions => '["surface"]',
    measures => $m${"views": "sum(events) FILTER (WHERE event_type = 'assignment_view')",
        "apply_clicks": "sum(events) FILTER (WHERE event_type = 'assignment_apply_click')",
                    "no_reply": "sum(events) FILTER (WHERE event_type = 'assignment_no_reply')",
                        "scams": "sum(events) FILTER (WHERE event_type = 'assignment_scam_report')",
                    "filled_reports": "sum(events) FILTER (WHERE event_type = 'assignment_filled_report')"}$m$,
    "where" => $w$event_type IN ('assignment_view', 'assignment_apply_click', 'assignment_no_reply', 'assignment_scam_report', 'assignment_filled_report')$w$,
    zone => current_setting('TimeZone'), description => 'Views, clicks to apply and dead ends per day: the quarter hours, side by side.');

-- step: rollup pa_user_days
SELECT tally.create_rollup('pa_user_days', source => 'analytics_events', time_column => 'event_time', bucket => '1 day',
                           dimensions => '[{"user_id": "left(user_id::text, 200)"}]',
    measures => $m${"active": "count(*) FILTER (WHERE event_type IN ('assignment_list_view', 'assignment_view', 'assignment_apply_click'))",
                    "tuned": "count(*) FILTER (WHERE event_type = 'preferences_update')"}$m$,
    "where" => $w$user_id IS NOT NULL AND event_type IN ('assignment_list_view', 'assignment_view', 'assignment_apply_click', 'preferences_update')$w$,
    schedule => '*/15 * * * *', zone => current_setting('TimeZone'), description => 'What each tutor did each day.');

-- step: rollup pa_user_weeks
SELECT tally.create_rollup('pa_user_weeks', source => 'pa_user_days', bucket => '7 days', schedule => '*/15 * * * *',
                           zone => current_setting('TimeZone'),
    description => 'What each tutor did each week: the days, merged.');

-- step: rollup pa_tutors_weekly
-- A tutor is one row per week, so counting rows counts tutors exactly; the sketch is for ranges of several weeks.
SELECT tally.create_rollup('pa_tutors_weekly', source => 'pa_user_weeks', bucket => '7 days', dimensions => '[]',
    measures => '{"wau": "count(*)", "active_users": "count(*) FILTER (WHERE active > 0)", "users_who_tuned": "count(*) FILTER (WHERE active > 0 AND tuned > '
        '0)", "tutors": "tally.hll(user_id)"}',
    schedule => '*/15 * * * *', zone => current_setting('TimeZone'), description => 'Tutors per week, each counted once.');

-- step: rollup pa_assignments_daily
SELECT tally.create_rollup('pa_assignments_daily', source => 'assignments', time_column => 'created_at', bucket => '1 day',
    measures => $m${"created": "count(*)", "open": "count(*) FILTER (WHERE status = 'open')", "not_open": "count(*) FILTER (WHERE status <> 'open')"}$m$,
    zone => current_setting('TimeZone'), description => 'Assignments per day on which they were offered, and what became of them.');

-- step: rollup pa_extractions_daily
SELECT tally.create_rollup('pa_extractions_daily', source => 'telegram_extractions', time_column => 'created_at', bucket => '1 day',
                           dimensions => '[{"status": "left(status::text, 200)"}]',
    measures => '{"n": "count(*)"}', zone => current_setting('TimeZone'), description => 'Extractions by outcome.');

-- step: rollup pa_clicks_daily
SELECT tally.create_rollup('pa_clicks_daily', source => 'assignment_clicks', time_column => 'last_click_at', bucket => '1 day',
    measures => '{"assignments_with_clicks": "count(*)", "total_clicks": "sum(clicks)"}',
    zone => current_setting('TimeZone'), description => 'Assignments broadcast to channels, by the day of their last click.');

-- step: rollup pa_run_progress
-- Progress and runs come in different tables: this is one side of the join, a row per run.
SELECT tally.create_rollup('pa_run_progress', source => 'ingestion_run_progress', key => 'run_id',
    measures => '{"parts": "count(*)", "errors": "sum(error_count)", "scanned": "sum(scanned_count)", "inserted": "sum(inserted_count)", "updated": '
        '"sum(updated_count)"}',
    description => 'What each ingestion run did.');

-- step: rollup pa_runs_daily
SELECT tally.create_rollup('pa_runs_daily', source => 'ingestion_runs', time_column => 'started_at', bucket => '1 day',
    measures => $m${"runs": "count(*)", "bad": "count(*) FILTER (WHERE status <> 'ok')"}$m$,
    zone => current_setting('TimeZone'), description => 'Ingestion runs, each once.');

-- step: rollup pa_filled_reports
-- And this is one side of time to fill: a row per assignment and moment of a report, so that each assignment's own clock can be read.
SELECT tally.create_rollup('pa_filled_reports', source => 'analytics_events', time_column => 'event_time', bucket => '1 day',
    dimensions => '[{"assignment_id": "left(assignment_id::text, 200)"}, {"moment": "extract(epoch FROM event_time)"}]',
        measures => '{"reported_at": "min(event_time)", "reports": "count(*)"}',
    "where" => $w$event_type = 'assignment_filled_report' AND assignment_id IS NOT NULL$w$,
    zone => current_setting('TimeZone'), description => 'When which assignment was reported as filled.');

-- step: rollup pa_first_reports
SELECT tally.create_rollup('pa_first_reports', source => 'pa_filled_reports', key => 'assignment_id', dimensions => '[]',
                           measures => '{"first_reported_at": "min(reported_at)", "reports": "sum(reports)"}',
    description => 'When each assignment was first reported as filled.');
