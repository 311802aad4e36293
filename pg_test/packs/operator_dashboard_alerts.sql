-- Owns: the alerts of the pack operator_dashboard, what it installs and drops, its generator, and what a reader needs.
SELECT no_plan();
SET client_min_messages = warning;

-- Installation ---------------------------------------------------------------------------------------------------------------------
CREATE SCHEMA ops;
CREATE TABLE ops.uploads (uploaded_at timestamptz NOT NULL, environment varchar(10), artist text, release text, status varchar NOT NULL, live_at timestamptz);
SELECT throws_ok($$SELECT tally.install_pack('operator_dashboard', 'ops')$$, '42703',
    'pack ''operator_dashboard'' cannot use the table ops.uploads as it is: rejection_reason text is missing',
                 'a table that lacks a column is named with it');
SELECT is((SELECT count(*) FROM pg_class WHERE relnamespace = 'ops'::regnamespace AND relkind IN ('r', 'v')), 1::bigint, 'and nothing is made');
ALTER TABLE ops.uploads ADD COLUMN rejection_reason text;
SELECT lives_ok($$SELECT tally.install_pack('operator_dashboard', 'ops')$$, 'with it, the table is used as it is');
CREATE TEMP TABLE made AS SELECT oid, relname FROM pg_class WHERE relnamespace = 'ops'::regnamespace;
SELECT lives_ok($$SELECT tally.install_pack('operator_dashboard', 'ops')$$, 'installing again is no error');
SELECT bag_eq($$SELECT oid, relname FROM pg_class WHERE relnamespace = 'ops'::regnamespace$$, 'SELECT oid, relname FROM made', 'and makes nothing anew');
SELECT is((SELECT string_agg(format('%s.%s', c.relname, a.attname), ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
            WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname <> 'uploads'
                AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)),
          NULL, 'every relation of the pack and every column of it has a comment');
SELECT is((SELECT (target_schema, thresholds)::text FROM tally.packs WHERE name = 'operator_dashboard'), '(ops,9)', 'packs lists it');

-- Every alert says who answers, how soon, by what ----------------------------------------------------------------------------------
SELECT is_empty('SELECT alert FROM ops.operator_alerts WHERE owner IS NULL OR response_target IS NULL OR runbook !~ ''^SELECT operator_runbook''',
    'every alert has an owner, a response target and a runbook');
SELECT is((SELECT count(*) FROM ops.operator_alerts), 9::bigint, 'the five that the document requires, the plain 5xx limit, and three SLOs');

-- Incidents ------------------------------------------------------------------------------------------------------------------------
-- Ten quiet days, in which 1 % of everything fails, up to 12:00.
INSERT INTO ops.api_requests (requested_at, environment, endpoint, status)
SELECT '2025-06-10 12:00+00'::timestamptz - i * interval '1 min', 'prod', '/v1/play',
    CASE WHEN i % 100 = 0 THEN 404 ELSE 200 END FROM generate_series(1, 14400) i, generate_series(1, 12);
INSERT INTO ops.playback_attempts (attempted_at, environment, platform, browser, ok)
SELECT '2025-06-10 12:00+00'::timestamptz - i * interval '1 min', 'prod', 'iOS', 'Safari', i % 100 > 0 FROM generate_series(1, 2000) i, generate_series(1, 5);
INSERT INTO ops.transcode_jobs (environment, status, attempt, worker, queued_at, claimed_at, started_at, finished_at)
SELECT 'prod', 'completed', 1, 'w1', t, t, t,
    t + interval '1 min' FROM (SELECT '2025-06-10 12:00+00'::timestamptz - i * interval '1 min' FROM generate_series(1, 600) i) x(t);
