-- Owns: a retention on a board: a row of cells for each cohort, or a table of the periods, filtered, by plain SQL; the same in every program.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'Asia/Kathmandu';
CREATE SCHEMA back;
SET search_path = back, public;
CREATE TABLE visits (at timestamptz NOT NULL, person text, world text);
CREATE INDEX ON visits (at);
-- Each person comes back on some of the days that follow, always in his own world.
INSERT INTO visits SELECT date_trunc('day', now(), 'UTC') - interval '11 days' + d * interval '1 day' + interval '3 hours', 'p' || p, 'w' || p % 2
  FROM generate_series(1, 60) p, generate_series(0, 10) d WHERE d >= p % 5 AND (d = p % 5 OR (p * 7 + d * 3) % 4 = 0);
SELECT tally.create_retention('coming_back', 'visits', 'at', 'person', "start" => 'true', return => 'true', periods => 12, dimensions => '["world"]',
    with_data => true);
SELECT tally.create_board('returns', 'Returns', variables => '{world}', since => '30 days', panels =>
    '[{"title": "Cohorts", "retention": "coming_back"}, {"title": "Curve", "retention": "coming_back", "picture": "table"},
      {"title": "One world", "retention": "coming_back", "where": {"world": "w0"}}]');
CREATE FUNCTION panel(title text, filters jsonb DEFAULT '{}', since text DEFAULT '30 days') RETURNS jsonb LANGUAGE sql AS $$
    SELECT p FROM tally.boards b, jsonb_array_elements(tally_internal._board_model(b, $2, $3, NULL, 'auto', false, now()) -> 'panels') p
     WHERE b.name = 'returns' AND p ->> 'title' = $1 $$;
CREATE FUNCTION cells(panel jsonb) RETURNS TABLE (cohort text, period int, share numeric) LANGUAGE sql AS $$
    SELECT s ->> 'name', (panel -> 'columns' ->> (p ->> 0)::int)::int, round((p ->> 1)::numeric, 9)
      FROM jsonb_array_elements(panel -> 'series') s, jsonb_array_elements(s -> 'points') p $$;
-- By plain SQL: the first day of each person, and the days that are wholly past.
CREATE VIEW plain AS
    SELECT f.day, n.n AS period, f.world, f.person, EXISTS (SELECT FROM visits v WHERE v.person = f.person
               AND date_trunc('day', v.at, 'UTC') = f.day + n.n * interval '24 hours') AS came
      FROM (SELECT person, world, min(date_trunc('day', at, 'UTC')) AS day FROM visits GROUP BY 1, 2) f, generate_series(0, 12) n(n)
     WHERE f.day + (n.n + 1) * interval '24 hours' <= now();
