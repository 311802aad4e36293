-- Owns: the pack publisher against independent plain SQL over its two tables: empty, generated, on the edges, after random edits and
-- upserts, live and after the refresh, in a zone with DST; its upsert functions; readers with SELECT alone; installing and dropping.
SELECT no_plan();
SET client_min_messages = warning;
SET jit = off;
SET timezone = 'America/New_York';
SET tally.as_of = '2025-03-12 12:00-04';

SELECT tally.install_pack('publisher');
SELECT is((SELECT target_schema::text FROM tally.packs WHERE name = 'publisher'), 'public', 'the pack is listed');

-- Numbers of the top level and below, by the name or the path joined by dots.
CREATE FUNCTION leaves(value jsonb, path text DEFAULT '') RETURNS TABLE (key text, n float8) LANGUAGE plpgsql AS $$
DECLARE
    e record;
BEGIN
    IF value::text ~ '[0-9]{250}' THEN RETURN; END IF;
    FOR e IN SELECT * FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE '{}' END) LOOP
        IF jsonb_typeof(e.value) = 'number' THEN key := path || e.key; n := e.value; RETURN NEXT;
        ELSIF jsonb_typeof(e.value) = 'object' THEN RETURN QUERY SELECT * FROM leaves(e.value, path || e.key || '.'); END IF;
    END LOOP;
END $$;
CREATE FUNCTION expected_block(relation text, a timestamptz, b timestamptz, lane text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    r jsonb;
BEGIN
    EXECUTE format($q$WITH m AS MATERIALIZED (SELECT * FROM %I WHERE published_at >= $1 AND published_at < $2 AND isfinite(published_at)
        AND ($3 IS NULL OR coalesce(namespace, '(none)') = $3))
        SELECT jsonb_build_object('turnaround_samples', (SELECT count(*) FROM m WHERE turnaround_seconds IS NOT NULL), 'avg_turnaround_seconds',
            (SELECT round(avg(turnaround_seconds)::numeric, 4) FROM m),
            'approval_latency_samples', (SELECT count(*) FROM m WHERE approval_latency_seconds IS NOT NULL), 'avg_approval_latency_seconds',
                (SELECT round(avg(approval_latency_seconds)::numeric, 4) FROM m),
            'engagement_totals', coalesce((SELECT jsonb_object_agg(key, n) FROM (SELECT key, round(sum(n)::numeric, 4) AS n FROM m,
                leaves(engagement) GROUP BY 1) x), '{}'),
            'cost_totals', coalesce((SELECT jsonb_object_agg(key, n) FROM (SELECT key, round(sum(n)::numeric, 4) AS n FROM m, leaves(cost) GROUP BY 1) x),
                '{}'))$q$, relation) INTO r USING a, b, lane;
    RETURN r;
END $$;
CREATE FUNCTION rounded(block jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(key, CASE jsonb_typeof(value) WHEN 'number' THEN to_jsonb(round(value::numeric, 4)) WHEN 'object'
        THEN coalesce((SELECT jsonb_object_agg(k, round(v::numeric, 4)) FROM jsonb_each_text(value) j(k, v)), '{}') ELSE value END) FROM jsonb_each(block)
$$;
CREATE VIEW expected_trend AS
SELECT date_trunc('day', published_at) AS day, namespace, grouping(namespace) = 1 AS all_lanes, count(*) AS artifacts, count(turnaround_seconds) AS tn,
    round(avg(turnaround_seconds)::numeric, 4) AS t,
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY turnaround_seconds))::numeric, 4) AS t50,
           round((percentile_cont(0.9) WITHIN GROUP (ORDER BY turnaround_seconds))::numeric, 4) AS t90, count(approval_latency_seconds) AS an,
       round(avg(approval_latency_seconds)::numeric, 4) AS a, round((percentile_cont(0.5) WITHIN GROUP (ORDER BY approval_latency_seconds))::numeric, 4) AS a50,
           round((percentile_cont(0.9) WITHIN GROUP (ORDER BY approval_latency_seconds))::numeric, 4) AS a90
  FROM publisher_metrics_rollup WHERE isfinite(published_at) GROUP BY GROUPING SETS ((1), (1, 2));
