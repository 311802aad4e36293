-- Owns: what the reference document reads: the telemetry block, trends and bottlenecks, engagement per cost, namespaces, pruning candidates. All
-- are exact at every moment: they read live views.

-- step: function publisher_sums(tally.totals)
CREATE OR REPLACE FUNCTION publisher_sums(totals tally.totals) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $f$
    -- Sums of floating point come out alike whatever their order, rounded to six places.
    SELECT coalesce((SELECT jsonb_object_agg(t.key, trim_scale(round(t.value::numeric, 6))) FROM jsonb_each_text(totals::jsonb) t), '{}')
$f$;
COMMENT ON FUNCTION publisher_sums(tally.totals) IS 'Totals by name as JSON, rounded to six places.';

-- step: function publisher_ratio(tally.totals, text, tally.totals, text)
CREATE OR REPLACE FUNCTION publisher_ratio(engagement tally.totals, kind text, cost tally.totals, of text) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $f$
    SELECT round((tally.total(engagement, kind) / nullif(tally.total(cost, of), 0))::numeric, 6)
$f$;
COMMENT ON FUNCTION publisher_ratio(tally.totals, text, tally.totals, text) IS
'Total of a kind of engagement ÷ total of a kind of cost, rounded to six places; null where either is unknown or the cost is 0.';

-- step: function publisher_block(numeric, float8, numeric, float8, tally.totals, tally.totals)
CREATE OR REPLACE FUNCTION publisher_block(turnaround_samples numeric, turnaround_seconds float8, approval_latency_samples numeric,
                                           approval_latency_seconds float8, engagement tally.totals, cost tally.totals) RETURNS json
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $f$
    SELECT json_build_object('turnaround_samples', coalesce(turnaround_samples, 0),
        'avg_turnaround_seconds', trim_scale(round((turnaround_seconds / nullif(turnaround_samples, 0)::float8)::numeric, 6)),
        'approval_latency_samples', coalesce(approval_latency_samples, 0),
        'avg_approval_latency_seconds', trim_scale(round((approval_latency_seconds / nullif(approval_latency_samples, 0)::float8)::numeric, 6)),
        'engagement_totals', publisher_sums(engagement), 'cost_totals', publisher_sums(cost))
$f$;
COMMENT ON FUNCTION publisher_block(numeric, float8, numeric, float8, tally.totals, tally.totals) IS
'The telemetry block of sums: samples and means of turnaround and approval latency (null over none), totals of engagement and cost by name.';

-- step: view publisher_telemetry
CREATE OR REPLACE VIEW publisher_telemetry AS
SELECT 'publisher' AS service, publisher_block(sum(r.turnaround_samples), sum(r.turnaround_seconds), sum(r.approval_latency_samples),
                                               sum(r.approval_latency_seconds), tally.rollup(r.engagement), tally.rollup(r.cost)) AS telemetry
  -- No limit, and PostgreSQL does not know it: it would take these sums for so dear that it compiled the query (JIT), and that takes longer than they do.
  FROM (SELECT * FROM publisher_daily_live LIMIT (SELECT NULL::bigint)) r
UNION ALL
SELECT 'publisher-discord', publisher_block(sum(r.turnaround_samples), sum(r.turnaround_seconds), sum(r.approval_latency_samples),
                                            sum(r.approval_latency_seconds), tally.rollup(r.engagement), tally.rollup(r.cost))
  FROM (SELECT * FROM publisher_discord_daily_live LIMIT (SELECT NULL::bigint)) r;
COMMENT ON VIEW publisher_telemetry IS 'The telemetry block of each service, as its /metrics endpoint shows it, over all that was published.';
COMMENT ON COLUMN publisher_telemetry.service IS 'publisher or publisher-discord.';
COMMENT ON COLUMN publisher_telemetry.telemetry IS
'The block: samples and means of turnaround and approval latency (null over none), totals of engagement and cost by name.';

