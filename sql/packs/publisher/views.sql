-- Owns: what the reference document reads: the telemetry block, trends and bottlenecks, engagement per cost, namespaces, pruning candidates. All
-- are exact at every moment: they read live views. What also exists as a function for a range of dates is made of one text.

-- Sums of floating point come out alike whatever their order, rounded to six places.
WITH totals(engagement, cost) AS (
    SELECT format(t, 'engagement'), format(t, 'cost')
        FROM (VALUES ($q$coalesce((SELECT jsonb_object_agg(t.key, trim_scale(round(t.value::numeric, 6))) FROM jsonb_each_text(x.%s::jsonb) t), '{}')$q$)) v(t)
), block(latency, telemetry) AS (SELECT
    $q$coalesce(sum(r.turnaround_samples), 0)::bigint AS turnaround_samples,
        sum(r.turnaround_seconds) / nullif(sum(r.turnaround_samples), 0)::float8 AS avg_turnaround_seconds,
       coalesce(sum(r.approval_latency_samples), 0)::bigint AS approval_latency_samples,
           sum(r.approval_latency_seconds) / nullif(sum(r.approval_latency_samples), 0)::float8 AS avg_approval_latency_seconds,
       tally.rollup(r.engagement) AS engagement, tally.rollup(r.cost) AS cost$q$,
    format($q$json_build_object('turnaround_samples', x.turnaround_samples, 'avg_turnaround_seconds',
                                trim_scale(round(x.avg_turnaround_seconds::numeric, 6)), 'approval_latency_samples', x.approval_latency_samples,
       'avg_approval_latency_seconds', trim_scale(round(x.avg_approval_latency_seconds::numeric, 6)), 'engagement_totals', %s, 'cost_totals', %s)$q$,
           t.engagement, t.cost) FROM totals t
),
-- The ratios of totals: each kind of engagement by each kind of cost.
ratio(columns) AS (
    SELECT string_agg(format('round((tally.total(x.engagement, %L) / nullif(tally.total(x.cost, %L), 0))::numeric, 6) AS %I', e.key, c.key,
                             format('%s_per_%s', e.key, regexp_replace(c.key, 's$', ''))), ', ' ORDER BY e.o, c.o)
      FROM (VALUES (1, 'views'), (2, 'ctr'), (3, 'likes')) e(o, key), (VALUES (1, 'processing_minutes'), (2, 'storage_gb'), (3, 'egress_gb')) c(o, key)
), namespaces(query) AS (
    SELECT format($q$SELECT x.namespace, x.artifacts, x.turnaround_samples, x.avg_turnaround_seconds, x.approval_latency_samples,
                  x.avg_approval_latency_seconds, %s AS engagement_totals, %s AS cost_totals, %s
      FROM (SELECT nullif(r.namespace, '(none)') AS namespace, sum(r.artifacts)::bigint AS artifacts, %s
              FROM publisher_daily_live r WHERE %%s GROUP BY 1) x$q$, t.engagement, t.cost, r.columns, b.latency) FROM ratio r, block b, totals t
)
INSERT INTO tally.pack_steps (pack, ordinal, kind, name, statement)
SELECT 'publisher', 300, 'view', 'publisher_telemetry', format($sql$
CREATE OR REPLACE VIEW publisher_telemetry AS
SELECT 'publisher' AS service, %1$s AS telemetry FROM (SELECT %2$s FROM publisher_daily_live r) x
UNION ALL SELECT 'publisher-discord', %1$s FROM (SELECT %2$s FROM publisher_discord_daily_live r) x;
COMMENT ON VIEW publisher_telemetry IS 'The telemetry block of each service, as its /metrics endpoint shows it, over all that was published.';
COMMENT ON COLUMN publisher_telemetry.service IS 'publisher or publisher-discord.';
COMMENT ON COLUMN publisher_telemetry.telemetry IS
'The block: samples and means of turnaround and approval latency (null over none), totals of engagement and cost by name.'
$sql$, b.telemetry, b.latency) FROM block b
UNION ALL
SELECT 'publisher', 310, 'function', 'publisher_telemetry(date, date, text, text)', format($make$
DO $do$ BEGIN EXECUTE format($create$
CREATE OR REPLACE FUNCTION publisher_telemetry(since date DEFAULT '-infinity', until date DEFAULT 'infinity', namespace text DEFAULT NULL,
                                               service text DEFAULT 'publisher') RETURNS json
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off SET timezone = %%L AS $f$
#variable_conflict use_column
BEGIN
    CASE service
        WHEN 'publisher' THEN RETURN (SELECT %1$s FROM (SELECT %2$s FROM publisher_daily_live r
            WHERE r.bucket >= since AND r.bucket < until AND (publisher_telemetry.namespace IS NULL OR r.namespace = publisher_telemetry.namespace)) x);
        WHEN 'publisher-discord' THEN RETURN (SELECT %1$s FROM (SELECT %2$s FROM publisher_discord_daily_live r
            WHERE r.bucket >= since AND r.bucket < until AND (publisher_telemetry.namespace IS NULL OR r.namespace = publisher_telemetry.namespace)) x);
        ELSE RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = pg_catalog.format('service must be publisher or publisher-discord, got %%%%L', service),
            HINT = 'SELECT publisher_telemetry(service => ''publisher-discord'');';
    END CASE;
END $f$$create$, tally_internal._pack_zone('publisher_15m')); END $do$;
COMMENT ON FUNCTION publisher_telemetry(date, date, text, text) IS
'The telemetry block of a service over what was published from since up to but not until, of one namespace or of all.'
$make$, b.telemetry, b.latency) FROM block b
UNION ALL
SELECT 'publisher', t.ordinal, 'view', t.name, format($sql$
CREATE OR REPLACE VIEW %1$s AS
SELECT r.bucket AS day, %2$s r.artifacts, r.turnaround_samples, r.turnaround_seconds / nullif(r.turnaround_samples, 0)::float8 AS avg_turnaround_seconds,
       tally.percentile(r.turnaround, 0.5) AS p50_turnaround_seconds, tally.percentile(r.turnaround, 0.9) AS p90_turnaround_seconds,
       r.approval_latency_samples, r.approval_latency_seconds / nullif(r.approval_latency_samples, 0)::float8 AS avg_approval_latency_seconds,
       tally.percentile(r.approval_latency, 0.5) AS p50_approval_latency_seconds, tally.percentile(r.approval_latency, 0.9) AS p90_approval_latency_seconds
  FROM %3$s r;
COMMENT ON VIEW %1$s IS %4$L;
COMMENT ON COLUMN %1$s.day IS 'Start of the day of publication.';
%5$s
COMMENT ON COLUMN %1$s.artifacts IS 'Artifacts published.';
COMMENT ON COLUMN %1$s.turnaround_samples IS 'Of them, those with a turnaround.';
COMMENT ON COLUMN %1$s.avg_turnaround_seconds IS 'Mean seconds from ingest to publication.';
COMMENT ON COLUMN %1$s.p50_turnaround_seconds IS 'Median; exact for a few hundred artifacts, within the digest''s error beyond.';
COMMENT ON COLUMN %1$s.p90_turnaround_seconds IS '90th percentile.';
COMMENT ON COLUMN %1$s.approval_latency_samples IS 'Of them, those with an approval latency.';
COMMENT ON COLUMN %1$s.avg_approval_latency_seconds IS 'Mean seconds to the approval.';
COMMENT ON COLUMN %1$s.p50_approval_latency_seconds IS 'Median.';
COMMENT ON COLUMN %1$s.p90_approval_latency_seconds IS '90th percentile.'
$sql$, t.name, t.columns, t.origin, t.description, t.more)
  FROM (VALUES (320, 'publisher_latency_trend', '', $q$(
        SELECT y.bucket, sum(y.artifacts)::bigint AS artifacts, sum(y.turnaround_samples)::bigint AS turnaround_samples,
            sum(y.turnaround_seconds) AS turnaround_seconds, tally.rollup(y.turnaround) AS turnaround,
               sum(y.approval_latency_samples)::bigint AS approval_latency_samples, sum(y.approval_latency_seconds) AS approval_latency_seconds,
                   tally.rollup(y.approval_latency) AS approval_latency
          FROM publisher_daily_live y GROUP BY 1)$q$, 'Turnaround and approval latency by day.', ''),
               -- As fine as the rollup is, so there is nothing to merge.
               (321, 'publisher_namespace_latency_trend', 'nullif(r.namespace, ''(none)'') AS namespace,', 'publisher_daily_live',
                'Turnaround and approval latency by day and creator lane.',
                'COMMENT ON COLUMN publisher_namespace_latency_trend.namespace IS ''Creator lane.'';')) t(ordinal, name, columns, origin, description, more)
