-- Owns: the views of the pack operator_dashboard against independent plain SQL over its source tables, live and refreshed: on generated
-- data, after edits of the past, with NULLs, ties, late rows, nothing at all, one row, and on the day the clocks change.
SELECT no_plan();
SET client_min_messages = warning;

SELECT is(tally.generate_operator_dashboard(9000, seed => 7, until => '2025-03-30 13:07+00', span => '9 days'), 9000::bigint,
    'the generator writes as many rows as asked');
SELECT tally.install_pack('operator_dashboard');
SET timezone = 'Europe/Berlin';
SET tally.as_of = '2025-03-30 13:07:30+00';

-- Plain SQL ------------------------------------------------------------------------------------------------------------------------
CREATE VIEW plain_range AS
SELECT 'today' AS range, '2025-03-30 00:00+01'::timestamptz AS since UNION ALL
SELECT r, current_setting('tally.as_of')::timestamptz - w::interval
    FROM (VALUES ('1h', '1 hour'), ('6h', '6 hours'), ('24h', '24 hours'), ('7d', '168 hours')) x(r, w);
CREATE FUNCTION cell(t timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT date_bin('5 minutes', t, '2000-01-01 00:00+00') $$;
CREATE FUNCTION present() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT current_setting('tally.as_of')::timestamptz $$;

CREATE VIEW plain_ingest AS
SELECT r.range, coalesce(u.environment, '(none)') AS environment,
       count(*) FILTER (WHERE cell(uploaded_at) >= r.since) AS uploads,
           count(*) FILTER (WHERE cell(uploaded_at) >= r.since AND status = 'rejected') AS rejected,
       round(avg((status = 'rejected')::int) FILTER (WHERE cell(uploaded_at) >= r.since), 4) AS rejection_rate
  FROM uploads u, plain_range r WHERE cell(uploaded_at) >= present() - interval '168 hours' AND cell(uploaded_at) < present() GROUP BY 1, 2;
CREATE VIEW plain_rejection_reasons AS
SELECT r.range, coalesce(u.environment, '(none)') AS environment, coalesce(rejection_reason, 'unknown') AS reason, count(*) AS rejected
  FROM uploads u, plain_range r WHERE cell(uploaded_at) >= r.since AND cell(uploaded_at) < present() AND status = 'rejected' GROUP BY 1, 2, 3;
CREATE VIEW plain_queue AS
SELECT e.environment, count(j.id) FILTER (WHERE status = 'queued') AS queued, count(j.id) FILTER (WHERE status = 'in_progress') AS in_progress,
       count(j.id) FILTER (WHERE status = 'retrying') AS retrying, min(queued_at) FILTER (WHERE status = 'queued') AS oldest_queued_at
  FROM (SELECT DISTINCT coalesce(environment, '(none)') AS environment FROM transcode_jobs
      WHERE cell(queued_at) >= present() - interval '168 hours' OR status IN ('queued', 'in_progress', 'retrying')) e
  LEFT JOIN transcode_jobs j ON coalesce(j.environment, '(none)') = e.environment AND j.status IN ('queued', 'in_progress', 'retrying') GROUP BY 1;
CREATE VIEW plain_transcodes AS
SELECT r.range, coalesce(j.environment, '(none)') AS environment,
       count(*) FILTER (WHERE cell(finished_at) >= r.since AND status = 'completed') AS completed,
           count(*) FILTER (WHERE cell(finished_at) >= r.since AND status = 'failed') AS failed,
       round(avg((status = 'failed')::int) FILTER (WHERE cell(finished_at) >= r.since), 4) AS failure_rate,
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at) / 60) FILTER (WHERE cell(finished_at) >= r.since
           AND status = 'completed'))::numeric, 3) AS p50_minutes,
       round((percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at) / 60) FILTER (WHERE cell(finished_at) >= r.since
           AND status = 'completed'))::numeric, 3) AS p95_minutes
  FROM transcode_jobs j, plain_range r
      WHERE status IN ('completed', 'failed') AND cell(finished_at) >= present() - interval '168 hours' AND cell(finished_at) < present() GROUP BY 1, 2;
CREATE VIEW plain_retries AS
SELECT r.range, coalesce(j.environment, '(none)') AS environment, n AS attempt, count(*) AS jobs_reached
  FROM transcode_jobs j, plain_range r, generate_series(1, 9) n WHERE cell(queued_at) >= r.since AND cell(queued_at) < present() AND j.attempt >= n
      GROUP BY 1, 2, 3;
