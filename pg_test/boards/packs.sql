-- Owns: the boards of all packs, side by side. No panel is in error, for the owner and for a viewer; each says what it shows, why it matters and
-- what to do; Grafana's queries run; the answers of the operators' page are those of plain SQL.
SELECT no_plan();
SET client_min_messages = warning;
\ir grafana.psql
CREATE SCHEMA game; CREATE SCHEMA operators; CREATE SCHEMA control; CREATE SCHEMA product; CREATE SCHEMA publishing;
SELECT tally.generate_awf(1500, until => '2025-03-31 12:00+00', span => '2 days', target_schema => 'game');
SELECT tally.generate_operator_dashboard(4000, until => date_trunc('hour', now()), span => '3 days', target_schema => 'operators');
SELECT tally.generate_operator_control_center(1500, until => now(), span => '40 days', target_schema => 'control');
SELECT tally.generate_product_analytics(2000, until => now(), span => '30 days', target_schema => 'product');
SELECT tally.generate_publisher(1500, until => now(), span => '30 days', target_schema => 'publishing');
SELECT tally.install_pack('awf', 'game'), tally.install_pack('operator_dashboard', 'operators'), tally.install_pack('operator_control_center', 'control'),
       tally.install_pack('product_analytics', 'product'), tally.install_pack('publisher', 'publishing');
CALL tally.backfill();
SELECT is(count(*), 16::bigint, 'sixteen boards') FROM tally.boards;

SELECT is_empty($$SELECT b.name, p ->> 'title' FROM tally.boards b, jsonb_array_elements(b.panels) p
    WHERE p ->> 'why' IS NULL OR p ->> 'do' IS NULL OR p ->> 'description' IS NULL AND NOT (jsonb_array_length(p -> 'metrics') = 1
        AND EXISTS (SELECT FROM tally.metrics m WHERE m.name = p #>> '{metrics,0}' AND m.description <> ''))$$,
    'each panel says what it shows, why it matters and what to do');
SELECT is_empty($$SELECT b.name, p ->> 'board' FROM tally.boards b, jsonb_array_elements(b.panels) p
    WHERE p ? 'board' AND NOT EXISTS (SELECT FROM tally.boards x WHERE x.name = p ->> 'board')$$, 'every link leads to a board');
SELECT is_empty($$SELECT b.name, f FROM tally.boards b, regexp_matches(tally.board_text(b.name), 'ERROR: [^\n]*', 'g') f$$, 'no panel is in error');
SELECT is_empty($$SELECT b.name, f FROM tally.boards b, regexp_matches(tally.board_text(b.name, since => '6 hours'), 'ERROR: [^\n]*', 'g') f$$,
    'nor over a short range');
CREATE TEMP TABLE pages AS SELECT name, tally.page(name)::text AS page FROM tally.boards;
SELECT is_empty($$SELECT name, length(page) FROM pages WHERE length(page) > 400000$$, 'pages are small');
SELECT is_empty($$SELECT name FROM tally.boards WHERE name LIKE 'operator%' AND tally.page(name) ~ 'Nothing in this range' AND name = 'operator_releases'$$,
    'the page of a release shows something');

-- Every panel obeys every variable of its board: under a value that no row has, what is made of rows says nothing. Incidents and limits obey by their labels
-- (page.sql); an experiment is judged as a whole, and the state of rollups is of all their rows.
CREATE FUNCTION pg_temp.told(panel jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM jsonb_path_query(panel, '$.series[*].points[*][1] ? (@ != null)'))
         + (SELECT count(*) FROM jsonb_array_elements(panel -> 'rows') r
             WHERE EXISTS (SELECT FROM jsonb_array_elements(r) WITH ORDINALITY c(v, n) WHERE v <> 'null' AND (n > 1 OR jsonb_array_length(r) = 1)))
         + (SELECT count(*) FROM jsonb_path_query(panel, '$.value ? (@ != null)'))
$$;
CREATE TEMP TABLE obeyed AS
SELECT b.name, v.variable, p ->> 'title' AS title, tally_internal._panel_source(b.panels -> (p.n - 1)::int) AS source, pg_temp.told(p) AS told,
       p ? 'error' AS fails
  FROM tally.boards b CROSS JOIN LATERAL (SELECT u FROM unnest(b.variables) u UNION ALL SELECT NULL) v(variable)
 CROSS JOIN LATERAL jsonb_array_elements(tally_internal._board_model(b,
     CASE WHEN v.variable IS NULL THEN '{}' ELSE jsonb_build_object(v.variable, 'nowhere') END, '2025-03-29', '2025-04-01', 'auto', false, now()) -> 'panels')
     WITH ORDINALITY p(p, n)
 WHERE b.name LIKE 'awf%';
SELECT is_empty($$SELECT name, variable, title FROM obeyed WHERE fails OR variable IS NOT NULL AND told > 0
    AND source NOT IN ('incidents', 'slo', 'status', 'experiment', 'experiments')$$, 'every panel of awf obeys every variable of its board');
SELECT is_empty($$SELECT name, title FROM obeyed WHERE variable IS NULL AND told = 0 AND source = 'metrics'$$,
    'each of which says something where all are asked');
SELECT is(count(*), (SELECT sum(jsonb_array_length(panels) * (cardinality(variables) + 1)) FROM tally.boards WHERE name LIKE 'awf%')::bigint,
    'each was asked by each variable, and by none') FROM obeyed;
-- The panels of all packs read what has the board's variables: a rollup with these dimensions, or a relation with these columns.
SELECT is_empty($$SELECT b.name, v, p ->> 'title' FROM tally.boards b, unnest(b.variables) v, jsonb_array_elements(b.panels) p
     WHERE EXISTS (SELECT FROM jsonb_array_elements_text(p -> 'metric_ids') i JOIN tally.metrics m ON m.id = i::int
                    WHERE NOT EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = m.rollup_id AND d.name = v))
        OR p ? 'relation' AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(p ->> 'relation') AND a.attname = v)
        OR (p ? 'funnel' OR p ? 'retention') AND NOT EXISTS (SELECT FROM tally.dimensions d
             WHERE d.rollup_id = coalesce(p ->> 'funnel_id', p ->> 'retention_id')::int AND d.name = v)$$,
    'every panel of every pack has the variables of its board');
