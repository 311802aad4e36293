-- Asked of both kernels by pg_test/hosted/agree.sh: the calendar, at odd midnights, at the first times, and at random. In the first month and on the last day
-- that PostgreSQL can hold, the kernel in SQL has no bucket where the library has one (docs/kernel.md).
-- answers: 15000

CREATE TEMP TABLE rules AS SELECT * FROM unnest(ARRAY['fixed 3600000000', 'fixed 900000000', 'fixed 3600000000 1800000000', 'fixed 604800000000', 'fixed 7',
    'fixed 86400000000', 'fixed 604800000000 5', 'calendar day Europe/Berlin', 'calendar day Africa/Cairo', 'calendar day America/Sao_Paulo',
    'calendar day America/Havana', 'calendar day America/St_Johns', 'calendar day Pacific/Apia', 'calendar week Europe/Berlin', 'calendar week Asia/Kolkata',
    'calendar month America/New_York', 'calendar quarter Asia/Dubai', 'calendar year Pacific/Apia', 'calendar 3days@1 America/Havana',
    'calendar 5months@4 UTC', 'calendar 7days@6 Europe/Berlin', 'calendar 30days@0 Asia/Tokyo', 'calendar day UTC',
    'calendar 1days@0+21600000000 Europe/Berlin', 'calendar 7days@6+9000000000 America/Havana', 'calendar 1days@0+60000000 America/St_Johns',
    'calendar 1months@0+1209600000000 America/New_York', 'calendar 5months@1+2354400000000 UTC']) rule;
CREATE TEMP TABLE instants AS SELECT DISTINCT at FROM (
    SELECT unnest('{2024-04-25 21:59:59+00,2024-04-25 22:00+00,2024-04-26 21:30+00,2018-11-04 03:00+00,2018-11-04 02:59:59.999999+00,2024-11-03 04:30+00,
        2024-11-03 05:00+00,2024-11-03 05:30+00,2011-11-06 02:31+00,2011-11-06 02:30:30+00,2011-12-30 09:59:59+00,2011-12-30 10:00+00,2011-12-31 12:00+00,
        2024-03-31 01:00+00,2024-10-27 00:30+00,2000-01-03 00:00+00,1999-12-31 23:59:59.999999+00,1970-01-01 00:00+00,
        1893-04-01 00:00+00,0001-01-01 00:00+00 BC,
        0001-12-31 23:00+00 BC,infinity,-infinity,4714-12-25 12:00+00 BC,4713-01-15 00:00+00 BC,
        290000-06-01 00:00+00}'::timestamptz[]) AS at
    UNION ALL SELECT timestamptz '2020-01-01 00:00+00' + (i * 7919 % 70000) * interval '83 minutes' + i * interval '1 second' FROM generate_series(1, 40) i) x;
SELECT 'start', r.rule, i.at, tally_internal._bucket_start(r.rule, i.at) FROM rules r, instants i ORDER BY 2, 3;
SELECT 'end', r.rule, i.at, tally_internal._bucket_end(r.rule, i.at) FROM rules r, instants i ORDER BY 2, 3;
SELECT 'shifted', r.rule, i.at, n, tally_internal._bucket_shifted(r.rule, i.at, n) FROM rules r, instants i, unnest('{-3,-1,0,2,10000,100000000}'::int[]) n
    ORDER BY 2, 3, 4;
SELECT 'at or after', r.rule, i.at, tally_internal._bucket_at_or_after(r.rule, i.at) FROM rules r, instants i ORDER BY 2, 3;
SELECT 'rows', r.rule, i.at, tally_internal._rows_from(r.rule, i.at), tally_internal._rows_past(r.rule, i.at) FROM rules r, instants i ORDER BY 2, 3;
SELECT 'reached', r.rule, i.at, tally_internal._buckets_reached(r.rule, i.at, 3) FROM rules r, instants i ORDER BY 2, 3;
SELECT 'between', r.rule, i.at, tally_internal._buckets_between(r.rule, i.at, i.at + interval '3 days') FROM rules r, instants i
 WHERE i.at BETWEEN '2000-01-01' AND '2040-01-01' AND r.rule <> 'fixed 7' AND extract(minute FROM i.at)::int % 5 = 0 ORDER BY 2, 3;
