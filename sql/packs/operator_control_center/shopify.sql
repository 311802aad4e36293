-- Owns: what Shopify's services record: sales, fulfilment, inventory. A fact is a summary as of its moment, written at each visit, so of each shop and day
-- the last one counts, and facts are never added up within a day.

-- step: rollup control_shopify_daily
SELECT tally.create_rollup('control_shopify_daily', source => 'dashboard_facts', time_column => 'created_at', bucket => '1 day',
    dimensions => '["shop_domain"]',
    measures => jsonb_build_object('facts', 'count(*)',
        'orders', $m$tally.last(tally.number(coalesce(value -> 'orderCount', value -> 'orders', value -> 'count')), created_at)
            FILTER (WHERE fact_type = 'shopify.sales.summary')$m$,
        'revenue', $m$tally.last(tally.number(coalesce(value -> 'totalRevenue', value -> 'revenue')), created_at)
            FILTER (WHERE fact_type = 'shopify.sales.summary')$m$,
        'issues', $m$tally.last(coalesce(tally.number(value -> 'count'), CASE jsonb_typeof(value) WHEN 'array' THEN jsonb_array_length(value) END), created_at)
            FILTER (WHERE fact_type = 'shopify.fulfillment.issues')$m$,
        'alerts', $m$tally.last(coalesce(tally.number(value -> 'count'), CASE jsonb_typeof(value) WHEN 'array' THEN jsonb_array_length(value) END), created_at)
            FILTER (WHERE fact_type = 'shopify.inventory.alerts')$m$,
        'threshold', $m$tally.last(tally.number(coalesce(value -> 'threshold', metadata -> 'threshold')), created_at)
            FILTER (WHERE fact_type = 'shopify.inventory.alerts')$m$),
    "where" => $w$fact_type IN ('shopify.sales.summary', 'shopify.fulfillment.issues', 'shopify.inventory.alerts')$w$,
    description => 'The last sales summary, fulfilment issues and inventory alerts of each shop and day.');

-- step: view control_shopify
CREATE OR REPLACE VIEW control_shopify AS
SELECT (r.bucket AT TIME ZONE 'UTC')::date AS day, nullif(r.shop_domain, '(none)') AS shop_domain, tally.value(r.orders) AS orders,
       tally.value(r.revenue) AS revenue, tally.value(r.issues) AS fulfillment_issues, tally.value(r.alerts) AS inventory_alerts,
       tally.value(r.threshold) AS inventory_threshold, r.facts,
       greatest(tally.value_time(r.orders), tally.value_time(r.revenue), tally.value_time(r.issues), tally.value_time(r.alerts)) AS last_fact_at,
       r.bucket AS since
  FROM control_shopify_daily_live r;
COMMENT ON VIEW control_shopify IS
'What Shopify''s services last recorded for each shop and day (UTC): shopify.sales.summary, shopify.fulfillment.issues, shopify.inventory.alerts.';
COMMENT ON COLUMN control_shopify.day IS 'The day, in UTC.';
COMMENT ON COLUMN control_shopify.shop_domain IS 'The shop.';
COMMENT ON COLUMN control_shopify.orders IS 'Orders of the last sales summary of the day (orderCount, orders or count).';
COMMENT ON COLUMN control_shopify.revenue IS 'Revenue of it (totalRevenue or revenue).';
COMMENT ON COLUMN control_shopify.fulfillment_issues IS 'Issues of the last fulfilment fact (count, or the length of its list).';
COMMENT ON COLUMN control_shopify.inventory_alerts IS 'Alerts of the last inventory fact (count, or the length of its list).';
COMMENT ON COLUMN control_shopify.inventory_threshold IS 'The threshold that it names.';
COMMENT ON COLUMN control_shopify.facts IS 'All facts of the three kinds.';
COMMENT ON COLUMN control_shopify.last_fact_at IS 'When the last of them was recorded.';
COMMENT ON COLUMN control_shopify.since IS 'When the day began. A condition on it is fast; one on day reads all of history.';

-- step: view control_shopify_recent
-- The board would sort all of history for its newest rows: the day is computed, so no index has it. 1.0 of 1.3 seconds of the page with 3 million facts.
CREATE OR REPLACE VIEW control_shopify_recent AS
SELECT s.day, s.shop_domain, s.orders, s.revenue, s.fulfillment_issues, s.inventory_alerts, s.inventory_threshold, s.facts, s.last_fact_at
  FROM control_shopify s
 WHERE s.since > (SELECT c.present - interval '168 hours' FROM control_clock c);
COMMENT ON VIEW control_shopify_recent IS 'control_shopify of the last seven days (UTC), today among them.';
COMMENT ON COLUMN control_shopify_recent.day IS 'The day, in UTC.';
COMMENT ON COLUMN control_shopify_recent.shop_domain IS 'The shop.';
COMMENT ON COLUMN control_shopify_recent.orders IS 'Orders of the last sales summary of the day.';
COMMENT ON COLUMN control_shopify_recent.revenue IS 'Revenue of it.';
COMMENT ON COLUMN control_shopify_recent.fulfillment_issues IS 'Issues of the last fulfilment fact.';
COMMENT ON COLUMN control_shopify_recent.inventory_alerts IS 'Alerts of the last inventory fact.';
COMMENT ON COLUMN control_shopify_recent.inventory_threshold IS 'The threshold that it names.';
COMMENT ON COLUMN control_shopify_recent.facts IS 'All facts of the three kinds.';
COMMENT ON COLUMN control_shopify_recent.last_fact_at IS 'When the last of them was recorded.';
