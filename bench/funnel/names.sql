-- tally.window_funnel with the steps as names.
SELECT level, count(*) FROM (
    SELECT user_id, tally.window_funnel('1 day', event_time, event_type, '{start,choice,npc_join,craft,vendor,boss,completion}') AS level
      FROM analytics_events WHERE event_type IN ('start', 'choice', 'npc_join', 'craft', 'vendor', 'boss', 'completion')
     GROUP BY user_id) actors GROUP BY level ORDER BY level
