-- Owns: one bucket of a release: its cells with all totals, which of them are hidden, and the rows that are published.

CREATE OR REPLACE FUNCTION tally_internal._release_margins(x tally.releases) RETURNS TABLE (margin text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Sets of dimensions, in the release's order. Of a hierarchy a set holds the outermost dimensions only.
    SELECT m.margin FROM generate_series(0, (1 << cardinality(x.dimensions)) - 1) bits,
           LATERAL (SELECT COALESCE(array_agg(d ORDER BY n), '{}') AS margin FROM unnest(x.dimensions) WITH ORDINALITY u(d, n)
                     WHERE bits >> (n - 1)::int & 1 = 1) m
     WHERE CASE x.margins WHEN 'none' THEN cardinality(m.margin) = cardinality(x.dimensions)
                          WHEN 'total' THEN cardinality(m.margin) IN (0, cardinality(x.dimensions)) ELSE true END
       AND NOT EXISTS (SELECT FROM jsonb_array_elements(x.hierarchies) h, jsonb_array_elements_text(h) WITH ORDINALITY inner_(d, n),
                                   jsonb_array_elements_text(h) WITH ORDINALITY outer_(d, n)
                        WHERE outer_.n < inner_.n AND inner_.d = ANY (m.margin) AND outer_.d <> ALL (m.margin))
$$;
COMMENT ON FUNCTION tally_internal._release_margins(tally.releases) IS 
'The sets of dimensions whose cells a release publishes: all of them together, and its totals.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_cells_sql(x tally.releases) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A unit without events near its exposure has no row of values, and did nothing.
    SELECT tally_internal._render(
        'SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object({pairs})) AS dims, pg_catalog.jsonb_build_object(''units'', pg_catalog.count(*)) AS '
        'numbers, pg_catalog.count(*) >= {k} AS enough FROM (SELECT {columns} FROM {units} u{values} WHERE {day} >= $1 AND {day} < {exposed} AND ({mixed} OR '
        'NOT u.mixed) AND u.arm = ANY ({arms}){only}) n GROUP BY GROUPING SETS ({margins})', jsonb_build_object(
        'pairs', (SELECT string_agg(format('%L, %I', d, d), ', ') FROM unnest(x.dimensions) d), 'k', x.k::text,
        'columns', (SELECT string_agg(CASE WHEN x.definition -> 'metrics' ? d THEN format('(COALESCE(v%s.y_%s, 0) > 0)::pg_catalog.text AS %I',
                                                                                          c.unit_values, c.place, d)
                                           ELSE format('COALESCE(u.%I::pg_catalog.text, ''(none)'') AS %1$I', d) END, ', ' ORDER BY n)
                      FROM unnest(x.dimensions) WITH ORDINALITY q(d, n) LEFT JOIN tally.experiment_cells c ON c.experiment_id = e.id AND c.metric = d),
        'units', u.live_view::text,
        'values', (SELECT string_agg(format(' LEFT JOIN %s v%s ON v%2$s.%I::pg_catalog.text = u.%I::pg_catalog.text', v.live_view, v.id, v.key[1],
                                            e.definition ->> 'unit'), '')
                     FROM (SELECT DISTINCT c.unit_values FROM tally.experiment_cells c WHERE c.experiment_id = e.id AND x.definition -> 'metrics' ? c.metric) c
                     JOIN tally.rollups v ON v.id = c.unit_values),
        'day', tally_internal._day_of_exposure(e.definition), 'exposed', tally_internal._utc_literal((tally_internal._experiment_span(e)).exposed),
        'mixed', (e.definition ->> 'twice' = 'first')::text,
        'arms', quote_literal(ARRAY(SELECT a ->> 'arm' FROM jsonb_array_elements(e.definition -> 'arms') a)),
        'only', COALESCE(' AND u.' || quote_ident(e.definition ->> 'experiment_column') || ' = ' || quote_literal(e.definition ->> 'experiment_key'), ''),
        'margins', (SELECT string_agg(format('(%s)', (SELECT string_agg(quote_ident(d), ', ') FROM unnest(m.margin) d)), ', ')
                      FROM tally_internal._release_margins(x) m)))
      FROM tally.experiments e JOIN tally.rollups u ON u.id = e.units WHERE e.id = (x.definition ->> 'experiment')::int
$$;
COMMENT ON FUNCTION tally_internal._experiment_cells_sql(tally.releases) IS
'SQL text of the cells of an experiment: its units, exposed from $1 on, by arm, dimensions and each share.';

CREATE OR REPLACE FUNCTION tally_internal._release_cells(x tally.releases, r tally.rollups, since timestamptz, until timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Numbered in the order of their dimensions, so that the order tells nothing of the numbers.
    SELECT COALESCE(jsonb_agg(c.cell || jsonb_build_object('cell', c.n) ORDER BY c.n), '[]') FROM (
        SELECT y AS cell, row_number() OVER (ORDER BY (SELECT count(*) FROM jsonb_object_keys(y -> 'dims')), (y -> 'dims')::text) AS n
          FROM tally.run_as(x.owner, r.search_path, CASE WHEN x.definition ? 'experiment' THEN tally_internal._experiment_cells_sql(x) ELSE format(
            'SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(%s)) AS dims, pg_catalog.jsonb_build_object(%s) AS numbers, '
            '%s AS enough FROM %s WHERE bucket >= $1 AND bucket < $2 GROUP BY GROUPING SETS (%s)',
            (SELECT string_agg(format('%L, %I', d, d), ', ') FROM unnest(x.dimensions) d),
            (SELECT string_agg(format('%L, COALESCE(%s, 0)', c.name, c.counted), ', ')
               FROM (SELECT x.people, COALESCE(tally_internal._counted_sql(x.definition ->> 'each'), format('tally.distinct_count(tally.rollup(%I))', x.people))
                     UNION ALL SELECT m.name, format(m.merge, m.name) FROM tally.measures m WHERE m.rollup_id = r.id AND m.name = ANY (x.measures))
                    c(name, counted)),
            COALESCE(tally_internal._counted_sql(x.definition ->> 'each') || format(' OPERATOR(pg_catalog.>=) %s', x.k),
                     format('tally.suppress_below(true, tally.rollup(%I), %s) IS NOT NULL', x.people, x.k)), r.live_view,
            (SELECT string_agg(format('(%s)', (SELECT string_agg(quote_ident(d), ', ') FROM unnest(m.margin) d)), ', ')
               FROM tally_internal._release_margins(x) m)) END, 0, r.zone, since, until) y) c
$$;
COMMENT ON FUNCTION tally_internal._release_cells(tally.releases, tally.rollups, timestamptz, timestamptz) IS
'The cells of a bucket with their true numbers, read as the owner: [{"cell": 1, "dims": {…}, "numbers": {…}, "enough": whether k people stand behind it}].';

CREATE OR REPLACE FUNCTION tally_internal._release_relations(cells jsonb, dimensions text[]) RETURNS TABLE (total int, parts int[], over text[])
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH c AS (SELECT (e ->> 'cell')::int AS cell, e -> 'dims' AS dims, ARRAY(SELECT k FROM jsonb_object_keys(e -> 'dims') k ORDER BY k) AS keys
                 FROM jsonb_array_elements(cells) e),
    margins AS (SELECT DISTINCT keys FROM c),
    -- A total is made of the cells of the next larger sets of dimensions.
    pairs AS (SELECT s.keys AS outer_keys, t.keys AS inner_keys, ARRAY(SELECT unnest(t.keys) EXCEPT SELECT unnest(s.keys) ORDER BY 1) AS over
                FROM margins s JOIN margins t ON t.keys @> s.keys AND t.keys <> s.keys
               WHERE NOT EXISTS (SELECT FROM margins u WHERE u.keys @> s.keys AND t.keys @> u.keys AND u.keys <> s.keys AND u.keys <> t.keys))
    SELECT s.cell, array_agg(t.cell ORDER BY t.cell), p.over
      FROM pairs p JOIN c s ON s.keys = p.outer_keys JOIN c t ON t.keys = p.inner_keys AND t.dims - p.over = s.dims
     GROUP BY s.cell, p.over ORDER BY s.cell, p.over
$$;
COMMENT ON FUNCTION tally_internal._release_relations(jsonb, text[]) IS 'Which cells are totals of which, and over which dimensions.';

CREATE OR REPLACE FUNCTION tally_internal._protect_cells(x tally.releases, cells jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._protect(jsonb_build_object(
        'k', x.k,
        'small', (SELECT jsonb_agg(NOT (e -> 'enough')::boolean ORDER BY (e ->> 'cell')::int) FROM jsonb_array_elements(cells) e),
        'relations', (SELECT COALESCE(jsonb_agg(jsonb_build_object('total', q.total, 'parts', q.parts, 'over', array_to_string(q.over, ', '))), '[]')
                        FROM tally_internal._release_relations(cells, x.dimensions) q),
        'layers', (SELECT jsonb_agg(jsonb_build_object('name', m.name, 'counts', m.counts, 'values',
                            (SELECT jsonb_agg(e -> 'numbers' -> m.name ORDER BY (e ->> 'cell')::int) FROM jsonb_array_elements(cells) e)) ORDER BY m.n)
                     FROM (SELECT u.m AS name, u.n, CASE WHEN u.m = x.people THEN 'people' ELSE 'rows' END AS counts
                             FROM unnest(x.people || x.measures) WITH ORDINALITY u(m, n)) m)))
     WHERE cells <> '[]'
$$;
COMMENT ON FUNCTION tally_internal._protect_cells(tally.releases, jsonb) IS 
'What of the cells of a bucket is hidden, with the proofs; an error where nothing is safe.';

CREATE OR REPLACE FUNCTION tally_internal._released_rows(x tally.releases, since timestamptz, cells jsonb, safe jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(e -> 'dims' || jsonb_build_object('bucket', since, 'cell', c.cell, 'hidden', c.hidden)
                     || CASE WHEN c.hidden THEN COALESCE(p.ends, '{}')
                             -- Estimates of people keep to what their parts allow.
                             ELSE e -> 'numbers' || jsonb_build_object(x.people, safe -> 'people' -> (c.cell - 1)) END ORDER BY c.cell)
      FROM jsonb_array_elements(cells) e
      CROSS JOIN LATERAL (SELECT (e ->> 'cell')::int AS cell, (safe -> 'hidden' -> ((e ->> 'cell')::int - 1))::boolean AS hidden) c
      LEFT JOIN (SELECT (p ->> 'cell')::int AS cell, jsonb_object_agg((p ->> 'measure') || '_low', p -> 'low')
                        || jsonb_object_agg((p ->> 'measure') || '_high', p -> 'high') AS ends
                   FROM jsonb_array_elements(safe -> 'proofs') p GROUP BY 1) p ON p.cell = c.cell
$$;
COMMENT ON FUNCTION tally_internal._released_rows(tally.releases, timestamptz, jsonb, jsonb) IS 'The rows of a bucket as they are published.';

CREATE OR REPLACE FUNCTION tally_internal._coarser(x tally.releases, cells jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name   text;
    fewer  jsonb;
BEGIN
    -- With all totals at hand the cells without a dimension are there already.
    IF x.margins <> 'all' OR cardinality(x.dimensions) = 0 THEN RETURN NULL; END IF;
    FOR name IN SELECT d FROM unnest(x.dimensions) WITH ORDINALITY u(d, n) ORDER BY n DESC LOOP
        SELECT jsonb_agg(c.e || jsonb_build_object('cell', c.n) ORDER BY c.n) INTO fewer
          FROM (SELECT e, row_number() OVER (ORDER BY (e ->> 'cell')::int) AS n FROM jsonb_array_elements(cells) e WHERE NOT e -> 'dims' ? name) c;
        BEGIN
            PERFORM tally_internal._protect_cells(x, fewer);
            RETURN format('dimensions => %L', array_remove(x.dimensions, name));
        EXCEPTION WHEN feature_not_supported OR program_limit_exceeded THEN
            NULL;
        END;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._coarser(tally.releases, jsonb) IS 
'The dimensions without one by which the cells of a bucket could be released; null: none such.';