INSERT INTO ops.worker_heartbeats (beat_at, environment, worker, process_started_at)
SELECT '2025-06-10 12:00+00'::timestamptz - i * interval '15 s', 'prod', w, '2025-06-01 00:00+00' FROM generate_series(0, 400) i, unnest('{w1,w2}'::text[]) w;
INSERT INTO ops.uploads (uploaded_at, environment, status, live_at)
SELECT t, 'prod', 'accepted', t + interval '10 min'
    FROM (SELECT '2025-06-10 12:00+00'::timestamptz - i * interval '10 min' FROM generate_series(1, 144) i) x(t);
SELECT tally.refresh();
SELECT tally.evaluate(as_of => '2025-06-10 12:00+00');
SELECT is((SELECT count(*) FROM tally.incidents), 0::bigint, 'a quiet day has no incident');

-- 12:00 to 12:30: everything breaks at once, but for worker w1.
INSERT INTO ops.api_requests (requested_at, environment, endpoint, status)
SELECT '2025-06-10 12:30+00'::timestamptz - i * interval '1 min', 'prod', '/v1/play', CASE WHEN n % 20 = 0 THEN 429 ELSE 200 END FROM generate_series(1, 30) i,
    generate_series(1, 40) n;
INSERT INTO ops.api_requests (requested_at, environment, endpoint, status)
SELECT '2025-06-10 12:30+00'::timestamptz - i * interval '1 min', 'staging', 'fn/publish',
    CASE WHEN n % 10 = 0 THEN 502 ELSE 200 END FROM generate_series(1, 30) i, generate_series(1, 40) n;
INSERT INTO ops.playback_attempts (attempted_at, environment, platform, browser, ok, error_code)
SELECT '2025-06-10 12:30+00'::timestamptz - i * interval '1 min', 'prod', 'iOS', 'Safari', n > 1, 'STALLED' FROM generate_series(1, 30) i,
    generate_series(1, 10) n;
INSERT INTO ops.transcode_jobs (environment, status, attempt, worker, queued_at, claimed_at, started_at, finished_at, error)
SELECT 'prod', CASE WHEN i % 4 = 0 THEN 'failed' ELSE 'completed' END, 1, 'w1', t, t, t, t + interval '30 s',
    'disk full' FROM (SELECT i, '2025-06-10 12:30+00'::timestamptz - i * interval '1 min' FROM generate_series(1, 30) i) x(i, t);
INSERT INTO ops.transcode_jobs (environment, status, queued_at) VALUES ('prod', 'queued', '2025-06-10 12:11+00'), ('staging', 'queued', '2025-06-10 12:20+00');
INSERT INTO ops.worker_heartbeats (beat_at, environment, worker, process_started_at)
SELECT '2025-06-10 12:32+00'::timestamptz - i * interval '15 s', 'prod', 'w1', '2025-06-01 00:00+00' FROM generate_series(0, 120) i;
INSERT INTO ops.uploads (uploaded_at, environment, status) SELECT '2025-06-10 11:50+00', 'prod', 'accepted' FROM generate_series(1, 30);
SELECT tally.evaluate(as_of => m) FROM generate_series('2025-06-10 12:25+00'::timestamptz, '2025-06-10 12:32+00', '1 min') m;
SELECT results_eq($$SELECT area, owner, environment, severity, respond_by - at, impact FROM ops.operator_incident_feed ORDER BY 1, 2, 3, 4$$,
    $$VALUES ('api', 'platform on-call', 'prod', 'warning', interval '30 min', 'prod: 0.05 of requests end in 4xx or 5xx'),
             ('api', 'platform on-call', 'staging', 'critical', '15 min', 'staging: 0.1 of requests end in 5xx'),
             ('ingest', 'ingest on-call', 'prod', 'warning', '1 day', 'prod: 0.1754 of uploads were not live within 30 minutes'),
             ('playback', 'streaming on-call', 'prod', 'critical', '15 min', 'prod: 0.1 of plays fail'),
             ('transcode', 'ingest on-call', 'prod', 'critical', '15 min', 'prod: a job has waited 21 minutes'),
             ('transcode', 'ingest on-call', 'prod', 'critical', '30 min', 'prod: 0.2258 of transcodes fail'),
             ('workers', 'platform on-call', 'prod', 'critical', '10 min', 'prod: no heartbeat of w2 for 1500 s')$$,
    'each of the five required alerts fires for what broke, and for nothing else; a tenth of plays failing for half an hour does not burn 30 days'' budget');
