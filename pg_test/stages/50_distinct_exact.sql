-- Owns: metrics that count the labels of a dimension (distinct_…), against count(DISTINCT) over the rows: any range, grouping and filter, late and deleted
-- rows, coarser rollups; more people than a sketch counts without error; the flat view; refusals.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE seen (at timestamptz NOT NULL, person int, plan text);
CREATE INDEX ON seen (at);
INSERT INTO seen SELECT '2026-03-02 00:00Z'::timestamptz + (hashint8extended(i, 1) & 1048575) * interval '1 s', (hashint8extended(i, 2) & 4095)::int,
       'p' || (hashint8extended(i, 3) & 1) FROM generate_series(1, 12000) i;
INSERT INTO seen VALUES ('2026-03-03 05:00Z', NULL, 'p0');
SELECT tally.create_rollup('seen_daily', 'seen', 'at', bucket => '1 day', zone => 'Europe/Berlin', dimensions => '["plan"]',
    measures => '{"n": "count(*)", "people": "tally.hll(person, 10)"}', with_data => true);
SELECT tally.create_metric('dau_estimate', 'seen_daily', 'tally.distinct_count(people)');
SELECT is(tally.exact_count('dau', 'seen_daily', 'person', with_data => true)::text, 'dau_actors', 'a rollup per actor, and a metric on it');
SELECT is((SELECT array_agg(d.name || ' ' || d.given ORDER BY d.ordinal)::text FROM tally.dimensions d JOIN tally.rollups r ON r.id = d.rollup_id
            WHERE r.name = 'dau_actors'), '{"plan plan","actor person"}', 'with the dimensions of the given rollup');
SELECT tally.create_metric('each', 'dau_actors', 'rows::float8 / nullif(distinct_actor, 0)');

CREATE FUNCTION plain(width interval, each boolean) RETURNS TABLE (bucket timestamptz, series text, people float8, per float8) LANGUAGE sql AS $$
    SELECT date_trunc(CASE width WHEN '1 day' THEN 'day' ELSE 'week' END, at, 'Europe/Berlin'), CASE WHEN each THEN plan ELSE 'all' END,
           count(DISTINCT person)::float8, count(*)::float8 / nullif(count(DISTINCT person), 0) FROM seen GROUP BY 1, 2
$$;
CREATE FUNCTION same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT bag_eq($q$SELECT bucket, value FROM tally.timeseries('dau', since => '2026-03-01 23:00Z', until => '2026-04-01')$q$,
        $q$SELECT bucket, people FROM plain('1 day', false)$q$, what || ': each day');
    RETURN NEXT bag_eq($q$SELECT bucket, value FROM tally.timeseries('dau', since => '2026-03-01 23:00Z', until => '2026-04-01', bucket => '1 week')$q$,
        $q$SELECT bucket, people FROM plain('1 week', false)$q$, what || ': each week, not the sum of days');
    RETURN NEXT bag_eq($q$SELECT bucket, series, value FROM tally.timeseries('dau', since => '2026-03-01 23:00Z', until => '2026-04-01', by => '{plan}')$q$,
        $q$SELECT bucket, series, people FROM plain('1 day', true)$q$, what || ': of each plan');
    RETURN NEXT bag_eq($q$SELECT bucket, value FROM tally.timeseries('each', since => '2026-03-01 23:00Z', until => '2026-04-01', bucket => '1 week',
        "where" => '{"plan": "p1"}')$q$, $q$SELECT bucket, per FROM plain('1 week', true) WHERE series = 'p1'$q$, what || ': a ratio, of one plan');
    RETURN NEXT is(tally.metric_value('dau', '2026-03-01 23:00Z', '2026-04-01'), (SELECT count(DISTINCT person)::float8 FROM seen), what || ': of all');
    RETURN NEXT bag_eq($q$SELECT (j ->> 'dau')::float8 AS a, (j ->> 'each')::float8 AS b, j ->> 'plan' AS c
          FROM tally.report('{dau,each}', '2026-03-01 23:00Z', '2026-04-01',
        by => '{plan}') j$q$, $q$SELECT count(DISTINCT person)::float8 AS a, count(*)::float8 / count(DISTINCT person) AS b, plan FROM seen GROUP BY plan$q$,
        what || ': a report');
    RETURN NEXT bag_eq($q$SELECT bucket, value FROM tally.rolling('dau', '3 days', since => '2026-03-04 23:00Z', until => '2026-03-12 23:00Z')$q$,
        $q$SELECT d AT TIME ZONE 'Europe/Berlin', (SELECT count(DISTINCT person)::float8 FROM seen
              WHERE at >= (d - interval '2 days') AT TIME ZONE 'Europe/Berlin' AND at < (d + interval '1 day') AT TIME ZONE 'Europe/Berlin')
             FROM generate_series('2026-03-05'::timestamp, '2026-03-12', '1 day') d$q$, what || ': rolling');
    RETURN NEXT bag_eq($q$SELECT labels ->> 'actor' AS p, value FROM tally.timeseries('dau', since => '2026-03-04 23:00Z', until => '2026-03-05 23:00Z',
        by => '{actor}')$q$, $q$SELECT COALESCE(person::text, '(none)'), count(DISTINCT person)::float8 FROM seen
              WHERE at >= '2026-03-04 23:00Z' AND at < '2026-03-05 23:00Z' GROUP BY 1$q$, what || ': of each actor it is one');
END $$;
SELECT same('stored');
SELECT isnt((SELECT sum(abs(a.value - b.value)) FROM tally.timeseries('dau', since => '2026-03-01 23:00Z', until => '2026-04-01') a
    JOIN tally.timeseries('dau_estimate', since => '2026-03-01 23:00Z', until => '2026-04-01') b USING (bucket)), 0::float8,
    'the sketch is beside it on these days, or this test shows nothing');
