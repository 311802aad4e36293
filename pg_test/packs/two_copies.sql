-- Owns: packs of two tenants in one database: awf twice, and product_analytics beside it, which also calls its source analytics_events. Each copy has its
-- own rollups, readers, functions, thresholds, incidents, boards and settings; a copy is dropped and the other stays as it was.
SELECT no_plan();
SET client_min_messages = warning;
SET jit = off;
DROP ROLE IF EXISTS two_reader;
CREATE ROLE two_reader ROLE CURRENT_USER;
CREATE SCHEMA one; CREATE SCHEMA two; CREATE SCHEMA market;
SELECT tally.generate_awf(3000, seed => 1, until => date_trunc('hour', now()), span => '2 days', target_schema => 'one');
SELECT tally.generate_awf(2000, seed => 2, until => date_trunc('hour', now()), span => '2 days', target_schema => 'two');
SELECT lives_ok($$SELECT tally.install_pack('awf', 'one')$$, 'one tenant installs a pack');
SELECT lives_ok($$SELECT tally.install_pack('awf', 'two', zone => 'Asia/Tokyo')$$, 'and another the same');
SELECT lives_ok($$SELECT tally.install_pack('product_analytics', 'market')$$, 'beside a pack with a source of the same name');
SELECT bag_eq($$SELECT target_schema::text FROM tally.packs WHERE name = 'awf'$$, ARRAY['one', 'two'], 'both are listed');
CALL tally.backfill();

-- Numbers: each copy's readers, by the bare name of its own metrics.
CREATE FUNCTION plain(target text) RETURNS TABLE (turns bigint, fallbacks bigint) LANGUAGE plpgsql AS $$
BEGIN RETURN QUERY EXECUTE format($q$SELECT count(*) FILTER (WHERE event_type = 'turn'),
    count(*) FILTER (WHERE event_type = 'fallback') FROM %I.analytics_events$q$, target); END $$;
SELECT isnt((SELECT turns FROM plain('one')), (SELECT turns FROM plain('two')), 'the two differ');
SELECT is((one.metrics_rows('{turns,fallback_rate}', since => '10 days') -> 0)::jsonb,
    (SELECT jsonb_build_object('turns', turns, 'fallback_rate', fallbacks::float8 / turns) FROM plain('one')), 'a reader of one copy reads its own');
SELECT is((two.metrics_rows('{turns,fallback_rate}', since => '10 days') -> 0)::jsonb,
    (SELECT jsonb_build_object('turns', turns, 'fallback_rate', fallbacks::float8 / turns) FROM plain('two')), 'that of the other the other''s');
SELECT is((SELECT sum(turns)::bigint FROM one.awf_rollup_hourly), (SELECT turns FROM plain('one')), 'so do views');
SELECT is((SELECT sum(turns)::bigint FROM two.awf_rollup_hourly), (SELECT turns FROM plain('two')), 'of both');
SELECT format('SET %s', tally_internal._path_said('two')) \gexec
SELECT tally.metric_value('turns', '10 days')::bigint AS turns \gset
SELECT format('RESET %s', split_part(tally_internal._path_said('two'), ' ', 1)) \gexec
SELECT is(:turns::bigint, (SELECT turns FROM plain('two')), 'the search_path of a session chooses');

-- Settings, thresholds and incidents.
UPDATE one.awf_settings SET value = '1' WHERE name = 'METRICS_KANON_MIN';
SELECT is((SELECT value FROM two.awf_settings WHERE name = 'METRICS_KANON_MIN'), '10', 'settings are each copy''s own');
UPDATE one.awf_settings SET value = '12' WHERE name = 'TOKEN_BUDGET';
SELECT bag_eq($$SELECT r.relation::text, m.expression FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id WHERE m.name = 'token_overrun_rate'$$,
    format('VALUES (''one.awf_pace_hourly'', ''1 - tally.percentile_rank(tokens, 12.5)''), (''two.awf_pace_hourly'', %L)', two.awf_token_overrun()),
    'a budget is that of one copy''s metrics');
UPDATE two.awf_kpi_thresholds SET threshold_value = 0.5 WHERE kpi_name = 'fallback_rate';
SELECT is((SELECT array_agg(threshold_value ORDER BY s) FROM (SELECT 'one' AS s, threshold_value FROM one.awf_kpi_thresholds WHERE kpi_name = 'fallback_rate'
        UNION ALL SELECT 'two', threshold_value FROM two.awf_kpi_thresholds WHERE kpi_name = 'fallback_rate') x), '{0.10,0.5}'::numeric[],
            'a threshold is changed in one copy');
SELECT is((SELECT count(*) FROM one.awf_kpi_thresholds) || ' ' || (SELECT count(*) FROM two.awf_kpi_thresholds), '6 6', 'each lists its own');
INSERT INTO two.awf_kpi_thresholds (scope, kpi_name, threshold_operator, threshold_value, severity) VALUES ('global', 'turns', '>=', 1, 'warning');
SELECT is((SELECT count(*) FROM one.awf_kpi_thresholds) || ' ' || (SELECT count(*) FROM two.awf_kpi_thresholds), '6 7',
    'a new one is of the copy it is written to');
