-- Owns: names are scoped by schema. Two teams both have a rollup daily and a metric share; a bare name is looked for along the caller's search_path, a
-- name with its schema is that one, and where nothing decides, the caller is asked and nothing is guessed.
SELECT no_plan();
SET client_min_messages = warning;
\ir ../message_of.psql
DROP ROLE IF EXISTS names_taker;
CREATE SCHEMA team_a; CREATE SCHEMA team_b; CREATE SCHEMA "Team C";
CREATE TABLE team_a.events (at timestamptz NOT NULL, ok boolean); INSERT INTO team_a.events SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '1 hour',
    i % 2 = 0 FROM generate_series(0, 47) i;
CREATE TABLE team_b.events (at timestamptz NOT NULL, ok boolean); INSERT INTO team_b.events SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '1 hour',
    i % 4 = 0 FROM generate_series(0, 47) i;

-- Each team writes the same statements, in its own schema.
SET search_path = team_a, public;
SELECT tally.create_rollup('daily', 'events', 'at', '1 day', measures => '{"n": "count(*)", "ok": "count(*) FILTER (WHERE ok)"}', with_data => true);
SELECT tally.create_metric('share', 'daily', 'ok::float8 / nullif(n, 0)');
SET search_path = team_b, public;
SELECT lives_ok($$SELECT tally.create_rollup('daily', 'events', 'at', '1 day', measures => '{"n": "count(*)", "ok": "count(*) FILTER (WHERE ok)"}',
    with_data => true)$$, 'another team has a rollup of the same name');
SELECT lives_ok($$SELECT tally.create_metric('share', 'daily', 'ok::float8 / nullif(n, 0)')$$, 'and a metric');
SELECT bag_eq($$SELECT relation::text FROM tally.rollups$$, ARRAY['team_a.daily', 'daily'], 'each has its own table');

