-- Owns: what the services of the pack publisher did beside publishing: downloads of artifacts, refreshes of Jellyfin; and the whole answer of each
-- service's /metrics.

-- step: rollup publisher_services_15m
SELECT tally.create_rollup('publisher_services_15m', source => 'publisher_service_events', time_column => 'event_time', bucket => '15 minutes',
    dimensions => '[{"service": "left(service, 100)"}, {"kind": "left(kind, 100)"}, {"namespace": "left(namespace, 300)"}]',
    measures => '{"events": "count(*)", "succeeded": "count(*) FILTER (WHERE success)", "failed": "count(*) FILTER (WHERE NOT success)",
                  "samples": "count(seconds)", "seconds": "sum(seconds)"}',
    zone => current_setting('TimeZone'), description => 'Downloads, refreshes and other work of the services.');

-- step: rollup publisher_services_daily
SELECT tally.create_rollup('publisher_services_daily', source => 'publisher_services_15m', bucket => '1 day', zone => current_setting('TimeZone'),
    description => 'Downloads, refreshes and other work of the services per day: the quarter hours, merged.');

-- step: metric publisher_service_work
SELECT tally.create_metric('publisher_service_work', 'publisher_services_15m', 'events', unit => 'times',
    description => 'Work of the services; by kind: artifact_downloads, jellyfin_refreshes.', direction => 'neutral', samples => 'events');

-- step: metric publisher_service_failure_rate
SELECT tally.create_metric('publisher_service_failure_rate', 'publisher_services_15m', 'failed::float8 / nullif(succeeded + failed, 0)', unit => 'ratio',
    description => 'Share of the services'' work that failed.', direction => 'down_is_good', samples => 'events');

-- step: metric publisher_service_seconds
SELECT tally.create_metric('publisher_service_seconds', 'publisher_services_15m', 'seconds / nullif(samples, 0)', unit => 's',
    description => 'Mean time that the services'' work takes.', direction => 'down_is_good', samples => 'samples');

-- step: view publisher_metrics
CREATE OR REPLACE VIEW publisher_metrics AS
SELECT t.service,
       coalesce((SELECT jsonb_object_agg(k.kind, jsonb_build_object('count', k.events, 'succeeded', k.succeeded, 'failed', k.failed,
                                                           'avg_seconds', trim_scale(round((k.seconds / nullif(k.samples, 0))::numeric, 6))))
          FROM (SELECT y.kind, sum(y.events)::bigint AS events, sum(y.succeeded)::bigint AS succeeded, sum(y.failed)::bigint AS failed,
                       sum(y.samples)::float8 AS samples, sum(y.seconds) AS seconds
                  FROM (SELECT d.kind, d.events, d.succeeded, d.failed, d.samples, d.seconds FROM publisher_services_daily_live d WHERE d.service = t.service
                        -- These two are there before the first of them.
                        UNION ALL SELECT unnest('{artifact_downloads,jellyfin_refreshes}'::text[]), 0, 0, 0, NULL, NULL WHERE t.service = 'publisher') y
                 GROUP BY y.kind) k), '{}')
       || CASE WHEN t.service = 'publisher-discord' THEN
            (SELECT jsonb_build_object('deliveries', jsonb_build_object('count', coalesce(sum(d.notifications), 0), 'succeeded', coalesce(sum(d.delivered), 0),
                                                                        'failed', coalesce(sum(d.failed), 0))) FROM publisher_notified_daily_live d)
          ELSE '{}' END
       || jsonb_build_object('telemetry', t.telemetry) AS metrics
  FROM publisher_telemetry t;
COMMENT ON VIEW publisher_metrics IS
'What /metrics of each service answers, over all time: a counter per kind of work with its mean time, the deliveries of Discord, and the telemetry block.';
COMMENT ON COLUMN publisher_metrics.service IS 'publisher or publisher-discord.';
COMMENT ON COLUMN publisher_metrics.metrics IS 'JSON: artifact_downloads, jellyfin_refreshes, deliveries, other counters, telemetry.';

-- step: view publisher_services
CREATE OR REPLACE VIEW publisher_services AS
SELECT r.bucket AS day, nullif(r.service, '(none)') AS service, nullif(r.kind, '(none)') AS kind, nullif(r.namespace, '(none)') AS namespace, r.events,
       r.succeeded, r.failed, r.seconds / nullif(r.samples, 0) AS avg_seconds
  FROM publisher_services_daily_live r;
COMMENT ON VIEW publisher_services IS 'Work of the services by day: downloads of artifacts, refreshes of Jellyfin, and what else they record.';
COMMENT ON COLUMN publisher_services.day IS 'Start of the day.';
COMMENT ON COLUMN publisher_services.service IS 'publisher or publisher-discord.';
COMMENT ON COLUMN publisher_services.kind IS 'artifact_downloads, jellyfin_refreshes, or another counter.';
COMMENT ON COLUMN publisher_services.namespace IS 'Creator lane.';
COMMENT ON COLUMN publisher_services.events IS 'How often.';
COMMENT ON COLUMN publisher_services.succeeded IS 'Of them, those that succeeded.';
COMMENT ON COLUMN publisher_services.failed IS 'Of them, those that failed; the others are unknown.';
COMMENT ON COLUMN publisher_services.avg_seconds IS 'Mean time that they took.';
