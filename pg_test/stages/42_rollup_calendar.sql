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
    ('havana_day', '1 day', 'America/Havana', 'at', 'date_trunc(''day'', at, ''America/Havana'')'),
    ('utc_week', '7 days', 'UTC', 'at', 'date_trunc(''week'', at, ''UTC'')'),
    ('month', '1 month', 'America/Sao_Paulo', 'at', 'date_trunc(''month'', at, ''America/Sao_Paulo'')'),
    ('quarter', '3 months', 'UTC', 'at', 'date_trunc(''quarter'', at, ''UTC'')'),
    ('year', '1 year', 'UTC', 'at', 'date_trunc(''year'', at, ''UTC'')'),
    ('quarter_hour', '15 minutes', 'UTC', 'at', 'date_bin(''15 minutes'', at, ''2000-01-01 00:00+00'')'),
    ('local_day', '1 day', 'Europe/Berlin', 'local', 'date_trunc(''day'', local) AT TIME ZONE ''Europe/Berlin'''),
    ('local_hour', '1 hour', 'Europe/Berlin', 'local', 'date_bin(''1 hour'', local AT TIME ZONE ''Europe/Berlin'', ''2000-01-01 00:00+00'')'),
    ('date_day', '1 day', 'Europe/Berlin', 'day', 'day::timestamp AT TIME ZONE ''Europe/Berlin''');

SELECT lives_ok(format('SELECT tally.create_rollup(%L, ''events'', %L, bucket => %L, zone => %L, measures => ''{"n": "sum(n)"}'', with_data => true)', label, column_name, bucket, zone), label || ' is made')
  FROM widths;
CREATE FUNCTION exact(step text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT set_eq('SELECT bucket, n FROM ' || label || relation,
        format('SELECT %s, sum(n) FROM events GROUP BY 1', expected), format('%s%s, %s', label, relation, step))
      FROM widths, (VALUES (''), ('_live')) r(relation) WHERE relation = '_live' OR step NOT LIKE 'unrefreshed%'
$$;
SELECT exact('built');
-- The repeated hour, the skipped hour, both midnights.
INSERT INTO events SELECT t, t AT TIME ZONE 'Europe/Berlin', (t AT TIME ZONE 'Europe/Berlin')::date, 100
  FROM unnest(ARRAY['2026-10-25 00:30+00', '2026-10-25 01:30+00', '2026-03-29 00:59:59+00', '2026-03-29 01:00+00', '2026-03-28 23:00+00', '2026-10-24 22:00+00', '2026-10-25 23:00+00']::timestamptz[]) t;
-- Havana's midnight of 2026-11-01 comes twice, at 04:00 and 05:00 UTC; the row between them, right after one of the day before.
INSERT INTO events SELECT t, t AT TIME ZONE 'Europe/Berlin', (t AT TIME ZONE 'Europe/Berlin')::date, 100
  FROM unnest(ARRAY['2026-10-31 12:00+00', '2026-11-01 04:30+00']::timestamptz[]) t;
SELECT exact('unrefreshed');
SELECT tally.refresh();
SELECT exact('refreshed');
SELECT is((SELECT n FROM berlin_day WHERE bucket = '2026-10-25 00:00+02'), 25 * 6 + 300::bigint, 'a day of 25 hours');
SELECT is((SELECT n FROM berlin_day WHERE bucket = '2026-03-29 00:00+01'), 23 * 6 + 300::bigint, 'a day of 23 hours');
INSERT INTO events VALUES ('2026-10-31 12:00+00', NULL, NULL, 1), ('2026-11-01 04:30+00', NULL, NULL, 1);
SELECT tally.refresh('havana_day');
SELECT set_eq('SELECT bucket, n FROM havana_day', 'SELECT date_trunc(''day'', at, ''America/Havana''), sum(n) FROM events WHERE at IS NOT NULL GROUP BY 1',
    'a day that begins with an hour that comes twice is marked and computed with all its rows');
SELECT * FROM finish();
