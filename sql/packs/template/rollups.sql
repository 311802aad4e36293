-- Owns: the rollups of the template pack. Here are only sums, counts and sketches, which merge; ratios are metrics.

-- step: rollup shop_orders_hourly
SELECT tally.create_rollup('shop_orders_hourly', source => 'shop_orders', time_column => 'ordered_at', bucket => '1 hour',
    dimensions => '["country"]',
    measures => '{"orders": "count(*)", "returned": "count(*) FILTER (WHERE returned)", "amount": "sum(amount)"}',
    description => 'Orders per hour and country.');

-- step: rollup shop_orders_daily
-- Days begin at midnight of the zone that install_pack() is told.
SELECT tally.create_rollup('shop_orders_daily', source => 'shop_orders_hourly', bucket => '1 day', zone => current_setting('TimeZone'),
    description => 'Orders per day and country: the hours, merged.');
