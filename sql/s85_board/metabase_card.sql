-- Owns: the cards, dashboards and the collection of Metabase.

CREATE OR REPLACE FUNCTION tally_internal._metabase_display(panel jsonb, metrics tally.metrics[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('display', CASE WHEN NOT panel ? 'metrics' AND panel ->> 'picture' = 'stat' THEN 'table' ELSE CASE panel ->> 'picture'
            WHEN 'bars' THEN 'bar' WHEN 'stat' THEN 'scalar' WHEN 'ranking' THEN 'row' WHEN 'histogram' THEN 'bar' WHEN 'heatmap' THEN 'table'
            WHEN 'states' THEN 'line' ELSE panel ->> 'picture' END END,
        'settings', CASE
            WHEN panel ->> 'picture' IN ('line', 'area', 'bars', 'states', 'ranking', 'histogram') THEN jsonb_build_object(
                'graph.dimensions', CASE WHEN panel ->> 'picture' = 'histogram' THEN '["step name"]'
                    WHEN panel ->> 'picture' = 'ranking' THEN COALESCE(panel -> 'by', jsonb_build_array(panel -> 'columns' -> 0))
                    WHEN panel ? 'metrics' THEN '["bucket"]' || COALESCE(panel -> 'by', '[]') ELSE jsonb_build_array(panel -> 'time') || COALESCE(panel ->
                        'by', '[]') END,
                'graph.metrics', CASE WHEN panel ? 'metrics' THEN panel -> 'metrics' WHEN panel ->> 'picture' = 'ranking' THEN jsonb_build_array(panel ->
                    'columns' -> 1)
                    ELSE panel -> 'columns' END,
                'graph.y_axis.title_text', tally_internal._unit_beside(COALESCE(panel ->> 'unit', metrics[1].unit)),
                'graph.show_goal', l.l IS NOT NULL, 'graph.goal_value', COALESCE(l.l -> 'value', '0'), 'graph.goal_label', COALESCE(l.l ->> 'label', ''))
                || CASE WHEN panel ->> 'picture' = 'area' OR panel ->> 'picture' = 'bars' AND panel ? 'metrics' THEN
                    '{"stackable.stack_type": "stacked"}'::jsonb ELSE '{}' END
            WHEN panel ->> 'picture' = 'funnel' THEN CASE WHEN panel ? 'funnel' THEN '{"funnel.dimension": "step_name", "funnel.metric": "actors"}'::jsonb
                    ELSE '{"funnel.dimension": "step name", "funnel.metric": "count"}' END::jsonb
            ELSE '{}'::jsonb END || COALESCE((
            SELECT jsonb_build_object('column_settings', jsonb_object_agg(jsonb_build_array('name', u.name)::text,
                       '{"number_style": "percent", "decimals": 1}'::jsonb))
              FROM tally_internal._cell_units(panel) u
             WHERE tally_internal._is_share(u.unit) HAVING count(*) > 0), '{}'))
      -- Metabase draws one line; the first limit by name.
      FROM (SELECT 1) one LEFT JOIN LATERAL (SELECT x AS l FROM jsonb_array_elements(tally_internal._panel_limits(panel, '{}')) x ORDER BY x ->> 'label'
          LIMIT 1) l ON true
$$;
COMMENT ON FUNCTION tally_internal._metabase_display(jsonb, tally.metrics[]) IS 'The picture of a card and its settings.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_words(panel jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NULLIF(concat_ws(E'\n\n',
        COALESCE(panel ->> 'description', (SELECT min(m.description) FROM tally_internal._panel_metrics(panel) m HAVING count(*) = 1)),
        'Why: ' || (panel ->> 'why'), 'What to do: ' || (panel ->> 'do'),
        CASE WHEN panel ->> 'runbook' ~* '^https?://[^ ()<>"]+$' THEN format('[Runbook](%s)', panel ->> 'runbook') END), '')
$$;
COMMENT ON FUNCTION tally_internal._metabase_words(jsonb) IS 'What a card says of itself: what it shows, why, what to do.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_parameters(b tally.boards, filters jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_agg(jsonb_build_object('id', tally_internal._board_uuid('parameter', b.schema, b.name, f ->> 'tag'), 'name', f ->> 'name',
               'slug', f ->> 'tag', 'type', f ->> 'type', 'sectionId', split_part(f ->> 'type', '/', 1))
               || CASE WHEN f ->> 'tag' = 'the_range' THEN jsonb_build_object('default', tally_internal._metabase_since(b.since)) ELSE '{}' END ORDER BY n),
                   '[]')
      FROM jsonb_array_elements(filters) WITH ORDINALITY u(f, n)
