-- Owns: a panel as a chart of Superset.

CREATE OR REPLACE FUNCTION tally_internal._superset_grain(r tally.rollups, wanted interval) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item   record;
    result text;
BEGIN
    -- Superset cuts time by UTC, as its connection does. Buckets of another zone are shown as they are.
    IF wanted IS NULL OR r.bucket IS NULL OR r.zone <> 'UTC' THEN RETURN NULL; END IF;
    FOR item IN SELECT x.iso, x.width FROM (VALUES ('PT1M', interval '1 minute'), ('PT5M', '5 minutes'), ('PT15M', '15 minutes'), ('PT30M', '30 minutes'),
            ('PT1H', '1 hour'), ('P1D', '1 day'), ('P1W', '7 days'), ('P1M', '1 month'), ('P3M', '3 months'), ('P1Y', '1 year')) x(iso, width)
             WHERE x.width <= wanted AND x.width > r.bucket ORDER BY x.width LOOP
        -- Of those that Superset knows the longest one, so long as no bucket is split.
        BEGIN
            PERFORM tally_internal._grain(r, item.width, NULL, NULL);
            result := item.iso;
        EXCEPTION WHEN invalid_parameter_value THEN
            NULL;
        END;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._superset_grain(tally.rollups, interval) IS
'The time grain of Superset for a bucket: the longest that it knows and that is no longer; null for the rollup''s own buckets.';

