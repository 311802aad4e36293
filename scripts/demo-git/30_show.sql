-- Owns: demo-git, stage 3: what a person reads: years, recent months, the funnel of authors, silence, and what to try.

\echo
\echo '━━ 3. Years: commits, distinct authors, hours until committed ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM commits_yearly;         -- merged from the days: a sketch of distinct authors merges, a count would not'
\echo
SELECT extract(year FROM bucket) AS year, commits, tally.distinct_count(authors)::bigint AS authors, to_char(added - removed, 'FMS999,999,999') AS lines,
       round(tally.percentile(delay, 0.5)::numeric, 1) AS "p50 delay h", round(tally.percentile(delay, 0.95)::numeric, 1) AS "p95 delay h",
       tally.bar(commits::float8 / max(commits) OVER (), 30) AS " "
  FROM commits_yearly_live ORDER BY bucket DESC LIMIT 15;

SELECT max(authored_at) AS latest, max(authored_at)::date - 364 AS a_year_before FROM commits WHERE authored_at <= now() \gset
\echo '━━ 4. The last year with commits, by week ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM tally.timeseries(''commits'', since => …, bucket => ''1 week'');'
\echo
SELECT series AS metric, tally.sparkline(array_agg(value ORDER BY bucket)) AS "per week", round(min(value)::numeric, 1) AS lowest, round(max(value)::numeric, 1) AS highest
  FROM (SELECT 'commits' AS series, bucket, value FROM tally.timeseries('commits', since => :'a_year_before', until => :'latest', bucket => '7 days')
        UNION ALL SELECT 'distinct authors', bucket, value FROM tally.timeseries('authors', since => :'a_year_before', until => :'latest', bucket => '7 days')
        UNION ALL SELECT 'p95 delay, hours', bucket, value FROM tally.timeseries('p95_delay', since => :'a_year_before', until => :'latest', bucket => '7 days')) AS t
 GROUP BY series ORDER BY series;

\echo '━━ 5. Funnel: an author''s first, second and tenth commit ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo
FUNNEL

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
