-- Owns: releases: what is published, what is hidden, that a bucket is published once, and the errors of definitions.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE visits (at timestamptz NOT NULL, person int, world text, kind text);
-- By hand: people per world and kind on the first day. Each has two visits, one of them a retry where the number of the person is even.
INSERT INTO visits SELECT timestamptz '2026-01-01 10:00Z' + (i || ' seconds')::interval, c.base + i, c.world, c.kind
  FROM (VALUES ('w1', 'a', 20, 0), ('w1', 'b', 3, 100), ('w1', 'c', 40, 200), ('w2', 'a', 30, 300),
               ('w2', 'b', 25, 400), ('w2', 'c', 50, 500)) c(world, kind, n, base),
       generate_series(1, c.n) i, generate_series(1, 2);
SELECT tally.create_rollup('by_hour', 'visits', 'at', '1 hour', dimensions => '["world", "kind"]',
    measures => '{"people": "tally.hll(person)", "n": "count(*)", "even": "count(*) FILTER (WHERE person % 2 = 0)", "sum_": "sum(person)"}', with_data => true);
SELECT is(tally.create_release('seen', 'by_hour', '{world,kind}', '{n}', bucket => '1 day')::text, 'seen', 'a release is defined');
SELECT results_eq($$SELECT bucket, state, cells, reason FROM tally.refresh_release('seen', '2026-01-02 00:30Z')$$,
    $$SELECT NULL::timestamptz, NULL::text, NULL::int, NULL::text WHERE false$$, 'a day is not published before it has settled');
SELECT results_eq($$SELECT bucket, state, cells, hidden, reason FROM tally.refresh_release('seen', '2026-01-02 01:00Z')$$,
    $$VALUES (timestamptz '2026-01-01 00:00Z', 'released', 12, 4, NULL::text)$$,
    'then it is: six cells, five totals and one of all; one is small, and takes three with it');
SELECT results_eq($$SELECT world, kind, people, n FROM seen WHERE NOT hidden AND world IS NULL ORDER BY kind NULLS LAST$$,
    $$VALUES (NULL::text, 'a', 50::bigint, 100::bigint), (NULL, 'b', 28, 56), (NULL, 'c', 90, 180), (NULL, NULL, 168, 336)$$,
    'totals are those of plain SQL');
SELECT results_eq($$SELECT s.world, s.kind FROM seen s WHERE hidden AND world = 'w1' AND kind = 'b'$$, $$VALUES ('w1', 'b')$$, 'the small cell is hidden');
SELECT is_empty($$SELECT * FROM seen WHERE hidden AND (people IS NOT NULL OR n IS NOT NULL)$$,
    'a hidden cell shows none of its numbers');
SELECT is_empty($$SELECT * FROM seen WHERE hidden AND NOT (people_low < coalesce(people_high, 999999) AND coalesce(people_high, 999999) >= 10
    AND n_low < coalesce(n_high, 999999) AND coalesce(n_high, 999999) >= 10)$$, 'each is between ends that are apart and reach ten');
SELECT ok((SELECT 3 BETWEEN people_low AND people_high AND 6 BETWEEN n_low AND n_high FROM seen WHERE world = 'w1'
    AND kind = 'b'), 'between which the truth lies');
SELECT is((SELECT array_agg(proved) FROM tally.check_release('seen')), '{t}', 'the proofs are true by other arithmetic');
-- Once.
INSERT INTO visits VALUES ('2026-01-01 11:00Z', 999, 'w1', 'b');
SELECT is_empty($$SELECT * FROM tally.refresh_release('seen', '2026-01-03 01:00Z')$$,
    'a late row changes nothing that is published, so it cannot be told by subtraction');
SELECT tally.drop_release('seen');
SELECT tally.create_release('seen', 'by_hour', '{world}', '{n}', bucket => '1 day');
SELECT is_empty($$SELECT * FROM tally.refresh_release('seen', '2026-01-03 01:00Z')$$, 'nor is it published again under another definition');
SELECT throws_like($$SELECT tally.create_release('seen2', 'by_hour', '{kind}', '{n}')$$, '%once more%', 'two releases of the same rows are refused');
INSERT INTO visits SELECT timestamptz '2026-01-02 10:00Z' + (i || ' seconds')::interval, i, 'w' || i % 2, 'a' FROM generate_series(1, 60) i;
SELECT results_eq($$SELECT bucket, state, hidden FROM tally.refresh_release('seen', '2026-01-03 01:00Z')$$,
    $$VALUES (timestamptz '2026-01-02 00:00Z', 'released', 0)$$, 'new days are');
