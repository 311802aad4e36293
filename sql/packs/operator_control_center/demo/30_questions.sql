-- Owns: demo, the end: the night's job run now, the tile, and the document's three questions.

\echo '━━ 5. The night, now ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM tally.run_tasks();      -- pg_cron does it at 02:30: aggregate facts for the tile'
\echo
SELECT count(*) AS refreshed FROM tally.refresh() \gset
SELECT task, returned AS "facts written", error FROM tally.run_tasks();
\echo '   SELECT * FROM control_tile;'
\echo
SELECT metric, value, unit, detail, window_end FROM control_tile;
\echo '━━ 6. The document''s questions ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\timing on
\echo 'What share of new shops approved something within their first seven days?'
\echo '   SELECT activated_shops, new_shops, activation_rate FROM control_rolling WHERE live;'
SELECT activated_shops, new_shops, activation_rate FROM control_rolling WHERE live;
\echo 'How long does a customer wait after the SLA was breached?'
\echo '   SELECT median_minutes, p90_minutes, resolved, breaches FROM control_rolling WHERE live;'
SELECT median_minutes, p90_minutes, resolved, breaches FROM control_rolling WHERE live;
\echo 'How many anomalies does somebody follow up within 24 hours?'
\echo '   SELECT responded, anomalies, response_rate FROM control_rolling WHERE live;'
SELECT responded, anomalies, response_rate FROM control_rolling WHERE live;
\echo 'Which pages wait for it?'
\echo '   SELECT shop_domain, landing_page, wow_delta FROM control_anomalies WHERE NOT responded AND NOT finished ORDER BY wow_delta;'
SELECT shop_domain, landing_page, round(wow_delta::numeric, 2) AS wow_delta, seen_at::timestamptz(0) FROM control_anomalies WHERE NOT responded
    AND NOT finished ORDER BY wow_delta LIMIT 5;
\timing off
\echo 'The server goes on running, and pg_cron with it:  psql -h' :HOST '-p' :PORT '-U' :USER :DBNAME
