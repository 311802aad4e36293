-- Owns: boards as Grafana imports them. Every query, with macros and variables written out as Grafana does, runs for a role that has SELECT
-- alone; lines come with time first and in order, and are the numbers of timeseries() for the same arguments.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'Asia/Kathmandu';
SELECT tally.generate_awf(3000, until => '2025-03-31 12:00+00', span => '1 day');
SELECT tally.install_pack('awf');
CALL tally.backfill();
CREATE TABLE odd (at timestamptz NOT NULL, "the $world" text, "[[x]]" text, ms float8);
CREATE INDEX ON odd (at);
INSERT INTO odd SELECT '2025-03-31 00:00Z'::timestamptz + i * interval '1 minute', (ARRAY['it''s', '$world', 'a, b', NULL])[1 + i % 4], 'x' || i % 2, i
  FROM generate_series(0, 700) i;
SELECT tally.create_rollup('odd_hourly', 'odd', 'at', dimensions => '["the $world", "[[x]]"]', measures => '{"n": "count(*)", "ms": "tally.tdigest(ms)"}',
                           with_data => true);
SELECT tally.create_metric('n $__timeFrom()', 'odd_hourly', 'n', unit => 'events');
SELECT tally.create_metric('p95', 'odd_hourly', 'tally.percentile(ms, 0.95)', unit => 'ms');
SELECT tally.create_threshold('slow', metric => 'p95', condition => '> 500');
SELECT tally.create_board('odd one', 'Odd', variables => ARRAY['the $world', '[[x]]'], since => '90 minutes', refresh => '90 seconds', panels => '[
    {"title": "Area", "metric": "n $__timeFrom()", "picture": "area", "by": ["the $world"]}, {"title": "States", "metric": "p95", "picture": "states"},
    {"title": "Heat", "metric": "p95", "picture": "heatmap", "by": ["[[x]]"]}, {"title": "Spread", "metric": "p95", "picture": "histogram"},
    {"title": "Area", "metric": "p95", "where": {"the $world": "$world"}, "board": "odd one", "runbook": "https://runbooks.example/p95", "do": "Wait."},
    {"title": "Rows", "relation": "odd", "time": "at", "order": "at desc", "width": 7}]');

CREATE TEMP TABLE dashboards AS SELECT name, variables, panels AS board_panels, tally.grafana_dashboard(name) AS d FROM tally.boards;
CREATE TEMP TABLE targets AS
SELECT b.name, p.n, p.p ->> 'title' AS title, p.p ->> 'type' AS type, t.t ->> 'format' AS format, t.n AS target, t.t ->> 'rawSql' AS raw,
       b.board_panels -> (p.n - 1)::int AS panel
  FROM dashboards b, jsonb_array_elements(b.d -> 'panels') WITH ORDINALITY p(p, n), jsonb_array_elements(p.p -> 'targets') WITH ORDINALITY t(t, n)