-- step: function publisher_telemetry(date, date, text, text)
CREATE OR REPLACE FUNCTION publisher_telemetry(since date DEFAULT '-infinity', until date DEFAULT 'infinity', namespace text DEFAULT NULL,
                                               service text DEFAULT 'publisher') RETURNS json
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off SET timezone FROM CURRENT AS $f$
#variable_conflict use_column
BEGIN
    IF service NOT IN ('publisher', 'publisher-discord') OR service IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = pg_catalog.format('service must be publisher or publisher-discord, got %L', service),
            HINT = 'SELECT publisher_telemetry(service => ''publisher-discord'');';
    END IF;
    RETURN (SELECT publisher_block(sum(r.turnaround_samples), sum(r.turnaround_seconds), sum(r.approval_latency_samples), sum(r.approval_latency_seconds),
                                   tally.rollup(r.engagement), tally.rollup(r.cost))
              FROM (SELECT 'publisher' AS service, p.namespace, p.turnaround_samples, p.turnaround_seconds, p.approval_latency_samples,
                           p.approval_latency_seconds, p.engagement, p.cost
                      FROM publisher_daily_live p WHERE p.bucket >= since AND p.bucket < until
                    UNION ALL
                    SELECT 'publisher-discord', d.namespace, d.turnaround_samples, d.turnaround_seconds, d.approval_latency_samples,
                           d.approval_latency_seconds, d.engagement, d.cost
                      FROM publisher_discord_daily_live d WHERE d.bucket >= since AND d.bucket < until) r
             WHERE r.service = publisher_telemetry.service AND (publisher_telemetry.namespace IS NULL OR r.namespace = publisher_telemetry.namespace));
END $f$;
COMMENT ON FUNCTION publisher_telemetry(date, date, text, text) IS
'The telemetry block of a service over what was published from since up to but not until, of one namespace or of all.';

-- step: view publisher_latency_trend
CREATE OR REPLACE VIEW publisher_latency_trend AS
SELECT r.bucket AS day, r.artifacts, r.turnaround_samples, r.turnaround_seconds / nullif(r.turnaround_samples, 0)::float8 AS avg_turnaround_seconds,
       tally.percentile(r.turnaround, 0.5) AS p50_turnaround_seconds, tally.percentile(r.turnaround, 0.9) AS p90_turnaround_seconds,
       r.approval_latency_samples, r.approval_latency_seconds / nullif(r.approval_latency_samples, 0)::float8 AS avg_approval_latency_seconds,
       tally.percentile(r.approval_latency, 0.5) AS p50_approval_latency_seconds, tally.percentile(r.approval_latency, 0.9) AS p90_approval_latency_seconds
  FROM (
        SELECT y.bucket, sum(y.artifacts)::bigint AS artifacts, sum(y.turnaround_samples)::bigint AS turnaround_samples,
            sum(y.turnaround_seconds) AS turnaround_seconds, tally.rollup(y.turnaround) AS turnaround,
               sum(y.approval_latency_samples)::bigint AS approval_latency_samples, sum(y.approval_latency_seconds) AS approval_latency_seconds,
                   tally.rollup(y.approval_latency) AS approval_latency
          FROM publisher_daily_live y GROUP BY 1) r;
COMMENT ON VIEW publisher_latency_trend IS 'Turnaround and approval latency by day.';
COMMENT ON COLUMN publisher_latency_trend.day IS 'Start of the day of publication.';
COMMENT ON COLUMN publisher_latency_trend.artifacts IS 'Artifacts published.';
COMMENT ON COLUMN publisher_latency_trend.turnaround_samples IS 'Of them, those with a turnaround.';
COMMENT ON COLUMN publisher_latency_trend.avg_turnaround_seconds IS 'Mean seconds from ingest to publication.';
COMMENT ON COLUMN publisher_latency_trend.p50_turnaround_seconds IS 'Median; exact for a few hundred artifacts, within the digest''s error beyond.';
COMMENT ON COLUMN publisher_latency_trend.p90_turnaround_seconds IS '90th percentile.';
COMMENT ON COLUMN publisher_latency_trend.approval_latency_samples IS 'Of them, those with an approval latency.';
COMMENT ON COLUMN publisher_latency_trend.avg_approval_latency_seconds IS 'Mean seconds to the approval.';
COMMENT ON COLUMN publisher_latency_trend.p50_approval_latency_seconds IS 'Median.';
COMMENT ON COLUMN publisher_latency_trend.p90_approval_latency_seconds IS '90th percentile.';