$$;
COMMENT ON FUNCTION tally_internal._metabase_parameters(tally.boards, jsonb) IS 'The filters of a dashboard or card as its parameters.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_cards(b tally.boards, database text, collection text) RETURNS TABLE (n bigint, panel jsonb, filters
    jsonb, card jsonb)
LANGUAGE sql STABLE ROWS 12 SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.n, p.panel, f.filters, jsonb_build_object('name', p.panel ->> 'title', 'description', tally_internal._metabase_words(p.panel), 'entity_id', i.id,
        'creator_id', 'pg_tally@example.com', 'type', 'question', 'query_type', 'native', 'database_id', database, 'collection_id', collection,
        'display', d.d -> 'display', 'visualization_settings', d.d -> 'settings', 'parameters', tally_internal._metabase_parameters(b, f.filters),
        'parameter_mappings', '[]'::jsonb,
        'serdes/meta', jsonb_build_array(jsonb_build_object('id', i.id, 'label', lower(regexp_replace(p.panel ->> 'title', '[^A-Za-z0-9]+', '_', 'g')),
            'model', 'Card')),
        'dataset_query', jsonb_build_object('lib/type', 'mbql/query', 'database', database, 'stages', jsonb_build_array(jsonb_build_object(
            'lib/type', 'mbql.stage/native', 'native', tally_internal._metabase_query(b, p.panel, p.dataset, f.filters),
            'template-tags', (SELECT COALESCE(jsonb_agg(jsonb_build_object('type', 'dimension', 'name', x ->> 'tag', 'display-name', x ->> 'name',
                    'id', tally_internal._board_uuid('parameter', b.schema, b.name, x ->> 'tag'), 'widget-type', x ->> 'type',
                    'dimension', jsonb_build_array('field', '{}'::jsonb, jsonb_build_array(database, t.schema, t.name, x ->> 'column')))
                    || CASE WHEN x ->> 'tag' = 'the_range' THEN jsonb_build_object('default', tally_internal._metabase_since(b.since)) ELSE '{}' END ORDER
                        BY o), '[]')
                FROM jsonb_array_elements(f.filters) WITH ORDINALITY u(x, o))))))
      FROM tally_internal._tool_panels(b) p
     CROSS JOIN LATERAL (SELECT CASE WHEN p.dataset ? 'steps' OR p.panel ? 'incidents' THEN p.dataset || jsonb_build_object('relation', true) ELSE p.dataset
         END AS dataset) x
     CROSS JOIN LATERAL (SELECT CASE WHEN p.panel ? 'incidents' THEN
         '[{"tag": "the_range", "name": "Range", "column": "opened_at", "type": "date/all-options"}]'
                                     ELSE tally_internal._metabase_filters(b, x.dataset) END AS filters) f
     CROSS JOIN LATERAL (SELECT CASE WHEN p.panel ? 'incidents' THEN 'tally' ELSE COALESCE(p.dataset ->> 'table_schema', p.dataset ->> 'schema') END AS
         schema,
                                CASE WHEN p.panel ? 'incidents' THEN 'incidents' ELSE COALESCE(p.dataset ->> 'table', p.dataset ->> 'name') END AS name) t
     CROSS JOIN LATERAL (SELECT tally_internal._metabase_id('card', b.schema, b.name, p.panel ->> 'title', p.n::text) AS id) i
     CROSS JOIN LATERAL (SELECT tally_internal._metabase_display(p.panel, ARRAY(SELECT m FROM tally_internal._panel_metrics(p.panel) m)) AS d) d
     ORDER BY p.n
$$;
COMMENT ON FUNCTION tally_internal._metabase_cards(tally.boards, text, text) IS 'The cards of a board, each with its query and the filters that it obeys.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_places(b tally.boards) RETURNS TABLE (n bigint, "row" int, col int, width int, height int)
LANGUAGE plpgsql STABLE ROWS 12 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    item  record;
    x     int := 0;
    y     int := 0;
    below int := 0;
