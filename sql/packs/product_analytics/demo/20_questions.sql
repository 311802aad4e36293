-- Owns: demo, stage 2: the document's queries, answered.

\echo '━━ 3. Is the loop working? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
SET jit = off;
\timing on
\echo 'Event volume by day'
\echo '   SELECT * FROM product_event_volume WHERE day = …;'
SELECT day::date, event_type, events FROM product_event_volume WHERE day = date_trunc('day', now()) - interval '1 day' ORDER BY events DESC LIMIT 5;
\echo 'Weekly active tutors, and the share who tuned their preferences'
\echo '   SELECT * FROM product_wau JOIN product_preference_tuning USING (week);'
SELECT week::date, wau, active_users, users_who_tuned, tune_rate FROM product_wau JOIN product_preference_tuning USING (week) ORDER BY week DESC LIMIT 4;
\echo 'Views to clicks to apply; dead ends per click'
\echo '   SELECT * FROM product_apply_rate JOIN product_dead_end_rate USING (week);'
SELECT week::date, views, apply_clicks, apply_rate, no_reply, scams, filled_reports, dead_end_rate FROM product_apply_rate
    JOIN product_dead_end_rate USING (week) ORDER BY week DESC LIMIT 4;
\echo 'Market supply'
\echo '   SELECT * FROM product_market_supply;'
SELECT day::date, created, open, not_open FROM product_market_supply ORDER BY day DESC LIMIT 3;
\echo 'Time to fill'
\echo '   SELECT * FROM product_time_to_fill;'
SELECT week::date, round(p50_hours_to_filled_report::numeric, 1) AS "p50 hours", round(p90_hours_to_filled_report::numeric, 1) AS "p90 hours", n
    FROM product_time_to_fill ORDER BY week DESC LIMIT 4;
\echo 'Pipeline health'
\echo '   SELECT * FROM product_extraction_outcomes; SELECT * FROM product_ingestion_runs;'
SELECT day::date, status, n FROM product_extraction_outcomes ORDER BY day DESC, n DESC LIMIT 3;
SELECT day::date, runs, ok_runs, bad_runs, errors, scanned, bad_run_rate, error_rate FROM product_ingestion_runs ORDER BY day DESC LIMIT 3;
\echo 'Telegram click-through'
\echo '   SELECT * FROM product_click_through;'
SELECT day::date, assignments_with_clicks, total_clicks FROM product_click_through ORDER BY day DESC LIMIT 3;
\echo 'Notified, clicked, viewed, clicked to apply'
\echo '   SELECT * FROM product_notification_funnel;'
SELECT day::date, sent, clicked, viewed, applied, click_rate, overall_rate FROM product_notification_funnel ORDER BY day DESC LIMIT 3;
\timing off
