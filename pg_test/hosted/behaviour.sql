-- Asked of both kernels by pg_test/hosted/agree.sh: funnels by the default search, their counts, sessions, paths of events; how many
-- statements a text holds.
-- answers: 254

SET extra_float_digits = 0;
\ir told.psql
CREATE TEMP TABLE events AS SELECT i % 60 AS actor, timestamptz '2026-01-01 00:00+00' + (i * 7919 % 3001) / 3 * interval '7 minutes' AS at,
    (ARRAY['a','b','c','d','x'])[(i * i * 31 + i / 7) % 5 + 1] AS kind FROM generate_series(1, 900) i;
SELECT 'level', actor, w, o, tally.window_funnel(w, at, ARRAY[kind = 'a', kind = 'b', kind IN ('c', 'b'), kind = 'd'], o),
    tally.funnel_path(w, at, ARRAY[kind = 'a', kind = 'b', kind IN ('c', 'b'), kind = 'd'], o)
  FROM events, unnest('{1 hour,12 hours,1 month}'::interval[]) w, unnest('{once,reuse,increase}'::text[]) o WHERE actor < 24 GROUP BY 2, 3, 4 ORDER BY 2, 3, 4;
SELECT 'by type', actor, tally.window_funnel('1 day', at, kind, '{a,b,c}'), tally.funnel_path('1 day', at, kind, '{a,b,c}') FROM events GROUP BY 2 ORDER BY 2;
-- Sessions in a window: rows of one time, rows without a time, ends of time, gaps of days and months.
SELECT 'session', actor, at, g, tally.sessionize(at, g) OVER (PARTITION BY actor, g ORDER BY at)
  FROM (SELECT actor, CASE WHEN extract(minute FROM at) <> 7 THEN at END AS at FROM events
        UNION ALL SELECT 1, unnest('{infinity,-infinity,infinity,2026-03-01 00:00+00,2026-03-31 00:00+00,2026-05-01 00:00+00}'::timestamptz[])) e,
       unnest('{0,7 minutes,1 day,30 days,1 month}'::interval[]) g WHERE actor < 6 ORDER BY actor, g, at;
SELECT pg_temp.told(format('SELECT array_agg(s) FROM (SELECT tally.sessionize(t, %L) OVER (ORDER BY n) AS s FROM (VALUES (1, timestamptz ''2026-01-01''), '
    '(2, %L)) v(n, t)) x', g, t)) FROM (VALUES (NULL, '2026-01-02'), ('-1 day', '2026-01-02'), ('1 day', '2025-01-01'), ('1 day', '2026-01-03')) q(g, t);
-- Many events at one time, each of which fills one step.
SELECT 'at once', n, tally.window_funnel('1 day', at, m & 1 > 0, m & 2 > 0, m & 4 > 0, m & 8 > 0), tally.funnel_path('1 day', at, m & 1 > 0, m & 2 > 0,
    m & 4 > 0, m & 8 > 0)
  FROM (VALUES (1, '{1,2,4,8}'::int[]), (2, '{15,15,15}'), (3, '{3,3,4}'), (4, '{3,6,12,1}'), (5, '{7,7,8,8}'), (6, '{2,4,8}'), (7, '{1,14,14}'), (8,
      '{5,5,2}')) v(n, masks),
       LATERAL (SELECT m, timestamptz '2026-01-01 00:00+00' AS at FROM unnest(masks) m) e GROUP BY 2 ORDER BY 2;
SELECT 'edges', tally.window_funnel('1 hour', at, k = 1, k = 2) FROM (VALUES (timestamptz '2026-01-01 00:00+00', 1), ('2026-01-01 01:00+00', 2), (NULL,
    1)) v(at, k);
SELECT 'edges', tally.window_funnel('1 hour', at, k = 1, k = 2) FROM (VALUES (timestamptz '2026-01-01 00:00+00', 1), ('2026-01-01 01:00:00.000001+00',
    2)) v(at, k);
SELECT 'none', tally.window_funnel('1 hour', at, k = 1), tally.funnel_path('1 hour', at, k = 1) FROM (VALUES (timestamptz '2026-01-01 00:00+00', 2)) v(at, k);
SELECT 'steps', s.* FROM (SELECT tally.funnel_counts(p) AS c FROM (SELECT tally.funnel_path('1 day', at, kind, '{a,b,c}') AS p FROM events GROUP BY actor) x) y,
    LATERAL tally.funnel_steps(c, '{first,second,third,fourth}') s ORDER BY 2;
SELECT 'levels', s.*, tally.reached(c) FROM (SELECT tally.rollup(c) AS c FROM (SELECT tally.funnel_counts(l) AS c FROM (SELECT actor,
    tally.window_funnel('1 day', at, kind, '{a,b,c}') AS l FROM events GROUP BY actor) x GROUP BY actor % 3) z) y, LATERAL tally.funnel_steps(c) s ORDER BY 2;
SELECT 'convert', tally.count(tally.time_to_convert(c, 2)), tally.time_to_convert(c, 1) IS NULL
  FROM (SELECT tally.funnel_counts(p) AS c FROM (SELECT tally.funnel_path('1 day', at, kind, '{a,b,c}') AS p FROM events GROUP BY actor) x) y;
SELECT 'sessions', actor, g, tally_internal._session_times(t, g, false), tally_internal._session_times(t, g, true), tally_internal._session_counts(t, g),
    tally_internal._session_values(t, g, v, false), tally_internal._session_values(t, g, v, true)
  FROM (SELECT actor, array_agg(at ORDER BY kind, at DESC) AS t, array_agg(NULLIF(kind, 'x') ORDER BY kind, at DESC) AS v FROM events WHERE actor < 6
        GROUP BY 1) x,
       unnest('{30 minutes,6 hours,1 day}'::interval[]) g ORDER BY 2, 3;
SELECT 'times', actor, array_agg(DISTINCT t ORDER BY t) = ARRAY(SELECT DISTINCT u FROM unnest(tally_internal._times(t)) u ORDER BY u),
    tally_internal._times(NULL), (SELECT count(*) FROM unnest(tally_internal._times(t)))
  FROM (SELECT actor, at AS t FROM events WHERE actor < 6) x GROUP BY 2 ORDER BY 2;
SELECT 'next', actor, n, tally.next_event_path(t, v, 'b', n) FROM (SELECT actor, array_agg(at) AS t, array_agg(kind) AS v FROM events
    WHERE actor < 12 GROUP BY 1) x,
    unnest('{-2,1,3,99}'::int[]) n ORDER BY 2, 3;
SELECT 'statements', s, tally_internal._statement_count(s) FROM (VALUES ('SELECT $$a;$$; SELECT $$b$$'), ('DO $a$BEGIN $b$;$b$ $$;$$ END$a$;')) t(s) ORDER BY 2;
-- The hosted kernel looked up names without a schema in pg_catalog alone, and took every parameter for a moment: thresholds on such names were refused, and
-- so were readers of funnels, paths and items.
CREATE SCHEMA bare;
CREATE TABLE bare.held (v int);
SET search_path = bare;
SELECT 'a name without a schema', tally_internal._parse_tree('SELECT v FROM held') ~ 'held';
SELECT 'parameters that are no moments', tally_internal._parse_tree('SELECT v FROM held WHERE v = ANY ($1) AND now() > $2 LIMIT $3') ~ 'held';
RESET search_path;
