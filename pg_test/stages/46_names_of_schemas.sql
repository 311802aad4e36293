-- Owns: names are scoped by schema. Two teams both have a rollup daily and a metric share; a bare name is looked for along the caller's search_path, a
-- name with its schema is that one, and where nothing decides, the caller is asked and nothing is guessed.
SELECT no_plan();
SET client_min_messages = warning;
CREATE FUNCTION message_of(statement text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT; END $$;
CREATE SCHEMA team_a; CREATE SCHEMA team_b; CREATE SCHEMA "Team C";
CREATE TABLE team_a.events (at timestamptz NOT NULL, ok boolean); INSERT INTO team_a.events SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '1 hour', i % 2 = 0 FROM generate_series(0, 47) i;
CREATE TABLE team_b.events (at timestamptz NOT NULL, ok boolean); INSERT INTO team_b.events SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '1 hour', i % 4 = 0 FROM generate_series(0, 47) i;

-- Each team writes the same statements, in its own schema.
SET search_path = team_a, public;
SELECT tally.create_rollup('daily', 'events', 'at', '1 day', measures => '{"n": "count(*)", "ok": "count(*) FILTER (WHERE ok)"}', with_data => true);
SELECT tally.create_metric('share', 'daily', 'ok::float8 / nullif(n, 0)');
SET search_path = team_b, public;
SELECT lives_ok($$SELECT tally.create_rollup('daily', 'events', 'at', '1 day', measures => '{"n": "count(*)", "ok": "count(*) FILTER (WHERE ok)"}', with_data => true)$$, 'another team has a rollup of the same name');
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
    $$(42P09,"metric 'share' must be one, got 2 of that name","Those are 'team_a.share', 'team_b.share'. The search_path does not decide between them.","SET search_path = team_a;  -- or write the name with its schema, as above")$$,
    'where nothing decides, the choices are named');
SELECT is((SELECT (state, detail)::text FROM message_of($$CALL tally.backfill('daily')$$)), (SELECT (state, detail)::text FROM message_of($$SELECT * FROM tally.verify('daily')$$)), 'the same for rollups, whoever''s rights the function has');
SELECT is((SELECT state FROM message_of($$SELECT * FROM tally.refresh('daily')$$)), '42P09', 'and for a refresh');
SELECT lives_ok($$SELECT * FROM tally.refresh('team_a.daily')$$, 'which a schema decides');
SELECT is((SELECT state FROM message_of($$SELECT tally.metric_value('team_c.share')$$)), '42704', 'another schema has none');

-- The caller is who calls the engine: a function of a person with a path of its own.
CREATE FUNCTION team_b.mine() RETURNS float8 LANGUAGE sql SET search_path = team_b AS $$ SELECT tally.metric_value('share', '2026-03-01', '2026-03-03') $$;
CREATE FUNCTION public.one_more() RETURNS float8 LANGUAGE plpgsql SET search_path = pg_catalog, team_a AS $$ BEGIN RETURN team_b.mine() + tally.metric_value('share', '2026-03-01', '2026-03-03'); END $$;
SET search_path = team_a, public;
SELECT is(team_b.mine(), 0.25::float8, 'a function''s path counts within it, not the session''s');
SELECT is(one_more(), 0.75::float8, 'function by function');
BEGIN;
SET LOCAL search_path = team_b, public;
SELECT is(tally.metric_value('share', '2026-03-01', '2026-03-03'), 0.25::float8, 'SET LOCAL counts');
ROLLBACK;
SELECT is(tally.metric_value('share', '2026-03-01', '2026-03-03'), 0.5::float8, 'and its end, too');

-- A report shows both under what was asked for; each time series is its own.
SELECT is((SELECT r::jsonb FROM tally.report('{team_a.share,team_b.share}', '2026-03-01', '2026-03-03') r), '{"team_a.share": 0.5, "team_b.share": 0.25}'::jsonb, 'two metrics of one name side by side');
SELECT bag_eq($$SELECT bucket, value FROM tally.timeseries('team_b.share', '2026-03-01', '2026-03-03')$$,
    $$SELECT date_trunc('day', at, 'UTC'), avg(ok::int)::float8 FROM team_b.events GROUP BY 1$$, 'a time series is of the schema that was asked for');
SELECT tally.create_board('two', 'Two', '[{"title": "a", "metric": "team_a.share", "picture": "stat"}, {"title": "b", "metric": "team_b.share", "picture": "stat"}]');
SET search_path = team_b, public;
SELECT is((SELECT array_agg(tally_internal._panel_stat(p, '{}', '2026-03-01', '2026-03-03', now()) ->> 'value' ORDER BY n) FROM tally.boards b, jsonb_array_elements(b.panels) WITH ORDINALITY x(p, n) WHERE b.name = 'two'),
    '{0.5,0.25}'::text[], 'a board holds the metrics that it was made with, whatever the path of who looks');

-- Names within a schema stay unique.
SELECT is((SELECT message FROM message_of($$SELECT tally.create_rollup('daily', 'events', 'at', '1 day', measures => '{"n": "count(*)"}')$$)), 'rollup ''daily'' exists already with another definition', 'a schema has each rollup once');
SELECT tally.create_rollup('hourly', 'events', 'at', '1 hour', measures => '{"n": "count(*)", "ok": "count(*) FILTER (WHERE ok)"}');
SELECT is((SELECT message FROM message_of($$SELECT tally.create_metric('share', 'hourly', 'ok::float8 / n')$$)), 'metric ''share'' exists already, on rollup ''daily''', 'and each metric');
SELECT tally.create_metric('part', 'hourly', 'ok::float8 / nullif(n, 0)');
SELECT is((SELECT (state, message)::text FROM message_of($$SELECT tally.rename_metric('part', 'share')$$)), '(23505,"metric ''part'' cannot have the name ''share'': another metric of the schema has it")', 'nor does a rename make two');
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

-- A schema that is renamed takes its names along; a rollup that moves, too.
ALTER SCHEMA team_b RENAME TO team_d;
SELECT is(tally.metric_value('team_d.share', '2026-03-01', '2026-03-03'), 0.25::float8, 'names follow a schema that is renamed');
SELECT is((SELECT state FROM message_of($$SELECT tally.metric_value('team_b.share')$$)), '42704', 'the old one has none any more');

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
SELECT is((SELECT bool_and(v.ok) FROM (SELECT tally.metric_value('team_a.share', '2026-03-01', '2026-03-03') = 0.5 AND tally.metric_value('team_d.share', '2026-03-01', '2026-03-03') = 0.25 AS ok) v), true, 'with the numbers of each');
SELECT * FROM finish();
