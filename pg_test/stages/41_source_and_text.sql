-- Small things that lost rows, or failed without a word of what to do: text that ends in a comment, a source by a name that the
-- engine uses, temporary tables, the engine's own tables.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE e (at timestamptz, k text, v int, tags text[]);
CREATE INDEX ON e (at);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '10 minutes', 'k' || i % 3, i, ARRAY['a', 'b'] FROM generate_series(1, 300) i;
SELECT tally.create_rollup('commented', 'e', 'at', dimensions => '[{"kind": "upper(k) -- the kind"}, {"half": "v / 2 -- rounded"}]',
    measures => '{"n": "count(*) -- all", "s": "sum(v) FILTER (WHERE v > 5) -- some"}',
    "where" => 'v > 1 -- not the first', expand => 'unnest(tags) AS t(tag) -- each');
CREATE VIEW expected AS SELECT date_trunc('hour', at, 'UTC') AS bucket, upper(k) AS kind, (v / 2)::text AS half, count(*) AS n,
    sum(v) FILTER (WHERE v > 5) AS s FROM e, unnest(tags) WHERE v > 1 GROUP BY 1, 2, 3;
SELECT bag_eq('SELECT bucket, kind, half, n, s FROM commented_live', 'SELECT * FROM expected', 'text that ends in a comment, live');
SELECT tally.refresh('commented');
SELECT bag_eq('SELECT bucket, kind, half, n, s FROM commented', 'SELECT * FROM expected', 'and stored');
SELECT is(tally.create_rollup('commented', 'e', 'at', dimensions => '[{"kind": "upper(k) -- the kind"}, {"half": "v / 2 -- rounded"}]',
    measures => '{"n": "count(*) -- all", "s": "sum(v) FILTER (WHERE v > 5) -- some"}',
    "where" => 'v > 1 -- not the first', expand => 'unnest(tags) AS t(tag) -- each')::text, 'commented', 'the same again is the same');
SELECT lives_ok($$SELECT tally.alter_rollup('commented', add_measures => '{"most": "max(v) -- the most"}', "where" => 'v > 2 -- nor the second')$$,
    'changed so too');
CREATE TABLE _tally (at timestamptz, start timestamptz);
SELECT throws_like($$SELECT tally.create_rollup('lost', '_tally', 'at', measures => '{"n": "count(*)"}')$$, '%does not begin with _tally%',
    'a source by a name that the engine uses');
SELECT throws_like($$SELECT tally.create_rollup('marks', 'tally.dirty', 'marked_at', measures => '{"n": "count(*)"}')$$, '%needs a table of yours%',
    'the engine''s own tables');
SELECT throws_like($$SELECT tally.create_rollup('marks', 'tally.dirty', key => 'rollup_id', measures => '{"n": "count(*)"}')$$, '%needs a table of yours%',
    'and per key');
CREATE TEMP TABLE gone (at timestamptz);
SELECT throws_like($$SELECT tally.create_rollup('g', 'gone', 'at', measures => '{"n": "count(*)"}')$$, '%temporary table%', 'temporary tables by their name');
-- Without an index on the time: one scan for all dirty buckets, and the same rows.
CREATE TABLE plain (at timestamptz, v int);
INSERT INTO plain SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', i FROM generate_series(1, 3000) i;
SELECT tally.create_rollup('minutes', 'plain', 'at', bucket => '1 minute', measures => '{"n": "count(*)", "s": "sum(v)"}', with_data => true);
SELECT tally.create_rollup('looking_back', 'plain', 'at', bucket => '1 hour', lookback => '3 hours', measures => '{"n": "count(*)"}', with_data => true);
CREATE TABLE plan (line text);
DO $$ DECLARE line text; BEGIN FOR line IN EXPLAIN SELECT * FROM minutes_live LOOP INSERT INTO plan VALUES (line); END LOOP; END $$;
SELECT is((SELECT count(*) FROM plan WHERE line LIKE '%Scan on plain%'), 2::bigint,
    'its live view scans the source once for what is dirty, once for what was never computed');
UPDATE plain SET v = v + 1 WHERE v % 3 = 0;
DELETE FROM plain WHERE v % 50 = 1;
SELECT bag_eq('SELECT bucket, n, s FROM minutes_live', 'SELECT date_trunc(''minute'', at, ''UTC''), count(*), sum(v) FROM plain GROUP BY 1', 'live');
SELECT bag_eq('SELECT bucket, n FROM looking_back_live',
    $$SELECT h, count(*) FROM plain, LATERAL (SELECT date_trunc('hour', at, 'UTC') + i * interval '1 hour' AS h FROM generate_series(0, 2) i) x GROUP BY 1$$,
    'live, looking back');
SELECT tally.refresh();
SELECT bag_eq('SELECT bucket, n, s FROM minutes', 'SELECT date_trunc(''minute'', at, ''UTC''), count(*), sum(v) FROM plain GROUP BY 1', 'stored');
SELECT bag_eq('SELECT bucket, n FROM looking_back',
    $$SELECT h, count(*) FROM plain, LATERAL (SELECT date_trunc('hour', at, 'UTC') + i * interval '1 hour' AS h FROM generate_series(0, 2) i) x GROUP BY 1$$,
    'stored, looking back');
SELECT * FROM finish();
