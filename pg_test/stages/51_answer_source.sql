-- A coarser rollup answers for a finer one only where it holds the same numbers. Each rollup here looks like one that could, and would give another
-- number. Without the condition that keeps it out, its line fails (docs/guarantees.md).
SELECT no_plan();
\ir ../hosted.psql
SET client_min_messages = error;
CREATE TABLE e (at timestamptz, k text, v int);
CREATE INDEX ON e (at);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '7 minutes', 'k' || i % 3, i % 50 FROM generate_series(1, 3000) i;
DROP ROLE IF EXISTS answers_evil;
CREATE ROLE answers_evil;
GRANT ALL ON SCHEMA public TO answers_evil;
-- A rollup of its own for each question, so that no other answers.
CREATE FUNCTION ask(name text, coarser text, key_ text DEFAULT '{}') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    h text := 'h_' || name;
BEGIN
    PERFORM tally.create_rollup(h, 'e', 'at', dimensions => '["k"]',
        measures => '{"n": "count(*)", "s": "sum(v)", "born": "min(to_timestamp(v * 864000.0 + 1700000000))"}', with_data => true);
    PERFORM tally.create_metric('m_' || name, h, 's::float8 / nullif(n, 0)');
    GRANT SELECT, TRIGGER ON ALL TABLES IN SCHEMA public TO answers_evil;
    EXECUTE replace(replace(coarser, '{h}', h), '{d}', 'd_' || name);
    RETURN NEXT is(tally.metric_value('m_' || name, since => '2026-01-01 05:00+00', until => '2026-01-08 09:00+00'),
                   (SELECT avg(v)::float8 FROM e WHERE at >= '2026-01-01 05:00+00' AND at < '2026-01-08 09:00+00'), name || ': one value');
    RETURN NEXT bag_eq(format('SELECT bucket, labels ->> ''k'' AS k, value FROM tally.timeseries(%L, since => ''2026-01-02 00:00+00'', '
        'until => ''2026-01-15 00:00+00'', bucket => ''1 day'', by => ''{k}'')', 'm_' || name),
                       'SELECT date_trunc(''day'', at, ''UTC'') AS bucket, k, avg(v)::float8 AS value FROM e WHERE at >= ''2026-01-02 00:00+00'' AND at < '
                           '''2026-01-15 00:00+00'' GROUP BY 1, 2', name || ': a series by label');
END $$;
CREATE FUNCTION daily(more text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT tally.create_rollup(''{d}'', ''{h}'', ''bucket'', bucket => ''1 day'', with_data => true%s)', more)
$$;
SELECT ask('the_same', daily(', dimensions => ''["k"]'''));
SELECT matches(tally_internal._answer_source(r.owner, r, '{s,n}', '{k}', '{}', NULL, '2026-01-01 05:00+00', '2026-01-08 09:00+00'), 'd_the_same',
    'one that holds the same answers') FROM tally.rollups r WHERE name = 'h_the_same';
SELECT ask('other_merge', daily(', dimensions => ''["k"]'', measures => ''{"n": "pg_catalog.sum(n)::bigint", "s": "pg_catalog.max(s)"}'''));
SELECT ask('other_dimension', daily(', dimensions => ''[{"k": "''''k'''' || (right(k, 1)::int + 1) % 3"}]'''));
SELECT ask('weekly', replace(daily(', dimensions => ''["k"]'''), '1 day', '7 days'));
SELECT ask('filter', daily(', dimensions => ''["k"]'', "where" => ''k <> ''''k1'''''''));
SELECT ask('expand', daily(', dimensions => ''["k"]'', expand => ''generate_series(1, CASE k WHEN ''''k1'''' THEN 2 ELSE 1 END) AS g'''));
SELECT ask('lookback', daily(', dimensions => ''["k"]'', lookback => ''2 days'''));
SELECT ask('other_time', replace(daily(', dimensions => ''["k"]'''), '''bucket'', bucket', '''born'', bucket'));
SELECT ask('never_built', replace(daily(', dimensions => ''["k"]'''), 'with_data => true', 'with_data => false'));
\if :hosted
SELECT skip('rollups are the installing role''s', 2);
\else
-- Its owner writes into his own table what he likes, and makes of his own view what he likes.
SELECT ask('other_owner', 'SET LOCAL ROLE answers_evil; ' || daily(', dimensions => ''["k"]''') ||
    '; UPDATE {d} SET s = 0; CREATE OR REPLACE VIEW {d}_live AS SELECT bucket, k, n, 0::bigint AS s, born FROM {d}; RESET ROLE');
\endif
-- Of a rollup that is not built nothing is stored.
SELECT tally.create_rollup('late', 'e', 'at', dimensions => '["k"]', measures => '{"n": "count(*)", "s": "sum(v)"}');
SELECT tally.create_metric('late', 'late', 's::float8 / nullif(n, 0)');
SELECT is(tally.metric_value('late', since => '2026-01-01', until => '2026-02-01'), (SELECT avg(v)::float8 FROM e),
    'a range that was never computed is computed');
-- Where a clock is set back over midnight, the minute after the first midnight lies before an hour of the day before.
CREATE TABLE john (at timestamptz, v int);
CREATE INDEX ON john (at);
INSERT INTO john SELECT timestamptz '2010-11-06 00:00+00' + i * interval '1 minute', 1 + (i % 7) FROM generate_series(0, 5000) i;
SELECT tally.create_rollup('jm', 'john', 'at', bucket => '1 minute', dimensions => '[]', measures => '{"s": "sum(v)"}', zone => 'America/St_Johns',
    with_data => true);
SELECT tally.create_rollup('jd', 'jm', 'bucket', bucket => '1 day', dimensions => '[]', zone => 'America/St_Johns', with_data => true);
SELECT tally.create_metric('js', 'jm', 's');
SELECT is(tally.metric_value('js', since => since::text, until => until::text), (SELECT sum(v)::float8 FROM john WHERE at >= since AND at < until),
    format('a clock set back over midnight: %s to %s', since, until))
  FROM unnest('{2010-11-06 01:00+00,2010-11-06 14:00+00,2010-11-07 02:30+00,2010-11-07 02:31+00,2010-11-07 03:10+00}'::timestamptz[]) since,
       unnest('{2010-11-07 02:30+00,2010-11-07 02:31+00,2010-11-07 03:10+00,2010-11-08 04:00+00,2010-11-09 03:30+00}'::timestamptz[]) until WHERE since < until;
REVOKE ALL ON SCHEMA public FROM answers_evil;
SELECT * FROM finish();
