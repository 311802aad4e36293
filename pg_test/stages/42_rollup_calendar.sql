-- Buckets by the calendar of a zone, right across the change of clocks, and time columns without a zone.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'America/New_York';  -- the session's zone must not matter

CREATE TABLE events (at timestamptz, local timestamp, day date, n int);
CREATE INDEX ON events (at);
CREATE INDEX ON events (local);
CREATE INDEX ON events (day);
-- Around 2026-03-29 and 2026-10-25, when Berlin's days have 23 and 25 hours.
INSERT INTO events SELECT t, t AT TIME ZONE 'Europe/Berlin', (t AT TIME ZONE 'Europe/Berlin')::date, 1
  FROM generate_series(timestamptz '2026-03-20 00:00+00', '2026-04-05 00:00+00', '10 minutes') t
UNION ALL SELECT t, t AT TIME ZONE 'Europe/Berlin', (t AT TIME ZONE 'Europe/Berlin')::date, 1
  FROM generate_series(timestamptz '2026-10-20 00:00+00', '2026-11-05 00:00+00', '10 minutes') t;

CREATE TABLE widths (label text, bucket interval, zone text, column_name text, expected text);
INSERT INTO widths VALUES
    ('berlin_day', '1 day', 'Europe/Berlin', 'at', 'date_trunc(''day'', at, ''Europe/Berlin'')'),
    ('berlin_week', '1 week', 'Europe/Berlin', 'at', 'date_trunc(''week'', at, ''Europe/Berlin'')'),
    ('kolkata_day', '1 day', 'Asia/Kolkata', 'at', 'date_trunc(''day'', at, ''Asia/Kolkata'')'),
    ('utc_week', '7 days', 'UTC', 'at', 'date_trunc(''week'', at, ''UTC'')'),
    ('month', '1 month', 'America/Sao_Paulo', 'at', 'date_trunc(''month'', at, ''America/Sao_Paulo'')'),
    ('quarter', '3 months', 'UTC', 'at', 'date_trunc(''quarter'', at, ''UTC'')'),
    ('year', '1 year', 'UTC', 'at', 'date_trunc(''year'', at, ''UTC'')'),
    ('quarter_hour', '15 minutes', 'UTC', 'at', 'date_bin(''15 minutes'', at, ''2000-01-01 00:00+00'')'),
    ('local_day', '1 day', 'Europe/Berlin', 'local', 'date_trunc(''day'', local) AT TIME ZONE ''Europe/Berlin'''),
    ('local_hour', '1 hour', 'Europe/Berlin', 'local', 'date_bin(''1 hour'', local AT TIME ZONE ''Europe/Berlin'', ''2000-01-01 00:00+00'')'),
    ('date_day', '1 day', 'Europe/Berlin', 'day', 'day::timestamp AT TIME ZONE ''Europe/Berlin''');

