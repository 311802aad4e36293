-- Owns: the alerts of the pack operator_dashboard: probes, the five that the reference document requires, and the SLOs. Each names who
-- answers, how soon, and by which runbook. The numbers are this pack's own choice, since the document leaves them open.

-- step: probe oldest queued transcode
SELECT tally.create_probe('oldest queued transcode', $q$
    SELECT coalesce(j.environment, '(none)') AS environment, extract(epoch FROM :as_of - min(j.queued_at)) / 60 AS value, count(*) AS samples
      FROM transcode_jobs j WHERE j.status = 'queued' GROUP BY 1$q$,
    unit => 'min', description => 'How long the oldest queued job has waited.', direction => 'down_is_good');

-- step: probe worker heartbeat age
SELECT tally.create_probe('worker heartbeat age', $q$
    SELECT b.environment, b.worker, extract(epoch FROM :as_of - max(b.last_beat)) AS value
      FROM operator_beats_5m_live b WHERE b.bucket >= :as_of - interval '24 hours' GROUP BY b.environment, b.worker$q$,
    unit => 's', description => 'Seconds since the last sign of life of each worker seen within 24 hours.', direction => 'down_is_good');

-- step: probe uploads late to go live
SELECT tally.create_probe('uploads late to go live', $q$
    SELECT u.environment, 1 - sum(u.live_in_time) / nullif(sum(u.accepted), 0) AS value, sum(u.accepted) AS samples
      FROM operator_uploads_5m_live u WHERE u.bucket >= :as_of - interval '24 hours' AND u.bucket <= :as_of - interval '35 minutes' GROUP BY u.environment$q$,
    unit => 'ratio', description => 'Share of accepted uploads of the last 24 hours that were not live 30 minutes later.', direction => 'down_is_good',
        every => '5 minutes');

-- step: threshold operator queue age
SELECT tally.create_threshold('operator queue age', metric => 'oldest queued transcode', condition => '> 15', "for" => '5 minutes',
    severity => 'critical', owner => 'ingest on-call', runbook => 'SELECT operator_runbook(''queue-age'');', response_target => '15 minutes',
    suggested_actions => '["add workers", "look for a job that fails and is queued again", "stop accepting uploads when the queue still grows"]',
    no_data => 'ok', area => 'transcode', impact => '{{labels.environment}}: a job has waited {{value}} minutes',
        description => 'Queue age threshold breached: releases go live late.');

-- step: threshold operator queue failure rate
SELECT tally.create_threshold('operator queue failure rate', metric => 'transcode_failure_rate', condition => '> 0.10', over => '30 minutes',
                              "for" => '5 minutes', per => '{environment}',
    severity => 'critical', owner => 'ingest on-call', runbook => 'SELECT operator_runbook(''queue-failure-rate'');', response_target => '30 minutes',
    suggested_actions => '["read operator_failure_causes", "roll back the transcoder image", "queue the failed jobs again once it is mended"]',
    min_samples => 20, no_data => 'ok', area => 'transcode', impact => '{{labels.environment}}: {{value}} of transcodes fail',
        description => 'Queue failure rate threshold breached.');

-- step: threshold operator worker heartbeat
SELECT tally.create_threshold('operator worker heartbeat', metric => 'worker heartbeat age', condition => '> 120',
    severity => 'critical', owner => 'platform on-call', runbook => 'SELECT operator_runbook(''worker-heartbeat'');', response_target => '10 minutes',
    suggested_actions => '["restart the worker", "see whether its host is reachable", "drain the worker when it does not come back"]',
    -- Workers that nobody has heard of for a day are gone, not silent; but when all of them are, that is no good news.
    no_data => 'breach', area => 'workers', impact => '{{labels.environment}}: no heartbeat of {{labels.worker}} for {{value}} s',
        description => 'Missing worker heartbeat for more than 2 minutes.');

-- step: threshold operator playback failure rate
SELECT tally.create_threshold('operator playback failure rate', metric => 'play_failure_rate', condition => '> 0.05', over => '15 minutes',
                              per => '{environment}',
    severity => 'critical', owner => 'streaming on-call', runbook => 'SELECT operator_runbook(''playback-failure-rate'');',
        response_target => '15 minutes',
    suggested_actions => '["read operator_stream_errors and operator_playback_ios", "fail over to the second CDN", "roll back the player"]',
    min_samples => 50, no_data => 'ok', area => 'playback', impact => '{{labels.environment}}: {{value}} of plays fail',
        description => 'Playback failure rate threshold breached.');

