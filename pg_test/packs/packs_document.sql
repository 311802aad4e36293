-- Owns: what the documents of four packs ask for beside their main figures, against plain SQL: pipeline and broadcasts, evidence of sprints, the tile before
-- the first night, Shopify's facts, panels of one artist, runbooks, downloads and refreshes of services.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
SET jit = off;
CREATE SCHEMA pa;
CREATE SCHEMA cc;
CREATE SCHEMA od;
CREATE SCHEMA pub;

-- product_analytics
SELECT tally.install_pack('product_analytics', 'pa');
SET search_path = pa, public;
INSERT INTO telegram_messages_raw (message_date) SELECT '2025-03-01 00:00Z'::timestamptz + i * interval '37 minutes' FROM generate_series(0, 199) i;
INSERT INTO telegram_extractions (created_at, status) SELECT '2025-03-01 12:00Z'::timestamptz + i * interval '53 minutes', (ARRAY['ok', 'failed'])[1 + i % 2]
  FROM generate_series(0, 149) i;
INSERT INTO broadcast_messages (created_at) SELECT '2025-03-02 00:00Z'::timestamptz + i * interval '5 hours' FROM generate_series(0, 19) i;
INSERT INTO assignment_clicks (clicks, last_click_at) SELECT i, '2025-03-01 09:00Z'::timestamptz + i * interval '7 hours' FROM generate_series(1, 20) i;
CREATE FUNCTION same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT bag_eq('SELECT day, messages, extractions, extraction_rate FROM product_pipeline', $q$
        SELECT d.day, m.n, e.n AS extractions, round(e.n::numeric / nullif(m.n, 0), 4)
          FROM (SELECT date_trunc('day', message_date) AS day FROM telegram_messages_raw UNION SELECT date_trunc('day', created_at)
              FROM telegram_extractions) d,
               LATERAL (SELECT count(*) AS n FROM telegram_messages_raw WHERE date_trunc('day', message_date) = d.day) m,
               LATERAL (SELECT count(*) AS n FROM telegram_extractions WHERE date_trunc('day', created_at) = d.day) e$q$, what || ': pipeline');
    RETURN NEXT bag_eq('SELECT day, broadcasts, assignments_with_clicks, total_clicks, clicks_per_broadcast FROM product_broadcasts', $q$
        SELECT d.day, b.n, c.n AS clicked, c.clicks, round(c.clicks / nullif(b.n, 0), 4)
          FROM (SELECT date_trunc('day', created_at) AS day FROM broadcast_messages UNION SELECT date_trunc('day', last_click_at) FROM assignment_clicks) d,
               LATERAL (SELECT count(*) AS n FROM broadcast_messages WHERE date_trunc('day', created_at) = d.day) b,
               LATERAL (SELECT count(*) AS n, coalesce(sum(clicks), 0) AS clicks FROM assignment_clicks WHERE date_trunc('day', last_click_at) = d.day) c$q$,
        what || ': broadcasts');
END $$;
SELECT same('before any refresh');
CALL tally.backfill();
DELETE FROM telegram_messages_raw WHERE id % 7 = 0;
UPDATE broadcast_messages SET created_at = created_at - interval '1 day' WHERE id % 3 = 0;
SELECT same('after deletions and moves');
SELECT count(*) FROM tally.refresh();
SELECT same('after the refresh');
INSERT INTO ingestion_runs (id, started_at, status) SELECT i, '2025-03-05 00:00Z'::timestamptz + i * interval '1 hour',
    CASE WHEN i % 2 = 0 THEN 'ok' ELSE 'failed' END
  FROM generate_series(0, 9) i;
SELECT tally.evaluate('2025-03-06 00:01Z');
SELECT bag_eq('SELECT threshold, value FROM tally.incidents', $$VALUES ('product ingestion runs fail', 0.5::float8)$$,
    'failed runs open an incident, and nothing else does');
SELECT is((SELECT count(*) FROM tally.thresholds t WHERE t.schema = 'pa' AND (t.runbook IS NULL OR t.responsible IS NULL OR t.response_target IS NULL)),
    0::bigint,
    'every threshold has an owner, a target and a runbook');

