-- Faults of the calendar, each named after what broke. Expected values are PostgreSQL's own date_trunc, or counted by hand.
SELECT no_plan();
SET client_min_messages = warning;

CREATE FUNCTION day_of(zone text) RETURNS text LANGUAGE sql AS $$ SELECT format('date_trunc(''day'', at, %L)', zone) $$;

-- F01: the day after a midnight that the clock skips was counted twice: its end was taken for one o'clock.
CREATE TABLE skipping (zone text, about timestamptz);
INSERT INTO skipping VALUES
    ('Africa/Cairo', '2024-04-25 22:00Z'), ('America/Sao_Paulo', '2018-11-04 03:00Z'), ('Asia/Beirut', '2026-03-28 22:00Z'),
        ('America/Asuncion', '2023-10-01 04:00Z'),
    -- Midnight comes twice, an hour apart; a minute after it comes first; the same an hour before. Havana's year is past: Debian 13 knows of no change in 2026.
    ('America/Havana', '2015-11-01 05:00Z'), ('America/Havana', '2015-03-08 05:00Z'), ('America/St_Johns', '2009-11-01 02:31Z'),
        ('Atlantic/Azores', '2025-10-26 01:00Z'),
    ('America/Sao_Paulo', '2018-02-18 02:00Z'),
    -- A day is left out, and one comes twice in all but an hour.
    ('Pacific/Apia', '2011-12-30 10:00Z'), ('Pacific/Kwajalein', '1969-09-30 13:00Z'),
    -- Half past eleven becomes midnight.
    ('Asia/Pyongyang', '2018-05-04 15:00Z');
CREATE TABLE clocks AS SELECT format('c%s', row_number() OVER ()) AS name, * FROM skipping;
-- A partition for each, so that a rollup of one clock reads the ticks of that clock alone.
CREATE TABLE ticks (at timestamptz, local timestamp, day date, n int, name text) PARTITION BY LIST (name);
SELECT format('CREATE TABLE ticks_%s PARTITION OF ticks FOR VALUES IN (%L)', name, name) FROM clocks \gexec
CREATE INDEX ON ticks (at);
INSERT INTO ticks SELECT t, t AT TIME ZONE zone, (t AT TIME ZONE zone)::date, 1, name
  FROM clocks, generate_series(about - interval '3 days', about + interval '3 days', '10 minutes') t;
CREATE TABLE shapes (suffix text, time_column text, bucket interval, origin text, start text);
INSERT INTO shapes VALUES
    ('day', 'at', '1 day', NULL, 'date_trunc(''day'', at, %1$L)'), ('week', 'at', '1 week', NULL, 'date_trunc(''week'', at, %1$L)'),
        ('month', 'at', '1 month', NULL, 'date_trunc(''month'', at, %1$L)'),
    ('three', 'at', '3 days', NULL,
        '((date ''2000-01-03'' + floor(((at AT TIME ZONE %1$L)::date - date ''2000-01-03'') / 3.0)::int * 3)::timestamp AT TIME ZONE %1$L)'),
    ('local', 'local', '1 day', NULL, 'date_trunc(''day'', local AT TIME ZONE %1$L, %1$L)'),
        ('date', 'day', '1 day', NULL, 'date_trunc(''day'', day::timestamp AT TIME ZONE %1$L, %1$L)');
SELECT tally.create_rollup(name || suffix, ('ticks_' || name)::regclass, time_column, bucket => bucket, zone => zone, measures => '{"n": "sum(n)"}',
    "where" => format('name = %L', name)) FROM clocks, shapes;
CREATE FUNCTION equal(step text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT bucket, n FROM %s%s%s', name, suffix, live),
        format('SELECT %s, sum(n) FROM ticks WHERE name = %L GROUP BY 1', format(start, zone), name),
                  format('%s about %s by %s%s, %s', zone, about, suffix, live, step)) FROM clocks, shapes, (VALUES ('_live'), ('')) l(live)
                      WHERE live = '_live' OR step NOT LIKE 'before%'
$$;
SELECT equal('before the first refresh');
SELECT tally.refresh();
SELECT equal('built');
-- One row after another, bucket by bucket: marks and index ranges, not the range as a whole.
INSERT INTO ticks SELECT t, t AT TIME ZONE zone, (t AT TIME ZONE zone)::date, 1000, name
  FROM clocks, generate_series(about - interval '27 hours', about + interval '27 hours', '30 minutes') t;
