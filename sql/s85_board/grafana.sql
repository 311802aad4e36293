-- Owns: tally.grafana_dashboard, a board as Grafana imports it.

CREATE OR REPLACE FUNCTION tally_internal._grafana_uid(board text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Grafana takes 40 characters of these kinds.
    SELECT 'tally-' || CASE WHEN board ~ '^[A-Za-z0-9_-]{1,34}$' THEN board ELSE md5(board) END
$$;
COMMENT ON FUNCTION tally_internal._grafana_uid(text) IS 'The uid of a board''s dashboard: always the same for a name.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_unit(unit text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN COALESCE(unit, '') = '' THEN 'short' WHEN tally_internal._is_share(unit) THEN 'percentunit'
                ELSE COALESCE('{"ms": "ms", "s": "s", "seconds": "s", "minutes": "m", "hours": "h", "days": "d",
                    "%": "percent", "percent": "percent", "bytes": "bytes", "USD": "currencyUSD",
                    "$": "currencyUSD", "EUR": "currencyEUR"}'::jsonb ->> unit, 'suffix:' || unit) END
$$;
COMMENT ON FUNCTION tally_internal._grafana_unit(text) IS 'Grafana''s name of a metric''s unit; a unit that it does not know is written after the number.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_since(since text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    -- A fixed moment, so that the file is the same whenever it is made.
    moment CONSTANT timestamptz := '2026-03-31 00:00+00';
    start  timestamptz := tally_internal._parse_since(since, moment, 'since', 'UTC');
    length bigint := extract(epoch FROM moment - start);
BEGIN
    IF start = tally_internal._parse_since(since, moment + interval '1 hour', 'since', 'UTC') THEN RETURN to_jsonb(start) #>> '{}'; END IF;
    RETURN 'now-' || CASE WHEN length % 86400 = 0 THEN length / 86400 || 'd' WHEN length % 3600 = 0 THEN length / 3600 || 'h'
                          WHEN length % 60 = 0 THEN length / 60 || 'm' ELSE length || 's' END;
END $$;
COMMENT ON FUNCTION tally_internal._grafana_since(text) IS 'The range of a board as Grafana writes it: now-24h, or a moment.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_steps(limits jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH line AS (SELECT (l ->> 'value')::float8 AS value, (l ->> 'above')::boolean AS above, l ->> 'severity' AS severity FROM jsonb_array_elements(limits) l),
         step AS (SELECT NULL::float8 AS value UNION SELECT line.value FROM line)
    -- The colour from a step to the next is that of the worst limit which is broken there.
    SELECT jsonb_agg(jsonb_build_object('value', s.value, 'color', COALESCE((
               SELECT CASE WHEN bool_or(l.severity = 'critical') THEN 'red' ELSE 'orange' END FROM line l
                WHERE CASE WHEN l.above THEN s.value >= l.value ELSE s.value IS NULL OR s.value < l.value END HAVING count(*) > 0), 'green'))
               ORDER BY s.value NULLS FIRST) FROM step s
$$;
COMMENT ON FUNCTION tally_internal._grafana_steps(jsonb) IS 'Limits as the steps of Grafana''s thresholds: from which value on which colour.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_type(panel jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE panel ->> 'picture' WHEN 'stat' THEN 'stat' WHEN 'table' THEN 'table' WHEN 'states' THEN 'state-timeline' WHEN 'histogram' THEN 'histogram'
                WHEN 'heatmap' THEN CASE jsonb_array_length(panel -> 'by') WHEN 2 THEN 'table' ELSE 'heatmap' END
                WHEN 'funnel' THEN 'bargauge' WHEN 'ranking' THEN 'bargauge' ELSE 'timeseries' END
$$;
COMMENT ON FUNCTION tally_internal._grafana_type(jsonb) IS 'Which of Grafana''s kinds of panels draws a picture.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_options(panel jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE tally_internal._grafana_type(panel)
        WHEN 'timeseries' THEN '{"legend": {"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"]},
                                 "tooltip": {"mode": "multi", "sort": "desc"}}'::jsonb
        WHEN 'stat' THEN jsonb_build_object('reduceOptions', CASE WHEN panel ? 'relation'
                -- Every row is an answer, also one in words; the column of its name stands beside it.
                THEN jsonb_build_object('calcs', '["lastNotNull"]'::jsonb, 'values', true, 'limit', COALESCE((panel ->> 'limit')::int, 6),
                    'fields', '/^' || regexp_replace(panel -> 'columns' ->> -1, '([^[:alnum:]_ ])', '\\\1', 'g') || '$/')
                ELSE '{"calcs": ["lastNotNull"], "fields": "", "values": false}' END,
            'colorMode', 'value', 'graphMode', 'none', 'justifyMode', 'auto', 'orientation', 'auto',
            'textMode', CASE WHEN jsonb_array_length(panel -> 'columns') > 1 THEN 'value_and_name' ELSE 'value' END)
        WHEN 'bargauge' THEN '{"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": true, "limit": 200}, "displayMode": "basic",
                               "orientation": "horizontal", "showUnfilled": true, "valueMode": "color"}'
        WHEN 'heatmap' THEN '{"calculate": false, "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64}, "legend": {"show": true},
                              "tooltip": {"mode": "single"}, "yAxis": {"axisPlacement": "left"}}'
        WHEN 'state-timeline' THEN '{"mergeValues": true, "showValue": "auto", "alignValue": "left", "rowHeight": 0.9, "tooltip": {"mode": "single"},
                                     "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true}}'
        WHEN 'histogram' THEN '{"legend": {"displayMode": "list", "placement": "bottom", "showLegend": false}, "tooltip": {"mode": "single"}}'
        ELSE '{"showHeader": true, "cellHeight": "sm"}' END
