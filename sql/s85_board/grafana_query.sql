-- Owns: the queries of a board's panels as Grafana sends them: with its macros for the range and its variables for the filters. Each reads
-- with SELECT alone, schema-qualified, in order.

CREATE OR REPLACE FUNCTION tally_internal._grafana_quoted(given text, mark text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Grafana replaces $name and [[name]] wherever they stand, also inside quotes, and sends some queries on one line.
    SELECT CASE WHEN given ~ '[$]|\[\[|--' THEN 'U&' || mark || replace(replace(replace(replace(replace(given, '\', '\\'), mark, mark || mark), '$', '\0024'),
                                                                              '[', '\005B'), '-', '\002D') || mark
                WHEN mark = '"' THEN quote_ident(given) ELSE quote_literal(given) END
$$;
COMMENT ON FUNCTION tally_internal._grafana_quoted(text, text) IS
'A text as a literal (mark: a single quote) or a name (a double quote) in which Grafana finds nothing to replace.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_variable(variables text[], dimension text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN dimension ~ '^[A-Za-z][A-Za-z0-9_]*$' AND dimension <> 'datasource' THEN dimension
                ELSE 'variable_' || array_position(variables, dimension) END
$$;
COMMENT ON FUNCTION tally_internal._grafana_variable(text[], text) IS 'What Grafana calls the variable of a dimension: its name where Grafana takes that.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_values(variables text[], dimension text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('ARRAY[${%s:sqlstring}]::pg_catalog.text[]', tally_internal._grafana_variable(variables, dimension))
$$;
COMMENT ON FUNCTION tally_internal._grafana_values(text[], text) IS 'SQL text of the chosen values of a variable; All is the array of one NULL.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_where(b tally.boards, panel jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE('pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(' || string_agg(format(
               '%s, CASE WHEN pg_catalog.array_position(%s, NULL) IS NULL THEN pg_catalog.to_jsonb(%2$s) END',
               tally_internal._grafana_quoted(v.name, ''''), tally_internal._grafana_values(b.variables, v.name)), ', ' ORDER BY v.n) || '))' ||
               COALESCE(' || ' || tally_internal._grafana_quoted(panel ->> 'where', '''') || '::pg_catalog.jsonb', ''),
           tally_internal._grafana_quoted(COALESCE(panel ->> 'where', '{}'), '''') || '::pg_catalog.jsonb')
      FROM unnest(b.variables) WITH ORDINALITY v(name, n)
$$;
COMMENT ON FUNCTION tally_internal._grafana_where(tally.boards, jsonb) IS
'SQL text of the filter that functions take as "where": the chosen values of the variables, and the panel''s own filter, which comes first.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_conditions(b tally.boards, panel jsonb, value_of text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(string_agg(' AND ' || c.condition, '' ORDER BY c.name), '') FROM (
        SELECT v AS name, format('(pg_catalog.array_position(%s, NULL) IS NOT NULL OR %s = ANY (%1$s))', tally_internal._grafana_values(b.variables, v),
                                 format(value_of, tally_internal._grafana_quoted(v, '"'))) AS condition
          FROM unnest(b.variables) v WHERE NOT COALESCE(panel -> 'where', '{}') ? v
        UNION ALL
        SELECT f.key, format('%s IN (%s)', format(value_of, tally_internal._grafana_quoted(f.key, '"')),
                             (SELECT string_agg(tally_internal._grafana_quoted(COALESCE(e, '(none)'), ''''), ', ') FROM jsonb_array_elements_text(
                                     CASE jsonb_typeof(f.value) WHEN 'array' THEN f.value ELSE jsonb_build_array(f.value) END) e))
          FROM jsonb_each(panel -> 'where') f) c
$$;
COMMENT ON FUNCTION tally_internal._grafana_conditions(tally.boards, jsonb, text) IS
'SQL text of the same filter as conditions on columns, each after AND. value_of: how a column is read, with %s for its name.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_labels(b tally.boards, labels text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A row of one world says nothing of another; one of all worlds says something of each.
    SELECT COALESCE(string_agg(format(' AND (%1$s ->> %2$s IS NULL OR pg_catalog.array_position(%3$s, NULL) IS NOT NULL OR %1$s ->> %2$s = ANY (%3$s))', labels,
               tally_internal._grafana_quoted(v.name, ''''), tally_internal._grafana_values(b.variables, v.name)), '' ORDER BY v.n), '')
      FROM unnest(b.variables) WITH ORDINALITY v(name, n)
$$;
COMMENT ON FUNCTION tally_internal._grafana_labels(tally.boards, text) IS 'SQL text of the variables as conditions on a label set, each after AND.';

CREATE OR REPLACE FUNCTION tally_internal._full_name(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._grafana_quoted(n.nspname, '"') || '.' || tally_internal._grafana_quoted(c.relname, '"')
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
$$;
COMMENT ON FUNCTION tally_internal._full_name(regclass) IS 'Name of a relation with its schema, whatever the search path.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_metric_queries(b tally.boards, panel jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 3 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    spans   CONSTANT text := '$__timeFrom(), $__timeTo()';
    picture text := panel ->> 'picture';
    metrics tally.metrics[] := ARRAY(SELECT m FROM tally_internal._panel_metrics(panel) m);
    names   text[] := ARRAY(SELECT tally_internal._grafana_quoted(tally_internal._called(m), '''') FROM unnest(metrics) m);
    split   text[] := ARRAY(SELECT jsonb_array_elements_text(panel -> 'by'));
    labels  text := format('ARRAY[%s]::pg_catalog.text[]', (SELECT string_agg(tally_internal._grafana_quoted(s, ''''), ', ') FROM unnest(split) s));
    scope   text := tally_internal._grafana_where(b, panel);
BEGIN
    IF picture = 'stat' THEN
        RETURN NEXT format('SELECT tally.metric_value(%s, %s, %s) AS value', names[1], spans, scope);
    ELSIF picture = 'funnel' THEN
        RETURN NEXT format('SELECT v.step, v.value FROM (VALUES %s) v(n, step, value) ORDER BY v.n',
            (SELECT string_agg(format('(%s, %s, tally.metric_value(%s, %s, %s))', m.n, tally_internal._grafana_quoted(replace(m.name, '_', ' '), ''''),
                                      names[m.n], spans, scope), ', ' ORDER BY m.n) FROM (SELECT x.name, row_number() OVER () AS n FROM unnest(metrics) x) m));
    ELSIF picture = 'histogram' THEN
        RETURN QUERY SELECT format('SELECT h.low::pg_catalog.float8 AS "xMin", h.high::pg_catalog.float8 AS "xMax", h."values" AS count FROM (SELECT '
                'tally.rollup(v.%s) AS digest FROM %s v WHERE v.bucket >= $__timeFrom() AND v.bucket < $__timeTo()%s) d '
                'CROSS JOIN LATERAL tally.histogram_text(d.digest, 16, 1) h ORDER BY h.low', tally_internal._grafana_quoted(x.name, '"'),
                tally_internal._full_name(r.live_view), tally_internal._grafana_conditions(b, panel, 'COALESCE(v.%s::pg_catalog.text, ''(none)'')'))
            FROM tally.measures x JOIN tally.rollups r ON r.id = x.rollup_id
           WHERE x.rollup_id = metrics[1].rollup_id AND x.name = ANY (metrics[1].measures) AND x.type = 'tally.tdigest' ORDER BY x.ordinal LIMIT 1;
    ELSIF picture IN ('table', 'ranking') OR picture = 'heatmap' AND cardinality(split) = 2 THEN
        RETURN NEXT format('SELECT %s FROM tally.report(ARRAY[%s], %s, NULL, %s, %s, max_range => ''100 years'') f(line) '
                           'ORDER BY %s DESC NULLS LAST%s LIMIT %s',
            concat_ws(', ', (SELECT string_agg(format('f.line ->> %s AS %s', tally_internal._grafana_quoted(s, ''''),
                                                      tally_internal._grafana_quoted(s, '"')), ', ') FROM unnest(split) s),
                (SELECT string_agg(format('(f.line ->> %s)::pg_catalog.float8 AS %s', tally_internal._grafana_quoted(tally_internal._called(m), ''''),
                                          tally_internal._grafana_quoted(m.name, '"')), ', ') FROM unnest(metrics) m)),
            array_to_string(names, ', '), spans, labels, scope, cardinality(split) + 1,
            (SELECT string_agg(', ' || n, '' ORDER BY n) FROM generate_series(1, cardinality(split)) n),
            COALESCE(panel ->> 'limit', CASE picture WHEN 'ranking' THEN '8' WHEN 'heatmap' THEN '400' ELSE '20' END));
    ELSE
        RETURN QUERY SELECT format('SELECT p.bucket AS time, %s AS metric, p.value FROM tally.timeseries(%s, %s, %s, %s, %s) p ORDER BY 1, 2',
                CASE WHEN cardinality(names) > 1 THEN format('pg_catalog.concat_ws('', '', %s, NULLIF(p.series, %1$s))', q.name) ELSE 'p.series' END,
                q.name, spans, COALESCE(quote_literal(panel ->> 'bucket') || '::pg_catalog.interval', 'NULL'), labels, scope)
            FROM unnest(names) WITH ORDINALITY q(name, n) ORDER BY q.n;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._grafana_metric_queries(tally.boards, jsonb) IS
'The queries of a panel over metrics: one, or one per metric where they are lines. They give what timeseries(), metric_value() and report() give.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_relation_queries(b tally.boards, panel jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 3 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass := tally_internal._relation_named(panel ->> 'relation');
    at       text := 'q.' || tally_internal._grafana_quoted(panel ->> 'time', '"');
    scope    text := CASE WHEN at IS NULL THEN 'true' ELSE format('%1$s >= $__timeFrom() AND %1$s < $__timeTo()', at) END ||
                     tally_internal._grafana_conditions(b, panel, 'COALESCE(q.%s::pg_catalog.text, ''(none)'')');
    columns  text[] := ARRAY(SELECT jsonb_array_elements_text(panel -> 'columns'));
    labels   text := (SELECT string_agg(format('COALESCE(q.%s::pg_catalog.text, ''(none)'')', tally_internal._grafana_quoted(x, '"')), ', ' ORDER BY n)
                        FROM jsonb_array_elements_text(panel -> 'by') WITH ORDINALITY u(x, n));
BEGIN
    IF panel ->> 'picture' IN ('line', 'area', 'bars') THEN
        RETURN QUERY SELECT format('SELECT x.time, x.metric, x.value FROM (SELECT %s AS time, %s AS metric, q.%s::pg_catalog.float8 AS value FROM %s q '
                                   'WHERE %s ORDER BY 1 DESC LIMIT 5000) x ORDER BY 1, 2',
            -- Days and local times are those of UTC, as on a page.
            CASE (SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = panel ->> 'time') WHEN 'timestamptz'::regtype THEN at
                 ELSE format('(%s::pg_catalog.timestamp AT TIME ZONE ''UTC'')', at) END,
            CASE WHEN labels IS NULL THEN tally_internal._grafana_quoted(replace(c.name, '_', ' '), '''')
                 ELSE format('pg_catalog.concat_ws('', '', %s)', concat_ws(', ', CASE WHEN cardinality(columns) > 1
                          THEN tally_internal._grafana_quoted(replace(c.name, '_', ' '), '''') END, labels)) END,
            tally_internal._grafana_quoted(c.name, '"'), tally_internal._full_name(relation), scope)
          FROM unnest(columns) WITH ORDINALITY c(name, n) ORDER BY c.n;
    ELSE
        RETURN NEXT format('SELECT %s FROM %s q WHERE %s ORDER BY %s LIMIT %s',
            (SELECT string_agg('q.' || tally_internal._grafana_quoted(c, '"'), ', ' ORDER BY n) FROM unnest(columns) WITH ORDINALITY u(c, n)),
            tally_internal._full_name(relation), scope,
            COALESCE('q.' || tally_internal._grafana_quoted(regexp_replace(panel ->> 'order', ' +(asc|desc)$', '', 'i'), '"') ||
                     CASE WHEN panel ->> 'order' ~* ' desc$' THEN ' DESC NULLS LAST' ELSE '' END, '1'),
            COALESCE(panel ->> 'limit', CASE panel ->> 'picture' WHEN 'stat' THEN '6' ELSE '20' END));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._grafana_relation_queries(tally.boards, jsonb) IS
'The queries of a panel over a relation: its rows, or where they are lines one query for each column.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_queries(b tally.boards, panel jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 3 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most text := COALESCE(panel ->> 'limit', '20');
    area text := tally_internal._grafana_quoted(panel ->> 'area', '''');
BEGIN
    CASE tally_internal._panel_source(panel)
    WHEN 'metrics' THEN
        RETURN QUERY SELECT q FROM tally_internal._grafana_metric_queries(b, panel) q;
    WHEN 'funnel' THEN
        RETURN NEXT format('SELECT f.step_name AS step, f.actors AS value FROM tally.funnel(%s, $__timeFrom(), $__timeTo(), "where" => %s) f ORDER BY f.step',
                           tally_internal._grafana_quoted(tally_internal._called(tally_internal._panel_behaviour_of(panel)), ''''),
                           tally_internal._grafana_where(b, panel));
    WHEN 'retention' THEN
        RETURN NEXT format('SELECT f.period, f.eligible, f.retained, f.share FROM tally.retention(%s, $__timeFrom(), $__timeTo(), '
                           '"where" => %s) f ORDER BY f.period',
                           tally_internal._grafana_quoted(tally_internal._called(tally_internal._panel_behaviour_of(panel)), ''''),
                           tally_internal._grafana_where(b, panel));
    WHEN 'relation' THEN
        RETURN QUERY SELECT q FROM tally_internal._grafana_relation_queries(b, panel) q;
    WHEN 'experiment', 'experiments' THEN
        RETURN NEXT format('SELECT %ss.metric, s.arm, s.units, s.value, s.change, s.verdict FROM tally.experiments e '
            'CROSS JOIN LATERAL tally.experiment_summary(pg_catalog.format(''%%I.%%I'', e.schema, e.name)) s WHERE %s%s '
            'ORDER BY e.created_at DESC, e.name LIMIT %s',
            CASE WHEN panel ? 'experiment' THEN '' ELSE 'e.name AS experiment, ' END,
            COALESCE((SELECT format('e.name = %s AND e.schema = %s', tally_internal._grafana_quoted(e.name, ''''),
                                    tally_internal._grafana_quoted(e.schema, ''''))
                        FROM tally_internal._panel_experiment_of(panel) e WHERE panel ? 'experiment'),
                -- Of those that the reader may read.
                '(SELECT pg_catalog.bool_and(pg_catalog.has_table_privilege(r.relation, ''SELECT'')) FROM tally.experiment_cells c '
                'JOIN tally.rollups r ON r.id = c.cells WHERE c.experiment_id = e.id)'),
            CASE WHEN 'experiment' = ANY (b.variables) THEN
                format(' AND (pg_catalog.array_position(%1$s, NULL) IS NOT NULL OR COALESCE(e.definition ->> ''experiment_key'', e.name) = ANY (%1$s))',
                       tally_internal._grafana_values(b.variables, 'experiment')) ELSE '' END, COALESCE(panel ->> 'limit', '60'));
    WHEN 'incidents' THEN
        RETURN NEXT format('SELECT i.opened_at AS time, i.severity, CASE WHEN i.status IN (''new'', ''acknowledged'') AND i.recovered_at IS NOT NULL '
            'THEN ''recovered'' ELSE i.status END AS status, i.impact, i.responsible AS who, i.suggested_actions ->> 0 AS "try first", '
            'COALESCE(i.link, i.runbook) AS link FROM tally.incidents i WHERE i.opened_at < $__timeTo() AND (i.opened_at >= $__timeFrom() '
            'OR i.status IN (''new'', ''acknowledged''))%s%s ORDER BY i.opened_at DESC, i.id DESC LIMIT %s',
            COALESCE(' AND i.area = ' || area, ''), tally_internal._grafana_labels(b, 'i.labels'), most);
    WHEN 'slo' THEN
        RETURN NEXT format('SELECT t.name AS threshold, CASE WHEN NOT t.enabled THEN ''off'' ELSE COALESCE(s.state, ''ok'') END AS state, (SELECT '
            'pg_catalog.string_agg(l.value, '', '' ORDER BY l.key) FROM pg_catalog.jsonb_each_text(s.labels) l) AS "where", s.value, t.condition, t.severity, '
            't.responsible AS who FROM tally.thresholds t LEFT JOIN tally.threshold_states s ON s.threshold_id = t.id AND s.kind = ''breach''%s%s '
            'ORDER BY COALESCE(s.state, ''z''), t.severity, t.name, s.labels LIMIT %s',
            tally_internal._grafana_labels(b, 's.labels'), COALESCE(' WHERE t.area = ' || area, ''), most);
    ELSE
        RETURN NEXT format('SELECT s.rollup, s.state, s.dirty_buckets AS "dirty buckets", s.last_run AS "last run", s.reason FROM tally.status s '
            'WHERE s.rollup = ANY (ARRAY[%s]::pg_catalog.text[]) ORDER BY s.rollup',
            (SELECT string_agg(DISTINCT tally_internal._grafana_quoted(r.name, ''''), ', ')
               FROM jsonb_array_elements(b.panels) p, jsonb_array_elements_text(p -> 'metric_ids') i
               JOIN tally.metrics m ON m.id = i::int JOIN tally.rollups r ON r.id = m.rollup_id));
    END CASE;
END $$;
COMMENT ON FUNCTION tally_internal._grafana_queries(tally.boards, jsonb) IS 'The queries of a panel, with Grafana''s macros and the board''s variables.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_choices(b tally.boards, dimension text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH source AS (
        SELECT p.n, r.live_view AS relation, CASE WHEN r.bucket IS NOT NULL THEN 'bucket' END AS at
          FROM jsonb_array_elements(b.panels) WITH ORDINALITY p(panel, n)
          JOIN tally.metrics m ON m.id = (p.panel #>> '{metric_ids,0}')::int JOIN tally.rollups r ON r.id = m.rollup_id
        UNION ALL
        SELECT 100 + p.n, tally_internal._relation_named(p.panel ->> 'relation'), p.panel ->> 'time'
          FROM jsonb_array_elements(b.panels) WITH ORDINALITY p(panel, n)
         WHERE p.panel ? 'relation'
        UNION ALL
        SELECT 200 + p.n, r.live_view, CASE WHEN r.bucket IS NOT NULL THEN 'bucket' END FROM jsonb_array_elements(b.panels) WITH ORDINALITY p(panel, n)
          JOIN tally.rollups r ON r.id = (tally_internal._panel_behaviour_of(p.panel)).counts WHERE p.panel ?| '{funnel,retention}'
    )
    SELECT format('SELECT DISTINCT COALESCE(q.%s::pg_catalog.text, ''(none)'') AS value FROM %s q%s ORDER BY 1 LIMIT 1000',
                  tally_internal._grafana_quoted(dimension, '"'), tally_internal._full_name(s.relation),
                  CASE WHEN s.at IS NULL THEN '' ELSE format(' WHERE $__timeFilter(q.%s)', tally_internal._grafana_quoted(s.at, '"')) END)
      FROM source s ORDER BY s.n LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._grafana_choices(tally.boards, text) IS
'The query for the values of a variable within the range; null where no panel has any.';