SELECT bag_eq($$SELECT bucket, plan, actor, dau, round("each"::numeric, 6) FROM dau_actors_metrics$$,
    $$SELECT date_trunc('day', at, 'Europe/Berlin'), plan, COALESCE(person::text, '(none)'), count(DISTINCT person),
             round((count(*)::float8 / nullif(count(DISTINCT person), 0))::numeric, 6) FROM seen GROUP BY 1, 2, 3$$, 'the flat view counts one in each row');
INSERT INTO seen VALUES ('2026-03-04 12:00Z', 90001, 'p0'), ('2026-03-04 13:00Z', 90001, 'p1'), ('2026-03-05 12:00Z', 90001, 'p0');
DELETE FROM seen WHERE person IN (7, 8, 9);
UPDATE seen SET person = 10 WHERE person = 11;
SELECT same('late, changed and deleted rows');
SELECT count(*) FROM tally.refresh();
SELECT same('refreshed');

-- A rollup on it that keeps the actors answers with fewer rows; one that has lost them does not.
SELECT tally.create_rollup('weekly_actors', 'dau_actors', bucket => '1 week', zone => 'Europe/Berlin', dimensions => '["plan", "actor"]', with_data => true);
SELECT tally.create_rollup('weekly_plans', 'dau_actors', bucket => '1 week', zone => 'Europe/Berlin', dimensions => '["plan"]', with_data => true);
SELECT same('with coarser rollups');
SELECT alike(tally_internal._answer_source(tally_internal._current_role(), r, '{distinct_actor}', '{}', '{}', tally_internal._bucket_rule('1 week',
    'Europe/Berlin'), '2026-03-01 23:00Z', '2026-03-15 23:00Z'), '%weekly_actors%', 'the weekly one answers') FROM tally.rollups r WHERE r.name = 'dau_actors';

-- A threshold, and its evidence by the labels that are left.
SELECT tally.create_threshold('few people', 'dau', '< 100000', per => '{plan}', over => '7 days');
SELECT is((SELECT array_agg(e.opened) FROM tally.evaluate(as_of => '2026-03-12 12:00Z') e WHERE e.threshold = 'few people'), '{2}', 'a threshold watches it');
SELECT bag_eq($$SELECT labels ->> 'plan' AS p, value FROM tally.incidents WHERE threshold = 'few people'$$,
    $$SELECT plan, count(DISTINCT person)::float8 FROM seen WHERE at >= '2026-03-04 23:00Z' AND at < '2026-03-11 23:00Z' GROUP BY plan$$,
    'and sees what plain SQL counts');

-- A value that cannot be computed is NULL alone.
SELECT lives_ok($$SELECT tally.create_metric('risky', 'dau_actors', 'sqrt(3100.0 - distinct_actor)')$$, 'it works on what is stored');
SELECT bag_eq($$SELECT value IS NULL FROM tally.timeseries('risky', since => '2026-03-01 23:00Z', until => '2026-03-15 23:00Z', bucket => '1 week')$$,
    $$SELECT sqrt_of < 0 FROM (SELECT 3100.0 - count(DISTINCT person) AS sqrt_of FROM seen WHERE at < '2026-03-15 23:00Z'
       GROUP BY date_trunc('week', at, 'Europe/Berlin')) x$$, 'where the merged value fails it is NULL');

SELECT tally.create_metric('late', 'dau_actors', '100.0 / (50 - rows * distinct_actor)');
INSERT INTO seen SELECT '2026-03-06 12:00Z', 5000, 'p0' FROM generate_series(1, 50);
SELECT count(*) FROM tally.refresh();
SELECT bag_eq($$SELECT actor, late IS NULL FROM dau_actors_metrics WHERE bucket = '2026-03-05 23:00Z'$$,
    $$SELECT person::text AS actor, count(*) = 50 FROM seen WHERE at >= '2026-03-05 23:00Z' AND at < '2026-03-06 23:00Z' GROUP BY plan, person$$,
    'where a stored row fails it is NULL in the flat view');

-- Refusals.
SELECT throws_ok($$SELECT tally.alter_rollup('dau_actors', drop_dimensions => '{actor}')$$, '2BP01', NULL, 'a counted dimension stays');
SELECT throws_ok($$SELECT tally.alter_rollup('dau_actors', add_measures => '{"distinct_actor": "sum(person)"}')$$, NULL, NULL,
    'no column takes the place of a count');
SELECT throws_ok($$SELECT tally.exact_count('again', 'dau_actors', 'person')$$, '42701', NULL, 'an actor twice');
SELECT throws_ok($$SELECT tally.exact_count('no', 'seen_daily', NULL)$$, '42809', NULL, 'without an actor');
SELECT throws_ok($$SELECT tally.exact_count('no', 'seen_daily', 'nobody')$$, '42703', NULL, 'a column that there is not');
SELECT is(to_regclass('no_actors'), NULL, 'half of it is not made');
SELECT throws_ok($$SELECT tally.create_metric('no', 'dau_actors', 'distinct_person')$$, '42703', NULL, 'no such dimension');
SELECT tally.create_rollup('named', 'seen', 'at', bucket => '1 day', dimensions => '["person"]', measures => '{"distinct_person": "sum(person)"}',
    with_data => true);
SELECT tally.create_metric('named', 'named', 'distinct_person');
SELECT is(tally.metric_value('named', '2026-03-01', '2026-04-01'), (SELECT sum(person)::float8 FROM seen), 'a measure of that name is the measure');
SELECT * FROM finish();
