-- Owns: reading ratios. Both metrics are read by the readers of metrics, with the reader's rights, in the same buckets and by the same dimensions.

CREATE OR REPLACE FUNCTION tally_internal._quotient(number float8, divisor float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN divisor = 0 THEN NULL WHEN number = 0 THEN 0
                -- It would be an error of PostgreSQL: too large or too small for the type.
                WHEN number NOT IN ('infinity', '-infinity', 'NaN') AND divisor NOT IN ('infinity', '-infinity', 'NaN')
                     AND abs(log(abs(number)) - log(abs(divisor))) > 307 THEN NULL
                ELSE number / divisor END
$$;
COMMENT ON FUNCTION tally_internal._quotient(float8, float8) IS 'A number divided by another; NULL where there is no such number.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_rollups(x tally.ratios) RETURNS tally.rollups[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY[(SELECT r FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id WHERE m.id = x.metric_id),
                 (SELECT r FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id WHERE m.id = x.divisor_id)]
$$;
COMMENT ON FUNCTION tally_internal._ratio_rollups(tally.ratios) IS 'The rollup of the metric that a ratio divides, and that of the divisor.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_bucket(x tally.ratios) RETURNS interval
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (p.r).bucket FROM (SELECT q.pair[i] AS r, i FROM (SELECT tally_internal._ratio_rollups(x) AS pair) q, generate_series(1, 2) i) p
     ORDER BY tally_internal._bucket_length(tally_internal._bucket_rule_of(p.r)) DESC, p.i LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._ratio_bucket(tally.ratios) IS 'The finest bucket that a ratio can have: the longer one of its two rollups.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_rule(x tally.ratios, bucket interval, first timestamptz, last timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
DECLARE
    pair tally.rollups[] := tally_internal._ratio_rollups(x);
    rule text := tally_internal._grain(pair[1], COALESCE(bucket, tally_internal._ratio_bucket(x)), first, last);
BEGIN
    IF rule <> tally_internal._grain(pair[2], COALESCE(bucket, tally_internal._ratio_bucket(x)), first, last) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('both metrics of ratio %L must have the same buckets, got rollups %L (%s in %s) and %L (%s in %s)', x.name, pair[1].name, pair[1].bucket,
                   pair[1].zone, pair[2].name, pair[2].bucket, pair[2].zone),
            'Buckets are merged, never split, and begin where the zone and origin of their rollup say.',
            CASE WHEN pair[1].zone = pair[2].zone AND pair[1].bucket_origin IS NOT DISTINCT FROM pair[2].bucket_origin AND x.id IS NOT NULL
                 THEN format('SELECT * FROM tally.timeseries(%L, bucket => %L);', tally_internal._called(x), tally_internal._ratio_bucket(x))
                 ELSE format('SELECT name, bucket, zone, bucket_origin FROM tally.rollups WHERE id IN (%s, %s);', pair[1].id, pair[2].id) END);
    END IF;
    RETURN rule;
END $$;
COMMENT ON FUNCTION tally_internal._ratio_rule(tally.ratios, interval, timestamptz, timestamptz) IS
'The bucket rule in which both metrics of a ratio are read; an error where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_points(ratio_id int, since text, until text, bucket interval, by text[], "where" jsonb, live boolean,
                                                        as_of timestamptz) RETURNS SETOF tally.point
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    x     tally.ratios := (SELECT o FROM tally.ratios o WHERE o.id = ratio_id);
    width interval := COALESCE(bucket, tally_internal._ratio_bucket(x));
    calls text[];
BEGIN
    PERFORM tally_internal._check_dimensions(r, by, 'by') FROM unnest(tally_internal._ratio_rollups(x)) r;
    calls := ARRAY(SELECT CASE WHEN c.window_ IS NULL THEN format('tally.timeseries(%L, $1, $2, $3, $4, $5, $6, $7)', tally_internal._called(m))
                               ELSE format('tally.rolling(%L, %L, $1, $2, $3, $4, $5, $7)', tally_internal._called(m), c.window_) END
                     FROM (VALUES (1, x.metric_id, x.metric_window), (2, x.divisor_id, x.divisor_window)) c(n, id, window_)
                     JOIN tally.metrics m ON m.id = c.id ORDER BY c.n);
    RETURN QUERY EXECUTE format('SELECT COALESCE(n.bucket, d.bucket), %s, COALESCE(n.labels, d.labels), tally_internal._quotient(n.value, d.value)
        FROM (SELECT * FROM %s) n FULL JOIN (SELECT * FROM %s) d ON d.bucket = n.bucket AND d.labels = n.labels ORDER BY 1, 2',
            CASE WHEN by = '{}' THEN quote_literal(x.name) || '::text' ELSE 'COALESCE(n.series, d.series)' END, calls[1], calls[2])
        USING since, until, width, by, "where", live, as_of;