-- step: threshold operator api error spike
SELECT tally.create_threshold('operator api error spike', metric => 'api_error_rate', condition => '> 3 x baseline of 7 days', over => '10 minutes',
                              per => '{environment}',
    severity => 'warning', owner => 'platform on-call', runbook => 'SELECT operator_runbook(''api-errors'');', response_target => '30 minutes',
    suggested_actions => '["read operator_api for the endpoint", "roll back the latest deployment", "look for a client that repeats a bad request"]',
    min_samples => 100, no_data => 'ok', area => 'api', impact => '{{labels.environment}}: {{value}} of requests end in 4xx or 5xx',
        description => '4xx/5xx spike on the API gateway and functions: three times the share of the seven days before.');

-- step: threshold operator api 5xx
SELECT tally.create_threshold('operator api 5xx', metric => 'api_5xx_rate', condition => '> 0.05', over => '10 minutes', per => '{environment}',
    severity => 'critical', owner => 'platform on-call', runbook => 'SELECT operator_runbook(''api-errors'');', response_target => '15 minutes',
    suggested_actions => '["roll back the latest deployment", "look at the database''s connections"]',
    min_samples => 100, no_data => 'ok', area => 'api', impact => '{{labels.environment}}: {{value}} of requests end in 5xx',
        description => 'Requests fail whatever they usually do.');

-- step: threshold operator slo upload to live
-- The same numbers as in operator_slo. A ratio of events has an error budget over 30 days, so that a bad hour and a bad month both count.
SELECT tally.create_threshold('operator slo upload to live', metric => 'uploads late to go live', condition => '> 0.05', severity => 'warning',
                              owner => 'ingest on-call',
    runbook => 'SELECT operator_runbook(''upload-to-live'');', response_target => '1 day', min_samples => 20, no_data => 'ok', area => 'ingest',
        every => '5 minutes',
    impact => '{{labels.environment}}: {{value}} of uploads were not live within 30 minutes',
        description => 'SLO: 95 % of uploads are live within 30 minutes, over 24 hours.');

-- step: threshold operator slo transcode success
SELECT tally.create_threshold('operator slo transcode success', metric => 'transcode_failure_rate', condition => 'burn rate 98% over 30 days min 10 bad',
                              per => '{environment}', severity => 'warning',
    owner => 'ingest on-call', runbook => 'SELECT operator_runbook(''queue-failure-rate'');', response_target => '4 hours', no_data => 'ok',
        area => 'transcode',
    impact => '{{labels.environment}}: the error budget of transcoding burns too fast', description => 'SLO: at least 98 % of transcodes succeed.');

-- step: threshold operator slo playback failures
SELECT tally.create_threshold('operator slo playback failures', metric => 'play_failure_rate', condition => 'burn rate 98% over 30 days min 10 bad',
                              per => '{environment}', severity => 'warning',
    owner => 'streaming on-call', runbook => 'SELECT operator_runbook(''playback-failure-rate'');', response_target => '4 hours', no_data => 'ok',
        area => 'playback',
    impact => '{{labels.environment}}: the error budget of playback burns too fast', description => 'SLO: at most 2 % of attempts to play fail.');

-- step: function operator_incident_rows(bigint, regclass)
-- Incidents and thresholds are shown by row level security to those who have the rights of their owner. Whoever may read these two views
-- sees this pack's, and nothing else: that is what granting SELECT on them says.
CREATE OR REPLACE FUNCTION operator_incident_rows(who bigint DEFAULT tally_internal._me(), home regclass DEFAULT 'operator_playback_5m'::regclass)
RETURNS SETOF tally.incidents
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
    -- The default of home is read when the function is made, so it knows the schema of this copy of the pack.
    -- Redeemed once; the function has the rights of the pack's owner.
    WITH me AS MATERIALIZED (SELECT tally_internal._redeem(who) AS caller),
         here AS MATERIALIZED (SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                                WHERE c.oid = home)
    SELECT i.* FROM here JOIN tally.incidents i
        ON i.threshold IN (SELECT s.name FROM tally.pack_steps s WHERE s.pack = 'operator_dashboard' AND s.kind = 'threshold')
      LEFT JOIN tally.thresholds t ON t.id = i.threshold_id
     WHERE coalesce(t.schema, here.nspname) = here.nspname
       AND EXISTS (SELECT FROM tally.installed_packs p WHERE p.pack = 'operator_dashboard' AND p.target_schema = here.nspname AND i.owner = p.owner
                      AND has_table_privilege((SELECT me.caller::oid FROM me), format('%I.operator_incident_feed', here.nspname), 'SELECT'))
     ORDER BY i.opened_at DESC, i.id DESC LIMIT 20
$f$;
COMMENT ON FUNCTION operator_incident_rows(bigint, regclass) IS
'The last 20 incidents of the pack''s thresholds, for those who may read operator_incident_feed; nothing for others.';

