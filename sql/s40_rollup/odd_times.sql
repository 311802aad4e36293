-- Owns: source rows that are in no bucket: their time is NULL or infinite, or so near to an end of time that PostgreSQL cannot hold
-- its bucket's start. Capture marks them all at infinity, which is no bucket: live views find nothing there, and a refresh that takes
-- the mark counts such rows anew.

CREATE OR REPLACE FUNCTION tally_internal._odd_before_sql(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The second condition is for the index: local times of such instants.
    SELECT CASE WHEN r.time_type = 'timestamptz'::regtype THEN format('%I < %s', r.time_column, first)
                ELSE format('(%1$s < %2$s AND %3$I < GREATEST(tally_internal._local_until(%4$L, %2$s), ''4714-11-24 00:00 BC''))',
                            tally_internal._time_as_timestamptz_sql(quote_ident(r.time_column), r.time_type, r.zone), first, r.time_column, r.zone) END
      FROM tally_internal._first_row_sql(tally_internal._bucket_rule_of(r)) first
$$;
COMMENT ON FUNCTION tally_internal._odd_before_sql(tally.rollups) IS 'SQL text of the condition that a row lies before the first bucket.';

CREATE OR REPLACE FUNCTION tally_internal._odd_after_sql(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN r.time_type = 'timestamptz'::regtype THEN format('%I = ''infinity''', r.time_column)
                ELSE format('(%s = ''infinity'' AND %I >= LEAST(tally_internal._local_from(%L, ''294276-12-31 23:59:59.999999+00''), ''294276-12-31 '
                    '23:59:59.999999''))',
                            tally_internal._time_as_timestamptz_sql(quote_ident(r.time_column), r.time_type, r.zone), r.time_column, r.zone) END
$$;
COMMENT ON FUNCTION tally_internal._odd_after_sql(tally.rollups) IS 'SQL text of the condition that a row lies after the last bucket.';

CREATE OR REPLACE FUNCTION tally_internal._in_time_sql(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Wide enough for all rows that are in buckets, and bounds for the index of the column.
    SELECT CASE WHEN r.time_type = 'timestamptz'::regtype THEN format('%1$I >= %2$s AND %1$I < ''infinity''', r.time_column, first)
                ELSE format('%1$I >= GREATEST(tally_internal._local_from(%2$L, %3$s), ''4714-11-24 00:00 BC'') AND '
                            '%1$I <= LEAST(tally_internal._local_until(%2$L, ''294276-12-31 23:59:59.999999+00''), ''294276-12-31 23:59:59.999999'')',
                                r.time_column,
                                r.zone, first) END
      FROM tally_internal._first_row_sql(tally_internal._bucket_rule_of(r)) first
$$;
COMMENT ON FUNCTION tally_internal._in_time_sql(tally.rollups) IS
'SQL text of a condition that holds for every row that is in a bucket, and for no infinite time.';

CREATE OR REPLACE FUNCTION tally_internal._odd_rows_query(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- An index on the time column serves all three conditions, so only the odd rows are read.
    SELECT format('SELECT pg_catalog.count(*) FILTER (WHERE %1$I IS NULL) AS no_time, pg_catalog.count(*) FILTER (WHERE %4$s) AS too_early, '
                  'pg_catalog.count(*) FILTER (WHERE %5$s) AS too_late FROM %2$s WHERE (%1$I IS NULL OR %4$s OR %5$s) AND (%3$s)',
                  r.time_column, r.source,
                  -- A source row counts once, even if its expansion makes several rows of it.
                  CASE WHEN r.expand IS NULL THEN COALESCE(r.filter, 'true') ELSE format('EXISTS (SELECT FROM %s WHERE %s)', r.expand,
                          COALESCE(r.filter, 'true')) END,
                  tally_internal._odd_before_sql(r), tally_internal._odd_after_sql(r))
$$;
COMMENT ON FUNCTION tally_internal._odd_rows_query(tally.rollups) IS
'SQL text that counts the source rows of a rollup that are in no bucket: without a time, before the first bucket (-infinity too), after the last one '
    '(infinity too).';

CREATE OR REPLACE FUNCTION tally_internal._count_odd_rows(r tally.rollups) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_ tally.odd_rows;
BEGIN
    -- The buckets of a rollup below are neither NULL nor infinite.
    IF r.source_rollup IS NOT NULL THEN RETURN; END IF;
    SELECT (jsonb_populate_record(NULL::tally.odd_rows, x)).* INTO found_
        FROM tally.run_as(r.owner, r.search_path, tally_internal._odd_rows_query(r), 0, r.zone) x;
    INSERT INTO tally.odd_rows AS o (rollup_id, no_time, too_early, too_late, counted_at)
        VALUES (r.id, found_.no_time, found_.too_early, found_.too_late, clock_timestamp())
        ON CONFLICT (rollup_id) DO UPDATE SET (no_time, too_early, too_late, counted_at)
            = (EXCLUDED.no_time, EXCLUDED.too_early, EXCLUDED.too_late, EXCLUDED.counted_at)
        WHERE (o.no_time, o.too_early, o.too_late) <> (EXCLUDED.no_time, EXCLUDED.too_early, EXCLUDED.too_late);
END $$;
COMMENT ON FUNCTION tally_internal._count_odd_rows(tally.rollups) IS
'Counts the source rows of a rollup that are in no bucket, as its owner; for a refresh, under its lock.';