SELECT is((SELECT schema FROM tally.thresholds WHERE name = 'awf turns global warning'), 'two', 'and of its schema');
-- In the last five minutes that are over, whenever this runs.
INSERT INTO two.analytics_events (event_time, event_type, session_id, world, session_started_at)
  SELECT date_bin('5 minutes', now(), '2000-01-01Z') - interval '1 minute', 'turn', 's' || i, 'w', now() - interval '8 minutes' FROM generate_series(1, 100) i;
SELECT is_empty('SELECT threshold, error FROM tally.evaluate(now()) WHERE error IS NOT NULL', 'every threshold of both can be told');
SELECT cmp_ok((SELECT count(*) FROM two.awf_incidents WHERE kpi_name = 'turns'), '>=', 1::bigint, 'what fires in one copy is among its incidents');
SELECT is((SELECT count(*) FROM one.awf_incidents WHERE kpi_name = 'turns'), 0::bigint, 'and not among those of the other');
GRANT USAGE ON SCHEMA one, two TO two_reader;
GRANT SELECT ON one.awf_incidents TO two_reader;
SET ROLE two_reader;
SELECT is((SELECT count(*) FROM one.awf_incidents WHERE kpi_name = 'turns'), 0::bigint, 'who may read the incidents of one copy sees none of the other');
SELECT is((SELECT count(*) FROM two.awf_incident_rows()), 0::bigint, 'not by the function either');
SELECT is((SELECT count(*) FROM one.awf_incident_rows(home => 'two.awf_hourly')), 0::bigint, 'nor by the wrong home');
RESET ROLE;

-- Boards: those of a copy lead to its own.
SELECT bag_eq($$SELECT schema, count(*) FROM tally.boards WHERE schema <> 'market' GROUP BY 1$$, $$VALUES ('one', 6::bigint), ('two', 6::bigint)$$,
    'each copy has its boards');
SELECT is((SELECT count(DISTINCT tally.grafana_dashboard(schema || '.' || name) ->> 'uid') FROM tally.boards WHERE schema <> 'market'), 12::bigint,
    'in Grafana, too');
SELECT is(tally_internal._board_beside(b, 'awf_narrative'), 'two.awf_narrative', 'a panel leads to the board of its own copy') FROM tally.boards b
    WHERE schema = 'two' AND name = 'awf_overview';
SELECT is((SELECT x.m -> 'panels' #>> '{0,value}' FROM (SELECT tally_internal._board_model(b, '{}', '10 days', NULL, 'auto', false, now()) AS m
    FROM tally.boards b WHERE b.schema = 'two' AND b.name = 'awf_overview') x)::numeric,
    (SELECT turns FROM plain('two'))::numeric, 'and its numbers are its own');

-- Again, definitions, dropping.
CREATE TEMP TABLE before AS SELECT kind, name, owner, statement FROM tally.definitions();
SELECT lives_ok($$SELECT tally.install_pack('awf', 'two')$$, 'a copy is installed again');
SELECT is((SELECT zone FROM tally.installed_packs WHERE target_schema = 'two'), 'Asia/Tokyo', 'and keeps its zone');
SELECT is((SELECT count(*) FROM one.awf_kpi_thresholds) || ' ' || (SELECT count(*) FROM two.awf_kpi_thresholds), '6 7', 'the other is not touched');
SELECT throws_ok($$SELECT tally.drop_pack('awf')$$, '42P08', 'pack ''awf'' is installed in several schemas, and one must be named', 'a drop asks which');
SELECT tally.drop_threshold('awf turns global warning');
SELECT is(tally.drop_pack('awf', 'two'), 'pack awf is dropped; its source tables in schema two are left as they are', 'one copy is dropped');
SELECT is((SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'two'::regnamespace AND relkind IN ('r', 'v')), 'analytics_events',
    'but for its source');
SELECT is_empty($$SELECT name FROM tally.thresholds WHERE schema = 'two' UNION ALL SELECT name FROM tally.boards WHERE schema = 'two' UNION ALL SELECT name
    FROM tally.rollups WHERE relation::text LIKE 'two.%'$$, 'with all its definitions');
SELECT is((one.metrics_rows('{turns}', since => '10 days') -> 0 ->> 'turns')::bigint, (SELECT turns FROM plain('one')), 'the other works on');
SELECT is((SELECT count(*) FROM tally.boards WHERE schema = 'one') || ' ' || (SELECT count(*) FROM one.awf_kpi_thresholds), '6 6',
    'with its boards and thresholds');
SELECT is(tally.drop_pack('awf'), 'pack awf is dropped; its source tables in schema one are left as they are', 'the last one needs no schema');
DROP OWNED BY two_reader;
DROP ROLE two_reader;
SELECT * FROM finish();
