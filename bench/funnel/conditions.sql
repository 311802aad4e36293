-- tally.window_funnel with the steps as conditions.
SELECT level, count(*) FROM (
    SELECT user_id, tally.window_funnel('1 day', event_time, event_type = 'start', event_type = 'choice', event_type = 'npc_join', event_type = 'craft',
                                        event_type = 'vendor', event_type = 'boss', event_type = 'completion') AS level
      FROM analytics_events WHERE event_type IN ('start', 'choice', 'npc_join', 'craft', 'vendor', 'boss', 'completion')
     GROUP BY user_id) actors GROUP BY level ORDER BY level