-- operator_control_center
SELECT tally.install_pack('operator_control_center', 'cc');
SET search_path = cc, public;
SET tally.as_of = '2025-03-10 12:00Z';
INSERT INTO dashboard_facts (created_at, shop_domain, fact_type, scope, value, metadata) VALUES
    ('2025-03-05 10:00Z', 'a', 'dashboard.session.opened', 'ops', '{}', NULL), ('2025-03-06 10:00Z', 'b', 'dashboard.session.opened', 'ops', '{}', NULL),
    ('2025-03-07 10:00Z', 'a', 'chatwoot.escalations', 'ops', '{}',
     '{"slaMinutes": 60, "breached": [{"conversationId": 1, "breachedAt": "2025-03-07T09:00:00Z"},
                                       {"conversationId": 2, "breachedAt": "2025-03-07T09:30:00Z"}]}'),
    ('2025-03-08 10:00Z', 'a', 'ga.sessions.anomalies', 'ops', '{"anomalies": [{"landingPage": "/x", "wowDelta": -0.5}]}', '{"propertyId": "p"}');
INSERT INTO decision_log (created_at, scope, action, shop_domain, external_ref, payload) VALUES
    ('2025-03-06 10:00Z', 'ops', 'x.approve', 'a', NULL, NULL), ('2025-03-07 09:40Z', 'ops', 'chatwoot.reply.approve', 'a', '1', NULL),
    ('2025-03-08 11:00Z', 'seo', 'seo.assignment.create', 'a', NULL, '{"landingPage": "/x"}');
CALL tally.backfill();
SELECT bag_eq('SELECT metric, value, unit, published FROM control_tile',
    $$VALUES ('activation', '0.5000'::jsonb, 'share', false), ('sla_resolution', '40.00', 'median minutes', false), ('anomaly_response', '1.0000', 'share',
        false)$$,
    'before the first night the tile shows the seven days up to now');
SELECT results_eq($$SELECT window_end FROM control_tile LIMIT 1$$, $$VALUES ('2025-03-10 12:00Z'::timestamptz)$$, 'which end now');
SELECT tally.run_tasks(as_of => '2025-03-10 12:00Z');
SELECT is((SELECT count(*) FROM control_tile WHERE published AND window_end = '2025-03-10 00:00Z'), 3::bigint, 'after it, what the task published');
INSERT INTO control_sprints VALUES ('one', '2025-03-03', '2025-03-06', NULL), ('two', '2025-03-07', '2025-03-14', 'https://example.org/two');
SELECT bag_eq('SELECT sprint, metric, value, met, total FROM control_evidence', $$VALUES
    ('one', 'activation', 0.5000, 1::bigint, 2::bigint), ('one', 'sla_resolution', NULL, 0, 0), ('one', 'anomaly_response', NULL, 0, 0),
    ('two', 'activation', NULL, 0, 0), ('two', 'sla_resolution', 40.00, 1, 2), ('two', 'anomaly_response', 1.0000, 1, 1)$$, 'what each sprint did');
