-- Gaps of a time series: every bucket of every series has a row, in the rollup's zone. Expected values are worked by hand.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE events (at timestamptz NOT NULL, world text, good boolean);
CREATE INDEX ON events (at);
INSERT INTO events VALUES
    ('2026-01-01 02:10Z', 'w1', true), ('2026-01-01 02:20Z', 'w2', true), ('2026-01-01 02:30Z', 'w2', false),
    ('2026-01-01 05:10Z', 'w1', false), ('2026-01-01 07:10Z', 'w1', true), ('2026-01-01 07:20Z', 'w1', true);
SELECT tally.create_rollup('hourly', 'events', 'at', dimensions => '["world"]', measures => '{"n": "count(*)", "good": "count(*) filter (where good)"}',
    with_data => true);
SELECT tally.create_metric('events', 'hourly', 'n');
SELECT tally.create_metric('per_good', 'hourly', 'n::float8 / nullif(good, 0)');

SELECT results_eq($$SELECT bucket, series, value FROM tally.timeseries('events', since => '2026-01-01 04:00Z', until => '2026-01-01 08:00Z', fill => 'null')$$,
    $$VALUES
    ('2026-01-01 04:00Z'::timestamptz, 'events', NULL::float8), ('2026-01-01 05:00Z', 'events', 1), ('2026-01-01 06:00Z', 'events', NULL),
        ('2026-01-01 07:00Z', 'events', 2)$$, 'null');
SELECT results_eq($$SELECT value FROM tally.timeseries('events', since => '2026-01-01 04:00Z', until => '2026-01-01 08:00Z', fill => 'zero')$$,
    'VALUES (0::float8), (1), (0), (2)', 'zero');
SELECT results_eq($$SELECT value FROM tally.timeseries('events', since => '2026-01-01 04:00Z', until => '2026-01-01 08:00Z', fill => 'previous')$$,
    'VALUES (3::float8), (1), (1), (2)', 'previous: the first gap takes the value before since');
SELECT results_eq($$SELECT value FROM tally.timeseries('events', since => '2026-01-01 00:00Z', until => '2026-01-01 04:00Z', fill => 'previous')$$,
    'VALUES (NULL::float8), (NULL), (3), (3)', 'previous: NULL where there is nothing before');
SELECT results_eq($$SELECT bucket FROM tally.timeseries('events', since => '2026-01-01 04:00Z', until => '2026-01-01 08:00Z')$$,
    $$VALUES ('2026-01-01 05:00Z'::timestamptz), ('2026-01-01 07:00Z')$$, 'without fill as before');

-- On a line: 3 at 02:00, 1 at 05:00, 2 at 07:00. The values beside the range count, too.
CREATE FUNCTION line(since text, until text, by text[] DEFAULT '{}') RETURNS TABLE (value numeric) LANGUAGE sql AS $$
    SELECT round(p.value::numeric, 6) FROM tally.timeseries('events', since => $1, until => $2, by => $3, fill => 'linear') p ORDER BY p.series, p.bucket
$$;
SELECT results_eq($$SELECT * FROM line('2026-01-01 04:00Z', '2026-01-01 08:00Z')$$, 'VALUES (1.666667), (1.0), (1.5), (2.0)',
    'linear: the value before since is an end of the line');
SELECT results_eq($$SELECT * FROM line('2026-01-01 00:00Z', '2026-01-01 04:00Z')$$, 'VALUES (NULL), (NULL), (3.0), (2.333333)',
    'linear: the value after until, too; NULL where an end is missing');
SELECT results_eq($$SELECT * FROM line('2026-01-01 03:00Z', '2026-01-01 05:00Z')$$, 'VALUES (2.333333), (1.666667)', 'linear: both ends outside');
SELECT results_eq($$SELECT * FROM line('2026-01-01 06:00Z', '2026-01-01 10:00Z')$$, 'VALUES (1.5), (2.0), (NULL), (NULL)',
    'linear: nothing after the last value');
SELECT results_eq($$SELECT * FROM line('2026-01-01 02:00Z', '2026-01-01 06:00Z', '{world}')$$,
    'VALUES (1.0), (1.0), (1.0), (1.0), (2.0), (NULL), (NULL), (NULL)', 'linear: each series by itself');

-- 05:00 has an event but none that is good: nothing to divide by is a gap like no event.
SELECT results_eq($$SELECT value FROM tally.timeseries('per_good', since => '2026-01-01 04:00Z', until => '2026-01-01 08:00Z', fill => 'previous')$$,
    'VALUES (3 / 2::float8), (3 / 2::float8), (3 / 2::float8), (1)', 'previous passes over values that are NULL');
SELECT results_eq($$SELECT value FROM tally.timeseries('per_good', since => '2026-01-01 04:00Z', until => '2026-01-01 08:00Z', fill => 'zero')$$,
    'VALUES (0::float8), (0), (0), (1)', 'zero too');

