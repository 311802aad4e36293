-- Rollups on rollups: a late event moves all levels, by the same capture; live views see through every level.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, kind text, ms int);
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-01-30 00:00+00' + i * interval '11 minutes', 'k' || i % 3, i % 100 FROM generate_series(1, 3000) i;

SELECT tally.create_rollup('h', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)", "total": "sum(ms)", "worst": "max(ms)"}');
SELECT tally.create_rollup('d', 'h', bucket => '1 day');
SELECT tally.create_rollup('m', 'd', bucket => '1 month', dimensions => '[]');
-- A rollup per key in between: on hours, and weeks by a fact of the key on it.
SELECT tally.create_rollup('kinds', 'h', key => 'kind',
    measures => '{"n": "sum(n)", "first_hour": "min(bucket)", "hours": "array_agg(bucket ORDER BY bucket)"}');
SELECT tally.create_rollup('births', 'kinds', 'first_hour', bucket => '1 week', measures => '{"kinds": "count(*)", "n": "sum(n)"}');
CREATE VIEW kind_facts AS SELECT kind, count(*) AS n, min(date_trunc('hour', at, 'UTC')) AS first_hour,
    array_agg(DISTINCT date_trunc('hour', at, 'UTC')) AS hours FROM events GROUP BY kind;
SELECT results_eq('SELECT name, expression FROM tally.measures WHERE rollup_id = (SELECT id FROM tally.rollups WHERE name = ''m'') ORDER BY name',
    $$VALUES ('n', 'pg_catalog.sum(n)::bigint'), ('total', 'pg_catalog.sum(total)::bigint'), ('worst', 'pg_catalog.max(worst)')$$,
        'measures are inherited with their merges');

CREATE FUNCTION exact(suffix text, what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT bucket, kind, n, total, worst FROM h%s', suffix),
        'SELECT date_trunc(''hour'', at, ''UTC''), kind, count(*), sum(ms), max(ms) FROM events GROUP BY 1, 2', what || ': hours' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT bucket, kind, n, total, worst FROM d%s', suffix),
        'SELECT date_trunc(''day'', at, ''UTC''), kind, count(*), sum(ms), max(ms) FROM events GROUP BY 1, 2', what || ': days' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT bucket, n, total, worst FROM m%s', suffix),
        'SELECT date_trunc(''month'', at, ''UTC''), count(*), sum(ms), max(ms) FROM events GROUP BY 1', what || ': months' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT kind, n, first_hour, hours FROM kinds%s', suffix),
        'SELECT coalesce(kind, ''(none)''), n, first_hour, hours FROM kind_facts', what || ': kinds' || suffix)
    UNION ALL SELECT bag_eq(format('SELECT bucket, kinds, n FROM births%s', suffix),
        'SELECT date_trunc(''week'', first_hour, ''UTC'') AS b, count(*) AS k, sum(n)::numeric AS n FROM kind_facts GROUP BY 1',
        what || ': weeks of kinds' || suffix)
$$;
SELECT exact('_live', 'nothing computed');
SELECT tally.refresh('m');
SELECT tally.refresh('births');
SELECT exact('', 'refreshing the highest refreshes what it stands on');
INSERT INTO events VALUES ('2026-02-03 10:00+00', 'k9', 5000), ('2024-02-29 10:00+00', 'k1', 1);
DELETE FROM events WHERE at < '2026-01-30 12:00+00' AND at > '2026-01-01';
SELECT exact('_live', 'late events and deletions, unrefreshed');
SELECT tally.refresh('h');
SELECT exact('_live', 'the lowest level refreshed alone');
SELECT is((SELECT array_agg(rollup ORDER BY rollup) FROM tally.status WHERE dirty_buckets > 0), ARRAY['d', 'kinds'],
    'writing a rollup marks those that stand on it');
SELECT tally.refresh();
SELECT exact('', 'all refreshed');
TRUNCATE events;
SELECT exact('_live', 'truncated');
SELECT tally.refresh();
SELECT exact('', 'truncated and refreshed');
SELECT throws_like('SELECT tally.drop_rollup(''h'')', '%other rollups stand on it%', 'no rollup is dropped from under another');
SELECT lives_ok('SELECT tally.drop_rollup(''h'', "cascade" => true)', 'unless told so');
SELECT is((SELECT count(*) FROM pg_class WHERE relname ~ '^(h|d|m|kinds|births|dirty_keys_.*)(_live)?$'), 0::bigint, 'tables and views are gone');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'tally%'), 0::bigint, 'so are the triggers');
SELECT is((SELECT count(*) FROM tally.dirty) + (SELECT count(*) FROM tally.dirty_ranges), 0::bigint, 'and the marks');
SELECT lives_ok('INSERT INTO events VALUES (now(), ''after'', 1)', 'writers go on');
SELECT * FROM finish();