SELECT bag_eq(format('SELECT * FROM cells(panel(%L, %L))', c.title, c.filters), format($$SELECT to_char(day AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS cohort, period,
    round(avg(came::int), 9) AS share FROM plain WHERE world LIKE %L GROUP BY 1, 2$$, c.world), format('cells of %s by %s', c.title, c.filters))
  FROM (VALUES ('Cohorts', '{}', '%'), ('Cohorts', '{"world": "w1"}', 'w1'), ('One world', '{}', 'w0')) c(title, filters, world);
SELECT cmp_ok((SELECT count(*) FROM cells(panel('Cohorts'))), '>=', 40::bigint, 'there are cells to compare');
SELECT is((SELECT count(DISTINCT cohort) FROM cells(panel('Cohorts', since => '9 days'))), 2::bigint, 'cohorts of the range');
SELECT results_eq($$SELECT (r ->> 0)::int, (r ->> 1)::bigint, (r ->> 2)::bigint, round((r ->> 3)::numeric, 9)
                      FROM jsonb_array_elements(panel('Curve') -> 'rows') r$$,
    'SELECT period, count(*), count(*) FILTER (WHERE came), round(avg(came::int), 9) FROM plain GROUP BY 1 ORDER BY 1', 'the curve');
SELECT matches(tally.page('returns')::text, 'aria-label="Numbers of Curve".*?100\u202F%', 'a share in percent on the page');
SELECT alike(tally.board_text('returns'), '%── Cohorts %', 'and at the prompt');
SELECT unalike(tally.board_text('returns'), '%ERROR%', 'without an error');

-- In other programs it is the curve.
CREATE FUNCTION asked(query text) RETURNS TABLE (period int, eligible bigint, retained bigint, share float8) LANGUAGE plpgsql AS $$
    BEGIN RETURN QUERY EXECUTE query; END $$;
CREATE VIEW curve AS SELECT period, count(*) AS eligible, count(*) FILTER (WHERE came) AS retained, avg(came::int)::float8 AS share FROM plain GROUP BY 1;
\ir grafana.psql
SELECT bag_eq(format('SELECT * FROM asked(%L)', pg_temp.expanded(replace(replace(p #>> '{targets,0,rawSql}', '$__timeFrom()',
        quote_literal(now() - interval '30 days')), '$__timeTo()', quote_literal(now())), 'NULL')), 'SELECT * FROM curve', 'Grafana: the curve')
  FROM jsonb_array_elements(tally.grafana_dashboard('returns') -> 'panels') p WHERE p ->> 'title' IN ('Cohorts', 'Curve');
SELECT is(concat(p ->> 'type', p #>> '{fieldConfig,overrides,0,matcher,options}', p #>> '{fieldConfig,overrides,0,properties,0,value}'),
    'tablesharepercentunit', 'as a table') FROM jsonb_array_elements(tally.grafana_dashboard('returns') -> 'panels') p;
SELECT bag_eq(format('SELECT * FROM asked(%L)', content::jsonb ->> 'sql'), 'SELECT * FROM curve', 'Superset: the curve')
  FROM tally.superset_files('{returns}') WHERE content::jsonb ->> 'sql' LIKE '%retention%';
SELECT bag_eq(format('SELECT * FROM asked(%L)', content::jsonb #>> '{dataset_query,stages,0,native}'), 'SELECT * FROM curve', 'Metabase: the curve')
  FROM tally.metabase_files('{returns}') WHERE content::jsonb ? 'dataset_query' AND content::jsonb ->> 'name' <> 'One world';

-- What may not be, and what follows.
SELECT throws_ok($$SELECT tally.create_board('x', 'X', '[{"title": "a", "retention": "nope"}]')$$, '42704', NULL, 'a retention that is not there');
SELECT throws_ok($$SELECT tally.create_board('x', 'X', '[{"title": "a", "retention": "coming_back", "picture": "line"}]')$$, '22023', NULL, 'no line');
SELECT throws_ok($$SELECT tally.create_board('x', 'X', '[{"title": "a", "retention": "coming_back"}]', variables => '{colour}')$$, '42703', NULL,
    'a variable that it lacks');
CREATE ROLE retention_viewer ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA back TO retention_viewer;
GRANT EXECUTE ON FUNCTION panel(text, jsonb, text) TO retention_viewer;
SET ROLE retention_viewer;
SELECT alike(tally.board_text('returns'), '%permission denied%', 'who may not read it is told so');
RESET ROLE;
GRANT SELECT ON coming_back_cohorts_live, coming_back_live TO retention_viewer;
SET ROLE retention_viewer;
SELECT unalike(tally.board_text('returns'), '%ERROR%', 'who may read it sees it');
RESET ROLE;
CREATE TEMP TABLE before AS SELECT panel('Cohorts') AS p;
ALTER SCHEMA back RENAME TO again;
SET search_path = again, public;
SELECT is(panel('Cohorts'), (SELECT p FROM before), 'it follows a schema that is renamed');
SELECT alike(statement, '%"retention": "coming_back"%search_path => ''again''%', 'and is listed under its present name')
  FROM tally.definitions() WHERE kind = 'board';
SELECT tally.drop_retention('coming_back');
SELECT alike(tally.board_text('returns'), '%ERROR%', 'one that is gone is told in its place');
SET search_path = public;
DROP OWNED BY retention_viewer;
DROP ROLE retention_viewer;
SELECT * FROM finish();
