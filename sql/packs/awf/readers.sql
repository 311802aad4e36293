-- Owns: the reader functions of the reference document: metrics_overview, metrics_kpis, metrics_funnel, metrics_timeseries and
-- metrics_experiment; of weather and quest nodes too. Each is tally.report() over the pack's metrics: JSON, and CSV through tally.csv(), with the
-- reader's rights, within the limits of awf_settings.

-- step: function metrics_rows(text[], text, text, interval, text[], jsonb)
CREATE OR REPLACE FUNCTION metrics_rows(metrics text[], since text DEFAULT '24 hours', until text DEFAULT NULL, bucket interval DEFAULT NULL,
                                        by text[] DEFAULT '{}', filters jsonb DEFAULT '{}') RETURNS json
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $f$
DECLARE
    was    text := tally_internal._look_along(current_setting('search_path'));
    result json;
BEGIN
    IF NOT awf_is_enabled() THEN RETURN NULL; END IF;
    -- By locale a cell may be a handful of people.
    result := (SELECT coalesce(json_agg(x), '[]') FROM tally.report(metrics, since, until, bucket, by, filters,
        people => CASE WHEN 'locale' = ANY (by) OR filters ? 'locale' THEN 'sessions' END,
        k => awf_setting('METRICS_KANON_MIN')::int,
        max_range => awf_setting('METRICS_MAX_RANGE_DAYS')::int * interval '1 day',
        max_rows => awf_setting('EXPORT_MAX_ROWS')::int) x);
    PERFORM tally_internal._look_along(was);
    RETURN result;
END $f$;
COMMENT ON FUNCTION metrics_rows(text[], text, text, interval, text[], jsonb) IS
'Metrics side by side as a JSON array, within the limits of awf_settings; tally.csv(…) of it is CSV. By locale, cells with too few sessions are null.';

-- step: function metrics_timeseries(text, text, text, text, text[], jsonb)
CREATE OR REPLACE FUNCTION metrics_timeseries(measure text, granularity text DEFAULT 'hour', since text DEFAULT '24 hours', until text DEFAULT NULL,
                                              by text[] DEFAULT '{}', filters jsonb DEFAULT '{}') RETURNS json
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$
    SELECT metrics_rows(ARRAY[measure], since, until, ('1 ' || granularity)::interval, by, filters)
$f$;
COMMENT ON FUNCTION metrics_timeseries(text, text, text, text, text[], jsonb) IS
'One metric over time: granularity hour, day, week or month; by: one series per value of these dimensions; filters: {"world": "w1"}.';

-- step: function metrics_kpis(text, text, text, text)
CREATE OR REPLACE FUNCTION metrics_kpis(scope text DEFAULT 'global', ref text DEFAULT NULL, since text DEFAULT '7 days', until text DEFAULT NULL) RETURNS json
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $f$
DECLARE
    each   text[] := CASE WHEN scope <> 'global' AND ref IS NULL THEN ARRAY[scope] ELSE '{}' END;
    picked jsonb := CASE WHEN scope <> 'global' AND ref IS NOT NULL THEN jsonb_build_object(scope, ref) ELSE '{}' END;
BEGIN
    IF coalesce(scope, '') NOT IN ('global', 'world', 'adventure', 'variation') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('scope must be global, world, adventure or variation, got %L', scope),
            HINT = 'SELECT metrics_kpis(scope => ''adventure'', ref => ''low-tide'');';
    END IF;
    RETURN metrics_rows('{turns,sessions,p95_latency_ms,retry_rate,fallback_rate,validator_retry_rate,stuck_rate,overall_completion_rate,
                          craft_success_rate,vendor_trade_rate,party_recruits_rate,ttk_p50_seconds,ttk_p90_seconds,arc_progress_rate,
                          choice_entropy_bits,dialogue_diversity,consent_compliance,gold_inflow,gold_outflow,econ_velocity,econ_velocity_items,
                          item_acquisition_rate,loot_rate,softlock_hints_rate,sim_ticks_per_turn,token_overrun_rate}',
        since, until, NULL, each, picked);
END $f$;
COMMENT ON FUNCTION metrics_kpis(text, text, text, text) IS
'The design KPIs of everything, of one world, adventure or variation (ref), or of each of them (ref null), over a range.';

