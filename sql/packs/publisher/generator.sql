-- Owns: tally.generate_publisher(): artifacts and their notifications, for demos, tests and benchmarks. Every value is arithmetic on one
-- 64-bit hash of (row, seed), so the same arguments give the same rows on any machine.
--
-- Half of the rows are artifacts, half notifications. Lanes are few that publish much and many that publish little; views are log-normal
-- and cost goes with the lane; of 64 notifications one fails, one names the artifact by slug only, and one is of no artifact at all.

CREATE OR REPLACE FUNCTION tally.generate_publisher(
    events        bigint DEFAULT 1000000,
    seed          int DEFAULT 1,
    until         timestamptz DEFAULT date_trunc('hour', now()),
    span          interval DEFAULT '180 days',
    target_schema text DEFAULT 'public'
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    fresh text[];
    item  record;
BEGIN
    IF events < 0 OR span <= interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('generate_publisher needs events of at least 0 and a span longer than nothing, got %s and %L', events, span::text),
            HINT = 'SELECT tally.generate_publisher(events => 1000000, span => ''180 days'');';
    END IF;
    fresh := tally_internal._make_sources('publisher', target_schema);
    FOR item IN SELECT * FROM (VALUES
        ('publisher_metrics_rollup', (events + 1) / 2, '', 'uri', 'slug', ''),
        ('publisher_discord_metrics', events / 2, ', channel, webhook_success', $q$CASE h >> 50 & 63 WHEN 1 THEN 'discord:' || slug
         WHEN 2 THEN 'draft:' || slug ELSE uri END$q$, $q$CASE h >> 50 & 63 WHEN 2 THEN 'draft-' ELSE '' END || slug$q$,
         $q$, CASE WHEN h & 7 = 0 THEN NULL ELSE ('{releases,news,music}'::text[])[1 + (h >> 9 & 1) + (h >> 10 & 1)] END, CASE h >> 50 & 63
             WHEN 0 THEN false WHEN 3 THEN CASE WHEN h & 1 = 1 THEN NULL ELSE false END ELSE true END$q$)) s(relation, n, columns, uri, slug, more)
    LOOP
        FOR chunk IN 1 .. item.n BY 500000 LOOP
            EXECUTE format($q$
                INSERT INTO %I.%I (artifact_uri, namespace, slug, published_at, turnaround_seconds, approval_latency_seconds, engagement, cost%s)
                SELECT %s, namespace, %s, at, approval + 600 + 3000 * tally_internal._unit(h, 20), CASE WHEN h >> 46 & 15 > 0 THEN approval END,
                       CASE WHEN h >> 45 & 31 = 0 THEN NULL ELSE jsonb_build_object('views', views, 'ctr', round((tally_internal._unit(h, 36) * 8)::numeric, 2),
                               'likes', floor(views * tally_internal._unit(h, 28) * 0.1)) END,
                       jsonb_build_object('processing_minutes', round((minutes * (0.5 + tally_internal._unit(h, 32)))::numeric, 1), 'storage_gb',
                                          round((tally_internal._unit(h, 24) * 4)::numeric, 3), 'egress_gb', round((views * 0.002)::numeric, 3)) %s
                  FROM (SELECT *, 'lane-' || lane AS namespace, 5 + 3 * (lane %% 7) AS minutes,
                        floor(exp(3 + (lane %% 3) + 1.4 * sqrt(-2 * ln(1 - tally_internal._unit(h, 40))) * cos(2 * pi() * tally_internal._unit(h,
                                8)))) AS views,
                               -- Reviewers are slower towards the end of the span.
                               300 * (1 + share * share) * exp(0.8 * sqrt(-2 * ln(1 - tally_internal._unit(h, 24))) * cos(2 * pi() * tally_internal._unit(h,
                                       44))) AS approval
                          FROM (SELECT i, h, share, $2 - $3 + $3 * share AS at, 1 + floor(power(tally_internal._unit(h, 0), 2) * 20)::int AS lane,
                                format('s%%s-%%s', $4, i) AS slug, format('jellyfin://library/%%s/%%s', $4, i) AS uri
                                  FROM (SELECT i, hashint8extended(i, $4) & 9223372036854775807 AS h, (i - 1) / greatest($1, 1)::float8 AS share
                                        FROM generate_series($5, $6) i) x) y) z$q$,
                target_schema, item.relation, item.columns, item.uri, item.slug, item.more) USING item.n, until, span, seed, chunk,
                    least(chunk + 499999, item.n);
        END LOOP;
    END LOOP;
    -- What else the services do: one artifact in eight is fetched from elsewhere, and for one in sixteen Jellyfin is refreshed by hand; one in 50 fails.
    EXECUTE format($q$
        INSERT INTO %1$I.publisher_service_events (event_time, service, kind, namespace, artifact_uri, success, seconds)
        SELECT m.published_at - interval '1 minute' * k.minutes, 'publisher', k.kind, m.namespace, m.artifact_uri, tally_internal._unit(m.h, k.bit) > 0.02,
               round((k.minutes * 20 * (0.2 + tally_internal._unit(m.h, 40 - k.bit)))::numeric, 1)
          FROM (SELECT *, hashtextextended(artifact_uri, $1) & 9223372036854775807 AS h FROM %1$I.publisher_metrics_rollup
                 WHERE artifact_uri LIKE format('jellyfin://library/%%s/%%%%', $1)) m
         CROSS JOIN LATERAL (VALUES ('artifact_downloads', 5, 4, m.h & 7 = 0), ('jellyfin_refreshes', 1, 8, m.h & 15 = 1)) k(kind, minutes, bit, done)
         WHERE k.done AND m.published_at >= $2 - $3 AND m.published_at < $2$q$, target_schema) USING seed, until, span;
    PERFORM tally_internal._index_source('publisher', relation, target_schema) FROM unnest(fresh) relation;
    EXECUTE format('ANALYZE %I.publisher_metrics_rollup', target_schema);
    EXECUTE format('ANALYZE %I.publisher_discord_metrics', target_schema);
    EXECUTE format('ANALYZE %I.publisher_service_events', target_schema);
    RETURN events;
END $$;
COMMENT ON FUNCTION tally.generate_publisher(bigint, int, timestamptz, interval, text) IS
'Writes exactly so many rows of the pack publisher (artifacts and notifications), spread over the span before until, and the downloads and refreshes that go '
    'with them, into the tables of target_schema (made if missing). Deterministic: the same arguments, the same rows; another seed for more.';
