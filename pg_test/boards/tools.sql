-- Owns: boards as Superset and Metabase take them. Each query gives, expanded as the tool does it and run as a viewer, what timeseries(), report(),
-- metric_value() and plain SQL give; files refer to nothing that is not there; ids stay.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'Asia/Kathmandu';
CREATE SCHEMA "odd $schema";
CREATE TABLE "odd $schema".events (at timestamptz NOT NULL, "the $world" text, model text, n float8, ms float8, "{{c}} -- [[d]]" float8 DEFAULT 2);
CREATE INDEX ON "odd $schema".events (at);
INSERT INTO "odd $schema".events SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '7 minutes', (ARRAY['it''s', NULL, 'a, b', '$world'])[1 + i % 4],
    'm' || i % 3, i % 5,
    (i * 37) % 1009 FROM generate_series(0, 1500) i;
SET search_path = "odd $schema", public;
-- A measure named as the tools' own columns are, one in another zone, one on it.
SELECT tally.create_rollup('hourly', '"odd $schema".events', 'at', dimensions => '["the $world", "model"]',
    measures => '{"n": "count(*)", "step": "sum(n)", "ms": "tally.tdigest(ms)", "least": "min(ms)"}', with_data => true);
SELECT tally.create_rollup('dhaka', '"odd $schema".events', 'at', bucket => '1 day', zone => 'Asia/Kathmandu', dimensions => '["the $world", "model"]',
    measures => '{"n": "count(*)", "total": "sum(n)"}', with_data => true);
