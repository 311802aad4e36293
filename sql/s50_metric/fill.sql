-- Owns: filling the gaps of a time series. A gap is a bucket without a row, or one whose value is NULL. On a chart "no events" and
-- "nothing to divide by" look the same.

CREATE OR REPLACE FUNCTION tally_internal._check_fill(fill text, metric text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF fill NOT IN ('null', 'zero', 'previous') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('fill must be ''null'', ''zero'' or ''previous'', got %L', fill),
            'Without it a bucket without events has no row.',
            format('SELECT * FROM tally.timeseries(%L, fill => ''zero'');', metric));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_fill(text, text) IS 'An error where fill is not null, zero or previous.';

CREATE OR REPLACE FUNCTION tally_internal._check_fill_size(metric text, rule text, first timestamptz, last timestamptz, series bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- It makes a row per bucket and series, with or without data, so the request has to be bounded.
    most    CONSTANT int := 100000;
    seconds float8 := extract(epoch FROM tally_internal._bucket_width(rule));
    buckets float8 := ceil(extract(epoch FROM last - first) / seconds);
BEGIN
    IF buckets * series > most THEN
        PERFORM tally_internal._refuse('program_limit_exceeded',
            format('filling metric %L would make about %s rows, expected at most %s', metric, (buckets * series)::bigint, most),
            format('%s buckets of each of %s series, from %s to %s.', buckets::bigint, series, first, last),
            format('SELECT * FROM tally.timeseries(%L, since => %L, until => %L, bucket => %L, fill => …);', metric, first::text, last::text,
                          justify_interval(make_interval(secs => seconds * pow(2, ceil(log(2, (buckets * series / most)::numeric)))::float8))::text));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_fill_size(text, text, timestamptz, timestamptz, bigint) IS
'An error where filling would make more than 100,000 rows, with a bucket that does not.';

CREATE OR REPLACE FUNCTION tally_internal._values_before(query text, rule text, since timestamptz, width interval, wanted jsonb[], OUT labels jsonb,
                                     OUT value float8) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    missing jsonb[] := wanted;
    last    timestamptz := since;
    lower_  timestamptz;
    point   tally.point;
BEGIN
    -- It looks back in growing steps, because the value is mostly near and history is long. The fourth step takes all the rest.
    FOR step IN 1 .. 4 LOOP
        EXIT WHEN cardinality(missing) = 0;
        lower_ := CASE WHEN step = 4 THEN '-infinity' ELSE tally_internal._bucket_start(rule, last - width * 4 ^ (step - 1)) END;
        FOR point IN EXECUTE format('SELECT DISTINCT ON (labels) * FROM (%s) points WHERE value IS NOT NULL AND labels = ANY ($3) ORDER BY labels, bucket '
            'DESC', query)
                     USING lower_, last, missing LOOP
            labels := point.labels;
            value := point.value;
            missing := array_remove(missing, point.labels);
            RETURN NEXT;
        END LOOP;
        last := lower_;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._values_before(text, text, timestamptz, interval, jsonb[]) IS
'The last value that is not NULL before since of each wanted label set, where there is one; query yields points of [$1, $2).';

CREATE OR REPLACE FUNCTION tally_internal._filled(metric text, query text, rule text, first timestamptz, last timestamptz, fill text,
                                       single boolean) RETURNS SETOF tally.point
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    points tally.point[];
    series tally.point[];
    before jsonb := '{}';
BEGIN
    IF isfinite(first) AND isfinite(last) THEN
        PERFORM tally_internal._check_fill_size(metric, rule, first, last, 1);
    END IF;
    EXECUTE format('SELECT array_agg(p::tally.point) FROM (%s) p', query) INTO points USING first, last;
    SELECT CASE WHEN isfinite(first) THEN first ELSE min(p.bucket) END, CASE WHEN isfinite(last) THEN last
        ELSE tally_internal._bucket_end(rule, max(p.bucket)) END,
           array_agg(DISTINCT ROW(NULL, p.series, p.labels, NULL)::tally.point) FILTER (WHERE p.bucket IS NOT NULL)
      INTO first, last, series FROM unnest(points) p;
    -- Without labels there is one series, even without data. With labels there are those that have data.
    series := COALESCE(series, CASE WHEN single THEN ARRAY[ROW(NULL, metric, '{}', NULL)::tally.point] END);
    IF series IS NULL OR first IS NULL OR last IS NULL OR first >= last THEN RETURN; END IF;
    PERFORM tally_internal._check_fill_size(metric, rule, first, last, cardinality(series));
    IF fill = 'previous' THEN
        SELECT COALESCE(jsonb_object_agg(v.labels::text, v.value), '{}') INTO before
          FROM tally_internal._values_before(query, rule, first, last - first,
            ARRAY(SELECT s.labels FROM unnest(series) s WHERE NOT EXISTS (SELECT FROM unnest(points) p WHERE p.labels = s.labels AND p.bucket = first
                    AND p.value IS NOT NULL))) v;
    END IF;
    RETURN QUERY
    SELECT w.bucket, w.series, w.labels,
           CASE fill WHEN 'zero' THEN COALESCE(w.value, 0)
                     WHEN 'previous' THEN COALESCE(first_value(w.value) OVER (PARTITION BY w.labels, w.seen ORDER BY w.bucket),
                                                   (before ->> w.labels::text)::float8)
                     ELSE w.value END
      FROM (SELECT b.bucket, s.series, s.labels, p.value, count(p.value) OVER (PARTITION BY s.labels ORDER BY b.bucket) AS seen
              FROM unnest(tally_internal._buckets_between(rule, first, last)) b(bucket) CROSS JOIN unnest(series) s(ignored, series, labels, ignored_too)
              LEFT JOIN unnest(points) p ON p.bucket = b.bucket AND p.labels = s.labels) w
     ORDER BY w.bucket, w.series;
END $$;
COMMENT ON FUNCTION tally_internal._filled(text, text, text, timestamptz, timestamptz, text, boolean) IS
'The points of a query over [$1, $2), with a row for every bucket and series; single: there is one series, even where no bucket has a row. Runs with the '
    'reader''s rights.';
