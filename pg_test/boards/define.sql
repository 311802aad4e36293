-- Owns: boards as data: what is stored, what is refused and in which words, rights, saved views, names that follow.
SELECT no_plan();
CREATE TABLE events (at timestamptz NOT NULL, world text, model text, ms float8);
CREATE INDEX ON events (at);
INSERT INTO events SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '5 minutes', 'w' || i % 3, 'm' || i % 2, i % 97 FROM generate_series(0, 863) i;
SET client_min_messages = warning;
SELECT tally.create_rollup('hourly', 'events', 'at', dimensions => '["world", "model"]', measures => '{"n": "count(*)", "ms": "tally.tdigest(ms)"}',
    with_data => true);
SELECT tally.create_rollup('plain', 'events', 'at', dimensions => '["world"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('events_n', 'hourly', 'n', unit => 'events', samples => 'n');
SELECT tally.create_metric('p95', 'hourly', 'tally.percentile(ms, 0.95)', unit => 'ms', samples => 'n');
SELECT tally.create_metric('plain_n', 'plain', 'n', unit => 'events');

SELECT is(tally.create_board('ops', 'Operations', '[{"title": "Events", "metric": "events_n", "by": ["world"]}]', variables => '{world,model}'), 'ops',
    'a board is made');
SELECT is((SELECT panels FROM tally.boards),
    jsonb_build_array(jsonb_build_object('title', 'Events', 'metrics', '{events_n}'::text[], 'picture', 'line', 'width', 6,
    'by', '{world}'::text[], 'metric_ids', ARRAY[(SELECT id FROM tally.metrics WHERE name = 'events_n')])),
        'a line six columns wide where nothing else is said');

-- What is refused, and whether it says what to do. An expected message, for each.
CREATE TEMP TABLE refused (panels text, variables text[] DEFAULT '{}', message text, detail text);
INSERT INTO refused (panels, variables, message, detail) VALUES
    ('[{"title": "a", "metric": "events_m"}]', '{}', 'metric ''events_m'' does not exist', 'Metrics most like it: ''events_n'', %'),
    ('[{"title": "a", "metric": "plain_n"}]', '{model}',
        '%variables of board ''x'', which panel ''a'' must obey, must name dimensions of rollup ''plain'', got ''model''', 'Its dimensions are ''world''.'),
    ('[{"title": "a", "metric": "plain_n", "by": ["model"]}]', '{}', 'by must name dimensions of rollup ''plain'', got ''model''', '%'),
    ('[{"title": "a", "metric": "events_n", "picture": "pie"}]', '{}', 'panel 1 (a) of board ''x'' cannot be drawn as ''pie''', '%line, area%'),
    ('[{"title": "a", "metrics": ["events_n", "p95"]}]', '{}', '%metrics of one unit%', '%events_n (events), p95 (ms)%'),
    ('[{"title": "a", "metrics": ["events_n", "p95"], "picture": "stat"}]', '{}', '%one metric%', '%'),
    ('[{"title": "a", "metric": "events_n", "picture": "heatmap"}]', '{}', '%one dimension (against time) or two%', '%'),
    ('[{"title": "a", "metric": "events_n", "picture": "histogram"}]', '{}', '%tally.tdigest%', '%'),
    ('[{"title": "a", "metric": "events_n", "pictures": "line"}]', '{}', '%unknown key ''pictures''', 'Keys most like it: ''picture''%'),
    ('[{"title": "a", "incidents": true, "picture": "line"}]', '{}', '%cannot be drawn%', '%'),
    ('[{"title": "a", "relation": "public.events", "columns": ["ms"], "units": {"mz": "ms"}}]', '{}', '%a column that public.events lacks: ''mz''', '%''ms''%'),
    ('[{"title": "a", "relation": "public.events", "units": ["ms"]}]', '{}', '%object of texts for units, beside a relation, got ["ms"]', '%"ratio"%'),
    ('[{"title": "a", "relation": "public.events", "units": {"ms": 1}}]', '{}', '%object of texts for units%', '%'),
    ('[{"title": "a", "metric": "events_n", "units": {"events_n": "ms"}}]', '{}', '%beside a relation%', '%A metric has its own.'),
    ('[{"title": "", "metric": "events_n"}]', '{}', '%must have a title', '%'),
    ('[{"title": "a"}]', '{}', '%must say what it shows', '%metric, metrics, relation%'),
    ('[{"title": "a", "metrics": []}]', '{}', '%must say what it shows', '%'),
    ('[{"title": "a", "metric": "events_n", "width": 13}]', '{}', '%width of 1 to 12, got 13', '%'),
    ('[{"title": "a", "metric": "events_n", "width": 1e999}]', '{}', '%width of 1 to 12%', '%'),
    ('[{"title": "a", "metric": "events_n", "by": "world"}]', '{}', '%array of texts for by%', '%'),
    ('[{"title": "a", "metric": 7}]', '{}', 'metric ''7'' does not exist', '%'),
    ('[{"title": "a", "relation": "nowhere"}]', '{}', '%table or view that exists, got ''nowhere''', '%'),
    ('[{"title": "a", "relation": "events", "columns": ["wrld"]}]', '{}', '%lacks: ''wrld''', '%''world''%'),
    ('[{"title": "a", "relation": "plain"}]', '{model}', '%lacks: ''model''', '%every variable%'),
    ('[{"title": "a", "metric": "events_n", "thresholds": ["nope"]}]', '{}', 'threshold ''nope'' does not exist', '%'),
    ('[{"title": "a", "metric": "events_n", "where": {"color": 1}}]', '{}', '"where" must name dimensions%', '%'),
    ('[{"title": "a", "metric": "events_n", "bucket": "90 minutes"}]', '{}', '%', '%'),
    ('["a"]', '{}', 'panel 1 of board ''x'' must be an object, got "a"', '%'),
    ('{}', '{}', 'panels of board ''x'' must be an array of 1 to 24 objects%', '%'),
    ('[]', '{}', '%array of 1 to 24 objects, got 0', '%'),
    ('[{"title": "a", "metric": "events_n"}]', '{world,world}', '%up to 8 different dimensions%', '%');
CREATE FUNCTION pg_temp.tried(panels text, variables text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE m text; d text; h text;
BEGIN
    PERFORM tally.create_board('x', 'X', panels::jsonb, variables => variables);
    RETURN ARRAY['made', '', ''];
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN ARRAY[m, d, h];
END $$;
SELECT ok(t[1] ILIKE message AND t[1] <> 'made', format('%s: %s', panels, t[1])) FROM refused, pg_temp.tried(panels, variables) t;
SELECT ok(t[2] ILIKE detail, format('%s says: %s', panels, t[2])) FROM refused, pg_temp.tried(panels, variables) t;
SELECT ok(t[3] ~ '^(SELECT|Use) ', format('%s: its hint says what to run: %s', panels, t[3])) FROM refused, pg_temp.tried(panels, variables) t;
SELECT is((SELECT count(*) FROM tally.boards), 1::bigint, 'nothing of them was made');
SELECT throws_ok($$SELECT tally.page('opps')$$, '42704', 'board ''opps'' does not exist', 'an unknown board');
SELECT throws_ok($$SELECT tally.page('ops', filters => '{"color": "red"}')$$, '22023',
    'filters must name variables of board ''ops'' with values, got ''color''', 'an unknown variable');
SELECT throws_ok($$SELECT tally.page('ops', theme => 'pink')$$, '22023', 'theme must be auto, light or dark, got ''pink''', 'an unknown theme');
SELECT throws_ok($$SELECT tally.page('ops', since => '-infinity')$$, '22023', NULL, 'a page of all of time');
SELECT throws_ok($$SELECT tally.create_board('y', 'Y', '[{"title": "a", "metric": "p95"}]', refresh => '1 second')$$, '22023', NULL, 'a refresh of a second');

-- Changing and names that follow.
SELECT is(tally.alter_board('ops', title => 'Ops'), 'ops', 'the title changes');
SELECT is((SELECT (title, variables, jsonb_array_length(panels))::text FROM tally.boards), '(Ops,"{world,model}",1)', 'and nothing else');
SELECT tally.rename_metric('events_n', 'events_count');
SELECT unalike(tally.board_text('ops', since => '2026-03-01', until => '2026-03-02'), '%ERROR%', 'a renamed metric is found by its number');
SELECT is(tally.alter_board('ops', place => 3), 'ops', 'and the board can be changed after that');
SELECT is((SELECT panels #>> '{0,metrics,0}' FROM tally.boards), 'events_count', 'which writes the new name');

-- Rights: the owner changes it, anyone sees the definition, numbers are read with the reader's rights.
\ir ../hosted.psql
CREATE ROLE tally_reader_85 ROLE CURRENT_USER; CREATE ROLE tally_other_85 ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA public TO tally_reader_85;
GRANT SELECT ON hourly, hourly_live TO tally_reader_85;
SET ROLE tally_reader_85;
SELECT throws_ok($$SELECT tally.alter_board('ops', title => 'Mine')$$, :'refused', NULL, 'another role does not change it');
SELECT throws_ok($$SELECT tally.drop_board('ops')$$, '42501', NULL, 'and does not drop it');
SELECT unalike(tally.board_text('ops', since => '2026-03-01', until => '2026-03-02'), '%ERROR%', 'who may read the rollup sees its numbers');
SELECT ok(tally.save_view('ops', 'mine', filters => '{"world": "w1"}', make_default => true) > 0, 'a view is saved');
SELECT ok(tally.save_view('ops', 'ours', filters => '{"world": ["w1", "w2"]}', since => '2 days', shared => true, by => 'ann') > 0, 'another is shared');
SELECT throws_ok($$SELECT tally.save_view('ops', 'bad', filters => '{"color": 1}')$$, '22023', NULL, 'one with an unknown variable is refused');
SELECT alike(tally.board_text('ops'), '%world = w1%', 'the board opens with the default view');
SELECT alike(tally.board_text('ops', view => 'ours'), '%world = w1, w2%', 'a view by its name');
SELECT throws_ok($$UPDATE tally.board_views SET shared = true$$, '42501', NULL, 'nobody writes the table');
RESET ROLE;
SET ROLE tally_other_85;
SELECT results_eq('SELECT name FROM tally.board_views', $$VALUES ('ours')$$, 'others see what is shared');
SELECT throws_ok($$SELECT tally.page('ops', view => 'mine')$$, '42704', NULL, 'and no more');
SELECT throws_ok($$SELECT tally.save_view('ops', 'ours')$$, '42710', NULL, 'and do not overwrite it');
SELECT throws_ok($$SELECT tally.drop_view('ops', 'ours')$$, '42501', NULL, 'nor drop it');
SELECT alike(tally.board_text('ops', since => '2026-03-01', until => '2026-03-02'), '%ERROR: permission denied%', 'who may not read sees why, on the panel');
-- A view whose function would run with the reader's rights.
RESET ROLE;
GRANT CREATE ON SCHEMA public TO tally_other_85;
SET ROLE tally_other_85;
CREATE FUNCTION evil() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT current_user::text $$;
CREATE VIEW trap AS SELECT evil() AS who;
GRANT SELECT ON trap TO PUBLIC;
-- Boards of the hosted edition are its owner's alone.
\if :hosted
RESET ROLE;
\endif
SELECT is(tally.create_board('trap', 'Trap', '[{"title": "t", "relation": "trap"}]'), 'trap', 'anyone makes a board');
RESET ROLE;
SELECT alike(tally.board_text('trap'), '%would run %evil()%', 'and nobody runs a stranger''s function by looking at it');
SELECT lives_ok($$SELECT tally.drop_board('ops'), tally.drop_board('trap')$$, 'a board is dropped');
SELECT is((SELECT count(*) FROM tally.board_views), 0::bigint, 'with its views');
DROP OWNED BY tally_reader_85, tally_other_85;
DROP ROLE tally_reader_85, tally_other_85;
SELECT * FROM finish();
