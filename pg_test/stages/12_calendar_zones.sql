-- The calendar against PostgreSQL's own clocks: every zone of the server, every change of its clock from 1900 to 2100. Around each
-- change, what the kernel says of buckets is held against date_trunc and AT TIME ZONE alone.
SELECT no_plan();
SET client_min_messages = warning;

-- Changes of the clock, found by halving between instants whose offset differs: weeks first, then to the second. Zones with the same
-- changes are one.
CREATE FUNCTION clock_offset(zone text, t timestamptz) RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT (t AT TIME ZONE zone) - (t AT TIME ZONE 'UTC') $$;
CREATE TABLE changes AS
WITH RECURSIVE steps AS (
    SELECT z.name AS zone, t AS lo, t + interval '14 days' AS hi
      FROM pg_timezone_names z, generate_series(timestamptz '1900-01-01Z', '2100-01-01Z', '14 days') t
     WHERE z.name !~ '^posix' AND (t AT TIME ZONE z.name) + interval '14 days' <> (t + interval '14 days') AT TIME ZONE z.name
), halved AS (
    SELECT zone, lo, hi FROM steps
    UNION ALL
    SELECT h.zone, CASE WHEN clock_offset(h.zone, h.middle) = clock_offset(h.zone, h.lo) THEN h.middle ELSE h.lo END,
        CASE WHEN clock_offset(h.zone, h.middle) = clock_offset(h.zone, h.lo) THEN h.hi ELSE h.middle END
      FROM (SELECT x.*, date_bin('1 second', x.lo + (x.hi - x.lo) / 2, '2000-01-01Z') AS middle FROM halved x WHERE x.hi - x.lo > interval '1 second') h
)
SELECT zone, hi AS at, clock_offset(zone, lo) AS before, clock_offset(zone, hi) AS after FROM halved WHERE hi - lo <= interval '1 second';
CREATE TABLE places AS SELECT min(zone) AS zone, changes
    FROM (SELECT zone, array_agg((at, before, after)::text ORDER BY at) AS changes FROM changes GROUP BY zone) z GROUP BY changes;
SELECT ok((SELECT count(*) FROM places) > 200, 'the zones differ');
-- Those that touch a bucket's edge: a midnight of either offset lies within a day of the change. All do; those of one zone at one local time of
-- day behave alike, so that the first and the last of each stand for all.
CREATE TABLE tried AS SELECT zone, at, before, after, n = of AS last FROM (
    SELECT c.*, row_number() OVER w AS n, count(*) OVER (PARTITION BY c.zone, c.before, c.after, (c.at AT TIME ZONE 'UTC')::time) AS of
      FROM changes c JOIN places p USING (zone) WINDOW w AS (PARTITION BY c.zone, c.before, c.after, (c.at AT TIME ZONE 'UTC')::time ORDER BY c.at)) x
 WHERE n IN (1, of) OR (at AT TIME ZONE 'UTC' + before)::time IN ('00:00',
     '24:00') OR (at AT TIME ZONE 'UTC' + after)::date <> (at AT TIME ZONE 'UTC' + before)::date;