-- step: view publisher_namespace_latency_trend
CREATE OR REPLACE VIEW publisher_namespace_latency_trend AS
SELECT r.bucket AS day, nullif(r.namespace, '(none)') AS namespace, r.artifacts, r.turnaround_samples,
    r.turnaround_seconds / nullif(r.turnaround_samples, 0)::float8 AS avg_turnaround_seconds,
       tally.percentile(r.turnaround, 0.5) AS p50_turnaround_seconds, tally.percentile(r.turnaround, 0.9) AS p90_turnaround_seconds,
       r.approval_latency_samples, r.approval_latency_seconds / nullif(r.approval_latency_samples, 0)::float8 AS avg_approval_latency_seconds,
       tally.percentile(r.approval_latency, 0.5) AS p50_approval_latency_seconds, tally.percentile(r.approval_latency, 0.9) AS p90_approval_latency_seconds
  FROM publisher_daily_live r;
COMMENT ON VIEW publisher_namespace_latency_trend IS 'Turnaround and approval latency by day and creator lane.';
COMMENT ON COLUMN publisher_namespace_latency_trend.day IS 'Start of the day of publication.';
COMMENT ON COLUMN publisher_namespace_latency_trend.namespace IS 'Creator lane.';
COMMENT ON COLUMN publisher_namespace_latency_trend.artifacts IS 'Artifacts published.';
COMMENT ON COLUMN publisher_namespace_latency_trend.turnaround_samples IS 'Of them, those with a turnaround.';
COMMENT ON COLUMN publisher_namespace_latency_trend.avg_turnaround_seconds IS 'Mean seconds from ingest to publication.';
COMMENT ON COLUMN publisher_namespace_latency_trend.p50_turnaround_seconds IS 'Median; exact for a few hundred artifacts, within the digest''s error beyond.';
COMMENT ON COLUMN publisher_namespace_latency_trend.p90_turnaround_seconds IS '90th percentile.';
COMMENT ON COLUMN publisher_namespace_latency_trend.approval_latency_samples IS 'Of them, those with an approval latency.';
COMMENT ON COLUMN publisher_namespace_latency_trend.avg_approval_latency_seconds IS 'Mean seconds to the approval.';
COMMENT ON COLUMN publisher_namespace_latency_trend.p50_approval_latency_seconds IS 'Median.';
COMMENT ON COLUMN publisher_namespace_latency_trend.p90_approval_latency_seconds IS '90th percentile.';

