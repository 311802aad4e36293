-- Owns: the rollups of the pack operator_control_center: what each shop, conversation and anomaly did, one row each, over all time.
-- Facts and decisions come in different tables; views.sql joins them, entity by entity.

-- step: rollup control_sessions
SELECT tally.create_rollup('control_sessions', source => 'dashboard_facts', key => 'shop_domain',
    measures => '{"first_session_at": "min(created_at)", "sessions": "count(*)"}',
    "where" => $w$fact_type = 'dashboard.session.opened'$w$,
    description => 'When each shop first opened the dashboard.');

-- step: rollup control_approvals
SELECT tally.create_rollup('control_approvals', source => 'decision_log', key => 'shop_domain',
    measures => '{"first_decision_at": "min(created_at)", "last_decision_at": "max(created_at)", "decisions": "count(*)"}',
    "where" => $w$scope = 'ops'$w$,
    description => 'The first and last ops decision of each shop.');

-- step: rollup control_breaches_daily
SELECT tally.create_rollup('control_breaches_daily', source => 'dashboard_facts', time_column => 'created_at', bucket => '1 day',
    dimensions => $d$[{"conversation": "breach ->> 'conversationId'"}]$d$,
    measures => $m${"breached_at": "min(tally.instant(breach ->> 'breachedAt'))", "reports": "count(*)"}$m$,
    "where" => $w$fact_type = 'chatwoot.escalations'$w$,
    expand => $e$jsonb_array_elements(CASE jsonb_typeof(metadata -> 'breached') WHEN 'array' THEN metadata -> 'breached' ELSE '[]' END) AS breach$e$,
    description => 'Conversations beyond their SLA, as escalations report them: the lists taken apart.');

-- step: rollup control_breaches
SELECT tally.create_rollup('control_breaches', source => 'control_breaches_daily', key => 'conversation', dimensions => '[]',
    measures => '{"breached_at": "min(breached_at)", "reports": "sum(reports)"}',
    description => 'When each conversation breached its SLA; however often it is reported, it is one.');

-- step: rollup control_replies
SELECT tally.create_rollup('control_replies', source => 'decision_log', key => 'external_ref',
    measures => '{"first_reply_at": "min(created_at)", "last_reply_at": "max(created_at)", "replies": "count(*)"}',
    "where" => $w$action LIKE 'chatwoot.reply.%'$w$,
    description => 'The first and last reply to each conversation.');

-- step: rollup control_anomalies_daily
SELECT tally.create_rollup('control_anomalies_daily', source => 'dashboard_facts', time_column => 'created_at', bucket => '1 day',
    -- A page's address is a part of keys, which hold no more than 2,700 bytes in all.
    dimensions => $d$["shop_domain", {"property": "left(metadata ->> 'propertyId', 100)"}, {"landing_page": "left(anomaly ->> 'landingPage', 500)"},
                      {"range_end": "left(metadata #>> '{dateRange,end}', 40)"}]$d$,
    measures => $m${"seen_at": "min(created_at)",
        "wow_delta": "min(CASE jsonb_typeof(anomaly -> 'wowDelta') WHEN 'number' THEN (anomaly ->> 'wowDelta')::float8 END)", "reports": "count(*)"}$m$,
    "where" => $w$fact_type = 'ga.sessions.anomalies'$w$,
    expand => $e$jsonb_array_elements(CASE jsonb_typeof(value -> 'anomalies') WHEN 'array' THEN value -> 'anomalies' ELSE '[]' END) AS anomaly$e$,
    description => 'Anomalies of landing pages as they are ingested: the lists taken apart.');

-- step: rollup control_anomaly_pages
SELECT tally.create_rollup('control_anomaly_pages', source => 'control_anomalies_daily', key => '["shop_domain", "property", "landing_page", "range_end"]',
                           dimensions => '[]',
    measures => '{"seen_at": "min(seen_at)", "wow_delta": "min(wow_delta)", "reports": "sum(reports)"}',
    description => 'Each anomaly once: a landing page of a property in one date range, however often it is ingested.');

-- step: rollup control_assignments_daily
SELECT tally.create_rollup('control_assignments_daily', source => 'decision_log', time_column => 'created_at', bucket => '1 day',
    dimensions => $d$["shop_domain", {"landing_page": "left(payload ->> 'landingPage', 500)"}]$d$,
    measures => '{"first_at": "min(created_at)", "last_at": "max(created_at)", "assignments": "count(*)"}',
    "where" => $w$action LIKE 'seo.assignment.%'$w$,
    description => 'SEO assignments per landing page and day.');