UNION ALL
SELECT 'publisher', 330, 'view', 'publisher_namespaces', format($sql$
CREATE OR REPLACE VIEW publisher_namespaces AS %s;
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
%s
$sql$, format(n.query, 'true'),
    (SELECT string_agg(format('COMMENT ON COLUMN publisher_namespaces.%s_per_%s IS %L', e, regexp_replace(c, 's$', ''),
                              format('Total %s ÷ total %s.', e, c)), '; ')
                                   FROM unnest('{views,ctr,likes}'::text[]) e, unnest('{processing_minutes,storage_gb,egress_gb}'::text[]) c))
  FROM namespaces n
UNION ALL
SELECT 'publisher', 335, 'function', 'publisher_namespaces(date, date)', format($make$
DO $do$ BEGIN EXECUTE format($create$
CREATE OR REPLACE FUNCTION publisher_namespaces(since date DEFAULT '-infinity', until date DEFAULT 'infinity') RETURNS SETOF publisher_namespaces
LANGUAGE sql STABLE SET search_path FROM CURRENT SET jit = off SET timezone = %%L AS $f$ %s $f$$create$, tally_internal._pack_zone('publisher_15m')); END $do$;
COMMENT ON FUNCTION publisher_namespaces(date, date) IS 'The view publisher_namespaces over what was published from since up to but not until.'
$make$, format(n.query, 'r.bucket >= since AND r.bucket < until')) FROM namespaces n
UNION ALL
SELECT 'publisher', 340, 'view', 'publisher_engagement_ratios', $sql$
CREATE OR REPLACE VIEW publisher_engagement_ratios AS
SELECT n.namespace, e.key AS engagement, c.key AS cost, e.value::float8 AS engagement_total, c.value::float8 AS cost_total,
    round((e.value::float8 / nullif(c.value::float8, 0))::numeric, 6) AS ratio
  FROM publisher_namespaces n CROSS JOIN LATERAL jsonb_each_text(n.engagement_totals) e CROSS JOIN LATERAL jsonb_each_text(n.cost_totals) c;
COMMENT ON VIEW publisher_engagement_ratios IS 'Every kind of engagement by every kind of cost, whatever their names, per creator lane.';
COMMENT ON COLUMN publisher_engagement_ratios.namespace IS 'Creator lane.';
COMMENT ON COLUMN publisher_engagement_ratios.engagement IS 'Name of the engagement.';
COMMENT ON COLUMN publisher_engagement_ratios.cost IS 'Name of the cost.';
COMMENT ON COLUMN publisher_engagement_ratios.engagement_total IS 'Sum of the engagement.';
COMMENT ON COLUMN publisher_engagement_ratios.cost_total IS 'Sum of the cost.';
COMMENT ON COLUMN publisher_engagement_ratios.ratio IS 'Their quotient; null where the cost is 0.'
$sql$;
