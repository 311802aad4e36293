-- Owns: what slow functions say of their price in this edition, behind what they say in both. docs/supabase-hosted.md has the same as a table.

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name, v.name AS bare, obj_description(p.oid, 'pg_proc') AS said, v.price
               FROM (VALUES ('tdigest', '0.3 ms a row'), ('approx_percentile', '0.3 ms a row'), ('hll', '60 µs a row'), ('approx_distinct', '60 µs a row'),
                            ('moments', '0.14 ms a row'), ('topk', '45 µs a row'), ('jsonb_totals', '0.3 ms a row'), ('counter', '0.3 ms a row'),
                            ('gauge', '0.3 ms a row'), ('time_weighted', '0.3 ms a row'), ('state_time', '0.3 ms a row'), ('first', '45 µs a row'),
                            ('last', '45 µs a row'), ('required_units', '0.2 s a call'), ('detectable_difference', '0.4 s a call'),
                            ('hide_cells', '2 s for 200 cells')) v(name, price)
               JOIN pg_proc p ON p.proname = v.name AND p.pronamespace = 'tally'::regnamespace LOOP
        EXECUTE format('COMMENT ON ROUTINE %s IS %L', f.name, concat_ws(' ', f.said, 'Slow in the hosted edition: about ' || f.price
            || CASE WHEN f.bare IN ('tdigest', 'hll', 'counter', 'gauge', 'time_weighted', 'state_time', 'first', 'last', 'moments', 'topk', 'jsonb_totals')
                    THEN ' where a query of yours calls it; a rollup computes it from arrays.' ELSE '.' END));
    END LOOP;
END $$;
