-- The exact answer in plain SQL: nested window functions, each carrying the latest start that reached its step. With the
-- default frame events of equal time see each other, as t1 <= t2 wants; a row has one type, so no event fills two steps.
SELECT level, count(*) FROM (
    SELECT user_id, max(CASE WHEN s7 IS NOT NULL THEN 7 WHEN s6 IS NOT NULL THEN 6 WHEN s5 IS NOT NULL THEN 5 WHEN s4 IS NOT NULL THEN 4
                             WHEN s3 IS NOT NULL THEN 3 WHEN s2 IS NOT NULL THEN 2 WHEN s1 IS NOT NULL THEN 1 ELSE 0 END) AS level
      FROM (SELECT *, max(s6) FILTER (WHERE event_type = 'completion' AND event_time - s6 <= '1 day') OVER w AS s7
      FROM (SELECT *, max(s5) FILTER (WHERE event_type = 'boss'       AND event_time - s5 <= '1 day') OVER w AS s6
      FROM (SELECT *, max(s4) FILTER (WHERE event_type = 'vendor'     AND event_time - s4 <= '1 day') OVER w AS s5
      FROM (SELECT *, max(s3) FILTER (WHERE event_type = 'craft'      AND event_time - s3 <= '1 day') OVER w AS s4
      FROM (SELECT *, max(s2) FILTER (WHERE event_type = 'npc_join'   AND event_time - s2 <= '1 day') OVER w AS s3
      FROM (SELECT *, max(s1) FILTER (WHERE event_type = 'choice'     AND event_time - s1 <= '1 day') OVER w AS s2
      FROM (SELECT user_id, event_time, event_type, max(event_time) FILTER (WHERE event_type = 'start') OVER w AS s1
              FROM analytics_events WHERE event_type IN ('start', 'choice', 'npc_join', 'craft', 'vendor', 'boss', 'completion')
            WINDOW w AS (PARTITION BY user_id ORDER BY event_time)) a
            WINDOW w AS (PARTITION BY user_id ORDER BY event_time)) b
            WINDOW w AS (PARTITION BY user_id ORDER BY event_time)) c
            WINDOW w AS (PARTITION BY user_id ORDER BY event_time)) d
            WINDOW w AS (PARTITION BY user_id ORDER BY event_time)) e
            WINDOW w AS (PARTITION BY user_id ORDER BY event_time)) f
            WINDOW w AS (PARTITION BY user_id ORDER BY event_time)) g
     GROUP BY user_id) actors GROUP BY level ORDER BY level
