-- Owns: releases whose people are counted exactly, by a dimension of the rollup that names them: the numbers against plain SQL, nobody, late rows, buckets
-- that are merged, metrics that count people, and the errors.
SELECT no_plan();
SET client_min_messages = warning;
\ir ../message_of.psql
CREATE TABLE visits (at timestamptz NOT NULL, person text, world text, kind text);
CREATE INDEX ON visits (at);
-- People are in both worlds and in several hours; w1, b has three; 30 visits of w2, c are of nobody known; the text (none) is nobody too.
INSERT INTO visits SELECT timestamptz '2026-01-01 10:00Z' + (i % 3) * interval '1 hour', 'p' || (c.base + i) % 120, c.world, c.kind
  FROM (VALUES ('w1', 'a', 20, 0), ('w1', 'b', 3, 100), ('w1', 'c', 40, 40), ('w2', 'a', 30, 10), ('w2', 'b', 25, 60), ('w2', 'c', 50, 70))
       c(world, kind, n, base), generate_series(1, c.n) i, generate_series(1, 2);
INSERT INTO visits SELECT timestamptz '2026-01-01 12:00Z', CASE WHEN i % 2 = 0 THEN '(none)' END, 'w2', 'c' FROM generate_series(1, 30) i;
SELECT tally.create_rollup('by_hour', 'visits', 'at', '1 hour', dimensions => '["world", "kind"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.exact_count('visitors', 'by_hour', 'person', with_data => true);
SELECT is(tally.create_release('seen', 'visitors_actors', '{world,kind}', '{rows}', people => 'actor', bucket => '1 day')::text, 'seen',
    'a release counts people by the dimension of exact_count()');
SELECT columns_are('seen', '{bucket,cell,world,kind,hidden,people,people_low,people_high,rows,rows_low,rows_high}'::name[], 'no column of it names anybody');
SELECT results_eq($$SELECT state, cells, hidden > 0 FROM tally.refresh_release('seen', '2026-01-02 01:00Z')$$, $$VALUES ('released', 12, true)$$,
    'a day of three hours is published');
CREATE TEMP TABLE truth AS SELECT world, kind, count(DISTINCT nullif(person, '(none)')) AS people, count(*) AS rows FROM visits GROUP BY CUBE (world, kind);
SELECT is_empty($$SELECT * FROM seen s JOIN truth t ON (s.world, s.kind) IS NOT DISTINCT FROM (t.world, t.kind)
    WHERE CASE WHEN s.hidden THEN num_nonnulls(s.people, s.rows) > 0 OR t.people NOT BETWEEN s.people_low AND coalesce(s.people_high, t.people)
          ELSE (s.people, s.rows) IS DISTINCT FROM (t.people, t.rows) END$$, 'what is shown is that of plain SQL, and what is hidden lies between its ends');
SELECT is((SELECT array_agg(s.cell IS NOT NULL) FROM truth t LEFT JOIN seen s ON (s.world, s.kind) IS NOT DISTINCT FROM (t.world, t.kind)),
    array_fill(true, '{12}'),
    'all cells and totals are there');
SELECT is((SELECT hidden FROM seen WHERE world = 'w1' AND kind = 'b'), true, 'three people are hidden');
SELECT is((SELECT array_agg(proved) FROM tally.check_release('seen')), '{t}', 'and all is proved by other arithmetic');
SELECT is_empty($$SELECT * FROM seen s WHERE s::text ~ '\mp[0-9]+\M'$$, 'no person is in it');
SELECT is_empty($$SELECT 1 FROM tally.released_buckets b WHERE b::text ~ '\mp[0-9]+\M' UNION ALL SELECT 1 FROM tally.release_witnesses w
    WHERE w::text ~ '\mp[0-9]+\M'$$, 'nor in what is kept of it');

-- Late rows, once, and the same definition again.
INSERT INTO visits VALUES ('2026-01-01 11:30Z', 'p999', 'w1', 'b');
SELECT is_empty($$SELECT * FROM tally.refresh_release('seen', '2026-01-03 01:00Z')$$, 'a late person changes nothing that is published');
INSERT INTO visits SELECT timestamptz '2026-01-02 09:00Z' + i * interval '1 minute', 'p' || i % 40, 'w' || 1 + i % 2, 'a' FROM generate_series(1, 200) i;
SELECT results_eq($$SELECT bucket, state, hidden FROM tally.refresh_release('seen', '2026-01-03 01:00Z')$$,
    $$VALUES (timestamptz '2026-01-02 00:00Z', 'released', 0)$$, 'the next day is published from rows that are not refreshed yet');
SELECT results_eq($$SELECT people, rows FROM seen WHERE bucket = '2026-01-02' AND world IS NULL AND kind IS NULL$$, $$VALUES (40::bigint, 200::bigint)$$,
    'forty people, whatever their hours');
SELECT is(tally.create_release('seen', 'visitors_actors', '{world,kind}', '{rows}', people => 'actor', bucket => '1 day')::text, 'seen',
    'the same definition again changes nothing');
SELECT alike((SELECT d.statement FROM tally.definitions() d WHERE d.kind = 'release'), '%people => ''actor''%', 'definitions() says how people are counted');

-- Another release by the same dimension, in place of the first.
SELECT tally.drop_release('seen');
SELECT is(to_regclass('seen'), NULL, 'it is dropped');
SELECT tally.create_release('seen', 'visitors_actors', '{world}', '{rows}', people => 'actor', bucket => '1 day', k => 15);
INSERT INTO visits SELECT timestamptz '2026-01-03 09:00Z', 'p' || i, CASE WHEN i <= 14 THEN 'w1' ELSE 'w2' END, 'a' FROM generate_series(1, 60) i;
SELECT results_eq($$SELECT bucket, hidden FROM tally.refresh_release('seen', '2026-01-04 01:00Z')$$, $$VALUES (timestamptz '2026-01-03 00:00Z', 2)$$,
    'fourteen are few for k of fifteen, and hide the other world too');
SELECT is((SELECT array_agg(proved) FROM tally.check_release('seen')), '{t}', 'proved');
-- A cell that has all people of a total but a few, exactly counted: 46 of 48.
INSERT INTO visits SELECT timestamptz '2026-01-04 09:00Z', 'p' || i, 'w1', 'a' FROM generate_series(1, 46) i;
INSERT INTO visits SELECT timestamptz '2026-01-04 09:00Z', 'p' || i, 'w2', 'a' FROM generate_series(20, 48) i;
SELECT results_eq($$SELECT hidden > 0 FROM tally.refresh_release('seen', '2026-01-05 01:00Z')$$, $$VALUES (true)$$,
    'a world of 46 people and a total of 48 would show two');
SELECT is_empty($$SELECT * FROM seen a JOIN seen b USING (bucket) WHERE a.world IS NULL AND b.world = 'w1' AND a.people - b.people < 15$$,
    'so they do not stand beside each other');

-- The source's column of people gets another name.
ALTER TABLE visits RENAME COLUMN person TO human;
INSERT INTO visits SELECT timestamptz '2026-01-05 09:00Z', 'p' || i, 'w1', 'a' FROM generate_series(1, 30) i;
SELECT results_eq($$SELECT bucket, state FROM tally.refresh_release('seen', '2026-01-06 01:00Z')$$, $$VALUES (timestamptz '2026-01-05 00:00Z', 'released')$$,
    'renamed columns of the source: the release goes on');
SELECT tally.alter_rollup('visitors_actors', drop_dimensions => '{kind}');
SELECT is_empty($$SELECT * FROM tally.refresh_release('seen', '2026-01-06 01:00Z')$$, 'a dimension that it does not show may go');
SELECT throws_ok($$SELECT tally.alter_rollup('visitors_actors', drop_dimensions => '{actor}')$$, NULL, NULL, 'the metric keeps the dimension of people');
SELECT tally.drop_metric('visitors');
SELECT tally.alter_rollup('visitors_actors', drop_dimensions => '{actor}');
SELECT throws_like($$SELECT * FROM tally.refresh_release('seen', '2026-01-07 01:00Z')$$, '%defined otherwise now%', 'without it nothing more is published');
SELECT tally.drop_release('seen');

-- Refused definitions, in four parts.
CREATE TEMP TABLE asked (label text, statement text, says text, hint text);
SELECT tally.create_rollup('each_day', 'visits', 'at', '1 day', dimensions => '["world", "human", {"vip": "CASE WHEN kind = ''a'' THEN human END"},
    {"people": "kind"}]', measures => '{"n": "count(*)"}', with_data => true);
INSERT INTO asked VALUES
('people that are a dimension of the release', $$SELECT tally.create_release('bad', 'each_day', '{world,human}', '{n}', people => 'human')$$,
 '%must be none of its dimensions%', '%{world}%'),
('a dimension that names some people', $$SELECT tally.create_release('bad', 'each_day', '{world}', '{n}', people => 'vip')$$,
    '%all people of a cell%', '%hll(user_id)%'),
('a dimension of the name people', $$SELECT tally.create_release('bad', 'each_day', '{people}', '{n}', people => 'human')$$, '%must be its people%',
    '%create_release%'),
('people who are nowhere', $$SELECT tally.create_release('bad', 'each_day', '{world}', '{n}', people => 'nobody')$$,
    '%or a dimension that names them%', '%alter_rollup%'),
('people who are a count', $$SELECT tally.create_release('bad', 'each_day', '{world}', '{n}', people => 'n')$$, '%or a dimension that names them%',
    '%alter_rollup%');
SELECT ok((p).state IS NOT NULL AND (p).message LIKE a.says AND (p).detail <> '' AND (p).hint LIKE a.hint, a.label || ': refused in four parts')
  FROM asked a, LATERAL (SELECT message_of(a.statement) AS p) m;
SELECT is((SELECT count(*) FROM tally.releases), 0::bigint, 'none of them is left');
SELECT lives_ok((message_of($$SELECT tally.create_release('good', 'each_day', '{world,human}', '{n}', people => 'human')$$)).hint,
    'a hint is a statement that works');
SELECT tally.drop_release((SELECT x.name FROM tally.releases x));
-- A rollup on a rollup keeps the dimension.
SELECT tally.create_rollup('each_week', 'each_day', 'bucket', '1 week', dimensions => '["world", "human", "vip"]', measures => '{"n": "sum(n)"}',
    with_data => true);
SELECT throws_like($$SELECT tally.create_release('bad', 'each_week', '{world}', '{n}', people => 'vip')$$, '%all people of a cell%',
    'some people of a rollup below');
INSERT INTO visits SELECT timestamptz '2026-01-13 09:00Z', 'p' || i, 'w' || i % 2, 'a' FROM generate_series(1, 60) i, generate_series(1, 2);
SELECT tally.create_release('weekly', 'each_week', '{world}', '{n}', people => 'human');
SELECT results_eq($$SELECT state FROM tally.refresh_release('weekly', '2026-02-01 01:00Z')$$, $$VALUES ('released')$$,
    'a week that no bucket of it was published of');
SELECT results_eq($$SELECT world, people FROM weekly ORDER BY world NULLS LAST$$, $$SELECT world, count(DISTINCT human) FROM visits
    WHERE date_trunc('week', at, 'UTC') = (SELECT min(bucket) FROM weekly) GROUP BY ROLLUP (world) ORDER BY world NULLS LAST$$, 'with the people of plain SQL');
SELECT * FROM finish();
