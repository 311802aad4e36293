-- Owns: what the pack operator_control_center publishes: the nightly task that writes aggregate facts, the tile that reads them, and the
-- same numbers now.

-- step: task operator control center nightly
SELECT tally.create_task('operator control center nightly', '30 2 * * *', $t$
    INSERT INTO dashboard_facts (created_at, fact_type, scope, value, metadata)
    SELECT :as_of, n.fact_type, 'ops', n.value,
           jsonb_build_object('windowStart', to_char(r.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'windowEnd',
                              to_char(r.until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
      FROM control_rolling r
     CROSS JOIN LATERAL (VALUES
        ('metrics.activation.rolling7d', jsonb_build_object('activationRate', r.activation_rate, 'activatedShops', r.activated_shops, 'newShops',
            r.new_shops)),
        ('metrics.sla_resolution.rolling7d', jsonb_build_object('medianMinutes', r.median_minutes, 'p90Minutes', r.p90_minutes, 'resolved', r.resolved,
                                                                'breaches', r.breaches)),
        ('metrics.anomaly_response.rolling7d', jsonb_build_object('responseRate', r.response_rate, 'responded', r.responded, 'anomalies',
                                                                  r.anomalies))) n(fact_type, value)
     -- A fact is written once; where late rows have changed a window of the last week, it is written again, and the latest one counts.
     WHERE NOT r.live AND n.value IS DISTINCT FROM (
        SELECT f.value FROM dashboard_facts f
         WHERE f.fact_type = n.fact_type AND f.fact_type LIKE 'metrics.%'
             AND f.metadata ->> 'windowEnd' = to_char(r.until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
         ORDER BY f.created_at DESC LIMIT 1)
    RETURNING fact_type$t$,
    description => 'Activation, SLA resolution and anomaly response over rolling seven days, as facts for the tile.');

-- step: view control_tile
CREATE OR REPLACE VIEW control_tile AS
WITH published AS (
    SELECT DISTINCT ON (f.fact_type) split_part(f.fact_type, '.', 2) AS metric,
           coalesce(f.value -> 'activationRate', f.value -> 'medianMinutes', f.value -> 'responseRate') AS value,
           CASE split_part(f.fact_type, '.', 2) WHEN 'sla_resolution' THEN 'median minutes' ELSE 'share' END AS unit, f.value AS detail,
           tally.instant(f.metadata ->> 'windowStart') AS window_start, tally.instant(f.metadata ->> 'windowEnd') AS window_end, f.created_at AS generated_at
      FROM dashboard_facts f CROSS JOIN control_clock c
     WHERE f.fact_type LIKE 'metrics.%' AND f.fact_type IN ('metrics.activation.rolling7d', 'metrics.sla_resolution.rolling7d',
                                                            'metrics.anomaly_response.rolling7d') AND f.created_at <= c.present
     ORDER BY f.fact_type, f.metadata ->> 'windowEnd' DESC, f.created_at DESC
)
SELECT p.*, true AS published FROM published p
UNION ALL
-- Before the first night nothing is published, so the tile shows the seven days up to now.
SELECT n.metric, n.value, n.unit, n.detail, r.since, r.until, r.until, false
  FROM control_present r
 CROSS JOIN LATERAL (VALUES
    ('activation', to_jsonb(r.activation_rate), 'share', jsonb_build_object('activationRate', r.activation_rate, 'activatedShops', r.activated_shops,
        'newShops', r.new_shops)),
    ('sla_resolution', to_jsonb(r.median_minutes), 'median minutes', jsonb_build_object('medianMinutes', r.median_minutes, 'p90Minutes', r.p90_minutes,
        'resolved', r.resolved, 'breaches', r.breaches)),
    ('anomaly_response', to_jsonb(r.response_rate), 'share', jsonb_build_object('responseRate', r.response_rate, 'responded', r.responded, 'anomalies',
        r.anomalies))) n(metric, value, unit, detail)
 WHERE (SELECT count(*) FROM published) < 3 AND NOT EXISTS (SELECT FROM published p WHERE p.metric = n.metric);
COMMENT ON VIEW control_tile IS 
'What the Ops Pulse tile shows: the latest facts that the nightly task published; until it has, the seven days up to now, as of the last refresh.';
COMMENT ON COLUMN control_tile.metric IS 'activation, sla_resolution or anomaly_response.';
COMMENT ON COLUMN control_tile.value IS 'Its number (JSON); null where there was nothing to count.';
COMMENT ON COLUMN control_tile.unit IS 'What the number is.';
COMMENT ON COLUMN control_tile.detail IS 'The whole fact.';
COMMENT ON COLUMN control_tile.window_start IS 'Start of the seven days.';
COMMENT ON COLUMN control_tile.window_end IS 'Their end.';
COMMENT ON COLUMN control_tile.generated_at IS 'When it was published, or now.';
COMMENT ON COLUMN control_tile.published IS 'Whether the nightly task wrote it.';

-- step: function control_now()
CREATE OR REPLACE FUNCTION control_now() RETURNS SETOF control_rolling_live
-- The query is long and quick: compiling it (JIT) would take longer than running it a hundred times.
LANGUAGE sql STABLE SET search_path FROM CURRENT SET jit = off AS $f$
    SELECT * FROM control_present_live
$f$;
COMMENT ON FUNCTION control_now() IS 'The three metrics over the last seven days, exact at this moment, whatever has been refreshed.';
