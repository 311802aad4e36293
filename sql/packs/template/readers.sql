-- Owns: the functions of the template pack. Each pins its search_path to the schema that the pack is installed in.

-- step: function shop_best(int)
CREATE OR REPLACE FUNCTION shop_best(days int DEFAULT 7) RETURNS TABLE (country text, amount numeric)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$
    SELECT r.country, sum(r.amount) FROM shop_orders_daily_live r WHERE r.bucket >= now() - make_interval(days => shop_best.days) GROUP BY 1 ORDER BY 2 DESC
$f$;
COMMENT ON FUNCTION shop_best(int) IS 'Countries by what was ordered from there within the last days.';