END $$;
COMMENT ON FUNCTION tally_internal._ratio_points(int, text, text, interval, text[], jsonb, boolean, timestamptz) IS
'The points of a ratio in [since, until), where either of its metrics has one. With the reader''s rights.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_series(x tally.ratios, since text, until text, bucket interval, by text[], "where" jsonb, live boolean,
                                                        as_of timestamptz, fill text) RETURNS SETOF tally.point
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
#variable_conflict use_variable
DECLARE
    called text := tally_internal._called(x);
    zone  text := (tally_internal._ratio_rollups(x))[1].zone;
    first timestamptz := tally_internal._parse_since(since, as_of, 'since', zone);
    last  timestamptz := tally_internal._parse_since(until, as_of, 'until', zone);
    rule  text := tally_internal._ratio_rule(x, bucket, first, last);
BEGIN
    IF fill IN ('previous', 'linear') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('fill of ratio %L must be ''null'' or ''zero'', got %L', x.name, fill),
            'A value between two ratios is the ratio of nothing.', format('SELECT * FROM tally.timeseries(%L, fill => ''null'');', called));
    ELSIF NOT live AND COALESCE(x.metric_window, x.divisor_window) IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('ratio %L is read live => true, since it has a window; got false', x.name),
            'Windows are merged exact, as of now.', format('SELECT * FROM tally.timeseries(%L);', called));
    END IF;
    -- Only whole buckets count: those that begin in the range. Both metrics get the same range.
    first := tally_internal._bucket_at_or_after(rule, first);
    last := tally_internal._bucket_at_or_after(rule, last);
    RETURN QUERY SELECT * FROM tally_internal._series(x.name,
        format('SELECT * FROM tally_internal._ratio_points(%s, tally_internal._utc_text($1), tally_internal._utc_text($2), %L, %L, %L, %L, %L)', x.id, bucket,
               by, "where", live, as_of), rule, first, last, fill, by = '{}');
END $$;
COMMENT ON FUNCTION tally_internal._ratio_series(tally.ratios, text, text, interval, text[], jsonb, boolean, timestamptz, text) IS
'What timeseries() says of a ratio.';

CREATE OR REPLACE FUNCTION tally_internal._check_ratio_whole(x tally.ratios, call text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF COALESCE(x.metric_window, x.divisor_window) IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('ratio %L has a value for each bucket, and none for a whole range', x.name),
            format('It is %s: its window ends with each bucket.', tally_internal._ratio_words(x)), call);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_ratio_whole(tally.ratios, text) IS 'An error where a ratio has a window, for what asks for one value of a range.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_value(x tally.ratios, since text, until text, "where" jsonb, live boolean, as_of timestamptz)
    RETURNS float8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    zone  text := (tally_internal._ratio_rollups(x))[1].zone;
    first text := tally_internal._utc_text(tally_internal._parse_since(since, as_of, 'since', zone));
    last  text := tally_internal._utc_text(tally_internal._parse_since(until, as_of, 'until', zone));
BEGIN
    PERFORM tally_internal._check_ratio_whole(x, format('SELECT value FROM tally.timeseries(%L) ORDER BY bucket DESC LIMIT 1;', tally_internal._called(x)));
    RETURN (SELECT tally_internal._quotient(tally.metric_value(tally_internal._called(n), first, last, "where", live, as_of),
                                            tally.metric_value(tally_internal._called(d), first, last, "where", live, as_of))
              FROM tally.metrics n, tally.metrics d WHERE n.id = x.metric_id AND d.id = x.divisor_id);
END $$;
COMMENT ON FUNCTION tally_internal._ratio_value(tally.ratios, text, text, jsonb, boolean, timestamptz) IS 'What metric_value() says of a ratio.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_at(ratio_id int, as_of timestamptz, per text[], "where" jsonb, partial_ok boolean)
RETURNS TABLE (labels jsonb, value float8)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    x     tally.ratios := (SELECT o FROM tally.ratios o WHERE o.id = ratio_id);
    rule  text;
    until timestamptz;
BEGIN
    IF x.id IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('ratio %s does not exist', COALESCE(ratio_id::text, 'NULL')),
            'It was dropped by who owns it.', 'SELECT id, name FROM tally.ratios;');
    END IF;
    rule := tally_internal._ratio_rule(x, NULL, '-infinity', 'infinity');
    until := tally_internal._bucket_start(rule, as_of);
    IF partial_ok THEN until := tally_internal._bucket_end(rule, until); END IF;
    RETURN QUERY SELECT p.labels, p.value FROM tally_internal._ratio_points(ratio_id,
        tally_internal._utc_text(tally_internal._bucket_start(rule, until - interval '1 microsecond')), tally_internal._utc_text(until), NULL, per,
        "where", true, as_of) p;
END $$;
COMMENT ON FUNCTION tally_internal._ratio_at(int, timestamptz, text[], jsonb, boolean) IS
'A ratio in the last bucket that is finished at a moment, or in the running one: a row for each label set. With the reader''s rights.';