-- step: view publisher_namespaces
CREATE OR REPLACE VIEW publisher_namespaces AS
SELECT x.namespace, x.artifacts, coalesce(x.turnaround_samples, 0)::bigint AS turnaround_samples,
       x.turnaround_seconds / nullif(x.turnaround_samples, 0)::float8 AS avg_turnaround_seconds,
       coalesce(x.approval_latency_samples, 0)::bigint AS approval_latency_samples,
       x.approval_latency_seconds / nullif(x.approval_latency_samples, 0)::float8 AS avg_approval_latency_seconds,
       publisher_sums(x.engagement) AS engagement_totals, publisher_sums(x.cost) AS cost_totals,
       publisher_ratio(x.engagement, 'views', x.cost, 'processing_minutes') AS views_per_processing_minute,
       publisher_ratio(x.engagement, 'views', x.cost, 'storage_gb') AS views_per_storage_gb,
       publisher_ratio(x.engagement, 'views', x.cost, 'egress_gb') AS views_per_egress_gb,
       publisher_ratio(x.engagement, 'ctr', x.cost, 'processing_minutes') AS ctr_per_processing_minute,
       publisher_ratio(x.engagement, 'ctr', x.cost, 'storage_gb') AS ctr_per_storage_gb,
       publisher_ratio(x.engagement, 'ctr', x.cost, 'egress_gb') AS ctr_per_egress_gb,
       publisher_ratio(x.engagement, 'likes', x.cost, 'processing_minutes') AS likes_per_processing_minute,
       publisher_ratio(x.engagement, 'likes', x.cost, 'storage_gb') AS likes_per_storage_gb,
       publisher_ratio(x.engagement, 'likes', x.cost, 'egress_gb') AS likes_per_egress_gb
  FROM (SELECT nullif(r.namespace, '(none)') AS namespace, sum(r.artifacts)::bigint AS artifacts, sum(r.turnaround_samples) AS turnaround_samples,
               sum(r.turnaround_seconds) AS turnaround_seconds, sum(r.approval_latency_samples) AS approval_latency_samples,
               sum(r.approval_latency_seconds) AS approval_latency_seconds, tally.rollup(r.engagement) AS engagement, tally.rollup(r.cost) AS cost
          FROM publisher_daily_live r GROUP BY 1) x;
COMMENT ON VIEW publisher_namespaces IS
'Namespace drill-down: what each creator lane costs and earns, over all that was published. Ratios are total engagement ÷ total cost; null where either is '
'unknown or the cost is 0.';
COMMENT ON COLUMN publisher_namespaces.namespace IS 'Creator lane.';
COMMENT ON COLUMN publisher_namespaces.artifacts IS 'Artifacts published.';
COMMENT ON COLUMN publisher_namespaces.turnaround_samples IS 'Of them, those with a turnaround.';
COMMENT ON COLUMN publisher_namespaces.avg_turnaround_seconds IS 'Mean seconds from ingest to publication.';
COMMENT ON COLUMN publisher_namespaces.approval_latency_samples IS 'Of them, those with an approval latency.';
COMMENT ON COLUMN publisher_namespaces.avg_approval_latency_seconds IS 'Mean seconds to the approval.';
COMMENT ON COLUMN publisher_namespaces.engagement_totals IS 'Sums of engagement by name.';
COMMENT ON COLUMN publisher_namespaces.cost_totals IS 'Sums of cost by name.';
COMMENT ON COLUMN publisher_namespaces.views_per_processing_minute IS 'Total views ÷ total processing_minutes.';
COMMENT ON COLUMN publisher_namespaces.views_per_storage_gb IS 'Total views ÷ total storage_gb.';
COMMENT ON COLUMN publisher_namespaces.views_per_egress_gb IS 'Total views ÷ total egress_gb.';
COMMENT ON COLUMN publisher_namespaces.ctr_per_processing_minute IS 'Total ctr ÷ total processing_minutes.';
COMMENT ON COLUMN publisher_namespaces.ctr_per_storage_gb IS 'Total ctr ÷ total storage_gb.';
COMMENT ON COLUMN publisher_namespaces.ctr_per_egress_gb IS 'Total ctr ÷ total egress_gb.';
COMMENT ON COLUMN publisher_namespaces.likes_per_processing_minute IS 'Total likes ÷ total processing_minutes.';
COMMENT ON COLUMN publisher_namespaces.likes_per_storage_gb IS 'Total likes ÷ total storage_gb.';
COMMENT ON COLUMN publisher_namespaces.likes_per_egress_gb IS 'Total likes ÷ total egress_gb.';