-- step: function metrics_funnel(text, text, text, jsonb)
CREATE OR REPLACE FUNCTION metrics_funnel(adventure text DEFAULT NULL, since text DEFAULT '30 days', until text DEFAULT NULL,
                                          filters jsonb DEFAULT '{}') RETURNS json
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$
    SELECT json_agg(json_build_object('step', s.name, 'sessions', s.n, 'of_start', round(s.n / nullif(s.first, 0), 4), 'of_previous',
                                      round(s.n / nullif(s.previous, 0), 4)) ORDER BY s.o)
      FROM (SELECT x.key AS name, x.o, x.value::text::numeric AS n, first_value(x.value::text::numeric) OVER w AS first,
            lag(x.value::text::numeric) OVER w AS previous
              FROM json_each(metrics_rows('{funnel_start,funnel_first_choice,funnel_first_npc_join,funnel_first_craft,funnel_first_vendor,
                                            funnel_first_boss,funnel_completion}',
                       since, until, NULL, '{}', filters || CASE WHEN adventure IS NULL THEN '{}'
                           ELSE jsonb_build_object('adventure', adventure) END) -> 0) WITH ORDINALITY x(key, value, o)
             WHERE json_typeof(x.value) = 'number'
            WINDOW w AS (ORDER BY x.o)) s
$f$;
COMMENT ON FUNCTION metrics_funnel(text, text, text, jsonb) IS
'The funnel of sessions that started in the range: per step the sessions, and their share of the first and of the previous step.';

