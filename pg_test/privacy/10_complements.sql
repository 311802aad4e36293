-- Owns: who is not in a cell. People may be in several cells, so a total less one of its parts is no other cell, and yet it counts people: of 100 who came 97
-- have started, and three have not. Found in a view with HAVING and not in the release; and a release whose people are counted under a condition.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
-- In town x 97 of 100 have started; in town y all 40 have, in town z 30 of 60.
CREATE TABLE app.steps (at timestamptz NOT NULL, person int, town text, kind text);
INSERT INTO app.steps SELECT '2026-01-01 10:00Z', c.base + i, c.town, c.kind
  FROM (VALUES ('x', 'start', 0, 97), ('x', 'shop', 60, 40), ('x', 'talk', 39, 61), ('y', 'start', 200, 40), ('y', 'shop', 210, 20), ('y', 'talk', 200, 25),
               ('z', 'start', 300, 30), ('z', 'shop', 325, 35), ('z', 'talk', 315, 30)) c(town, kind, base, n), generate_series(1, c.n) i;
SELECT tally.create_rollup('steps_hourly', 'app.steps', 'at', '1 hour', dimensions => '["town", "kind"]', with_data => true,
    measures => '{"people": "tally.hll(person)", "started": "tally.hll(person) FILTER (WHERE kind = ''start'')", '
                '"shoppers": "tally.hll(CASE WHEN kind = ''shop'' THEN person END)", "most": "tally.hll(NULLIF(person, 7))", "n": "count(*)"}');
SELECT tally.create_release('steps_seen', 'steps_hourly', '{town,kind}', '{n}', bucket => '1 day');
SELECT is((SELECT array_agg(r.state) FROM tally.refresh_release('steps_seen', '2026-01-02 01:00Z') r), '{released}', 'the table is released');
CREATE VIEW app.steps_naive AS SELECT town, kind, count(*) AS n, count(DISTINCT person) AS people FROM app.steps
    GROUP BY CUBE (town, kind) HAVING count(DISTINCT person) >= 10;
GRANT SELECT ON app.steps_naive, app.steps_seen TO tally_reader;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SELECT is((SELECT t.people - p.people FROM app.steps_naive t, app.steps_naive p WHERE t.town = 'x' AND t.kind IS NULL AND p.town = 'x' AND p.kind = 'start'),
    3::bigint, 'a view tells that three people of x have not started');
-- Every pair of a cell and a total that holds it, by the dimensions that each names.
CREATE TEMP VIEW pairs AS SELECT t.town, t.kind, p.town AS in_town, p.kind AS in_kind, t.people - COALESCE(p.people, p.people_high) AS least,
       t.people - COALESCE(p.people, p.people_low) AS most
  FROM app.steps_seen t JOIN app.steps_seen p ON p.bucket = t.bucket AND p.cell <> t.cell AND (t.town IS NULL OR t.town = p.town)
       AND (t.kind IS NULL OR t.kind = p.kind) WHERE NOT t.hidden AND p.kind IS NOT NULL AND t.kind IS NULL;
SELECT cmp_ok((SELECT count(*) FROM pairs), '>', 5::bigint, 'the release shows totals over kinds');
SELECT is_empty('SELECT * FROM pairs WHERE least > 0 AND most < 10', 'and none of them less a part tells of fewer than ten people');
SELECT is((SELECT hidden FROM app.steps_seen WHERE town = 'x' AND kind = 'start'), true, 'those who have started in x are not told');
SELECT cmp_ok((SELECT count(*) FROM app.steps_seen WHERE NOT hidden), '>', 7::bigint, 'while many cells are told');
DROP VIEW pairs;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT is((SELECT array_agg(proved) FROM tally.check_release('steps_seen')), '{t}', 'the release is proved');
UPDATE app.steps_seen SET people = 97, n = 97, hidden = false, people_low = NULL, people_high = NULL, n_low = NULL, n_high = NULL
 WHERE town = 'x' AND kind = 'start';
SELECT matches((SELECT problem FROM tally.check_release('steps_seen')), 'tell of 3 people who are in one of them alone',
    'shown by hand, the proof finds the three');

-- What people are counted by.
SELECT tally.drop_release('steps_seen');
SELECT tally.create_rollup('app.steps_daily', 'app.steps_hourly', 'bucket', '1 day', dimensions => '["town"]', with_data => true,
    measures => '{"people": "tally.rollup(people)", "started": "tally.rollup(started)", "again": "tally.rollup(people) FILTER (WHERE kind = ''start'')", '
                '"n": "sum(n)"}');
SELECT is((evil.parts(format('SELECT tally.create_release(''app.some'', %L, ''{town}'', ''{n}'', people => %L, bucket => ''1 day'')', r, m)))[1:2]::text,
    format('{0A000,"people of release ''some'' must be all people of a cell, got ''%s'', which counts some of them"}', m), 'refused: ' || r || '.' || m)
  FROM (VALUES ('app.steps_hourly', 'started'), ('app.steps_hourly', 'shoppers'), ('app.steps_hourly', 'most'), ('app.steps_daily', 'started'),
               ('app.steps_daily', 'again')) x(r, m);
SELECT lives_ok($$SELECT tally.create_release('app.all_of_them', 'app.steps_daily', '{town}', '{n}')$$, 'all people of a rollup on the rollup are released');
SELECT tally.drop_release('app.all_of_them');
-- A metric needs no place in a release, and its name among the measures says so.
SELECT tally.create_metric('steps each', 'steps_hourly', 'n::float8 / nullif(tally.distinct_count(people), 0)');
SELECT matches((evil.parts($$SELECT tally.create_release('app.of_metric', 'app.steps_hourly', '{town}', '{"steps each"}', bucket => '1 day')$$))[3],
    'Metric .steps each. over counts that are released is answered from the release by itself', 'a metric among the measures: the error says how it is read');
\ir epilogue.psql
SELECT * FROM finish();