SELECT cmp_ok(sum(cardinality(b.variables) * jsonb_array_length(b.panels)), '>=', 300::bigint, 'of hundreds that could lack one') FROM tally.boards b;
-- What the reference documents ask to filter by, beside the range.
SELECT is_empty($$SELECT w.board, w.filter FROM (VALUES ('awf_%', '{world,adventure,locale,variation,model}'::text[]),
        ('operator_dashboard', '{environment}'), ('operator_releases', '{environment,artist,release}')) d(board, filters), unnest(d.filters) f(filter),
        LATERAL (SELECT b.name AS board, f.filter, b.variables FROM tally.boards b WHERE b.name LIKE d.board) w WHERE w.filter <> ALL (w.variables)$$,
    'each board has the filters that its document asks for');

-- A viewer with what the guides grant: the schemas, the relations of the board, the rollups and their live views.
CREATE ROLE tally_viewer_86 ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA game, operators, control, product, publishing TO tally_viewer_86;
DO $$
DECLARE
    r regclass;
BEGIN
    FOR r IN SELECT relation FROM tally.rollups UNION ALL SELECT live_view FROM tally.rollups
             UNION SELECT to_regclass(p ->> 'relation') FROM tally.boards b, jsonb_array_elements(b.panels) p WHERE p ? 'relation' LOOP
        EXECUTE format('GRANT SELECT ON %s TO tally_viewer_86', r);
    END LOOP;