-- step: function metrics_experiment(text, text, text)
CREATE OR REPLACE FUNCTION metrics_experiment(experiment text, since text DEFAULT '30 days', until text DEFAULT NULL) RETURNS json
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$
    WITH arm AS MATERIALIZED (
        SELECT r.row ->> 'variation' AS variation, r.row
          FROM json_array_elements(metrics_rows('{turns,sessions,p95_latency_ms,retry_rate,fallback_rate,stuck_rate,avg_in_tokens,overall_completion_rate}',
                   since, until, NULL, '{variation}', jsonb_build_object('experiment', experiment))) r(row)
    ), plain AS (
        SELECT json_build_object('experiment', experiment, 'variation', a.variation, 'metric', v.key, 'value', v.value, 'control', c.value,
                   'delta', v.value - c.value, 'relative', round((v.value - c.value) / nullif(c.value, 0), 4)) AS x,
               row_number() OVER (ORDER BY a.variation = 'control' DESC, a.variation, v.o) AS n
          FROM arm a
         CROSS JOIN LATERAL (SELECT e.key, e.o, (e.value #>> '{}')::numeric AS value FROM json_each(a.row) WITH ORDINALITY e(key, value, o)
                             WHERE e.key <> 'variation') v
          LEFT JOIN LATERAL (SELECT (k.row ->> v.key)::numeric AS value FROM arm k WHERE k.variation = 'control') c ON true
    ), judged AS (
        -- Where the experiment is defined (awf_experiment), its report: with interval, badge and the parameters of the arm.
        SELECT json_build_object('experiment', e.name, 'variation', r.arm, 'metric', r.metric, 'value', r.value, 'units', r.units, 'relative', r.lift,
                   'low', r.low, 'high', r.high, 'sequential_low', r.sequential_low, 'sequential_high', r.sequential_high, 'adjusted_p', r.adjusted_p,
                   'badge', r.badge, 'reason', r.reason, 'parameters', (SELECT a -> 'parameters' FROM jsonb_array_elements(e.definition -> 'arms') a
                                                                         WHERE a ->> 'arm' = r.arm)) AS x, row_number() OVER () AS n
          FROM tally.experiments e, tally.experiment_report(format('%I.%I', e.schema, e.name), k => awf_setting('METRICS_KANON_MIN')::int) r
         WHERE e.name = experiment AND e.exposures = 'analytics_events'::regclass
    )
    SELECT coalesce(json_agg(t.x ORDER BY t.place, t.n), '[]') FROM (SELECT 1 AS place, p.n, p.x FROM plain p UNION ALL SELECT 2, j.n, j.x FROM judged j) t
$f$;
COMMENT ON FUNCTION metrics_experiment(text, text, text) IS
'Each metric per arm of an experiment, with its plain difference from the arm named control, absolute and relative. Where the experiment is defined '
    '(awf_experiment), also its report by session: interval, adjusted p, badge and the parameters of the arm.';

-- step: function metrics_overview(text, text, jsonb)
CREATE OR REPLACE FUNCTION metrics_overview(since text DEFAULT '24 hours', until text DEFAULT NULL, filters jsonb DEFAULT '{}') RETURNS json
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$
    SELECT json_build_object(
        'kpis', metrics_rows('{turns,sessions,p50_latency_ms,p95_latency_ms,retry_rate,fallback_rate,validator_retry_rate,stuck_rate,avg_in_tokens,
                               avg_out_tokens}', since, until, NULL, '{}', filters) -> 0,
        'trend', metrics_rows('{turns,p95_latency_ms,retry_rate,fallback_rate}', since, until,
                     CASE WHEN tally_internal._parse_since(since, now(), 'since', 'UTC') < tally_internal._parse_since(until, now(), 'until',
                             'UTC') - interval '7 days' THEN interval '1 day' ELSE interval '1 hour' END, '{}', filters),
        'incidents', (SELECT coalesce(json_agg(json_build_object('incident', i.incident, 'created_at', i.created_at, 'severity', i.severity, 'kpi_name',
                                                                 i.kpi_name, 'scope', i.scope, 'scope_ref', i.scope_ref,
                                                                'current_value', i.current_value, 'status', i.status, 'suggested_actions',
                                                                    i.suggested_actions) ORDER BY i.created_at DESC), '[]')
                        FROM (SELECT * FROM awf_incidents WHERE status <> 'resolved' ORDER BY created_at DESC LIMIT 20) i))
$f$;
COMMENT ON FUNCTION metrics_overview(text, text, jsonb) IS 'SLO tiles, traffic and error trend, and the open incidents, as one JSON object.';

-- step: function metrics_weather(text, text, text[], jsonb)
CREATE OR REPLACE FUNCTION metrics_weather(since text DEFAULT '14 days', until text DEFAULT NULL, by text[] DEFAULT '{}', filters jsonb DEFAULT '{}')
RETURNS json
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$
    SELECT coalesce(json_agg(s.row || jsonb_build_object('times', s.times, 'share', s.share)
                             ORDER BY s.row - 'weather', s.times DESC, s.row ->> 'weather'), '[]')
      FROM (SELECT x.row - 'weather_times' AS row, x.times, round(x.times / sum(x.times) OVER (PARTITION BY x.row - 'weather' - 'weather_times'), 4) AS share
              FROM (SELECT r.row::jsonb AS row, (r.row ->> 'weather_times')::numeric AS times
                      FROM json_array_elements(metrics_rows('{weather_times}', since, until, NULL, by || '{weather}'::text[], filters)) r(row)) x) s
$f$;
COMMENT ON FUNCTION metrics_weather(text, text, text[], jsonb) IS
'The distribution of weather: per kind how often it began, and its share; by: of each world, adventure or variation.';

-- step: function metrics_drop_offs(text, text, text, jsonb)
CREATE OR REPLACE FUNCTION metrics_drop_offs(adventure text DEFAULT NULL, since text DEFAULT '14 days', until text DEFAULT NULL, filters jsonb DEFAULT '{}')
RETURNS json
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$
    SELECT coalesce(json_agg(json_build_object('adventure', r.row -> 'adventure', 'node', r.row -> 'node', 'sessions', r.row -> 'node_sessions',
                                               'drop_offs', r.row -> 'node_drop_offs', 'rate', r.row -> 'node_drop_off_rate')
                             ORDER BY (r.row ->> 'node_drop_offs')::numeric DESC, r.row ->> 'adventure', r.row ->> 'node'), '[]')
      FROM json_array_elements(metrics_rows('{node_sessions,node_drop_offs,node_drop_off_rate}', since, until, NULL, '{adventure,node}',
               filters || CASE WHEN adventure IS NULL THEN '{}' ELSE jsonb_build_object('adventure', adventure) END)) r(row)
$f$;
COMMENT ON FUNCTION metrics_drop_offs(text, text, text, jsonb) IS
'Per quest node of the sessions that started in the range: how many were there, and how many ended there without completing; the most first.';
