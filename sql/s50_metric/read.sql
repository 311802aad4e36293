-- Owns: reading metrics: timeseries and metric_value. They run with the reader's rights, and take SELECT on the live view (or the table,
-- with live => false). They turn jit off. The planner prices branches of a live view by what they might have to do, and compiling them took
-- seconds where reading takes milliseconds.

CREATE OR REPLACE FUNCTION tally_internal._wanted_rule(r tally.rollups, own text, wanted interval) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    local CONSTANT timestamp := r.bucket_origin AT TIME ZONE r.zone;
    late  interval;
    rule  text;
BEGIN
    IF local IS NULL THEN RETURN tally_internal._bucket_rule(wanted, r.zone); END IF;
    -- If the rollup's weeks begin on Sundays, these weeks do too. Months begin at the time of day at which the rollup's days do, and on the first,
    -- unless the rollup is of months itself. An origin on the first of April says where years begin.
    IF extract(year FROM wanted) * 12 + extract(month FROM wanted) > 0 AND extract(month FROM r.bucket) + extract(year FROM r.bucket) = 0 THEN
        late := COALESCE((regexp_match(own, '@\d+\+(\d+) '))[1]::bigint * interval '1 microsecond',
                         CASE WHEN own LIKE 'fixed %' THEN local::time::interval END, '0');
        rule := tally_internal._bucket_rule(wanted, r.zone,
            (CASE WHEN extract(day FROM local) = 1 THEN local::date ELSE date '2000-01-01' END + late) AT TIME ZONE r.zone);
    ELSE
        rule := tally_internal._bucket_rule(wanted, r.zone, r.bucket_origin);
    END IF;
    -- An origin of hours, such as 06:00, says where hours begin. Days of them begin at midnight where hours fit into those.
    RETURN COALESCE((SELECT plain FROM tally_internal._bucket_rule(wanted, r.zone) plain
                      WHERE rule ~ '^calendar \w+@\d+\+' AND own LIKE 'fixed %' AND tally_internal._buckets_nest(own, plain)), rule);
END $$;
COMMENT ON FUNCTION tally_internal._wanted_rule(tally.rollups, text, interval) IS
'The bucket rule of a wanted width whose buckets begin where the rollup''s origin says. own is the rollup''s own rule.';

CREATE OR REPLACE FUNCTION tally_internal._grain(r tally.rollups, wanted interval, first timestamptz, last timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own  text := tally_internal._bucket_rule_of(r);
    rule text;
    fits boolean;
BEGIN
    IF wanted IS NULL THEN RETURN own; END IF;
    rule := tally_internal._wanted_rule(r, own, wanted);
    -- It compares buckets, not intervals. As intervals, 30 days equal a month, and 24 hours equal a day of 23.
    IF rule = own THEN RETURN own; END IF;
    IF tally_internal._bucket_is_finer(rule, own) THEN
        RAISE NOTICE USING MESSAGE = format('bucket widened from %s to %s: rollup %L keeps nothing finer', wanted, r.bucket, r.name);
        RETURN own;
    END IF;
    fits := CASE WHEN isfinite(first) AND isfinite(last) THEN tally_internal._buckets_nest(own, rule, first, last)
        ELSE tally_internal._buckets_nest(own, rule) END;
    IF NOT fits THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('bucket must be made up of whole buckets of rollup %L (%s in %s), got %s', r.name, r.bucket, r.zone, wanted),
            'Buckets are merged, never split. Days and months follow the zone''s clock: 30 days are no month, and 24 hours are no day where clocks '
                'change.',
            format('Use bucket => %L.', (r.bucket * 2)::text));
    END IF;
    RETURN rule;
END $$;
COMMENT ON FUNCTION tally_internal._grain(tally.rollups, interval, timestamptz, timestamptz) IS
'The bucket rule for a wanted width over a rollup. It is the rollup''s own if no width is wanted, or (with a NOTICE) if a finer one is. An error if the '
    'width would split the rollup''s buckets in [first, last).';