-- Other origins and several units at a time. What is expected is counted from the calendar, not by the engine's formula.
ALTER TABLE widths ADD origin timestamptz;
INSERT INTO widths VALUES
    ('sunday_week', '1 week', 'America/New_York', 'at',
        '(date_trunc(''week'', at AT TIME ZONE ''America/New_York'' + interval ''1 day'') - interval ''1 day'') AT TIME ZONE ''America/New_York''',
        '2023-01-01 00:00-05'),
    ('utc_saturday', '7 days', 'UTC', 'at', '(date_trunc(''week'', at AT TIME ZONE ''UTC'' + interval ''2 days'') - interval ''2 days'') AT TIME ZONE ''UTC''',
        '2022-01-01 00:00Z'),
    ('business_day', '1 day', 'UTC', 'at', 'date_trunc(''day'', at - interval ''6 hours'', ''UTC'') + interval ''6 hours''', '2026-05-05 06:00Z'),
    ('half_past', '1 hour', 'UTC', 'at', 'date_trunc(''hour'', at + interval ''30 minutes'') - interval ''30 minutes''', '2026-01-01 00:30Z'),
    ('two_days', '2 days', 'Europe/Berlin', 'at',
        'CASE WHEN ((at AT TIME ZONE ''Europe/Berlin'')::date - date ''2026-03-01'') % 2 = 0 THEN date_trunc(''day'', at, '
            '''Europe/Berlin'') ELSE (date_trunc(''day'', at AT TIME ZONE ''Europe/Berlin'') - interval ''1 day'') AT TIME ZONE ''Europe/Berlin'' END',
            '2026-03-01 00:00+01'),
    ('half_year', '6 months', 'Europe/Berlin', 'at',
        'CASE WHEN at < ''2026-07-01 00:00+02'' THEN timestamptz ''2026-01-01 00:00+01'' ELSE ''2026-07-01 00:00+02'' END', NULL),
    ('fiscal_year', '1 year', 'UTC', 'at', 'CASE WHEN at < ''2026-04-01 00:00Z'' THEN timestamptz ''2025-04-01 00:00Z'' ELSE ''2026-04-01 00:00Z'' END',
        '1990-04-01 00:00Z'),
    ('fiscal_quarter', '3 months', 'Asia/Kolkata', 'local',
        'CASE WHEN local < ''2026-05-01'' THEN timestamptz ''2026-02-01 00:00+05:30'' WHEN local < ''2026-11-01'' THEN ''2026-08-01 00:00+05:30'' ELSE '
            '''2026-11-01 00:00+05:30'' END', '2030-02-01 00:00+05:30'),
    ('day_from_half_past_two', '1 day', 'Europe/Berlin', 'at',
        '(date_trunc(''day'', (at AT TIME ZONE ''Europe/Berlin'') - interval ''2:30'') + interval ''2:30'') AT TIME ZONE ''Europe/Berlin''',
        '2026-01-05 02:30+01'),
    ('month_from_the_15th', '1 month', 'UTC', 'at',
        '(date_trunc(''month'', (at AT TIME ZONE ''UTC'') - interval ''14 days'') + interval ''14 days'') AT TIME ZONE ''UTC''', '2020-02-15 00:00Z'),
    ('week_from_sunday_at_six', '1 week', 'America/New_York', 'local',
        '(date_trunc(''week'', local - interval ''6 days 6 hours'') + interval ''6 days 6 hours'') AT TIME ZONE ''America/New_York''', '2026-01-04 06:00-05'),
    ('hour_from_six', '1 hour', 'Europe/Berlin', 'at', 'date_trunc(''hour'', at)', '2026-01-04 05:00Z'),
    ('date_fortnight', '2 weeks', 'Europe/Berlin', 'day',
        '(date ''2026-01-05'' + (day - date ''2026-01-05'') / 14 * 14)::timestamp AT TIME ZONE ''Europe/Berlin''', '2026-03-02 00:00+01');

SELECT lives_ok(format('SELECT tally.create_rollup(%L, ''events'', %L, bucket => %L, zone => %L, measures => ''{"n": "sum(n)"}'', with_data => true, '
    'origin => %L)', label, column_name, bucket, zone, origin), label || ' is made')
  FROM widths;
CREATE FUNCTION exact(step text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq('SELECT bucket, n FROM ' || label || relation,
        format('SELECT %s, sum(n) FROM events GROUP BY 1', expected), format('%s%s, %s', label, relation, step))
      FROM widths, (VALUES (''), ('_live')) r(relation) WHERE relation = '_live' OR step NOT LIKE 'unrefreshed%'
$$;
SELECT exact('built');
-- The repeated hour, the skipped hour, both midnights.
INSERT INTO events SELECT t, t AT TIME ZONE 'Europe/Berlin', (t AT TIME ZONE 'Europe/Berlin')::date, 100
  FROM unnest(ARRAY['2026-10-25 00:30+00', '2026-10-25 01:30+00', '2026-03-29 00:59:59+00', '2026-03-29 01:00+00', '2026-03-28 23:00+00',
      '2026-10-24 22:00+00', '2026-10-25 23:00+00']::timestamptz[]) t;
SELECT exact('unrefreshed');
SELECT tally.refresh();
SELECT exact('refreshed');
SELECT is((SELECT n FROM berlin_day WHERE bucket = '2026-10-25 00:00+02'), 25 * 6 + 300::bigint, 'a day of 25 hours');
SELECT is((SELECT n FROM berlin_day WHERE bucket = '2026-03-29 00:00+01'), 23 * 6 + 300::bigint, 'a day of 23 hours');
-- Havana's midnight of 2015-11-01 comes twice, at 04:00 and 05:00 UTC; a row comes between them, right after one of the day before.
-- Not 2026: Debian 13 knows of a Havana that does not set its clocks back then.
CREATE TABLE nights (at timestamptz, n int);
CREATE INDEX ON nights (at);
INSERT INTO nights SELECT t, 1 FROM generate_series(timestamptz '2015-10-30 00:00+00', '2015-11-04 00:00+00', '10 minutes') t;
SELECT tally.create_rollup('havana_day', 'nights', 'at', bucket => '1 day', zone => 'America/Havana', measures => '{"n": "sum(n)"}', with_data => true);
CREATE FUNCTION of_two_midnights(relation text, step text) RETURNS text LANGUAGE sql AS $$
    SELECT bag_eq('SELECT bucket, n FROM ' || relation, 'SELECT date_trunc(''day'', at, ''America/Havana''), sum(n) FROM nights GROUP BY 1', step)
$$;
SELECT is(count(*), 25 * 6::bigint, 'the day that begins with an hour that comes twice has 25 hours') FROM nights
 WHERE (at AT TIME ZONE 'America/Havana')::date = '2015-11-01';
INSERT INTO nights VALUES ('2015-10-31 12:00+00', 100), ('2015-11-01 04:30+00', 100);
SELECT of_two_midnights('havana_day_live', 'a day that begins with an hour that comes twice is live with all its rows');
SELECT tally.refresh('havana_day');
SELECT of_two_midnights('havana_day', 'and is marked and computed with them');
-- Rows without a time are in no bucket of any form.
INSERT INTO events VALUES ('infinity', '-infinity', 'infinity', 1), (NULL, NULL, NULL, 1), ('-infinity', 'infinity', '-infinity', 1);
DELETE FROM events WHERE local IS NULL OR NOT isfinite(at);
SELECT exact('unrefreshed, after rows without a time');
SELECT tally.refresh();
SELECT exact('refreshed again');
SELECT is_empty(format('SELECT * FROM tally.verify(%L)', label), label || ' is equal to its definition') FROM widths;

-- Merged further: what is made up of whole buckets, and what is not.
SELECT tally.create_metric(label || '_n', label, 'n') FROM widths WHERE label IN ('sunday_week', 'two_days', 'fiscal_quarter', 'berlin_day');
SELECT bag_eq($$SELECT bucket, value FROM tally.timeseries('two_days_n', since => '-infinity', until => 'infinity', bucket => '6 days')$$,
    $$SELECT (date '2026-03-01' + 6 * floor(((at AT TIME ZONE 'Europe/Berlin')::date - date '2026-03-01') / 6.0)::int)::timestamp AT TIME ZONE 'Europe/Berlin',
        sum(n)::float8 FROM events GROUP BY 1$$, 'six days of twos, by its origin');
SELECT bag_eq($$SELECT bucket, value FROM tally.timeseries('berlin_day_n', since => '-infinity', until => 'infinity', bucket => '6 months')$$,
    $$SELECT CASE WHEN at < '2026-07-01 00:00+02' THEN timestamptz '2026-01-01 00:00+01' ELSE '2026-07-01 00:00+02' END,
        sum(n)::float8 FROM events GROUP BY 1$$, 'half years of days');
SELECT is((SELECT count(*) FROM tally.timeseries('two_days_n', since => '2026-03-01 00:00+01', until => '2026-05-01 00:00+02', fill => 'zero')), 31::bigint,
    '61 days are filled with 31 buckets of two');
SELECT throws_ok($$SELECT * FROM tally.timeseries('two_days_n', bucket => '1 month')$$, '22023', NULL, 'months are not made up of twos');
SELECT throws_ok($$SELECT * FROM tally.timeseries('two_days_n', bucket => '3 days')$$, '22023', NULL, 'nor are threes');
SELECT throws_ok($$SELECT * FROM tally.timeseries('fiscal_quarter_n', bucket => '4 months')$$, '22023', NULL, 'nor four months of quarters');
SELECT tally.create_rollup('utc_hour', 'events', 'at', measures => '{"n": "sum(n)"}');
SELECT is(tally_internal._buckets_nest(tally_internal._bucket_rule(own::interval, own_zone),
    tally_internal._bucket_rule(bucket::interval, zone, origin::timestamptz)), fits, format('%s in %s of %s in %s: %s', bucket, zone, own, own_zone, fits))
  FROM (VALUES ('1 day', 'Europe/Berlin', '1 hour', 'Europe/Berlin', NULL, false), ('1 day', 'Europe/Berlin', '1 month', 'UTC', NULL, false),
      ('1 day', 'Europe/Berlin', '1 month', 'Europe/Berlin', NULL, true),
        ('1 week', 'UTC', '1 month', 'UTC', NULL, false), ('1 hour', 'UTC', '1 day', 'Asia/Kolkata', NULL, false),
            ('30 minutes', 'UTC', '1 day', 'Asia/Kolkata', NULL, true), ('1 hour', 'UTC', '1 day', 'Europe/Berlin', NULL, true),
        ('7 hours', 'UTC', '1 day', 'UTC', NULL, false), ('1 hour', 'UTC', '7 hours', 'UTC', NULL, true),
            ('1 day', 'UTC', '1 week', 'UTC', '2023-01-01 00:00Z', true), ('1 week', 'UTC', '2 weeks', 'UTC', '2023-01-01 00:00Z', false),
        ('1 month', 'UTC', '1 year', 'UTC', '2020-04-01 00:00Z', true), ('3 months', 'UTC', '1 year', 'UTC', '2020-02-01 00:00Z', false),
            ('1 day', 'UTC', '1 day', 'UTC', '2020-02-01 06:00Z', false)) v(own, own_zone, bucket, zone, origin, fits);
SELECT lives_ok($$SELECT tally.create_rollup('good', 'utc_hour', bucket => '1 week', zone => 'Europe/Berlin', origin => '2023-01-01 00:00+01',
    with_data => true)$$, 'Berlin''s weeks from Sunday of hours');
SELECT bag_eq('SELECT bucket, n FROM good',
    $$SELECT (date_trunc('week', at AT TIME ZONE 'Europe/Berlin' + interval '1 day') - interval '1 day') AT TIME ZONE 'Europe/Berlin',
        sum(n)::bigint FROM events GROUP BY 1$$, 'as the calendar has them');

SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
    AND p.prosrc ~ '_bucket_rule\(\(?\w+(\.\w+)?\)?\.bucket' 
    -- A release has buckets of its own, and takes the rollup's origin where they are the same.
    AND p.proname NOT IN ('_bucket_rule_of', '_release_rule')$$,
    'nobody reads a rollup''s buckets past its origin');
-- A metric by longer buckets goes by where the rollup's begin: weeks and months of days from 02:30 begin at 02:30. Days of hours begin at midnight,
-- whatever hour the origin of the hours names.
SELECT tally.create_metric(label || '_n', label, 'n') FROM unnest('{day_from_half_past_two,month_from_the_15th,hour_from_six}'::text[]) label;
SELECT bag_eq(format('SELECT bucket, value FROM tally.timeseries(%L, since => ''2026-01-01 00:00Z'', until => ''2027-06-01 00:00Z'', bucket => %L)',
        label || '_n', width),
    format('SELECT (date_trunc(%L, (at AT TIME ZONE %2$L) - %3$L::interval) + %3$L::interval) AT TIME ZONE %2$L, sum(n)::float8 FROM events '
        'WHERE at < ''infinity'' GROUP BY 1', unit, zone, late), format('%s by %s', label, width))
  FROM (VALUES ('day_from_half_past_two', '1 week', 'week', 'Europe/Berlin', '2:30'), ('day_from_half_past_two', '1 month', 'month', 'Europe/Berlin', '2:30'),
      ('month_from_the_15th', '1 month', 'month', 'UTC', '14 days'), ('hour_from_six', '1 day', 'day', 'Europe/Berlin', '0'),
      ('hour_from_six', '1 month', 'month', 'Europe/Berlin', '0')) v(label, width, unit, zone, late);
-- Nonsense is refused.
SELECT throws_ok(format($$SELECT tally.create_rollup('bad', 'events', 'at', bucket => %L, zone => %L, origin => %L, measures => '{"n": "sum(n)"}')$$, bucket,
    zone, origin), code, NULL, what)
  FROM (VALUES ('1 month 2 days', 'UTC', NULL, '0A000', 'months and days'), ('1 day 3 hours', 'Europe/Berlin', NULL, '0A000', 'days and hours of a calendar'),
      ('1 month 1 second', 'UTC', NULL, '0A000', 'months and seconds'),
        ('1 month', 'UTC', '2026-01-29 00:00Z', '22023', 'a month from the 29th, which February may not have'),
        ('1 hour', 'UTC', 'infinity', '22023', 'no origin'), ('1 month', 'UTC', '-infinity', '22023', 'no origin of months'),
        ('1 day', 'Atlantis', NULL, '22023', 'no zone')) v(bucket, zone, origin, code, what);
SELECT * FROM finish();
