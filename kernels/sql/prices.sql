-- Owns: what slow functions say of their price in this edition, behind what they say in both. docs/supabase-hosted.md has the same as a table.

DO $$
DECLARE
    f record;
BEGIN
    -- Those of one argument gather, and cost a few microseconds (gathered.sql, rolled.sql).
    FOR f IN SELECT p.oid::regprocedure AS name, v.name AS bare, obj_description(p.oid, 'pg_proc') AS said, v.price, v.computed
               FROM (VALUES ('tdigest', 2, '8 µs a row, 80 µs in groups of thousands', true),
                            ('approx_percentile', 2, '12 µs a row, 0.12 ms in groups of thousands', true),
                            ('hll', 1, '8 to 30 µs a row', true), ('approx_distinct', 1, '8 to 30 µs a row', true), ('stats', 2, '8 µs a row', true),
                            ('moments', 1, '0.14 ms a row', true), ('topk', 2, '45 µs a row', true), ('counter', 2, '15 to 70 µs a row', true),
                            ('gauge', 2, '15 to 70 µs a row', true), ('time_weighted', 2, '15 to 70 µs a row', true),
                            ('state_time', 2, '15 to 65 µs a row', true), ('first', 2, '20 µs a row', true), ('last', 2, '20 µs a row', true),
                            ('ohlc', 2, '10 µs a row', true), ('window_funnel', 2, '15 to 20 µs a row', true), ('funnel_path', 2, '15 to 20 µs a row', true),
                            ('sequence_events', 2, '10 to 30 µs a row', true), ('retention_counts', 1, '10 µs an actor', true),
                            ('funnel_counts', 1, '0.1 to 0.3 ms an actor', true), ('k_anonymous', 2, '30 µs a row, 0.3 ms in groups of thousands', false),
                            ('required_units', 1, '0.2 s a call', false), ('detectable_difference', 1, '0.4 s a call', false),
                            ('hide_cells', 1, '2 s for 200 cells', false)) v(name, least, price, computed)
               JOIN pg_proc p ON p.proname = v.name AND p.pronamespace = 'tally'::regnamespace AND p.pronargs >= v.least
               LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid
              WHERE a.aggtransfn IS NULL OR a.aggtransfn::oid <> 'pg_catalog.array_append'::regproc::oid LOOP
        EXECUTE format('COMMENT ON ROUTINE %s IS %L', f.name, concat_ws(' ', f.said, 'Slow in the hosted edition: about ' || f.price
            || CASE WHEN f.computed THEN ' where a query of yours calls it; a rollup gathers the rows and computes it of all of them.' ELSE '.' END));
    END LOOP;
END $$;
