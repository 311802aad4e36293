-- Owns: awf_dashboard_views, the saved views of the dashboards, with the six dashboards of the reference document as rows.

-- step: function awf_person()
CREATE OR REPLACE FUNCTION awf_person() RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- As PostgREST and Supabase say who is logged in, in the older and the newer form.
    SELECT CASE WHEN s ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN s::uuid END
      FROM (SELECT COALESCE(NULLIF(current_setting('request.jwt.claim.sub', true), ''),
                            NULLIF(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')) x(s)
$$;
COMMENT ON FUNCTION awf_person() IS 'The person who is logged in at the application; null where nobody says.';

-- step: table awf_dashboard_views
CREATE TABLE IF NOT EXISTS awf_dashboard_views (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name           text NOT NULL UNIQUE,
    dashboard_type text NOT NULL CHECK (dashboard_type IN ('overview', 'narrative', 'economy', 'party', 'sim', 'experiments')),
    filters        jsonb NOT NULL DEFAULT '{}',
    layout         jsonb NOT NULL DEFAULT '{}',
    is_public      boolean NOT NULL DEFAULT false,
    created_by     uuid,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE awf_dashboard_views IS 'Saved views of dashboards: what to filter by and which panels to draw from which relation.';
COMMENT ON COLUMN awf_dashboard_views.id IS 'Identity of the view.';
COMMENT ON COLUMN awf_dashboard_views.name IS 'Name that people see.';
COMMENT ON COLUMN awf_dashboard_views.dashboard_type IS 'overview, narrative, economy, party, sim or experiments.';
COMMENT ON COLUMN awf_dashboard_views.filters IS 'Range and dimension values: {"since": "24 hours", "world": ["…"]}.';
COMMENT ON COLUMN awf_dashboard_views.layout IS
'{"panels": […]}: a title, or {"title", "width"}, is a panel of the board; {"title", "relation", "columns", "chart"} is for a program that draws by itself.';
COMMENT ON COLUMN awf_dashboard_views.is_public IS 'Whether everyone sees it or only its author.';
COMMENT ON COLUMN awf_dashboard_views.created_by IS 'The author, as the application names people; filled by itself. Null: came with the pack.';
COMMENT ON COLUMN awf_dashboard_views.created_at IS 'When it was saved first.';
COMMENT ON COLUMN awf_dashboard_views.updated_at IS 'When it was saved last.';

ALTER TABLE awf_dashboard_views ALTER created_by SET DEFAULT awf_person();
ALTER TABLE awf_dashboard_views ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS seen ON awf_dashboard_views;
CREATE POLICY seen ON awf_dashboard_views FOR SELECT USING (is_public OR created_by = (SELECT awf_person()));
-- One policy for each of reading and the three ways to write: PostgreSQL asks all that apply, for each row. The author is found once a statement.
DROP POLICY IF EXISTS own ON awf_dashboard_views;
DROP POLICY IF EXISTS adds ON awf_dashboard_views;
CREATE POLICY adds ON awf_dashboard_views FOR INSERT WITH CHECK (created_by = (SELECT awf_person()));
DROP POLICY IF EXISTS changes ON awf_dashboard_views;
CREATE POLICY changes ON awf_dashboard_views FOR UPDATE USING (created_by = (SELECT awf_person())) WITH CHECK (created_by = (SELECT awf_person()));
DROP POLICY IF EXISTS removes ON awf_dashboard_views;
CREATE POLICY removes ON awf_dashboard_views FOR DELETE USING (created_by = (SELECT awf_person()));

-- step: rows awf_dashboard_views
INSERT INTO awf_dashboard_views (id, name, dashboard_type, filters, layout, is_public)
SELECT md5('awf dashboard ' || v.name)::uuid, v.name, v.type, v.filters::jsonb, jsonb_build_object('refresh', '1 minute', 'panels', v.panels::jsonb), true
  FROM (VALUES
    ('Overview', 'overview', '{"since": "24 hours"}', '[
        {"title": "Open incidents", "relation": "awf_incidents",
         "columns": ["created_at", "severity", "kpi_name", "scope_ref", "current_value", "status"], "chart": "table"},
        {"title": "Turns", "relation": "awf_rollup_hourly", "columns": ["date_hour", "turns"], "chart": "bars"},
        {"title": "p95 latency", "relation": "awf_rollup_hourly", "columns": ["date_hour", "p95_latency_ms"], "chart": "line"},
        {"title": "Fallbacks and retries", "relation": "awf_rollup_hourly", "columns": ["date_hour", "fallback_rate", "retry_rate"], "chart": "line"}]'),
    ('Narrative health', 'narrative', '{"since": "14 days"}', '[
        {"title": "Funnel", "relation": "awf_funnels_daily", "columns": ["date", "adventure", "overall_completion_rate"], "chart": "funnel"},
        {"title": "Stuck and soft-locked", "relation": "awf_rollup_daily",
         "columns": ["date", "adventure", "stuck_rate", "softlock_hints_rate"], "chart": "heatmap"},
        {"title": "Quest nodes", "relation": "awf_drop_offs_daily", "columns": ["bucket", "adventure", "node", "sessions", "drop_offs"], "chart": "heatmap"},
        {"title": "Dialogue", "relation": "awf_rollup_daily", "columns": ["date", "dialogue_candidate_avg", "romance_consent_rate"], "chart": "line"}]'),
    ('Economy', 'economy', '{"since": "14 days"}', '[
        {"title": "Gold per turn", "relation": "awf_rollup_daily", "columns": ["date", "world", "econ_velocity"], "chart": "line"},
        {"title": "Crafting success", "relation": "awf_rollup_daily", "columns": ["date", "world", "craft_success_rate"], "chart": "line"},
        {"title": "Vendor trades", "relation": "awf_rollup_daily", "columns": ["date", "world", "vendor_trade_rate"], "chart": "line"}]'),
    ('Party and NPCs', 'party', '{"since": "14 days"}', '[
        {"title": "Recruits", "relation": "awf_rollup_daily", "columns": ["date", "adventure", "party_recruits_rate"], "chart": "line"},
        {"title": "First NPC join", "relation": "awf_funnels_daily", "columns": ["date", "adventure", "choice_to_npc_rate"], "chart": "line"}]'),
    ('World simulation', 'sim', '{"since": "14 days"}', '[
        {"title": "Event triggers", "relation": "awf_rollup_daily", "columns": ["date", "world", "event_trigger_rate"], "chart": "line"},
        {"title": "Ticks", "relation": "awf_rollup_daily", "columns": ["date", "world", "avg_ticks"], "chart": "line"},
        {"title": "Weather", "relation": "awf_weather_hourly", "columns": ["bucket", "weather", "times"], "chart": "bars"}]'),
    ('Experiments', 'experiments', '{"since": "30 days"}', '[
        {"title": "Completion by arm", "relation": "awf_funnels_daily",
         "columns": ["date", "experiment", "variation", "overall_completion_rate"], "chart": "bars"},
        {"title": "Latency by arm", "relation": "awf_rollup_daily", "columns": ["date", "experiment", "variation", "p95_latency_ms"], "chart": "bars"}]')
    ) v(name, type, filters, panels)
ON CONFLICT DO NOTHING;
