-- Owns: the channels' two ends in the pack product_analytics: messages read and what was extracted of them, messages sent and what was clicked.

-- step: rollup pa_messages_daily
SELECT tally.create_rollup('pa_messages_daily', source => 'telegram_messages_raw', time_column => 'message_date', bucket => '1 day',
    measures => '{"messages": "count(*)"}', zone => current_setting('TimeZone'), description => 'Messages read from channels.');

-- step: rollup pa_broadcasts_daily
SELECT tally.create_rollup('pa_broadcasts_daily', source => 'broadcast_messages', time_column => 'created_at', bucket => '1 day',
    measures => '{"broadcasts": "count(*)"}', zone => current_setting('TimeZone'), description => 'Messages sent to channels.');

-- step: metric product_messages
SELECT tally.create_metric('product_messages', 'pa_messages_daily', 'messages', unit => 'messages', description => 'Messages read from channels.',
    direction => 'up_is_good', samples => 'messages');

-- step: metric product_broadcasts
SELECT tally.create_metric('product_broadcasts', 'pa_broadcasts_daily', 'broadcasts', unit => 'messages', description => 'Messages sent to channels.',
    direction => 'up_is_good', samples => 'broadcasts');

-- step: view product_pipeline
CREATE OR REPLACE VIEW product_pipeline AS
SELECT day, coalesce(m.messages, 0) AS messages, coalesce(e.extractions, 0) AS extractions,
       round(coalesce(e.extractions, 0)::numeric / nullif(m.messages, 0), 4) AS extraction_rate
  FROM (SELECT r.bucket AS day, r.messages FROM pa_messages_daily_live r) m
  FULL JOIN (SELECT r.bucket AS day, sum(r.n)::bigint AS extractions FROM pa_extractions_daily_live r GROUP BY 1) e USING (day)
 ORDER BY 1 DESC;
COMMENT ON VIEW product_pipeline IS 'Pipeline health: messages read from channels and extractions, by day, each by its own time.';
COMMENT ON COLUMN product_pipeline.day IS 'Start of the day.';
COMMENT ON COLUMN product_pipeline.messages IS 'Messages written on that day.';
COMMENT ON COLUMN product_pipeline.extractions IS 'Extractions made on that day, whatever their outcome.';
COMMENT ON COLUMN product_pipeline.extraction_rate IS 'Their quotient; it exceeds 1 where messages are extracted again, or late.';

-- step: view product_broadcasts
CREATE OR REPLACE VIEW product_broadcasts AS
SELECT day, coalesce(b.broadcasts, 0) AS broadcasts, coalesce(c.assignments_with_clicks, 0) AS assignments_with_clicks,
       coalesce(c.total_clicks, 0) AS total_clicks, round(coalesce(c.total_clicks, 0) / nullif(b.broadcasts, 0), 4) AS clicks_per_broadcast
  FROM (SELECT r.bucket AS day, r.broadcasts FROM pa_broadcasts_daily_live r) b
  FULL JOIN product_click_through c USING (day) ORDER BY 1 DESC;
COMMENT ON VIEW product_broadcasts IS
'Telegram click-through, a proxy: messages sent to channels by day, beside the clicks of the assignments that were last clicked on that day.';
COMMENT ON COLUMN product_broadcasts.day IS 'Start of the day.';
COMMENT ON COLUMN product_broadcasts.broadcasts IS 'Messages sent on that day.';
COMMENT ON COLUMN product_broadcasts.assignments_with_clicks IS 'Assignments last clicked on that day.';
COMMENT ON COLUMN product_broadcasts.total_clicks IS 'Their clicks, of all days.';
COMMENT ON COLUMN product_broadcasts.clicks_per_broadcast IS 'Clicks per message sent.';
