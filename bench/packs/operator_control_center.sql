-- The three questions of the document, and the night's task.
100 SELECT activation_rate, median_minutes, p90_minutes, response_rate FROM control_rolling WHERE live;
100 SELECT shop_domain, landing_page, wow_delta FROM control_anomalies WHERE NOT responded AND NOT finished;
1000 SELECT * FROM tally.run_tasks();