$$;
COMMENT ON FUNCTION tally_internal._grafana_options(jsonb) IS 'How Grafana draws a panel.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_fields(panel jsonb, metrics tally.metrics[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    type   text := tally_internal._grafana_type(panel);
    limits jsonb := tally_internal._panel_limits(panel, '{}');
    made   jsonb;
BEGIN
    made := jsonb_build_object('noValue', 'No data in this range',
        'color', jsonb_build_object('mode', CASE WHEN type = 'state-timeline' OR type IN ('stat', 'bargauge') AND limits <> '[]' THEN 'thresholds'
                                                 WHEN panel ->> 'picture' = 'heatmap' THEN 'continuous-GrYlRd' ELSE 'palette-classic' END),
        'thresholds', jsonb_build_object('mode', 'absolute', 'steps', tally_internal._grafana_steps(limits)),
        'custom', CASE type WHEN 'timeseries' THEN jsonb_build_object('drawStyle', CASE panel ->> 'picture' WHEN 'bars' THEN 'bars' ELSE 'line' END,
                                'fillOpacity', CASE panel ->> 'picture' WHEN 'bars' THEN 80 WHEN 'area' THEN 30 ELSE 0 END, 'lineWidth', 2,
                                'showPoints', 'auto', 'spanNulls', false, 'axisSoftMin', 0,
                                'thresholdsStyle', jsonb_build_object('mode', CASE limits WHEN '[]' THEN 'off' ELSE 'line' END))
                            WHEN 'table' THEN jsonb_build_object('align', 'auto', 'cellOptions',
                                jsonb_build_object('type', CASE panel ->> 'picture' WHEN 'heatmap' THEN 'color-background' ELSE 'auto' END))
                            ELSE '{}' END);
    -- The columns of a table may be of several units.
    RETURN jsonb_build_object(
        'defaults', made || CASE WHEN type <> 'table' OR panel ->> 'picture' = 'heatmap'
            THEN jsonb_build_object('unit', tally_internal._grafana_unit(COALESCE(panel ->> 'unit', metrics[1].unit))) ELSE '{}' END,
        'overrides', CASE WHEN type = 'table' AND panel ->> 'picture' = 'table' THEN COALESCE((SELECT jsonb_agg(jsonb_build_object(
                'matcher', jsonb_build_object('id', 'byName', 'options', m.name),
                'properties', jsonb_build_array(jsonb_build_object('id', 'unit', 'value', tally_internal._grafana_unit(m.unit)))))
                FROM tally_internal._column_units(panel) m), '[]')
            ELSE '[]' END);
END $$;
COMMENT ON FUNCTION tally_internal._grafana_fields(jsonb, tally.metrics[]) IS 'Unit, colours, limits drawn as lines, and the text where there is no number.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_panel(b tally.boards, panel jsonb, source jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    metrics tally.metrics[] := ARRAY(SELECT m FROM tally_internal._panel_metrics(panel) m);
    type    text := tally_internal._grafana_type(panel);
    format  text := CASE WHEN type IN ('timeseries', 'heatmap', 'state-timeline') THEN 'time_series' ELSE 'table' END;
    links   jsonb := '[]';
