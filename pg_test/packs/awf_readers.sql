-- Owns: what the pack awf answers beside its rollup tables (balance, narrative health, quest nodes, age of sessions) and
-- its reader functions, against independent plain SQL over the events; late rows, edits, limits, k-anonymity.
SELECT no_plan();
SET timezone = 'UTC';
SELECT tally.generate_awf(16000, seed => 11, until => '2025-03-31 00:00+00', span => '3 days');
SELECT tally.install_pack('awf');
CALL tally.backfill();

CREATE FUNCTION kpis(since timestamptz, until timestamptz, picked text) RETURNS TABLE (metric text, value numeric) LANGUAGE sql AS $$
    WITH e AS (SELECT * FROM analytics_events WHERE event_time >= since AND event_time < until AND (picked IS NULL OR adventure = picked)),
         choice AS (SELECT count(*)::numeric AS n FROM e WHERE event_type = 'choice' GROUP BY meta ->> 'choice')
    -- A billionth more on both sides, so that a last digit of exactly 5 goes the same way.
    SELECT k, round(v::numeric + 1e-9, 6) FROM (VALUES
        -- Where nothing happened there is no data, and no zero.
        ('turns', (SELECT sum((event_type = 'turn')::int)::float8 FROM e)),
        ('sessions', (SELECT nullif(count(DISTINCT session_id), 0)::float8 FROM e)),
        ('retry_rate', (SELECT sum((event_type = 'retry')::int)::float8 / nullif(sum((event_type = 'turn')::int), 0) FROM e)),
        ('arc_progress_rate', (SELECT avg((meta ->> 'advanced')::boolean::int)::float8 FROM e WHERE event_type = 'arc')),
        ('ttk_p50_seconds', (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY (meta ->> 'ttk_seconds')::float8) FROM e WHERE event_type = 'combat')),
        ('ttk_p90_seconds', (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY (meta ->> 'ttk_seconds')::float8) FROM e WHERE event_type = 'combat')),
        ('choice_entropy_bits', (SELECT -sum(n / t * ln(n / t) / ln(2))::float8 FROM choice, (SELECT sum(n) AS t FROM choice) x)),
        ('dialogue_diversity', (SELECT count(DISTINCT meta ->> 'line')::float8 / nullif(count(*), 0) FROM e WHERE event_type = 'dialogue')),
        ('consent_compliance', (SELECT avg((meta ->> 'consent')::boolean::int)::float8 FROM e WHERE event_type = 'romance'
            AND (meta ->> 'proceeded')::boolean)),
        ('gold_inflow', (SELECT sum((meta ->> 'gold')::float8) FILTER (WHERE meta ->> 'gold' ~ '^[1-9]') FROM e)),
        ('gold_outflow', (SELECT -sum((meta ->> 'gold')::float8) FILTER (WHERE meta ->> 'gold' ~ '^-') FROM e)),
        ('econ_velocity_items', (SELECT sum((meta ->> 'items')::int)::float8 FROM e WHERE event_type = 'loot')),
        ('npc_dismissal_rate', (SELECT sum((event_type = 'npc_dismiss')::int)::float8 / nullif(sum((event_type = 'npc_join')::int), 0) FROM e)),
        ('delegated_check_pass_rate', (SELECT avg((meta ->> 'success')::boolean::int)::float8 FROM e WHERE event_type = 'delegated_check')),
        ('dialogue_cooldown_block_rate',
            (SELECT avg((event_type = 'dialogue_blocked')::int)::float8 FROM e WHERE event_type IN ('dialogue', 'dialogue_blocked'))),
        ('region_drift', (SELECT avg((meta ->> 'drift')::float8) FROM e WHERE event_type = 'region_drift')),
        ('vendor_margin', (SELECT sum(CASE WHEN g < 0 THEN -g - w ELSE w - g END) / nullif(sum(w), 0) FROM (SELECT (meta ->> 'gold')::float8 AS g,
            (meta ->> 'worth')::float8 AS w FROM e WHERE event_type = 'vendor') v WHERE g <> 0))
      ) x(k, v)