SELECT is((SELECT count(*) FROM ops.operator_incident_feed WHERE link LIKE 'SELECT operator_runbook(''%'');'),
    (SELECT count(*) FROM ops.operator_incident_feed),
    'each links its runbook');
SELECT throws_ok($$SELECT tally.resolve(incident, root_cause => 'x', mitigation => 'y') FROM ops.operator_incident_feed WHERE area = 'workers'$$, NULL, NULL,
    'closing without prevention is refused');
SELECT lives_ok($$SELECT tally.resolve(incident, root_cause => 'host lost', mitigation => 'moved', prevention => 'two hosts') FROM ops.operator_incident_feed
    WHERE area = 'workers'$$, 'with all three notes it closes');
SELECT is((SELECT (status, root_cause, mitigation, prevention)::text FROM ops.operator_incident_feed WHERE area = 'workers'),
    '(resolved,"host lost",moved,"two hosts")', 'and the feed shows them');

-- The five questions, each one line.
SET search_path = ops, public;
SET tally.as_of = '2025-06-10 12:32+00';
SELECT is((SELECT failed FROM operator_transcodes WHERE range = 'today' AND environment = 'prod'), 7::bigint, 'How many transcodes failed today?');
SELECT is((SELECT oldest_queued_minutes FROM operator_queue WHERE environment = 'prod'), 21.00, 'What is the oldest queued job right now?');
SELECT is((SELECT bool_or(alive) FROM operator_workers WHERE range = '1h' AND environment = 'prod'), true, 'Is worker alive right now?');
SELECT is((SELECT failure_rate FROM operator_playback WHERE range = '24h' AND environment = 'prod'), round(100::numeric / 7325, 4),
    'What is play failure rate in the last 24h?');
SELECT is((SELECT cause FROM operator_failure_causes WHERE range = '1h' AND environment = 'prod' AND place = 1), 'STALLED',
    'What is the top active failure cause?');

-- The numbers of the SLOs stand in the view and in the thresholds.
SELECT is((SELECT min(target) FROM operator_slo WHERE slo = 'upload to live'),
    (SELECT 1 - substr(condition, 3)::numeric FROM operator_alerts WHERE alert = 'operator slo upload to live'), 'upload to live: one number');
SELECT is((SELECT min(target) FROM operator_slo WHERE slo = 'transcode success'),
    (SELECT (tally.parse_condition(condition) ->> 'objective')::numeric FROM operator_alerts WHERE alert = 'operator slo transcode success'),
    'transcode success: one number');
SELECT is((SELECT 1 - min(target) FROM operator_slo WHERE slo = 'playback failures'),
    (SELECT (tally.parse_condition(condition) ->> 'objective')::numeric FROM operator_alerts WHERE alert = 'operator slo playback failures'),
    'playback failures: one number');
SELECT is((SELECT min(target) FROM operator_slo WHERE slo = 'worker heartbeat freshness'),
    (SELECT substr(condition, 3)::numeric FROM operator_alerts WHERE alert = 'operator worker heartbeat'), 'worker heartbeat: one number');

-- A reader --------------------------------------------------------------------------------------------------------------------------
CREATE ROLE operator_reader_pb ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA ops TO operator_reader_pb;
SET ROLE operator_reader_pb;
SELECT is_empty('SELECT FROM ops.operator_incident_rows()', 'who may not read the feed sees no incident through its function either');
RESET ROLE;
SELECT format('GRANT SELECT ON ops.%I TO operator_reader_pb', s.name) FROM tally.pack_steps s WHERE s.pack = 'operator_dashboard' AND s.kind = 'view' \gexec
SET ROLE operator_reader_pb;
SELECT lives_ok(format('SELECT * FROM ops.%I', s.name), 'a reader with SELECT alone reads ' || s.name) FROM tally.pack_steps s
    WHERE s.pack = 'operator_dashboard' AND s.kind = 'view' ORDER BY s.ordinal;
