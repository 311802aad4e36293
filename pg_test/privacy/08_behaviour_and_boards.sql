-- Owns: what else is made of the rows behind a release: funnels, retentions, sessions and paths, experiments in every form, boards and saved views, incidents,
-- exports, logs, comments, and definitions that a viewer makes himself. Each question has an answer for who may read the rows, and none for a viewer.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
DROP ROLE IF EXISTS tally_privacy_viewer;
CREATE ROLE tally_privacy_viewer LOGIN;
GRANT USAGE ON SCHEMA app, evil TO tally_privacy_viewer;
CREATE SCHEMA mine AUTHORIZATION tally_privacy_viewer;
SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
CREATE INDEX ON app.visits (person);
SELECT tally.create_funnel('buying', 'app.visits', 'at', 'person', '{"in": "kind IN (''a'', ''b'')", "out": "kind = ''b''"}',
    dimensions => '["world"]', with_data => true);
SELECT tally.create_retention('coming', 'app.visits', 'at', 'person', periods => 1, dimensions => '["world"]', with_data => true);
SELECT tally.create_sessions('stays', 'app.visits', 'at', 'person', dimensions => '["world"]', with_data => true);
SELECT tally.create_rollup('walks', 'app.visits', key => 'person', with_data => true,
    measures => '{"times": "array_agg(at ORDER BY at, kind)", "events": "array_agg(world || kind ORDER BY at, kind)"}');
SELECT tally.create_experiment_metric('visits made', 'app.visits', time_column => 'at', unit => 'person');
SELECT tally.create_experiment('worlds', 'app.visits', unit => 'person',
    arms => '{"w1": {"weight": 1, "size": 1}, "w2": 1, "w3": {"weight": 1, "size": 3}, "w4": 1}', metrics => '{"visits made"}',
    arm => 'world',
    time_column => 'at', control => 'w1', dimensions => '["kind"]', "window" => '1 hour', covariate_days => 0, with_data => true);
SELECT tally.create_threshold('few visits', metric => 'visits', condition => '< 7', per => '{world,kind}', "where" => '{"world": "w1"}');
SELECT tally.create_board('inside', 'Inside', '[{"title": "Funnel", "funnel": "buying"}, 
    {"title": "Cells", "relation": "app.by_hour_metrics", "picture": "table"}, {"title": "Experiment", "experiment": "worlds"}]', variables => '{world}');
SELECT tally.save_view('inside', 'small one', '{"world": "w1"}');
SELECT tally.grant_access('viewer', 'tally_privacy_viewer');
-- A cast within a filter fails on one row, and the error quotes it.
CREATE TABLE app.notes (at timestamptz NOT NULL, note text);
CREATE INDEX ON app.notes (at);
INSERT INTO app.notes VALUES ('2026-01-01 10:00Z', '7'), ('2026-01-01 12:00Z', '8');
SELECT tally.create_rollup('noted', 'app.notes', 'at', '1 hour', measures => '{"n": "count(*)"}', "where" => 'note::int > 0', with_data => true);
INSERT INTO app.notes VALUES ('2026-01-01 12:10Z', 'secret-17');
SELECT count(*) FROM tally.refresh('noted');
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
SELECT count(*) FROM tally.evaluate('2026-01-01 11:01Z');
SELECT is((SELECT count(*) FROM tally.broken_buckets WHERE message ~ 'secret-17'), 1::bigint, 'an error has quoted a row');
CREATE TEMP TABLE incident AS SELECT max(id) AS id FROM tally.incidents;
GRANT SELECT ON incident TO PUBLIC;