CREATE VIEW plain_workers AS
SELECT r.range, w.environment, w.worker, w.last_heartbeat, round(extract(epoch FROM present() - w.last_heartbeat), 1) AS heartbeat_age_seconds,
    present() - w.last_heartbeat <= '120 s' AS alive,
       (SELECT count(DISTINCT h.process_started_at) FROM worker_heartbeats h
         WHERE coalesce(h.environment, '(none)') = w.environment AND h.worker = w.worker AND cell(h.beat_at) >= present() - interval '192 hours'
             AND cell(h.beat_at) < present()
           AND h.process_started_at >= r.since AND h.process_started_at < present()
           AND EXISTS (SELECT FROM worker_heartbeats o WHERE coalesce(o.environment, '(none)') = w.environment AND o.worker = w.worker
                          AND cell(o.beat_at) >= present() - interval '192 hours' AND cell(o.beat_at) < present()
                              AND (o.process_started_at IS NULL OR o.process_started_at < h.process_started_at))) AS restarts,
       c.claims, c.p50, c.p95
  FROM (SELECT coalesce(environment, '(none)') AS environment, worker, max(beat_at) AS last_heartbeat FROM worker_heartbeats WHERE cell(beat_at) < present()
      GROUP BY 1, 2
        HAVING max(beat_at) >= present() - interval '24 hours') w CROSS JOIN plain_range r
  CROSS JOIN LATERAL (SELECT count(*) AS claims,
      round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - claimed_at)))::numeric, 3) AS p50,
                             round((percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - claimed_at)))::numeric, 3) AS p95
                        FROM transcode_jobs j WHERE coalesce(j.environment, '(none)') = w.environment AND j.worker = w.worker AND claimed_at IS NOT NULL
                         AND cell(started_at) >= r.since AND cell(started_at) < present()) c;
CREATE VIEW plain_clients AS
SELECT r.range, coalesce(p.environment, '(none)') AS environment, coalesce(platform, '(none)') AS platform, coalesce(browser, '(none)') AS browser,
       CASE WHEN platform = 'iOS' AND browser = 'Safari' THEN 'iOS Safari' ELSE 'other' END AS client,
       count(*) FILTER (WHERE cell(attempted_at) >= r.since) AS attempts, count(*) FILTER (WHERE cell(attempted_at) >= r.since AND NOT ok) AS failures,
       round(avg((NOT ok)::int) FILTER (WHERE cell(attempted_at) >= r.since), 4) AS failure_rate
  FROM playback_attempts p, plain_range r WHERE cell(attempted_at) >= present() - interval '168 hours' AND cell(attempted_at) < present()
      GROUP BY 1, 2, 3, 4, 5;
CREATE VIEW plain_playback AS
SELECT r.range, coalesce(p.environment, '(none)') AS environment,
       count(*) FILTER (WHERE cell(attempted_at) >= r.since) AS attempts, count(*) FILTER (WHERE cell(attempted_at) >= r.since AND NOT ok) AS failures,
       round(avg((NOT ok)::int) FILTER (WHERE cell(attempted_at) >= r.since), 4) AS failure_rate
  FROM playback_attempts p, plain_range r WHERE cell(attempted_at) >= present() - interval '168 hours' AND cell(attempted_at) < present() GROUP BY 1, 2;
CREATE VIEW plain_ios AS
SELECT range, environment, client, sum(attempts)::bigint AS attempts, sum(failures)::bigint AS failures,
    round(sum(failures) / nullif(sum(attempts), 0), 4) AS failure_rate
  FROM plain_clients GROUP BY 1, 2, 3;
CREATE VIEW plain_stream_errors AS
SELECT r.range, coalesce(p.environment, '(none)') AS environment, coalesce(error_code, '(none)') AS error_code,
    coalesce(error_message, '(none)') AS error_message, count(*) AS failures
  FROM playback_attempts p, plain_range r WHERE NOT ok AND cell(attempted_at) >= r.since AND cell(attempted_at) < present() GROUP BY 1, 2, 3, 4;
