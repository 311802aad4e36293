-- Owns: metrics over windows that slide or grow: tally.rolling and tally.cumulative. Each point merges the measures of its whole window, so distinct counts,
-- percentiles and ratios are what they would be over the rows: no sum of sums, no mean of means.

CREATE OR REPLACE FUNCTION tally_internal._windows(metric text, width interval, since text, until text, bucket interval, by text[], "where" jsonb,
                                                   as_of timestamptz, asked text) RETURNS SETOF tally.point
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    most  CONSTANT int := 1000;
    m     tally.metrics := tally_internal._metric(metric);
    r     tally.rollups := (SELECT x FROM tally.rollups x WHERE x.id = m.rollup_id);
    zone  text := r.zone;
    own   text := tally_internal._bucket_rule_of(r);
    first timestamptz := tally_internal._parse_since(since, as_of, 'since', zone);
    last  timestamptz := tally_internal._parse_since(until, as_of, 'until', zone);
    rule  text;
    start timestamptz;
    stop  timestamptz;
    since_ timestamptz;
    until_ timestamptz;
    seen  int := 0;
    dims  text[] := COALESCE(by, '{}');
BEGIN
    IF NOT isfinite(first) OR NOT isfinite(last) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('since and until of %s must be moments, got %s and %s', asked, first, last), NULL,
            format('SELECT * FROM tally.%s(%L, %ssince => ''30 days'');', asked, metric, CASE asked WHEN 'rolling' THEN '''7 days'', ' ELSE '' END));
    END IF;
    rule := tally_internal._grain(r, bucket, first, last);
    start := tally_internal._bucket_at_or_after(rule, first);
    WHILE start < last LOOP
        seen := seen + 1;
        IF seen > most THEN
            PERFORM tally_internal._refuse('program_limit_exceeded', format('%s gives at most %s buckets, and this range has more', asked, most),
                'The window of each bucket is merged by itself.',
                format('SELECT * FROM tally.%s(%L, %sbucket => ''1 week'');', asked, metric, CASE asked WHEN 'rolling' THEN '''7 days'', ' ELSE '' END));
        END IF;
        stop := tally_internal._bucket_end(rule, start);
        until_ := CASE WHEN rule LIKE 'calendar %' THEN tally_internal._day_opens(stop, zone) ELSE stop END;
        since_ := COALESCE(tally_internal._minus_by_zone(until_, width, zone), first);
        IF width IS NOT NULL AND since_ NOT IN (tally_internal._bucket_at_or_after(own, since_),
                                                tally_internal._day_opens(tally_internal._bucket_at_or_after(own, since_), zone)) THEN
            PERFORM tally_internal._refuse('invalid_parameter_value',
                format('window must be made up of whole buckets of rollup %L (%s in %s), got %s', r.name, r.bucket, zone, width),
                format('The window that ends at %s begins within a bucket. Buckets are merged, never split.', until_),
                format('SELECT * FROM tally.rolling(%L, %L, since => %L, bucket => %L);', metric, r.bucket * 7, r.bucket * 30, r.bucket));
        END IF;
        RETURN QUERY SELECT start, CASE WHEN dims = '{}' THEN m.name ELSE p.series END, p.labels, p.value
                       FROM (SELECT (SELECT string_agg(x.row ->> d, ', ' ORDER BY n) FROM unnest(dims) WITH ORDINALITY b(d, n)) AS series,
                                    (SELECT COALESCE(jsonb_object_agg(d, x.row ->> d), '{}') FROM unnest(dims) d) AS labels,
                                    (SELECT v.value::float8 FROM json_each_text(x.row) v WHERE v.key <> ALL (dims)) AS value
                               FROM tally.report(ARRAY[tally_internal._called(m)],
                                        tally_internal._utc_text(since_), tally_internal._utc_text(until_), NULL, dims, "where",
                                        max_range => '1000 years', as_of => as_of) x(row)) p
                      WHERE p.value IS NOT NULL ORDER BY 2;
        start := stop;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._windows(text, interval, text, text, interval, text[], jsonb, timestamptz, text) IS
'A metric over windows that end where buckets end: of a width, or from since on. With the reader''s rights.';

CREATE OR REPLACE FUNCTION tally.rolling(
    metric   text,
    "window" interval,
    since    text DEFAULT '30 days',
    until    text DEFAULT NULL,
    bucket   interval DEFAULT '1 day',
    by       text[] DEFAULT '{}',
    "where"  jsonb DEFAULT '{}',
    as_of    timestamptz DEFAULT now()
) RETURNS SETOF tally.point
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF "window" IS NULL OR "window" <= '0' OR "window" > '100 years' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('window must be longer than 0 and at most 100 years, got %s', COALESCE("window"::text, 'NULL')), NULL,
            format('SELECT * FROM tally.rolling(%L, ''7 days'');', metric));
    END IF;
    RETURN QUERY SELECT * FROM tally_internal._windows(metric, "window", since, until, bucket, by, "where", as_of, 'rolling');
END $$;
COMMENT ON FUNCTION tally.rolling(text, interval, text, text, interval, text[], jsonb, timestamptz) IS
'A metric over a window that ends with each bucket: of days and 7 days, each day with the six before it. A window follows the clock of the rollup''s zone, and '
'is made up of whole buckets of the rollup. Its '
'measures are merged, so weekly actives of each day are exact. Without a value there is no row. At most 1,000 buckets.';

CREATE OR REPLACE FUNCTION tally.cumulative(
    metric  text,
    since   text DEFAULT '30 days',
    until   text DEFAULT NULL,
    bucket  interval DEFAULT '1 day',
    by      text[] DEFAULT '{}',
    "where" jsonb DEFAULT '{}',
    as_of   timestamptz DEFAULT now()
) RETURNS SETOF tally.point
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM tally_internal._windows($1, NULL, $2, $3, $4, $5, $6, $7, 'cumulative')
$$;
COMMENT ON FUNCTION tally.cumulative(text, text, text, interval, text[], jsonb, timestamptz) IS
'A metric from since up to the end of each bucket: what there was so far. Its measures are merged, so distinct people are counted once. At most 1,000 buckets.';