$$;
CREATE FUNCTION same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    adventure text;
BEGIN
    FOREACH adventure IN ARRAY '{NULL,the-drowned-bell,low-tide,nowhere}'::text[] LOOP
        RETURN NEXT results_eq(format($q$SELECT k.metric, round((r ->> k.metric)::numeric + 1e-9, 6) FROM kpis('2025-03-28 05:00Z', '2025-03-30 21:00Z',
            %1$L) WITH ORDINALITY k
            CROSS JOIN (SELECT metrics_rows((SELECT array_agg(metric) FROM kpis(now(), now(), NULL)), since => '2025-03-28 05:00Z',
                until => '2025-03-30 21:00Z',
                            filters => %2$L) -> 0 AS r) m ORDER BY k.metric$q$, adventure,
                                CASE WHEN adventure IS NULL THEN '{}' ELSE jsonb_build_object('adventure', adventure) END),
            format($q$SELECT * FROM kpis('2025-03-28 05:00Z', '2025-03-30 21:00Z', %L) ORDER BY metric$q$, adventure),
                format('%s: KPIs of %s', what, coalesce(adventure, 'everything')));
    END LOOP;
    RETURN NEXT results_eq($q$SELECT x ->> 'node',
        round((x ->> 'node_stuck_rate')::numeric, 6) FROM json_array_elements(metrics_rows('{node_stuck_rate}', since => '2025-03-28', until => '2025-03-31',
        by => '{node}')) x ORDER BY 1$q$,
        $q$SELECT meta ->> 'node', round(sum((event_type = 'stuck')::int)::numeric / nullif(sum((event_type = 'choice')::int), 0), 6) FROM analytics_events
            WHERE event_type IN ('stuck', 'choice') AND event_time >= '2025-03-28' AND event_time < '2025-03-31' GROUP BY 1 ORDER BY 1$q$,
                what || ': quest nodes');
    RETURN NEXT results_eq($q$SELECT x ->> 'session_age_bucket',
        round((x ->> 'retry_rate_by_age')::numeric, 6)
        FROM json_array_elements(metrics_rows('{retry_rate_by_age}', since => '2025-03-28', until => '2025-03-31', by => '{session_age_bucket}')) x
        ORDER BY 1$q$,
        $q$SELECT (ARRAY['0-5m', '5-15m', '15-60m', '1-4h', '4h+'])[1 + (age >= 5)::int + (age >= 15)::int + (age >= 60)::int + (age >= 240)::int] AS b,
            round(sum((event_type = 'retry')::int)::numeric / nullif(sum((event_type = 'turn')::int), 0), 6)
             FROM (SELECT *, extract(epoch FROM event_time - session_started_at) / 60 AS age FROM analytics_events) a WHERE event_time >= '2025-03-28'
                 AND event_time < '2025-03-31' GROUP BY 1 ORDER BY 1$q$, what || ': age of sessions');
    RETURN NEXT results_eq($q$SELECT (x ->> 'bucket')::timestamptz,
        (x ->> 'p95_latency_ms')::float8::numeric(12, 3)
        FROM json_array_elements(metrics_timeseries('p95_latency_ms', 'hour', since => '2025-03-29', until => '2025-03-30',
        filters => '{"world": "tidewatch"}')) x$q$,
        $q$SELECT date_trunc('hour', event_time), percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms)::numeric(12, 3) FROM analytics_events
            WHERE world = 'tidewatch' AND event_time >= '2025-03-29' AND event_time < '2025-03-30' GROUP BY 1 ORDER BY 1$q$, what || ': p95 by the hour');
END $$;
SELECT same('after the backfill');
INSERT INTO analytics_events (event_time, event_type, session_id, adventure, session_started_at, latency_ms, meta)
SELECT '2025-03-29 12:00+00'::timestamptz + i * interval '3 min', (ARRAY['turn', 'combat', 'arc', 'romance', 'choice'])[1 + i % 5], 'late' || i % 7, 'low-tide',
    '2025-03-29 12:00+00', CASE WHEN i % 5 = 0 THEN i * 100 END,
       (ARRAY[NULL, jsonb_build_object('ttk_seconds', i), '{"advanced": true}', '{"consent": false, "proceeded": true}',
           '{"node": "node-9", "choice": "sing"}']::jsonb[])[1 + i % 5]
  FROM generate_series(1, 100) i;
DELETE FROM analytics_events WHERE id % 13 = 0;
UPDATE analytics_events SET event_time = event_time - interval '6 hours' WHERE id % 29 = 0;
SELECT same('late rows and edits, exact before any refresh');
SELECT count(*) FROM tally.refresh();
SELECT same('after the refresh');

