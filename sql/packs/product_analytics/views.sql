-- Owns: the KPI queries of the reference document as views, under the document's column names and in its order, exact at every moment: they read live
-- views. Two views join a rollup with a table at the grain of the entity (a run, an assignment), so that late changes on either side show.

-- step: view product_event_volume
CREATE OR REPLACE VIEW product_event_volume AS
SELECT r.bucket AS day, r.event_type, sum(r.events)::bigint AS events FROM pa_events_daily_live r GROUP BY 1, 2
 ORDER BY 1 DESC, 3 DESC, 2;
COMMENT ON VIEW product_event_volume IS 'Event volume by day and type.';
COMMENT ON COLUMN product_event_volume.day IS 'Start of the day.';
COMMENT ON COLUMN product_event_volume.event_type IS 'Type of the event.';
COMMENT ON COLUMN product_event_volume.events IS 'How many.';

-- step: view product_wau
CREATE OR REPLACE VIEW product_wau AS SELECT r.bucket AS week, r.wau FROM pa_tutors_weekly_live r ORDER BY 1 DESC;
COMMENT ON VIEW product_wau IS
'Weekly active tutors: tutors who saw a list or an assignment, clicked to apply or changed their preferences.';
COMMENT ON COLUMN product_wau.week IS 'Start of the week, a Monday.';
COMMENT ON COLUMN product_wau.wau IS 'Different tutors, counted exactly.';

-- step: view product_preference_tuning
CREATE OR REPLACE VIEW product_preference_tuning AS
SELECT r.bucket AS week, r.users_who_tuned, r.active_users, round(r.users_who_tuned::numeric / nullif(r.active_users, 0), 4) AS tune_rate
  FROM pa_tutors_weekly_live r WHERE r.active_users > 0 ORDER BY 1 DESC;
COMMENT ON VIEW product_preference_tuning IS
'Preference tuning rate: of the tutors who looked or clicked in a week, those who changed their preferences in it too.';
COMMENT ON COLUMN product_preference_tuning.week IS 'Start of the week, a Monday.';
COMMENT ON COLUMN product_preference_tuning.users_who_tuned IS 'Active tutors who changed their preferences, counted exactly.';
COMMENT ON COLUMN product_preference_tuning.active_users IS 'Tutors who saw a list or an assignment, or clicked to apply, counted exactly.';
COMMENT ON COLUMN product_preference_tuning.tune_rate IS 'Their quotient.';

-- step: view product_apply_rate
DO $do$ BEGIN EXECUTE format($v$
CREATE OR REPLACE VIEW product_apply_rate AS
SELECT x.week, x.views, x.apply_clicks, round(x.apply_clicks / nullif(x.views, 0), 4) AS apply_rate
  FROM (SELECT date_trunc('week', r.bucket, %L) AS week, sum(r.views) AS views, sum(r.apply_clicks) AS apply_clicks FROM pa_conversion_daily_live r
        GROUP BY 1) x
 WHERE num_nonnulls(x.views, x.apply_clicks) > 0 ORDER BY 1 DESC$v$, current_setting('TimeZone')); END $do$;
COMMENT ON VIEW product_apply_rate IS 'Apply rate: clicks to apply per view of an assignment.';
COMMENT ON COLUMN product_apply_rate.week IS 'Start of the week, a Monday.';
COMMENT ON COLUMN product_apply_rate.views IS 'Views of assignments; null when there were none.';
COMMENT ON COLUMN product_apply_rate.apply_clicks IS 'Clicks to apply; null when there were none.';
COMMENT ON COLUMN product_apply_rate.apply_rate IS 'Their quotient; null where one of them is.';

-- step: view product_dead_end_rate
DO $do$ BEGIN EXECUTE format($v$
CREATE OR REPLACE VIEW product_dead_end_rate AS
SELECT x.*, round((SELECT sum(v) FROM unnest(ARRAY[x.no_reply, x.scams, x.filled_reports]) v) / nullif(x.applies, 0), 4) AS dead_end_rate
  FROM (SELECT date_trunc('week', r.bucket, %L) AS week, sum(r.apply_clicks) AS applies, sum(r.no_reply) AS no_reply, sum(r.scams) AS scams,
        sum(r.filled_reports) AS filled_reports
          FROM pa_conversion_daily_live r GROUP BY 1) x
 WHERE num_nonnulls(x.applies, x.no_reply, x.scams, x.filled_reports) > 0 ORDER BY 1 DESC$v$, current_setting('TimeZone')); END $do$;