CREATE FUNCTION rows_of(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (%s) x', rtrim(statement, ';')) INTO n;
    RETURN n;
END $$;
SELECT bag_eq('SELECT sprint, metric, rows_of(evidence) AS n FROM control_evidence', 'SELECT sprint, metric, total AS n FROM control_evidence',
    'and each evidence is a statement that shows the rows behind it');
INSERT INTO dashboard_facts (created_at, shop_domain, fact_type, scope, value, metadata) VALUES
    ('2025-03-08 08:00Z', 'a', 'shopify.sales.summary', 'ops', '{"orderCount": 3, "totalRevenue": 30.5}', NULL),
    ('2025-03-08 20:00Z', 'a', 'shopify.sales.summary', 'ops', '{"orderCount": 7, "totalRevenue": 70.25}', NULL),
    ('2025-03-08 19:00Z', 'a', 'shopify.fulfillment.issues', 'ops', '[{"order": 1}, {"order": 2}]', NULL),
    ('2025-03-08 19:00Z', 'a', 'shopify.inventory.alerts', 'ops', '{"count": 4, "threshold": 10}', NULL),
    ('2025-03-09 19:00Z', 'b', 'shopify.sales.summary', 'ops', '"nothing"', NULL);
SELECT bag_eq('SELECT day, shop_domain, orders, revenue, fulfillment_issues, inventory_alerts, inventory_threshold, facts FROM control_shopify', $$VALUES
    ('2025-03-08'::date, 'a', 7::float8, 70.25::float8, 2::float8, 4::float8, 10::float8, 4::bigint), ('2025-03-09', 'b', NULL, NULL, NULL, NULL, NULL, 1)$$,
    'of each shop and day the last fact of a kind counts, and nothing is added up twice');
DELETE FROM dashboard_facts WHERE created_at = '2025-03-08 20:00Z';
SELECT is((SELECT (orders, revenue)::text FROM control_shopify WHERE shop_domain = 'a'), '(3,30.5)', 'without it, the one before');
SET tally.as_of = '2025-03-15 10:00Z';
SELECT bag_eq('SELECT day, shop_domain FROM control_shopify_recent', $$SELECT '2025-03-09'::date, 'b'$$, 'the last seven days are today and six before it');
SET tally.as_of = '2025-03-14 10:00Z';
SELECT bag_eq('SELECT * FROM control_shopify_recent', $$
    SELECT day, shop_domain, orders, revenue, fulfillment_issues, inventory_alerts, inventory_threshold, facts, last_fact_at
      FROM control_shopify WHERE day BETWEEN '2025-03-08' AND '2025-03-14'$$, 'with the columns of all days');
RESET tally.as_of;

-- operator_dashboard
SELECT tally.generate_operator_dashboard(3000, until => '2025-03-10 12:03Z', span => '8 days', target_schema => 'od');
SELECT tally.install_pack('operator_dashboard', 'od');
SET search_path = od, public;
CALL tally.backfill();
SET tally.as_of = '2025-03-10 12:03Z';
-- With no artist and no release, every panel is that of the views.
CREATE TEMP TABLE panels AS SELECT r.range, e.environment, operator_panels(range => r.range, environment => e.environment) AS p
  FROM operator_ranges r CROSS JOIN (VALUES ('prod'), ('staging')) e(environment);
SELECT bag_eq($$SELECT range, environment, (p #>> '{ingest,uploads}')::bigint AS a, (p #>> '{ingest,rejected}')::bigint AS b,
                       (p #>> '{ingest,rejection_rate}')::numeric AS c FROM panels$$,
    'SELECT range, environment, uploads AS a, rejected AS b, rejection_rate AS c FROM operator_ingest WHERE environment <> ''(none)''',
    'ingest of everything is operator_ingest');
SELECT bag_eq($$SELECT range, environment, x ->> 'reason' AS a, (x ->> 'rejected')::bigint AS b, (x ->> 'share')::numeric AS c
                  FROM panels, json_array_elements(p -> 'rejection_reasons') x$$,
    'SELECT range, environment, reason AS a, rejected AS b, share AS c FROM operator_rejection_reasons WHERE environment <> ''(none)''', 'so are its reasons');
SELECT bag_eq($$SELECT range, environment, p #>> '{transcodes,completed}' AS a, p #>> '{transcodes,failed}' AS b,
    (p #>> '{transcodes,failure_rate}')::numeric AS c,
                       (p #>> '{transcodes,p50_minutes}')::numeric AS d, (p #>> '{transcodes,p95_minutes}')::numeric AS e FROM panels$$,
    $$SELECT range, environment, completed::text AS a, failed::text AS b, failure_rate AS c, p50_minutes AS d, p95_minutes AS e FROM operator_transcodes
       WHERE environment <> '(none)'$$, 'transcodes');
SELECT bag_eq($$SELECT DISTINCT environment, p #>> '{queue,queued}' AS a, p #>> '{queue,in_progress}' AS b, p #>> '{queue,retrying}' AS c,
                       (p #>> '{queue,oldest_queued_minutes}')::numeric AS d FROM panels$$,
    $$SELECT environment, queued::text AS a, in_progress::text AS b, retrying::text AS c, oldest_queued_minutes AS d FROM operator_queue
       WHERE environment <> '(none)'$$, 'the queue');
SELECT bag_eq($$SELECT range, environment, (x ->> 'attempt')::int AS a, (x ->> 'jobs_reached')::bigint AS b FROM panels,
    json_array_elements(p -> 'retries') x$$,
    'SELECT range, environment, attempt AS a, jobs_reached AS b FROM operator_retries WHERE environment <> ''(none)''', 'retries');
SELECT bag_eq($$SELECT range, environment, (p #>> '{playback,attempts}')::bigint AS a, (p #>> '{playback,failures}')::bigint AS b FROM panels$$,
    'SELECT range, environment, attempts AS a, failures AS b FROM operator_playback WHERE environment <> ''(none)''', 'playback');
SELECT bag_eq($$SELECT range, environment, x ->> 'platform' AS a, x ->> 'browser' AS b, (x ->> 'failures')::bigint AS c FROM panels,
                       json_array_elements(p -> 'playback_clients') x$$,
    'SELECT range, environment, platform AS a, browser AS b, failures AS c FROM operator_playback_clients WHERE environment <> ''(none)'' AND attempts > 0',
    'clients');
SELECT bag_eq($$SELECT range, environment, x ->> 'service' AS a, x ->> 'cause' AS b, (x ->> 'failures')::bigint AS c FROM panels,
                       json_array_elements(p -> 'failure_causes') x$$,
    'SELECT range, environment, service AS a, cause AS b, failures AS c FROM operator_failure_causes WHERE environment <> ''(none)''', 'causes');
-- Artists share out everything, and a release is a part of its artist.
SELECT is((SELECT sum((operator_panels(artist => a.artist, range => '7d') #>> '{playback,attempts}')::bigint)::bigint
             FROM (SELECT DISTINCT artist FROM playback_attempts WHERE artist IS NOT NULL) a),
    (SELECT count(*) FROM playback_attempts WHERE artist IS NOT NULL AND attempted_at >= '2025-03-03 12:05Z' AND attempted_at < '2025-03-10 12:05Z'),
    'artists share out plays');
CREATE VIEW failed_one AS SELECT artist, release FROM playback_attempts WHERE NOT ok AND environment = 'prod' ORDER BY attempted_at DESC LIMIT 1;
SELECT results_eq($$SELECT (p #>> '{ingest,uploads}')::bigint AS n, (p #>> '{playback,failures}')::bigint AS m
                      FROM (SELECT operator_panels(x.artist, x.release, '7d', 'prod') AS p FROM failed_one x) y$$,
    $$SELECT (SELECT count(*) FROM uploads u WHERE u.environment = 'prod' AND u.artist = x.artist AND u.release = x.release
        AND u.uploaded_at >= '2025-03-03 12:05Z'),
             (SELECT count(*) FROM playback_attempts u WHERE u.environment = 'prod' AND u.artist = x.artist AND u.release = x.release AND NOT u.ok
                 AND u.attempted_at >= '2025-03-03 12:05Z') FROM failed_one x$$, 'one release of one artist');
SELECT throws_ok($$SELECT operator_panels(range => '2d')$$, '22023', NULL, 'a range that there is not');
RESET tally.as_of;
-- Runbooks are pages.
SELECT is_empty($$SELECT name FROM tally.thresholds t WHERE t.schema = 'od'
    AND NOT EXISTS (SELECT FROM operator_runbooks r WHERE t.runbook = format('SELECT operator_runbook(%L);', r.name) AND strpos(r.alerts, t.name) > 0)
    AND t.name NOT LIKE 'operator slo %'$$, 'every alert points to a page that names it');
SELECT is_empty($$SELECT name FROM tally.thresholds t WHERE t.schema = 'od'
    AND operator_runbook(substring(t.runbook FROM '^SELECT operator_runbook\(''([a-z0-9-]+)''\);$')) IS NULL$$, 'those of objectives too');
CREATE FUNCTION run(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
CREATE VIEW statements AS SELECT r.name, m[1] AS statement FROM operator_runbooks r, regexp_matches(r.page, '^    (SELECT [^;]*;)$', 'gn') m;
SELECT is((SELECT count(DISTINCT name) FROM statements), (SELECT count(*) FROM operator_runbooks), 'every page says what to look at');
SELECT is_empty('SELECT name, statement, run(statement) FROM statements WHERE run(statement) IS NOT NULL', 'and each of its statements runs');
DROP VIEW statements;
SELECT ok(strpos(tally.page('od.operator_runbooks'), 'A worker is silent') > 0, 'the board shows the pages');

-- publisher
SELECT tally.install_pack('publisher', 'pub');
SET search_path = pub, public;
SELECT bag_eq($$SELECT service, metrics - 'telemetry' AS m FROM publisher_metrics$$,
    $$VALUES ('publisher', '{"artifact_downloads": {"count": 0, "failed": 0, "succeeded": 0, "avg_seconds": null},
                             "jellyfin_refreshes": {"count": 0, "failed": 0, "succeeded": 0, "avg_seconds": null}}'::jsonb),
             ('publisher-discord', '{"deliveries": {"count": 0, "failed": 0, "succeeded": 0}}')$$, 'counters are there before the first event');
INSERT INTO publisher_service_events (event_time, service, kind, namespace, success, seconds)
SELECT '2025-03-01 00:00Z'::timestamptz + i * interval '17 minutes', (ARRAY['publisher', 'publisher', 'publisher-discord'])[1 + i % 3],
       (ARRAY['artifact_downloads', 'jellyfin_refreshes', 'embeds'])[1 + i % 3], CASE WHEN i % 4 > 0 THEN 'lane-' || i % 4 END,
       CASE WHEN i % 5 > 0 THEN i % 11 > 0 END, CASE WHEN i % 6 > 0 THEN i * 0.25 END FROM generate_series(1, 300) i;
INSERT INTO publisher_discord_metrics (artifact_uri, published_at, webhook_success) SELECT 'u' || i, '2025-03-01 10:00Z', i % 3 > 0 FROM generate_series(1,
    10) i;
CREATE FUNCTION services_same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT bag_eq($q$SELECT m.service, k.key, (k.value ->> 'count')::bigint AS a, (k.value ->> 'succeeded')::bigint AS b,
        (k.value ->> 'failed')::bigint AS c,
            round((k.value ->> 'avg_seconds')::numeric, 4) AS d FROM publisher_metrics m, jsonb_each(m.metrics - 'telemetry') k WHERE k.key <> 'deliveries'$q$,
        $q$SELECT service, kind AS key, count(*) AS a, count(*) FILTER (WHERE success) AS b, count(*) FILTER (WHERE NOT success) AS c,
            round(avg(seconds)::numeric, 4) AS d
             FROM publisher_service_events GROUP BY 1, 2$q$, what || ': downloads, refreshes and other counters');
    RETURN NEXT is((SELECT metrics -> 'deliveries' FROM publisher_metrics WHERE service = 'publisher-discord'),
        (SELECT jsonb_build_object('count', count(*), 'succeeded', count(*) FILTER (WHERE webhook_success), 'failed',
            count(*) FILTER (WHERE NOT webhook_success))
           FROM publisher_discord_metrics), what || ': deliveries');
    RETURN NEXT bag_eq('SELECT service, metrics -> ''telemetry'' AS t FROM publisher_metrics', 'SELECT service, telemetry::jsonb AS t FROM publisher_telemetry',
        what || ': the telemetry block is in it');
    RETURN NEXT bag_eq('SELECT day, service, kind, namespace, events, failed FROM publisher_services',
        $q$SELECT date_trunc('day', event_time) AS day, service, kind, namespace, count(*) AS events, count(*) FILTER (WHERE NOT success) AS failed
             FROM publisher_service_events GROUP BY 1, 2, 3, 4$q$, what || ': by day');
END $$;
SELECT services_same('before any refresh');
CALL tally.backfill();
DELETE FROM publisher_service_events WHERE seconds > 70;
UPDATE publisher_service_events SET kind = 'jellyfin_refreshes', success = false WHERE seconds < 3;
SELECT services_same('after deletions and changes');
SELECT count(*) FROM tally.refresh();
SELECT services_same('after the refresh');

RESET search_path;
SELECT lives_ok(format('SELECT tally.drop_pack(%L, %L)', p.pack, p.target_schema), 'drop ' || p.pack) FROM tally.installed_packs p;
SELECT * FROM finish();