SELECT is(json_array_length(metrics_funnel(since => '2025-03-27', until => '2025-04-01')), 7, 'a funnel of seven steps');
SELECT results_eq($$SELECT (x ->> 'sessions')::bigint FROM json_array_elements(metrics_funnel(since => '2025-03-27', until => '2025-04-01')) x$$,
    $$SELECT unnest(ARRAY[sum(start_count), sum(first_choice_count), sum(first_npc_join_count), sum(first_craft_count), sum(first_vendor_count),
        sum(first_boss_count), sum(completion_count)]) FROM awf_funnels_daily$$, 'its numbers are those of awf_funnels_daily');
SELECT results_eq($$SELECT x ->> 'variation', (x ->> 'value')::float8,
    (x ->> 'delta')::float8 FROM json_array_elements(metrics_experiment('party-cap', since => '2025-03-27', until => '2025-04-01')) x
    WHERE x ->> 'metric' = 'turns'$$,
    $$SELECT variation, n::float8, (n - first_value(n) OVER (ORDER BY variation <> 'control'))::float8
        FROM (SELECT variation, count(*) AS n FROM analytics_events WHERE experiment = 'party-cap' AND event_type = 'turn' GROUP BY 1) x
        ORDER BY variation <> 'control', variation$$, 'arms of an experiment against control');
SELECT is(metrics_experiment('none such')::text, '[]', 'an experiment that does not exist has no arms');
SELECT is((SELECT count(*) FROM json_array_elements(metrics_kpis('adventure', since => '2025-03-29', until => '2025-03-30')) x),
    (SELECT count(DISTINCT adventure) FROM analytics_events WHERE event_time >= '2025-03-29' AND event_time < '2025-03-30'), 'KPIs of each adventure');
SELECT throws_ok($$SELECT metrics_kpis('galaxy')$$, '22023', NULL, 'an unknown scope');
SELECT ok((SELECT o -> 'kpis' IS NOT NULL AND json_array_length(o -> 'trend') > 0 AND json_typeof(o -> 'incidents') = 'array'
    FROM metrics_overview('2025-03-29', '2025-03-30') o), 'the overview has tiles, a trend and incidents');

SELECT throws_ok($$SELECT metrics_timeseries('turns', 'day', since => '2025-01-01', until => '2025-05-02')$$, '54000', NULL,
    '121 days are more than the limit');
UPDATE awf_settings SET value = '10' WHERE name = 'EXPORT_MAX_ROWS';
SELECT throws_ok($$SELECT metrics_timeseries('turns', 'hour', since => '2025-03-29', until => '2025-03-30')$$, '54000', NULL,
    '24 rows are more than the limit of 10');
UPDATE awf_settings SET value = '200000' WHERE name = 'EXPORT_MAX_ROWS';
SELECT results_eq($$SELECT x ->> 'locale',
    x ->> 'turns' IS NULL FROM json_array_elements(metrics_rows('{turns}', since => '2025-03-29 03:00Z', until => '2025-03-29 06:00Z', by => '{locale}')) x
    ORDER BY 1$$,
    $$SELECT coalesce(locale, '(none)'), count(DISTINCT session_id) < 10 FROM analytics_events WHERE event_time >= '2025-03-29 03:00Z'
        AND event_time < '2025-03-29 06:00Z' GROUP BY 1 ORDER BY 1$$, 'by locale, a cell of fewer than ten sessions is null');
SELECT matches(tally.csv(metrics_timeseries('turns', 'day', since => '2025-03-29', until => '2025-03-30', by => '{world}')),
    E'^bucket,world,turns\r\n2025-03-29T00:00:00\\+00:00,\\(none\\),\\d+\r\n', 'and all of it is CSV');

CREATE ROLE awf_viewer ROLE CURRENT_USER;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO awf_viewer;
SET ROLE awf_viewer;
SELECT lives_ok('SELECT metrics_overview(''2025-03-29'', ''2025-03-30''), metrics_kpis(since => ''2025-03-29'', until => ''2025-03-30'')',
    'a reader with SELECT may call them');
RESET ROLE;
DROP OWNED BY awf_viewer;
DROP ROLE awf_viewer;
SELECT tally.drop_pack('awf');
SELECT is((SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public' AND p.proname LIKE 'metrics\_%'), 0::bigint,
    'drop_pack takes them back');
SELECT * FROM finish();