COMMENT ON VIEW product_dead_end_rate IS 'Dead-end rate: reports of no reply, scam and filled per click to apply.';
COMMENT ON COLUMN product_dead_end_rate.week IS 'Start of the week, a Monday.';
COMMENT ON COLUMN product_dead_end_rate.applies IS 'Clicks to apply; null when there were none.';
COMMENT ON COLUMN product_dead_end_rate.no_reply IS 'Reports that nobody replied; null when there were none.';
COMMENT ON COLUMN product_dead_end_rate.scams IS 'Reports of scams; null when there were none.';
COMMENT ON COLUMN product_dead_end_rate.filled_reports IS 'Reports that the assignment was filled already; null when there were none.';
COMMENT ON COLUMN product_dead_end_rate.dead_end_rate IS 'The three together per click to apply; null when there were no clicks, or none of the three.';

-- step: view product_market_supply
CREATE OR REPLACE VIEW product_market_supply AS SELECT r.bucket AS day, r.created, r.open, r.not_open FROM pa_assignments_daily_live r
 ORDER BY 1 DESC;
COMMENT ON VIEW product_market_supply IS 'Market supply: assignments offered per day, and how many of them are open now.';
COMMENT ON COLUMN product_market_supply.day IS 'Start of the day on which they were offered.';
COMMENT ON COLUMN product_market_supply.created IS 'Assignments offered.';
COMMENT ON COLUMN product_market_supply.open IS 'Of them, open now.';
COMMENT ON COLUMN product_market_supply.not_open IS 'Of them, of another status now; one without a status is in neither.';

-- step: view product_filled_reports
DO $do$ BEGIN EXECUTE (SELECT format($v$
CREATE OR REPLACE VIEW product_filled_reports AS
SELECT a.id AS assignment_id, a.created_at, r.reported_at, h.hours
  FROM (SELECT x.assignment_id::%s AS assignment_id, x.reported_at, x.reports FROM pa_filled_reports_live x) r
  JOIN assignments a ON a.id = r.assignment_id
       -- As often as there were reports at that very moment.
 CROSS JOIN LATERAL unnest(array_fill(extract(epoch FROM (r.reported_at - a.created_at)) / 3600.0, ARRAY[r.reports::int])) h(hours)$v$,
    format_type(c.atttypid, NULL)) FROM pg_catalog.pg_attribute c WHERE c.attrelid = 'assignments'::regclass AND c.attname = 'id'); END $do$;
COMMENT ON VIEW product_filled_reports IS 'Reports that an assignment was filled, with the hours since it was offered.';
COMMENT ON COLUMN product_filled_reports.assignment_id IS 'The assignment.';
COMMENT ON COLUMN product_filled_reports.created_at IS 'When it was offered.';
COMMENT ON COLUMN product_filled_reports.reported_at IS 'When it was reported as filled.';
COMMENT ON COLUMN product_filled_reports.hours IS 'Hours from the one to the other.';

-- step: view product_time_to_fill
DO $do$ BEGIN EXECUTE format($v$
CREATE OR REPLACE VIEW product_time_to_fill AS
SELECT date_trunc('week', r.created_at, %L) AS week,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.hours) AS p50_hours_to_filled_report,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY r.hours) AS p90_hours_to_filled_report, count(*) AS n
  FROM product_filled_reports r GROUP BY 1 ORDER BY 1 DESC$v$, current_setting('TimeZone')); END $do$;
COMMENT ON VIEW product_time_to_fill IS
    'Time to fill, a proxy: hours from the offer of an assignment to reports that it was filled, by the week of the offer.';
COMMENT ON COLUMN product_time_to_fill.week IS 'Start of the week, a Monday.';
COMMENT ON COLUMN product_time_to_fill.p50_hours_to_filled_report IS 'Median over all reports, as the document''s query computes it.';
COMMENT ON COLUMN product_time_to_fill.p90_hours_to_filled_report IS '90th percentile over all reports.';
COMMENT ON COLUMN product_time_to_fill.n IS 'All reports.';

-- step: view product_time_to_first_fill
DO $do$ BEGIN EXECUTE (SELECT format($v$
CREATE OR REPLACE VIEW product_time_to_first_fill AS
SELECT date_trunc('week', x.created_at, %L) AS week, percentile_cont(0.5) WITHIN GROUP (ORDER BY x.hours) AS p50_hours_to_first_report,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY x.hours) AS p90_hours_to_first_report, count(*) AS assignments
  FROM (SELECT a.created_at, extract(epoch FROM (r.first_reported_at - a.created_at)) / 3600.0 AS hours
          FROM (SELECT y.assignment_id::%s AS assignment_id,
              y.first_reported_at FROM pa_first_reports_live y) r JOIN assignments a ON a.id = r.assignment_id) x
 GROUP BY 1 ORDER BY 1 DESC$v$, current_setting('TimeZone'), format_type(c.atttypid, NULL)) FROM pg_catalog.pg_attribute c
     WHERE c.attrelid = 'assignments'::regclass
     AND c.attname = 'id'); END $do$;
