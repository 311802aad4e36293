-- Owns: what dashboards read of the template pack. A view over ..._live is exact at every moment.

-- step: view shop_days
CREATE OR REPLACE VIEW shop_days AS
SELECT r.bucket AS day, r.country, r.orders, r.amount, round(r.returned::numeric / nullif(r.orders, 0), 4) AS return_rate
  FROM shop_orders_daily_live r
 WHERE r.orders >= (SELECT s.value FROM shop_settings s WHERE s.name = 'fewest_orders');
COMMENT ON VIEW shop_days IS 'Orders per day and country, where there are enough of them (setting fewest_orders).';
COMMENT ON COLUMN shop_days.day IS 'Start of the day.';
COMMENT ON COLUMN shop_days.country IS 'Country; (none) where it is not known.';
COMMENT ON COLUMN shop_days.orders IS 'How many orders.';
COMMENT ON COLUMN shop_days.amount IS 'What they are worth.';
COMMENT ON COLUMN shop_days.return_rate IS 'Share of them that was sent back.';
