-- Retention with the first and with every start, on the period or on it and later, by the calendar of a zone or in 24 hours: the
-- counts equal a plain join of starts, periods and events. Across 2026-03-29 in Berlin, a day of 23 hours.

SELECT no_plan();

SELECT setseed(0.75);
CREATE TABLE events AS
SELECT 1 + (i * 7) % 60 AS actor, timestamptz '2026-03-20 00:00+00' + random() * interval '20 days' AS at,
    (ARRAY['start', 'use', 'use'])[1 + floor(3 * random())::int] AS kind
FROM generate_series(1, 900) AS i;
-- Two starts at one moment are one.
INSERT INTO events SELECT actor, at, kind FROM events WHERE kind = 'start' ORDER BY at LIMIT 20;

CREATE TABLE asked (as_of timestamptz, every boolean, zone text, mode text);
INSERT INTO asked SELECT as_of, every, zone, mode
FROM unnest('{2026-03-29 21:59:59+00, 2026-03-29 22:00+00, 2026-04-05 12:34+00, 2026-05-01 00:00+00}'::timestamptz[]) AS as_of,
    unnest('{f,t}'::boolean[]) AS every,
     unnest('{Europe/Berlin,UTC,NULL}'::text[]) AS zone, unnest('{on,on_or_after}'::text[]) AS mode;

CREATE FUNCTION plain(a asked) RETURNS TABLE (period int, eligible bigint, retained bigint) LANGUAGE sql AS $$
WITH starts AS (
    SELECT DISTINCT ON (actor, CASE WHEN NOT a.every THEN NULL WHEN a.zone IS NULL THEN at::text ELSE (at AT TIME ZONE a.zone)::date::text END)
           actor, at AS start, (at AT TIME ZONE a.zone)::date AS day
    FROM events WHERE kind = 'start' AND at < a.as_of ORDER BY 1,
        CASE WHEN NOT a.every THEN NULL WHEN a.zone IS NULL THEN at::text ELSE (at AT TIME ZONE a.zone)::date::text END, at),
periods AS (
    SELECT s.*, n, CASE WHEN a.zone IS NULL THEN start + n * interval '24 hours' ELSE (day + n)::timestamp AT TIME ZONE a.zone END AS since,
           CASE WHEN a.zone IS NULL THEN start + (n + 1) * interval '24 hours' ELSE (day + n + 1)::timestamp AT TIME ZONE a.zone END AS until
    FROM starts s, generate_series(0, 6) n)
SELECT n, count(*), count(*) FILTER (WHERE EXISTS (
    SELECT FROM events e WHERE e.actor = p.actor AND e.kind = 'use' AND e.at >= p.start AND e.at < a.as_of AND e.at >= since
        AND (e.at < until OR a.mode = 'on_or_after')))
FROM periods p WHERE until <= a.as_of GROUP BY n
$$;

CREATE FUNCTION ours(a asked) RETURNS TABLE (period int, eligible bigint, retained bigint) LANGUAGE sql AS $$
WITH actors AS (SELECT actor, array_agg(at) FILTER (WHERE kind = 'start') AS starts, array_agg(at) FILTER (WHERE kind = 'use') AS uses FROM events
    GROUP BY actor),
days AS (
    SELECT e.retained FROM actors, tally.retention_every(starts, uses, '1 day', 6, a.as_of, a.zone, a.mode) AS e WHERE a.every
    UNION ALL SELECT tally.retention(starts, uses, '1 day', 6, a.as_of, a.zone, a.mode) FROM actors WHERE NOT a.every)
SELECT p.period, p.eligible, p.retained FROM tally.retention_periods((SELECT tally.retention_counts(retained) FROM days)) AS p WHERE p.eligible > 0
$$;

SELECT results_eq(format('SELECT * FROM ours(%L) ORDER BY 1', a), format('SELECT * FROM plain(%L) ORDER BY 1', a),
                  format('%s start, %s, %s, as of %s', CASE WHEN every THEN 'every' ELSE 'first' END, coalesce(zone, '24 hours'), mode, as_of)) FROM asked a;
