-- The floor: filter the seven types and hash-aggregate by user, with nothing to compute but two plain aggregates.
SELECT seen, count(*) FROM (
    SELECT user_id, count(*) AS seen, max(event_time) AS latest
      FROM analytics_events WHERE event_type IN ('start', 'choice', 'npc_join', 'craft', 'vendor', 'boss', 'completion')
     GROUP BY user_id) actors GROUP BY seen ORDER BY seen
