-- Owns: boards for readers who may see a release and nothing else. A board over the release's table runs in Grafana, Superset and Metabase with SELECT on
-- that table alone, and a board over metrics answers from the release or refuses. No query shows a hidden number.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'Asia/Kathmandu';
CREATE TABLE visits (at timestamptz NOT NULL, person int, world text, kind text);
INSERT INTO visits SELECT '2025-03-29 10:00Z'::timestamptz + (d || ' days')::interval + (i || ' seconds')::interval, c.base + i, c.world, c.kind
  FROM (VALUES ('north', 'play', 20, 0), ('north', 'shop', 3, 100), ('north', 'talk', 40, 200), ('south', 'play', 30, 300), ('south', 'shop', 25, 400),
               ('south', 'talk', 50, 500)) c(world, kind, n, base), generate_series(1, c.n) i, generate_series(0, 1) d;
SELECT tally.create_rollup('visits_hourly', 'visits', 'at', '1 hour', dimensions => '["world", "kind"]',
    measures => '{"people": "tally.hll(person)", "visits": "count(*)"}', with_data => true);
SELECT tally.create_metric('visit_count', 'visits_hourly', 'visits');
SELECT tally.create_release('visits_released', 'visits_hourly', dimensions => '{world,kind}', measures => '{visits}', bucket => '1 day', settle => '6 hours');
SELECT count(*) FROM tally.refresh_release('visits_released', as_of => '2025-03-31 06:00Z');
CREATE ROLE boards_released_reader ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA public TO boards_released_reader;
GRANT SELECT ON visits_released TO boards_released_reader;
SELECT tally.create_board('released', 'What is released', variables => '{world,kind}', since => '2 days', panels => '[
    {"title": "Table", "relation": "visits_released", "columns": ["bucket", "world", "kind", "visits", "people", "hidden"], "time": "bucket",
     "order": "cell", "limit": 100},
    {"title": "Lines", "relation": "visits_released", "columns": ["visits"], "time": "bucket", "by": ["world", "kind"], "picture": "line"}]');
SELECT tally.create_board('counted', 'Counted', since => '2 days', panels => '[
    {"title": "Days", "metric": "visit_count", "by": ["world", "kind"], "bucket": "1 day"},
    {"title": "Tile", "metric": "visit_count", "picture": "stat"},
    {"title": "Cells", "metric": "visit_count", "picture": "table", "by": ["world", "kind"]}]');

\ir grafana.psql
CREATE FUNCTION pg_temp.whole_days(sql text) RETURNS text LANGUAGE sql AS $$ SELECT replace(sql, 'T12:00:00Z', 'T00:00:00Z') $$;
-- Every query that a tool would send, by tool and board.
CREATE TEMP TABLE query AS
SELECT DISTINCT 'grafana' AS tool, b.name AS board, p ->> 'title' AS title, pg_temp.expanded(t ->> 'rawSql', c.chosen) AS sql
  FROM tally.boards b, jsonb_array_elements(tally.grafana_dashboard(b.name) -> 'panels') p, jsonb_array_elements(p -> 'targets') t,
       (VALUES ('NULL'), ('''north'',''talk''')) c(chosen)