CREATE VIEW plain_api AS
SELECT r.range, coalesce(a.environment, '(none)') AS environment, coalesce(endpoint, '(none)') AS endpoint,
       count(*) FILTER (WHERE cell(requested_at) >= r.since) AS requests,
           count(*) FILTER (WHERE cell(requested_at) >= r.since AND status / 100 = 4) AS errors_4xx,
       count(*) FILTER (WHERE cell(requested_at) >= r.since AND status / 100 = 5) AS errors_5xx,
       round(avg((status / 100 IN (4, 5))::int) FILTER (WHERE cell(requested_at) >= r.since), 4) AS error_rate
  FROM api_requests a, plain_range r WHERE cell(requested_at) >= present() - interval '168 hours' AND cell(requested_at) < present() GROUP BY 1, 2, 3;
CREATE VIEW plain_causes AS
SELECT range, environment, 'playback' AS service, CASE WHEN error_message = '(none)' THEN error_code ELSE error_code || ': ' || error_message END AS cause,
    failures FROM plain_stream_errors
UNION ALL SELECT r.range, coalesce(environment, '(none)'), 'transcode', coalesce(error, 'unknown'), count(*) FROM transcode_jobs j, plain_range r
 WHERE status = 'failed' AND cell(finished_at) >= r.since AND cell(finished_at) < present() GROUP BY 1, 2, 4;
CREATE VIEW plain_releases AS
SELECT range, environment, artist, release, sum(up)::bigint AS uploads, sum(rej)::bigint AS rejected, sum(done)::bigint AS transcodes_completed,
    sum(bad)::bigint AS transcodes_failed,
       sum(play)::bigint AS play_attempts, sum(fail)::bigint AS play_failures, round(sum(fail)::numeric / nullif(sum(play), 0), 4) AS play_failure_rate
  FROM (SELECT r.range, coalesce(environment, '(none)') AS environment, coalesce(artist, '(none)') AS artist, coalesce(release, '(none)') AS release, e.*
          FROM plain_range r, LATERAL (SELECT CASE WHEN r.range = '7d' THEN 'day' ELSE 'hour' END AS w) w,
               LATERAL (SELECT environment, artist, release, uploaded_at AS t, 1 AS up,
                   (status = 'rejected')::int AS rej, 0 AS done, 0 AS bad, 0 AS play, 0 AS fail FROM uploads
                        UNION ALL SELECT environment, artist, release, finished_at, 0, 0, (status = 'completed')::int, (status = 'failed')::int, 0, 0
                            FROM transcode_jobs WHERE status IN ('failed', 'completed')
                        UNION ALL SELECT environment, artist, release, attempted_at, 0, 0, 0, 0, 1, (NOT ok)::int FROM playback_attempts) e(env, art, rel, t,
                            up, rej, done, bad, play, fail),
               LATERAL (SELECT e.env AS environment, e.art AS artist, e.rel AS release) n
         WHERE date_trunc(w.w, t, 'UTC') > r.since - CASE w.w WHEN 'day' THEN interval '24 hours' ELSE interval '1 hour' END AND date_trunc(w.w, t,
             'UTC') < present()) x GROUP BY 1, 2, 3, 4;
CREATE VIEW plain_slo AS
SELECT slo, environment, round(actual, 4) AS actual, met, observations FROM (
    SELECT 'upload to live' AS slo, coalesce(environment, '(none)') AS environment,
        avg((coalesce(live_at - uploaded_at <= '30 min', false))::int) FILTER (WHERE status = 'accepted') AS actual,
           avg((coalesce(live_at - uploaded_at <= '30 min', false))::int) FILTER (WHERE status = 'accepted') >= 0.95 AS met,
               count(*) FILTER (WHERE status = 'accepted') AS observations
      FROM uploads WHERE cell(uploaded_at) >= present() - interval '24 hours' AND cell(uploaded_at) + interval '35 minutes' <= present() GROUP BY 2
    UNION ALL SELECT 'transcode success', environment, 1 - failure_rate, 1 - failure_rate >= 0.98, completed + failed FROM plain_transcodes WHERE range = '24h'
    UNION ALL SELECT 'playback failures', environment, failure_rate, failure_rate <= 0.02, attempts FROM plain_playback WHERE range = '24h'
    UNION ALL SELECT 'worker heartbeat freshness', environment, max(heartbeat_age_seconds), max(heartbeat_age_seconds) <= 120, count(*) FROM plain_workers
        WHERE range = '1h' GROUP BY 2) x;

