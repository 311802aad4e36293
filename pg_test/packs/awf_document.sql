-- Owns: what the pack awf answers of its document beside rollup tables and KPIs, against plain SQL: pace per turn, loot, simulation, weather, quest nodes at
-- which sessions end, token budget, thresholds of adventures and arms at five minutes, settings that take effect, the incremental export.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
SELECT tally.generate_awf(16000, seed => 11, until => '2025-03-31 00:00+00', span => '3 days');
SELECT tally.install_pack('awf');
CALL tally.backfill();

CREATE FUNCTION paces(picked text) RETURNS TABLE (metric text, value numeric) LANGUAGE sql AS $$
    WITH e AS (SELECT * FROM analytics_events WHERE event_time >= '2025-03-28 05:00Z' AND event_time < '2025-03-30 21:00Z'
                  AND (picked IS NULL OR adventure = picked)),
         t AS (SELECT nullif(count(*), 0)::float8 AS n FROM e WHERE event_type = 'turn')
    SELECT k, round(v::numeric + 1e-9, 6) FROM (VALUES
        ('econ_velocity', (SELECT coalesce(sum((meta ->> 'gold')::float8), 0) FROM e WHERE event_type = 'vendor') / (SELECT n FROM t)),
        ('item_acquisition_rate', (SELECT coalesce(sum((meta ->> 'items')::int), 0) FROM e WHERE event_type = 'loot') / (SELECT n FROM t)),
        ('loot_rate', (SELECT count(*) FROM e WHERE event_type = 'loot') / (SELECT n FROM t)),
        ('softlock_hints_rate', (SELECT count(*) FROM e WHERE event_type = 'softlock_hint') / (SELECT n FROM t)),
        ('sim_ticks_per_turn', (SELECT coalesce(sum((meta ->> 'ticks')::int), 0) FROM e WHERE event_type = 'sim') / (SELECT n FROM t))) x(k, v)
$$;
CREATE FUNCTION nodes(since timestamptz, until timestamptz) RETURNS TABLE (adventure text, node text, sessions bigint, drop_offs bigint) LANGUAGE sql AS $$
    WITH e AS (SELECT *, meta ->> 'node' AS at_node FROM analytics_events
                WHERE event_type IN ('choice', 'stuck', 'completion') AND session_started_at >= since AND session_started_at < until),
         last AS (SELECT DISTINCT ON (session_id, adventure, world, variation) session_id, adventure, world, variation, at_node FROM e WHERE at_node IS NOT NULL
                   ORDER BY session_id, adventure, world, variation, event_time DESC, at_node COLLATE "C" DESC)
    SELECT coalesce(v.adventure, '(none)'), v.at_node, count(*),
           count(*) FILTER (WHERE v.at_node = l.at_node AND NOT EXISTS (SELECT FROM e c WHERE c.event_type = 'completion' AND
               (c.session_id, c.adventure, c.world, c.variation) IS NOT DISTINCT FROM (v.session_id, v.adventure, v.world, v.variation)))
      FROM (SELECT DISTINCT session_id, adventure, world, variation, at_node FROM e WHERE at_node IS NOT NULL) v
      JOIN last l ON (l.session_id, l.adventure, l.world, l.variation) IS NOT DISTINCT FROM (v.session_id, v.adventure, v.world, v.variation)
     GROUP BY 1, 2
