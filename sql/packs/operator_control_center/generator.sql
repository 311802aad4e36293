-- Owns: tally.generate_operator_control_center(): facts and decisions, for demos, tests and benchmarks. Every value is arithmetic on one
-- 64-bit hash of (row, seed), so the same arguments give the same rows on any machine.
--
-- Of a thousand rows 8 are escalations with the decision on each, 4 are anomalies with theirs, 150 are facts of the shop, 280 other decisions
-- and the rest sessions. Shops come all the time, a fifth of them are there from the start. A conversation is reported once or
-- twice; of eight five are answered, one was answered before the breach and again after it, one only before, one never.

CREATE OR REPLACE FUNCTION tally.generate_operator_control_center(
    events        bigint DEFAULT 1000000,
    seed          int DEFAULT 1,
    until         timestamptz DEFAULT date_trunc('hour', now()),
    span          interval DEFAULT '84 days',
    target_schema text DEFAULT 'public'
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    conversations bigint := events * 4 / 1000;
    anomalies     bigint := events * 2 / 1000;
    shopify       bigint := events * 15 / 100;
    decisions     bigint := events * 28 / 100;
    sessions      bigint := events - 2 * conversations - 2 * anomalies - shopify - decisions;
    shops         int := greatest(events / 400, 4);
    fresh         text[];
    item          record;
BEGIN
    IF events < 0 OR span <= interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('generate_operator_control_center needs events of at least 0 and a span longer than nothing, got %s and %L', events, span::text),
            HINT = 'SELECT tally.generate_operator_control_center(events => 1000000, span => ''84 days'');';
    END IF;
    fresh := tally_internal._make_sources('operator_control_center', target_schema);
    FOR item IN SELECT * FROM (VALUES
        (1, 'dashboard_facts', sessions, 'created_at, shop_domain, fact_type, scope, value', $q$
            SELECT at, shop, 'dashboard.session.opened', 'ops', jsonb_build_object('requestId', to_hex(h)) FROM drawn$q$),
        (2, 'dashboard_facts', shopify, 'created_at, shop_domain, fact_type, scope, value', $q$
            SELECT at, shop, ('{shopify.sales.summary,shopify.fulfillment.issues,shopify.inventory.alerts,
                                shopify.sales.summary}'::text[])[1 + (h >> 5 & 3)], 'ops',
                   CASE h >> 5 & 3 WHEN 1 THEN jsonb_build_object('count', h >> 9 & 15) WHEN 2 THEN jsonb_build_object('count', h >> 9 & 15, 'threshold', 10)
                       ELSE jsonb_build_object('orderCount', h >> 9 & 63, 'totalRevenue',
                                round(((h >> 9 & 63) * (12 + 40 * tally_internal._unit(h, 20)))::numeric, 2), 'currency', 'EUR') END FROM drawn$q$),
        (3, 'decision_log', decisions, 'created_at, scope, actor, action, shop_domain', $q$
            SELECT at, CASE WHEN h >> 5 & 15 = 0 THEN 'ops'
                ELSE 'system' END, 'operator-' || (h >> 7 & 15),
                ('{inventory.restock.approve,pricing.change.approve,shopify.order.tag,system.sync}'::text[])[1 + (h >> 11 & 3)], shop
              FROM drawn$q$),
        (4, 'dashboard_facts', conversations, 'created_at, shop_domain, fact_type, scope, value, metadata', $q$
            SELECT at + interval '5 min', shop, 'chatwoot.escalations', 'ops', jsonb_build_object('open', 3 + (h & 15)),
                   jsonb_build_object('slaMinutes', 60, 'generatedAt', at + interval '5 min', 'breached',
                       jsonb_build_array(jsonb_build_object('conversationId', $4 * 100000000::bigint + i, 'createdAt', at - interval '1 hour', 'breachedAt',
                                                            at))
                       -- Half of the time the one before is still open, and so reported again.
                       || CASE WHEN h >> 4 & 1 = 1
                           AND i > 1 THEN jsonb_build_array(jsonb_build_object('conversationId', $4 * 100000000::bigint + i - 1, 'createdAt',
                               before - interval '1 hour', 'breachedAt', before)) ELSE '[]' END)
              FROM drawn$q$),
        (4, 'decision_log', conversations, 'created_at, scope, actor, action, shop_domain, external_ref', $q$
            SELECT CASE WHEN h >> 50 & 7 = 1 THEN at - interval '20 min'
                ELSE least($2, at + interval '1 min' * exp(3.2 + 0.9 * sqrt(-2 * ln(1 - tally_internal._unit(h,
                        20))) * cos(2 * pi() * tally_internal._unit(h, 36)))) END,
                   'ops', 'operator-' || (h >> 7 & 15), CASE WHEN h >> 50 & 7 = 0 THEN 'chatwoot.note.private'
                       ELSE ('{chatwoot.reply.approve,chatwoot.reply.edit}'::text[])[1 + (h >> 9 & 1)] END, shop,
                   -- One in eight replies comes after the answer to the conversation before, which has had one before its breach.
                   ($4 * 100000000::bigint + i - CASE WHEN h >> 50 & 7 = 2 AND i > 1 THEN 1 ELSE 0 END)::text
              FROM drawn$q$),
        (5, 'dashboard_facts', anomalies, 'created_at, shop_domain, fact_type, scope, value, metadata', $q$
            SELECT at, shop, 'ga.sessions.anomalies', 'ops',
                   jsonb_build_object('anomalies',
                                      jsonb_build_array(jsonb_build_object('landingPage', '/products/' || (h >> 12 & 31), 'wowDelta',
                           -0.2 - 0.6 * tally_internal._unit(h, 20)))
                       || CASE WHEN h >> 4 & 1 = 1 THEN jsonb_build_array(jsonb_build_object('landingPage', '/collections/' || (h >> 17 & 7), 'wowDelta',
                               -0.2 - 0.6 * tally_internal._unit(h, 36))) ELSE '[]' END),
                   jsonb_build_object('propertyId', 'properties/' || (h >> 3 & 1), 'dateRange',
                                      jsonb_build_object('start', (at - interval '7 days')::date, 'end', at::date))
              FROM drawn$q$),
        (5, 'decision_log', anomalies, 'created_at, scope, actor, action, shop_domain, payload', $q$
            SELECT least($2, at + interval '1 hour' * CASE WHEN h >> 50 & 7 < 5 THEN 20 * tally_internal._unit(h, 28)
                         ELSE 24 + 40 * tally_internal._unit(h, 28) END),
                   'seo', 'operator-' || (h >> 7 & 15), CASE WHEN h >> 50 & 7 < 6 THEN 'seo.assignment.create'
                       ELSE 'seo.dismiss' END, shop, jsonb_build_object('landingPage', '/products/' || (h >> 12 & 31))
              FROM drawn$q$)) s(salt, relation, n, columns, query)
    LOOP
        -- drawn: rows in order of time, each with its hash and a shop that is there by then. Escalations and replies, anomalies and
        -- assignments draw the same.
        EXECUTE format($q$
            WITH drawn AS NOT MATERIALIZED (
                SELECT i, h, $1 + $7 * share AS at, $1 + $7 * ((i - 2 + 0.5) / $3) AS before,
                    'shop-' || (($5 * (0.2 + 0.8 * share)) * tally_internal._unit(g, 0) ^ 1.3)::int || '.example' AS shop
                  FROM (SELECT i, hashint8extended(i, $4 * 31 + $6) & 9223372036854775807 AS h,
                        hashint8extended(i, $4 * 37 + $6) & 9223372036854775807 AS g, (i - 0.5) / $3::float8 AS share
                          FROM generate_series(1, $3) i) x)
            INSERT INTO %I.%I (%s) %s$q$, target_schema, item.relation, item.columns, item.query)
            USING until - span, until, item.n, seed, shops, item.salt, span;
    END LOOP;
    PERFORM tally_internal._index_source('operator_control_center', relation, target_schema) FROM unnest(fresh) relation;
    EXECUTE format('ANALYZE %I.decision_log', target_schema);
    EXECUTE format('ANALYZE %I.dashboard_facts', target_schema);
    RETURN events;
END $$;
COMMENT ON FUNCTION tally.generate_operator_control_center(bigint, int, timestamptz, interval, text) IS
'Writes exactly so many rows of the pack operator_control_center (facts and decisions), spread over the span before until, into the tables of target_schema '
    '(made if missing). Deterministic: the same arguments, the same rows.';
