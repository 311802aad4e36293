-- Asked of both kernels by pg_test/hosted/agree.sh: funnels with every option and exclusions, patterns of events, and what is neither.
-- answers: 2178
\ir told.psql

-- Events of 30 actors, several of them at one time; the fifth condition is an excluded event.
CREATE TEMP TABLE acts AS
SELECT a AS actor, timestamptz '2026-03-20 00:00+00' + (hashint4(a * 1000 + i) % 25 + 25) * interval '10 minutes' AS at,
       ARRAY(SELECT hashint4(a * 100000 + i * 100 + s) % 3 = 0 FROM generate_series(1, 5) s ORDER BY s) AS met
  FROM generate_series(1, 30) a, generate_series(1, 3 + a % 9) i;
SELECT o, w, actor, tally.funnel_path(w, at, met[1:4], o), tally.window_funnel(w, at, met[1:4], o) FROM acts, unnest(ARRAY['', 'once', 'reuse', 'increase',
    'strict', 'strict, reuse', 'strict,increase', 'strict , reuse,increase', 'strict_order', 'strict_deduplication', 'strict_order, strict_deduplication',
    'strict_order, increase', 'strict_deduplication, increase', 'any_order', 'any_order, reuse', 'any_order, increase', 'any_order,reuse,increase',
    'increase, reuse', 'exclude 1-2', 'exclude 1-3 remove', 'reuse, exclude 2-3 drop_off', 'exclude 1-2 remove, increase', NULL]) o,
    unnest('{40 minutes,3 hours}'::interval[]) w GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT o, actor, tally.funnel_path('2 hours', at, met, o), tally.window_funnel('2 hours', at, met, o) FROM acts,
    unnest(ARRAY['exclude 1-2, exclude 1-3', 'exclude 1-2 remove, exclude 2-3', 'exclude 1-3 remove, exclude 1-2 remove', 'exclude 1-2,exclude 1-2',
        'exclude 2-3, increase',
    'reuse, exclude 1-3', 'increase, exclude 2-4', 'strict', 'any_order']) o GROUP BY 1, 2 ORDER BY 1, 2;
-- Many steps at one time: which event fills which step.
SELECT o, tally.window_funnel('1 hour', at, met, o) FROM (SELECT timestamptz '2026-01-01 00:00+00' AS at,
    ARRAY(SELECT s % 7 = i % 7 OR s = i + 3 FROM generate_series(1, 20) s ORDER BY s) AS met FROM generate_series(1, 16) i) x,
    unnest('{once,reuse,any_order,increase}'::text[]) o GROUP BY 1 ORDER BY 1;
-- Nobody, NULLs, infinite times, a window of nothing.
SELECT tally.funnel_path('1 day', now(), false), tally.window_funnel('1 day', NULL, true), tally.window_funnel(NULL, now(), false),
    tally.window_funnel('0', t, t < '2026-01-02', t > '2026-01-01'), tally.funnel_path('1 day', t, t < '2026-01-02', t > '2026-01-01')
  FROM (VALUES (timestamptz '2026-01-01'), ('2026-01-01 12:00'), ('infinity'), ('-infinity')) v(t);
SELECT pg_temp.told(format('SELECT tally.window_funnel(%L, now(), %L::boolean[], %L)', w, c, o)) FROM (VALUES ('1 day', '{t,f,t}', 'strictly'),
    ('1 day', '{t,f,t}', 'exclude'), ('1 day', '{t,f,t}', 'exclude 2'), ('1 day', '{t,f,t}', 'exclude 2-2'), ('1 day', '{t,f,t}', 'exclude 0-1'),
    ('1 day', '{t,f,t}', 'exclude a-b'), ('1 day', '{t,f,t}', 'exclude 1-2 x'), ('1 day', '{t,f,t}', 'exclude 1-300'), ('1 day', '{t,f,t}', 'exclude 1-3'),
    ('1 day', '{t,f,t}', 'strict, any_order'), ('1 day', '{t,f,t}', 'strict_order,strict'), ('1 day', '{t,f,t}', 'strict, exclude 1-2'),
    ('1 day', '{t,f}', 'exclude 1-2, exclude 1-2'), ('-1 day', '{t}', ''), ('1 day', '{}', ''), (NULL, '{t}', 'once'), ('1 day', '{t}', 'Once')) v(w, c, o);
SELECT pg_temp.told(s) FROM unnest(ARRAY['SELECT tally.window_funnel(''1 day'', now(), CASE WHEN i = 1 THEN ''{t,f}'' ELSE ''{t}'' END::boolean[], '''')
    FROM generate_series(1, 2) i', 'SELECT tally.funnel_counts(33)']) s;

-- Patterns.
SELECT p, actor, tally.sequence_match(e, p), tally.sequence_count(e, p), tally.sequence_times(e, p)
  FROM (SELECT actor, tally.sequence_events(at, met[1], met[2], met[3]) AS e FROM acts GROUP BY 1) x,
       unnest(ARRAY['(?1)', '(?1)(?2)', '(?1).*(?2)', '(?1).(?2)', '(?1)(?t<=1200)(?2)', '(?1)(?t<600)(?2)', '(?1)(?t==600)(?2)', '(?1)(?t>600)(?t<=7200)(?2)',
       '(?1).*(?2).*(?3)', '.', '. .', '(?3)(?t>=1800)(?1)(?2)', '(?1)(?1)', '.*(?2).*', '(?1)(?t<0)(?2)', ' (? 1 ) (?t <= 600 ) (?+2)']) p ORDER BY 1, 2;
SELECT p, tally.sequence_count(tally.rollup(e), p) FROM (SELECT tally.sequence_events(at, met[1], met[2]) AS e FROM acts GROUP BY actor % 2, actor) x,
    unnest(ARRAY['(?1)(?2)', '(?1).*(?2)', '(?2)(?t>=86400)(?1)']) p GROUP BY 1 ORDER BY 1;
SELECT tally.sequence_match(NULL, '(?1)(?9)'), tally.sequence_count(NULL, '.'), tally.sequence_times(NULL, '(?1).*(?2)'),
    tally.sequence_events(now(), false) IS NULL, tally.sequence_events(NULL, true) IS NULL;
SELECT p, pg_temp.told(format('SELECT tally.sequence_match(tally.sequence_events(now(), true, false), %L)', p)) FROM unnest(ARRAY['', '.*', '(?0)', '(?5)',
    '(?t<1)(?1)', '(?1)(?t<1)', '(?1)(?t~1)(?2)', '(?1)(?t<-1)(?2)', '(?1', 'x', '(?t', '(?1)(?t<=x)(?2)', 'é', 
    '(?1)  y and much more behind it than is shown',
    repeat('.', 65), '(?t<=1)', NULL]) p;
SELECT pg_temp.told(s) FROM unnest(ARRAY['SELECT tally.sequence_match(NULL, ''(?33)'')',
    'SELECT tally.sequence_events(now(), VARIADIC ''{}''::boolean[]) IS NULL',
    'SELECT tally.rollup(e) IS NULL FROM (SELECT tally.sequence_events(now(), true) AS e UNION ALL SELECT tally.sequence_events(now(), true, true)) x']) s;