END $$;
-- Rows without a time, and nothing else: that made a query without an operand.
SELECT tally.create_board('rows', 'Rows', '[{"title": "Queue", "relation": "operators.operator_queue"}]', variables => '{environment}');
CREATE TEMP TABLE dashboards AS SELECT name, tally.grafana_dashboard(name) AS d FROM tally.boards WHERE name NOT LIKE 'awf%';
CREATE TEMP TABLE asked AS
SELECT q.name, q.title, c.chosen, pg_temp.expanded(q.raw, c.chosen) AS sql
  FROM (SELECT b.name, p ->> 'title' AS title, t ->> 'rawSql' AS raw
          FROM dashboards b, jsonb_array_elements(b.d -> 'panels') p, jsonb_array_elements(p -> 'targets') t
        UNION ALL SELECT name, v ->> 'name', v ->> 'query' FROM dashboards, jsonb_array_elements(d #> '{templating,list}') v WHERE v ->> 'type' = 'query') q,
       (VALUES ('NULL'), ('''prod'',''lane-1''')) c(chosen);
-- `make boards` installs each pack in the schema public.
SELECT is(:'files'::jsonb -> name, regexp_replace(d::text, '\m(operators|control|product|publishing)\.(?=[a-z])', 'public.', 'g')::jsonb,
    name || '.json is up to date (make boards)') FROM dashboards WHERE name <> 'rows';
SELECT set_eq($$SELECT name FROM tally.boards WHERE name <> 'rows'$$, format('SELECT jsonb_object_keys(%L)', :'files'), 'a file for each board of a pack');
GRANT SELECT ON asked TO tally_viewer_86;
SET ROLE tally_viewer_86;
SELECT is_empty($$SELECT b.name, f FROM tally.boards b, regexp_matches(tally.board_text(b.name), 'ERROR: [^\n]*', 'g') f$$, 'a viewer sees every panel');
SELECT is_empty($$SELECT name, title, chosen, f FROM pg_temp.asked, pg_temp.fault(sql) f WHERE f IS NOT NULL$$, 'and so does Grafana for the viewer');
RESET ROLE;
SELECT cmp_ok(count(DISTINCT title), '>=', 60::bigint, 'there are queries to run') FROM asked;

-- The five answers, by plain SQL over the source tables.
SELECT results_eq($$SELECT environment, transcodes_failed_today FROM operators.operator_answers ORDER BY 1$$,
    $$SELECT e.environment, (SELECT count(*) FROM operators.transcode_jobs t WHERE t.environment = e.environment AND t.status = 'failed'
        AND t.finished_at >= date_trunc('day', now())) FROM (VALUES ('prod'), ('staging')) e(environment) ORDER BY 1$$, 'transcodes failed today');
SELECT is((SELECT play_failure_rate_24h FROM operators.operator_answers WHERE environment = 'prod'),
    (SELECT round(avg(CASE WHEN ok THEN 0 ELSE 1 END), 4) FROM operators.playback_attempts WHERE environment = 'prod'
      -- Of the buckets of five minutes that begin in the range.
      AND date_bin('5 minutes', attempted_at, '2000-01-01Z') >= (SELECT since FROM operators.operator_ranges WHERE range = '24h')), 'play failure rate');
SELECT is((SELECT workers_alive FROM operators.operator_answers WHERE environment = 'prod'),
    (SELECT concat(CASE WHEN count(*) FILTER (WHERE alive) > 0 THEN 'yes, ' ELSE 'no, ' END, count(*) FILTER (WHERE alive), ' of ', count(*)) FROM (
        SELECT worker, max(beat_at) >= now() - interval '2 minutes' AS alive FROM operators.worker_heartbeats WHERE environment = 'prod'
         GROUP BY 1 HAVING max(beat_at) > now() - interval '24 hours') w), 'workers alive');

-- Each environment asked each view again, and was expected by the hundred: 145 s of compiling (JIT) for two rows.
CREATE FUNCTION pg_temp.cost(relation text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE format('EXPLAIN (FORMAT json) SELECT * FROM operators.%I', relation) INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Total Cost';
END $$;
SELECT cmp_ok(pg_temp.cost('operator_answers'), '<=', (SELECT 2 * sum(pg_temp.cost('operator_' || v)) + 100
    FROM unnest('{queue,transcodes,playback,workers,failure_causes}'::text[]) v), 'on paper the five answers cost what the five views cost');

-- Tiles, lines and tables over relations on a page are what the relation says.
CREATE FUNCTION pg_temp.panel(board text, title text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT p FROM tally.boards b, jsonb_array_elements(tally_internal._board_model(b, '{}', b.since, NULL, 'auto', false, now()) -> 'panels') p
     WHERE b.name = $1 AND p ->> 'title' = $2 $$;
SELECT is(pg_temp.panel('operator_control_center', 'Anomaly response rate, 7 days') -> 'rows',
    (SELECT jsonb_build_array(jsonb_build_array(response_rate)) FROM control.control_rolling_live WHERE live), 'a tile over a view');
SELECT is((SELECT jsonb_agg(x -> 1 ORDER BY n) FROM jsonb_array_elements(pg_temp.panel('operator_control_center', 'Activation and response by the week')
        #> '{series,0,points}') WITH ORDINALITY u(x, n)),
    (SELECT jsonb_agg(activation_rate::float8 ORDER BY week) FROM control.control_weekly_live WHERE week >= now() - interval '91 days'), 'lines over a view');
SELECT is(jsonb_array_length(pg_temp.panel('operator_control_center', 'Conversations without a reply') -> 'rows')::bigint,
    (SELECT LEAST(count(*), 10) FROM control.control_conversations_live WHERE resolved_at IS NULL), 'rows where a column is null');
SELECT is((SELECT jsonb_agg(x -> 0) FROM jsonb_array_elements(pg_temp.panel('operator_dashboard', 'Transcodes failed today') -> 'rows') x),
    '["prod", "staging"]', 'an answer for each environment');

-- What a panel over a relation may not be.
SELECT throws_ok($$SELECT tally.create_board('x', 'X', '[{"title": "a", "relation": "control.control_weekly", "picture": "line"}]')$$, '22023', NULL,
    'lines without a time');
SELECT throws_ok($$SELECT tally.create_board('x', 'X', '[{"title": "a", "relation": "control.control_weekly", "picture": "line", "time": "finished"}]')$$,
    '22023', NULL, 'lines over what is no time');
SELECT throws_ok($$SELECT tally.create_board('x', 'X', '[{"title": "a", "relation": "control.control_weekly", "picture": "bars", "time": "week",
    "columns": ["finished"]}]')$$, '22023', NULL, 'bars of what is no number');
SELECT throws_ok($$SELECT tally.create_board('x', 'X', '[{"title": "a", "relation": "control.control_weekly", "picture": "stat"}]')$$, '22023', NULL,
    'a tile of many columns');
SELECT throws_ok($$SELECT tally.create_board('x', 'X', '[{"title": "a", "experiment": "nope"}]')$$, '42704', NULL, 'an experiment that is not there');

-- Experiments on a board.
SELECT game.awf_experiment('party-cap', '{"control": {"weight": 1}, "cap-4": {"weight": 1}, "cap-6": {"weight": 1}}') IS NOT NULL;
CALL tally.backfill();
SELECT is(pg_temp.panel('awf_experiments', 'What the experiments say') -> 'rows',
    (SELECT jsonb_agg(jsonb_build_array(e.name, s.metric, s.arm, s.units, s.value, s.change, s.verdict) ORDER BY s.o)
       FROM tally.experiments e, tally.experiment_summary(e.name) WITH ORDINALITY s(metric, labels, arm, units, value, change, picture, verdict, o)),
    'every metric and arm of an experiment');
SET ROLE tally_viewer_86;
SELECT alike(tally.board_text('awf_experiments'), '%the report of experiment ''party%', 'who may not read an experiment is told so in its row');
RESET ROLE;
SELECT lives_ok($$SELECT tally.drop_pack('operator_dashboard')$$, 'the pack goes with its boards');
SELECT is_empty($$SELECT name FROM tally.boards WHERE name LIKE 'operator\_dash%' OR name = 'operator_releases'$$, 'all of them');
REVOKE ALL ON asked FROM tally_viewer_86;
DROP OWNED BY tally_viewer_86;
DROP ROLE tally_viewer_86;
SELECT * FROM finish();
