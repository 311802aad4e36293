-- Owns: what the pack product_analytics watches by a query: time to fill, and errors of the ingestion.

-- step: probe product_time_to_fill_p50
SELECT tally.create_probe('product_time_to_fill_p50',
    'SELECT p50_hours_to_filled_report AS value, n AS samples FROM product_time_to_fill WHERE week <= :as_of ORDER BY week DESC OFFSET 1 LIMIT 1',
    unit => 'hours', description => 'Median hours to a report of filled, for assignments of the week before.', direction => 'down_is_good',
    every => '1 hour', keep => '120 days');

-- step: probe product_time_to_fill_p90
SELECT tally.create_probe('product_time_to_fill_p90',
    'SELECT p90_hours_to_filled_report AS value, n AS samples FROM product_time_to_fill WHERE week <= :as_of ORDER BY week DESC OFFSET 1 LIMIT 1',
    unit => 'hours', description => '90th percentile of the hours to a report of filled, for assignments of the week before.',
    direction => 'down_is_good', every => '1 hour', keep => '120 days');

-- step: probe product_ingestion_error_rate
SELECT tally.create_probe('product_ingestion_error_rate',
    'SELECT sum(errors) / nullif(sum(scanned), 0) AS value, sum(scanned) AS samples FROM product_ingestion_runs WHERE day > :as_of - interval ''7 '
    'days'' AND day <= :as_of', unit => 'ratio', description => 'Errors per message looked at by the ingestion runs of seven days.',
    direction => 'down_is_good', every => '1 hour', keep => '120 days');