SELECT tally.create_metric('events', 'hourly', 'n', unit => 'events', description => 'All {{events}}.');
SELECT tally.create_metric('mean', 'hourly', 'step / nullif(n, 0)', unit => 'points');
SELECT tally.create_metric('p95', 'hourly', 'tally.percentile(ms, 0.95)', unit => 'ms');
SELECT tally.create_metric('least', 'hourly', 'least', unit => 'ms');
SELECT tally.create_metric('daily', 'dhaka', 'total', unit => 'points');
-- What tools would put something of their own into, wherever a person can write it.
SELECT tally.create_metric('signs {{m}} -- [[o]] {%', 'hourly', $$(n * (ARRAY[[1, 2], [3, 4]])[1][2] * ('{{5,6},{7,8}}'::int[])[1][1] * length($d${{$d$))
    + length('-- /* {% # ]]') -- {{note}}$$);
SELECT tally.create_threshold('too slow', metric => 'mean', condition => '> 3', area => 'web');
SELECT tally.create_board('odd one', 'Odd', variables => '{"the $world",model}', since => '10 days', refresh => '90 seconds', panels => '[
    {"title": "Line", "metric": "mean", "by": ["model"]}, {"title": "Six hours", "metric": "events", "bucket": "6 hours", "picture": "bars"},
    {"title": "Days there", "metric": "daily"}, {"title": "Two at once", "metrics": ["events", "daily"], "picture": "table", "by": ["model"]},
    {"title": "Tile", "metric": "mean", "picture": "stat"}, {"title": "Fixed", "metric": "events", "picture": "stat", "where": {"the $world": ["it''s", null]}},
    {"title": "Ranking", "metric": "events", "picture": "ranking", "by": ["the $world"], "limit": 3},
    {"title": "Cells", "metric": "mean", "picture": "heatmap", "by": ["model", "the $world"]},
    {"title": "Over time", "metric": "events", "picture": "heatmap", "by": ["model"]},
    {"title": "Steps", "metrics": ["events", "events"], "picture": "funnel"}, {"title": "Spread", "metric": "p95", "picture": "histogram"},
    {"title": "Rows", "relation": "events", "columns": ["at", "the $world", "ms"], "time": "at", "order": "at desc", "limit": 7, "board": "odd one",
     "runbook": "javascript:alert(1)"},
    {"title": "Raw line", "relation": "events", "columns": ["ms"], "time": "at", "by": ["model"], "picture": "line"},
    {"title": "Limits", "slo": true, "area": "web"}, {"title": "Incidents", "incidents": true}, {"title": "Fresh", "status": true},
    {"title": "Tests", "experiments": true},
    {"title": "Signs {{t}}", "metric": "signs {{m}} -- [[o]] {%", "where": {"model": ["m1", "m2", "[[x]] -- {{y}}"]}},
    {"title": "Signs of rows", "relation": "events", "columns": ["at", "{{c}} -- [[d]]"], "time": "at", "order": "{{c}} -- [[d]]", "limit": 5},
    {"title": "Rows of none", "relation": "events", "columns": ["ms"], "time": "at", "where": {"the $world": [null, "it''s"], "n": ["(none)", "3"]}},
    {"title": "Signs of limits", "slo": true, "area": "an area {{a}} -- [[b]]"}]');
CREATE ROLE tools_viewer ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA "odd $schema" TO tools_viewer;
GRANT SELECT ON "odd $schema".hourly_live, "odd $schema".dhaka_live, "odd $schema".events TO tools_viewer;
CREATE TEMP TABLE files AS SELECT 'superset' AS tool, path, content::jsonb AS c FROM tally.superset_files() UNION ALL SELECT 'metabase', path,
    content::jsonb FROM tally.metabase_files();
GRANT SELECT ON files TO tools_viewer;
CREATE FUNCTION pg_temp.rows_of(query text) RETURNS SETOF json LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE format('SELECT row_to_json(q) FROM (%s) q',
    query); END $$;
CREATE FUNCTION pg_temp.fault(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count(*) FROM pg_temp.rows_of(query);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- Superset: each metric of each dataset, as it groups them.
CREATE TEMP TABLE expressions AS
SELECT m ->> 'metric_name' AS metric, m ->> 'expression' AS expression, format('%I.%I', c ->> 'schema', c ->> 'table_name') AS source
  FROM files, jsonb_array_elements(c -> 'metrics') m WHERE tool = 'superset' AND path LIKE 'datasets/%' AND c ->> 'sql' IS NULL AND c ->> 'table_name' LIKE
      '%live';
GRANT SELECT ON expressions TO tools_viewer;
SELECT is((SELECT count(*) FROM expressions), 6::bigint, 'a dataset has every metric of its rollup');
SET ROLE tools_viewer;
SELECT bag_eq(format('SELECT date_trunc(''hour'', bucket, ''UTC'') AS b, model, round(%s::numeric, 6) AS v FROM %s '
               'WHERE bucket >= ''2026-03-02Z'' AND bucket < ''2026-03-05Z'' GROUP BY 1, 2',
        e.expression, e.source),
    format('SELECT bucket AS b, series AS model, round(value::numeric, 6) AS v '
           'FROM tally.timeseries(%L, ''2026-03-02'', ''2026-03-05'', by => ''{model}'')', e.metric),
    e.metric || ' as Superset asks for it is that of timeseries()') FROM pg_temp.expressions e WHERE e.metric <> 'daily';
SELECT bag_eq(format('SELECT %s AS v FROM %s WHERE model = ''m1'' AND bucket >= ''2026-03-02Z''', e.expression, e.source),
    format('SELECT tally.metric_value(%L, ''2026-03-02 00:00+00'', ''2026-04-01'', ''{"model": "m1"}'') AS v', e.metric), e.metric ||
        ' over a range, filtered') FROM pg_temp.expressions e;
RESET ROLE;
SELECT bag_eq($$SELECT (SELECT round(avg(n)::numeric, 9) FROM events)$$, $$SELECT round(tally.metric_value('mean', '2026-01-01', '2026-04-01')::numeric,
    9)$$, 'which is that of plain SQL');

-- Superset: nothing refers to what is not there.
SELECT is_empty($$SELECT path FROM files f WHERE tool = 'superset' AND path LIKE 'charts/%' AND NOT EXISTS (
    SELECT FROM files d WHERE d.path LIKE 'datasets/%' AND d.c ->> 'uuid' = f.c ->> 'dataset_uuid')$$, 'the dataset of each chart is there');
SELECT bag_eq($$SELECT x #>> '{meta,uuid}' FROM files, jsonb_path_query(c, '$.position.*') x WHERE path LIKE 'dashboards/%' AND x ->> 'type' = 'CHART'$$,
    $$SELECT c ->> 'uuid' FROM files WHERE path LIKE 'charts/%'$$, 'the dashboard has each chart once');
SELECT is_empty($$SELECT t FROM files, jsonb_array_elements(c #> '{metadata,native_filter_configuration}') f, jsonb_array_elements(f -> 'targets') t
    WHERE t ? 'datasetUuid' AND NOT EXISTS (SELECT FROM files d, jsonb_array_elements(d.c -> 'columns') k WHERE d.path LIKE 'datasets/%' AND d.c ->> 'uuid'
        = t ->> 'datasetUuid'
        AND k ->> 'column_name' = t #>> '{column,name}')$$, 'the column of each filter is there');
SELECT is((SELECT jsonb_path_query_array(c, '$.metadata.native_filter_configuration[*].name') FROM files WHERE path LIKE 'dashboards/%'),
    '["Range", "the $world", "model"]',
    'a filter for each variable, and the range');
-- By column names a chart is asked for nothing that its dataset lacks.
SELECT is_empty($$SELECT f.path, w FROM files f JOIN files d ON d.path LIKE 'datasets/%' AND d.c ->> 'uuid' = f.c ->> 'dataset_uuid', LATERAL (
        SELECT jsonb_array_elements_text(CASE jsonb_typeof(f.c #> '{params,groupby}') WHEN 'array' THEN f.c #> '{params,groupby}' ELSE jsonb_build_array(f.c
            #> '{params,groupby}') END)
        UNION ALL SELECT f.c #>> '{params,x_axis}' UNION ALL SELECT jsonb_array_elements_text(f.c #> '{params,all_columns}')
        UNION ALL SELECT x ->> 'subject' FROM jsonb_array_elements(f.c #> '{params,adhoc_filters}') x) u(w)
    WHERE f.path LIKE 'charts/%' AND w IS NOT NULL AND NOT EXISTS (SELECT FROM jsonb_array_elements(d.c -> 'columns') k WHERE k ->> 'column_name' = w)$$,
        'no chart asks for a column that is not there');
SELECT is_empty($$SELECT f.path, w FROM files f JOIN files d ON d.path LIKE 'datasets/%' AND d.c ->> 'uuid' = f.c ->> 'dataset_uuid', LATERAL (
        SELECT jsonb_array_elements_text(f.c #> '{params,metrics}') UNION ALL SELECT f.c #>> '{params,metric}') u(w)
    WHERE f.path LIKE 'charts/%' AND w IS NOT NULL AND NOT EXISTS (SELECT FROM jsonb_array_elements(d.c -> 'metrics') k WHERE k ->> 'metric_name' = w)$$,
        'nor for a metric');
SELECT is_empty($$SELECT path, f FROM files, pg_temp.fault(c ->> 'sql') f WHERE path LIKE 'datasets/%' AND c ->> 'sql' IS NOT NULL AND f IS NOT NULL$$,
    'each query of a dataset runs');
SELECT is((SELECT jsonb_path_query_array(c, '$.params.time_grain_sqla') FROM files WHERE tool = 'superset' AND c ->> 'slice_name' = 'Six hours'), '[null]',
    'hours are shown as they are where Superset has no six of them') ;
SELECT is((SELECT c #> '{params,time_grain_sqla}' FROM files WHERE tool = 'superset' AND c ->> 'slice_name' = 'Days there'), 'null',
    'days of another zone are shown as they are');
SELECT is((SELECT c #>> '{params,annotation_layers,0,value}' FROM files WHERE tool = 'superset' AND c ->> 'slice_name' = 'Line'), '3', 'a limit is a line');
SELECT unalike((SELECT string_agg(c::text, '') FROM files), '%javascript:%', 'no address that runs something');
SELECT bag_eq($$SELECT c ->> 'slice_name' FROM files WHERE tool = 'superset' AND c ->> 'slice_name' LIKE 'Two at once%'$$, $$VALUES ('Two at once (1)'),
    ('Two at once (2)')$$,
    'metrics of two rollups are two charts');
SELECT is((SELECT array_agg(content ORDER BY path) FROM tally.superset_files('{odd one}')), (SELECT array_agg(content ORDER BY path) FROM
    tally.superset_files()), 'ids stay');
SELECT is((SELECT c ->> 'sqlalchemy_uri' FROM (SELECT content::jsonb AS c FROM tally.superset_files(uri => 'postgresql://me@there/db') WHERE path LIKE
    'databases/%') x), 'postgresql://me@there/db',
    'how Superset connects');
SELECT throws_ok($$SELECT * FROM tally.superset_files(uri => 'http://x')$$, '22023',
    'uri must be an address of a database as SQLAlchemy writes it, got ''http://x''', 'what is no address');
SELECT throws_ok($$SELECT * FROM tally.superset_files('{od one}')$$, '42704', 'board ''od one'' does not exist', 'an unknown board');

-- Metabase: each tag in brackets is a condition on the column that it names, or nothing at all.
CREATE FUNCTION pg_temp.filled(native text, tags jsonb, chosen jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    t jsonb;
    k text;
    v jsonb;
BEGIN
    FOR t IN SELECT jsonb_array_elements(tags) LOOP
        k := format('%I.%I.%I', t #>> '{dimension,2,1}', t #>> '{dimension,2,2}', t #>> '{dimension,2,3}');
        v := chosen -> (t ->> 'display-name');
        native := replace(native, format('[[AND {{%s}}]]', t ->> 'name'), CASE WHEN v IS NULL THEN '' WHEN jsonb_typeof(v) = 'array'
            THEN format('AND %1$s >= timestamptz %2$L AND %1$s < timestamptz %3$L', k, v ->> 0, v ->> 1) ELSE format('AND %s = %L', k, v #>> '{}') END);
    END LOOP;
    RETURN native;
END $$;
CREATE TEMP TABLE cards AS
SELECT c ->> 'name' AS name, h.chosen, pg_temp.filled(c #>> '{dataset_query,stages,0,native}', c #> '{dataset_query,stages,0,template-tags}', h.chosen) AS
    query
  FROM files, (VALUES ('{}'::jsonb), ('{"Range": ["2026-03-02 00:00+00", "2026-03-05 00:00+00"]}'),
                      ('{"Range": ["2026-03-02 00:00+00", "2026-03-05 00:00+00"], "the $world": "it''s", "model": "m1"}')) h(chosen)
 WHERE tool = 'metabase' AND c ? 'dataset_query';
GRANT SELECT ON cards TO tools_viewer;
SET ROLE tools_viewer;
SELECT is_empty($$SELECT name, chosen, f, query FROM pg_temp.cards, pg_temp.fault(query) f WHERE f IS NOT NULL$$,
    'each card runs for the viewer, filtered and not');
RESET ROLE;
SELECT is_empty($$SELECT name, query FROM cards WHERE query ~ '\{\{|\[\[|\}\}|\]\]|--|/[*]'$$,
    'every tag is declared, and nothing else is one for Metabase, or a comment');
CREATE FUNCTION pg_temp.card(name text, n int) RETURNS text LANGUAGE sql AS $$ SELECT query FROM cards c WHERE c.name = $1 AND (SELECT count(*) FROM
    jsonb_object_keys(chosen)) = n $$;
CREATE FUNCTION pg_temp.scope(n int) RETURNS text LANGUAGE sql AS $$ SELECT CASE n WHEN 3 THEN '{"the $world": "it''s", "model": "m1"}' ELSE '{}' END $$;
SELECT bag_eq(format('SELECT bucket, model AS s, mean AS v FROM (%s) q', pg_temp.card('Line', n)),
    format('SELECT bucket, series AS s, value AS v FROM tally.timeseries(''mean'', ''2026-03-02 00:00+00'', ''2026-03-05 00:00+00'', '
           'by => ''{model}'', "where" => %L)', pg_temp.scope(n)),
    'lines are those of timeseries()') FROM unnest('{1,3}'::int[]) n;
SELECT bag_eq(format('SELECT bucket, events AS v FROM (%s) q', pg_temp.card('Six hours', n)),
    format('SELECT bucket, value AS v FROM tally.timeseries(''events'', ''2026-03-02 00:00+00'', ''2026-03-05 00:00+00'', ''6 hours'', "where" => %L)',
        pg_temp.scope(n)),
    'buckets of six hours too') FROM unnest('{1,3}'::int[]) n;
SELECT bag_eq(format('SELECT bucket, "signs {{m}} -- [[o]] {%%" AS v FROM (%s) q', pg_temp.card('Signs {{t}}', 1)),
    $$SELECT date_trunc('hour', at, 'UTC') AS bucket, (count(*) * 2 * 5 * 2 + 13)::float8 AS v FROM events WHERE at >= '2026-03-02Z' AND at < '2026-03-05Z'
        AND model <> 'm0' GROUP BY 1$$, 'names and constants with signs of Metabase are what they are, by plain SQL');
SELECT bag_eq(format('SELECT "{{c}} -- [[d]]" AS c FROM (%s) q', pg_temp.card('Signs of rows', 3)), 'SELECT 2::float8 AS c FROM generate_series(1, 5)',
    'columns too, and the filters behind them hold');
SELECT is((SELECT count(*) FROM regexp_matches(pg_temp.card('Signs of rows', 3), ' AND ', 'g')), 4::bigint, 'range, world and model are there');
SELECT is_empty($$SELECT path, x FROM files, jsonb_path_query(c, '$.**.expression') x WHERE tool = 'superset' AND x #>> '{}' ~ '\{[{%#]'
    UNION ALL SELECT path, c -> 'sql' FROM files WHERE tool = 'superset' AND c ->> 'sql' ~ '\{[{%#]'$$, 'nothing is a template for Superset');
-- A column that is no text has no value (none): Superset's query of the operators' open conversations was an error.
SELECT bag_eq((SELECT 'SELECT ms FROM events WHERE ' || string_agg(f ->> 'sqlExpression', ' AND ')
         FROM files, jsonb_array_elements(c #> '{params,adhoc_filters}') f
        WHERE tool = 'superset' AND c ->> 'slice_name' = 'Rows of none' AND f ->> 'expressionType' = 'SQL'),
    $$SELECT ms FROM events WHERE ("the $world" IS NULL OR "the $world" = 'it''s') AND n = 3$$, 'rows without a value, and others, for Superset');
SELECT is_empty($$SELECT path FROM files WHERE tool = 'superset' AND c ->> 'viz_type' = 'table'
        AND c #> '{params,allow_render_html}' IS DISTINCT FROM 'false'$$,
    'a table of Superset shows labels as text, not as HTML');
-- SQL of any kind means what it meant.
SELECT is(pg_temp.fault(m.made) IS NULL AND (SELECT json_agg(r)::text FROM pg_temp.rows_of(m.made) r) IS NOT DISTINCT FROM
        (SELECT json_agg(r)::text FROM pg_temp.rows_of(q || E'\n') r) AND m.made !~ '\{\{|\[\[|\}\}|\]\]|--|/[*]', true, 'it means the same: ' || q)
  FROM unnest(ARRAY[$q$SELECT E'a\'{{--\\' || '''{{''' AS x$q$, $q$SELECT U&'\0061--[[' AS "x"$q$, $q$SELECT 1 AS U&"\0061 {{", 2 AS "\{{", 3 AS "a""--"$q$,
    $q$SELECT $a$[[$b$--$a$ AS x, $$]]$$ AS y$q$, $q$SELECT 1 /* {{ */ + 2 -- [[
        AS x$q$, $q$SELECT (ARRAY[ARRAY[1,2],ARRAY[3,4]])[(ARRAY[[2]])[1][1]][1] AS x$q$,
    $q$SELECT '{{1},{2}}'::int[] AS x, '{"a":{"b":1}}'::jsonb -> 'a' AS y$q$,
    $q$SELECT '{{{[[[---/*/**/' AS x$q$]) q, tally_internal._metabase_sql(q) m(made);
SELECT bag_eq(format('SELECT bucket, daily AS v FROM (%s) q', pg_temp.card('Days there', 1)),
    $$SELECT bucket, value AS v FROM tally.timeseries('daily', '2026-03-02 00:00+00', '2026-03-05 00:00+00')$$, 'and days of another zone');
SELECT bag_eq(pg_temp.card('Tile', n), format('SELECT tally.metric_value(''mean'', ''2026-03-02 00:00+00'', ''2026-03-05 00:00+00'', %L) AS mean',
    pg_temp.scope(n)), 'a tile')
  FROM unnest('{1,3}'::int[]) n;
SELECT bag_eq(pg_temp.card('Fixed', 1), $$SELECT count(*)::float8 AS events FROM events WHERE at >= '2026-03-02Z' AND at < '2026-03-05Z' AND ("the $world" =
    'it''s' OR "the $world" IS NULL)$$,
    'a fixed filter, by plain SQL');
SELECT results_eq(pg_temp.card('Ranking', 1), $$SELECT COALESCE("the $world", '(none)') AS "the $world", count(*)::float8 AS events FROM events WHERE at >=
    '2026-03-02Z' AND at < '2026-03-05Z'
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3$$, 'a ranking, by plain SQL');
SELECT bag_eq(format('SELECT model, "the $world", round(mean::numeric, 6) AS v FROM (%s) q', pg_temp.card('Cells', 1)),
    $$SELECT model, COALESCE("the $world", '(none)') AS "the $world",
    round(avg(n)::numeric, 6) AS v FROM events WHERE at >= '2026-03-02Z' AND at < '2026-03-05Z' GROUP BY 1, 2$$, 'cells, by plain SQL');
SELECT results_eq(format('SELECT "step no", count FROM (%s) q', pg_temp.card('Steps', 3)), $$SELECT s, count(*)::float8 FROM events, generate_series(1, 2) s
    WHERE at >= '2026-03-02Z' AND at < '2026-03-05Z' AND model = 'm1' AND "the $world" = 'it''s' GROUP BY 1 ORDER BY 1$$, 'steps, by plain SQL');
SELECT is_empty(format($$SELECT s, p95 FROM (%s) q(n, s, p95) WHERE abs(p95 - (SELECT percentile_cont(trim(trim('%%' FROM s))::float8 / 100) WITHIN GROUP
    (ORDER BY ms) FROM events
    WHERE at >= '2026-03-02Z' AND at < '2026-03-05Z')) > 15$$, pg_temp.card('Spread', 1)), 'a spread, by plain SQL');
SELECT results_eq(pg_temp.card('Rows', 3), $$SELECT at, "the $world", ms FROM events WHERE at >= '2026-03-02Z' AND at < '2026-03-05Z' AND model = 'm1' AND
    "the $world" = 'it''s' ORDER BY at DESC LIMIT 7$$,
    'rows, by plain SQL');
SELECT bag_eq($$SELECT d #>> '{card_id}' FROM files, jsonb_array_elements(c -> 'dashcards') d WHERE tool = 'metabase'$$, $$SELECT c ->> 'entity_id' FROM files
    WHERE tool = 'metabase' AND c ? 'dataset_query'$$, 'the dashboard has each card once');
SELECT is_empty($$SELECT d #>> '{card_id}', m FROM files, jsonb_array_elements(c -> 'dashcards') d, jsonb_array_elements(d -> 'parameter_mappings') m WHERE
    NOT EXISTS (
    SELECT FROM files k, jsonb_array_elements(k.c #> '{dataset_query,stages,0,template-tags}') t WHERE k.c ->> 'entity_id' = d ->> 'card_id' AND t ->>
        'name' = m #>> '{target,1,1}')
    OR NOT EXISTS (SELECT FROM jsonb_array_elements(c -> 'parameters') p WHERE p ->> 'id' = m ->> 'parameter_id')$$,
        'each filter of the dashboard leads to a tag of its card');
SELECT is((SELECT count(*) FROM files, jsonb_array_elements(c -> 'dashcards') d WHERE tool = 'metabase' AND jsonb_array_length(d -> 'parameter_mappings') =
    3), 17::bigint,
    'every card over metrics or a relation obeys range and both variables');
SELECT is_empty($$SELECT c ->> 'entity_id' FROM files WHERE tool = 'metabase' AND c ->> 'entity_id' !~ '^[A-Za-z0-9_-]{21}$'$$,
    'ids are of Metabase''s kind');
SELECT throws_ok($$SELECT * FROM tally.metabase_files(database => ' ')$$, '22023', NULL, 'no database');

-- Bug: a share was 0.42share in Grafana, had the word share beside its percent in Superset, and was 0.42 in tiles and lines of Metabase.
SELECT tally.create_metric('part', 'hourly', 'step / nullif(n, 0) / 10', unit => 'share');
SELECT tally.create_metric('rate', 'hourly', 'step / nullif(n, 0) / 20', unit => 'ratio');
SELECT tally.create_board('shares', 'Shares', '[{"title": "T1", "metric": "part", "picture": "stat"}, {"title": "T2", "metric": "rate", "picture": "stat"},
    {"title": "L1", "metric": "part"}, {"title": "L2", "metric": "rate"}, {"title": "W1", "metrics": ["part", "mean"], "picture": "table"},
    {"title": "R1", "relation": "events", "columns": ["n"], "time": "at", "picture": "line", "unit": "share"}]');
SELECT bag_eq($$SELECT p ->> 'title' AS panel, COALESCE(p #>> '{fieldConfig,defaults,unit}', p #>> '{fieldConfig,overrides,0,properties,0,value}') AS unit
                  FROM jsonb_array_elements(tally.grafana_dashboard('shares') -> 'panels') p$$,
    $$SELECT unnest('{T1,T2,L1,L2,W1,R1}'::text[]) AS panel, 'percentunit' AS unit$$, 'Grafana: a share is in percent');
CREATE TEMP TABLE share_files AS SELECT path, content::jsonb AS c FROM tally.superset_files('{shares}');
SELECT bag_eq($$SELECT c ->> 'slice_name' AS panel, COALESCE(c #>> '{params,y_axis_format}', (
                           SELECT m ->> 'd3format' FROM share_files d, jsonb_array_elements(d.c -> 'metrics') m
                            WHERE d.c ->> 'uuid' = f.c ->> 'dataset_uuid' AND m ->> 'metric_name' = f.c #>> '{params,metrics,0}')) AS unit,
                       concat(c #>> '{params,subtitle}', c #>> '{params,y_axis_title}') AS beside
                  FROM share_files f WHERE path LIKE 'charts/%'$$,
    $$SELECT unnest('{T1,T2,L1,L2,W1,R1}'::text[]) AS panel, '.1%' AS unit, '' AS beside$$, 'Superset: a share is in percent, and nothing beside it');
SELECT bag_eq($$SELECT c ->> 'name' AS panel, (SELECT string_agg(k || (v ->> 'number_style'), ',')
                           FROM jsonb_each(c #> '{visualization_settings,column_settings}') s(k, v)) AS unit,
                       COALESCE(c #>> '{visualization_settings,graph.y_axis.title_text}', '') AS beside
                  FROM (SELECT content::jsonb AS c FROM tally.metabase_files('{shares}')) f WHERE c ? 'dataset_query'$$,
    $$SELECT t AS panel, format('["name", "%s"]percent', n) AS unit, '' AS beside
        FROM (VALUES ('T1', 'part'), ('T2', 'rate'), ('L1', 'part'), ('L2', 'rate'), ('W1', 'part'), ('R1', 'n')) v(t, n)$$, 'Metabase: a share is in percent');
-- Bug: a tile of a relation is a table in Superset, which knew nothing of the tile's unit: a failure rate of 2.35 % was 0.0235 there.
SELECT tally.create_board('share tile', 'Share tile', '[{"title": "S", "relation": "events", "columns": ["model", "n"], "picture": "stat", "unit": "ratio",
    "width": 2}]');
SELECT is((SELECT content::jsonb #>> '{params,column_config,n,d3NumberFormat}' FROM tally.superset_files('{share tile}') WHERE path LIKE 'charts/%'), '.1%',
    'Superset: a tile of a relation has its unit');
-- Bug: the tiles of the five questions were so narrow in Superset that their numbers were out of sight.
SELECT is((SELECT content::jsonb #>> '{position,CHART-1,meta,width}' FROM tally.superset_files('{share tile}') WHERE path LIKE 'dashboards/%'), '3',
    'and room for its number');
SET search_path = public;
DROP OWNED BY tools_viewer;
DROP ROLE tools_viewer;
SELECT * FROM finish();