-- By label: the series are those with a row in the range.
SELECT results_eq($$SELECT bucket, series, labels, value FROM tally.timeseries('events', since => '2026-01-01 01:00Z', until => '2026-01-01 04:00Z',
    by => '{world}', fill => 'zero')$$, $$VALUES
    ('2026-01-01 01:00Z'::timestamptz, 'w1', '{"world": "w1"}'::jsonb, 0::float8), ('2026-01-01 01:00Z', 'w2', '{"world": "w2"}', 0),
    ('2026-01-01 02:00Z', 'w1', '{"world": "w1"}', 1), ('2026-01-01 02:00Z', 'w2', '{"world": "w2"}', 2),
    ('2026-01-01 03:00Z', 'w1', '{"world": "w1"}', 0), ('2026-01-01 03:00Z', 'w2', '{"world": "w2"}', 0)$$, 'each series by itself');
SELECT results_eq($$SELECT bucket, series, value FROM tally.timeseries('events', since => '2026-01-01 06:00Z', until => '2026-01-01 08:00Z', by => '{world}',
    fill => 'previous')$$, $$VALUES
    ('2026-01-01 06:00Z'::timestamptz, 'w1', 1::float8), ('2026-01-01 07:00Z', 'w1', 2)$$, 'a series without a row in the range is not made up');
INSERT INTO events VALUES ('2026-01-01 07:30Z', 'w2', true);
SELECT results_eq($$SELECT bucket, series, value FROM tally.timeseries('events', since => '2026-01-01 06:00Z', until => '2026-01-01 08:00Z', by => '{world}',
    fill => 'previous')$$, $$VALUES
    ('2026-01-01 06:00Z'::timestamptz, 'w1', 1::float8), ('2026-01-01 06:00Z', 'w2', 2), ('2026-01-01 07:00Z', 'w1', 2), ('2026-01-01 07:00Z', 'w2', 1)$$,
        'each takes its own value from before, exact now');
SELECT results_eq($$SELECT value FROM tally.timeseries('events', since => '2026-01-01 06:00Z', until => '2026-01-01 08:00Z', "where" => '{"world": "w2"}',
    fill => 'previous')$$, 'VALUES (2::float8), (1)', 'where holds for the value before, too');
SELECT results_eq($$SELECT value FROM tally.timeseries('events', since => '2026-01-01 06:00Z', until => '2026-01-01 08:00Z', by => '{world}', live => false,
    fill => 'zero')$$, 'VALUES (0::float8), (2)', 'as of the last refresh');

-- Nothing there at all.
SELECT results_eq($$SELECT series, value FROM tally.timeseries('events', since => '2030-01-01 00:00Z', until => '2030-01-01 02:00Z', fill => 'zero')$$,
    $$VALUES ('events', 0::float8), ('events', 0)$$, 'one series without a row is still one series');
SELECT results_eq($$SELECT value FROM tally.timeseries('events', since => '2030-01-01 00:00Z', until => '2030-01-01 02:00Z', fill => 'previous')$$,
    'VALUES (3::float8), (3)', 'with the last value, four years back');
SELECT is_empty($$SELECT * FROM tally.timeseries('events', since => '2030-01-01 00:00Z', until => '2030-01-01 02:00Z', by => '{world}', fill => 'zero')$$,
    'no series, no row');
SELECT results_eq($$SELECT count(*), min(bucket), max(bucket), sum(value) FROM tally.timeseries('events', since => '-infinity', until => 'infinity',
    fill => 'zero')$$, $$VALUES (6::bigint, '2026-01-01 02:00Z'::timestamptz, '2026-01-01 07:00Z'::timestamptz, 7::float8)$$,
    'infinite ends are those of the data');
SELECT is_empty($$SELECT * FROM tally.timeseries('events', since => '-infinity', until => '2025-01-01', fill => 'zero')$$, 'no data, no ends');
SELECT is_empty($$SELECT * FROM tally.timeseries('events', since => '2026-01-02', until => '2026-01-01', fill => 'zero')$$, 'an empty range is empty');

-- A coarser bucket: the value before since is that of its whole day, not of the part that a step back reaches.
INSERT INTO events SELECT '2026-01-10 01:00Z'::timestamptz + i * interval '1 hour', 'w1', true FROM generate_series(1, 10) i;
SELECT results_eq($$SELECT bucket, value FROM tally.timeseries('events', since => '2026-01-11', until => '2026-01-11 12:00Z', bucket => '1 day',
    fill => 'previous')$$, $$VALUES ('2026-01-11 00:00Z'::timestamptz, 10::float8)$$, 'previous day as a whole');