BEGIN
    IF panel ? 'board' THEN
        links := links || jsonb_build_object('title', 'One level down', 'targetBlank', false,
            'url', '/d/' || tally_internal._grafana_uid(tally_internal._board_beside(b, panel ->> 'board')) || '?${__url_time_range}&${__all_variables}');
    END IF;
    IF panel ->> 'runbook' ~* '^https?://' THEN
        links := links || jsonb_build_object('title', 'Runbook', 'targetBlank', true, 'url', panel ->> 'runbook');
    END IF;
    RETURN jsonb_build_object('title', panel ->> 'title', 'type', type, 'datasource', source, 'links', links,
        'description', concat_ws(E'\n\n', COALESCE(panel ->> 'description', CASE WHEN cardinality(metrics) = 1 THEN metrics[1].description END),
                                 'Why: ' || (panel ->> 'why'), 'What to do: ' || (panel ->> 'do')),
        'fieldConfig', tally_internal._grafana_fields(panel, metrics), 'options', tally_internal._grafana_options(panel),
        'transformations', CASE WHEN type = 'table' AND panel ->> 'picture' = 'heatmap' THEN jsonb_build_array(jsonb_build_object('id', 'groupingToMatrix',
            'options', jsonb_build_object('rowField', panel #>> '{by,0}', 'columnField', panel #>> '{by,1}', 'valueField', metrics[1].name))) ELSE '[]' END,
        'targets', (SELECT jsonb_agg(jsonb_build_object('refId', chr(64 + q.n::int), 'datasource', source, 'editorMode', 'code', 'format', format,
                                                        'rawQuery', true, 'rawSql', q.q) ORDER BY q.n)
                      FROM tally_internal._grafana_queries(b, panel) WITH ORDINALITY q(q, n)));
END $$;
COMMENT ON FUNCTION tally_internal._grafana_panel(tally.boards, jsonb, jsonb) IS 'A panel as Grafana reads it, without its number and place.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_panels(b tally.boards, source jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item   record;
    x      int := 0;
    y      int := 0;
    below  int := 0;
    width  int;
    height int;
    result jsonb := '[]';
BEGIN
    FOR item IN SELECT tally_internal._tool_panel(p.panel) AS panel, row_number() OVER (PARTITION BY p.panel -> 'title' ORDER BY p.n) AS copy
                  FROM jsonb_array_elements(b.panels) WITH ORDINALITY p(panel, n) ORDER BY p.n LOOP
        width := 2 * (item.panel ->> 'width')::int;
        height := CASE item.panel ->> 'picture' WHEN 'stat' THEN 4 ELSE 8 END;
        IF x + width > 24 THEN
            x := 0;
            y := below;
        END IF;
        -- The number is made of the title, so that links to a panel hold when others come before it.
        result := result || (tally_internal._grafana_panel(b, item.panel, source) || jsonb_build_object(
            'id', ('x' || md5(format('%s/%s', item.panel ->> 'title', item.copy)))::bit(32)::bigint & 1073741823,
            'gridPos', jsonb_build_object('x', x, 'y', y, 'w', width, 'h', height)));
        x := x + width;
        below := GREATEST(below, y + height);
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._grafana_panels(tally.boards, jsonb) IS 'The panels of a board, each with its number and its place in the grid.';

CREATE OR REPLACE VIEW tally.grafana_alert_annotations WITH (security_invoker = true) AS
SELECT i.opened_at AS "time", COALESCE(i.recovered_at, i.resolved_at, now()) AS timeend, i.impact AS text,
       concat_ws(',', i.severity, i.area, i.threshold) AS tags, i.labels, i.id AS incident
  FROM tally.incidents i;
COMMENT ON VIEW tally.grafana_alert_annotations IS
'Incidents as Grafana''s annotations take them, as far as the reader sees them; one that lasts still ends now. The boards'' dashboards read it.';
COMMENT ON COLUMN tally.grafana_alert_annotations."time" IS 'When the incident was opened.';
COMMENT ON COLUMN tally.grafana_alert_annotations.timeend IS 'When the alert was over, or the incident closed; the present moment while it lasts.';
COMMENT ON COLUMN tally.grafana_alert_annotations.text IS 'One line on what is wrong.';
COMMENT ON COLUMN tally.grafana_alert_annotations.tags IS 'Severity, area and threshold, with commas between.';
COMMENT ON COLUMN tally.grafana_alert_annotations.labels IS 'The label set, to filter by.';
COMMENT ON COLUMN tally.grafana_alert_annotations.incident IS 'Number of the incident.';
GRANT SELECT ON tally.grafana_alert_annotations TO PUBLIC;

CREATE OR REPLACE FUNCTION tally.grafana_dashboard(board text, generation text DEFAULT 'classic', datasource text DEFAULT 'pg_tally') RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b      tally.boards := tally_internal._board(board);
    kind   CONSTANT text := 'grafana-postgresql-datasource';
    source CONSTANT jsonb := jsonb_build_object('type', kind, 'uid', '${datasource}');
    each   int := GREATEST(extract(epoch FROM b.refresh), 5);
    -- A bucket is a day there, and no day of who looks from elsewhere.
    zone   text := tally_internal._board_zone(b);
    made   jsonb;
BEGIN
    IF generation IS NULL OR generation NOT IN ('classic', 'v2') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('generation must be classic or v2, got %L', generation),
            'Grafana imports the classic form in every version; v2 is its newer one, dashboard.grafana.app/v2.',
            format('SELECT tally.grafana_dashboard(%L, ''classic'');', tally_internal._called(b)));
    ELSIF COALESCE(btrim(datasource), '') = '' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('datasource must be the uid of a data source in Grafana, got %L', datasource), NULL,
            format('SELECT tally.grafana_dashboard(%L, datasource => ''pg_tally'');', tally_internal._called(b)));
    END IF;
    made := jsonb_build_object('uid', tally_internal._grafana_uid(tally_internal._called(b)), 'title', b.title, 'description', COALESCE(b.description, ''),
        'tags', '["pg_tally"]'::jsonb, 'schemaVersion', 42, 'version', 1, 'editable', true, 'graphTooltip', 1,
        'timezone', CASE zone WHEN 'UTC' THEN 'utc' ELSE zone END,
        'refresh', CASE WHEN each % 3600 = 0 THEN each / 3600 || 'h' WHEN each % 60 = 0 THEN each / 60 || 'm' ELSE each || 's' END,
        'time', jsonb_build_object('from', tally_internal._grafana_since(b.since), 'to', 'now'),
        'templating', jsonb_build_object('list', jsonb_build_array(jsonb_build_object('name', 'datasource', 'type', 'datasource', 'label', 'Database',
                'query', kind, 'hide', 0, 'refresh', 1, 'regex', '', 'includeAll', false, 'multi', false, 'options', '[]'::jsonb,
                'current', jsonb_build_object('text', datasource, 'value', datasource))) ||
            COALESCE((SELECT jsonb_agg(jsonb_build_object('name', tally_internal._grafana_variable(b.variables, v.name), 'label', v.name, 'type', 'query',
                    'datasource', source, 'query', c.query, 'definition', c.query, 'refresh', 2, 'multi', true, 'includeAll', true,
                    -- Grafana writes this without quotes, and every chosen value with them: so no value is taken for All.
                    'allValue', 'NULL', 'hide', 0, 'sort', 1, 'regex', '', 'options', '[]'::jsonb,
                    'current', '{"text": ["All"], "value": ["$__all"]}'::jsonb) ORDER BY v.n)
                  FROM unnest(b.variables) WITH ORDINALITY v(name, n) CROSS JOIN LATERAL tally_internal._grafana_choices(b, v.name) c(query)), '[]')),
        'annotations', jsonb_build_object('list', jsonb_build_array(jsonb_build_object('name', 'Incidents', 'enable', true, 'hide', false, 'iconColor', 'red',
            'datasource', source, 'target', jsonb_build_object('refId', 'A', 'datasource', source, 'editorMode', 'code', 'format', 'table', 'rawQuery', true,
                'rawSql', 'SELECT a.time, a.timeend, a.text, a.tags FROM tally.grafana_alert_annotations a WHERE a.time <= $__timeTo() '
                    'AND a.timeend >= $__timeFrom()' || tally_internal._grafana_labels(b, 'a.labels') || ' ORDER BY 1')))),
        'links', '[{"type": "dashboards", "title": "Boards", "tags": ["pg_tally"], "asDropdown": true, "keepTime": true, "includeVars": true,
            "icon": "external link", "tooltip": "", "targetBlank": false}]'::jsonb,
        'panels', tally_internal._grafana_panels(b, source));
    RETURN CASE generation WHEN 'v2' THEN tally_internal._grafana_v2(made) ELSE made END;
END $$;
COMMENT ON FUNCTION tally.grafana_dashboard(text, text, text) IS
'A board as a dashboard that Grafana imports: every panel with its queries, unit, limits as lines, texts and links; the board''s variables, which all panels '
    'obey; incidents as annotations. generation: classic, the form that every version imports, or v2 (dashboard.grafana.app/v2). '
    'datasource: uid of the data source in Grafana. The reader '
    'needs USAGE on the schemas and SELECT on the rollups and their live views.';
