-- Owns: a dashboard in Grafana's newer form (dashboard.grafana.app/v2), made of the classic one, so that both say the same.

CREATE OR REPLACE FUNCTION tally_internal._grafana_v2_query(target jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('kind', 'DataQuery', 'group', target #>> '{datasource,type}', 'version', 'v0',
        'datasource', jsonb_build_object('name', target #>> '{datasource,uid}'), 'spec', target - '{datasource,refId}'::text[])
$$;
COMMENT ON FUNCTION tally_internal._grafana_v2_query(jsonb) IS 'A query of a panel or of annotations in the newer form.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_v2_panel(panel jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('kind', 'Panel', 'spec', jsonb_build_object('id', panel -> 'id', 'title', panel -> 'title', 'description', panel -> 'description',
        'links', panel -> 'links',
        'data', jsonb_build_object('kind', 'QueryGroup', 'spec', jsonb_build_object('queryOptions', '{}'::jsonb,
            'queries', (SELECT jsonb_agg(jsonb_build_object('kind', 'PanelQuery', 'spec', jsonb_build_object('refId', t -> 'refId', 'hidden', false,
                            'query', tally_internal._grafana_v2_query(t))) ORDER BY n) FROM jsonb_array_elements(panel -> 'targets') WITH ORDINALITY u(t, n)),
            'transformations', COALESCE((SELECT jsonb_agg(jsonb_build_object('kind', 'Transformation', 'group', t -> 'id',
                            'spec', jsonb_build_object('options', t -> 'options')) ORDER BY n)
                        FROM jsonb_array_elements(panel -> 'transformations') WITH ORDINALITY u(t, n)), '[]'))),
        -- An empty version stands for the one that Grafana brings.
        'vizConfig', jsonb_build_object('kind', 'VizConfig', 'group', panel -> 'type', 'version', '',
            'spec', jsonb_build_object('options', panel -> 'options', 'fieldConfig', panel -> 'fieldConfig'))))
$$;
COMMENT ON FUNCTION tally_internal._grafana_v2_panel(jsonb) IS 'A panel in the newer form.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_v2_variable(variable jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE variable ->> 'type' WHEN 'datasource' THEN jsonb_build_object('kind', 'DatasourceVariable', 'spec', common.spec || jsonb_build_object(
                    'pluginId', variable -> 'query', 'refresh', 'onDashboardLoad'))
                ELSE jsonb_build_object('kind', 'QueryVariable', 'spec', common.spec || jsonb_build_object('refresh', 'onTimeRangeChanged',
                    'sort', 'alphabeticalAsc', 'allValue', variable -> 'allValue', 'definition', variable -> 'definition',
                    'query', tally_internal._grafana_v2_query(jsonb_build_object('datasource', variable -> 'datasource', 'editorMode', 'code',
                        'format', 'table', 'rawQuery', true, 'rawSql', variable -> 'query')))) END
      FROM (SELECT jsonb_build_object('name', variable -> 'name', 'label', variable -> 'label', 'hide', 'dontHide', 'skipUrlSync', false,
                'options', '[]'::jsonb,
                'regex', '', 'allowCustomValue', true, 'current', variable -> 'current', 'multi', variable -> 'multi',
                'includeAll', variable -> 'includeAll')) common(spec)
$$;
COMMENT ON FUNCTION tally_internal._grafana_v2_variable(jsonb) IS 'A variable in the newer form.';

CREATE OR REPLACE FUNCTION tally_internal._grafana_v2(classic jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('apiVersion', 'dashboard.grafana.app/v2', 'kind', 'Dashboard', 'metadata', jsonb_build_object('name', classic -> 'uid'),
        'spec', jsonb_build_object('title', classic -> 'title', 'description', classic -> 'description', 'tags', classic -> 'tags', 'editable', true,
            'preload', false, 'cursorSync', 'Crosshair',
            'timeSettings', jsonb_build_object('timezone', classic -> 'timezone', 'from', classic #> '{time,from}', 'to', classic #> '{time,to}',
                'autoRefresh', classic -> 'refresh', 'autoRefreshIntervals', '["5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h", "2h", "1d"]'::jsonb,
                'hideTimepicker', false, 'fiscalYearStartMonth', 0),
            'links', (SELECT jsonb_agg(l) FROM jsonb_array_elements(classic -> 'links') l),
            'variables', (SELECT jsonb_agg(tally_internal._grafana_v2_variable(v) ORDER BY n)
                            FROM jsonb_array_elements(classic #> '{templating,list}') WITH ORDINALITY u(v, n)),
            'annotations', (SELECT jsonb_agg(jsonb_build_object('kind', 'AnnotationQuery', 'spec', jsonb_build_object('name', a -> 'name', 'enable', true,
                                'hide', false, 'iconColor', a -> 'iconColor', 'query', tally_internal._grafana_v2_query(a -> 'target'))) ORDER BY n)
                              FROM jsonb_array_elements(classic #> '{annotations,list}') WITH ORDINALITY u(a, n)),
            'elements', (SELECT jsonb_object_agg('panel-' || (p ->> 'id'), tally_internal._grafana_v2_panel(p))
                           FROM jsonb_array_elements(classic -> 'panels') p),
            'layout', jsonb_build_object('kind', 'GridLayout', 'spec', jsonb_build_object('items', (
                SELECT jsonb_agg(jsonb_build_object('kind', 'GridLayoutItem', 'spec', jsonb_build_object('x', p #> '{gridPos,x}', 'y', p #> '{gridPos,y}',
                           'width', p #> '{gridPos,w}', 'height', p #> '{gridPos,h}',
                           'element', jsonb_build_object('kind', 'ElementReference', 'name', 'panel-' || (p ->> 'id')))) ORDER BY n)
                  FROM jsonb_array_elements(classic -> 'panels') WITH ORDINALITY u(p, n))))))
$$;
COMMENT ON FUNCTION tally_internal._grafana_v2(jsonb) IS 'A dashboard of the classic form in the newer one.';
