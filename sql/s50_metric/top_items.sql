-- Owns: the most frequent values of a topk measure as rows, for each group and bucket.

CREATE OR REPLACE FUNCTION tally_internal._top_rows(r tally.rollups, query text, first timestamptz, last timestamptz, n int, most bigint)
RETURNS TABLE (start timestamptz, labels jsonb, place int, item text, count bigint, lower bigint, upper bigint)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET jit = off AS $$
BEGIN
    RETURN QUERY EXECUTE tally_internal._refuse_unsafe(r, query) USING first, last, n, most;
END $$;
COMMENT ON FUNCTION tally_internal._top_rows(tally.rollups, text, timestamptz, timestamptz, int, bigint) IS
'The rows of the query of top_items(), with the reader''s rights and guarded. What is refused afterwards is refused outside of the guard.';

CREATE OR REPLACE FUNCTION tally.top_items(
    rollup  text,
    measure text,
    n       int DEFAULT 10,
    by      text[] DEFAULT '{}',
    bucket  interval DEFAULT NULL,
    since   text DEFAULT '24 hours',
    until   text DEFAULT NULL,
    "where" jsonb DEFAULT '{}',
    as_of   timestamptz DEFAULT now()
) RETURNS TABLE (start timestamptz, labels jsonb, place int, item text, count bigint, lower bigint, upper bigint)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r      tally.rollups := tally_internal._rollup(rollup);
    first  timestamptz := tally_internal._parse_since(since, as_of, 'since', r.zone);
    last   timestamptz := tally_internal._parse_since(until, as_of, 'until', r.zone);
    again  text := format('SELECT * FROM tally.top_items(%L, %L, since => ''7 days'');', rollup, measure);
    groups text[] := COALESCE(by, '{}');
    rule   text;
    dims   text;
    most   int;
    given  bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = r.id AND m.name = measure AND m.type = 'tally.topk') OR r.key IS NOT NULL THEN
        PERFORM tally_internal._refuse('wrong_object_type', format('measure must be a topk of a rollup over time, got %s of rollup %L',
            COALESCE(quote_literal(measure), 'NULL'), r.name), tally_internal._measures_of(r.id),
            format('SELECT tally.alter_rollup(%L, add_measures => ''{"top_pages": "tally.topk(page)"}'');', tally_internal._called(r)));
    ELSIF n IS NULL OR n NOT BETWEEN 1 AND 10000 OR NOT isfinite(first) OR NOT isfinite(last) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('n must be from 1 to 10000, and since and until moments, got %s, %s and %s',
            COALESCE(n::text, 'NULL'), first, last), 'It gives the n most frequent values over the buckets that begin in [since, until).', again);
    END IF;
    IF (tally_internal._limits(r.owner, r.relation)).min_people IS NOT NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('items of rollup %L are not shown to %I: %s hides small groups from readers', r.name,
            current_user, r.owner), 'An item may stand for a single person.', 'SELECT * FROM tally.limits;');
    END IF;
    most := tally_internal._within_limits(r.owner, r.relation, r.zone, format('SELECT * FROM tally.top_items(%L, %L', rollup, measure), first, last);
    PERFORM tally_internal._check_dimensions(r, groups, 'by'), tally_internal._check_once(groups, 'by');
    rule := CASE WHEN bucket IS NOT NULL THEN tally_internal._grain(r, bucket, first, last) END;
    PERFORM tally_internal._refuse_overlap(r, rule, first, last, again);
    dims := (SELECT string_agg(format('%I, ', d), '' ORDER BY o) FROM unnest(groups) WITH ORDINALITY b(d, o));
    RETURN QUERY SELECT * FROM tally_internal._top_rows(r, format(
        'SELECT g."the bucket", %s AS labels, t."the place"::pg_catalog.int4, t."the item", t."the count", t."the lower", t."the upper" '
        'FROM (SELECT %s AS "the bucket", %stally.rollup(%I) AS "the items" FROM %s WHERE bucket >= $1 AND bucket < $2%s GROUP BY %s) g '
        'CROSS JOIN LATERAL tally.top(g."the items", $3) WITH ORDINALITY t("the item", "the count", "the lower", "the upper", "the place") '
        'ORDER BY 1, 2, 3 LIMIT $4',
        tally_internal._labels_sql(groups), COALESCE(tally_internal._stored_bucket_sql(r, rule), 'NULL::pg_catalog.timestamptz'),
            COALESCE(dims, ''), measure,
        tally_internal._answer_source(tally_internal._current_role(), r, ARRAY[measure], groups, COALESCE("where", '{}'), rule, first, last),
        COALESCE(' AND ' || tally_internal._where_sql(r, COALESCE("where", '{}')), ''), concat_ws(', ', '1', NULLIF(rtrim(dims, ', '), ''))),
        first, last, n, most::bigint + 1);
    GET DIAGNOSTICS given = ROW_COUNT;
    PERFORM tally_internal._check_rows(given, most, 'an answer', again);
END $$;
COMMENT ON FUNCTION tally.top_items(text, text, int, text[], interval, text, text, jsonb, timestamptz) IS
'The n most frequent values of a topk measure, as rows: for each combination of the dimensions of by, and with bucket for each bucket, with the place, the '
    'estimate of the count and its bounds. It merges the buckets that begin in [since, until). Other arguments as in timeseries(). Run with the reader''s '
    'rights.';
