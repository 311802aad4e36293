-- Owns: the weekly KPIs for a range of dates, as the document's :start and :end: its first and last week may be parts of weeks. By default
-- from rollups; with exact => true the document's own query over the source tables. Both in the pack's time zone.

-- step: function product_weeks(date, date)
CREATE OR REPLACE FUNCTION product_weeks(since date, until date) RETURNS TABLE (week timestamptz, wau bigint, users_who_tuned bigint, active_users bigint)
-- Days are read by pages and not in the order of the index, which is that of tutors: PostgreSQL takes a day's rows for sorted, because days are, and read them
-- one by one all over the day.
LANGUAGE sql STABLE SET search_path FROM CURRENT SET jit = off SET enable_indexscan = off SET timezone FROM CURRENT AS $f$
    -- Whole weeks have been counted; of a part of a week, the tutors of its days are.
    SELECT r.bucket AS week, r.wau, r.users_who_tuned, r.active_users FROM pa_tutors_weekly_live r WHERE r.bucket >= since
        AND r.bucket + interval '7 days' <= until
    UNION ALL
    -- Each part is a range of its own, so that only its days are read.
    SELECT date_trunc('week', since::timestamptz), count(*), count(*) FILTER (WHERE d.did = 3), count(*) FILTER (WHERE d.did & 1 = 1)
      FROM (SELECT bit_or((r.active > 0)::int + 2 * (r.tuned > 0)::int) AS did FROM pa_user_days_live r
             WHERE r.bucket >= since AND r.bucket < least(until::timestamptz, date_trunc('week', since::timestamptz) + interval '7 days')
               AND isfinite(since)
               AND (date_trunc('week', since::timestamptz) < since OR until < date_trunc('week', since::timestamptz) + interval '7 days')
             GROUP BY r.user_id) d HAVING count(*) > 0
    UNION ALL
    SELECT date_trunc('week', until::timestamptz), count(*), count(*) FILTER (WHERE d.did = 3), count(*) FILTER (WHERE d.did & 1 = 1)
      FROM (SELECT bit_or((r.active > 0)::int + 2 * (r.tuned > 0)::int) AS did FROM pa_user_days_live r
             WHERE r.bucket >= date_trunc('week', until::timestamptz) AND r.bucket < until
               AND isfinite(until) AND date_trunc('week', since::timestamptz) <> date_trunc('week', until::timestamptz)
             GROUP BY r.user_id) d HAVING count(*) > 0
$f$;
COMMENT ON FUNCTION product_weeks(date, date) IS 'Tutors per week, for product_wau() and product_preference_tuning().';

