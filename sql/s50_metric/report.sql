-- Owns: report, its form with typed columns, and csv: several metrics side by side, for an API, a prompt or a file, within limits.

CREATE OR REPLACE FUNCTION tally_internal._report_sql(metrics tally.metrics[], r tally.rollups, bucket interval, by text[], "where" jsonb, first timestamptz,
                                           last timestamptz,
                                  people text, k int, guarded boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    needed text[];
    query  text;
    released text;
    rule   text := CASE WHEN bucket IS NOT NULL THEN tally_internal._grain(r, bucket, first, last) END;
    dims   text := (SELECT COALESCE(string_agg(format('%I, ', d), '' ORDER BY n), '') FROM unnest(by) WITH ORDINALITY b(d, n));
    grouped text[] := CASE WHEN rule IS NOT NULL THEN ARRAY['1'] ELSE '{}' END || ARRAY(SELECT quote_ident(d) FROM unnest(by) d);
BEGIN
    PERFORM tally_internal._check_dimensions(r, by, 'by');
    PERFORM tally_internal._refuse_overlap(r, rule, first, last,
                                           format('SELECT * FROM tally.report(%L, bucket => %L);', ARRAY(SELECT m.name FROM unnest(metrics) m),
                                                               r.bucket::text));
    released := tally_internal._released_sql(metrics, r, rule, by, "where", first, last,
                                             format('SELECT * FROM tally.report(%L', ARRAY(SELECT m.name FROM unnest(metrics) m)));
    IF released IS NOT NULL THEN RETURN released; END IF;
    IF people IS NOT NULL AND NOT EXISTS (SELECT FROM tally.measures x WHERE x.rollup_id = r.id AND x.name = people) THEN
        PERFORM tally_internal._refuse('undefined_column', format('people must name a measure of rollup %L, got %L', r.name, people),
            'Cells with fewer than k of them are suppressed.',
                format('SELECT m.name FROM tally.measures m JOIN tally.rollups r ON r.id = m.rollup_id WHERE r.name = %L;', r.name));
    END IF;
    needed := ARRAY(SELECT DISTINCT n FROM unnest(metrics) m, unnest(m.measures || people) n WHERE n IS NOT NULL);
    query := format('SELECT %s%s%s FROM (SELECT %s%s%s FROM %s WHERE bucket >= %s AND bucket < %s%s%s) merged',
        CASE WHEN rule IS NOT NULL THEN '"the bucket" AS bucket, ' ELSE '' END, dims,
        (SELECT string_agg(CASE WHEN people IS NULL THEN format('(%s)::pg_catalog.float8 AS %I', m.resolved, m.name)
                                ELSE format('tally.suppress_below((%s)::pg_catalog.float8, %I, %s) AS %I', m.resolved, people, k, m.name) END, ', '
                                    ORDER BY m.ordinality) FROM unnest(metrics) WITH ORDINALITY m),
        CASE WHEN rule IS NOT NULL THEN tally_internal._stored_bucket_sql(r, rule) || ' AS "the bucket", ' ELSE '' END, dims,
        tally_internal._merged_columns(r.id, needed),
        tally_internal._answer_source(tally_internal._current_role(), r, needed, by, "where", rule, first, last),
        tally_internal._utc_literal(first), tally_internal._utc_literal(last), COALESCE(' AND ' || tally_internal._where_sql(r, "where"), ''),
        COALESCE(' GROUP BY ' || NULLIF(array_to_string(grouped, ', '), ''), ''));
    -- The guarded form runs the expressions of the plain one, which was looked at before.
    RETURN CASE WHEN guarded THEN query ELSE tally_internal._refuse_unsafe(r, query) END;
END $$;
COMMENT ON FUNCTION tally_internal._report_sql(tally.metrics[], tally.rollups, interval, text[], jsonb, timestamptz, timestamptz, text, int, boolean) IS
'SQL text that yields several metrics of one rollup: [bucket,] dimensions of by, one column per metric. guarded: the metrics are in their slow form.';

CREATE OR REPLACE FUNCTION tally_internal._metric_as(written text) RETURNS tally.metrics
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m tally.metrics := tally_internal._metric(written);
BEGIN
    -- Two schemas may have metrics of one name, and a report shows both under what was asked for.
    m.name := written;
    RETURN m;
END $$;
COMMENT ON FUNCTION tally_internal._metric_as(text) IS 'The metric of a name, called as it was written.';

CREATE OR REPLACE FUNCTION tally_internal._asked_metrics(metrics text[]) RETURNS TABLE (n bigint, written text, m tally.metrics, x tally.ratios)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    FOR n, written IN SELECT w.n, w.name FROM unnest(metrics) WITH ORDINALITY w(name, n) LOOP
        x := tally_internal._find_ratio(written);
        IF x.id IS NULL THEN
            m := tally_internal._metric_as(written);
            RETURN NEXT;
            CONTINUE;
        END IF;
        SELECT o.* INTO m FROM tally.metrics o WHERE o.id = x.metric_id;
        m.name := tally_internal._part_name(n, 'number');
        RETURN NEXT;
        SELECT o.* INTO m FROM tally.metrics o WHERE o.id = x.divisor_id;
        m.name := tally_internal._part_name(n, 'divisor');
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._asked_metrics(text[]) IS
'The metrics of a report in order, called as they were written; of a ratio its two, x being the ratio.';

CREATE OR REPLACE FUNCTION tally_internal._zone_asked(metrics text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.zone FROM tally_internal._asked_metrics(metrics[:1]) a JOIN tally.rollups r ON r.id = (a.m).rollup_id LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._zone_asked(text[]) IS 'The zone on whose clock the range of a report is read: that of its first metric.';

CREATE OR REPLACE FUNCTION tally_internal._part_name(n bigint, part text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT format('%s of the ratio in place %s', part, n) $$;
COMMENT ON FUNCTION tally_internal._part_name(bigint, text) IS 'The column of a report''s query that holds a part of a ratio.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_part(x tally.ratios, bucket interval, by text[], "where" jsonb, first timestamptz, last timestamptz,
                                                      people text, written text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF bucket IS NULL THEN
        PERFORM tally_internal._check_ratio_whole(x, format('SELECT * FROM tally.report(%L, bucket => %L);', ARRAY[written],
                                                            tally_internal._ratio_bucket(x)));
    ELSIF people IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('people cannot be counted for ratio %L, which has a window, got %L', x.name, people),
            'A window has other people than the bucket that it ends with.', format('SELECT * FROM tally.report(%L, bucket => %L);', ARRAY[written], bucket));
    END IF;
    RETURN format('SELECT q.bucket%s, q.value AS %I FROM tally_internal._ratio_series((SELECT x FROM tally.ratios x WHERE x.id = %s), %L, %L, %L, %L, %L, '
                  'true, pg_catalog.now(), NULL) q',
        (SELECT string_agg(format(', q.labels ->> %L AS %I', d, d), '' ORDER BY n) FROM unnest(by) WITH ORDINALITY b(d, n)), written, x.id,
        tally_internal._utc_text(first), tally_internal._utc_text(last), bucket, by, "where");
END $$;
COMMENT ON FUNCTION tally_internal._ratio_part(tally.ratios, interval, text[], jsonb, timestamptz, timestamptz, text, text) IS
'SQL text that yields a ratio with a window for a report: bucket, dimensions of by, the value under its written name.';

CREATE OR REPLACE FUNCTION tally_internal._report_query(metrics text[], bucket interval, by text[], "where" jsonb, first timestamptz, last timestamptz,
                                             people text, k int, most int, guarded boolean, after text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    parts   text[];
    columns text;
    keys    text;
BEGIN
    WITH asked AS MATERIALIZED (
        SELECT a.*, COALESCE((a.x).metric_window, (a.x).divisor_window) IS NOT NULL AS slides FROM tally_internal._asked_metrics(metrics) a
    )
    SELECT array_agg(CASE WHEN p.ms IS NULL THEN tally_internal._ratio_part(p.x, bucket, by, "where", first, last, people, p.written)
                          ELSE tally_internal._report_sql(CASE WHEN guarded THEN ARRAY(SELECT tally_internal._guarded(m, p.r) FROM unnest(p.ms) m)
                                                               ELSE p.ms END, p.r, bucket, by, "where", first, last, people, k, guarded) END ORDER BY p.n),
           (SELECT string_agg(CASE WHEN (c.x).id IS NULL OR c.slides THEN quote_ident(c.written)
                                   ELSE format('tally_internal._quotient(%I, %I) AS %I', tally_internal._part_name(c.n, 'number'),
                                               tally_internal._part_name(c.n, 'divisor'), c.written) END, ', ' ORDER BY c.n)
              FROM (SELECT DISTINCT ON (a.n) a.* FROM asked a) c)
      INTO parts, columns
      FROM (SELECT r, NULL::tally.ratios AS x, NULL::text AS written, array_agg(a.m ORDER BY a.n) AS ms, min(a.n) AS n
              FROM asked a JOIN tally.rollups r ON r.id = (a.m).rollup_id WHERE NOT a.slides GROUP BY r
            UNION ALL
            (SELECT DISTINCT ON (a.n) NULL::tally.rollups, a.x, a.written, NULL::tally.metrics[], a.n FROM asked a WHERE a.slides)) p;
    keys := NULLIF(concat_ws(', ', CASE WHEN bucket IS NOT NULL THEN 'bucket' END,
                             (SELECT string_agg(quote_ident(d), ', ' ORDER BY o) FROM unnest(by) WITH ORDINALITY b(d, o))), '');
    RETURN format('SELECT pg_catalog.row_to_json(report.*) FROM (SELECT %s FROM %s%s%s LIMIT %s) report',
        concat_ws(', ', keys, columns),
        -- Dimensions are never NULL, so whatever one rollup lacks, another one's row stands alone.
        (SELECT string_agg(CASE WHEN o = 1 THEN format('(%s) p1', p) WHEN keys IS NULL THEN format(' CROSS JOIN (%s) p%s', p, o)
                           ELSE format(' FULL JOIN (%s) p%s USING (%s)', p, o, keys) END, '' ORDER BY o)
           FROM unnest(parts) WITH ORDINALITY u(p, o)),
        CASE WHEN after IS NULL THEN '' ELSE format(' WHERE (%s) > (%s)', keys, after) END, COALESCE(' ORDER BY ' || keys, ''), most::bigint + 1);
END $$;
COMMENT ON FUNCTION tally_internal._report_query(text[], interval, text[], jsonb, timestamptz, timestamptz, text, int, int, boolean, text) IS
'SQL text of a report: one JSON object per row, at most one more than most. guarded: the slow form, in which values that fail are NULL. after: SQL text of '
'the key of the row before the first one.';

CREATE OR REPLACE FUNCTION tally_internal._report_rows(query text) RETURNS SETOF json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY EXECUTE query;
END $$;
COMMENT ON FUNCTION tally_internal._report_rows(text) IS 'The rows of the query of a report, all of them or an error. Runs with the reader''s rights.';

CREATE OR REPLACE FUNCTION tally_internal._report(metrics text[], bucket interval, by text[], "where" jsonb, first timestamptz, last timestamptz,
                                                  people text, k int, most int, after text DEFAULT NULL) RETURNS SETOF json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET jit = off AS $$
DECLARE
    hint text;
BEGIN
    RETURN QUERY SELECT x FROM tally_internal._report_rows(
        tally_internal._report_query(metrics, bucket, by, "where", first, last, people, k, most, false, after)) x;
EXCEPTION WHEN OTHERS THEN
    -- What is wrong with the question is no fault of a metric, and its error has a hint.
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    IF NOT tally_internal._fault_of_a_metric(SQLSTATE) OR hint <> '' THEN RAISE; END IF;
    RETURN QUERY SELECT x FROM tally_internal._report_rows(
        tally_internal._report_query(metrics, bucket, by, "where", first, last, people, k, most, true, after)) x;
    RAISE WARNING USING MESSAGE = format('a metric of this report cannot be computed everywhere, and is NULL where it fails: %s', SQLERRM),
        ERRCODE = SQLSTATE, DETAIL = format('The metrics are %s.', metrics),
        HINT = 'SELECT rollup, reason, hint FROM tally.status WHERE sqlstate IS NOT NULL;';
END $$;
COMMENT ON FUNCTION tally_internal._report(text[], interval, text[], jsonb, timestamptz, timestamptz, text, int, int, text) IS
'The rows of a report over [first, last), at most one more than most, with the reader''s rights. Metrics that fail are NULL where they do. after: SQL text of '
    'the key of the row before the first one.';

CREATE OR REPLACE FUNCTION tally_internal._report_limits(metrics text[], first timestamptz, last timestamptz, call text, OUT most int, OUT least_k int)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT min(tally_internal._within_limits(r.owner, r.relation, r.zone, call, first, last)), max((tally_internal._limits(r.owner, r.relation)).min_people)
      INTO most, least_k
      FROM tally.rollups r WHERE r.id IN (SELECT (a.m).rollup_id FROM tally_internal._asked_metrics(metrics) a);
END $$;
COMMENT ON FUNCTION tally_internal._report_limits(text[], timestamptz, timestamptz, text) IS
'The most rows of a report and the least k that the limits of its rollups'' owners give the current role; an error where they do not let it ask.';

CREATE OR REPLACE FUNCTION tally_internal._check_metrics(metrics text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF COALESCE(cardinality(metrics), 0) = 0 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('metrics must name at least one metric, got %s', COALESCE(metrics::text, 'NULL')),
            NULL, 'SELECT name, description FROM tally.metrics ORDER BY name;');
    END IF;
    PERFORM tally_internal._check_once(metrics, 'metrics');
END $$;
COMMENT ON FUNCTION tally_internal._check_metrics(text[]) IS 'An error where a report asks for no metric, or for one twice.';

CREATE OR REPLACE FUNCTION tally.report(
    metrics   text[],
    since     text DEFAULT '24 hours',
    until     text DEFAULT NULL,
    bucket    interval DEFAULT NULL,
    by        text[] DEFAULT '{}',
    "where"   jsonb DEFAULT '{}',
    people    text DEFAULT NULL,
    k         int DEFAULT 10,
    max_range interval DEFAULT '120 days',
    max_rows  int DEFAULT 200000,
    as_of     timestamptz DEFAULT now()
) RETURNS SETOF json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    zone  text := CASE WHEN metrics[1] IS NULL THEN 'UTC' ELSE tally_internal._zone_asked(metrics) END;
    first timestamptz := tally_internal._parse_since(since, as_of, 'since', zone);
    last  timestamptz := tally_internal._parse_since(until, as_of, 'until', zone);
    n     bigint;
BEGIN
    PERFORM tally_internal._check_metrics(metrics);
    IF COALESCE(max_range <= '0', true) OR COALESCE(max_rows <= 0, true) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('max_range and max_rows must be greater than 0, got %s and %s', COALESCE(max_range::text, 'NULL'), COALESCE(max_rows::text, 'NULL')),
            'They bound what a report reads and gives.',
            format('SELECT * FROM tally.report(%L, since => ''24 hours'');', metrics));
    ELSIF NOT isfinite(first) OR NOT isfinite(last) OR last > first + max_range THEN
        PERFORM tally_internal._refuse('program_limit_exceeded', format('the range must be at most %s, got %s to %s', max_range, first, last),
                              'A report reads a bounded range.',
            format('SELECT * FROM tally.report(%L, since => %L);', metrics, max_range::text));
    END IF;
    SELECT LEAST(max_rows, l.most), GREATEST(k, l.least_k) INTO max_rows, k
      FROM tally_internal._report_limits(metrics, first, last, format('SELECT * FROM tally.report(%L', metrics)) l;
    RETURN QUERY SELECT x FROM tally_internal._report(metrics, bucket, by, COALESCE("where", '{}'), first, last, people, k, max_rows) x;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM tally_internal._check_rows(n, max_rows, 'a report', format('SELECT tally.report_page(%L%s, by => %L, since => %L, until => %L);', metrics,
        COALESCE(format(', bucket => %L', bucket), ''), by, tally_internal._utc_text(first), tally_internal._utc_text(last)));
END $$;
COMMENT ON FUNCTION tally.report(text[], text, text, interval, text[], jsonb, text, int, interval, int, timestamptz) IS
'Several metrics, also of different rollups, side by side: one JSON object per row with the bucket (where bucket is given), the dimensions of by, and each '
    'metric. Only [since, until) counts: if one of them lies within a bucket, that bucket''s row covers a part of it. Exact now, read from the smallest '
    'rollups that hold the answer. people: a measure that counts people; rows with fewer than k of them show null. More than max_range or max_rows is an '
    'error. It runs with the reader''s rights.';

CREATE OR REPLACE FUNCTION tally.report_sql(
    metrics text[],
    since   text DEFAULT '24 hours',
    until   text DEFAULT NULL,
    bucket  interval DEFAULT NULL,
    by      text[] DEFAULT '{}',
    "where" jsonb DEFAULT '{}'
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' SET quote_all_identifiers = off AS $$
#variable_conflict use_variable
DECLARE
    columns text;
    r       tally.rollups;
BEGIN
    PERFORM tally_internal._check_metrics(metrics);
    FOR r IN SELECT DISTINCT ON (o.id) o.* FROM tally_internal._asked_metrics(metrics) a JOIN tally.rollups o ON o.id = (a.m).rollup_id LOOP
        PERFORM tally_internal._check_dimensions(r, by, 'by');
    END LOOP;
    SELECT string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.place, c.n) INTO columns
      FROM (SELECT 'bucket' AS name, 'timestamptz' AS type, 1 AS place, 1::bigint AS n WHERE bucket IS NOT NULL
            UNION ALL SELECT d, 'text', 2, n FROM unnest(by) WITH ORDINALITY x(d, n)
            UNION ALL SELECT m, 'float8', 3, n FROM unnest(metrics) WITH ORDINALITY x(m, n)) c;
    RETURN format('SELECT x.* FROM tally.report(%L%s) j, pg_catalog.json_to_record(j) AS x(%s)', metrics,
        (SELECT string_agg(format(', %I => %L', a.name, a.value), '' ORDER BY a.n)
           FROM (VALUES (1, 'since', since), (2, 'until', until), (3, 'bucket', bucket::text), (4, 'by', NULLIF(by, '{}')::text),
                        (5, 'where', NULLIF("where", '{}')::text)) a(n, name, value) WHERE a.value IS NOT NULL), columns);
END $$;
COMMENT ON FUNCTION tally.report_sql(text[], text, text, interval, text[], jsonb) IS
'The statement that gives a report as typed columns: bucket timestamptz, the dimensions of by as text, each metric as float8. Run it with \gexec, copy '
    'its rows to a file with \copy (…) TO ''file.csv'' CSV HEADER, or make a view of it. Arguments as in report().';

CREATE OR REPLACE FUNCTION tally.csv(rows json) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH line AS (
        SELECT r.n, string_agg(CASE WHEN e.value IS NULL OR json_typeof(e.value) = 'null' THEN ''
                                    -- What a spreadsheet would run as a formula is text; RFC 4180 quotes.
                                    WHEN json_typeof(e.value) <> 'string' AND x.given !~ '[",\r\n]' THEN x.given
                                    WHEN x.given ~ '[",\r\n]|^[=+@\t-]' THEN '"' || replace(CASE WHEN x.given ~ '^[=+@\t\r\n-]' THEN '''' || x.given
                                            ELSE x.given END, '"', '""') || '"'
                                    ELSE x.given END, ',' ORDER BY e.o) AS cells,
               string_agg(CASE WHEN e.key ~ '[",\r\n]' THEN '"' || replace(e.key, '"', '""') || '"' ELSE e.key END, ',' ORDER BY e.o) AS keys
          FROM json_array_elements(rows) WITH ORDINALITY r(row, n)
         CROSS JOIN LATERAL json_each(r.row) WITH ORDINALITY e(key, value, o)
         CROSS JOIN LATERAL (SELECT CASE json_typeof(e.value) WHEN 'string' THEN e.value #>> '{}' ELSE e.value::text END AS given) x
         GROUP BY r.n
    )
    SELECT COALESCE((SELECT keys || E'\r\n' FROM line WHERE n = 1), '') || COALESCE((SELECT string_agg(cells || E'\r\n', '' ORDER BY n) FROM line), '')
$$;
COMMENT ON FUNCTION tally.csv(json) IS
'Writes an array of JSON objects with the same keys as CSV (RFC 4180): a line of keys, then a line for each object. NULL is an empty field. Text that a '
'spreadsheet would read as a formula gets an apostrophe in front.';