SELECT is((SELECT array_agg(proved) FROM tally.check_release('seen')), '{t}', 'and proved');
-- Changes by hand are found.
UPDATE seen SET n = 1 WHERE world = 'w1';
SELECT is((SELECT array_agg(proved) FROM tally.check_release('seen')), '{f}', 'a total that is not that of its parts is found');
UPDATE seen SET people = 3 WHERE world = 'w1';
SELECT is((SELECT array_agg(proved) FROM tally.check_release('seen')), '{f}', 'a cell that shows few people is found');
SELECT tally.drop_release('seen');
-- Refused definitions leave nothing.
SELECT throws_like($$SELECT tally.create_release('bad', 'by_hour', '{world}', '{sum_}')$$, '%must be counts%', 'sums are refused');
SELECT throws_like($$SELECT tally.create_release('bad', 'by_hour', '{world}', '{even}')$$, '%must be counts of all rows%',
    'so are counts of some rows: 997 of 1000 show that three are not');
SELECT throws_like($$SELECT tally.create_release('bad', 'by_hour', '{nowhere}', '{n}')$$, '%dimensions of release%', 'a dimension that is not there');
SELECT throws_like($$SELECT tally.create_release('bad', 'by_hour', '{world}', '{n}', people => 'n')$$,
    '%tally.hll()%', 'people that are no distinct people');
SELECT throws_like($$SELECT tally.create_release('bad', 'by_hour', '{world}', '{n}', k => 1)$$, '%k of release%', 'k of nobody');
SELECT throws_like($$SELECT tally.create_release('bad', 'by_hour', '{world}', '{n}', bucket => '90 minutes')$$, '%whole buckets%', 'buckets that split');
SELECT throws_like($$SELECT tally.create_release('bad', 'by_hour', '{world}', '{n}', margins => 'some')$$, '%all, total or none%', 'margins that are none');
SELECT throws_like($$SELECT tally.create_release('bad', 'by_hour', '{world}', '{n}', hierarchies => '[["kind"]]')$$,
    '%hierarchies%', 'a hierarchy of other dimensions');
SELECT throws_like($$SELECT tally.create_release('bad', 'by_hour', '{world}', '{n}', settle => '-1 hour')$$, '%settle%', 'settling before the end');
SELECT throws_like($$SELECT * FROM tally.refresh_release('nothing')$$, '%does not exist%', 'a release that is not there');
SELECT is((SELECT count(*) FROM tally.releases), 0::bigint, 'none of them is left');
SELECT is(to_regclass('bad'), NULL, 'nor a table');
-- The source is renamed, the rollup goes.
ALTER TABLE visits RENAME TO calls;
SELECT tally.create_release('seen', 'by_hour', '{world}', '{n}');
SELECT count(*) FROM tally.refresh_release('seen', '2026-01-05 01:00Z');
INSERT INTO calls SELECT timestamptz '2026-01-06 10:00Z', i, 'w1', 'a' FROM generate_series(1, 30) i;
SELECT results_eq($$SELECT bucket FROM tally.refresh_release('seen', '2026-01-07 00:00Z')$$, $$VALUES (timestamptz '2026-01-06 10:00Z')$$,
    'a release by the hour publishes hours of days that are not published yet');
SELECT is((SELECT count(*) FROM seen), 2::bigint, 'one world and the total');
SELECT tally.drop_rollup('by_hour');
SELECT throws_like($$SELECT * FROM tally.refresh_release('seen')$$, '%is of a rollup that is dropped%',
    'a release of a rollup that is dropped is not refreshed');
SELECT is((SELECT count(*) FROM seen), 2::bigint, 'what is published stands');
SELECT is((SELECT array_agg(proved) FROM tally.check_release('seen')), '{t}', 'and is proved still');
SELECT tally.create_rollup('by_hour', 'calls', 'at', '1 hour', dimensions => '["kind"]',
    measures => '{"people": "tally.hll(person)", "n": "count(*)"}', with_data => true);
SELECT tally.create_release('seen3', 'by_hour', '{kind}', '{n}');
SELECT is_empty($$SELECT * FROM tally.refresh_release('seen3', '2026-01-07 00:00Z')$$, 'another rollup of the same rows publishes none of them again');
SELECT * FROM finish();