SELECT equal('before the refresh of single buckets');
SELECT tally.refresh();
SELECT equal('single buckets refreshed');
DELETE FROM ticks USING clocks c WHERE ticks.name = c.name AND at BETWEEN about - interval '61 minutes' AND about + interval '61 minutes';
SELECT tally.refresh();
SELECT equal('the hours around deleted');
SELECT is_empty(format('SELECT * FROM tally.verify(%L)', name || suffix), name || suffix || ' equals its definition') FROM clocks, shapes;

-- Days on hours: merged by a rollup on the rollup and by timeseries, where hours make up days.
SELECT tally.create_rollup(name || 'hour', ('ticks_' || name)::regclass, 'at', bucket => '1 minute', zone => zone, measures => '{"n": "sum(n)"}',
    "where" => format('name = %L', name), with_data => true) FROM clocks;
SELECT tally.create_rollup(name || 'onhour', name || 'hour', bucket => '1 day', zone => zone, with_data => true) FROM clocks;
SELECT bag_eq(format('SELECT bucket, n::bigint FROM %sonhour%s', name, live),
    format('SELECT %s, sum(n)::bigint FROM ticks WHERE name = %L GROUP BY 1', day_of(zone), name), format('%s about %s: days on hours%s', zone, about, live))
  FROM clocks, (VALUES (''), ('_live')) l(live);
SELECT tally.create_metric(name || 'n', name || 'hour', 'n') FROM clocks;
SELECT bag_eq(format('SELECT bucket, value FROM tally.timeseries(%L, since => %L, until => %L, bucket => ''1 day'')', name || 'n', about - interval '40 hours',
    date_trunc('day', about + interval '70 hours', zone)),
    format('SELECT * FROM (SELECT %s AS bucket, sum(n)::float8 FROM ticks WHERE name = %L GROUP BY 1) d WHERE bucket >= %L AND bucket < date_trunc(''day'', '
        'timestamptz %L, %L)', day_of(zone), name, about - interval '40 hours', about + interval '70 hours', zone),
    format('%s about %s: timeseries of days from within a day', zone, about)) FROM clocks;
SELECT is(tally.metric_value(name || 'n', since => date_trunc('day', about - interval '50 hours', zone)::text,
    until => date_trunc('day', about + interval '70 hours', zone)::text),
    (SELECT sum(n)::float8 FROM ticks t
        WHERE t.name = c.name AND at >= date_trunc('day', about - interval '50 hours', zone) AND at < date_trunc('day', about + interval '70 hours', zone)),
    format('%s about %s: one value, of days where they are whole', zone, about)) FROM clocks c WHERE zone <> 'Pacific/Kwajalein';
-- Lookback counts days of the calendar, and a day that is left out is none.
SELECT tally.create_rollup(name || 'back', ('ticks_' || name)::regclass, 'at', bucket => '1 day', zone => zone, lookback => '3 days',
    measures => '{"n": "sum(n)"}',
    "where" => format('name = %L', name)) FROM clocks;
CREATE FUNCTION back(step text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT bucket, n FROM %sback_live', name), format(
        'SELECT d.day, sum(t.n) FROM (SELECT DISTINCT (g AT TIME ZONE %1$L)::date AS date, date_trunc(''day'', g, '
            '%1$L) AS day FROM generate_series(timestamptz %3$L - interval ''9 days'', timestamptz %3$L + interval ''9 days'', ''30 minutes'') g) d
          JOIN ticks t ON t.name = %2$L AND (t.at AT TIME ZONE %1$L)::date BETWEEN d.date - 2 AND d.date GROUP BY 1', zone, name, about),
              format('%s about %s looks back, %s', zone, about, step)) FROM clocks
$$;
SELECT back('live');
SELECT tally.refresh();
SELECT back('stored');
UPDATE ticks SET n = n + 1 FROM clocks c WHERE ticks.name = c.name AND at BETWEEN about - interval '2 hours' AND about + interval '2 hours';
SELECT back('single buckets');
SELECT tally.refresh();
SELECT back('single buckets refreshed');

-- F02: widths that compare equal as intervals are other buckets.
CREATE TABLE e2 (at timestamptz);
CREATE INDEX ON e2 (at);
INSERT INTO e2 SELECT timestamptz '2025-01-01 00:30Z' + i * interval '1 day' FROM generate_series(0, 119) i;
CREATE TABLE pairs (name text, own interval, wanted interval, zone text);
INSERT INTO pairs VALUES ('thirty', '30 days', '1 month', 'UTC'), ('month', '1 month', '30 days', 'UTC'), ('day24', '24 hours', '1 day', 'America/New_York'),
    ('nyday', '1 day', '24 hours', 'America/New_York'),
    ('year360', '360 days', '1 year', 'UTC'), ('week168', '168 hours', '1 week', 'Europe/Berlin'), ('kolkata', '1 hour', '1 day', 'Asia/Kolkata');