$$;
CREATE FUNCTION same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    picked text;
BEGIN
    FOREACH picked IN ARRAY '{NULL,the-drowned-bell,low-tide,nowhere}'::text[] LOOP
        RETURN NEXT results_eq(format($q$SELECT p.metric, round((m.r ->> p.metric)::numeric + 1e-9, 6) FROM paces(NULL) p CROSS JOIN (SELECT metrics_rows(
            '{econ_velocity,item_acquisition_rate,loot_rate,softlock_hints_rate,sim_ticks_per_turn}', since => '2025-03-28 05:00Z',
            until => '2025-03-30 21:00Z', filters => %L) -> 0 AS r) m ORDER BY 1$q$,
            CASE WHEN picked IS NULL THEN '{}' ELSE jsonb_build_object('adventure', picked) END),
            format('SELECT * FROM paces(%L) ORDER BY 1', picked), format('%s: per turn, of %s', what, coalesce(picked, 'everything')));
    END LOOP;
    RETURN NEXT bag_eq($q$SELECT x ->> 'weather' AS a, (x ->> 'times')::numeric AS b, (x ->> 'share')::numeric AS c
                            FROM json_array_elements(metrics_weather(since => '2025-03-28', until => '2025-03-31')) x$q$,
        $q$SELECT meta ->> 'weather' AS a, count(*)::numeric AS b, round(count(*) / sum(count(*)) OVER (), 4) AS c FROM analytics_events
            WHERE event_type = 'weather' AND event_time >= '2025-03-28' AND event_time < '2025-03-31' GROUP BY 1$q$, what || ': the distribution of weather');
    RETURN NEXT bag_eq($q$SELECT x ->> 'world' AS a, x ->> 'weather' AS b, (x ->> 'share')::numeric AS c
                            FROM json_array_elements(metrics_weather(since => '2025-03-28', until => '2025-03-31', by => '{world}')) x$q$,
        $q$SELECT coalesce(world, '(none)') AS a, meta ->> 'weather' AS b, round(count(*) / sum(count(*)) OVER (PARTITION BY world), 4) AS c
             FROM analytics_events
            WHERE event_type = 'weather' AND event_time >= '2025-03-28' AND event_time < '2025-03-31' GROUP BY world, 2$q$, what || ': weather of each world');
    RETURN NEXT bag_eq($q$SELECT x ->> 'adventure' AS adventure, x ->> 'node' AS node, (x ->> 'sessions')::bigint AS sessions,
                                  (x ->> 'drop_offs')::bigint AS drop_offs
                            FROM json_array_elements(metrics_drop_offs(since => '2025-03-27', until => '2025-03-31')) x$q$,
        $q$SELECT * FROM nodes('2025-03-27', '2025-03-31')$q$, what || ': quest nodes at which sessions end');
    RETURN NEXT cmp_ok((SELECT abs((metrics_rows('{token_overrun_rate}', since => '2025-03-29', until => '2025-03-30')
                                    -> 0 ->> 'token_overrun_rate')::numeric - avg((tokens_in + tokens_out > awf_setting('TOKEN_BUDGET')::int)::int))
                          FROM analytics_events WHERE event_type = 'turn' AND event_time >= '2025-03-29' AND event_time < '2025-03-30'), '<', 0.01,
        what || ': token overruns of a day, within a hundredth');
    RETURN NEXT bag_eq($q$SELECT bucket, adventure, round(token_overrun_rate_adventure_5m::numeric, 9) AS a, round(fallback_rate_adventure_5m::numeric, 9) AS b
                            FROM awf_adventure_5m_metrics WHERE turns_adventure_5m > 0$q$,
        $q$SELECT date_bin('5 minutes', event_time, '2025-01-01Z') AS bucket, coalesce(adventure, '(none)') AS adventure,
                  round(avg((tokens_in + tokens_out > awf_setting('TOKEN_BUDGET')::int)::int) FILTER (WHERE event_type = 'turn'), 9) AS a,
                  round(count(*) FILTER (WHERE event_type = 'fallback')::numeric / nullif(count(*) FILTER (WHERE event_type = 'turn'), 0), 9) AS b
             FROM analytics_events GROUP BY 1, 2, world HAVING count(*) FILTER (WHERE event_type = 'turn') > 0$q$,
        what || ': token overruns and fallbacks of each adventure per five minutes, exactly') WHERE what <> 'late rows';