COMMENT ON VIEW product_time_to_first_fill IS
'Time to fill as the document''s heading has it: hours from the offer of an assignment to the first report that it was filled, by the week of the offer.';
COMMENT ON COLUMN product_time_to_first_fill.week IS 'Start of the week, a Monday.';
COMMENT ON COLUMN product_time_to_first_fill.p50_hours_to_first_report IS 'Median.';
COMMENT ON COLUMN product_time_to_first_fill.p90_hours_to_first_report IS '90th percentile.';
COMMENT ON COLUMN product_time_to_first_fill.assignments IS 'Assignments reported as filled.';

-- step: view product_extraction_outcomes
CREATE OR REPLACE VIEW product_extraction_outcomes AS SELECT r.bucket AS day, nullif(r.status, '(none)') AS status, r.n FROM pa_extractions_daily_live r
 ORDER BY 1 DESC, 3 DESC, 2;
COMMENT ON VIEW product_extraction_outcomes IS 'Pipeline health: extractions by day and outcome.';
COMMENT ON COLUMN product_extraction_outcomes.day IS 'Start of the day.';
COMMENT ON COLUMN product_extraction_outcomes.status IS 'Outcome.';
COMMENT ON COLUMN product_extraction_outcomes.n IS 'How many.';

-- step: view product_ingestion_runs
DO $do$ BEGIN EXECUTE (SELECT format($v$
CREATE OR REPLACE VIEW product_ingestion_runs AS
SELECT x.*, round(x.bad_runs::numeric / nullif(x.ok_runs + x.bad_runs, 0), 4) AS bad_run_rate, round(x.errors / nullif(x.scanned, 0), 4) AS error_rate
  FROM (SELECT date_trunc('day', r.started_at, %L) AS day, sum(coalesce(p.parts, 1))::bigint AS runs,
        coalesce(sum(coalesce(p.parts, 1)) FILTER (WHERE r.status = 'ok'), 0)::bigint AS ok_runs,
               coalesce(sum(coalesce(p.parts, 1)) FILTER (WHERE r.status <> 'ok'), 0)::bigint AS bad_runs,
               sum(p.errors)::numeric AS errors, sum(p.scanned)::numeric AS scanned, sum(p.inserted)::numeric AS inserted,
                   sum(p.updated)::numeric AS updated, count(*) AS distinct_runs
          FROM ingestion_runs r LEFT JOIN (SELECT y.run_id::%s AS run_id, y.parts, y.errors, y.scanned, y.inserted, y.updated FROM pa_run_progress_live y
                                           WHERE y.run_id <> '(none)') p ON p.run_id = r.id
              GROUP BY 1) x ORDER BY 1 DESC$v$, current_setting('TimeZone'), format_type(c.atttypid, NULL)) FROM pg_catalog.pg_attribute c
              WHERE c.attrelid = 'ingestion_runs'::regclass AND c.attname = 'id'); END $do$;
COMMENT ON VIEW product_ingestion_runs IS
'Pipeline health: ingestion runs and their errors, by the day they started. As in the document''s query, a run counts once per row of its progress; '
'distinct_runs counts it once.';
COMMENT ON COLUMN product_ingestion_runs.day IS 'Start of the day.';
COMMENT ON COLUMN product_ingestion_runs.runs IS 'Runs, once per row of progress, or once without any.';
COMMENT ON COLUMN product_ingestion_runs.ok_runs IS 'Of them, of status ok.';
COMMENT ON COLUMN product_ingestion_runs.bad_runs IS 'Of them, of another status.';
COMMENT ON COLUMN product_ingestion_runs.errors IS 'Errors.';
COMMENT ON COLUMN product_ingestion_runs.scanned IS 'Messages looked at.';
COMMENT ON COLUMN product_ingestion_runs.inserted IS 'Rows inserted.';
COMMENT ON COLUMN product_ingestion_runs.updated IS 'Rows updated.';
COMMENT ON COLUMN product_ingestion_runs.distinct_runs IS 'Runs, each once.';
COMMENT ON COLUMN product_ingestion_runs.bad_run_rate IS 'Bad runs ÷ runs with a status.';
COMMENT ON COLUMN product_ingestion_runs.error_rate IS 'Errors per message looked at.';

-- step: view product_click_through
CREATE OR REPLACE VIEW product_click_through AS SELECT r.bucket AS day, r.assignments_with_clicks, r.total_clicks::numeric AS total_clicks
    FROM pa_clicks_daily_live r ORDER BY 1 DESC;
COMMENT ON VIEW product_click_through IS
'Telegram click-through, a proxy: assignments broadcast to channels by the day of their last click, with all clicks they ever had.';
COMMENT ON COLUMN product_click_through.day IS 'Start of the day of the last click.';
COMMENT ON COLUMN product_click_through.assignments_with_clicks IS 'Assignments last clicked on that day.';
COMMENT ON COLUMN product_click_through.total_clicks IS 'Their clicks, of all days.';