CREATE OR REPLACE FUNCTION tally_internal._superset_range(since text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    -- "Last 24 hours" would end at midnight: Superset counts whole days there.
    start  text := tally_internal._grafana_since(since);
    length text[] := regexp_match(start, '^now-(\d+)([dhms])$');
BEGIN
    RETURN CASE WHEN length IS NULL THEN to_char(start::timestamptz, 'YYYY-MM-DD"T"HH24:MI:SS') || ' : now'
                ELSE format('DATEADD(DATETIME("now"), -%s, %s) : now', length[1],
                            '{"d": "day", "h": "hour", "m": "minute", "s": "second"}'::jsonb ->> length[2]) END;
END $$;
COMMENT ON FUNCTION tally_internal._superset_range(text) IS 'The range of a board as Superset writes it, up to the present moment.';

CREATE OR REPLACE FUNCTION tally_internal._superset_format(unit text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT CASE WHEN tally_internal._is_share(unit) THEN '.1%' ELSE 'SMART_NUMBER' END $$;
COMMENT ON FUNCTION tally_internal._superset_format(text) IS 'How Superset writes numbers of a unit: shares as percentages.';

CREATE OR REPLACE FUNCTION tally_internal._superset_filters(b tally.boards, panel jsonb, dataset jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_agg(CASE WHEN f.operator IS NULL
               -- (none) is NULL in a relation, whose column may be of a type that has no such value.
               THEN jsonb_build_object('expressionType', 'SQL', 'clause', 'WHERE', 'sqlExpression', tally_internal._superset_sql(format(
                   '(%1$I IS NULL OR CAST(%1$I AS TEXT) IN (%2$s))', f.subject, (SELECT string_agg(quote_literal(v), ', ' ORDER BY n)
                                                                           FROM jsonb_array_elements_text(f.comparator) WITH ORDINALITY u(v, n)))))
               ELSE jsonb_build_object('expressionType', 'SIMPLE', 'clause', 'WHERE', 'subject', f.subject, 'operator', f.operator,
                                       'comparator', f.comparator) END ORDER BY f.o, f.subject), '[]')
      FROM (SELECT 1 AS o, dataset ->> 'time' AS subject, 'TEMPORAL_RANGE' AS operator, to_jsonb(tally_internal._superset_range(b.since)) AS comparator
             WHERE dataset ->> 'time' IS NOT NULL
            UNION ALL
            SELECT 2, w.key, CASE WHEN panel ? 'relation' AND '(none)' = ANY (tally_internal._filter_values(w.value)) THEN NULL ELSE 'IN' END,
                   to_jsonb(tally_internal._filter_values(w.value)) FROM jsonb_each(COALESCE(panel -> 'where', '{}')) w
            UNION ALL
            SELECT 3, 'area', 'IN', jsonb_build_array(panel -> 'area') WHERE panel ? 'area'
            UNION ALL
            SELECT 4, 'name', 'IN', jsonb_build_array(panel -> 'experiment') WHERE panel ? 'experiment'
            UNION ALL
            SELECT 5, 'rollup', 'IN', jsonb_agg(DISTINCT r.name) FROM jsonb_array_elements(b.panels) p, jsonb_array_elements_text(p -> 'metric_ids') i
              JOIN tally.metrics m ON m.id = i::int JOIN tally.rollups r ON r.id = m.rollup_id
             WHERE dataset ->> 'name' = 'tally status' HAVING count(*) > 0) f
$$;
COMMENT ON FUNCTION tally_internal._superset_filters(tally.boards, jsonb, jsonb) IS
'What a chart filters by itself: its range, which the board''s own replaces, and the fixed filter of its panel.';

CREATE OR REPLACE FUNCTION tally_internal._superset_lines(panel jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_agg(jsonb_build_object('annotationType', 'FORMULA', 'name', l ->> 'label', 'value', l ->> 'value', 'show', true, 'showLabel',
        true, 'showMarkers', false, 'hideLine', false,
               'style', 'dashed', 'width', 2, 'opacity', '', 'overrides', jsonb_build_object('time_range', NULL),
               'color', CASE l ->> 'severity' WHEN 'critical' THEN '#d03b3b' ELSE '#e07b00' END) ORDER BY l ->> 'label'), '[]')
      FROM jsonb_array_elements(tally_internal._panel_limits(panel, '{}')) l
$$;
COMMENT ON FUNCTION tally_internal._superset_lines(jsonb) IS 'Limits of thresholds as lines that Superset draws.';

CREATE OR REPLACE FUNCTION tally_internal._superset_form(b tally.boards, panel jsonb, dataset jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    picture text := panel ->> 'picture';
    metrics jsonb := COALESCE((SELECT jsonb_agg(m.name ORDER BY m.n) FROM (SELECT x.name, row_number() OVER () AS n
                                                                               FROM tally_internal._panel_metrics(panel) x) m), '[]');
    first   tally.metrics;
    r       tally.rollups;
    split   jsonb := COALESCE(panel -> 'by', '[]');
    most    int := COALESCE((panel ->> 'limit')::int, CASE picture WHEN 'ranking' THEN 8 WHEN 'heatmap' THEN 400 ELSE 20 END);
    grain   text;
    unit    text;
    base    jsonb;
BEGIN
    SELECT x.* INTO first FROM tally_internal._panel_metrics(panel) x LIMIT 1;
    SELECT x.* INTO r FROM tally.rollups x WHERE x.id = first.rollup_id;
    grain := tally_internal._superset_grain(r, (panel ->> 'bucket')::interval);
    unit := COALESCE(panel ->> 'unit', first.unit);
    base := jsonb_build_object('adhoc_filters', tally_internal._superset_filters(b, panel, dataset), 'row_limit', most, 'extra_form_data', '{}'::jsonb);
    IF NOT panel ? 'metrics' AND picture NOT IN ('line', 'area', 'bars', 'funnel', 'ranking') THEN
        RETURN base || jsonb_build_object('viz_type', 'table', 'query_mode', 'raw', 'allow_render_html', false, 'server_page_length', 10,
            'table_timestamp_format', 'smart_date', 'column_config', COALESCE((SELECT jsonb_object_agg(u.name, jsonb_build_object(
                'd3NumberFormat', tally_internal._superset_format(u.unit))) FROM tally_internal._cell_units(panel) u), '{}'),
            'all_columns', COALESCE(panel -> 'columns', (SELECT jsonb_agg(c -> 'name' ORDER BY n) FROM jsonb_array_elements(dataset -> 'columns')
                           WITH ORDINALITY u(c, n) WHERE c ->> 'name' NOT IN ('in range', 'area'))),
            'order_by_cols', CASE WHEN panel ? 'order' THEN jsonb_build_array(jsonb_build_array(regexp_replace(panel ->> 'order', ' +(asc|desc)$', '', 'i'),
                                       panel ->> 'order' !~* ' desc$')::text)
                                  WHEN panel ? 'incidents' THEN '["[\"opened\", false]"]' WHEN panel ? 'retention' THEN '["[\"period\", true]"]'
                                  ELSE '[]' END);
    ELSIF picture = 'funnel' THEN
        RETURN base || jsonb_build_object('viz_type', 'funnel', 'groupby', CASE WHEN panel ? 'funnel' THEN '["step_name"]' ELSE '["step name"]' END::jsonb,
            'metric', CASE WHEN panel ? 'funnel' THEN 'actors' ELSE 'count' END, 'sort_by_metric', true, 'show_legend', false, 'percent_calculation_type',
            'first_step', 'number_format', 'SMART_NUMBER', 'row_limit', 40);
    ELSIF picture = 'histogram' THEN
        RETURN base || jsonb_build_object('viz_type', 'echarts_timeseries_bar', 'x_axis', 'step name', 'metrics', metrics, 'groupby', '[]'::jsonb,
            'row_limit', 100,
            'x_axis_sort', 'step name', 'x_axis_sort_asc', true, 'show_legend', false, 'y_axis_format', tally_internal._superset_format(unit),
            'x_axis_title', 'share of all that is no greater', 'x_axis_title_margin', 30);
    ELSIF picture = 'ranking' THEN
        RETURN base || jsonb_build_object('viz_type', 'echarts_timeseries_bar', 'x_axis', CASE WHEN panel ? 'metrics' THEN split -> 0 ELSE panel ->
            'columns' -> 0 END,
            'metrics', CASE WHEN panel ? 'metrics' THEN metrics ELSE jsonb_build_array(panel -> 'columns' -> 1) END, 'groupby', '[]'::jsonb,
            'orientation', 'horizontal', 'show_legend', false, 'show_value', true, 'order_desc', true, 'x_axis_sort',
            CASE WHEN panel ? 'metrics' THEN metrics -> 0 ELSE panel -> 'columns' -> 1 END, 'x_axis_sort_asc', true,
            'y_axis_format', tally_internal._superset_format(unit));
    ELSIF picture = 'stat' THEN
        RETURN base || jsonb_build_object('viz_type', 'big_number_total', 'metric', metrics -> 0, 'y_axis_format', tally_internal._superset_format(unit),
            'subtitle', tally_internal._unit_beside(unit), 'header_font_size', 0.4, 'subtitle_font_size', 0.15);
    ELSIF picture = 'table' THEN
        RETURN base || jsonb_build_object('viz_type', 'table', 'query_mode', 'aggregate', 'allow_render_html', false,
            'groupby', split, 'metrics', metrics, 'order_desc', true,
            'timeseries_limit_metric', metrics -> 0, 'server_page_length', 10, 'show_cell_bars', true);
    ELSIF picture = 'heatmap' THEN
        RETURN base || jsonb_build_object('viz_type', 'heatmap_v2', 'x_axis', CASE WHEN jsonb_array_length(split) = 2 THEN split -> 1 ELSE '"bucket"' END,
            'groupby', split -> 0, 'metric', metrics -> 0, 'time_grain_sqla', grain, 'row_limit', 10000, 'sort_x_axis', 'alpha_asc', 'sort_y_axis',
                'alpha_asc',
            'linear_color_scheme', 'superset_seq_1', 'normalize_across', 'heatmap', 'legend_type', 'continuous', 'show_legend', true,
            'value_bounds', '[null, null]'::jsonb, 'y_axis_format', tally_internal._superset_format(unit), 'xscale_interval', -1, 'yscale_interval', -1,
            'left_margin', 'auto', 'bottom_margin', 'auto');
    END IF;
    RETURN base || jsonb_build_object('viz_type', CASE picture WHEN 'area' THEN 'echarts_area' WHEN 'bars' THEN 'echarts_timeseries_bar'
                ELSE 'echarts_timeseries_line' END,
        'x_axis', dataset -> 'time', 'time_grain_sqla', grain, 'groupby', split, 'row_limit', 10000,
        'metrics', CASE WHEN panel ? 'metrics' THEN metrics ELSE panel -> 'columns' END,
        'limit', CASE WHEN split <> '[]' THEN COALESCE((panel ->> 'limit')::int, 8) END, 'order_desc', true, 'x_axis_time_format', '%b %d %H:%M',
        'markerEnabled', true, 'markerSize', 4,
        'y_axis_format', tally_internal._superset_format(unit), 'show_legend', true, 'rich_tooltip', true, 'truncateYAxis', false,
        'y_axis_title', tally_internal._unit_beside(unit), 'y_axis_title_margin', 40, 'y_axis_title_position', 'Left',
        'stack', CASE WHEN picture IN ('area', 'bars') AND panel ? 'metrics' THEN 'Stack' END, 'annotation_layers', tally_internal._superset_lines(panel));
END $$;
COMMENT ON FUNCTION tally_internal._superset_form(tally.boards, jsonb, jsonb) IS 'The form of a chart: its picture and what it asks of its dataset.';