-- step: function publisher_namespaces(date, date)
CREATE OR REPLACE FUNCTION publisher_namespaces(since date DEFAULT '-infinity', until date DEFAULT 'infinity') RETURNS SETOF publisher_namespaces
LANGUAGE sql STABLE SET search_path FROM CURRENT SET jit = off SET timezone FROM CURRENT AS $f$
    SELECT x.namespace, x.artifacts, coalesce(x.turnaround_samples, 0)::bigint AS turnaround_samples,
           x.turnaround_seconds / nullif(x.turnaround_samples, 0)::float8 AS avg_turnaround_seconds,
           coalesce(x.approval_latency_samples, 0)::bigint AS approval_latency_samples,
           x.approval_latency_seconds / nullif(x.approval_latency_samples, 0)::float8 AS avg_approval_latency_seconds,
           publisher_sums(x.engagement) AS engagement_totals, publisher_sums(x.cost) AS cost_totals,
           publisher_ratio(x.engagement, 'views', x.cost, 'processing_minutes') AS views_per_processing_minute,
           publisher_ratio(x.engagement, 'views', x.cost, 'storage_gb') AS views_per_storage_gb,
           publisher_ratio(x.engagement, 'views', x.cost, 'egress_gb') AS views_per_egress_gb,
           publisher_ratio(x.engagement, 'ctr', x.cost, 'processing_minutes') AS ctr_per_processing_minute,
           publisher_ratio(x.engagement, 'ctr', x.cost, 'storage_gb') AS ctr_per_storage_gb,
           publisher_ratio(x.engagement, 'ctr', x.cost, 'egress_gb') AS ctr_per_egress_gb,
           publisher_ratio(x.engagement, 'likes', x.cost, 'processing_minutes') AS likes_per_processing_minute,
           publisher_ratio(x.engagement, 'likes', x.cost, 'storage_gb') AS likes_per_storage_gb,
           publisher_ratio(x.engagement, 'likes', x.cost, 'egress_gb') AS likes_per_egress_gb
      FROM (SELECT nullif(r.namespace, '(none)') AS namespace, sum(r.artifacts)::bigint AS artifacts, sum(r.turnaround_samples) AS turnaround_samples,
                   sum(r.turnaround_seconds) AS turnaround_seconds, sum(r.approval_latency_samples) AS approval_latency_samples,
                   sum(r.approval_latency_seconds) AS approval_latency_seconds, tally.rollup(r.engagement) AS engagement, tally.rollup(r.cost) AS cost
              FROM publisher_daily_live r WHERE r.bucket >= since AND r.bucket < until GROUP BY 1) x
$f$;
COMMENT ON FUNCTION publisher_namespaces(date, date) IS 'The view publisher_namespaces over what was published from since up to but not until.';

-- step: view publisher_engagement_ratios
CREATE OR REPLACE VIEW publisher_engagement_ratios AS
SELECT n.namespace, e.key AS engagement, c.key AS cost, e.value::float8 AS engagement_total, c.value::float8 AS cost_total,
    round((e.value::float8 / nullif(c.value::float8, 0))::numeric, 6) AS ratio
  FROM publisher_namespaces n CROSS JOIN LATERAL jsonb_each_text(n.engagement_totals) e CROSS JOIN LATERAL jsonb_each_text(n.cost_totals) c
 -- This always holds. Of an equality PostgreSQL expects few rows, of an object a hundred: on paper two of them made so many that it compiled the query (JIT).
 WHERE e.key || '' = e.key AND c.key || '' = c.key;
COMMENT ON VIEW publisher_engagement_ratios IS 'Every kind of engagement by every kind of cost, whatever their names, per creator lane.';
COMMENT ON COLUMN publisher_engagement_ratios.namespace IS 'Creator lane.';
COMMENT ON COLUMN publisher_engagement_ratios.engagement IS 'Name of the engagement.';
COMMENT ON COLUMN publisher_engagement_ratios.cost IS 'Name of the cost.';
COMMENT ON COLUMN publisher_engagement_ratios.engagement_total IS 'Sum of the engagement.';
COMMENT ON COLUMN publisher_engagement_ratios.cost_total IS 'Sum of the cost.';
COMMENT ON COLUMN publisher_engagement_ratios.ratio IS 'Their quotient; null where the cost is 0.';