SELECT tally.create_rollup('w_' || name, 'e2', 'at', bucket => own, zone => zone, measures => '{"n": "count(*)"}', with_data => true) FROM pairs;
SELECT tally.create_metric('w_' || name, 'w_' || name, 'n') FROM pairs;
SELECT throws_ok(format('SELECT * FROM tally.timeseries(%L, since => ''2025-01-01Z'', until => ''2025-05-01Z'', bucket => %L)', 'w_' || name, wanted), '22023',
    NULL, format('%s of %s in %s is refused', wanted, own, zone)) FROM pairs;
SELECT bag_eq(format('SELECT bucket, value FROM tally.timeseries(%L, since => ''2025-01-01Z'', until => ''2025-05-01Z'', bucket => ''1 day'')', 'w_half'),
    $$SELECT date_trunc('day', at, 'Asia/Kolkata'), count(*)::float8 FROM e2 WHERE date_trunc('day', at, 'Asia/Kolkata') >= '2025-01-01Z'
        AND date_trunc('day', at, 'Asia/Kolkata') < '2025-05-01Z' GROUP BY 1$$, 'half hours make up Kolkata''s days')
  FROM tally.create_rollup('w_half', 'e2', 'at', bucket => '30 minutes', zone => 'Asia/Kolkata', measures => '{"n": "count(*)"}', with_data => true),
      LATERAL tally.create_metric('w_half', 'w_half', 'n');
SELECT is((SELECT count(*) FROM tally.timeseries('w_month', since => '2025-01-01Z', until => '2025-05-01Z', bucket => '3 months')), 2::bigint,
    'quarters of months');
SELECT is((SELECT count(*) FROM tally.timeseries('w_month', since => '2025-01-01Z', until => '2025-05-01Z', bucket => '1 month')), 4::bigint,
    'a rollup''s own width');

-- V1: a retention by 24 hours was accepted and could never be computed.
CREATE TABLE visits (at timestamptz, who text);
INSERT INTO visits VALUES ('2026-01-01 23:00Z', 'a'), ('2026-01-02 01:00Z', 'a'), ('2026-01-02 23:30Z', 'a'), ('2026-01-01 01:00Z', 'b'),
    ('2026-01-03 00:30Z', 'b'), ('2026-01-04 00:00Z', 'c');
SELECT tally.create_retention('back24', 'visits', 'at', 'who', period => '24 hours', periods => 3, with_data => true);
SELECT tally.create_retention('backnull', 'visits', 'at', 'who', period => '1 day', periods => 3, zone => NULL, with_data => true);
SELECT tally.create_retention('backday', 'visits', 'at', 'who', period => '1 day', periods => 3, with_data => true);
SELECT tally.create_retention('back12', 'visits', 'at', 'who', period => '12 hours', periods => 6, with_data => true);
-- From its own start, a is seen in period 0 and 1; b in 0 and 1 (47.5 hours later); c in 0.
SELECT results_eq(format('SELECT period, eligible, retained FROM tally.retention(%L)', name),
    'VALUES (0, 3::bigint, 3::bigint), (1, 3, 2), (2, 3, 0), (3, 3, 0)', name || ' counts from each actor''s start')
    FROM (VALUES ('back24'), ('backnull')) v(name);
SELECT results_eq($$SELECT period, retained FROM tally.retention('backday')$$, 'VALUES (0, 3::bigint), (1, 1), (2, 1), (3, 0)',
    'days of the calendar are others: b comes on the day after the next');
SELECT results_eq($$SELECT period, retained FROM tally.retention('back12')$$, 'VALUES (0, 3::bigint), (1, 0), (2, 1), (3, 1), (4, 0), (5, 0), (6, 0)',
    'half days, too');
SELECT bag_eq($$SELECT period, eligible, retained FROM tally.retention('back24')$$,
    $$SELECT p.period, sum(p.eligible)::bigint AS e,
        sum(p.retained)::bigint AS r FROM (SELECT tally.retention_counts(r) AS c
        FROM (SELECT tally.retention(array_agg(at), array_agg(at), '24 hours', 3, now(), NULL) AS r FROM visits GROUP BY who) a) k,
        tally.retention_periods(k.c) p GROUP BY 1$$, 'as the function counts');
