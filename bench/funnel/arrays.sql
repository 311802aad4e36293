-- What gathering costs by itself: unordered arrays per user.
SELECT cardinality(times) AS seen, count(*) FROM (
    SELECT user_id, array_agg(event_time) AS times
      FROM analytics_events WHERE event_type IN ('start', 'choice', 'npc_join', 'craft', 'vendor', 'boss', 'completion')
     GROUP BY user_id) actors GROUP BY seen ORDER BY seen