-- step: function product_wau(date, date, boolean)
CREATE OR REPLACE FUNCTION product_wau(since date DEFAULT '-infinity', until date DEFAULT 'infinity',
    exact boolean DEFAULT false) RETURNS TABLE (week timestamptz, wau bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off SET timezone FROM CURRENT AS $f$
#variable_conflict use_column
BEGIN
    IF exact THEN
        RETURN QUERY
            SELECT date_trunc('week', event_time) AS week, count(DISTINCT user_id) AS wau
              FROM analytics_events
             WHERE user_id IS NOT NULL AND event_time >= since AND event_time < until
               AND event_type IN ('assignment_list_view', 'assignment_view', 'assignment_apply_click', 'preferences_update')
             GROUP BY 1 ORDER BY 1 DESC;
    ELSE
        RETURN QUERY SELECT x.week, x.wau FROM product_weeks(since, until) x ORDER BY 1 DESC;
    END IF;
END $f$;
COMMENT ON FUNCTION product_wau(date, date, boolean) IS
'Weekly active tutors. For dates from since up to but not until, the newest week first; exact: read from the source tables, not from rollups.';

-- step: function product_preference_tuning(date, date, boolean)
CREATE OR REPLACE FUNCTION product_preference_tuning(since date DEFAULT '-infinity', until date DEFAULT 'infinity',
    exact boolean DEFAULT false) RETURNS TABLE (week timestamptz, users_who_tuned bigint, active_users bigint, tune_rate numeric)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off SET timezone FROM CURRENT AS $f$
#variable_conflict use_column
BEGIN
    IF exact THEN
        RETURN QUERY
            WITH w AS (
                SELECT date_trunc('week', event_time) AS week, user_id FROM analytics_events
                 WHERE event_type = 'preferences_update' AND user_id IS NOT NULL AND event_time >= since AND event_time < until GROUP BY 1, 2
            ), active AS (
                SELECT date_trunc('week', event_time) AS week, user_id FROM analytics_events
                 WHERE user_id IS NOT NULL AND event_time >= since AND event_time < until
                     AND event_type IN ('assignment_list_view', 'assignment_view', 'assignment_apply_click') GROUP BY 1, 2
            )
            SELECT active.week, count(DISTINCT w.user_id) AS users_who_tuned, count(DISTINCT active.user_id) AS active_users,
                   round(count(DISTINCT w.user_id)::numeric / nullif(count(DISTINCT active.user_id), 0), 4) AS tune_rate
              FROM active LEFT JOIN w ON w.week = active.week AND w.user_id = active.user_id
             GROUP BY 1 ORDER BY 1 DESC;
    ELSE
        RETURN QUERY
            SELECT x.week, x.users_who_tuned, x.active_users, round(x.users_who_tuned::numeric / x.active_users, 4)
              FROM product_weeks(since, until) x WHERE x.active_users > 0 ORDER BY 1 DESC;
    END IF;
END $f$;
COMMENT ON FUNCTION product_preference_tuning(date, date, boolean) IS
'Preference tuning rate. For dates from since up to but not until, the newest week first; exact: read from the source tables, not from rollups.';

-- step: function product_apply_rate(date, date, boolean)
CREATE OR REPLACE FUNCTION product_apply_rate(since date DEFAULT '-infinity', until date DEFAULT 'infinity',
    exact boolean DEFAULT false) RETURNS TABLE (week timestamptz, views numeric, apply_clicks numeric, apply_rate numeric)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off SET timezone FROM CURRENT AS $f$
#variable_conflict use_column
BEGIN
    IF exact THEN
        RETURN QUERY
            WITH base AS (
                SELECT date_trunc('week', event_time) AS week, event_type, count(*) AS c FROM analytics_events
                 WHERE event_time >= since AND event_time < until AND event_type IN ('assignment_view', 'assignment_apply_click') GROUP BY 1, 2
            )
            SELECT week, sum(c) FILTER (WHERE event_type = 'assignment_view') AS views,
                sum(c) FILTER (WHERE event_type = 'assignment_apply_click') AS apply_clicks,
                   round((sum(c) FILTER (WHERE event_type = 'assignment_apply_click'))::numeric
                         / nullif(sum(c) FILTER (WHERE event_type = 'assignment_view'), 0), 4) AS apply_rate
              FROM base GROUP BY 1 ORDER BY 1 DESC;
    ELSE
        RETURN QUERY
            SELECT x.week, x.views, x.apply_clicks, round(x.apply_clicks / nullif(x.views, 0), 4)
              FROM (SELECT date_trunc('week', r.bucket) AS week, sum(r.views) AS views, sum(r.apply_clicks) AS apply_clicks FROM pa_conversion_daily_live r
                     WHERE r.bucket >= since AND r.bucket < until GROUP BY 1) x
             WHERE num_nonnulls(x.views, x.apply_clicks) > 0 ORDER BY 1 DESC;
    END IF;
END $f$;
COMMENT ON FUNCTION product_apply_rate(date, date, boolean) IS
'Apply rate. For dates from since up to but not until, the newest week first; exact: read from the source tables, not from rollups.';

-- step: function product_dead_end_rate(date, date, boolean)
CREATE OR REPLACE FUNCTION product_dead_end_rate(since date DEFAULT '-infinity', until date DEFAULT 'infinity',
    exact boolean DEFAULT false) RETURNS TABLE (week timestamptz, applies numeric, no_reply numeric, scams numeric, filled_reports numeric,
    dead_end_rate numeric)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off SET timezone FROM CURRENT AS $f$
#variable_conflict use_column
BEGIN
    IF exact THEN
        RETURN QUERY
            WITH w AS (
                SELECT date_trunc('week', event_time) AS week, event_type, count(*) AS c FROM analytics_events
                 WHERE event_time >= since AND event_time < until
                   AND event_type IN ('assignment_apply_click', 'assignment_no_reply', 'assignment_scam_report', 'assignment_filled_report') GROUP BY 1, 2
            )
            SELECT week, sum(c) FILTER (WHERE event_type = 'assignment_apply_click') AS applies,
                sum(c) FILTER (WHERE event_type = 'assignment_no_reply') AS no_reply,
                   sum(c) FILTER (WHERE event_type = 'assignment_scam_report') AS scams,
                       sum(c) FILTER (WHERE event_type = 'assignment_filled_report') AS filled_reports,
                   round((sum(c) FILTER (WHERE event_type IN ('assignment_no_reply', 'assignment_scam_report', 'assignment_filled_report')))::numeric
                         / nullif(sum(c) FILTER (WHERE event_type = 'assignment_apply_click'), 0), 4) AS dead_end_rate
              FROM w GROUP BY 1 ORDER BY 1 DESC;
    ELSE
        RETURN QUERY
            SELECT x.*, round((SELECT sum(v) FROM unnest(ARRAY[x.no_reply, x.scams, x.filled_reports]) v) / nullif(x.applies, 0), 4)
              FROM (SELECT date_trunc('week', r.bucket) AS week, sum(r.apply_clicks) AS applies, sum(r.no_reply) AS no_reply, sum(r.scams) AS scams,
                    sum(r.filled_reports) AS filled_reports
                      FROM pa_conversion_daily_live r WHERE r.bucket >= since AND r.bucket < until GROUP BY 1) x
             WHERE num_nonnulls(x.applies, x.no_reply, x.scams, x.filled_reports) > 0 ORDER BY 1 DESC;
    END IF;
END $f$;
COMMENT ON FUNCTION product_dead_end_rate(date, date, boolean) IS
'Dead-end rate. For dates from since up to but not until, the newest week first; exact: read from the source tables, not from rollups.';

-- step: function product_time_to_fill(date, date, boolean)
CREATE OR REPLACE FUNCTION product_time_to_fill(since date DEFAULT '-infinity', until date DEFAULT 'infinity',
    exact boolean DEFAULT false) RETURNS TABLE (week timestamptz, p50_hours_to_filled_report float8, p90_hours_to_filled_report float8, n bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off SET timezone FROM CURRENT AS $f$
#variable_conflict use_column
BEGIN
    IF exact THEN
        RETURN QUERY
            SELECT date_trunc('week', a.created_at) AS week,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM (e.event_time - a.created_at)) / 3600.0) AS p50_hours_to_filled_report,
                   percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM (e.event_time - a.created_at)) / 3600.0) AS p90_hours_to_filled_report,
                       count(*) AS n
              FROM analytics_events e JOIN assignments a ON a.id = e.assignment_id
             WHERE e.event_type = 'assignment_filled_report' AND e.assignment_id IS NOT NULL AND a.created_at >= since AND a.created_at < until
             GROUP BY 1 ORDER BY 1 DESC;
    ELSE
        RETURN QUERY
            SELECT date_trunc('week', r.created_at), percentile_cont(0.5) WITHIN GROUP (ORDER BY r.hours),
                percentile_cont(0.9) WITHIN GROUP (ORDER BY r.hours), count(*)
              FROM product_filled_reports r WHERE r.created_at >= since AND r.created_at < until GROUP BY 1 ORDER BY 1 DESC;
    END IF;
END $f$;
COMMENT ON FUNCTION product_time_to_fill(date, date, boolean) IS
'Time to fill. For dates from since up to but not until, the newest week first; exact: read from the source tables, not from rollups.';