CREATE FUNCTION same(what text, stored boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    v record;
BEGIN
    FOR v IN SELECT * FROM (VALUES
        ('operator_ingest', 'plain_ingest', '*', '*'), ('operator_rejection_reasons', 'plain_rejection_reasons', 'range, environment, reason, rejected', '*'),
        ('operator_queue', 'plain_queue', 'environment, queued, in_progress, retrying, oldest_queued_at', '*'),
        ('operator_transcodes', 'plain_transcodes', '*', '*'), ('operator_retries', 'plain_retries', '*', '*'), ('operator_workers', 'plain_workers', '*', '*'),
        ('operator_playback_clients', 'plain_clients', '*', '*'), ('operator_playback', 'plain_playback', '*', '*'),
            ('operator_playback_ios', 'plain_ios', '*', '*'),
        ('operator_stream_errors', 'plain_stream_errors', 'range, environment, error_code, error_message, failures', '*'),
            ('operator_api', 'plain_api', '*', '*'),
        ('operator_failure_causes', 'plain_causes', 'range, environment, service, cause, failures', '*'), ('operator_releases', 'plain_releases', '*', '*'),
        ('operator_slo', 'plain_slo', 'slo, environment, actual, met, observations', '*')) x(ours, theirs, a, b)
    LOOP
        CONTINUE WHEN v.ours = 'operator_releases' AND NOT stored;
        RETURN NEXT is_empty(format('(SELECT %1$s FROM %2$s EXCEPT ALL SELECT %3$s FROM %4$s) UNION ALL (SELECT %3$s FROM %4$s EXCEPT ALL SELECT %1$s FROM '
            '%2$s)', v.a, v.ours, v.b, v.theirs), what || ': ' || v.ours);
    END LOOP;
    RETURN NEXT is_empty('SELECT range, environment, status, jobs FROM operator_jobs_by_status EXCEPT ALL (SELECT t.range, t.environment, '
        's.* FROM plain_transcodes t, LATERAL (VALUES (''failed'', failed), (''completed'', completed)) s
        UNION ALL SELECT r.range, q.environment, s.* FROM plain_range r, plain_queue q, LATERAL (VALUES (''queued'', queued), (''in_progress'', in_progress), '
            '(''retrying'', retrying)) s)', what || ': operator_jobs_by_status');
    -- Places count from the most frequent, without gaps or ties.
    RETURN NEXT is_empty('SELECT range, environment FROM (SELECT range, environment, place, '
        'failures FROM operator_stream_errors UNION ALL SELECT range || '' causes'', environment, place, failures FROM operator_failure_causes
        UNION ALL SELECT range || '' reasons'', environment, place, rejected FROM operator_rejection_reasons) p
        GROUP BY 1, 2 HAVING (min(place), max(place), count(DISTINCT place)) <> (1, count(*), '
            'count(*)) OR array_agg(failures ORDER BY place) <> array_agg(failures ORDER BY failures DESC)', what || ': places');
    RETURN NEXT is_empty('SELECT range FROM operator_stream_errors GROUP BY range, environment HAVING abs(sum(share) - 1) > 0.001', what || ': shares add up');
END $$;

-- The day the clocks change has 23 hours in Berlin; today begins at its own midnight.
SELECT is((SELECT until - since FROM operator_ranges WHERE range = 'today'), interval '14:07:30',
    'today follows the reader''s time zone over the change of clocks: 14 hours on a day that is at 15:07');
SELECT same('live, before the backfill', false);
CALL tally.backfill();
SELECT same('after the backfill', true);
SELECT isnt_empty('SELECT FROM operator_retries WHERE attempt = 3', 'some jobs reached attempt 3');
SELECT isnt_empty('SELECT FROM operator_slo WHERE NOT met', 'some objective is missed');

-- NULLs, ties, late rows, a future row, a job queued again, a worker that restarts and one that comes back without saying when it started.
INSERT INTO uploads (uploaded_at, status) VALUES ('2025-03-30 12:01+00', 'rejected'), ('2025-03-30 12:01+00', 'accepted'), ('2025-04-30 12:01+00', 'accepted'),
    ('2025-03-24 01:00+00', 'rejected');
INSERT INTO playback_attempts (attempted_at, ok) VALUES ('2025-03-30 12:30+00', false), ('2025-03-30 13:07:29+00', true), ('2025-03-25 00:00+00', false);
INSERT INTO transcode_jobs (status, attempt, queued_at) VALUES ('queued', NULL, '2025-03-29 01:00+00'), ('retrying', 5, '2025-03-30 11:00+00'),
    ('in_progress', 2, '2025-03-01 11:00+00');
INSERT INTO transcode_jobs (status, attempt, queued_at, claimed_at, started_at, finished_at, worker) VALUES
    ('failed', 1, '2025-03-30 10:00+00', '2025-03-30 10:00+00', '2025-03-30 10:00+00', '2025-03-30 10:00+00', NULL),
        ('completed', 1, '2025-03-30 10:00+00', NULL, NULL, '2025-03-30 10:05+00', 'x');
INSERT INTO worker_heartbeats (beat_at, environment, worker, process_started_at) VALUES ('2025-03-30 09:00+00', NULL, 'x', NULL),
    ('2025-03-30 13:05+00', NULL, 'x', '2025-03-30 13:00+00'),
    ('2025-03-30 13:05+00', NULL, 'x', '2025-03-30 13:00+00'), ('2025-03-28 13:05+00', 'prod', 'gone', '2025-03-28 13:00+00'),
        ('2025-03-30 13:00+00', 'prod', 'silent', '2025-03-01 13:00+00');
INSERT INTO api_requests (requested_at, status) VALUES ('2025-03-30 13:00+00', 399), ('2025-03-30 13:00+00', 400), ('2025-03-30 13:00+00', 600);
SELECT same('NULLs and late rows, live', false);
SELECT tally.refresh();
SELECT same('NULLs and late rows, refreshed', true);
SELECT is((SELECT restarts FROM operator_workers WHERE range = '24h' AND worker = 'x'), 1::bigint,
    'a process after one that did not say when it started is a restart');
SELECT is((SELECT alive FROM operator_workers WHERE range = '1h' AND worker = 'silent'), false, 'a worker silent for seven minutes is not alive');

SELECT setseed(0.4);
CREATE FUNCTION edit() RETURNS void LANGUAGE sql AS $$
    UPDATE uploads SET status = CASE WHEN random() < 0.5 THEN 'rejected' ELSE 'accepted' END, uploaded_at = uploaded_at + random() * interval '2 hours'
        WHERE random() < 0.1;
    UPDATE transcode_jobs SET status = 'failed', error = NULL, finished_at = coalesce(finished_at, queued_at) + random() * interval '1 day'
        WHERE random() < 0.1;
    UPDATE transcode_jobs SET status = 'queued', finished_at = NULL, attempt = attempt + 1 WHERE random() < 0.05;
    UPDATE playback_attempts SET ok = NOT ok, platform = NULL, attempted_at = attempted_at - random() * interval '1 day' WHERE random() < 0.05;
    UPDATE api_requests SET status = 503, environment = 'staging' WHERE random() < 0.05;
    DELETE FROM worker_heartbeats WHERE random() < 0.2;
    DELETE FROM playback_attempts WHERE random() < 0.05;
    DELETE FROM transcode_jobs WHERE random() < 0.05;
$$;
SELECT edit();
SELECT same('random edits of the past, live', false);
SELECT tally.refresh();
SELECT same('random edits of the past, refreshed', true);
SELECT edit();
SELECT tally.refresh();
SELECT same('and again', true);

-- A metric and its panel are the same number.
SELECT is(round(tally.metric_value('play_failure_rate', '24 hours', "where" => '{"environment": "prod"}', as_of => present())::numeric, 4),
          (SELECT failure_rate FROM plain_playback WHERE range = '24h' AND environment = 'prod'), 'metric_value() and the panel agree');

TRUNCATE uploads, transcode_jobs, playback_attempts, api_requests, worker_heartbeats;
SELECT same('nothing, live', false);
SELECT tally.refresh();
SELECT same('nothing, refreshed', true);
SELECT is((SELECT count(*) FROM operator_ingest) + (SELECT count(*) FROM operator_slo) + (SELECT count(*) FROM operator_releases), 0::bigint,
    'no rows are left over');
INSERT INTO uploads (uploaded_at, environment, status) VALUES ('2025-03-29 10:00+00', 'prod', 'accepted');
SELECT same('one row', false);
SELECT is((SELECT (uploads, rejected, rejection_rate)::text FROM operator_ingest WHERE range = '1h'), '(0,0,)',
    'a quiet hour is a row of zeros, and a rate over nothing is null');

SELECT * FROM finish();