CREATE OR REPLACE FUNCTION tally_internal._series_sql(m tally.metrics, r tally.rollups, source text, rule text, by text[], "where" jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- An hour before the second of two midnights is in the day that begins there.
    merging boolean := rule LIKE 'calendar %' AND rule <> tally_internal._bucket_rule_of(r);
BEGIN
    RETURN format(
        'SELECT "the bucket" AS bucket, %s AS series, %s AS labels, "the value" AS value FROM (%s) metric WHERE "the bucket" >= $1 AND "the bucket" < $2 '
        'ORDER BY 1, 2',
        COALESCE((SELECT string_agg(quote_ident(d), ' || '', '' || ' ORDER BY n) FROM unnest(by) WITH ORDINALITY b(d, n)), quote_literal(m.name) || '::text'),
        tally_internal._labels_sql(by),
        tally_internal._merged_sql(m, r, source, tally_internal._stored_bucket_sql(r, rule), by, "where",
            CASE WHEN merging THEN format('tally_internal._rows_from(%L, $1)', rule) ELSE '$1' END,
            CASE WHEN merging THEN format('tally_internal._rows_past(%L, $2)', rule) ELSE '$2' END));
END $$;
COMMENT ON FUNCTION tally_internal._series_sql(tally.metrics, tally.rollups, text, text, text[], jsonb) IS
'SQL text of the points of a metric in [$1, $2) by buckets of a rule, read from a source (SQL text of a relation).';

CREATE OR REPLACE FUNCTION tally_internal._series(metric text, query text, rule text, first timestamptz, last timestamptz, fill text, single boolean)
    RETURNS SETOF tally.point
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    IF fill IS NULL THEN
        RETURN QUERY EXECUTE query USING first, last;
    ELSE
        RETURN QUERY SELECT * FROM tally_internal._filled(metric, query, rule, first, last, fill, single);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._series(text, text, text, timestamptz, timestamptz, text, boolean) IS
'The points of a query over [$1, $2), filled where fill is not null. Runs with the reader''s rights.';

CREATE OR REPLACE FUNCTION tally_internal._released_sql(metrics tally.metrics[], r tally.rollups, rule text, by text[], "where" jsonb, first timestamptz,
                                                        last timestamptz, call text, fill text DEFAULT NULL, whole boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF has_any_column_privilege(r.live_view::oid, 'SELECT') OR has_any_column_privilege(r.relation::oid, 'SELECT') THEN RETURN NULL; END IF;
    RETURN (SELECT said FROM tally_internal._announce('rollup_hidden', r.id, jsonb_build_object('rule', rule, 'by', by, 'where', COALESCE("where", '{}'),
                'first', first, 'last', last, 'call', call, 'fill', fill, 'whole', whole, 'metrics', (
                SELECT jsonb_agg(jsonb_build_object('name', m.name, 'resolved', m.resolved, 'measures', m.measures) ORDER BY m.ordinality)
                  FROM unnest(metrics) WITH ORDINALITY m))) said LIMIT 1);
END $$;
COMMENT ON FUNCTION tally_internal._released_sql(tally.metrics[], tally.rollups, text, text[], jsonb, timestamptz, timestamptz, text, text, boolean) IS
'SQL text that answers from what is published, for a reader without any right on a rollup: [bucket,] dimensions of by, one column per metric. whole: of the '
    'buckets that begin in the range, else of the range alone. NULL where the '
    'reader has a right on it, or sees nothing published of it either. An error where what he may see does not answer.';

CREATE OR REPLACE FUNCTION tally.timeseries(
    metric  text,
    since   text DEFAULT '24 hours',
    until   text DEFAULT NULL,
    bucket  interval DEFAULT NULL,
    by      text[] DEFAULT '{}',
    "where" jsonb DEFAULT '{}',
    live    boolean DEFAULT true,
    as_of   timestamptz DEFAULT now(),
    fill    text DEFAULT NULL
) RETURNS SETOF tally.point
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    ratio  tally.ratios := tally_internal._find_ratio(metric);
    m      tally.metrics;
    r      tally.rollups;
    rule   text;
    source text;
    query  text;
    hint   text;
    first  timestamptz;
    last   timestamptz;
    merging boolean;
    most   int;
    n      bigint;
    bound  text;
    again  text;
BEGIN
    PERFORM tally_internal._check_fill(fill, metric);
    IF ratio.id IS NOT NULL THEN
        RETURN QUERY SELECT * FROM tally_internal._ratio_series(ratio, since, until, bucket, by, COALESCE("where", '{}'), live, as_of, fill);
        RETURN;
    END IF;
    m := tally_internal._metric(metric);
    SELECT * INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
    PERFORM tally_internal._check_dimensions(r, by, 'by');
    SELECT a.first, a.last, a.most INTO first, last, most
      FROM tally_internal._asked_range(r, since, until, as_of, format('SELECT * FROM tally.timeseries(%L', tally_internal._called(m))) a;
    rule := tally_internal._grain(r, bucket, first, last);
    PERFORM tally_internal._refuse_overlap(r, rule, first, last, format('SELECT * FROM tally.timeseries(%L, since => %L);', tally_internal._called(m), since));
    -- Only whole buckets count: those that begin in the range.
    first := tally_internal._bucket_at_or_after(rule, first);
    last := tally_internal._bucket_at_or_after(rule, last);
    merging := rule LIKE 'calendar %' AND rule <> tally_internal._bucket_rule_of(r);
    "where" := COALESCE("where", '{}');
    again := format('SELECT tally.report_page(%L, bucket => %L, by => %L, since => %L, until => %L);', ARRAY[tally_internal._called(m)],
                    COALESCE(bucket, r.bucket), by, tally_internal._utc_text(first), tally_internal._utc_text(last));
    query := tally_internal._released_sql(ARRAY[m], r, rule, by, "where", first, last, format('SELECT * FROM tally.timeseries(%L', tally_internal._called(m)),
                                          fill, true);
    IF query IS NOT NULL THEN
        RETURN QUERY EXECUTE format('SELECT bucket, %s, %s, %I FROM (%s) q ORDER BY 1, 2%s',
            COALESCE((SELECT string_agg(quote_ident(d), ' || '', '' || ' ORDER BY o) FROM unnest(by) WITH ORDINALITY b(d, o)),
                     quote_literal(m.name) || '::text'),
            tally_internal._labels_sql(by), m.name, query, COALESCE(' LIMIT ' || most + 1::bigint, ''));
        GET DIAGNOSTICS n = ROW_COUNT;
        PERFORM tally_internal._check_rows(n, most, 'a series', again);
        RETURN;
    END IF;
    -- The values beside the range, which fill => 'previous' and 'linear' ask for, lie outside of it.
    source := CASE WHEN live AND COALESCE(fill NOT IN ('previous', 'linear'), true) THEN tally_internal._answer_source(
                        tally_internal._current_role(), r, m.measures || m.samples, by, "where", rule,
                        CASE WHEN merging THEN tally_internal._rows_from(rule, first) ELSE first END,
                        CASE WHEN merging THEN tally_internal._rows_past(rule, last) ELSE last END)
                   WHEN live THEN tally_internal._live_for_reader(r)::text ELSE r.relation::text END;
    -- One row more than the limit is enough to know that there are too many.
    bound := CASE WHEN fill IS NULL THEN COALESCE(' LIMIT ' || most + 1::bigint, '') ELSE '' END;
    query := tally_internal._refuse_unsafe(r, tally_internal._series_sql(m, r, source, rule, by, "where") || bound);
    BEGIN
        -- The inner function gathers all rows first, so nothing was returned where it fails.
        RETURN QUERY SELECT * FROM tally_internal._series(m.name, query, rule, first, last, fill, by = '{}');
        GET DIAGNOSTICS n = ROW_COUNT;
    EXCEPTION WHEN OTHERS THEN
        -- What is wrong with the question is no fault of the metric, and its error has a hint.
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        IF NOT tally_internal._fault_of_a_metric(SQLSTATE) OR hint <> '' THEN RAISE; END IF;
        query := tally_internal._series_sql(tally_internal._guarded(m, r), r, source, rule, by, "where") || bound;
        RETURN QUERY SELECT * FROM tally_internal._series(m.name, query, rule, first, last, fill, by = '{}');
        GET DIAGNOSTICS n = ROW_COUNT;
        PERFORM tally_internal._note_failed(m, SQLSTATE, SQLERRM);
    END;
    PERFORM tally_internal._check_rows(n, most, 'a series', again);
END $$;
COMMENT ON FUNCTION tally.timeseries(text, text, text, interval, text[], jsonb, boolean, timestamptz, text) IS
'A metric over time, in long form: since and until (how long ago, a timestamp, or words such as yesterday and last month; whole buckets that '
    'begin in the range); bucket (the rollup''s own, or a '
    'multiple into which its measures are merged); by (one series per values of these dimensions); where ({"world": "w1"}); live (exact now) or as of the '
    'last refresh; as_of (the present); fill: without it a bucket without events has no row, with ''null'', ''zero'', ''previous'' or ''linear'' '
    'every bucket of every series has one (at most 100,000 in all); previous takes the last value before since where there is one, linear lies on a line '
    'between the values beside it.';

CREATE OR REPLACE FUNCTION tally_internal._labels_sql(by text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
    SELECT format('pg_catalog.jsonb_build_object(%s)', string_agg(format('%L, %I', d, d), ', ' ORDER BY n)) FROM unnest(by) WITH ORDINALITY b(d, n));
END $$;
COMMENT ON FUNCTION tally_internal._labels_sql(text[]) IS 'SQL text of the label set of a row that has the dimensions of by as columns.';

CREATE OR REPLACE FUNCTION tally.metric_value(
    metric  text,
    since   text DEFAULT '24 hours',
    until   text DEFAULT NULL,
    "where" jsonb DEFAULT '{}',
    live    boolean DEFAULT true,
    as_of   timestamptz DEFAULT now()
) RETURNS float8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET jit = off AS $$
DECLARE
    ratio  tally.ratios := tally_internal._find_ratio(metric);
    m      tally.metrics;
    r      tally.rollups;
    first  timestamptz;
    last   timestamptz;
    result float8;
    released text;
BEGIN
    IF ratio.id IS NOT NULL THEN RETURN tally_internal._ratio_value(ratio, since, until, COALESCE("where", '{}'), live, as_of); END IF;
    m := tally_internal._metric(metric);
    SELECT * INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
    SELECT a.first, a.last INTO first, last
      FROM tally_internal._asked_range(r, since, until, as_of, format('SELECT tally.metric_value(%L', tally_internal._called(m))) a;
    PERFORM tally_internal._refuse_overlap(r, NULL, first, last,
                                           format('SELECT * FROM tally.timeseries(%L, since => %L) ORDER BY bucket DESC LIMIT 1;',
                                               tally_internal._called(m), since));
    released := tally_internal._released_sql(ARRAY[m], r, NULL, '{}', "where", first, last, format('SELECT tally.metric_value(%L', tally_internal._called(m)));
    IF released IS NOT NULL THEN
        EXECUTE released INTO result;
        RETURN result;
    END IF;
    EXECUTE tally_internal._refuse_unsafe(r, format('SELECT "the value" FROM (%s) metric',
        tally_internal._merged_sql(m, r, CASE WHEN live THEN tally_internal._answer_source(
                                tally_internal._current_role(), r, m.measures || m.samples, '{}', COALESCE("where", '{}'), NULL, first, last)
                          ELSE r.relation::text END, NULL, '{}', COALESCE("where", '{}'), '$1', '$2')))
        INTO result USING first, last;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally.metric_value(text, text, text, jsonb, boolean, timestamptz) IS
'A metric as one number, merged over the buckets that begin in [since, until). NULL if there is no number. Arguments as in timeseries().';