-- step: view operator_incident_feed
CREATE OR REPLACE VIEW operator_incident_feed AS
SELECT i.opened_at AS at, i.area, i.severity, i.impact, coalesce(i.link, i.runbook) AS link,
       CASE WHEN i.status IN ('new', 'acknowledged') AND i.recovered_at IS NOT NULL THEN 'recovered' ELSE i.status END AS status,
       i.labels ->> 'environment' AS environment, i.responsible AS owner, i.respond_by, i.root_cause, i.mitigation, i.prevention, i.id AS incident
  FROM operator_incident_rows() i;
COMMENT ON VIEW operator_incident_feed IS
'Panel 5, incident feed: the last 20 incidents, newest first. They are handled with tally.acknowledge(incident) and tally.resolve(incident, root_cause, '
'mitigation, prevention), which wants all three notes.';
COMMENT ON COLUMN operator_incident_feed.at IS 'When it fired.';
COMMENT ON COLUMN operator_incident_feed.area IS 'Service area.';
COMMENT ON COLUMN operator_incident_feed.severity IS 'info, warning or critical.';
COMMENT ON COLUMN operator_incident_feed.impact IS 'One line on what is wrong.';
COMMENT ON COLUMN operator_incident_feed.link IS 'Ticket, else runbook.';
COMMENT ON COLUMN operator_incident_feed.status IS 'new, acknowledged, recovered (over, but not closed), resolved or reviewed.';
COMMENT ON COLUMN operator_incident_feed.environment IS 'Environment, where the alert is of one.';
COMMENT ON COLUMN operator_incident_feed.owner IS 'Who answers.';
COMMENT ON COLUMN operator_incident_feed.respond_by IS 'When it escalates unless acknowledged.';
COMMENT ON COLUMN operator_incident_feed.root_cause IS 'Closing note: why it happened.';
COMMENT ON COLUMN operator_incident_feed.mitigation IS 'Closing note: what was done.';
COMMENT ON COLUMN operator_incident_feed.prevention IS 'Closing note: what will keep it from coming back.';
COMMENT ON COLUMN operator_incident_feed.incident IS 'Number of the incident, as tally.acknowledge() takes it.';

-- step: function operator_threshold_rows(bigint, regclass)
CREATE OR REPLACE FUNCTION operator_threshold_rows(who bigint DEFAULT tally_internal._me(), home regclass DEFAULT 'operator_playback_5m'::regclass)
RETURNS SETOF tally.thresholds
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
    -- The default of home is read when the function is made, so it knows the schema of this copy of the pack.
    -- Redeemed once; the function has the rights of the pack's owner.
    WITH me AS MATERIALIZED (SELECT tally_internal._redeem(who) AS caller),
         here AS MATERIALIZED (SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                                WHERE c.oid = home)
    SELECT t.* FROM here JOIN tally.thresholds t ON t.schema = here.nspname
     WHERE t.name IN (SELECT s.name FROM tally.pack_steps s WHERE s.pack = 'operator_dashboard' AND s.kind = 'threshold')
       AND EXISTS (SELECT FROM tally.installed_packs p WHERE p.pack = 'operator_dashboard' AND p.target_schema = here.nspname AND t.owner = p.owner
                      AND has_table_privilege((SELECT me.caller::oid FROM me), format('%I.operator_alerts', here.nspname), 'SELECT'))
$f$;
COMMENT ON FUNCTION operator_threshold_rows(bigint, regclass) IS 'The pack''s thresholds, for those who may read operator_alerts; nothing for others.';

-- step: view operator_alerts
CREATE OR REPLACE VIEW operator_alerts AS
SELECT t.name AS alert, t.description, t.condition, t.over, t.for_ AS lasting, t.severity, t.responsible AS owner, t.response_target, t.runbook, t.enabled
  FROM operator_threshold_rows() t;
COMMENT ON VIEW operator_alerts IS 'Every alert with who answers, how soon, and by which runbook. Change one with tally.create_threshold().';
COMMENT ON COLUMN operator_alerts.alert IS 'Name of the threshold.';
COMMENT ON COLUMN operator_alerts.description IS 'What it guards.';
COMMENT ON COLUMN operator_alerts.condition IS 'When it breaches.';
COMMENT ON COLUMN operator_alerts.over IS 'Length of the tested window.';
COMMENT ON COLUMN operator_alerts.lasting IS 'How long a breach must last before it fires.';
COMMENT ON COLUMN operator_alerts.severity IS 'info, warning or critical.';
COMMENT ON COLUMN operator_alerts.owner IS 'Role that answers.';
COMMENT ON COLUMN operator_alerts.response_target IS 'How soon it must be acknowledged.';
COMMENT ON COLUMN operator_alerts.runbook IS 'What to do first.';
COMMENT ON COLUMN operator_alerts.enabled IS 'Whether it is evaluated.';