END $$;
SELECT same('after the backfill');
SELECT cmp_ok((SELECT count(*) FROM analytics_events WHERE event_type = 'sim'), '>', 10::bigint, 'there is a simulation to look at');
SELECT cmp_ok((SELECT sum(drop_offs) FROM nodes('2025-03-27', '2025-03-31')), '>', 50::numeric, 'and sessions that end');
INSERT INTO analytics_events (event_time, event_type, session_id, adventure, session_started_at, tokens_in, tokens_out, meta)
SELECT '2025-03-29 12:00+00'::timestamptz + i * interval '3 min', (ARRAY['turn', 'loot', 'sim', 'weather', 'choice'])[1 + i % 5], 'late' || i % 7, 'low-tide',
       '2025-03-29 12:00+00', CASE WHEN i % 5 = 0 THEN i * 50 END, CASE WHEN i % 5 = 0 THEN 10 END,
       (ARRAY[NULL, jsonb_build_object('items', i), jsonb_build_object('ticks', i), '{"weather": "hail"}',
              '{"node": "node.9", "choice": "sing"}']::jsonb[])[1 + i % 5]
  FROM generate_series(1, 100) i;
DELETE FROM analytics_events WHERE id % 13 = 0;
UPDATE analytics_events SET event_time = event_time - interval '6 hours' WHERE id % 29 = 0;
SELECT same('late rows');
SELECT count(*) FROM tally.refresh();
SELECT same('after the refresh');

-- The token budget is a setting, and all history follows it.
UPDATE awf_settings SET value = '900' WHERE name = 'TOKEN_BUDGET';
SELECT same('with a budget of 900');
SELECT is((SELECT count(*) FROM tally.metrics WHERE expression = '1 - tally.percentile_rank(tokens, 900.5)'), 4::bigint,
    'all four metrics of overruns follow the budget');
SELECT throws_ok($$UPDATE awf_settings SET value = 'much' WHERE name = 'TOKEN_BUDGET'$$,
    '22023', 'TOKEN_BUDGET must be a whole number from 1 to 999999999, got ''much''',
    'a budget that is no number is refused');

-- Thresholds of adventures and arms are judged on five minutes.
INSERT INTO awf_kpi_thresholds (scope, scope_ref, kpi_name, threshold_operator, threshold_value, severity) VALUES
    ('adventure', 'low-tide', 'fallback_rate', '>', 0.3, 'warning'), ('variation', NULL, 'stuck_rate', '>', 0.3, 'warning');
SELECT bag_eq($$SELECT t.name, m.name AS metric FROM tally.thresholds t JOIN tally.metrics m ON m.id = t.metric_id WHERE t.name ~ 'adventure|variation'$$,
    $$VALUES ('awf fallback_rate adventure low-tide warning', 'fallback_rate_adventure_5m'), ('awf stuck_rate variation warning', 'stuck_rate_variation_5m')$$,
    'thresholds of an adventure and of each arm look at five minutes');
SELECT bag_eq($$SELECT scope, scope_ref, kpi_name FROM awf_kpi_thresholds WHERE scope IN ('adventure', 'variation')$$,
    $$VALUES ('adventure', 'low-tide', 'fallback_rate'), ('variation', NULL, 'stuck_rate')$$, 'and are shown under the document''s names');
INSERT INTO analytics_events (event_time, event_type, session_id, world, adventure, experiment, variation, session_started_at)
SELECT '2025-03-30 10:00+00'::timestamptz + i * interval '1 s', CASE WHEN i % 3 = 0 THEN 'fallback' WHEN i % 3 = 1 THEN 'stuck' ELSE 'turn' END,
       'x', 'w', 'low-tide',
       'party-cap', 'cap-9', '2025-03-30 10:00+00' FROM generate_series(0, 239) i;
SELECT cmp_ok((SELECT sum(opened)::bigint FROM tally.evaluate('2025-03-30 10:05+00')), '>=', 2::bigint, 'as soon as they are over, incidents');
SELECT bag_eq($$SELECT scope, scope_ref, kpi_name FROM awf_incidents WHERE scope_ref IN ('low-tide', 'cap-9')$$,
    $$VALUES ('adventure', 'low-tide', 'fallback_rate'), ('variation', 'cap-9', 'stuck_rate')$$, 'of the adventure and of the arm');
