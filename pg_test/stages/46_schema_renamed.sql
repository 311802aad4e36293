-- Bug: after ALTER SCHEMA … RENAME, definitions that name functions or types of the schema could not be refreshed, metrics said that the schema does not
-- exist, and the hint of tally.status did not mend that. Definitions follow now.
SELECT plan(22);
SET client_min_messages = error;
CREATE SCHEMA app;
CREATE SCHEMA "Other App";
CREATE FUNCTION app.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x * 2; END;
CREATE FUNCTION app.half(x float8) RETURNS float8 LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x / 2; END;
CREATE TABLE app.e (at timestamptz NOT NULL, k text, q int);
CREATE INDEX ON app.e (at);
INSERT INTO app.e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '7 hours', 'app.twice(' || i % 3, i FROM generate_series(1, 20) i;
SET search_path = app, "Other App", public;
-- By the search_path; by a schema written out, beside a text that only looks so; by key; and one rollup that names nothing of the schema.
SELECT tally.create_rollup('bare', 'e', 'at', bucket => '1 day', dimensions => '["k"]', measures => '{"s": "sum(twice(q))"}', with_data => true);
SELECT tally.create_rollup('written', 'e', 'at', bucket => '1 day', measures => '{"s": "sum(app.twice(q)) filter (where k <> ''app.twice(1'')"}',
    with_data => true);
SELECT tally.create_rollup('keyed', 'e', key => 'k', measures => '{"s": "sum(twice(q))"}', with_data => true);
SELECT tally.create_metric('halved', 'bare', 'half(s::float8)');
SELECT tally.create_threshold('too much', metric => 'halved', condition => '> 1e6', owner => 'on-call');
SELECT tally.create_threshold('rows', query => 'SELECT count(*) AS value FROM app.e', condition => '> 1e6', owner => 'on-call', every => '1 minute');
SELECT tally.create_probe('counts', 'SELECT count(*) AS value FROM app.e', every => '1 minute');
SELECT tally.create_task('sweep', '0 2 * * *', 'DELETE FROM app.e WHERE at < ''2000-01-01''');
SELECT tally.create_funnel('steps', 'e', 'at', 'k', '{"few": "app.twice(q) < 9", "many": "app.twice(q) > 9"}');
SELECT tally.create_board('board', 'Board',
    '[{"title": "Halved", "metrics": ["halved"], "picture": "line"}, {"title": "Rows", "relation": "app.e", "picture": "table"},
    {"title": "app.e", "funnel": "app.steps"}]');
SELECT tally.save_view('board', 'mine', '{}');
ALTER SCHEMA app RENAME TO "New app";
CREATE FUNCTION public.checks(what text, place text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    e text := format('%I.e', place);
BEGIN
    EXECUTE format('INSERT INTO %s VALUES (''2026-01-03 01:00+00'', ''new'', 100)', e);
    RETURN NEXT bag_eq(format('SELECT bucket, k, s FROM %I.bare_live', place),
        format('SELECT date_trunc(''day'', at, ''UTC''), k, sum(q * 2) FROM %s GROUP BY 1, 2', e), what || ': live');
    RETURN NEXT is((SELECT string_agg(r.error, ' ') FROM tally.refresh() r), NULL, what || ': refreshes go on');
    RETURN NEXT bag_eq(format('SELECT bucket, k, s FROM %I.bare', place),
        format('SELECT date_trunc(''day'', at, ''UTC''), k, sum(q * 2) FROM %s GROUP BY 1, 2', e), what || ': by search_path');
    RETURN NEXT bag_eq(format('SELECT bucket, s FROM %I.written', place),
        format('SELECT date_trunc(''day'', at, ''UTC''), sum(q * 2) FILTER (WHERE k <> ''app.twice(1'') FROM %s GROUP BY 1', e), what || ': written out');
    RETURN NEXT bag_eq(format('TABLE %I.keyed', place), format('SELECT k, sum(q * 2) FROM %s GROUP BY 1', e), what || ': by key');
    EXECUTE format('SET search_path = %I, public', place);
    RETURN NEXT is(tally.metric_value('halved', since => '2026-01-01', until => '2026-02-01'), (SELECT sum(q)::float8 FROM e), what || ': a metric');
    RETURN NEXT is((SELECT count(*) FROM tally.status WHERE state = 'error'), 0::bigint, what || ': status is well');
END $$;
SELECT public.checks('renamed', 'New app');
SELECT bag_eq($$SELECT state FROM tally.test_threshold('rows', '[1]')$$, $$VALUES ('inactive')$$, 'a threshold on a query is found under the new schema');
SELECT is((SELECT query FROM tally.probes), 'SELECT count(*) AS value FROM "New app".e', 'the query of a probe follows');
SELECT is((SELECT statement FROM tally.tasks), 'DELETE FROM "New app".e WHERE at < ''2000-01-01''', 'the statement of a task follows');
SELECT is((SELECT string_agg(DISTINCT x.schema, ', ') FROM (SELECT schema FROM tally.probes UNION ALL SELECT schema FROM tally.tasks
            UNION ALL SELECT schema FROM tally.thresholds) x WHERE x.schema = 'app'), NULL, 'names are of the new schema');
SELECT is((SELECT string_agg(d.panel ->> 'relation', ' ') FROM tally.boards b, jsonb_array_elements(b.panels) d(panel)), '"New app".e',
    'a panel''s relation follows');
SELECT is((SELECT string_agg(d.panel ->> 'title' || ' ' || (d.panel ->> 'funnel'), ' ') FROM tally.boards b, jsonb_array_elements(b.panels) d(panel)),
    'app.e steps', 'a title that looks so does not');
SELECT is((SELECT definition #>> '{steps,1,condition}' FROM tally.behaviours), '"New app".twice(q) > 9', 'the steps of a funnel follow');
SELECT is((SELECT string_agg(b.schema || '/' || v.schema, ', ') FROM tally.boards b JOIN tally.board_views v ON v.board = b.name), 'New app/New app',
          'a board and its saved view follow');
ALTER SCHEMA "New app" RENAME TO app;
SELECT public.checks('renamed back', 'app');
SELECT * FROM finish();