SELECT cmp_ok((SELECT count(*) FROM asked a, plain(a) WHERE retained BETWEEN 1 AND eligible - 1), '>', 200::bigint, 'the cases are not empty');

-- Weeks and months, and what there is nothing of.
SELECT results_eq($$SELECT * FROM tally.retention_every('{2026-01-07,2026-01-04,2026-01-05}', '{2026-01-06,2026-01-13}', '1 week', 1, '2026-03-01', 'UTC')$$,
                  $$VALUES ('2026-01-04 00:00+00'::timestamptz, '{f,t}'::boolean[]), ('2026-01-05 00:00+00', '{t,t}')$$,
                      'a cohort per week, with the first start of each');
SELECT is_empty($$SELECT * FROM tally.retention_every(NULL, '{2026-01-06}', '1 week', 1, '2026-03-01')$$, 'no start');
SELECT is_empty($$SELECT * FROM tally.retention_every('{2026-01-06}', '{2026-01-06}', NULL, 1, '2026-03-01')$$, 'no width');
SELECT throws_ok($$SELECT * FROM tally.retention_every('{2026-01-01}', '{}', '1 day', 1, now(), 'UTC', 'never')$$, '22023');

-- Counts as JSON.
SELECT is(tally.retention_counts(k)::jsonb,
    '[{"period": 0, "eligible": 2, "retained": 1, "share": 0.5}, {"period": 1, "eligible": 1, "retained": 1, "share": 1}]', 'retention_counts as jsonb')
FROM (VALUES ('{t,t}'::boolean[]), ('{f,NULL}')) AS t (k);
SELECT is(tally.funnel_counts(p)::jsonb #- '{0,mean}' -> 1 ->> 'actors', '1', 'funnel_counts as jsonb')
    FROM (VALUES ('{2026-01-01}'::timestamptz[]), ('{2026-01-01,2026-01-02}')) AS t (p);
SELECT is(jsonb_path_query_array(tally.funnel_counts(l)::jsonb, '$[*].actors'), '[3, 2, 1]', 'a level each') FROM generate_series(1, 3) l;

-- A histogram for people: every value in one bucket, round edges, the longest bar as wide as asked.
SELECT results_eq($$SELECT low, high, "values", bar FROM tally.histogram_text((SELECT tally.tdigest(v) FROM generate_series(0, 99) v), 4, 8)$$,
                  $$VALUES (0::numeric, 50::numeric, 50::bigint, '████████'), (50, 99, 50, '████████')$$, 'round edges');
SELECT is((SELECT sum("values")
    FROM tally.histogram_text((SELECT tally.tdigest(v) FROM unnest('{NaN,-Infinity,0.1,0.2,0.3,7,Infinity}'::float8[]) v))), 7::numeric,
    'NaN and the infinities are counted');
SELECT is((SELECT array_agg(low) FROM tally.histogram_text((SELECT tally.tdigest(v) FROM unnest('{0.1,0.2,0.3}'::float8[]) v), 2)), '{0.1,0.2,0.3}',
    'decimals stay as people write them');
SELECT results_eq($$SELECT low, "values", bar FROM tally.histogram_text((SELECT tally.tdigest(5) FROM generate_series(1, 3)), 10, 2)$$,
    $$VALUES (5::numeric, 3::bigint, '██')$$, 'one value');
SELECT is_empty($$SELECT * FROM tally.histogram_text((SELECT tally.tdigest(v) FROM unnest('{NaN}'::float8[]) v))$$, 'nothing finite');
SELECT is_empty($$SELECT * FROM tally.histogram_text(NULL)$$, 'no sketch');
SELECT is((SELECT sum("values") FROM tally.histogram_text((SELECT tally.tdigest(v) FROM unnest('{-1e308,1e308,3}'::float8[]) v))), 3::numeric,
    'the ends of float8');
SELECT throws_ok($$SELECT * FROM tally.histogram_text((SELECT tally.tdigest(5)), 0)$$, '22023');

SELECT * FROM finish();
