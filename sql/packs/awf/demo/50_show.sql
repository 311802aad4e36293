-- Owns: demo, stage 5: what a person reads: latency, funnel, incident, status, and where to go from here.

\echo
\echo '━━ 5. Latency: p95 per hour, the last 24 hours ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM tally.timeseries(''p95_latency_ms'', since => ''24 hours'', by => ''{model}'');'
\echo
-- One place per hour and model, so that an hour without turns is a gap and the lines stand under each other.
SELECT m.model, tally.sparkline(array_agg(t.value ORDER BY h.hour)) AS "p95 latency per hour", round(min(t.value)) AS "lowest ms",
    round(max(t.value)) AS "highest ms"
  FROM generate_series(date_trunc('hour', now()) - interval '23 hours', date_trunc('hour', now()), '1 hour') h(hour)
 CROSS JOIN (SELECT DISTINCT model FROM awf_hourly UNION ALL SELECT 'all models') m
  LEFT JOIN (SELECT bucket, series, value FROM tally.timeseries('p95_latency_ms', by => '{model}')
             UNION ALL SELECT bucket, 'all models', value FROM tally.timeseries('p95_latency_ms')) t ON t.bucket = h.hour AND t.series = m.model
 GROUP BY m.model ORDER BY m.model = 'all models' DESC, max(t.value) DESC NULLS LAST;

\echo '━━ 6. Funnel: sessions of the last 30 days ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM awf_funnels_daily;'
\echo
SELECT step.name AS step, to_char(step.n, '99,999,999') AS sessions,
       to_char(100.0 * step.n / nullif(f.s1, 0), '990.0 %') AS "of start",
       coalesce(to_char(100.0 * step.n / nullif(lag(step.n) OVER (ORDER BY step.k), 0), '990.0 %'), '') AS "of previous",
       tally.bar(step.n::float8 / nullif(f.s1, 0), 40) AS " "
  FROM (SELECT sum(start_count) AS s1, sum(first_choice_count) AS s2, sum(first_npc_join_count) AS s3, sum(first_craft_count) AS s4,
               sum(first_vendor_count) AS s5, sum(first_boss_count) AS s6, sum(completion_count) AS s7 FROM awf_funnels_daily) f
 CROSS JOIN LATERAL (VALUES (1, 'start', f.s1), (2, 'first choice', f.s2), (3, 'first NPC join', f.s3), (4, 'first craft', f.s4),
                            (5, 'first vendor', f.s5), (6, 'first boss', f.s6), (7, 'completion', f.s7)) step(k, name, n)
 ORDER BY step.k;

\echo '━━ 7. The incident ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM tally.incidents;        -- or awf_incidents, under the reference document''s names'
\echo
\pset tuples_only on
\pset format unaligned
SELECT format(E'  #%s  %s  %s\n      threshold  %s: %s %s, seen %s\n      opened     %s by pg_cron; %s answers by %s\n      runbook    %s\n      suggested  '
    '%s\n',
              i.id, upper(i.severity), i.impact, i.threshold, regexp_replace(i.metric, '_5m$', ''), i.condition, round(i.value::numeric, 3),
              to_char(i.opened_at, 'HH24:MI:SS'), coalesce(i.responsible, 'nobody yet'), coalesce(to_char(i.respond_by, 'HH24:MI'), 'any time'),
                  coalesce(i.runbook, 'none'),
              (SELECT string_agg('• ' || coalesce(a ->> 'do', a #>> '{}'), E'\n                 ' ORDER BY n)
               FROM jsonb_array_elements(i.suggested_actions) WITH ORDINALITY x(a, n)))
  FROM tally.incidents i WHERE i.status = 'new' ORDER BY i.id;
\pset tuples_only off
\pset format aligned

\echo '━━ 8. Status ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM tally.status;           -- daily rollups wait for 02:00; <rollup>_live is exact at every moment'
\echo
SELECT rollup, state, dirty_buckets AS dirty, to_char(last_run, 'HH24:MI:SS') AS "last run", round(last_ms::numeric, 1) AS ms, last_rows AS "rows written",
    schedule
  FROM tally.status;
