-- Owns: report_page: a report in pages. A page begins after the key of the last row of the page before, so no row is left out or comes twice when
-- rows are added between two pages.

CREATE OR REPLACE FUNCTION tally_internal._page_keys(metrics text[], page_rows int, after jsonb, bucket interval, by text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keys  text[] := CASE WHEN bucket IS NOT NULL THEN '{bucket}'::text[] ELSE '{}' END || by;
    again text := format('SELECT tally.report_page(%L%s%s);', metrics, COALESCE(format(', bucket => %L', bucket), ''), COALESCE(format(', by => %L', by), ''));
BEGIN
    PERFORM tally_internal._check_metrics(metrics);
    IF page_rows IS NULL OR page_rows NOT BETWEEN 1 AND 200000 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('page_rows must be from 1 to 200000, got %s', COALESCE(page_rows::text, 'NULL')), NULL,
                                       again);
    END IF;
    IF after IS NOT NULL AND (jsonb_typeof(after) <> 'object' OR jsonb_typeof(after -> 'key') IS DISTINCT FROM 'object' OR after ->> 'since' IS NULL
        OR after ->> 'until' IS NULL OR EXISTS (SELECT FROM jsonb_each(after -> 'key') e WHERE jsonb_typeof(e.value) <> 'string')
        OR ARRAY(SELECT k FROM jsonb_object_keys(after -> 'key') k ORDER BY 1) <> ARRAY(SELECT u FROM unnest(keys) u ORDER BY 1)) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('after must be what the page before gave as next, got %s', left(after::text, 200)),
            format('It holds since, until and a key of %s. Ask for each page with the same metrics, bucket, by and where.',
                   COALESCE(NULLIF(array_to_string(keys, ', '), ''), 'nothing')), again || '  -- the first page');
    END IF;
    RETURN keys;
END $$;
COMMENT ON FUNCTION tally_internal._page_keys(text[], int, jsonb, interval, text[]) IS
'The columns that the key of a page of a report is made of; an error if no page can be asked for with these arguments.';

CREATE OR REPLACE FUNCTION tally.report_page(
    metrics   text[],
    page_rows int DEFAULT 1000,
    after     jsonb DEFAULT NULL,
    since     text DEFAULT '24 hours',
    until     text DEFAULT NULL,
    bucket    interval DEFAULT NULL,
    by        text[] DEFAULT '{}',
    "where"   jsonb DEFAULT '{}',
    people    text DEFAULT NULL,
    k         int DEFAULT 10,
    as_of     timestamptz DEFAULT now()
) RETURNS json
-- A time in a row or a key reads the same on every page.
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_variable
DECLARE
    dims   text[] := COALESCE(by, '{}');
    keys   text[] := tally_internal._page_keys(metrics, page_rows, after, bucket, dims);
    zone   text;
    first  timestamptz;
    last   timestamptz;
    start  timestamptz;
    most   int;
    least_k int;
    beyond text;
    rows   json[];
BEGIN
    zone := tally_internal._zone_asked(metrics);
    first := tally_internal._parse_since(COALESCE(after ->> 'since', since), as_of, 'since', zone);
    last := tally_internal._parse_since(COALESCE(after ->> 'until', until), as_of, 'until', zone);
    IF NOT isfinite(first) OR NOT isfinite(last) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('since and until of a page must be moments, got %s and %s', first, last), NULL,
                                       format('SELECT tally.report_page(%L, since => ''30 days'');', metrics));
    END IF;
    SELECT l.most, l.least_k INTO most, least_k
      FROM tally_internal._report_limits(metrics, first, last, format('SELECT tally.report_page(%L', metrics)) l;
    page_rows := LEAST(page_rows, most);
    IF after IS NOT NULL AND after -> 'key' <> '{}' THEN
        beyond := (SELECT string_agg(x.written, ', ' ORDER BY x.n)
                     FROM (SELECT 0 AS n, tally_internal._utc_literal((after #>> '{key,bucket}')::timestamptz) AS written WHERE bucket IS NOT NULL
                           UNION ALL SELECT o, quote_literal(after -> 'key' ->> d) FROM unnest(dims) WITH ORDINALITY b(d, o)) x);
    END IF;
    -- Nothing before the bucket of the key is on this page.
    start := GREATEST(first, CASE WHEN bucket IS NOT NULL THEN (after #>> '{key,bucket}')::timestamptz END);
    rows := ARRAY(SELECT x FROM tally_internal._report(metrics, bucket, dims, COALESCE("where", '{}'), start, last, people, GREATEST(k, least_k), page_rows,
                                                       beyond) x);
    RETURN json_build_object('rows', COALESCE(array_to_json(rows[:page_rows]), '[]'), 'next', CASE WHEN cardinality(rows) > page_rows THEN
        json_build_object('since', tally_internal._utc_text(first), 'until', tally_internal._utc_text(last), 'key',
            (SELECT json_object_agg(d, rows[page_rows] ->> d ORDER BY o)
               FROM unnest(keys) WITH ORDINALITY u(d, o))) END);
END $$;
COMMENT ON FUNCTION tally.report_page(text[], int, jsonb, text, text, interval, text[], jsonb, text, int, timestamptz) IS
'A report in pages: {"rows": […], "next": …}. Give next as after to get the page that follows; null: this is the last. The pages of one report are about the '
'same range, that of the first. Rows are in the order of bucket and by. Other arguments as in report(); the limits of readers hold for each page.';
