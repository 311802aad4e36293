-- Owns: the metrics of the template pack. Each is right over any range, because it divides sums.

-- step: metric shop_return_rate
SELECT tally.create_metric('shop_return_rate', 'shop_orders_hourly', 'returned::float8 / nullif(orders, 0)', unit => 'ratio',
    description => 'Share of orders that were sent back.', direction => 'down_is_good', samples => 'orders');