SELECT is((SELECT count(*) FROM ops.operator_incident_feed), 7::bigint, 'and sees the incidents');
SELECT throws_ok('SELECT FROM ops.uploads', '42501', NULL, 'but not the source');
RESET ROLE;

-- Taking it back -------------------------------------------------------------------------------------------------------------------
SELECT lives_ok($$SELECT tally.drop_pack('operator_dashboard')$$, 'drop_pack takes it back');
SELECT bag_eq($$SELECT relname FROM pg_class WHERE relnamespace = 'ops'::regnamespace AND relkind IN ('r', 'v')$$,
    $$VALUES ('uploads'), ('transcode_jobs'), ('worker_heartbeats'), ('playback_attempts'), ('api_requests')$$, 'all but the source tables');
SELECT is((SELECT count(*) FROM tally.probes) + (SELECT count(*) FROM tally.thresholds) + (SELECT count(*) FROM tally.metrics) + (SELECT count(*)
    FROM tally.rollups), 0::bigint, 'probes, thresholds, metrics and rollups are gone');
SELECT is((SELECT count(*) FROM ops.playback_attempts), 10300::bigint, 'the rows of the source are not');
DROP OWNED BY operator_reader_pb;
DROP ROLE operator_reader_pb;

-- The generator --------------------------------------------------------------------------------------------------------------------
CREATE SCHEMA one;
CREATE SCHEMA two;
SELECT is(tally.generate_operator_dashboard(5000, seed => 3, until => '2025-03-31 00:00+00', span => '3 days', target_schema => 'one'), 5000::bigint,
    'exactly as many rows as asked');
SELECT tally.generate_operator_dashboard(5000, seed => 3, until => '2025-03-31 00:00+00', span => '3 days', target_schema => 'two');
SELECT is((SELECT count(*) FROM one.uploads) + (SELECT count(*) FROM one.transcode_jobs) + (SELECT count(*) FROM one.worker_heartbeats) + (SELECT count(*)
    FROM one.playback_attempts) + (SELECT count(*) FROM one.api_requests),
          5000::bigint, 'over the five tables');
SELECT bag_eq(format('TABLE one.%I', t.relation), format('TABLE two.%I', t.relation), 'the same arguments give the same ' || t.relation)
    FROM tally.pack_tables t WHERE t.pack = 'operator_dashboard' ORDER BY 1;
SELECT tally.generate_operator_dashboard(5000, seed => 4, until => '2025-03-31 00:00+00', span => '3 days', target_schema => 'two');
SELECT isnt_empty('TABLE two.playback_attempts EXCEPT TABLE one.playback_attempts', 'another seed gives other rows');
SELECT ok((SELECT min(attempted_at) >= '2025-03-28' AND max(attempted_at) <= '2025-03-31' AND corr(id, extract(epoch FROM attempted_at)) > 0.99
    FROM one.playback_attempts), 'in order of time, within the span');
SELECT ok((SELECT bool_and(queued_at <= claimed_at AND claimed_at <= started_at AND started_at <= finished_at AND finished_at <= '2025-03-31' AND started_at
    IS NOT NULL) FROM one.transcode_jobs WHERE status IN ('failed', 'completed')), 'jobs are queued, claimed, started and finished in this order');
SELECT is((SELECT sum(tally.generate_operator_dashboard(n, seed => 20 + n, span => '1 day', target_schema => 'two')) FROM generate_series(0, 20) n),
    210::numeric, 'any number will do, none too');
SELECT throws_ok('SELECT tally.generate_operator_dashboard(-1)', '22023', NULL, 'fewer than none is an error');
SELECT throws_ok('SELECT tally.generate_operator_dashboard(10, span => ''0'')', '22023', NULL, 'so is a span of nothing');

SELECT * FROM finish();
