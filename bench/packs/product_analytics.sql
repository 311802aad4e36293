-- The weekly figures for dates that cut their first and last week.
100 SELECT * FROM product_wau((now() - interval '60 days')::date, (now() - interval '3 days')::date);
100 SELECT * FROM product_preference_tuning((now() - interval '60 days')::date, (now() - interval '3 days')::date);
100 SELECT * FROM product_apply_rate((now() - interval '60 days')::date, (now() - interval '3 days')::date);
100 SELECT * FROM product_dead_end_rate((now() - interval '60 days')::date, (now() - interval '3 days')::date);
100 SELECT * FROM product_time_to_fill((now() - interval '60 days')::date, (now() - interval '3 days')::date);