-- Where a bucket that begins so late in its unit starts, by date_trunc and AT TIME ZONE alone.
CREATE FUNCTION expected(unit text, late interval, m timestamptz, zone text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT (date_trunc(unit, (m AT TIME ZONE zone) - late) + late) AT TIME ZONE zone
$$;
CREATE FUNCTION differing(zone text, at timestamptz, last boolean) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
    unit text;
    late interval;
    rule text;
    -- What the clock shows before and after the change: buckets that begin there, or between, are the hard ones.
    shown timestamp[] := ARRAY[(at AT TIME ZONE 'UTC') + clock_offset(zone, at - interval '1 second'), at AT TIME ZONE zone];
    -- Instants around: every four hours, and each side of the change, of midnights and of the minute after.
    moments timestamptz[] := ARRAY(SELECT DISTINCT m FROM (
        SELECT t FROM generate_series(at - interval '50 hours', at + interval '50 hours', '247 minutes') t
        UNION ALL SELECT at + x
            FROM unnest('{-1 hour,-30 minutes,-1 minute,-1 microsecond,0,1 microsecond,59 seconds,1 minute,30 minutes,59 minutes,1 hour,61 '
                'minutes}'::interval[]) x
        UNION ALL SELECT ((d + (at AT TIME ZONE zone)::date)::timestamp + x) AT TIME ZONE zone FROM generate_series(-2, 2) d,
            unnest('{-1 microsecond,0,1 microsecond}'::interval[]) x
        UNION ALL SELECT (s + d * interval '1 day' + x) AT TIME ZONE zone FROM unnest(shown || (shown[1] + (shown[2] - shown[1]) / 2)) s,
            generate_series(-1, 1) d, unnest('{-1 microsecond,0}'::interval[]) x) s(m));
    starts timestamptz[];
BEGIN
    FOR unit, late, rule IN
        SELECT u, interval '0', format('calendar %s %s', u, zone) FROM unnest('{day,week,month,quarter,year}'::text[]) u
        UNION SELECT 'day', s::time::interval, format('calendar 1days@0+%s %s', (extract(epoch FROM s::time) * 1000000)::bigint, zone)
          FROM unnest(shown || (shown[1] + (shown[2] - shown[1]) / 2)) s WHERE last AND s::time <> '00:00'
        UNION SELECT 'month', s - date_trunc('month', s), format('calendar 1months@0+%s %s',
                     (extract(epoch FROM s - date_trunc('month', s)) * 1000000)::bigint, zone)
          FROM unnest(shown) s WHERE last AND extract(day FROM s) < 29 AND s <> date_trunc('month', s)
    LOOP
        -- Where a row is.
        RETURN QUERY SELECT format('%s: start of %s is %s, expected %s', rule, m, tally_internal._bucket_start(rule, m), expected(unit, late, m, zone))
            FROM unnest(moments) m
                      WHERE tally_internal._bucket_start(rule, m) IS DISTINCT FROM expected(unit, late, m, zone);
        -- Starts are starts of their own buckets; the end is the next start that any later row has.
        starts := ARRAY(SELECT DISTINCT expected(unit, late, m, zone) AS s FROM unnest(moments) m ORDER BY 1);
        RETURN QUERY SELECT format('%s: %s starts at %s', rule, s, tally_internal._bucket_start(rule, s)) FROM unnest(starts) s
            WHERE tally_internal._bucket_start(rule, s) <> s;
        RETURN QUERY SELECT format('%s: end of %s is %s, expected %s', rule, s, tally_internal._bucket_end(rule, s), e) FROM unnest(starts) s,
            LATERAL (SELECT (date_trunc(unit, (s AT TIME ZONE zone) - late) + ('1 ' || replace(unit, 'quarter', 'day'))::interval + late)
                            AT TIME ZONE zone AS e) x
            WHERE unit <> 'quarter' AND tally_internal._bucket_end(rule, s) <> e;
        RETURN QUERY SELECT format('%s: %s and %s are not one after the other', rule, a, b)
            FROM (SELECT s AS a, lead(s) OVER (ORDER BY s) AS b FROM unnest(starts) s) p
                      WHERE unit = 'day' AND b IS NOT NULL AND tally_internal._bucket_end(rule, a) > b;
        -- Edges: which rows are in buckets from a start on.
        RETURN QUERY SELECT format('%s: rows from %s begin at %s, but %s is one (or none after)', rule, s, tally_internal._rows_from(rule, s), m)
            FROM unnest(starts) s, unnest(moments) m
                      WHERE (m < tally_internal._rows_from(rule, s) AND expected(unit, late, m, zone) >= s)
                          OR (m >= tally_internal._rows_past(rule, s) AND expected(unit, late, m, zone) < s);
    END LOOP;
    -- Days and months several at a time, by the arithmetic of dates.
    FOR i IN 1 .. 3 LOOP
        rule := tally_internal._bucket_rule(make_interval(days => 5), zone, (date '2000-01-03' + i)::timestamp AT TIME ZONE zone);
        RETURN QUERY SELECT format('%s: start of %s', rule, m) FROM unnest(moments) m
         WHERE tally_internal._bucket_start(rule,
             m) <> (date '2000-01-03' + i + floor(((m AT TIME ZONE zone)::date - (date '2000-01-03' + i)) / 5.0)::int * 5)::timestamp AT TIME ZONE zone;
    END LOOP;
    rule := tally_internal._bucket_rule('5 months', zone, date '2000-04-01'::timestamp AT TIME ZONE zone);
    RETURN QUERY SELECT format('%s: start of %s', rule, m) FROM unnest(moments) m,
        LATERAL (SELECT (extract(year FROM m AT TIME ZONE zone) * 12 + extract(month FROM m AT TIME ZONE zone))::int - (2000 * 12 + 4) AS n) k
     WHERE tally_internal._bucket_start(rule, m) <> (date '2000-04-01' + make_interval(months => floor(k.n / 5.0)::int * 5)) AT TIME ZONE zone;
    -- Local times, skipped and repeated ones too.
    RETURN QUERY SELECT format('%s: %s', zone, l) FROM unnest(moments) m,
        LATERAL (SELECT m AT TIME ZONE 'UTC' + x AS l FROM unnest(ARRAY[clock_offset(zone, at), clock_offset(zone, at - interval '1 second')]) x) y
     WHERE tally_internal._instant_of(l, zone) <> l AT TIME ZONE zone OR tally_internal._instant_of(l::date, zone) <> l::date::timestamp AT TIME ZONE zone;
    RETURN QUERY SELECT format('%s: local times of %s', zone, l) FROM unnest(moments) m, LATERAL (SELECT m AT TIME ZONE 'UTC' + clock_offset(zone, at) AS l) y
     WHERE (l AT TIME ZONE zone >= at AND l < tally_internal._local_from(zone, at))
         OR (l AT TIME ZONE zone < at AND l >= tally_internal._local_until(zone, at));
END $$;
SELECT is((SELECT string_agg(d, E'\n') FROM (SELECT d FROM tried t, differing(t.zone, t.at, t.last) d LIMIT 10) x), NULL,
    format('%s changes of %s zones', count(*), count(DISTINCT zone))) FROM tried;
-- tally.bucket is the same implementation; date_bin of fixed widths.
SELECT is((SELECT count(*) FROM tried t, unnest('{1 day,1 week,1 month,3 months,1 year}'::interval[], '{day,week,month,quarter,year}'::text[]) w(width, unit),
    unnest('{-25 hours,-1 microsecond,0,1 hour,25 hours}'::interval[]) x
            WHERE tally.bucket(width, at + x, zone) <> date_trunc(unit, at + x, zone)), 0::bigint, 'tally.bucket is date_trunc');
SELECT is((SELECT count(*) FROM tried t, unnest('{1 microsecond,7 hours,15 minutes,90 minutes,1 day,7 days,30 days}'::interval[]) w,
    unnest('{2000-01-03 00:00Z,2000-01-02 23:59:59.999999Z,1969-07-20 20:17:40Z}'::timestamptz[]) o
            WHERE tally_internal._bucket_start(tally_internal._bucket_rule(w, 'UTC', o), at) <> date_bin(w, at, o)), 0::bigint, 'fixed widths are date_bin');
SELECT * FROM finish();