UNION ALL
SELECT 'grafana', b.name, v ->> 'name', pg_temp.expanded(v ->> 'query', 'NULL')
  FROM tally.boards b, jsonb_array_elements(tally.grafana_dashboard(b.name) #> '{templating,list}') v WHERE v ->> 'type' = 'query'
UNION ALL
SELECT 'grafana', b.name, 'annotations', pg_temp.expanded(tally.grafana_dashboard(b.name) #>> '{annotations,list,0,target,rawSql}', 'NULL')
  FROM tally.boards b
UNION ALL
SELECT 'metabase', b.name, f.c ->> 'name', regexp_replace(f.c #>> '{dataset_query,stages,0,native}', '\[\[[^]]*\]\]', '', 'g')
  FROM tally.boards b, tally.metabase_files(ARRAY[b.name]) m, LATERAL (SELECT m.content::jsonb AS c) f WHERE f.c ? 'dataset_query'
UNION ALL
-- Superset selects the columns of a dataset, which is a table or a query.
SELECT 'superset', b.name, f.c ->> 'table_name', format('SELECT %s FROM %s s', (SELECT string_agg(quote_ident(k ->> 'column_name'), ', ')
           FROM jsonb_array_elements(f.c -> 'columns') k), COALESCE('(' || (f.c ->> 'sql') || ')', format('%I.%I', f.c ->> 'schema', f.c ->> 'table_name')))
  FROM tally.boards b, tally.superset_files(ARRAY[b.name]) s, LATERAL (SELECT s.content::jsonb AS c) f WHERE s.path LIKE 'datasets/%';
GRANT SELECT ON query TO boards_released_reader;
SELECT bag_eq('SELECT DISTINCT tool FROM query WHERE board = ''released''', 'VALUES (''grafana''), (''metabase''), (''superset'')', 'each tool has queries');

SET ROLE boards_released_reader;
SELECT is_empty($$SELECT tool, title, f, sql FROM pg_temp.query, pg_temp.fault(sql) f WHERE board = 'released' AND f IS NOT NULL$$,
    'a board over the release''s table runs with SELECT on that table alone, in each tool');
SELECT bag_eq($$SELECT (l ->> 'bucket')::timestamptz AS at, l ->> 'world' AS w, l ->> 'kind' AS k, (l ->> 'visits')::int AS v, (l ->> 'people')::int AS p
        FROM pg_temp.query, pg_temp.rows_of(sql) l WHERE board = 'released' AND tool = 'metabase' AND title = 'Table'$$,
    'SELECT bucket AS at, world AS w, kind AS k, visits::int AS v, people::int AS p FROM visits_released',
    'it has the numbers that are released, the hidden ones as NULL');
SELECT is_empty($$SELECT tool, title, l FROM pg_temp.query, pg_temp.rows_of(sql) l WHERE board = 'released' AND '3' IN (l ->> 'visits', l ->> 'people')$$,
    'no tool shows a hidden number');
SELECT unalike(tally.page('released', since => '2025-03-29', until => '2025-03-31')::text, '%class="fault"%', 'nor does its page fail');

-- Metrics: asked for whole days they are those of the release; asked for parts of days, they are refused as a whole.
SELECT is_empty($$SELECT title, f FROM pg_temp.query, pg_temp.fault(pg_temp.whole_days(sql)) f WHERE board = 'counted' AND tool = 'grafana' AND f IS NOT NULL$$,
    'Grafana''s queries of metrics answer from the release for whole days');
SELECT bag_eq($$SELECT (l ->> 'time')::timestamptz AS at, l ->> 'metric' AS series, (l ->> 'value')::float8 AS value FROM pg_temp.query,
        pg_temp.rows_of(pg_temp.whole_days(sql)) l WHERE board = 'counted' AND tool = 'grafana' AND title = 'Days'$$,
    $$SELECT bucket AS at, concat_ws(', ', world, kind) AS series, visits::float8 AS value FROM visits_released WHERE bucket = '2025-03-30Z'
         AND world IS NOT NULL AND kind IS NOT NULL$$,
    'they are the released numbers');
SELECT bag_eq($$SELECT DISTINCT tool, split_part(f, ' ', 1) AS state FROM pg_temp.query, pg_temp.fault(sql) f WHERE board = 'counted' AND f IS NOT NULL
    AND tool <> 'grafana'$$, $$VALUES ('metabase', '42501'), ('superset', '42501')$$,
    'tools that read the live view are refused it: for these readers a board reads the release''s table');
RESET ROLE;
DROP OWNED BY boards_released_reader;
DROP ROLE boards_released_reader;
SELECT * FROM finish();
