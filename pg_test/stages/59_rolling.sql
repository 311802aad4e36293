-- Owns: rolling and cumulative metrics against plain SQL over the rows: sums, distinct people, percentiles, ratios; by dimensions, in a zone whose clocks
-- change, with late rows; and their limits.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE visits (at timestamptz NOT NULL, person int, world text, ms float8);
CREATE INDEX ON visits (at);
INSERT INTO visits SELECT '2026-03-20 00:00Z'::timestamptz + (hashint8extended(i, 1) & 1048575) * interval '1.3 s', (hashint8extended(i, 2) & 63)::int,
       'w' || (hashint8extended(i, 3) & 1), (hashint8extended(i, 4) & 1023) FROM generate_series(1, 240) i;
SELECT tally.create_rollup('days', 'visits', 'at', bucket => '1 day', zone => 'Europe/Berlin', dimensions => '["world"]',
    measures => '{"n": "count(*)", "people": "tally.hll(person)", "ms": "tally.tdigest(ms)"}', with_data => true);
SELECT tally.create_metric('visits', 'days', 'n'), tally.create_metric('people', 'days', 'tally.distinct_count(people)'),
       tally.create_metric('p50', 'days', 'tally.percentile(ms, 0.5)'), tally.create_metric('each', 'days',
           'n::float8 / nullif(tally.distinct_count(people), 0)');
-- Days of Berlin: 2026-03-29 has 23 hours.
CREATE FUNCTION plain(width int, each boolean) RETURNS TABLE (bucket timestamptz, series text, visits float8, people float8, p50 float8,
    per float8) LANGUAGE sql AS $$
    SELECT d AT TIME ZONE 'Europe/Berlin', s.world, count(v)::float8, count(DISTINCT v.person)::float8, percentile_cont(0.5) WITHIN GROUP (ORDER BY v.ms),
           count(v)::float8 / nullif(count(DISTINCT v.person), 0)
      FROM generate_series('2026-03-24'::timestamp, '2026-04-02', '1 day') d
     CROSS JOIN (SELECT DISTINCT CASE WHEN each THEN world ELSE 'all' END AS world FROM visits) s
      JOIN visits v ON v.at < (d + interval '1 day') AT TIME ZONE 'Europe/Berlin' AND s.world IN (v.world, 'all')
           AND v.at >= CASE WHEN width IS NULL THEN '2026-03-24'::timestamp ELSE d + interval '1 day' - width * interval '1 day' END
                       AT TIME ZONE 'Europe/Berlin'
     GROUP BY 1, 2
$$;
CREATE FUNCTION same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    q record;
BEGIN
    FOR q IN SELECT * FROM (VALUES ('visits', 'visits'), ('people', 'people'), ('p50', 'p50'), ('each', 'per')) x(metric, plain) LOOP
        RETURN NEXT bag_eq(format($q$SELECT bucket, value FROM tally.rolling(%L, '7 days', since => '2026-03-24 00:00+01',
            until => '2026-04-03 00:00+02')$q$, q.metric),
            format('SELECT bucket, %I AS value FROM plain(7, false)', q.plain), format('%s: %s of each seven days', what, q.metric));
        RETURN NEXT bag_eq(format($q$SELECT bucket, value FROM tally.cumulative(%L, since => '2026-03-24 00:00+01', until => '2026-04-03 00:00+02')$q$,
            q.metric),
            format('SELECT bucket, %I AS value FROM plain(NULL, false)', q.plain), format('%s: %s so far', what, q.metric));
    END LOOP;
    RETURN NEXT bag_eq($q$SELECT bucket, series, labels ->> 'world' AS w, value FROM tally.rolling('people', '3 days', since => '2026-03-24 00:00+01',
        until => '2026-04-03 00:00+02', by => '{world}')$q$, 'SELECT bucket, series, series AS w, people AS value FROM plain(3, true)',
            what || ': of each world');
    RETURN NEXT bag_eq($q$SELECT bucket, value FROM tally.rolling('people', '3 days', since => '2026-03-24 00:00+01', until => '2026-04-03 00:00+02',
        "where" => '{"world": "w1"}')$q$, $q$SELECT bucket, people AS value FROM plain(3, true) WHERE series = 'w1'$q$, what || ': of one world');
END $$;
SELECT same('stored');
INSERT INTO visits VALUES ('2026-03-26 12:00Z', 900, 'w1', 5000), ('2026-03-29 00:30Z', 901, 'w0', 1), ('2026-03-29 01:30Z', 901, 'w0', 1);
DELETE FROM visits WHERE person = 7;
SELECT same('late and deleted rows');
SELECT count(*) FROM tally.refresh();
SELECT same('refreshed');
-- Daily by weekly actives: two readings side by side.
SELECT bag_eq($$SELECT bucket, d.value / w.value AS stickiness FROM tally.timeseries('people', since => '2026-03-24 00:00+01', until => '2026-04-03 00:00+02') d
      JOIN tally.rolling('people', '7 days', since => '2026-03-24 00:00+01', until => '2026-04-03 00:00+02') w USING (bucket)$$,
    'SELECT d.bucket, d.people / w.people AS stickiness FROM plain(1, false) d JOIN plain(7, false) w USING (bucket)', 'daily actives by weekly ones');