SELECT results_eq($$SELECT period, eligible FROM tally.retention('back24', as_of => '2026-01-03 12:00Z')$$, 'VALUES (0, 2::bigint)',
    'a period shows when it is past for the whole cohort: a''s second ends at 23:00');
SELECT throws_ok($$SELECT tally.create_retention('bad', 'visits', 'at', 'who', period => '1 month', zone => NULL)$$, '22023', NULL,
    'months have no fixed length');

-- F12: how long ago was counted by the session's zone, and a time without an offset read by it.
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'sql_standard';
SELECT is(tally_internal._parse_since(given, '2026-03-30 12:00+02', 'since', 'Europe/Berlin'), wanted::timestamptz, given || ' by Berlin''s clock')
  FROM (VALUES ('1 day', '2026-03-29 10:00+00'), ('2 days', '2026-03-28 11:00+00'), ('48 hours', '2026-03-28 10:00+00'), ('1 month', '2026-02-28 11:00+00'),
      ('2026-03-01', '2026-02-28 23:00+00'), ('2026-03-01 12:00', '2026-03-01 11:00+00'),
               ('2026-03-01T12:00:00Z', '2026-03-01 12:00+00'), ('2026-03-01 12:00-05', '2026-03-01 17:00+00'), ('now', '2026-03-30 10:00+00'),
                   ('-infinity', '-infinity')) v(given, wanted);
RESET timezone;
RESET datestyle;
RESET intervalstyle;
-- A zone that the session's settings name is none.
SELECT throws_ok(format($$SELECT tally.create_rollup('bad', 'e2', 'at', bucket => '1 day', zone => %L, measures => '{"n": "count(*)"}')$$, zone), '22023',
    NULL, zone || ' is no place') FROM unnest('{EST,IST,CET,Nowhere/Land}'::text[]) zone;