UNION ALL SELECT name, NULL, 'annotation', NULL, 'table', 1, d #>> '{annotations,list,0,target,rawSql}', NULL FROM dashboards
UNION ALL SELECT name, NULL, 'variable ' || (v ->> 'name'), NULL, 'table', 1, v ->> 'query', NULL
            FROM dashboards, jsonb_array_elements(d #> '{templating,list}') v
           WHERE v ->> 'type' = 'query';

\ir grafana.psql
CREATE TEMP TABLE asked AS SELECT t.*, c.chosen, pg_temp.expanded(t.raw, c.chosen) AS sql
  FROM targets t CROSS JOIN (VALUES ('NULL'), ('''emberfall'',''tidewatch'',''it''''s'',''x0'''), ('''it''''s'',''x0''')) c(chosen);
SELECT is(count(DISTINCT name), 7::bigint, 'six boards of the pack and one of our own') FROM asked;
SELECT is_empty($$SELECT name, title, sql FROM asked WHERE sql ~ '[$]|\[\[|--'$$, 'nothing else for Grafana to replace, and no comment');
SELECT is_empty($$SELECT name, title FROM targets WHERE title NOT IN ('How fresh this is', 'What the experiments say') AND panel IS NOT NULL
    AND EXISTS (SELECT FROM dashboards b, unnest(b.variables) v WHERE b.name = targets.name AND NOT COALESCE(panel -> 'where', '{}') ? v
                AND raw NOT LIKE '%${' ||
                    CASE WHEN v ~ '^\w+$' THEN v ELSE 'variable_' || array_position(b.variables, v) END || ':sqlstring}%')$$,
    'every panel obeys every variable');

-- The viewer.
CREATE ROLE tally_viewer_85 ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA public TO tally_viewer_85;
DO $$
DECLARE
    r regclass;
BEGIN
    FOR r IN SELECT relation FROM tally.rollups UNION ALL SELECT live_view FROM tally.rollups UNION ALL SELECT 'odd'::regclass LOOP
        EXECUTE format('GRANT SELECT ON %s TO tally_viewer_85', r);
    END LOOP;
END $$;
GRANT SELECT ON asked TO tally_viewer_85;
SET ROLE tally_viewer_85;
SELECT is_empty($$SELECT name, title, chosen, f FROM pg_temp.asked, pg_temp.fault(sql) f WHERE f IS NOT NULL$$,
    'every query runs for a viewer, whatever the search path');
CREATE TEMP TABLE seen AS SELECT a.name, a.n, a.title, a.target, a.format, a.chosen, r.line, r.o
  FROM pg_temp.asked a, pg_temp.rows_of(a.sql) WITH ORDINALITY r(line, o);
RESET ROLE;

SELECT is_empty($$SELECT * FROM seen WHERE format = 'time_series' AND (SELECT array_agg(k) FROM json_object_keys(line) k) <> '{time,metric,value}'$$,
    'time, metric, value');
SELECT is_empty($$SELECT * FROM seen WHERE format = 'time_series' AND json_typeof(line -> 'value') NOT IN ('number', 'null')$$, 'numbers');
SELECT is_empty($$SELECT * FROM (SELECT (line ->> 'time')::timestamptz AS t, lag((line ->> 'time')::timestamptz)
    OVER (PARTITION BY name, n, title, target, chosen ORDER BY o) AS before FROM seen WHERE format = 'time_series') x
    WHERE t < before OR t < '2025-03-30 12:00Z' OR t >= '2025-03-31 12:00Z'$$,
    'in order and in range');
SELECT cmp_ok(count(DISTINCT (name, n)), '>=', 20::bigint, 'lines with numbers in them') FROM seen WHERE format = 'time_series';

-- What Grafana shows, against timeseries() with the filter written by hand.
CREATE TEMP TABLE expected AS
SELECT a.name, a.n, a.target, a.chosen, p.bucket, p.value,
       CASE WHEN jsonb_array_length(a.panel -> 'metrics') > 1 THEN concat_ws(', ', m.m, NULLIF(p.series, m.m)) ELSE p.series END AS series
  FROM asked a JOIN tally.boards b ON b.name = a.name
 CROSS JOIN LATERAL (SELECT a.panel -> 'metrics' ->> (a.target - 1)::int AS m) m
 CROSS JOIN LATERAL tally.timeseries(m.m, '2025-03-30 12:00+00', '2025-03-31 12:00+00', (a.panel ->> 'bucket')::interval,
    ARRAY(SELECT jsonb_array_elements_text(a.panel -> 'by')),
    (CASE a.chosen WHEN 'NULL' THEN '{}' ELSE COALESCE((
        SELECT jsonb_object_agg(v, CASE a.chosen WHEN '''it''''s'',''x0''' THEN '["it''s", "x0"]'::jsonb
                                                         ELSE '["emberfall", "tidewatch", "it''s", "x0"]' END) FROM unnest(b.variables) v), '{}') END)
    || COALESCE(a.panel -> 'where', '{}')) p
 WHERE a.format = 'time_series';
CREATE TEMP TABLE shown AS SELECT name, n, target, chosen, (line ->> 'time')::timestamptz AS bucket, (line ->> 'value')::float8 AS value,
       line ->> 'metric' AS series
  FROM seen WHERE format = 'time_series';
SELECT cmp_ok(count(*), '>', 100::bigint, 'there is something to compare') FROM expected;
SELECT is_empty('(TABLE expected EXCEPT ALL TABLE shown) UNION ALL (TABLE shown EXCEPT ALL TABLE expected)', 'lines are those of timeseries()');
SELECT cmp_ok(count(*), '>', 0::bigint, 'also where values are chosen') FROM shown WHERE name = 'odd one' AND chosen <> 'NULL';
SELECT is((SELECT (line ->> 'value')::float8 FROM seen WHERE name = 'awf_overview' AND title = 'Turns' AND chosen = 'NULL'),
          tally.metric_value('turns', '2025-03-30 12:00+00', '2025-03-31 12:00+00'), 'a tile is metric_value()');
SELECT results_eq($$SELECT line ->> 'value' FROM seen WHERE name = 'odd one' AND title = 'variable variable_1' AND chosen = 'NULL'$$,
                  $$VALUES ('$world'), ('(none)'), ('a, b'), ('it''s') ORDER BY 1$$, 'a variable lists its values');
SELECT is((SELECT count(*) FROM seen WHERE name = 'odd one' AND title = 'Rows' AND chosen LIKE '%x0%'
           AND (line ->> 'the $world' <> 'it''s' OR line ->> '[[x]]' <> 'x0')), 0::bigint,
          'rows obey the variables');
SELECT is((SELECT sum((line ->> 'count')::int) FROM seen WHERE name = 'odd one' AND title = 'Spread' AND chosen = 'NULL'), 701::bigint,
          'a histogram counts every event');

-- The form.
SELECT is_empty($$SELECT name, p ->> 'id' FROM dashboards, jsonb_array_elements(d -> 'panels') p GROUP BY 1, 2 HAVING count(*) > 1$$,
    'numbers of panels are unique');
SELECT is_empty($$SELECT name FROM dashboards, jsonb_array_elements(d -> 'panels') p WHERE (p #>> '{gridPos,x}')::int + (p #>> '{gridPos,w}')::int > 24$$,
    'panels fit the grid');
SELECT is_empty($$WITH g AS (SELECT name, p ->> 'id' AS id, box(point((p #>> '{gridPos,x}')::int, (p #>> '{gridPos,y}')::int),
        point((p #>> '{gridPos,x}')::int + (p #>> '{gridPos,w}')::int - 0.5,
              (p #>> '{gridPos,y}')::int + (p #>> '{gridPos,h}')::int - 0.5)) AS b
        FROM dashboards, jsonb_array_elements(d -> 'panels') p) SELECT a.id, c.id FROM g a JOIN g c ON a.name = c.name AND a.id < c.id AND a.b && c.b$$,
    'and do not overlap');
SELECT is(d - '{panels,templating,annotations,links,description}'::text[], jsonb_build_object('uid', 'tally-' || md5('odd one'),
    'title', 'Odd', 'tags', '["pg_tally"]'::jsonb,
    'schemaVersion', 42, 'version', 1, 'editable', true, 'graphTooltip', 1, 'timezone', 'utc', 'refresh', '90s',
    'time', '{"from": "now-90m", "to": "now"}'::jsonb),
    'the frame')
  FROM dashboards WHERE name = 'odd one';
-- A viewer's browser does not say where a day begins: it is a bucket of the rollup's zone.
SELECT tally.create_rollup('odd_daily', 'odd', 'at', bucket => '1 day', zone => 'Asia/Kathmandu', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('n daily', 'odd_daily', 'n');
SELECT tally.create_board('days there', 'Days', '[{"title": "Days", "metric": "n daily"}]');
SELECT tally.create_board('both', 'Both', '[{"title": "Days", "metric": "n daily"}, {"title": "Hours", "metric": "p95"}]');
SELECT is(tally.grafana_dashboard(b, g) #>> p::text[], z, format('the clock of %s, %s', b, g)) FROM (VALUES ('days there', 'Asia/Kathmandu'),
    ('both', 'utc')) v(b, z), (VALUES ('classic', '{timezone}'), ('v2', '{spec,timeSettings,timezone}')) w(g, p);
SELECT is(d #> '{panels,4,fieldConfig,defaults,thresholds,steps}', '[{"color": "green", "value": null}, {"color": "orange", "value": 500}]',
          'a limit is a step') FROM dashboards WHERE name = 'odd one';
SELECT is(d #>> '{panels,0,fieldConfig,defaults,unit}', 'suffix:events', 'a unit of its own') FROM dashboards WHERE name = 'odd one';
SELECT is(d #>> '{panels,4,description}', 'What to do: Wait.', 'what to do') FROM dashboards WHERE name = 'odd one';
SELECT is(jsonb_path_query_array(d, '$.panels[4].links[*].url'), 
          jsonb_build_array('/d/tally-' || md5('odd one') || '?${__url_time_range}&${__all_variables}', 'https://runbooks.example/p95'), 'links')
  FROM dashboards WHERE name = 'odd one';
SELECT throws_ok($$SELECT tally.grafana_dashboard('od one')$$, '42704', 'board ''od one'' does not exist', 'an unknown board');
SELECT throws_ok($$SELECT tally.grafana_dashboard('odd one', 'v3')$$, '22023', 'generation must be classic or v2, got ''v3''', 'an unknown generation');
-- The newer form says the same: every panel, query, place and variable of the classic one.
CREATE TEMP TABLE newer AS SELECT name, d, tally.grafana_dashboard(name, 'v2') AS v FROM dashboards;
SELECT is(v #>> '{metadata,name}', d ->> 'uid', name || ': one name in both forms') FROM newer;
SELECT bag_eq($$SELECT name, e.value #>> '{spec,id}' AS id, e.value #>> '{spec,title}' AS title, q #>> '{spec,query,spec,rawSql}' AS sql FROM newer,
        jsonb_each(v #> '{spec,elements}') e, jsonb_array_elements(e.value #> '{spec,data,spec,queries}') q$$,
    $$SELECT name, p ->> 'id' AS id, p ->> 'title' AS title, t ->> 'rawSql' AS sql FROM newer, jsonb_array_elements(d -> 'panels') p,
        jsonb_array_elements(p -> 'targets') t$$,
    'the same panels and queries');
SELECT bag_eq($$SELECT name, i #>> '{spec,element,name}' AS panel, jsonb_build_array(i #> '{spec,x}', i #> '{spec,y}', i #> '{spec,width}',
        i #> '{spec,height}') AS place
        FROM newer,        jsonb_array_elements(v #> '{spec,layout,spec,items}') i$$,
    $$SELECT name, 'panel-' || (p ->> 'id') AS panel, jsonb_build_array(p #> '{gridPos,x}', p #> '{gridPos,y}', p #> '{gridPos,w}', p #> '{gridPos,h}') AS place
        FROM newer,        jsonb_array_elements(d -> 'panels') p$$, 'in the same places');
SELECT bag_eq($$SELECT name, x #>> '{spec,name}' AS variable, x #>> '{spec,query,spec,rawSql}' AS sql FROM newer,
        jsonb_array_elements(v #> '{spec,variables}') x
        WHERE x ->> 'kind' = 'QueryVariable'$$,
    $$SELECT name, x ->> 'name' AS variable, x ->> 'query' AS sql FROM newer, jsonb_array_elements(d #> '{templating,list}') x
        WHERE x ->> 'type' = 'query'$$, 'the same variables');
SELECT throws_ok($$SELECT tally.grafana_dashboard('odd one', NULL)$$, '22023', NULL, 'no generation');
SELECT throws_ok($$SELECT tally.grafana_dashboard('odd one', datasource => ' ')$$, '22023', NULL, 'no data source');

SELECT is(:'files'::jsonb -> name, d, name || '.json is up to date (make boards)') FROM dashboards WHERE name LIKE 'awf%';
DROP TABLE seen;
REVOKE ALL ON asked FROM tally_viewer_85;
DROP OWNED BY tally_viewer_85;
DROP ROLE tally_viewer_85;
SELECT * FROM finish();
