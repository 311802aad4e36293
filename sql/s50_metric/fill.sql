-- Owns: filling the gaps of a time series. A gap is a bucket without a row, or one whose value is NULL. On a chart "no events" and
-- "nothing to divide by" look the same.

CREATE OR REPLACE FUNCTION tally_internal._check_fill(fill text, metric text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF fill NOT IN ('null', 'zero', 'previous', 'linear') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('fill must be ''null'', ''zero'', ''previous'' or ''linear'', got %L', fill),
            'Without it a bucket without events has no row.',
            format('SELECT * FROM tally.timeseries(%L, fill => ''zero'');', metric));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_fill(text, text) IS 'An error where fill is not null, zero, previous or linear.';

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

CREATE OR REPLACE FUNCTION tally_internal._values_beyond(query text, rule text, edge timestamptz, width interval, wanted jsonb[], forward boolean,
                                     OUT labels jsonb, OUT bucket timestamptz, OUT value float8) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    missing jsonb[] := wanted;
    last    timestamptz := edge;
    beyond  timestamptz;
    point   tally.point;
BEGIN
    IF NOT isfinite(edge) THEN RETURN; END IF;
    -- It looks away from the range in growing steps, because the value is mostly near and history is long. The fourth step takes all the rest.
    FOR step IN 1 .. 4 LOOP
        EXIT WHEN cardinality(missing) = 0;
        beyond := CASE WHEN step = 4 THEN CASE WHEN forward THEN timestamptz 'infinity' ELSE '-infinity' END
                       WHEN forward THEN tally_internal._bucket_end(rule, last + width * 4 ^ (step - 1))
                       ELSE tally_internal._bucket_start(rule, last - width * 4 ^ (step - 1)) END;
        FOR point IN EXECUTE format('SELECT DISTINCT ON (labels) * FROM (%s) points WHERE value IS NOT NULL AND labels = ANY ($3) ORDER BY labels, bucket %s',
                                    query, CASE WHEN forward THEN 'ASC' ELSE 'DESC' END)
                     USING least(last, beyond), greatest(last, beyond), missing LOOP
            labels := point.labels;
            bucket := point.bucket;
            value := point.value;
            missing := array_remove(missing, point.labels);
            RETURN NEXT;
        END LOOP;
        last := beyond;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._values_beyond(text, text, timestamptz, interval, jsonb[], boolean) IS
'The value that is not NULL nearest to edge of each wanted label set, before it or (forward) from it on, where there is one; query yields points of '
    '[$1, $2).';

CREATE OR REPLACE FUNCTION tally_internal._neighbours(query text, rule text, edge timestamptz, width interval, points tally.point[], series tally.point[],
                                  forward boolean) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_object_agg(v.labels::text, jsonb_build_array(extract(epoch FROM v.bucket), v.value)), '{}')
      FROM tally_internal._values_beyond(query, rule, edge, width,
            -- A series whose bucket at the edge has a value needs none from beyond.
            ARRAY(SELECT s.labels FROM unnest(series) s
                   WHERE NOT EXISTS (SELECT FROM unnest(points) p WHERE p.labels = s.labels AND p.value IS NOT NULL
                                        AND CASE WHEN forward THEN tally_internal._bucket_end(rule, p.bucket) = edge ELSE p.bucket = edge END)),
            forward) v
$$;
COMMENT ON FUNCTION tally_internal._neighbours(text, text, timestamptz, interval, tally.point[], tally.point[], boolean) IS
'What _values_beyond() finds for the series whose bucket at an edge of the range has no value: an object of label sets, each with [epoch, value].';

CREATE OR REPLACE FUNCTION tally_internal._filled(metric text, query text, rule text, first timestamptz, last timestamptz, fill text,
                                       single boolean) RETURNS SETOF tally.point
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    points tally.point[];
    series tally.point[];
    before jsonb := '{}';
    after  jsonb := '{}';
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
    IF fill IN ('previous', 'linear') THEN
        before := tally_internal._neighbours(query, rule, first, last - first, points, series, false);
    END IF;
    IF fill = 'linear' THEN
        after := tally_internal._neighbours(query, rule, last, last - first, points, series, true);
    END IF;
    RETURN QUERY
    SELECT w.bucket, w.series, w.labels,
           CASE WHEN w.value IS NOT NULL THEN w.value
                WHEN fill = 'zero' THEN 0
                WHEN fill = 'previous' THEN w.left_value
                WHEN fill = 'linear' THEN
                    w.left_value + (w.right_value - w.left_value) * ((extract(epoch FROM w.bucket) - w.left_at) / (w.right_at - w.left_at))
           END
      FROM (SELECT v.bucket, v.series, v.labels, v.value,
                   COALESCE(first_value(v.value) OVER since, (before -> v.labels::text ->> 1)::float8) AS left_value,
                   COALESCE(first_value(v.at) OVER since, (before -> v.labels::text ->> 0)::float8) AS left_at,
                   COALESCE(first_value(v.value) OVER until, (after -> v.labels::text ->> 1)::float8) AS right_value,
                   COALESCE(first_value(v.at) OVER until, (after -> v.labels::text ->> 0)::float8) AS right_at
              FROM (SELECT b.bucket, s.series, s.labels, p.value, CASE WHEN p.value IS NOT NULL THEN extract(epoch FROM p.bucket)::float8 END AS at,
                           count(p.value) OVER (PARTITION BY s.labels ORDER BY b.bucket) AS seen,
                           count(p.value) OVER (PARTITION BY s.labels ORDER BY b.bucket DESC) AS coming
                      FROM unnest(tally_internal._buckets_between(rule, first, last)) b(bucket)
                     CROSS JOIN unnest(series) s(ignored, series, labels, ignored_too)
                      LEFT JOIN unnest(points) p ON p.bucket = b.bucket AND p.labels = s.labels) v
            WINDOW since AS (PARTITION BY v.labels, v.seen ORDER BY v.bucket), until AS (PARTITION BY v.labels, v.coming ORDER BY v.bucket DESC)) w
     ORDER BY w.bucket, w.series;
END $$;
COMMENT ON FUNCTION tally_internal._filled(text, text, text, timestamptz, timestamptz, text, boolean) IS
'The points of a query over [$1, $2), with a row for every bucket and series; single: there is one series, even where no bucket has a row. Runs with the '
    'reader''s rights.';
