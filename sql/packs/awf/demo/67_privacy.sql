-- Owns: demo, the stage after the experiment: a reader of a release subtracts, and does not get there. With a view he does.

\echo '━━ 11. A reader subtracts ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'Three people of world north were in the shop. A reader must not learn that. First with a view that leaves small cells out:'
SET client_min_messages = error;
CREATE SCHEMA demo_privacy;
DO $$ BEGIN CREATE ROLE demo_reader; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
CREATE TABLE demo_privacy.visits (at timestamptz NOT NULL, person int, world text, kind text);
INSERT INTO demo_privacy.visits SELECT timestamptz '2026-01-01 10:00Z' + i * interval '1 second', c.base + i, c.world, c.kind
  FROM (VALUES ('north', 'play', 20, 0), ('north', 'shop', 3, 100), ('north', 'talk', 40, 200), ('south', 'play', 30, 300), ('south', 'shop', 25, 400),
               ('south', 'talk', 50, 500)) c(world, kind, n, base), generate_series(1, c.n) i, generate_series(1, 2);
CREATE VIEW demo_privacy.by_having AS
SELECT world, kind, count(*) AS visits FROM demo_privacy.visits GROUP BY CUBE (world, kind) HAVING count(DISTINCT person) >= 10;
SELECT tally.create_rollup('demo_privacy.by_hour', 'demo_privacy.visits', 'at', '1 hour', dimensions => '["world", "kind"]',
    measures => '{"people": "tally.hll(person)", "visits": "count(*)"}', with_data => true) \gset
SELECT tally.create_metric('demo_visits', 'demo_privacy.by_hour', 'visits') \gset
SELECT tally.create_release('demo_privacy.released', 'demo_privacy.by_hour', '{world,kind}', '{visits}', bucket => '1 day') \gset
SELECT count(*) FROM tally.refresh_release('demo_privacy.released', as_of => '2026-01-02 06:00Z') \gset
SELECT tally.grant_access('viewer', 'demo_reader', 'demo_privacy.released') \gset
GRANT SELECT ON demo_privacy.by_having TO demo_reader;
SET ROLE demo_reader;
\echo '   SELECT … total of north … - sum(visits) … published cells of north … FROM by_having;'
SELECT (SELECT visits FROM demo_privacy.by_having WHERE world = 'north' AND kind IS NULL)
     - (SELECT sum(visits) FROM demo_privacy.by_having WHERE world = 'north' AND kind IS NOT NULL) AS "visits of the three people, found";
\echo 'Now with a release. It hides three more cells, so the same subtraction gives the sum of two hidden cells:'
SELECT world, kind, visits, visits_low AS "at least", visits_high AS "at most" FROM demo_privacy.released WHERE world = 'north' ORDER BY cell;
SELECT (SELECT visits FROM demo_privacy.released WHERE world = 'north' AND kind IS NULL)
     - (SELECT sum(visits) FROM demo_privacy.released WHERE world = 'north' AND kind IS NOT NULL) AS "of two hidden cells together";
\echo 'The metric is answered from the release too. What the release does not hold is refused, and the rollup does not answer at all:'
SELECT series, value FROM tally.timeseries('demo_visits', since => '2026-01-01', until => '2026-01-02', bucket => '1 day', by => '{world,kind}',
    "where" => '{"world": "north"}');
\set ON_ERROR_STOP off
\set VERBOSITY default
\set SHOW_CONTEXT never
\echo '   SELECT tally.metric_value(''demo_visits'', since => ''2026-01-01 10:00Z'', until => ''2026-01-01 11:00Z'');  -- an hour is less than a bucket'
SELECT tally.metric_value('demo_visits', since => '2026-01-01 10:00Z', until => '2026-01-01 11:00Z');
\echo '   SELECT * FROM demo_privacy.by_hour;  -- the rollup itself'
SELECT * FROM demo_privacy.by_hour;
\set SHOW_CONTEXT errors
\set VERBOSITY terse
\set ON_ERROR_STOP on
RESET ROLE;
\echo 'And the owner has it proved again, cell by cell:'
SELECT bucket, cells, hidden, proved FROM tally.check_release('demo_privacy.released');
\echo 'More in docs/guide-privacy.md.'
\echo
RESET client_min_messages;
