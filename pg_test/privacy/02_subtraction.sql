-- Owns: subtraction. A reader takes published numbers from each other: over totals, over time, over windows, over two releases, and where a
-- total has one part only. Each attack finds the secret in a view with HAVING, and not in the release.
SELECT no_plan();
\ir prelude.psql
CREATE TEMP TABLE attack (label text, naive text, release text, secret bigint);
INSERT INTO attack VALUES
('a total less its published parts, over kinds',
 'SELECT (SELECT n FROM app.naive WHERE world = ''w1'' AND kind IS NULL) - (SELECT sum(n) FROM app.naive WHERE world = ''w1'' AND kind IS NOT NULL)',
 'SELECT (SELECT n FROM app.seen WHERE world = ''w1'' AND kind IS NULL) - (SELECT sum(n) FROM app.seen WHERE world = ''w1'' AND kind IS NOT NULL)', 6),
('the same of people',
 'SELECT (SELECT people FROM app.naive WHERE world = ''w1'' AND kind IS NULL) - (SELECT sum(people) FROM app.naive WHERE world = ''w1'' AND kind IS NOT NULL)',
 'SELECT (SELECT people FROM app.seen WHERE world = ''w1'' AND kind IS NULL) - (SELECT sum(people) FROM app.seen WHERE world = ''w1'' AND kind IS NOT NULL)',
     3),
('a total less its published parts, over worlds',
 'SELECT (SELECT n FROM app.naive WHERE world IS NULL AND kind = ''b'') - (SELECT sum(n) FROM app.naive WHERE world IS NOT NULL AND kind = ''b'')',
 'SELECT (SELECT n FROM app.seen WHERE world IS NULL AND kind = ''b'') - (SELECT sum(n) FROM app.seen WHERE world IS NOT NULL AND kind = ''b'')', 6),
('a total with one part: all less all other worlds',
 'SELECT (SELECT n FROM app.naive WHERE world IS NULL AND kind IS NULL) - (SELECT sum(n) FROM app.naive WHERE world IS NOT NULL AND kind IS NULL)',
 'SELECT (SELECT n FROM app.seen WHERE world IS NULL AND kind IS NULL) - (SELECT sum(n) FROM app.seen WHERE world IS NOT NULL AND kind IS NULL)', 8),
('all less all published cells and what they leave of another secret',
 'SELECT (SELECT n FROM app.naive WHERE world IS NULL AND kind IS NULL) - (SELECT sum(n) FROM app.naive WHERE world IS NOT NULL AND kind IS NOT NULL) - 6',
 'SELECT (SELECT n FROM app.seen WHERE world IS NULL AND kind IS NULL) - (SELECT sum(n) FROM app.seen WHERE world IS NOT NULL AND kind IS NOT NULL) - 6', 8),
('a window less a shorter one',
 'SELECT app.naive_range(''2026-01-01 10:00Z'', ''2026-01-01 11:00Z'') - app.naive_range(''2026-01-01 10:00:02Z'', ''2026-01-01 11:00Z'')',
 'SELECT (SELECT sum(value) FROM tally.released(''seen'', ''2026-01-01 10:00Z'', ''2026-01-01 11:00Z'') WHERE measure = ''n'') '
 '- (SELECT sum(value) FROM tally.released(''seen'', ''2026-01-01 10:00:02Z'', ''2026-01-01 11:00Z'') WHERE measure = ''n'')', 20);
SELECT is(evil.guess(a.naive), a.secret, a.label || ': found in the view') FROM attack a;
SELECT isnt(evil.guess(a.release), a.secret, a.label || ': not in the release') FROM attack a;
-- Zeros are published: a cell that is not there has nobody, which is no secret; but w1 and w4 are there.
SELECT is((SELECT count(*) FROM app.seen WHERE world = 'w4' AND kind = 'a'), 0::bigint, 'a cell of nobody is not there');
SELECT is((SELECT bool_and(hidden AND n IS NULL AND people IS NULL) FROM app.seen WHERE world = 'w4'), true, 'a full cell and its total are hidden together');
-- What the ends tell, they tell rightly: the secret is inside, and nothing narrower follows for a reader who tries all pairs of hidden cells.
SELECT ok(bool_and(CASE WHEN world = 'w1' THEN 3 ELSE 4 END BETWEEN people_low AND COALESCE(people_high, 4) AND COALESCE(people_high, 10) >= 10
    AND people_low < COALESCE(people_high, 10)),
    'the ends of the secret hold it, are apart, and reach ten') FROM app.seen WHERE world = 'w1' AND kind = 'b' OR world = 'w4';

-- Over time: one late visit of one person.
CREATE TEMP TABLE yesterday AS SELECT (SELECT n FROM app.naive WHERE world = 'w2' AND kind = 'a') AS naive, (SELECT sum(n) FROM app.seen) AS release;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
INSERT INTO app.visits VALUES ('2026-01-01 12:00Z', 777, 'w2', 'a');
SELECT count(*) FROM tally.refresh('by_hour');
SELECT count(*) FROM tally.refresh_release('seen', '2026-01-05 01:00Z');
SELECT throws_like($$SELECT tally.create_release('app.again', 'by_hour', '{world}', '{n}')$$, '%once more%', 'a second release of the same rows is refused');
SELECT tally.create_rollup('app.by_day', 'app.by_hour', 'bucket', '1 day', dimensions => '["world"]',
    measures => '{"people": "tally.rollup(people)", "n": "sum(n)"}', with_data => true);
SELECT throws_like($$SELECT tally.create_release('app.again', 'by_day', '{world}', '{n}')$$, '%once more%', 'through a rollup on the rollup too');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SELECT is((SELECT n FROM app.naive WHERE world = 'w2' AND kind = 'a') - 60, 1::bigint, 'today less yesterday shows one visit of one person in the view');
SELECT is((SELECT sum(n) FROM app.seen), (SELECT sum(n) FROM app.seen WHERE bucket < '2026-01-02'), 'the release has no bucket more');
SELECT is((SELECT n FROM app.seen WHERE world IS NULL AND kind IS NULL), (SELECT sum(2 * n) FROM unnest('{20,3,40,30,25,50,31,26,51,4}'::int[]) n),
    'and its total is as it was');
\ir epilogue.psql
SELECT * FROM finish();