CREATE FUNCTION expected_lanes(a timestamptz, b timestamptz) RETURNS TABLE (namespace text, artifacts bigint, ratios text) LANGUAGE sql AS $$
    SELECT m.namespace, count(*), (SELECT string_agg(format('%s/%s=%s', e, c, round((
                (SELECT sum(l.n) FROM publisher_metrics_rollup x, leaves(x.engagement) l WHERE x.namespace IS NOT DISTINCT FROM m.namespace
                    AND x.published_at >= a AND x.published_at < b AND l.key = e)
              / nullif((SELECT sum(l.n) FROM publisher_metrics_rollup x, leaves(x.cost) l WHERE x.namespace IS NOT DISTINCT FROM m.namespace
                  AND x.published_at >= a AND x.published_at < b AND l.key = c), 0))::numeric, 6)), ' ' ORDER BY e, c)
        FROM unnest('{views,ctr,likes}'::text[]) e, unnest('{processing_minutes,storage_gb,egress_gb}'::text[]) c)
      FROM publisher_metrics_rollup m WHERE published_at >= a AND published_at < b AND isfinite(published_at) GROUP BY 1
$$;
CREATE FUNCTION lanes(source text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT namespace, artifacts, (SELECT string_agg(format(''%%s/%%s=%%s'', e, c, round((to_jsonb(n) ->> (e || ''_per_'' || regexp_replace(c, '
        '''s$'', '''')))::numeric, 6)), '' '' ORDER BY e, c)
        FROM unnest(''{views,ctr,likes}''::text[]) e, unnest(''{processing_minutes,storage_gb,egress_gb}''::text[]) c) FROM %s n', source)
$$;
CREATE FUNCTION expected_deliveries(a timestamptz, b timestamptz) RETURNS TABLE (artifact_uri text, channel text, outcome text, joined_by text) LANGUAGE sql
    AS $$
    SELECT m.artifact_uri, d.channel, CASE d.webhook_success WHEN true THEN 'delivered' WHEN false THEN 'failed' ELSE 'unknown' END, 'artifact_uri'
      FROM publisher_metrics_rollup m, publisher_discord_metrics d WHERE d.artifact_uri = m.artifact_uri AND m.published_at >= a AND m.published_at < b
    UNION ALL SELECT m.artifact_uri, d.channel, CASE d.webhook_success WHEN true THEN 'delivered' WHEN false THEN 'failed' ELSE 'unknown' END, 'slug'
      FROM publisher_metrics_rollup m, publisher_discord_metrics d WHERE d.slug = m.slug
          AND m.artifact_uri NOT IN (SELECT x.artifact_uri FROM publisher_discord_metrics x) AND m.published_at >= a AND m.published_at < b
    UNION ALL SELECT m.artifact_uri, NULL, 'not notified', NULL
      FROM publisher_metrics_rollup m
     WHERE NOT EXISTS (SELECT FROM publisher_discord_metrics x WHERE x.artifact_uri = m.artifact_uri OR x.slug = m.slug) AND m.published_at >= a
         AND m.published_at < b
$$;
CREATE FUNCTION expected_pruning() RETURNS TABLE (artifact_uri text, place bigint) LANGUAGE sql AS $$
    WITH f AS (SELECT m.*, (SELECT n FROM leaves(engagement) WHERE key = 'views') AS v, (SELECT n FROM leaves(cost) WHERE key = 'processing_minutes') AS c
        FROM publisher_metrics_rollup m WHERE isfinite(published_at)),
         lane AS (SELECT namespace, sum(v) / count(*) AS v, sum(c) / count(*) AS c FROM f GROUP BY 1),
         worst AS (SELECT * FROM f WHERE published_at <= timestamptz '2025-03-12 12:00-04' - interval '7 days' AND c / (1 + abs(v)) IS NOT NULL
             ORDER BY c / (1 + abs(v)) DESC FETCH FIRST 500 ROWS WITH TIES)
    SELECT w.artifact_uri, row_number() OVER (ORDER BY w.c / (1 + abs(w.v)) DESC, w.artifact_uri) FROM worst w JOIN lane l ON l.namespace
        IS NOT DISTINCT FROM w.namespace WHERE w.v < l.v AND w.c > l.c LIMIT 100
$$;
CREATE FUNCTION same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    RETURN NEXT is(rounded(telemetry::jsonb), expected_block('publisher_metrics_rollup', '-infinity', 'infinity', NULL), what || ': telemetry')
        FROM publisher_telemetry WHERE service = 'publisher';
    RETURN NEXT is(rounded(telemetry::jsonb), expected_block('publisher_discord_metrics', '-infinity', 'infinity', NULL), what || ': telemetry of Discord')
        FROM publisher_telemetry WHERE service = 'publisher-discord';
    FOR r IN SELECT * FROM (VALUES (date '2025-03-09', date '2025-03-10', NULL), ('2025-03-01', '2025-03-20', 'lane-2'), ('2025-02-10', '2025-03-02', '(none)'),
        ('2025-03-01', '2025-03-01', NULL)) v(a, b, lane) LOOP
        RETURN NEXT is(rounded(publisher_telemetry(r.a, r.b, r.lane)::jsonb), expected_block('publisher_metrics_rollup', r.a, r.b, r.lane),
            format('%s: telemetry from %s to %s of %s', what, r.a, r.b, r.lane));
        RETURN NEXT is(rounded(publisher_telemetry(r.a, r.b, r.lane, 'publisher-discord')::jsonb),
            expected_block('publisher_discord_metrics', r.a, r.b, r.lane), format('%s: telemetry of Discord from %s to %s of %s', what, r.a, r.b, r.lane));
    END LOOP;
    RETURN NEXT bag_eq('SELECT day, artifacts, turnaround_samples, round(avg_turnaround_seconds::numeric, 4) AS t, round(p50_turnaround_seconds::numeric, '
        '4) AS t50, round(p90_turnaround_seconds::numeric, 4) AS t90, approval_latency_samples, round(avg_approval_latency_seconds::numeric, 4) AS a, '
        'round(p50_approval_latency_seconds::numeric, 4) AS a50, round(p90_approval_latency_seconds::numeric, 4) AS a90 FROM publisher_latency_trend',
            'SELECT day, artifacts, tn, t, t50, t90, an, a, a50, a90 FROM expected_trend WHERE all_lanes', what || ': trend');
    RETURN NEXT bag_eq('SELECT day, namespace, artifacts, turnaround_samples, round(avg_turnaround_seconds::numeric, 4) AS t, '
        'round(p50_turnaround_seconds::numeric, 4) AS t50, round(p90_turnaround_seconds::numeric, 4) AS t90, approval_latency_samples, '
        'round(avg_approval_latency_seconds::numeric, 4) AS a '
        'FROM publisher_namespace_latency_trend', 'SELECT day, namespace, artifacts, tn, t, t50, t90, an, a FROM expected_trend WHERE NOT all_lanes',
            what || ': trend by namespace');
    RETURN NEXT bag_eq(lanes('publisher_namespaces'), 'SELECT * FROM expected_lanes(''-infinity'', ''infinity'')', what || ': namespaces');
    RETURN NEXT bag_eq(lanes('publisher_namespaces(''2025-03-01'', ''2025-03-10'')'), 'SELECT * FROM expected_lanes(''2025-03-01'', ''2025-03-10'')',
        what || ': namespaces of a range');
    RETURN NEXT bag_eq('SELECT day, channel, notifications, delivered, failed, failure_rate FROM publisher_channels',
        'SELECT date_trunc(''day'', published_at), channel, count(*) AS n, sum(CASE WHEN webhook_success THEN 1 ELSE 0 END) AS d, '
            'sum(CASE WHEN NOT webhook_success THEN 1 ELSE 0 END) AS f, round(avg(CASE webhook_success WHEN true THEN 0 WHEN false THEN 1 END), 4)
           FROM publisher_discord_metrics WHERE isfinite(published_at) GROUP BY 1, 2', what || ': channels');
    RETURN NEXT bag_eq('SELECT published_at, namespace, channel, artifact_uri, slug, unknown FROM publisher_failed_webhooks',
        'SELECT published_at, namespace, channel, artifact_uri, slug, (webhook_success IS NULL)::int::bigint FROM publisher_discord_metrics WHERE '
            'isfinite(published_at) AND NOT coalesce(webhook_success, false)', what || ': failed webhooks');
    RETURN NEXT bag_eq('SELECT day, namespace, published, notified, delivered, failed, difference FROM publisher_channel_health',
        'SELECT day, namespace, sum(p)::bigint AS p, sum(n)::bigint AS n, sum(d)::bigint AS d, sum(f)::bigint AS f, '
            '(sum(p) - sum(n))::bigint AS x FROM (SELECT date_trunc(''day'', published_at) AS day, namespace, 1 AS p, 0 AS n, 0 AS d, '
            '0 AS f FROM publisher_metrics_rollup WHERE isfinite(published_at)
            UNION ALL SELECT date_trunc(''day'', published_at), namespace, 0, count(DISTINCT artifact_uri), count(*) FILTER (WHERE webhook_success), '
                'count(*) FILTER (WHERE NOT webhook_success) FROM publisher_discord_metrics WHERE isfinite(published_at) GROUP BY 1, 2) x GROUP BY 1, 2',
                what || ': channel health');
    RETURN NEXT bag_eq('SELECT artifact_uri, channel, outcome, joined_by FROM publisher_deliveries(''2025-02-20'', ''2025-03-12'')',
        'SELECT * FROM expected_deliveries(''2025-02-20'', ''2025-03-12'')', what || ': deliveries');
    RETURN NEXT bag_eq('SELECT artifact_uri, channel, outcome, joined_by FROM publisher_delivery_problems',
        'SELECT * FROM expected_deliveries(''2025-03-11 12:00-04'', ''2025-03-12 12:00:00.000001-04'') WHERE outcome <> ''delivered''',
        what || ': delivery problems');
    RETURN NEXT results_eq('SELECT artifact_uri FROM publisher_pruning_candidates', 'SELECT artifact_uri FROM expected_pruning() ORDER BY place',
        what || ': pruning candidates');
END $$;

SELECT same('nothing published');
INSERT INTO publisher_metrics_rollup (artifact_uri, published_at, engagement, cost) VALUES ('a', '2025-03-09 02:30-05', '{"views": 0}',
    '{"processing_minutes": 0}');
SELECT same('one artifact without a lane, in the hour that the clock skips, costing nothing');
SELECT tally.generate_publisher(1600, seed => 3, until => '2025-03-12 12:00-04', span => '40 days');
CALL tally.backfill();
SELECT same('generated');

INSERT INTO publisher_metrics_rollup (artifact_uri, namespace, slug, published_at, turnaround_seconds, approval_latency_seconds, engagement, cost) VALUES
    ('e1', 'edge', NULL, '2025-03-09 00:00-05', 0, NULL, '{}', '{}'),
        ('e2', 'edge', 's', '2025-03-08 23:59:59.999999-05', 10, 10, '{"views": "many", "likes": -3, "deep": {"a": 1, "b": [1, 2]}}',
        '{"processing_minutes": 0, "egress_gb": 1e-9}'),
    ('e3', 'edge', 's', '2025-03-10 00:00-04', NULL, 5, 'null', '[]'),
        ('e4', '(none)', 's4', '2025-03-10 00:00-04', 10, 10, '{"views": 5}', '{"processing_minutes": 5}'), ('e5', '', '', '2010-01-01', 1, 1, NULL, NULL),
    ('huge', repeat('lane', 70), repeat('slug', 70), '2025-03-09', 1, 1, '{"views": 1e400, "likes": 5}', '{"processing_minutes": 1e270}'),
        ('e6', NULL, 's6', '2025-03-01', 3, 3, '{"views": 1}', '{"processing_minutes": 900}'),
        ('e7', 'edge', 's7', 'infinity', 3, 3, '{"views": 1}', '{"processing_minutes": 9000}');
DELETE FROM publisher_metrics_rollup WHERE artifact_uri IN ('e4', 'e7');
INSERT INTO publisher_discord_metrics (artifact_uri, namespace, slug, channel, published_at, webhook_success, turnaround_seconds) VALUES
    ('e1', 'edge', NULL, NULL, '2025-03-09 00:00-05', false, 5), ('x1', 'edge', 's', 'c', '2025-03-09 00:00-05', NULL, 6),
        ('x2', 'other', 's', 'd', '2025-03-09 03:00-04', true, NULL), ('x3', NULL, NULL, NULL, '2025-03-09 03:00-04', NULL, 1);
SELECT same('edges');
SELECT count(*) FROM tally.refresh();
SELECT same('edges, refreshed');

SELECT setseed(0.7);
DO $$
BEGIN
    FOR i IN 1 .. 4 LOOP
        UPDATE publisher_metrics_rollup SET published_at = published_at + (random() - 0.5) * interval '10 days',
            namespace = CASE WHEN random() < 0.3 THEN 'lane-2' ELSE namespace END WHERE random() < 0.05;
        UPDATE publisher_metrics_rollup SET engagement = jsonb_set(CASE jsonb_typeof(engagement) WHEN 'object' THEN engagement ELSE '{}' END, '{views}',
            to_jsonb((random() * 300)::int)), turnaround_seconds = CASE WHEN random() < 0.5 THEN turnaround_seconds * 2 END WHERE random() < 0.2;
        DELETE FROM publisher_metrics_rollup WHERE random() < 0.03;
        UPDATE publisher_discord_metrics SET webhook_success = (ARRAY[true, false, NULL])[1 + (random() * 2)::int], channel = 'moved',
            slug = CASE WHEN random() < 0.1 THEN 's3-7' ELSE slug END WHERE random() < 0.1;
        DELETE FROM publisher_discord_metrics WHERE random() < 0.05;
        PERFORM publisher_upsert_metrics(jsonb_build_object('artifact_uri', 'jellyfin://library/3/' || 1 + (random() * 900)::int, 'engagement',
            '{"views": 7, "ctr": 1.25}'::jsonb, 'published_at', '2025-03-04 10:00-05')) FROM generate_series(1, 20);
    END LOOP;
END $$;
SELECT same('edits and upserts');
SELECT count(*) FROM tally.refresh();
SELECT same('edits and upserts, refreshed');
SELECT is(round(tally.metric_value('publisher_views_per_processing_minute', '2025-02-20', '2025-03-12')::numeric, 6),
    (SELECT round((sum((SELECT n FROM leaves(engagement) WHERE key = 'views')) / sum((SELECT n FROM leaves(cost) WHERE key = 'processing_minutes')))::numeric,
    6)
    FROM publisher_metrics_rollup WHERE published_at >= '2025-02-20' AND published_at < '2025-03-12'), 'metric: views per processing minute');
SELECT is(round(tally.metric_value('publisher_webhook_failure_rate', '2025-02-20', '2025-03-12')::numeric, 6),
    (SELECT round(avg((NOT webhook_success)::int), 6) FROM publisher_discord_metrics WHERE published_at >= '2025-02-20' AND published_at < '2025-03-12'),
    'metric: webhooks that failed');

-- Bottlenecks, on numbers that fit on paper: approval doubles in one lane, the rest in another, nothing in the third.
TRUNCATE publisher_metrics_rollup, publisher_discord_metrics;
INSERT INTO publisher_metrics_rollup (artifact_uri, namespace, published_at, turnaround_seconds, approval_latency_seconds)
SELECT lane || d, lane, timestamptz '2025-03-12 00:00-04' - d * interval '1 day' + interval '2 hours', t, a
  FROM generate_series(1, 14) d, LATERAL (VALUES ('reviews', 100 + CASE WHEN d <= 7 THEN 100 ELSE 50 END, CASE WHEN d <= 7 THEN 100 ELSE 50 END),
      ('ingest', CASE WHEN d <= 7 THEN 250 ELSE 150 END, 50), ('calm', 150, 50)) v(lane, t, a);
INSERT INTO publisher_metrics_rollup (artifact_uri, namespace, published_at, turnaround_seconds, approval_latency_seconds)
    VALUES ('today', 'calm', '2025-03-12 11:00-04', 99999, 99999), ('long ago', 'calm', '2025-02-01', 99999, 99999);
SELECT results_eq('SELECT namespace, avg_turnaround_seconds, before_avg_turnaround_seconds, avg_approval_latency_seconds, before_avg_approval_latency_seconds, '
    'points_to FROM publisher_bottlenecks ORDER BY 1',
    $$VALUES ('calm', 150::float8, 150::float8, 50::float8, 50::float8, NULL), ('ingest', 250, 150, 50, 50, 'automation'),
        ('reviews', 200, 150, 100, 50, 'reviewers')$$, 'bottlenecks');
-- The block of the document, its keys in its order.
TRUNCATE publisher_metrics_rollup;
INSERT INTO publisher_metrics_rollup (artifact_uri, turnaround_seconds, approval_latency_seconds, engagement, cost) VALUES ('1', 5000.25, 900,
    '{"views": 1000, "ctr": 10.5}', '{"storage_gb": 6.0, "processing_minutes": 40}'),
    ('2', 5800.25, 901, '{"views": 800, "ctr": 2}', '{"storage_gb": 0.2, "processing_minutes": 4.0}');
SELECT is((SELECT array_agg(k ORDER BY o) FROM publisher_telemetry, json_object_keys(telemetry) WITH ORDINALITY j(k, o) WHERE service = 'publisher'),
    '{turnaround_samples,avg_turnaround_seconds,approval_latency_samples,avg_approval_latency_seconds,engagement_totals,cost_totals}',
        'the telemetry block has the documented keys');
SELECT is((SELECT telemetry::jsonb FROM publisher_telemetry WHERE service = 'publisher'),
    '{"turnaround_samples": 2, "avg_turnaround_seconds": 5400.25, "approval_latency_samples": 2, "avg_approval_latency_seconds": 900.5,
    "engagement_totals": {"views": 1800, "ctr": 12.5}, "cost_totals": {"storage_gb": 6.2, "processing_minutes": 44.0}}', 'and these values');

-- Upserts.
SELECT is(publisher_upsert_discord('{"artifact_uri": "1", "channel": "a", "webhook_success": true}'), 'inserted', 'a new row');
SELECT is(publisher_upsert_discord('{"artifact_uri": "1", "webhook_success": false}'), 'updated', 'the same again');
SELECT is((SELECT (channel, webhook_success)::text FROM publisher_discord_metrics), '(a,f)', 'what is not named stays');
SELECT is(publisher_upsert_discord('{"artifact_uri": "1"}'), 'unchanged', 'nothing but the key changes nothing');
\ir ../message_of.psql
UPDATE publisher_settings SET value = 'artifact_uri, channel' WHERE name = 'discord_metrics_conflict';
SELECT is((SELECT (state, hint)::text FROM message_of($$SELECT publisher_upsert_discord('{"artifact_uri": "1", "channel": "b"}')$$)),
    '(42P10,"CREATE UNIQUE INDEX ON public.publisher_discord_metrics (artifact_uri, channel);")',
    'another conflict key needs an index; the hint is the statement');
CREATE UNIQUE INDEX ON publisher_discord_metrics (artifact_uri, channel);
DROP INDEX publisher_discord_metrics_artifact_uri;
SELECT is(publisher_upsert_discord('{"artifact_uri": "1", "channel": "b", "webhook_success": true}'), 'inserted', 'then there is a row per channel');
SELECT is(publisher_upsert_discord('{"artifact_uri": "1", "channel": "b", "webhook_success": false}'), 'updated', 'each updated by itself');
SELECT is((SELECT string_agg(state, ' ')
    FROM unnest('{"{\"artifact_uri\": \"1\"}","{\"artifact_uri\": \"1\", \"channel\": \"a\", \"no_such\": 1}","[]","null"}'::text[]) j,
    message_of(format('SELECT publisher_upsert_discord(%L)', j))), '42703 42703 22023 22023', 'bad rows are errors');

SELECT results_eq($$SELECT tally.number(v) FROM (VALUES ('5.5'::jsonb), ('"5"'), ('null'), ('[5]'), ('1e400'), ('-1e-400'), (NULL)) j(v)$$,
    'VALUES (5.5::float8), (NULL), (NULL), (NULL), (NULL), (0), (NULL)', 'number() never fails');

-- Readers, and the end.
CREATE ROLE publisher_reader ROLE CURRENT_USER;
SELECT count(*) FROM (SELECT format('GRANT SELECT ON %s TO publisher_reader', to_regclass(name)) AS q FROM tally.pack_steps WHERE pack = 'publisher'
    AND kind = 'view') g, LATERAL message_of(g.q) m;
SELECT array_agg(name) AS views FROM tally.pack_steps WHERE pack = 'publisher' AND kind = 'view' \gset
SET ROLE publisher_reader;
SELECT is_empty(format('SELECT * FROM message_of(%L) m WHERE m.state IS NOT NULL', 'SELECT * FROM ' || v), 'a reader draws ' || v)
    FROM unnest(:'views'::text[]) v;
RESET ROLE;
DROP OWNED BY publisher_reader;
DROP ROLE publisher_reader;
SELECT is((SELECT string_agg(format('%s.%s', c.relname, a.attname), ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    AND NOT a.attisdropped
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname LIKE 'publisher%'
                AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)), NULL,
                'every relation of the pack and every column of it has a comment');
SELECT lives_ok($$SELECT tally.install_pack('publisher')$$, 'installed again');
SELECT is((SELECT value FROM publisher_settings WHERE name = 'discord_metrics_conflict'), 'artifact_uri, channel', 'settings stay as they are');
SELECT lives_ok($$SELECT tally.drop_pack('publisher')$$, 'dropped');
SELECT bag_eq($$SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND relname LIKE 'publisher%'$$,
    $$VALUES ('publisher_service_events'), ('publisher_metrics_rollup'), ('publisher_discord_metrics')$$, 'the source tables are left');
SELECT is((SELECT count(*) FROM publisher_metrics_rollup), 2::bigint, 'with their rows');
SELECT * FROM finish();