-- A bare name is resolved as PostgreSQL resolves a table's.
SELECT is((SELECT tally.metric_value('share', '2026-03-01', '2026-03-03')), 0.25::float8, 'the search_path finds the metric of the caller''s schema');
SET search_path = team_a, team_b, public;
SELECT is((SELECT tally.metric_value('share', '2026-03-01', '2026-03-03')), 0.5::float8, 'the first schema of the path that has one');
SELECT is((SELECT tally.metric_value('team_b.share', '2026-03-01', '2026-03-03')), 0.25::float8, 'a name with its schema is that one');
SELECT is((SELECT tally.metric_value('"team_b"."share"', '2026-03-01', '2026-03-03')), 0.25::float8, 'quoted as in SQL, too');
SET search_path = public;
SELECT is((SELECT m FROM message_of($$SELECT tally.metric_value('share', '2026-03-01', '2026-03-03')$$) m)::text,
    $$(42P09,"metric 'share' must be one, got 2 of that name","Those are 'team_a.share', 'team_b.share'. The search_path does not decide between them.",$$
    || '"SET search_path = team_a;  -- or write the name with its schema, as above")',
    'where nothing decides, the choices are named');
SELECT is((SELECT (state, detail)::text FROM message_of($$CALL tally.backfill('daily')$$)),
    (SELECT (state, detail)::text FROM message_of($$SELECT * FROM tally.verify('daily')$$)), 'the same for rollups, whoever''s rights the function has');
SELECT is((SELECT state FROM message_of($$SELECT * FROM tally.refresh('daily')$$)), '42P09', 'and for a refresh');
SELECT lives_ok($$SELECT * FROM tally.refresh('team_a.daily')$$, 'which a schema decides');
SELECT is((SELECT state FROM message_of($$SELECT tally.metric_value('team_c.share')$$)), '42704', 'another schema has none');

-- The caller is who calls the engine: a function of a person with a path of its own.
CREATE FUNCTION team_b.mine() RETURNS float8 LANGUAGE sql SET search_path = team_b AS $$ SELECT tally.metric_value('share', '2026-03-01', '2026-03-03') $$;
CREATE FUNCTION public.one_more() RETURNS float8 LANGUAGE plpgsql SET search_path = pg_catalog,
    team_a AS $$ BEGIN RETURN team_b.mine() + tally.metric_value('share', '2026-03-01', '2026-03-03'); END $$;
SET search_path = team_a, public;
SELECT is(team_b.mine(), 0.25::float8, 'a function''s path counts within it, not the session''s');
SELECT is(one_more(), 0.75::float8, 'function by function');
BEGIN;
SET LOCAL search_path = team_b, public;
SELECT is(tally.metric_value('share', '2026-03-01', '2026-03-03'), 0.25::float8, 'SET LOCAL counts');
ROLLBACK;
SELECT is(tally.metric_value('share', '2026-03-01', '2026-03-03'), 0.5::float8, 'and its end, too');

-- A report shows both under what was asked for; each time series is its own.
SELECT is((SELECT r::jsonb FROM tally.report('{team_a.share,team_b.share}', '2026-03-01', '2026-03-03') r),
    '{"team_a.share": 0.5, "team_b.share": 0.25}'::jsonb, 'two metrics of one name side by side');
SELECT bag_eq($$SELECT bucket, value FROM tally.timeseries('team_b.share', '2026-03-01', '2026-03-03')$$,
    $$SELECT date_trunc('day', at, 'UTC'), avg(ok::int)::float8 FROM team_b.events GROUP BY 1$$, 'a time series is of the schema that was asked for');
SELECT tally.create_board('two', 'Two',
    '[{"title": "a", "metric": "team_a.share", "picture": "stat"}, {"title": "b", "metric": "team_b.share", "picture": "stat"}]');
SET search_path = team_b, public;
SELECT is((SELECT array_agg(tally_internal._panel_stat(p, '{}', '2026-03-01', '2026-03-03', now()) ->> 'value' ORDER BY n) FROM tally.boards b,
    jsonb_array_elements(b.panels) WITH ORDINALITY x(p, n) WHERE b.name = 'two'),
    '{0.5,0.25}'::text[], 'a board holds the metrics that it was made with, whatever the path of who looks');

-- Two of one name on the same source: what hangs on the source is each one's own.
SET search_path = team_a, public;
SELECT tally.create_rollup('same', 'team_a.events', 'at', '1 day', measures => '{"n": "count(*)"}', dimensions => '["ok"]');
SELECT tally.create_rollup('team_b.same', 'team_a.events', 'at', '1 day', measures => '{"n": "count(*)"}', dimensions => '["ok"]');
SELECT bag_eq($$SELECT stxnamespace::regnamespace::text FROM pg_statistic_ext WHERE stxname = 'same_tally_groups'$$, ARRAY['team_a', 'team_b'],
    'each has its statistics');
CREATE ROLE names_taker ROLE CURRENT_USER; GRANT USAGE, CREATE ON SCHEMA team_a, team_b TO names_taker; GRANT SELECT, TRIGGER ON team_a.events TO names_taker;
SELECT tally.set_owner('team_b.same', 'names_taker');
SELECT bag_eq($$SELECT stxnamespace::regnamespace::text, stxowner::regrole::text FROM pg_statistic_ext WHERE stxname = 'same_tally_groups'$$,
    $$VALUES ('team_a', 'postgres'), ('team_b', 'names_taker')$$, 'a new owner gets those of his rollup, and no others');
SELECT tally.drop_rollup('team_b.same');
SELECT bag_eq($$SELECT stxnamespace::regnamespace::text FROM pg_statistic_ext WHERE stxname = 'same_tally_groups'$$, ARRAY['team_a'],
    'and a drop leaves the other''s');
INSERT INTO team_a.events VALUES ('2026-03-01 12:30Z', true);
SELECT is((SELECT sum(n) FROM team_a.same_live), 49::numeric, 'capture goes on for the other');
DELETE FROM team_a.events WHERE at = '2026-03-01 12:30Z';
SELECT tally.drop_rollup('team_a.same');
SET search_path = team_b, public;

-- Names within a schema stay unique.
SELECT is((SELECT message FROM message_of($$SELECT tally.create_rollup('daily', 'events', 'at', '1 day', measures => '{"n": "count(*)"}')$$)),
    'rollup ''daily'' exists already with another definition', 'a schema has each rollup once');
SELECT tally.create_rollup('hourly', 'events', 'at', '1 hour', measures => '{"n": "count(*)", "ok": "count(*) FILTER (WHERE ok)"}');
SELECT is((SELECT message FROM message_of($$SELECT tally.create_metric('share', 'hourly', 'ok::float8 / n')$$)),
    'metric ''share'' exists already, on rollup ''daily''', 'and each metric');
SELECT tally.create_metric('part', 'hourly', 'ok::float8 / nullif(n, 0)');
SELECT is((SELECT (state, message)::text FROM message_of($$SELECT tally.rename_metric('part', 'share')$$)),
    '(23505,"metric ''part'' cannot have the name ''share'': another metric of the schema has it")', 'nor does a rename make two');
SELECT lives_ok($$SELECT tally.rename_metric('team_b.share', 'share_of_b')$$, 'a rename takes a name with its schema');
SELECT is(tally.metric_value('team_a.share', '2026-03-01', '2026-03-03'), 0.5::float8, 'and leaves the other');
SELECT tally.rename_metric('share_of_b', 'share');

-- What is odd in names.
SET search_path = "Team C", public;
CREATE TABLE "Team C".events (at timestamptz NOT NULL);
SELECT tally.create_rollup('"a.b"', 'events', 'at', measures => '{"n": "count(*)"}');
SELECT tally.create_metric('x.y z', '"a.b"', 'n');
SELECT lives_ok($$SELECT tally.metric_value('x.y z')$$, 'a point within a name is no schema');
SELECT lives_ok($$SELECT tally.metric_value('Team C.x.y z')$$, 'a schema may be written as it is');
SELECT lives_ok($$SELECT tally.metric_value('"Team C"."x.y z"')$$, 'or as SQL quotes it');
SELECT lives_ok($$SELECT * FROM tally.refresh('"Team C"."a.b"')$$, 'so may a rollup''s');

-- A name with a point in it is nobody else's: the schema counts first, and the bare name of such a thing is written out with its schema.
SELECT tally.create_metric('team_a.share', '"a.b"', 'n + 1000');
SELECT is(tally.metric_value('team_a.share', '2026-03-01', '2026-03-03'), 0.5::float8,
    'a metric that is called as another''s with its schema does not stand in for it');
SELECT is((SELECT tally_internal._called(m) FROM tally.metrics m WHERE m.name = 'team_a.share'), '"Team C"."team_a.share"', 'it is called by its own schema');
SELECT lives_ok($$SELECT tally.metric_value('"Team C"."team_a.share"')$$, 'under which it is found');
SELECT tally.drop_metric('"Team C"."team_a.share"');
SELECT is((SELECT count(*) FROM tally.metrics WHERE name = 'share'), 2::bigint, 'and dropped, with no other');

-- Where two have the name, a hint says which one is meant, and it works.
SET search_path = public;
SELECT is((SELECT hint FROM message_of($$SELECT * FROM tally.verify('team_b.daily', '2026-03-02', '2026-03-01')$$)),
    'SELECT * FROM tally.verify(''team_b.daily'');', 'a hint to verify');
SELECT lives_ok(hint, 'it runs') FROM message_of($$SELECT * FROM tally.verify('team_b.daily', '2026-03-02', '2026-03-01')$$);
DROP VIEW team_b.daily_live;
SELECT bag_eq($$SELECT hint FROM tally.status WHERE rollup = 'daily' AND hint IS NOT NULL$$, ARRAY['SELECT tally.repair(''team_b.daily'');'],
    'a hint of the status');
SELECT hint FROM tally.status WHERE rollup = 'daily' AND hint IS NOT NULL \gexec
SELECT lives_ok('SELECT FROM team_b.daily_live', 'it mends the one that is broken');

-- A schema that is renamed takes its names along; a rollup that moves, too.
ALTER SCHEMA team_b RENAME TO team_d;
SELECT is(tally.metric_value('team_d.share', '2026-03-01', '2026-03-03'), 0.25::float8, 'names follow a schema that is renamed');
SELECT is((SELECT state FROM message_of($$SELECT tally.metric_value('team_b.share')$$)), '42704', 'the old one has none any more');

-- Thresholds, probes, tasks and boards: the same rules.
DROP ROLE IF EXISTS names_other;
CREATE ROLE names_other ROLE CURRENT_USER; GRANT USAGE ON SCHEMA team_a, team_d TO names_other;
SET search_path = team_a, public;
SELECT tally.create_threshold('high', 'share', '> 0.9');
SELECT tally.create_probe('beat', 'SELECT 1 AS value');
SELECT tally.create_threshold('beats', 'beat', '> 5');
SELECT tally.create_task('nightly', '0 2 * * *', 'SELECT 1');
SELECT tally.create_board('home', 'A', '[{"title": "x", "metric": "share", "picture": "stat", "board": "deep"}]');
SELECT tally.create_board('deep', 'A deep', '[{"title": "x", "status": true}]');
SET search_path = team_d, public;
SELECT lives_ok($$SELECT tally.create_threshold('high', 'share', '> 0.2')$$, 'two schemas have a threshold of one name');
SELECT lives_ok($$SELECT tally.create_probe('beat', 'SELECT 9 AS value')$$, 'and a probe');
SELECT tally.create_threshold('beats', 'beat', '> 5');
SELECT lives_ok($$SELECT tally.create_task('nightly', '0 3 * * *', 'SELECT 2')$$, 'and a task');
SELECT lives_ok($$SELECT tally.create_board('home', 'D', '[{"title": "x", "metric": "share", "picture": "stat", "board": "deep"}]')$$, 'and a board');
SELECT tally.create_board('deep', 'D deep', '[{"title": "x", "status": true}]');
SELECT bag_eq($$SELECT t.schema, t.name, r.relation::text FROM tally.thresholds t JOIN tally.metrics m ON m.id = t.metric_id
    JOIN tally.rollups r ON r.id = m.rollup_id$$,
    $$VALUES ('team_a', 'high', 'team_a.daily'), ('team_d', 'high', 'daily')$$, 'a threshold watches the metric of its schema');
SELECT bag_eq($$SELECT t.schema, p.schema AS of_probe, p.query FROM tally.thresholds t JOIN tally.probes p ON p.id = t.probe_id$$,
    $$VALUES ('team_a', 'team_a', 'SELECT 1 AS value'), ('team_d', 'team_d', 'SELECT 9 AS value')$$, 'or its probe');
SELECT tally.alter_threshold('high', '{"condition": "> 0.3"}');
SELECT tally.alter_threshold('team_a.high', '{"severity": "info"}');
SELECT bag_eq($$SELECT schema, condition, severity FROM tally.thresholds WHERE name = 'high'$$,
    $$VALUES ('team_a', '> 0.9', 'info'), ('team_d', '> 0.3', 'warning')$$, 'each is altered by its name');
SELECT bag_eq($$SELECT threshold FROM tally.evaluate('2026-03-02 23:00Z', 'team_d.beats')$$, ARRAY['beats'], 'one is evaluated');
SELECT is((SELECT count(DISTINCT e.threshold_id) FROM tally.evaluations e), 1::bigint, 'and no other');
SELECT is((SELECT count(*) FROM tally.replay('team_a.high', since => '2026-03-01', until => '2026-03-03')) >= 0, true, 'a replay takes a name with its schema');
SELECT bag_eq($$SELECT DISTINCT value FROM tally.probe_series('team_d.beat', since => '2026-03-01', until => '2026-03-03')$$, ARRAY[9::float8],
    'so do samples of a probe');
SELECT is((SELECT (x ->> 'name') || ' ' || (x #>> '{panels,0,board}') FROM tally.boards b,
    tally_internal._board_model(b, '{}', '2026-03-01', '2026-03-03', 'auto', false, now()) x WHERE b.schema = 'team_a' AND b.name = 'home'),
    'team_a.home team_a.deep', 'a board leads to the board of its schema');
SELECT is(tally.save_view('home', 'mine', since => '7 days') > 0 AND tally.save_view('team_a.home', 'mine', since => '30 days') > 0, true,
    'views are saved of both');
SELECT bag_eq($$SELECT schema, board, since FROM tally.board_views$$, $$VALUES ('team_d', 'home', '7 days'), ('team_a', 'home', '30 days')$$,
    'each of its board');
SET search_path = public;
SELECT is((SELECT string_agg(m.state || ' ' || m.message, '; ' ORDER BY n)
    FROM unnest(ARRAY['SELECT tally.drop_threshold(''high'')', 'SELECT tally.drop_probe(''beat'')', 'SELECT tally.drop_task(''nightly'')',
    'SELECT tally.drop_board(''home'')'])
        WITH ORDINALITY u(q, n), message_of(u.q) m),
    '42P09 threshold ''high'' must be one, got 2 of that name; 42P09 probe ''beat'' must be one, got 2 of that name; 42P09 task ''nightly'' must be one, '
        'got 2 of that name; 42P09 board ''home'' must be one, got 2 of that name',
    'where nothing decides, nothing is dropped');
GRANT USAGE ON SCHEMA public TO names_other;
SET ROLE names_other;
SELECT is((SELECT m.state || ' ' || m.detail FROM message_of($$SELECT tally.drop_threshold('highest')$$) m), '42704 This role knows of no threshold yet.',
    'another role is told no name of a threshold');
SELECT is((SELECT state FROM message_of($$SELECT tally.drop_task('nightly')$$)), '42704', 'a task that it does not see is none');
SELECT lives_ok($$SELECT tally.create_threshold('high', query => 'SELECT 1 AS value', condition => '> 3', search_path => 'public')$$,
    'and it has a threshold of that name itself');
SELECT lives_ok($$SELECT tally.drop_threshold('high')$$, 'whose bare name is clear to it: it sees no other');
RESET ROLE;
SELECT lives_ok($$SELECT tally.drop_threshold('team_d.high'), tally.drop_threshold('team_d.beats'), tally.drop_probe('team_d.beat'),
    tally.drop_task('team_d.nightly'), tally.drop_board('team_d.home')$$, 'each is dropped by its schema');
SELECT is((SELECT string_agg(x, ' ' ORDER BY x)
    FROM (SELECT schema || '.' || name FROM tally.thresholds UNION ALL SELECT schema || '.' || name FROM tally.probes UNION ALL SELECT schema || '.' || name
    FROM tally.tasks
    UNION ALL SELECT schema || '.' || board FROM tally.board_views) y(x)), 'team_a.beat team_a.beats team_a.high team_a.home team_a.nightly',
        'and the other''s are left');
SELECT tally.drop_threshold(name) FROM tally.thresholds;
SELECT tally.drop_board('home'), tally.drop_board('team_a.deep'), tally.drop_board('deep'), tally.drop_probe('beat'), tally.drop_task('nightly');
DROP OWNED BY names_other, names_taker;
DROP ROLE names_other, names_taker;
SET search_path = team_d, public;

-- definitions() makes both again.
CREATE TEMP TABLE before AS SELECT kind, name, statement FROM tally.definitions();
SELECT tally.drop_board('two');
SELECT lives_ok($$SELECT tally.drop_rollup('team_d.daily')$$, 'a rollup is dropped by its schema, and its metrics with it');
SELECT is((SELECT array_agg(relation::text) FROM tally.rollups WHERE name = 'daily'), '{team_a.daily}', 'the other stays');
SET search_path = public;
SELECT lives_ok($$SELECT tally.metric_value('share', '2026-03-01', '2026-03-03')$$, 'and its bare name is clear again');
SELECT tally.drop_rollup(format('%s', relation)) FROM tally.rollups WHERE name IN ('daily', 'hourly', 'a.b');
SELECT statement FROM before \gexec
SELECT bag_eq('SELECT kind, name, statement FROM tally.definitions()', 'TABLE before', 'definitions() makes both again');
SELECT is((SELECT bool_and(v.ok)
    FROM (SELECT tally.metric_value('team_a.share', '2026-03-01', '2026-03-03') = 0.5 AND tally.metric_value('team_d.share', '2026-03-01',
    '2026-03-03') = 0.25 AS ok) v), true, 'with the numbers of each');
SELECT * FROM finish();
