-- What becomes of a stored bucket when none of its source rows is left: it goes (follow) or stands as it was (keep). Expected rows are a copy of
-- what plain SQL gave while the rows were there.
SELECT no_plan();
SET client_min_messages = error;
CREATE TABLE e (at timestamptz NOT NULL, kind text, ms int);
CREATE INDEX ON e (at);
INSERT INTO e SELECT timestamptz '2026-01-01 00:30Z' + i * interval '5 hours', 'k' || i % 3, i FROM generate_series(0, 99) i;
CREATE TEMP TABLE days AS SELECT date_trunc('day', at, 'UTC') AS bucket, kind, count(*) AS n, sum(ms) AS total FROM e GROUP BY 1, 2;
CREATE FUNCTION differ(a text, b text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT x::text FROM ((%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)) x', a, b);
END $$;
SELECT throws_ok($$SELECT tally.create_rollup('bad', 'e', 'at', measures => '{"n": "count(*)"}', emptied => 'perhaps')$$, '22023', NULL, 'no third way');
SELECT throws_ok($$SELECT tally.create_rollup('bad', 'e', key => 'kind', measures => '{"n": "count(*)"}', emptied => 'keep')$$, '22023', NULL,
    'a key has no end of its time');
SELECT tally.create_rollup('follows', 'e', 'at', bucket => '1 day', dimensions => '["kind"]', measures => '{"n": "count(*)", "total": "sum(ms)"}',
    with_data => true);
SELECT tally.create_rollup('keeps', 'e', 'at', bucket => '1 day', dimensions => '["kind"]', measures => '{"n": "count(*)", "total": "sum(ms)"}',
    emptied => 'keep', with_data => true);
SELECT tally.create_rollup('weeks', 'keeps', bucket => '7 days', with_data => true);
CREATE TEMP TABLE weeks_before AS TABLE weeks;
SELECT tally.create_rollup('by_filter', 'e', 'at', bucket => '1 day', measures => '{"n": "count(*)"}', "where" => 'kind = ''k1''', emptied => 'keep',
    with_data => true);
CREATE TEMP TABLE by_filter_before AS TABLE by_filter;

-- Somebody's own retention job. Bug: nine buckets of history were gone without a word.
DELETE FROM e WHERE at < '2026-01-10Z';
SELECT is_empty($$SELECT differ('TABLE keeps_live', 'TABLE days')$$, 'kept: the live view, before the refresh');
SELECT is_empty($$SELECT differ('TABLE follows_live', 'SELECT * FROM days WHERE bucket >= ''2026-01-10Z''')$$, 'followed: the live view');
SELECT tally.refresh();
SELECT is_empty($$SELECT differ('TABLE keeps', 'TABLE days')$$, 'kept: stored');
SELECT is_empty($$SELECT differ('TABLE keeps_live', 'TABLE days')$$, 'kept: the live view after it');
SELECT is_empty($$SELECT differ('TABLE weeks', 'TABLE weeks_before')$$, 'and the rollup on it');
SELECT is_empty($$SELECT differ('TABLE by_filter', 'TABLE by_filter_before')$$, 'and one with a filter');
SELECT is_empty('SELECT * FROM tally.verify(''keeps'')', 'verify has nothing to compare it with');
SELECT is_empty($$SELECT differ('TABLE follows', 'SELECT * FROM days WHERE bucket >= ''2026-01-10Z''')$$, 'followed: stored');
SELECT is((SELECT hint FROM tally.status WHERE rollup = 'follows'), 'SELECT * FROM tally.alter_rollup(''follows'', emptied => ''keep'');',
    'which status says, with the statement that keeps them');
SELECT alike((SELECT message FROM tally.status WHERE rollup = 'follows'), '9 finished buckets of rollup ''follows'' are gone%', 'and how many');
-- A part of a bucket is another matter: it is computed of what is left.
DELETE FROM e WHERE at < '2026-01-11 12:00Z';
INSERT INTO e VALUES ('2026-01-03 12:00Z', 'late', 5);
SELECT tally.refresh();
SELECT is_empty($$SELECT differ('SELECT * FROM keeps WHERE bucket = ''2026-01-11Z''',
    'SELECT date_trunc(''day'', at, ''UTC''), kind, count(*), sum(ms) FROM e WHERE at >= ''2026-01-11Z'' AND at < ''2026-01-12Z'' GROUP BY 1, 2')$$,
    'a bucket with rows left follows them');
SELECT is_empty($$SELECT differ('SELECT * FROM keeps WHERE bucket = ''2026-01-03Z''',
    'VALUES (''2026-01-03Z''::timestamptz, ''late'', 1::bigint, 5::bigint)')$$,
    'and one with a row again');
SELECT tally.repair('keeps'); 
SELECT is_empty($$SELECT differ('SELECT * FROM keeps_live WHERE bucket < ''2026-01-03Z''', 'SELECT * FROM days WHERE bucket < ''2026-01-03Z''')$$,
    'while all is marked');
SELECT tally.refresh();
SELECT is_empty($$SELECT differ('SELECT * FROM keeps WHERE bucket < ''2026-01-03Z''', 'SELECT * FROM days WHERE bucket < ''2026-01-03Z''')$$,
    'a repair keeps too');
TRUNCATE e;
SELECT tally.refresh();
SELECT is_empty($$SELECT differ('SELECT * FROM keeps WHERE bucket > ''2026-01-11Z''', 'SELECT * FROM days WHERE bucket > ''2026-01-11Z''')$$, 'and TRUNCATE');
SELECT is((SELECT count(*) FROM follows), 0::bigint, 'which empties what follows');
SELECT lives_ok($$SELECT * FROM tally.alter_rollup('keeps', emptied => 'follow')$$, 'changed to follow');
SELECT is((SELECT count(*) FROM keeps_live), 0::bigint, 'the live view follows at once');
SELECT tally.refresh();
SELECT is((SELECT count(*) FROM keeps), 0::bigint, 'and the next refresh');
-- Bug: a person whose events changed was in two buckets of a funnel, the new one and the kept one, and a refresh itself had told to keep it.
CREATE TABLE steps (at timestamptz NOT NULL, u bigint, k text);
CREATE INDEX ON steps (u);
INSERT INTO steps VALUES ('2026-01-01 00:00Z', 1, 'visit'), ('2026-01-02 00:00Z', 1, 'pay'), ('2026-01-05 00:00Z', 2, 'visit');
SELECT tally.create_funnel('funnel', 'steps', 'at', 'u', '{"visit": "k = ''visit''", "pay": "k = ''pay''"}', with_data => true);
SELECT tally.create_rollup('funnel_weeks', 'funnel', bucket => '1 week', with_data => true);
SELECT throws_ok(format('SELECT tally.alter_rollup(%L, emptied => ''keep'')', r), '22023',
    format('emptied of rollup %L must be follow, because it stands on a rollup per key, ''funnel_actors'', got ''keep''', r), 'refused: ' || r)
  FROM unnest('{funnel,funnel_weeks}'::text[]) r;
SELECT throws_ok($$SELECT tally.create_rollup('twice', 'funnel_actors', 'entry', bucket => '1 day', measures => '{"n": "count(*)"}', emptied => 'keep')$$,
                 '22023', NULL, 'refused: over the rows of keys');
CREATE TEMP TABLE expected (bucket timestamptz, name text, actors bigint);
INSERT INTO expected VALUES ('2026-01-01Z', 'visit', 1), ('2026-01-01Z', 'pay', 1), ('2026-01-08Z', 'visit', 1), ('2026-01-08Z', 'pay', 0);
UPDATE steps SET at = '2026-01-08 00:00Z' WHERE u = 2;
SELECT is((SELECT string_agg(r.error, ' ') FROM tally.refresh() r), NULL, 'a person moves');
SELECT is_empty($$SELECT differ('SELECT bucket, name, actors FROM funnel_steps', 'TABLE expected')$$, 'and is in one bucket');
SELECT is((SELECT string_agg(hint, ' ') FROM tally.status WHERE rollup LIKE 'funnel%'), NULL, 'no hint says to keep the other');
SELECT * FROM finish();