DELETE FROM awf_kpi_thresholds WHERE scope IN ('adventure', 'variation');

-- Settings under the document's names.
SELECT is((SELECT string_agg(name, ' ' ORDER BY name) FROM awf_settings),
    'ALERTS_EMAIL_FROM ALERTS_EMAIL_TO ALERTS_WEBHOOK_URL EXPORT_MAX_ROWS METRICS_ALERTS_CRON METRICS_DASHBOARDS_ENABLED METRICS_KANON_MIN '
    'METRICS_MAX_RANGE_DAYS METRICS_ROLLUP_DAILY_CRON METRICS_ROLLUP_HOURLY_CRON TOKEN_BUDGET',
        'every setting of the document is there under its name, and the budget');
UPDATE awf_settings SET value = '7 * * * *' WHERE name = 'METRICS_ROLLUP_HOURLY_CRON';
UPDATE awf_settings SET value = '0 3 * * *' WHERE name = 'METRICS_ROLLUP_DAILY_CRON';
UPDATE awf_settings SET value = '*/5 * * * *' WHERE name = 'METRICS_ALERTS_CRON';
SELECT is_empty($$SELECT name, schedule FROM tally.rollups WHERE schedule IS DISTINCT FROM CASE WHEN name ~ '_5m$' THEN '*/5 * * * *'
    WHEN name ~ '_daily$' THEN '0 3 * * *' ELSE '7 * * * *' END$$, 'the rollups follow the schedules');
SELECT throws_ok($$UPDATE awf_settings SET value = 'at noon' WHERE name = 'METRICS_ROLLUP_DAILY_CRON'$$, '22023', NULL, 'what is no schedule is refused');
SELECT is(awf_setting('METRICS_ROLLUP_DAILY_CRON'), '0 3 * * *', 'and not kept');
UPDATE awf_settings SET value = 'false' WHERE name = 'METRICS_DASHBOARDS_ENABLED';
SELECT is((SELECT count(*) FROM tally.rollups WHERE schedule IS NOT NULL), 0::bigint, 'not enabled, nothing is scheduled');
SELECT throws_ok($$SELECT metrics_overview()$$, '55000', NULL, 'and readers say so');
SELECT throws_ok($$SELECT metrics_weather()$$, '55000', NULL, 'each of them');
SELECT lives_ok($$SELECT tally.install_pack('awf')$$, 'the pack is brought up to date even then');
UPDATE awf_settings SET value = 'true' WHERE name = 'METRICS_DASHBOARDS_ENABLED';
SELECT is((SELECT string_agg(DISTINCT schedule, '; ' ORDER BY schedule) FROM tally.rollups), '*/5 * * * *; 0 3 * * *; 7 * * * *',
    'enabled again, the schedules are back');
SELECT lives_ok($$SELECT metrics_overview('2025-03-29', '2025-03-30')$$, 'and readers answer');
UPDATE awf_settings SET value = '90' WHERE name = 'METRICS_MAX_RANGE_DAYS';
SELECT results_eq($$SELECT enabled, max_range, max_rows, min_people, per_minute FROM tally.limits$$,
    $$VALUES (true, '90 days'::interval, 200000, 10, NULL::int)$$,
    'from the first change on the settings bind all readers of the schema');
SELECT tally.drop_limits(schema) FROM tally.limits;
UPDATE awf_settings SET value = '120' WHERE name = 'METRICS_MAX_RANGE_DAYS';
SELECT tally.drop_limits(schema) FROM tally.limits;
UPDATE awf_settings SET value = 'https://example.org/hook' WHERE name = 'ALERTS_WEBHOOK_URL';
UPDATE awf_settings SET value = 'ops@example.com' WHERE name = 'ALERTS_EMAIL_TO';
SELECT bag_eq($$SELECT name, kind, url FROM tally.channels$$, $$VALUES ('awf webhook', 'webhook', 'https://example.org/hook')$$,
    'a webhook is a channel; mail without a sender is none');