CREATE TEMP TABLE question (what text, query text);
GRANT SELECT ON question TO PUBLIC;
INSERT INTO question VALUES
('a funnel', $$SELECT jsonb_agg(x) FROM tally.funnel('buying', since => '2026-01-01', until => '2026-01-02', by => '{world}') x$$),
('its steps', 'SELECT jsonb_agg(to_jsonb(x)) FROM app.buying_steps_live x'),
('a retention', $$SELECT jsonb_agg(x) FROM tally.retention('coming', since => '2026-01-01', until => '2026-01-02', by => '{world}', as_of => '2026-02-01') x$$),
('sessions', 'SELECT jsonb_agg(to_jsonb(x)) FROM app.stays_live x'),
('paths', $$SELECT jsonb_agg(x) FROM tally.paths('walks') x$$),
('people by themselves', 'SELECT jsonb_agg(to_jsonb(x)) FROM app.walks x'),
('an experiment''s report', $$SELECT jsonb_agg(x) FROM tally.experiment_report('worlds', as_of => '2026-02-01') x WHERE units IS NOT NULL$$),
('the same of kinds, for k of one', $$SELECT jsonb_agg(x) FROM tally.experiment_report('worlds', as_of => '2026-02-01', by => '{kind}', k => 1) x$$),
('its view', 'SELECT jsonb_agg(x) FROM app.worlds_report x'),
('its summary', $$SELECT jsonb_agg(x) FROM tally.experiment_summary('worlds', as_of => '2026-02-01') x$$),
('its series', $$SELECT jsonb_agg(x) FROM tally.experiment_timeseries('worlds', as_of => '2026-02-01') x$$),
('its overlay', $$SELECT jsonb_agg(x) FROM tally.experiment_overlay('worlds', 'size', as_of => '2026-02-01') x$$),
('its JSON', $$SELECT to_jsonb(tally.experiment_json('worlds', as_of => '2026-02-01'))$$),
('its CSV', $$SELECT to_jsonb(tally.experiment_csv('worlds', as_of => '2026-02-01'))$$),
('its health', $$SELECT jsonb_agg(x) FROM tally.experiment_health('worlds', as_of => '2026-02-01') x$$),
('an incident''s evidence', 'SELECT jsonb_agg(i.evidence) FROM tally.incidents i'),
('its timeline', 'SELECT jsonb_agg(x) FROM incident, tally.incident_timeline(incident.id) x'),
('an export', $$SELECT to_jsonb(tally.export_csv('{visits}', since => '2026-01-01', until => '2026-01-02', by => '{world,kind}'))$$),
('a saved view of the owner''s', 'SELECT jsonb_agg(to_jsonb(v)) FROM tally.board_views v'),
('the run log', 'SELECT jsonb_agg(to_jsonb(x)) FROM tally.runs x'),
('a try of the threshold', $$SELECT jsonb_agg(x) FROM tally.test_threshold('few visits', '[5]') x$$),
('a rolling sum', $$SELECT jsonb_agg(x) FROM tally.rolling('visits', '2 hours', since =>
     '2026-01-01 05:00Z', until => '2026-01-01 12:00Z', bucket => '1 hour') x$$),
('a plan of the definition', $$SELECT jsonb_agg(x) FROM evil.plan_of('SELECT * FROM app.by_hour_live') x$$),
('a cell by the flat view', $$SELECT jsonb_agg(x) FROM app.by_hour_metrics x$$);
CREATE FUNCTION evil.plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY OFF) ' || query;
END $$;
-- The same with the error in place of the answer: what a refusal says is an answer too.
CREATE FUNCTION evil.said(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
    detail_ text;
    hint_   text;
BEGIN
    EXECUTE query INTO result;
    RETURN result::text;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail_ = PG_EXCEPTION_DETAIL, hint_ = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, detail_, hint_);
END $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA evil TO PUBLIC;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT isnt(evil.answer(query), NULL, 'who may read the rows has ' || what) FROM question;
SELECT matches(tally.board_text('inside', since => '2026-01-01', until => '2026-01-02'), '\m105\M', 'and the owner''s board shows it');

SET SESSION AUTHORIZATION tally_privacy_viewer;
SET client_min_messages = error;
SET search_path = mine, public;
SELECT is(evil.answer(query), NULL, 'a viewer has no ' || what) FROM question;
SELECT matches(evil.said(query), '^(42501|42704|\s*$)', 'and the refusal says no more: ' || what || ': ' || COALESCE(evil.said(query), '')) FROM question
 WHERE evil.said(query) IS NOT NULL;
CREATE TEMP TABLE board AS SELECT tally.board_text('inside', since => '2026-01-01', until => '2026-01-02') AS drawn
    UNION ALL SELECT regexp_replace(tally.page('inside', since => '2026-01-01', until => '2026-01-02'), '<style>.*</style>', '');
SELECT doesnt_match(drawn, '\m105\M|w4', 'the board shows him nothing of them') FROM board;
SELECT matches(drawn, 'permission denied|42501', 'and says why') FROM board;
CREATE TEMP TABLE looked AS SELECT c.relname::text AS name, evil.said(format('SELECT jsonb_agg(to_jsonb(t)) FROM %s t', c.oid::regclass)) AS content
  FROM pg_class c WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'v');
SELECT cmp_ok((SELECT count(*) FROM looked), '>', 50::bigint, 'there are tables and views to look into');
SELECT is_empty($$SELECT name FROM looked WHERE content ~ 'secret-17|small one'$$, 'none shows the value that failed, or a view saved by the owner');
SELECT isnt_empty($$SELECT FROM looked WHERE content ~ 'noted'$$, 'that a rollup failed may be known');
SELECT doesnt_match(concat(tally.page_boards(), tally.page_status(), tally.page_incidents(), tally.page_experiments(), tally.page_thresholds()),
    'few visits|small one|secret-17|>w4<', 'nor does any other page');
