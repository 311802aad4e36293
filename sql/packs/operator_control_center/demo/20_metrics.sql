-- Owns: demo, stage 3: the metrics by week, and over rolling seven days.

\echo '━━ 3. By week ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM control_weekly;'
\echo
SELECT week, new_shops AS "new", activated_shops AS activated, activation_rate AS rate, breaches, resolved, median_minutes AS "median min",
    p90_minutes AS "p90 min", anomalies, responded, response_rate AS rate, finished
  FROM control_weekly ORDER BY week DESC LIMIT 8;
\echo '━━ 4. Late rows, on either side ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'A queue was stuck: yesterday''s decisions of all new shops arrive only now.'
\echo '   INSERT INTO decision_log … ; SELECT activation_rate FROM control_now();   -- before any refresh'
\echo
SELECT activation_rate AS before FROM control_now() \gset
INSERT INTO decision_log (created_at, scope, action, shop_domain)
SELECT s.first_session_at + interval '1 hour', 'ops', 'inventory.restock.approve', s.shop_domain FROM control_shops s WHERE s.decided_at IS NULL
    AND s.first_session_at > now() - interval '7 days' AND s.first_session_at < now() - interval '1 hour';
SELECT :'before' AS before, activation_rate AS "exact at once" FROM control_now();