SELECT is_empty($$SELECT FROM tally.rolling('visits', '7 days', since => '2020-01-01', until => '2020-02-01')$$, 'where nothing is there are no rows');
SELECT throws_ok($$SELECT * FROM tally.rolling('visits', '0 days')$$, '22023', NULL, 'a window of nothing');
SELECT throws_ok($$SELECT * FROM tally.rolling('visits', '7 days', since => '2020-01-01', until => '2026-01-01')$$, '54000', NULL, 'too many buckets');
SELECT throws_ok($$SELECT * FROM tally.cumulative('visits', since => '-infinity')$$, '22023', NULL, 'without a beginning nothing grows');
SELECT throws_ok($$SELECT * FROM tally.cumulative('none')$$, '42704', NULL, 'a metric that there is not');

-- Bug: a window that is no whole number of buckets was answered by those that begin in it, six days of a week for six and a half.
SELECT throws_ok($$SELECT * FROM tally.rolling('visits', '36 hours', since => '2026-03-24', until => '2026-03-28')$$, '22023',
    'window must be made up of whole buckets of rollup ''days'' (1 day in Europe/Berlin), got 36:00:00', 'a window that splits a bucket');
SELECT throws_ok($$SELECT * FROM tally.rolling('visits', '24 hours', since => '2026-03-28', until => '2026-03-31')$$, '22023', NULL,
                 '24 hours of Berlin, where a day has 23');
SELECT lives_ok($$SELECT * FROM tally.rolling('visits', '24 hours', since => '2026-03-24', until => '2026-03-28')$$, 'and where every day has 24');
-- Bug: a series of the empty text had the metric's name.
INSERT INTO visits VALUES ('2026-03-26 12:00Z', 902, '', 7);
SELECT bag_eq($$SELECT series, labels, value FROM tally.rolling('visits', '1 day', since => '2026-03-26', until => '2026-03-27', by => '{world}')$$,
    $$SELECT world, jsonb_build_object('world', world), count(*)::float8 FROM visits
       WHERE at >= '2026-03-26 00:00+01' AND at < '2026-03-27 00:00+01' GROUP BY 1$$, 'series are named by their values alone');

-- Bug: a day of Havana that begins with an hour that comes twice had that hour in the window of the day before, or in none. Plain SQL goes by the local date.
-- A year that is past: Debian 13 knows of a Havana that does not set its clocks back in 2026.
CREATE TABLE hits (at timestamptz NOT NULL);
CREATE INDEX ON hits (at);
INSERT INTO hits SELECT g FROM generate_series(timestamptz '2015-10-25 04:00Z', '2015-11-08 05:00Z', interval '30 min') g;
CREATE VIEW local AS SELECT (at AT TIME ZONE 'America/Havana')::date AS day, count(*) AS n FROM hits GROUP BY 1;
SELECT tally.create_rollup('hits_' || w, 'hits', 'at', bucket => ('1 ' || w)::interval, measures => '{"n": "count(*)"}', zone => 'America/Havana',
                           with_data => true)
  FROM unnest('{hour,day}'::text[]) w;
SELECT tally.create_metric('by_' || w, 'hits_' || w, 'n') FROM unnest('{hour,day}'::text[]) w;
SELECT bag_eq(format($$SELECT (bucket AT TIME ZONE 'America/Havana')::date, value::bigint
                         FROM tally.rolling(%L, %L, since => '2015-10-30', until => '2015-11-06')$$, m, w),
              format($$SELECT d::date, (SELECT sum(n)::bigint FROM local WHERE day > d - interval %L AND day <= d)
                         FROM generate_series(timestamp '2015-10-30', '2015-11-05', '1 day') d$$, w), format('%s of each %s, two midnights', m, w))
  FROM unnest('{by_hour,by_day}'::text[]) m, unnest('{1 day,4 days}'::text[]) w;
SELECT bag_eq(format($$SELECT (bucket AT TIME ZONE 'America/Havana')::date, value::bigint
                         FROM tally.cumulative(%L, since => %L, until => '2015-11-05')$$, m, s),
              format($$SELECT d::date, (SELECT sum(n)::bigint FROM local WHERE day BETWEEN %L AND d)
                         FROM generate_series(timestamp %1$L, '2015-11-04', '1 day') d$$, s), format('%s since %s, two midnights', m, s))
  FROM unnest('{by_hour,by_day}'::text[]) m, unnest('{2015-10-30,2015-11-01,2015-11-02}'::text[]) s;
SELECT is(tally.metric_value(m, since => '2015-11-01', until => u), (SELECT sum(n)::float8 FROM local WHERE day >= '2015-11-01' AND day < u::date),
          format('%s since 2015-11-01 until %s, two midnights', m, u))
  FROM unnest('{by_hour,by_day}'::text[]) m, unnest('{2015-11-02,2015-11-04}'::text[]) u;
-- Bug: where buckets are merged, the last one was cut off at until, and was shown as a whole one.
SELECT bag_eq(format($$SELECT (bucket AT TIME ZONE 'America/Havana')::date, value::bigint
                         FROM tally.timeseries(%L, since => '2015-10-30 05:00', until => '2015-11-03 13:00', bucket => '1 day')$$, m),
              $$SELECT day, n FROM local WHERE day BETWEEN '2015-10-31' AND '2015-11-03'$$, m || ': whole buckets that begin in the range')
  FROM unnest('{by_hour,by_day}'::text[]) m;
SELECT * FROM finish();
