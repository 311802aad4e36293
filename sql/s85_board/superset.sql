-- Owns: tally.superset_files, boards as the files that Superset imports. A file of Superset is YAML, and JSON is YAML.

CREATE OR REPLACE FUNCTION tally_internal._superset_dataset(dataset jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('version', '1.0.0', 'uuid', tally_internal._board_uuid('dataset', COALESCE(dataset ->> 'schema', ''), dataset ->> 'name'),
        'database_uuid', tally_internal._board_uuid('database'), 'schema', dataset -> 'schema', 'table_name', dataset -> 'name',
        'sql', tally_internal._superset_sql(dataset ->> 'sql'),
        'main_dttm_col', dataset -> 'time', 'description', dataset -> 'description', 'filter_select_enabled', true,
        'columns', (SELECT jsonb_agg(jsonb_build_object('column_name', c -> 'name', 'type', c -> 'type', 'is_dttm', c -> 'is_time', 'is_active', true,
                        'groupby', true, 'filterable', true, 'description', c -> 'description') ORDER BY n)
                      FROM jsonb_array_elements(dataset -> 'columns') WITH ORDINALITY u(c, n)),
        'metrics', COALESCE((SELECT jsonb_agg(x.metric ORDER BY x.o, x.n) FROM (
            SELECT 1 AS o, m.id AS n, jsonb_build_object('metric_name', tally_internal._called(m), 'verbose_name', replace(m.name, '_', ' '),
                       'expression', tally_internal._superset_sql(tally_internal._aggregate_sql(m)), 'd3format', tally_internal._superset_format(m.unit),
                       'description', concat_ws(' ', m.description, 'In ' || NULLIF(m.unit, '') || '.')) AS metric
              FROM tally.metrics m WHERE m.rollup_id = (dataset ->> 'rollup')::int
            UNION ALL
            SELECT 2, n, jsonb_build_object('metric_name', g -> 'name', 'verbose_name', replace(g ->> 'name', '_', ' '),
                       'expression', tally_internal._superset_sql(g ->> 'expression'),
                       'd3format', tally_internal._superset_format(g ->> 'unit'), 'description', g -> 'description')
              FROM jsonb_array_elements(dataset -> 'metrics') WITH ORDINALITY u(g, n)
            UNION ALL
            -- A line over a relation is its column; where rows share a moment, the greatest of them.
            SELECT 3, n, jsonb_build_object('metric_name', c -> 'name', 'verbose_name', replace(c ->> 'name', '_', ' '),
                       'expression', tally_internal._superset_sql(format('pg_catalog.max(%I)', c ->> 'name')), 'description', c -> 'description')
              FROM jsonb_array_elements(dataset -> 'columns') WITH ORDINALITY u(c, n)
             WHERE dataset ->> 'rollup' IS NULL AND NOT dataset ? 'metrics' AND c ->> 'type' ~ '^(SMALLINT|INTEGER|BIGINT|NUMERIC|REAL|DOUBLE)') x), '[]'))
$$;
COMMENT ON FUNCTION tally_internal._superset_dataset(jsonb) IS 'What a panel reads as a dataset of Superset, with its metrics.';

CREATE OR REPLACE FUNCTION tally_internal._superset_words(b tally.boards, panel jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(E'\n\n',
        COALESCE(panel ->> 'description', (SELECT min(m.description) FROM tally_internal._panel_metrics(panel) m HAVING count(*) = 1)),
        'Why: ' || (panel ->> 'why'), 'What to do: ' || (panel ->> 'do'),
        CASE WHEN panel ? 'board' THEN format('[One level down](/superset/dashboard/%s/)',
             tally_internal._grafana_uid(tally_internal._board_beside(b, panel ->> 'board'))) END,
        CASE WHEN panel ->> 'runbook' ~* '^https?://[^ ()<>"]+$' THEN format('[Runbook](%s)', panel ->> 'runbook') END)
$$;
COMMENT ON FUNCTION tally_internal._superset_words(tally.boards, jsonb) IS 'What a chart says of itself: what it shows, why, what to do, and where to go.';

CREATE OR REPLACE FUNCTION tally_internal._superset_position(b tally.boards) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item   record;
    rows   int := 0;
    x      int := 12;
    width  int;
    row    text;
    result jsonb;
BEGIN
    result := jsonb_build_object('DASHBOARD_VERSION_KEY', 'v2', 'ROOT_ID', '{"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]}'::jsonb,
        'GRID_ID', '{"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]}'::jsonb,
        'HEADER_ID', jsonb_build_object('type', 'HEADER', 'id', 'HEADER_ID', 'meta', jsonb_build_object('text', b.title)));
    FOR item IN SELECT * FROM tally_internal._tool_panels(b) LOOP
        -- A tile of a relation is a table here. Of a narrower one the column with the number is out of sight.
        width := GREATEST((item.panel ->> 'width')::int, CASE WHEN item.panel ? 'relation' AND item.panel ->> 'picture' = 'stat' THEN 3 ELSE 1 END);
        IF x + width > 12 THEN
            x := 0;
            rows := rows + 1;
            row := 'ROW-' || rows;
            result := jsonb_set(result, '{GRID_ID,children}', result #> '{GRID_ID,children}' || to_jsonb(row)) || jsonb_build_object(row,
                jsonb_build_object('type', 'ROW', 'id', row, 'children', '[]'::jsonb, 'parents', '["ROOT_ID", "GRID_ID"]'::jsonb,
                                   'meta', '{"background": "BACKGROUND_TRANSPARENT"}'::jsonb));
        END IF;
        result := jsonb_set(result, ARRAY[row, 'children'], result #> ARRAY[row, 'children'] || to_jsonb('CHART-' || item.n)) || jsonb_build_object(
            'CHART-' || item.n, jsonb_build_object('type', 'CHART', 'id', 'CHART-' || item.n, 'children', '[]'::jsonb,
                'parents', jsonb_build_array('ROOT_ID', 'GRID_ID', row), 'meta', jsonb_build_object('chartId', item.n, 'width', width,
                    'height', CASE WHEN item.panel ->> 'picture' = 'stat' THEN CASE WHEN item.panel ? 'metrics' THEN 20 ELSE 28 END WHEN item.panel ?
                        'status' THEN 30 ELSE 50 END, 'sliceName', item.panel ->> 'title',
                    'uuid', tally_internal._board_uuid('chart', b.schema, b.name, item.panel ->> 'title', item.n::text))));
        x := x + width;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._superset_position(tally.boards) IS 'Where the charts of a board stand: rows of twelve columns.';

CREATE OR REPLACE FUNCTION tally_internal._superset_variables(b tally.boards) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH panel AS MATERIALIZED (SELECT p.n, p.dataset FROM tally_internal._tool_panels(b) p),
         common AS (SELECT jsonb_build_object('type', 'NATIVE_FILTER', 'cascadeParentIds', '[]'::jsonb, 'tabsInScope', '[]'::jsonb) AS c)
    SELECT jsonb_build_array(c || jsonb_build_object('id', 'NATIVE_FILTER-range', 'name', 'Range', 'filterType', 'filter_time', 'targets', '[{}]'::jsonb,
               'controlValues', '{"enableEmptyFilter": false}'::jsonb, 'description', 'The range of all charts that have a time.',
               'scope', '{"rootPath": ["ROOT_ID"], "excluded": []}'::jsonb,
               'defaultDataMask', jsonb_build_object('extraFormData', jsonb_build_object('time_range', tally_internal._superset_range(b.since)),
                                                     'filterState', jsonb_build_object('value', tally_internal._superset_range(b.since)))))
        || COALESCE((SELECT jsonb_agg(c || jsonb_build_object('id', 'NATIVE_FILTER-' || v.name, 'name', v.name, 'filterType', 'filter_select',
               'targets', jsonb_build_array(jsonb_build_object('column', jsonb_build_object('name', v.name), 'datasetUuid', (
                   SELECT tally_internal._superset_dataset(p.dataset) -> 'uuid' FROM panel p
                    WHERE jsonb_path_exists(p.dataset, '$.columns[*] ? (@.name == $v)', jsonb_build_object('v', v.name)) ORDER BY p.n LIMIT 1))),
               'controlValues', '{"multiSelect": true, "enableEmptyFilter": false, "defaultToFirstItem": false, "inverseSelection": false,
                                  "searchAllOptions": false, "sortAscending": true}'::jsonb,
               'defaultDataMask', '{"extraFormData": {}, "filterState": {}}'::jsonb, 'description', '',
               -- What has no such column is about all of them: incidents, limits, the state of rollups.
               'scope', jsonb_build_object('rootPath', '["ROOT_ID"]'::jsonb, 'excluded', COALESCE((SELECT jsonb_agg(p.n ORDER BY p.n) FROM panel p
                   WHERE NOT jsonb_path_exists(p.dataset, '$.columns[*] ? (@.name == $v)', jsonb_build_object('v', v.name))), '[]'))) ORDER BY v.o)
             FROM unnest(b.variables) WITH ORDINALITY v(name, o)), '[]')
      FROM common
$$;
COMMENT ON FUNCTION tally_internal._superset_variables(tally.boards) IS
'The filters of a dashboard: its range, and one for each variable of the board, which all charts obey that have such a column.';

CREATE OR REPLACE FUNCTION tally_internal._superset_board(b tally.boards) RETURNS TABLE (path text, content jsonb)
LANGUAGE sql STABLE ROWS 30 SET search_path = pg_catalog, pg_temp AS $$
    WITH panel AS MATERIALIZED (SELECT p.n, p.panel, p.dataset, tally_internal._superset_dataset(p.dataset) AS made FROM tally_internal._tool_panels(b) p)
    SELECT 'dashboards/' || tally_internal._grafana_uid(tally_internal._called(b)) || '.yaml', jsonb_build_object('version', '1.0.0',
        'uuid', tally_internal._board_uuid('board', b.schema, b.name), 'dashboard_title', b.title, 'description', b.description, 'published', true,
        'slug', tally_internal._grafana_uid(tally_internal._called(b)), 'css', '', 'position', tally_internal._superset_position(b),
        'metadata', jsonb_build_object('native_filter_configuration', tally_internal._superset_variables(b), 'cross_filters_enabled', false,
            'refresh_frequency', GREATEST(extract(epoch FROM b.refresh)::int, 10), 'color_scheme', 'supersetColors', 'expanded_slices', '{}'::jsonb,
            'timed_refresh_immune_slices', '[]'::jsonb, 'chart_configuration', '{}'::jsonb, 'label_colors', '{}'::jsonb))
    UNION ALL
    SELECT format('charts/%s_%s.yaml', tally_internal._grafana_uid(tally_internal._called(b)), lpad(p.n::text, 2, '0')), jsonb_build_object('version',
        '1.0.0',
        'uuid', tally_internal._board_uuid('chart', b.schema, b.name, p.panel ->> 'title', p.n::text), 'slice_name', p.panel ->> 'title',
        'description', tally_internal._superset_words(b, p.panel), 'dataset_uuid', p.made -> 'uuid', 'viz_type', f.form -> 'viz_type', 'cache_timeout', NULL,
        'params', f.form)
      FROM panel p CROSS JOIN LATERAL tally_internal._superset_form(b, p.panel, p.dataset) f(form)
    UNION ALL
    SELECT format('datasets/pg_tally/%s.yaml', p.made ->> 'uuid'), p.made FROM panel p
$$;
COMMENT ON FUNCTION tally_internal._superset_board(tally.boards) IS 'The files of one board: dashboard, charts and datasets.';

CREATE OR REPLACE FUNCTION tally.superset_files(boards text[] DEFAULT NULL, uri text DEFAULT 'postgresql+psycopg2://superset@localhost:5432/postgres')
    RETURNS TABLE (path text, content text)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF uri IS NULL OR uri !~ '^postgresql(\+[a-z0-9]+)?://' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('uri must be an address of a database as SQLAlchemy writes it, got %L', uri),
            'Superset connects with it. The password is better asked by Superset itself.',
            'SELECT * FROM tally.superset_files(uri => ''postgresql+psycopg2://superset@localhost:5432/postgres'');');
    END IF;
    RETURN QUERY
    SELECT f.path, jsonb_pretty(f.content) || E'\n' FROM (
        SELECT 'metadata.yaml' AS path, '{"version": "1.0.0", "type": "Dashboard", "timestamp": "2026-01-01T00:00:00+00:00"}'::jsonb AS content
        UNION ALL
        SELECT 'databases/pg_tally.yaml', jsonb_build_object('version', '1.0.0', 'uuid', tally_internal._board_uuid('database'), 'database_name', 'pg_tally',
            'sqlalchemy_uri', uri, 'expose_in_sqllab', true, 'allow_ctas', false, 'allow_cvas', false, 'allow_dml', false, 'allow_run_async', false,
            -- Superset writes times without a zone, and means UTC. Compiling a live view takes longer than running it.
            'extra', '{"allows_virtual_table_explore": true, "engine_params": {"connect_args": {"options":
                "-c timezone=UTC -c jit=off -c default_transaction_read_only=on"}}}'::jsonb)
        UNION ALL
        SELECT DISTINCT x.path, x.content FROM tally_internal._chosen_boards(boards) b CROSS JOIN LATERAL tally_internal._superset_board(b) x) f
     ORDER BY f.path COLLATE "C";
END $$;
COMMENT ON FUNCTION tally.superset_files(text[], text) IS
'Boards (null: all) as the files of a ZIP that Superset imports: a database, datasets over live views, charts, dashboards with filters that all charts obey. '
    'The ids are always the same for the same names. uri: how Superset connects; its role needs USAGE on the schemas and SELECT on the rollups'' live views.';
