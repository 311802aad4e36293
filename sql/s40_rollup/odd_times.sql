-- Owns: counting source rows whose time is NULL or infinite. Capture marks them all at infinity, which is no bucket: live
-- views find nothing there, and a refresh that takes the mark counts such rows anew.

CREATE FUNCTION tally._odd_rows_query(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Three conditions that an index on the time column serves, so that nothing is read but the odd rows themselves.
    SELECT format('SELECT pg_catalog.count(*) FILTER (WHERE %1$I IS NULL) AS no_time, pg_catalog.count(*) FILTER (WHERE %1$I = ''-infinity'') AS ever, '
                  'pg_catalog.count(*) FILTER (WHERE %1$I = ''infinity'') AS never FROM %2$s WHERE (%1$I IS NULL OR %1$I = ''-infinity'' OR %1$I = ''infinity'') AND (%3$s)',
                  r.time_column, r.source,
                  -- A source row counts once, however many its expansion makes of it.
                  CASE WHEN r.expand IS NULL THEN COALESCE(r.filter, 'true') ELSE format('EXISTS (SELECT FROM %s WHERE %s)', r.expand, COALESCE(r.filter, 'true')) END)
$$;
COMMENT ON FUNCTION tally._odd_rows_query(tally.rollups) IS 'SQL text that counts the source rows of a rollup whose time is NULL, -infinity or infinity.';

CREATE FUNCTION tally._count_odd_rows(r tally.rollups) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_ tally.odd_rows;
BEGIN
    -- The buckets of a rollup below are neither NULL nor infinite.
    IF r.source_rollup IS NOT NULL THEN RETURN; END IF;
    SELECT (jsonb_populate_record(NULL::tally.odd_rows, x)).* INTO found_ FROM tally.run_as(r.owner, r.search_path, tally._odd_rows_query(r), 0, r.zone) x;
    INSERT INTO tally.odd_rows AS o (rollup_id, no_time, ever, never, counted_at) VALUES (r.id, found_.no_time, found_.ever, found_.never, clock_timestamp())
        ON CONFLICT (rollup_id) DO UPDATE SET no_time = EXCLUDED.no_time, ever = EXCLUDED.ever, never = EXCLUDED.never, counted_at = EXCLUDED.counted_at
        WHERE (o.no_time, o.ever, o.never) <> (EXCLUDED.no_time, EXCLUDED.ever, EXCLUDED.never);
END $$;
COMMENT ON FUNCTION tally._count_odd_rows(tally.rollups) IS 'Counts the source rows of a rollup that are in no bucket, as its owner; for a refresh, under its lock.';
