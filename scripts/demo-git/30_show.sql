-- Owns: demo-git, stage 3: what a person reads: years, recent months, the funnel of authors, silence, and what to try.

\echo
\echo '━━ 3. Years: commits, distinct authors, hours until committed ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM commits_yearly;         -- merged from the days: a sketch of distinct authors merges, a count would not'
\echo
SELECT extract(year FROM bucket) AS year, commits, tally.distinct_count(authors)::bigint AS authors, to_char(added - removed, 'FMS999,999,999') AS lines,
       round(tally.percentile(delay, 0.5)::numeric, 1) AS "p50 delay h", round(tally.percentile(delay, 0.95)::numeric, 1) AS "p95 delay h",
       tally.bar(commits::float8 / max(commits) OVER (), 30) AS " "
  FROM commits_yearly_live ORDER BY bucket DESC LIMIT 15;

SELECT max(authored_at) AS latest, date_bin('7 days', max(authored_at) - interval '51 weeks', '2000-01-03 00:00+00') AS since
  FROM commits WHERE authored_at <= now() \gset
\echo '━━ 4. The last year with commits, by week ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM tally.timeseries(''commits'', since => …, bucket => ''7 days'');'
\echo
WITH weeks AS (
    SELECT generate_series(:'since'::timestamptz, :'latest', '7 days') AS bucket
), points AS (
    SELECT 'commits' AS metric, w.bucket, coalesce(t.value, 0) AS value
      FROM weeks AS w LEFT JOIN tally.timeseries('commits', since => :'since', until => :'latest', bucket => '7 days') AS t USING (bucket)
    UNION ALL
    SELECT 'distinct authors', w.bucket, coalesce(t.value, 0)
      FROM weeks AS w LEFT JOIN tally.timeseries('authors', since => :'since', until => :'latest', bucket => '7 days') AS t USING (bucket)
    UNION ALL
    -- A week without commits has no delay: a gap, not a nought.
    SELECT 'p95 delay, hours', w.bucket, t.value
      FROM weeks AS w LEFT JOIN tally.timeseries('p95_delay', since => :'since', until => :'latest', bucket => '7 days') AS t USING (bucket)
)
SELECT metric, tally.sparkline(array_agg(value ORDER BY bucket)) AS "52 weeks",
       round(min(value)::numeric, 1) AS lowest, round(max(value)::numeric, 1) AS highest
  FROM points GROUP BY metric ORDER BY metric;

\echo '━━ 5. Funnel: an author''s first, second and tenth commit ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   tally.window_funnel(''100 years'', authored_at, nth = 1, nth = 2, nth = 10)    -- the level of an author'
\echo
WITH authors AS (
    SELECT tally.window_funnel('100 years', authored_at, nth = 1, nth = 2, nth = 10) AS level,
           tally.funnel_path('100 years', authored_at, nth = 1, nth = 2, nth = 10) AS at
      FROM commits GROUP BY author
)
SELECT s.step, count(*) FILTER (WHERE a.level >= s.k) AS authors,
       to_char(100.0 * count(*) FILTER (WHERE a.level >= s.k) / count(*), 'FM990.0 %') AS "of all",
       CASE WHEN s.k > 1 THEN to_char(100.0 * count(*) FILTER (WHERE a.level >= s.k)
                                      / nullif(count(*) FILTER (WHERE a.level >= s.k - 1), 0), 'FM990.0 %') END AS "of previous",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM a.at[s.k] - a.at[s.k - 1]) / 86400))::numeric, 1) AS "median days since previous",
       tally.bar(count(*) FILTER (WHERE a.level >= s.k)::float8 / count(*), 30) AS " "
  FROM authors AS a CROSS JOIN (VALUES (1, 'first commit'), (2, 'second commit'), (3, 'tenth commit')) AS s(k, step)
 GROUP BY s.k, s.step ORDER BY s.k;

\echo '━━ 6. Silence ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM tally.evaluate();       -- the threshold: more than 30 days since the last commit'
\echo
SELECT threshold, opened AS "incidents opened", error FROM tally.evaluate();
SELECT id, severity, threshold, impact, suggested_actions FROM tally.incidents;

\echo '━━ What next ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'The server goes on running. Connect with  make psql PURPOSE=demo-git  or:'
\echo '   psql -h' :HOST '-p' :PORT '-U' :USER :DBNAME
\echo 'Try:'
\echo '   SELECT * FROM commits_daily_metrics ORDER BY bucket DESC LIMIT 14;'
\echo '   DELETE FROM commits WHERE hash = (SELECT min(hash) FROM commits); SELECT * FROM tally.refresh();'
\echo '   SELECT * FROM tally.evaluate(as_of => now() + interval ''40 days''); SELECT * FROM tally.incidents;'
\echo 'make demo-stop ends the server.'