-- Days of 23 and 25 hours; the bucket of 2026-03-29 in Berlin has events, the others none.
CREATE TABLE berlin (at timestamptz, n int);
CREATE INDEX ON berlin (at);
INSERT INTO berlin VALUES ('2026-03-29 12:00+02', 4), ('2026-10-25 02:30+01', 5);
SELECT tally.create_rollup('berlin_days', 'berlin', 'at', bucket => '1 day', zone => 'Europe/Berlin', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_metric('berlin_n', 'berlin_days', 'n');
SELECT results_eq($$SELECT bucket AT TIME ZONE 'Europe/Berlin',
    value FROM tally.timeseries('berlin_n', since => '2026-03-28 00:00+01', until => '2026-03-31 00:00+02', fill => 'zero')$$,
    $$VALUES ('2026-03-28'::timestamp, 0::float8), ('2026-03-29', 4), ('2026-03-30', 0)$$, 'a day of 23 hours');
SELECT results_eq($$SELECT bucket AT TIME ZONE 'Europe/Berlin',
    value FROM tally.timeseries('berlin_n', since => '2026-10-24 00:00+02', until => '2026-10-27 00:00+01', fill => 'previous')$$,
    $$VALUES ('2026-10-24'::timestamp, 4::float8), ('2026-10-25', 5), ('2026-10-26', 5)$$, 'a day of 25 hours, and a value from half a year before');
SELECT results_eq($$SELECT bucket AT TIME ZONE 'Europe/Berlin',
    value FROM tally.timeseries('berlin_n', since => '2026-01-01 00:00+01', until => '2027-01-01 00:00+01', bucket => '3 months', fill => 'zero')$$,
    $$VALUES ('2026-01-01'::timestamp, 4::float8), ('2026-04-01', 0), ('2026-07-01', 0), ('2026-10-01', 5)$$, 'quarters');
SELECT is((SELECT count(*) FROM tally.timeseries('berlin_n', since => '2026-01-01 00:00+01', until => '2027-01-01 00:00+01', fill => 'zero')), 365::bigint,
    'a year of days');

-- Every bucket that the definition would make is in the grid, and no other: skipped midnights (Sao Paulo), a skipped day (Apia).
SELECT bag_eq(format('SELECT unnest(tally_internal._buckets_between(%L, date_trunc(%L, timestamptz %L, %L), %L))', rule, unit, since, zone, until),
              format('SELECT DISTINCT date_trunc(%L, h, %L) FROM generate_series(date_trunc(%1$L, timestamptz %3$L, %2$L), '
                  'timestamptz %4$L - interval ''1 second'', ''30 minutes'') h', unit, zone, since, until), rule)
  FROM (SELECT format('calendar %s %s', unit, zone) AS rule, * FROM (VALUES
    ('day', 'America/Sao_Paulo', '2017-10-01+00', '2018-03-01+00'), ('day', 'Pacific/Apia', '2011-12-20+00', '2012-01-10+00'),
    ('week', 'Europe/Berlin', '2026-03-01+00', '2026-04-10+00'), ('month', 'America/New_York', '2025-01-05+00', '2026-06-10+00'),
    ('year', 'Asia/Kolkata', '2019-01-05+00', '2021-06-10+00'), ('quarter', 'Pacific/Apia', '2011-01-05+00', '2012-06-10+00'),
        ('day', 'Asia/Beirut', '2026-03-20+00', '2026-04-02+00')) v(unit, zone, since, until)) z;

-- Bad input, in four parts.
SELECT throws_ok($$SELECT * FROM tally.timeseries('events', fill => 'cubic')$$, '22023',
    'fill must be ''null'', ''zero'', ''previous'' or ''linear'', got ''cubic''', 'an unknown way to fill');
SELECT throws_ok($$SELECT * FROM tally.timeseries('events', since => '2000-01-01', fill => 'zero', as_of => '2026-01-01')$$, '54000',
    'filling metric ''events'' would make about 227928 rows, expected at most 100000', 'too wide, before anything is read');
SELECT throws_ok($$SELECT * FROM tally.timeseries('events', since => '2016-01-01', until => '2026-02-01', by => '{world}', fill => 'zero')$$, '54000', NULL,
    'too many of all series together');
SELECT lives_ok($$SELECT * FROM tally.timeseries('events', since => '2016-01-01', until => '2026-02-01', fill => 'zero')$$, 'one series of them is not');
SELECT throws_ok($$SELECT * FROM tally.timeseries('berlin_n', since => '0100-01-01', until => '9000-01-01', fill => 'zero')$$, '54000', NULL,
    'days of a calendar are counted, not made');

-- The reader's rights, as without fill.
CREATE ROLE tally_test_fill ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA public TO tally_test_fill;
SET ROLE tally_test_fill;
SELECT throws_ok($$SELECT * FROM tally.timeseries('events', fill => 'previous')$$, '42501', NULL, 'a reader needs SELECT');
RESET ROLE;
DROP OWNED BY tally_test_fill;
DROP ROLE tally_test_fill;
SELECT * FROM finish();