UPDATE awf_settings SET value = 'awf@example.com' WHERE name = 'ALERTS_EMAIL_FROM';
SELECT bag_eq($$SELECT name, kind, template FROM tally.channels$$,
    $$VALUES ('awf webhook', 'webhook', 'generic'), ('awf email', 'table', 'email')$$,
    'with one it is a channel too');
UPDATE awf_settings SET value = '' WHERE name LIKE 'ALERTS%';
SELECT is_empty('SELECT FROM tally.channels', 'empty settings take them away');
SELECT throws_ok($$UPDATE awf_settings SET value = 'ops' WHERE name = 'ALERTS_EMAIL_TO'$$, '22023', NULL, 'an address without @ is none');

-- The export: what has changed since the last one, and a restore that gives the rollups as they are.
CALL tally.backfill();
CREATE SCHEMA archive;
SELECT format('CREATE TABLE archive.%I (LIKE %1$I)', name) FROM tally.rollups \gexec
CREATE TABLE exports (n int GENERATED ALWAYS AS IDENTITY, run int, relation text, bucket timestamptz, line text);
CREATE FUNCTION restore(which int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r text;
BEGIN
    FOR r IN SELECT DISTINCT relation FROM exports WHERE run = which LOOP
        EXECUTE format('DELETE FROM archive.%I WHERE bucket IN (SELECT bucket FROM exports
                        WHERE run = $1 AND relation = %1$L AND line IS NULL)', r) USING which;
        EXECUTE format('INSERT INTO archive.%1$I SELECT (line::archive.%1$I).* FROM exports
                        WHERE run = $1 AND relation = %1$L AND line IS NOT NULL', r) USING which;
    END LOOP;
END $$;
CREATE FUNCTION unlike() RETURNS TABLE (relation text, rows bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR relation IN SELECT r.name FROM tally.rollups r ORDER BY 1 LOOP
        EXECUTE format('SELECT count(*) FROM ((SELECT t::text FROM %1$I t EXCEPT ALL SELECT t::text FROM archive.%1$I t)
            UNION ALL (SELECT t::text FROM archive.%1$I t EXCEPT ALL SELECT t::text FROM %1$I t)) x', relation) INTO rows;
        IF rows > 0 THEN RETURN NEXT; END IF;
    END LOOP;
END $$;
INSERT INTO exports (run, relation, bucket, line) SELECT 1, * FROM awf_export();
SELECT restore(1);
SELECT is_empty('SELECT * FROM unlike()', 'the first export is everything');
SELECT is_empty('SELECT * FROM awf_export()', 'the next one is empty, as nothing has changed');
INSERT INTO analytics_events (event_time, event_type, session_id, world, session_started_at, latency_ms)
VALUES ('2025-03-29 10:00Z', 'turn', 'new', 'w', '2025-03-29 10:00Z', 7);
DELETE FROM analytics_events WHERE event_time >= '2025-03-28 02:00Z' AND event_time < '2025-03-28 03:00Z';
CALL tally.backfill();
SELECT count(*) FROM tally.refresh();
INSERT INTO exports (run, relation, bucket, line) SELECT 2, * FROM awf_export();
SELECT is((SELECT count(DISTINCT bucket) FROM exports WHERE run = 2 AND relation = 'awf_hourly'), 2::bigint, 'two changed hours are two buckets');
SELECT is((SELECT count(*) FROM exports WHERE run = 2 AND relation = 'awf_hourly' AND bucket = '2025-03-28 02:00Z'), 1::bigint,
    'one that is empty now is there to be deleted');
SELECT restore(2);
SELECT is_empty('SELECT * FROM unlike()', 'and both exports together are the rollups');
SELECT lives_ok($$SELECT tally.drop_pack('awf')$$, 'drop_pack takes it all back');
SELECT hasnt_table('public', 'awf_exported', 'the export''s table too');
SELECT * FROM finish();