-- Attack 11: forged marks. Only rollups that there are are marked, and what is marked can be computed.
CREATE TABLE e11 (at timestamptz, k text);
CREATE INDEX ON e11 (at);
INSERT INTO e11 VALUES ('2026-01-01 12:00Z', 'x');
SELECT tally.create_rollup('h11', 'e11', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('d11', 'e11', 'at', bucket => '1 day', zone => 'Africa/Cairo', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('k11', 'e11', key => 'k', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('kk11', 'e11', key => '["k", "at"]', measures => '{"n": "count(*)"}', with_data => true) WHERE false;
SELECT id AS h11 FROM tally.rollups WHERE name = 'h11' \gset
SELECT id AS d11 FROM tally.rollups WHERE name = 'd11' \gset
SELECT id AS k11 FROM tally.rollups WHERE name = 'k11' \gset
SELECT count(tally_internal._mark(id || ' ' || rule, at)) AS forged FROM unnest(ARRAY[:h11, :d11, :k11, 987654]) id,
    unnest('{fixed 3600000000,fixed 1,fixed 2305843009213693951,calendar day Nowhere/Land,calendar 199999999months@3 UTC,calendar week Africa/Cairo}'::text[])
        rule,
    unnest('{294276-12-31 23:59:59+00,294276-12-31 23:59:59.999999+00,4714-11-24 00:00+00 BC,4714-11-24 12:00+00 BC,infinity,-infinity,NULL,2026-01-01 '
        '12:30Z}'::timestamptz[]) at;
SELECT count(tally_internal._mark_key(id::text, key)) AS forged FROM unnest(ARRAY[:h11, :d11, :k11, 987654]) id,
    (VALUES ('[5:5]={s2}'::text[]), ('{}'), ('{{a,b},{c,d}}'), ('{NULL}'), ('{a,b}'), ('[0:0]={x}'), ('{x}'), ('[-2147483648:-2147483648]={y}'),
        ('{{z}}')) v(key);
SELECT is_empty(format('SELECT * FROM tally.dirty WHERE rollup_id IN (%s, 987654)', :k11), 'no mark of what is no rollup by time');
SELECT is_empty('SELECT * FROM tally.dirty WHERE bucket = ''-infinity''', 'no mark that is no instant');
SELECT bag_eq(format('SELECT DISTINCT key FROM tally.dirty_keys_%s', :k11), $$VALUES ('{s2}'::text[]), ('{x}'), ('{y}')$$,
    'keys are marked as keys, whatever their bounds; others are not');
SELECT results_eq('SELECT n FROM h11_live', 'VALUES (1::bigint)', 'the live view bears it');
SELECT results_eq('SELECT n FROM d11_live', 'VALUES (1::bigint)', 'by days, too');
SELECT results_eq('SELECT k, n FROM k11_live', $$VALUES ('x'::text, 1::bigint)$$, 'and by key');
SELECT is((SELECT string_agg(rollup || ': ' || error, '; ') FROM tally.refresh()), NULL, 'so does the refresh');
SELECT results_eq('SELECT n FROM h11', 'VALUES (1::bigint)', 'the rollup stands');
SELECT is_empty(format('SELECT * FROM tally.dirty WHERE rollup_id IN (%s, %s)', :h11, :d11), 'nothing stays marked');
-- What was stored before.
INSERT INTO tally.dirty (rollup_id, bucket) SELECT id, at FROM unnest(ARRAY[:h11, :d11]) id,
    unnest('{294276-12-31 23:59:59.999999+00,4714-11-24 00:00+00 BC,-infinity,infinity}'::timestamptz[]) at;
SELECT format('INSERT INTO tally.dirty_keys_%s (key) VALUES (''[5:5]={s2}''), (''{}''), (''{a,b}''), (''{NULL}''), (''{x}'')', :k11) \gexec
SELECT results_eq('SELECT n FROM d11_live', 'VALUES (1::bigint)', 'stored marks of any kind do not stop a live view');
SELECT results_eq('SELECT k, n FROM k11_live', $$VALUES ('x'::text, 1::bigint)$$, 'nor of keys');
SELECT is((SELECT string_agg(rollup || ': ' || error, '; ') FROM tally.refresh()), NULL, 'nor a refresh');
SELECT is_empty(format('SELECT * FROM tally.dirty WHERE rollup_id IN (%s, %s)', :h11, :d11), 'and they are gone');
-- A bound on the marks of one transaction.
SELECT count(tally_internal._mark(:h11 || ' fixed 1', timestamptz '2026-01-01Z' + i * interval '1 second')) AS forged FROM generate_series(1, 100200) i;
SELECT is((SELECT count(*) FROM tally.dirty WHERE rollup_id = :h11), 100000::bigint, 'a transaction marks a hundred thousand buckets one by one');
SELECT results_eq(format('SELECT since, until, reason FROM tally.dirty_ranges WHERE rollup_id = %s', :h11),
    $$VALUES ('-infinity'::timestamptz, 'infinity'::timestamptz, 'many marks of one transaction')$$, 'and then the whole');
INSERT INTO e11 VALUES ('2030-01-01 12:00Z', 'x');
SELECT is((SELECT sum(n) FROM h11_live)::bigint, 2::bigint, 'the live view is exact');
SELECT tally.refresh('h11');
SELECT is((SELECT sum(n) FROM h11)::bigint, 2::bigint, 'and the refresh');

-- Attack 10: a stored width that no bucket can have stops its own rollup, not the source of others.
CREATE TABLE e10 (at timestamptz, n int) PARTITION BY RANGE (at);
CREATE TABLE e10_a PARTITION OF e10 FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z');
CREATE TABLE e10_b PARTITION OF e10 FOR VALUES FROM ('2026-02-01Z') TO ('2026-03-01Z');
SELECT tally.create_rollup('good10', 'e10', 'at', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('bad10', 'e10', 'at', bucket => '1 day', measures => '{"n": "sum(n)"}', with_data => true);
UPDATE tally.rollups SET bucket = '1 mon 1 day' WHERE name = 'bad10';
SELECT lives_ok($$INSERT INTO e10 VALUES ('2026-01-05Z', 1), ('2026-02-05Z', 2)$$, 'writers go on');
SELECT lives_ok('TRUNCATE e10_a', 'TRUNCATE goes on');
SELECT lives_ok('DROP TABLE e10_a', 'so does DROP of a partition');
SELECT lives_ok($$CREATE TABLE e10_c PARTITION OF e10 FOR VALUES FROM ('2026-03-01Z') TO ('2026-04-01Z')$$, 'and a new one');
SELECT lives_ok($$SELECT tally.create_rollup('other10', 'e10', 'at', bucket => '1 day', measures => '{"n": "sum(n)"}', with_data => true)$$, 'others define');
SELECT is((SELECT string_agg(rollup, ' ') FROM tally.refresh() WHERE error IS NOT NULL), 'bad10', 'only its own refresh fails');
SELECT results_eq('SELECT sum(n)::bigint FROM good10', 'VALUES (2::bigint)', 'the others are right');
SELECT * FROM finish();