BEGIN
    FOR item IN SELECT p.n, 2 * (p.panel ->> 'width')::int AS width, CASE p.panel ->> 'picture' WHEN 'stat' THEN 3 ELSE 6 END AS height
                  FROM tally_internal._tool_panels(b) p LOOP
        IF x + item.width > 24 THEN
            x := 0;
            y := below;
        END IF;
        n := item.n;
        "row" := y;
        col := x;
        width := item.width;
        height := item.height;
        RETURN NEXT;
        x := x + item.width;
        below := GREATEST(below, y + item.height);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._metabase_places(tally.boards) IS 'Where the cards of a board stand in Metabase''s grid of 24 columns.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_board(b tally.boards, database text, collection text) RETURNS TABLE (path text, content jsonb)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
    WITH card AS MATERIALIZED (SELECT c.* FROM tally_internal._metabase_cards(b, database, collection) c),
         board AS (SELECT tally_internal._grafana_uid(tally_internal._called(b)) AS slug, tally_internal._metabase_id('board', b.schema, b.name) AS id)
    SELECT format('collections/main/pg_tally/%s.yaml', o.slug), jsonb_build_object('name', b.title, 'description', b.description, 'entity_id', o.id,
        'creator_id', 'pg_tally@example.com', 'collection_id', collection, 'width', 'full', 'auto_apply_filters', true,
        'parameters', tally_internal._metabase_parameters(b, (SELECT COALESCE(jsonb_agg(f ORDER BY CASE f ->> 'tag' WHEN 'the_range' THEN 0
                ELSE array_position(b.variables, f ->> 'name') END), '[]') FROM (SELECT DISTINCT ON (x ->> 'tag') x AS f
                FROM card c, jsonb_array_elements(c.filters) x ORDER BY x ->> 'tag', c.n) u)),
        'serdes/meta', jsonb_build_array(jsonb_build_object('id', o.id, 'label', replace(o.slug, '-', '_'), 'model', 'Dashboard')),
        'dashcards', (SELECT jsonb_agg(jsonb_build_object('entity_id', d.id, 'card_id', c.card -> 'entity_id', 'row', p.row, 'col', p.col, 'size_x', p.width,
                'size_y', p.height, 'visualization_settings', '{}'::jsonb,
                'serdes/meta', jsonb_build_array(jsonb_build_object('id', o.id, 'model', 'Dashboard'), jsonb_build_object('id', d.id, 'model',
                    'DashboardCard')),
                'parameter_mappings', (SELECT COALESCE(jsonb_agg(jsonb_build_object('card_id', c.card -> 'entity_id',
                        'parameter_id', tally_internal._board_uuid('parameter', b.schema, b.name, x ->> 'tag'),
                        'target', jsonb_build_array('dimension', jsonb_build_array('template-tag', x ->> 'tag'))) ORDER BY n), '[]')
                    FROM jsonb_array_elements(c.filters) WITH ORDINALITY u(x, n))) ORDER BY c.n)
            FROM card c JOIN tally_internal._metabase_places(b) p USING (n)
           CROSS JOIN LATERAL (SELECT tally_internal._metabase_id('place', b.schema, b.name, c.n::text) AS id) d))
      FROM board o
    UNION ALL
    SELECT format('collections/main/pg_tally/%s_%s.yaml', o.slug, lpad(c.n::text, 2, '0')), c.card FROM card c, board o
$$;
COMMENT ON FUNCTION tally_internal._metabase_board(tally.boards, text, text) IS 'The files of one board: its dashboard and its cards.';

CREATE OR REPLACE FUNCTION tally.metabase_files(boards text[] DEFAULT NULL, database text DEFAULT 'pg_tally') RETURNS TABLE (path text, content text)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    collection text := tally_internal._metabase_id('collection');
BEGIN
    IF COALESCE(btrim(database), '') = '' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('database must be the name of a database in Metabase, got %L', database), NULL,
                                       'SELECT * FROM tally.metabase_files(database => ''pg_tally'');');
    END IF;
    RETURN QUERY
    SELECT f.path, jsonb_pretty(f.content) || E'\n' FROM (
        SELECT 'collections/main/pg_tally.yaml' AS path, jsonb_build_object('name', 'pg_tally', 'description', 'Boards of pg_tally.', 'entity_id', collection,
            'slug', 'pg_tally', 'serdes/meta', jsonb_build_array(jsonb_build_object('id', collection, 'label', 'pg_tally', 'model', 'Collection'))) AS content
        UNION ALL
        SELECT x.path, x.content FROM tally_internal._chosen_boards(boards) b CROSS JOIN LATERAL tally_internal._metabase_board(b, database, collection) x) f
     ORDER BY f.path COLLATE "C";
END $$;
COMMENT ON FUNCTION tally.metabase_files(text[], text) IS
'Boards (null: all) as the files of a collection that Metabase imports: dashboards with filters and cards with their SQL. The ids are always the same for the '
    'same names. database: what Metabase calls the database.';
