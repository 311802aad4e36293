-- Asked of both kernels by pg_test/hosted/agree.sh: retention by days, weeks, months and hours, in zones, on a period and on it or later.
-- answers: 721
\ir told.psql

CREATE TEMP TABLE seen AS SELECT i % 12 AS actor, timestamptz '2026-03-20 00:00+00' + (i * 7919 % 2003) * interval '53 minutes' AS at, i % 5 = 0 AS starts
  FROM generate_series(1, 400) i;
SELECT w, z, m, actor, tally.retention(array_agg(at) FILTER (WHERE starts), array_agg(at), w, 6, '2026-05-10 07:00+00', z, m)
  FROM seen, unnest('{1 day,3 days,1 week,1 month,24 hours,90 minutes}'::interval[]) w, unnest('{UTC,America/Sao_Paulo,NULL}'::text[]) z,
       unnest('{on,on_or_after}'::text[]) m WHERE actor < 4 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT w, z, m, actor, e.* FROM (SELECT actor, array_agg(at) FILTER (WHERE starts) AS s, array_agg(at) AS r FROM seen WHERE actor < 2 GROUP BY 1) a,
       unnest('{1 week,1 month,36 hours}'::interval[]) w, unnest('{Asia/Kolkata,NULL}'::text[]) z, unnest('{on,on_or_after}'::text[]) m,
       LATERAL tally.retention_every(s, r, w, 3, '2026-05-10 07:00+00', z, m) e ORDER BY w, z, m, actor, e.start;
-- A clock that goes back over midnight, times at the ends, NULLs, nobody.
SELECT tally.retention_every('{2015-10-31 23:30+00,2015-11-01 04:30+00,2015-11-01 05:30+00,NULL}', '{2015-11-01 05:10+00,2015-11-02 06:00+00}', '1 day', 2,
    '2015-12-01', 'America/Havana');
SELECT tally.retention('{-infinity,2026-01-01}', '{2026-01-02,infinity}', w, 2, '2026-02-01', 'UTC', m)
  FROM unnest('{1 day,5 hours}'::interval[]) w, unnest('{on,on_or_after}'::text[]) m;
SELECT tally.retention('{2026-01-01}', '{2026-01-02}', '1 day', 2, 'infinity'), tally.retention('{0044-03-15 BC}', '{0044-04-16 BC,0001-02-01}', '1 month', 3);
SELECT tally.retention(NULL, '{2026-01-02}', '1 day', 2, 'infinity'), tally.retention('{2026-01-01}', NULL, '1 day', 2, 'infinity'),
    tally.retention('{2026-01-01}', NULL, NULL, 2) IS NULL;
SELECT p.* FROM (SELECT tally.retention_counts(r) AS c FROM (SELECT tally.retention(array_agg(at) FILTER (WHERE starts), array_agg(at), '1 week', 9,
    '2026-05-10 07:00+00') AS r FROM seen GROUP BY actor) a) b, LATERAL tally.retention_periods(c) p;
SELECT p.* FROM (SELECT tally.rollup(c) AS c FROM (SELECT tally.retention_counts(r) AS c FROM (VALUES (1, '{t,f,NULL}'::boolean[]), (1, '{}'), (2, '{t,t,t,f}'),
    (2, NULL), (3, NULL)) v(g, r) GROUP BY g) x) b, LATERAL tally.retention_periods(c) p;
SELECT pg_temp.told(s) FROM unnest(ARRAY[
    'SELECT tally.retention(''{2026-01-01}'', ''{}'', ''1 day'', 3661)', 'SELECT tally.retention(''{2026-01-01}'', ''{}'', ''1 day'', 2, now(), ''Mars'')',
    'SELECT tally.retention(''{2026-01-01}'', ''{}'', ''1 month 1 day'', 2)', 'SELECT tally.retention(''{2026-01-01}'', ''{}'', ''0'', 2, now(), NULL)',
    'SELECT tally.retention(''{2026-01-01}'', ''{}'', ''1 day'', 2, now(), ''UTC'', ''after'')']) s;
SELECT w, z, l, actor, tally.retention(array_agg(at) FILTER (WHERE starts), array_agg(at), w, 6, '2026-05-10 07:00+00', z, 'on', l)
  FROM seen, unnest('{1 day,1 week,2 weeks,1 month}'::interval[]) w, unnest('{UTC,America/New_York}'::text[]) z, unnest('{-1,0,6,14,NULL}'::int[]) l
 GROUP BY w, z, l, actor ORDER BY w, z, l, actor;
SELECT pg_temp.told('SELECT tally.retention(''{2026-01-01}'', ''{}'', ''1 day'', 2, now(), ''UTC'', ''on'', 3661)');