-- What he defines himself reads with his rights, whoever runs it.
CREATE TEMP TABLE attempt (what text, statement text);
INSERT INTO attempt VALUES
('a threshold on the owner''s metric', $$SELECT tally.create_threshold('mine.few', metric => 'app.visits', condition => '< 100', per => '{world,kind}')$$),
('a threshold of a query', $$SELECT tally.create_threshold('mine.q', query => 'SELECT n::float8 AS value FROM app.by_hour LIMIT 1', condition => '> 0')$$),
('a probe', $$SELECT tally.create_probe('mine.p', 'SELECT n::float8 AS value FROM app.by_hour LIMIT 1')$$),
('a task', $$SELECT tally.create_task('mine.t', '* * * * *', 'SELECT 1 / (SELECT 0 * n FROM app.by_hour LIMIT 1)')$$),
('a metric', $$SELECT tally.create_metric('few', 'app.by_hour', '1::float8 / (n - 6)')$$),
('a rollup on the rollup', $$SELECT tally.create_rollup('mine.r', 'app.by_hour', 'bucket', '1 day', with_data => true)$$),
('a rollup on the release', $$SELECT tally.create_rollup('mine.r', 'app.seen', 'bucket', '1 day', measures => '{"n": "sum(n)"}', with_data => true)$$),
('an experiment metric', $$SELECT tally.create_experiment_metric('mine m', 'app.visits', time_column => 'at', unit => 'person')$$),
('a board', $$SELECT tally.create_board('mine.b', 'B', '[{"title": "x", "relation": "app.by_hour", "picture": "table"},
    {"title": "y", "metric": "app.visits"}]')$$),
('a release', $$SELECT tally.create_release('mine.mine', 'app.by_hour', '{world,kind}', '{n}', k => 2)$$),
('a verification', $$SELECT * FROM tally.verify('app.by_hour')$$),
('a check of the proofs', $$SELECT * FROM tally.check_release('app.seen')$$),
('limits of his own', $$SELECT tally.set_limits('app', min_people => 2)$$),
('a forged export', $$SELECT tally_internal._note_export((SELECT id FROM tally.rollups WHERE name = 'by_hour'), '{}')$$),
('a metric''s failures', $$SELECT tally_internal._set_metric_aside(m, r, 'true', NULL, NULL, NULL)
    FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id$$);
CREATE TEMP TABLE tried AS SELECT a.what,
    evil.said(replace(a.statement, 'SELECT tally.', 'SELECT to_jsonb(tally.') || CASE WHEN a.statement LIKE 'SELECT tally.%'
    THEN ')' ELSE '' END) AS said FROM attempt a;
SELECT matches(said, '^42501', 'refused: ' || what) FROM tried WHERE what NOT IN ('a board', 'limits of his own');
-- Boards of the hosted edition are its owner's alone.
\ir ../hosted.psql
\if :hosted
SELECT matches(said, '^0A000', 'a board of his own draws nothing but refusals') FROM tried WHERE what = 'a board';
\else
SELECT unalike(concat(tally.board_text('mine.b', since => '2026-01-01', until => '2026-01-02')), '%w4%', 'a board of his own draws nothing but refusals');
\endif
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
-- The clock runs as a superuser: what it runs of the viewer's sees no more than he does.
SELECT count(*) FROM tally.evaluate('2026-01-01 11:05Z');
SELECT count(*) FROM tally.sample_probes('2026-01-01 11:05Z');
SET SESSION AUTHORIZATION tally_privacy_viewer;
SET client_min_messages = error;
SELECT is((SELECT jsonb_agg(to_jsonb(e)) FROM tally.threshold_states e), NULL, 'no threshold of his has seen a number');
SELECT is((SELECT count(*) FROM tally.incidents), 0::bigint, 'or has fired');
SELECT is((SELECT jsonb_agg(to_jsonb(e)) FROM tally.probe_samples e), NULL, 'no probe has a sample');
-- Comments on what he can see tell of definitions, never of rows.
SELECT is_empty($$SELECT d.description FROM pg_description d WHERE d.classoid = 'pg_class'::regclass AND d.objoid IN (SELECT c.oid FROM pg_class c
    WHERE c.relnamespace = 'app'::regnamespace) AND d.description ~ '\mw[1-4]\M'$$, 'no comment holds a value of a row');
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
SELECT tally.drop_threshold(t.schema || '.' || quote_ident(t.name)) FROM tally.thresholds t;
SELECT tally.drop_limits('app');
\if :hosted
\else
SELECT tally.drop_board('mine.b');
\endif
SELECT tally.drop_board('inside'), tally.drop_experiment('worlds'), tally.drop_funnel('buying'), tally.drop_retention('coming'), tally.drop_sessions('stays');
DROP SCHEMA mine CASCADE;
DROP OWNED BY tally_privacy_viewer CASCADE;
DROP ROLE tally_privacy_viewer;
\ir epilogue.psql
SELECT * FROM finish();
