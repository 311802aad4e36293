-- The block and the lanes of the last month, the deliveries of the last day.
100 SELECT publisher_telemetry((now() - interval '30 days')::date);
100 SELECT publisher_telemetry((now() - interval '30 days')::date, namespace => 'lane-1', service => 'publisher-discord');
100 SELECT * FROM publisher_namespaces((now() - interval '30 days')::date);
100 SELECT * FROM publisher_deliveries(now() - interval '1 day');