SELECT 'width', rule, tally_internal._bucket_width(rule), tally_internal._bucket_length(rule) FROM rules ORDER BY 2;
SELECT 'finer', a.rule, b.rule, tally_internal._bucket_is_finer(a.rule, b.rule) FROM rules a, rules b ORDER BY 2, 3;
SELECT 'in', rule, w, tally_internal._buckets_in(rule, w) FROM rules,
    unnest('{1 hour,90 minutes,1 day,6 days,1 week,1 month,15 months,1 day 1 hour}'::interval[]) w
 ORDER BY 2, 3;
SELECT 'local', z, at, CASE WHEN at > '4000-01-01 BC' THEN tally_internal._local_from(z, at) END, tally_internal._local_until(z, at),
    tally_internal._instant_of(at AT TIME ZONE 'UTC', z)
  FROM instants, unnest('{UTC,Europe/Berlin,Africa/Cairo,America/Havana,Pacific/Apia,America/St_Johns}'::text[]) z ORDER BY 2, 3;
SELECT 'day', z, d, tally_internal._instant_of(d, z) FROM unnest('{UTC,Europe/Berlin,Africa/Cairo,America/Havana,Pacific/Apia}'::text[]) z,
    unnest('{infinity,-infinity,4714-11-24 BC,2024-04-26,2011-12-30,294275-12-31,300000-01-01,5874897-12-31}'::date[]) d ORDER BY 2, 3;
SELECT 'bucket', w, at, z, tally.bucket(w, at, z) FROM instants, unnest('{1 hour,15 minutes,1 day,2 days,1 week,1 month,1 year}'::interval[]) w,
    unnest('{UTC,Europe/Berlin,America/Havana}'::text[]) z ORDER BY 2, 3, 4;
SELECT 'bucket from', w, at, tally.bucket(w, at, 'Europe/Berlin', '2024-02-10 23:00+00') FROM instants,
    unnest('{1 hour,7 minutes,3 days,5 months}'::interval[]) w ORDER BY 2, 3;
\ir told.psql
SELECT 'rule', w, z, o, pg_temp.told(format('SELECT tally_internal._bucket_rule(%L, %L, %L)', w, z, o))
  FROM unnest(ARRAY['1 hour', '15 minutes', '1 day', '1 week', '1 month', '3 months', '1 year', '7 months', '1 day 2 hours', '1 month 1 day', '0', '-1 hour',
        '1 month -1 day', '0.5 seconds', '400000 years', '30 days']) w, unnest('{UTC,Europe/Berlin,America/Havana,Nowhere/Land,EST5}'::text[]) z,
       unnest('{NULL,2000-01-03 00:30+00,2024-02-29 23:00+00,2024-03-31 22:00+00,infinity,-infinity,2024-11-03 05:00+00,
    2024-04-25 22:00+00,2024-02-15 06:30+00}'::timestamptz[]) o ORDER BY 2, 3, 4;
SELECT 'rule read', r, pg_temp.told(format('SELECT tally_internal._bucket_start(%L, now())', r)) FROM unnest(ARRAY['', 'fixed', 'fixed 0', 'fixed -5',
    'fixed x',
    'fixed 10 10', 'fixed 10 -1', 'calendar day', 'calendar day ', 'calendar fortnight UTC', 'calendar 0days@0 UTC', 'calendar 2days@2 UTC', 'other 1',
    'calendar 1days@0+86400000000 UTC', 'calendar 1months@0+2419200000000 UTC', 'calendar day+5 UTC', 'calendar 1days@0+-1 UTC']) r;
SELECT 'known', z, tally_internal._zone_known(z) FROM unnest('{UTC,utc,Europe/Berlin,europe/berlin,EST,CEST,Nowhere/Land,EST5EDT}'::text[]) z;
