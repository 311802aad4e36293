-- The reader functions with arguments, and the flat views as a dashboard reads them: one world, one day or one week.
100 SELECT metrics_kpis('adventure', since => '7 days');
100 SELECT metrics_kpis('variation', since => '30 days');
100 SELECT metrics_timeseries('p95_latency_ms', 'hour', since => '7 days');
100 SELECT metrics_timeseries('turns', 'day', since => '60 days', by => '{world}');
100 SELECT metrics_experiment('model-routing', since => '30 days');
100 SELECT metrics_overview(since => '30 days');
100 SELECT date_hour, sum(turns) AS turns, sum(sessions) AS sessions FROM awf_rollup_hourly WHERE date_hour >= now() - interval '7 days' AND world = 'emberfall'
    GROUP BY 1;
100 SELECT * FROM awf_rollup_hourly WHERE date_hour >= now() - interval '1 day' AND world = 'emberfall';
100 SELECT * FROM awf_rollup_daily WHERE date >= current_date - 7 AND world = 'emberfall';
100 SELECT * FROM awf_funnels_daily WHERE date >= current_date - 30;
