-- Owns: every panel for one artist or release, for support. The rollups of the panels know neither, so this reads the source tables, by the indexes on
-- their times: a few milliseconds a day.

-- step: function operator_panels(text, text, text, text)
CREATE OR REPLACE FUNCTION operator_panels(artist text DEFAULT NULL, release text DEFAULT NULL, range text DEFAULT '24h', environment text DEFAULT NULL)
RETURNS json
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET jit = off AS $f$
#variable_conflict use_column
DECLARE
    lo     timestamptz;
    hi     timestamptz;
    now_   timestamptz;
    result json;
BEGIN
    -- As in the views, a range holds the five minutes that begin in it.
    SELECT date_bin('5 minutes', r.since - interval '1 microsecond', '2000-01-01Z') + interval '5 minutes',
           date_bin('5 minutes', r.until - interval '1 microsecond', '2000-01-01Z') + interval '5 minutes', r.until
      INTO lo, hi, now_ FROM operator_ranges r WHERE r.range = operator_panels.range;
    IF lo IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('range must be today, 1h, 6h, 24h or 7d, got %L', operator_panels.range),
            HINT = 'SELECT operator_panels(artist => ''…'', range => ''24h'');';
    END IF;
    WITH upload AS MATERIALIZED (
        SELECT u.status, coalesce(u.rejection_reason, 'unknown') AS reason FROM uploads u
         WHERE u.uploaded_at >= lo AND u.uploaded_at < hi AND (operator_panels.artist IS NULL OR u.artist = operator_panels.artist)
           AND (operator_panels.release IS NULL OR u.release = operator_panels.release)
           AND (operator_panels.environment IS NULL OR coalesce(u.environment, '(none)') = operator_panels.environment)
    ), job AS MATERIALIZED (
        SELECT j.* FROM transcode_jobs j
         WHERE (j.finished_at >= lo AND j.finished_at < hi OR j.queued_at >= lo AND j.queued_at < hi OR j.status IN ('queued', 'in_progress', 'retrying'))
           AND (operator_panels.artist IS NULL OR j.artist = operator_panels.artist)
           AND (operator_panels.release IS NULL OR j.release = operator_panels.release)
           AND (operator_panels.environment IS NULL OR coalesce(j.environment, '(none)') = operator_panels.environment)
    ), ended AS (
        SELECT j.status, coalesce(j.error, 'unknown') AS cause, extract(epoch FROM j.finished_at - j.started_at)::float8 / 60 AS minutes
          FROM job j WHERE j.status IN ('completed', 'failed') AND j.finished_at >= lo AND j.finished_at < hi
    ), play AS MATERIALIZED (
        -- Counted once for all panels: there are few kinds of attempts, and many of them.
        SELECT coalesce(p.platform, '(none)') AS platform, coalesce(p.browser, '(none)') AS browser, p.ok, coalesce(p.error_code, '(none)') AS code,
               coalesce(p.error_message, '(none)') AS message, count(*) AS n
          FROM playback_attempts p
         WHERE p.attempted_at >= lo AND p.attempted_at < hi AND (operator_panels.artist IS NULL OR p.artist = operator_panels.artist)
           AND (operator_panels.release IS NULL OR p.release = operator_panels.release)
           AND (operator_panels.environment IS NULL OR coalesce(p.environment, '(none)') = operator_panels.environment)
         GROUP BY 1, 2, 3, 4, 5
    ), stream AS (
        SELECT p.code, p.message, sum(p.n) AS failures FROM play p WHERE NOT p.ok GROUP BY 1, 2
    )
    SELECT json_build_object(
        'ingest', (SELECT json_build_object('uploads', count(*), 'rejected', count(*) FILTER (WHERE u.status = 'rejected'),
                       'rejection_rate', round(count(*) FILTER (WHERE u.status = 'rejected')::numeric / nullif(count(*), 0), 4)) FROM upload u),
        'rejection_reasons', (SELECT coalesce(json_agg(json_build_object('reason', x.reason, 'rejected', x.n, 'share', round(x.n / x.all_, 4))
                                                       ORDER BY x.n DESC, x.reason), '[]')
                                FROM (SELECT u.reason, count(*) AS n, sum(count(*)) OVER () AS all_ FROM upload u WHERE u.status = 'rejected' GROUP BY 1) x),
        'queue', (SELECT json_build_object('queued', count(*) FILTER (WHERE j.status = 'queued'),
                      'in_progress', count(*) FILTER (WHERE j.status = 'in_progress'),
                      'retrying', count(*) FILTER (WHERE j.status = 'retrying'),
                      'oldest_queued_minutes', round(extract(epoch FROM now_ - min(j.queued_at) FILTER (WHERE j.status = 'queued')) / 60, 2)) FROM job j),
        'transcodes', (SELECT json_build_object('completed', count(*) FILTER (WHERE e.status = 'completed'),
                           'failed', count(*) FILTER (WHERE e.status = 'failed'),
                           'failure_rate', round(count(*) FILTER (WHERE e.status = 'failed')::numeric / nullif(count(*), 0), 4),
                           'p50_minutes', round((percentile_cont(0.5) WITHIN GROUP (ORDER BY e.minutes) FILTER (WHERE e.status = 'completed'))::numeric, 3),
                           'p95_minutes', round((percentile_cont(0.95) WITHIN GROUP (ORDER BY e.minutes) FILTER (WHERE e.status = 'completed'))::numeric, 3))
                         FROM ended e),
        'retries', (SELECT coalesce(json_agg(json_build_object('attempt', x.attempt, 'jobs_reached', x.n) ORDER BY x.attempt), '[]')
                      FROM (SELECT n.attempt, count(*) AS n FROM job j CROSS JOIN LATERAL generate_series(1, least(j.attempt, 100)) n(attempt)
                             WHERE j.queued_at >= lo AND j.queued_at < hi GROUP BY 1) x),
        -- A worker has no artist; these are the ones that had its jobs.
        'workers', (SELECT coalesce(json_agg(to_json(w) ORDER BY w.environment, w.worker), '[]') FROM (
                        SELECT w.environment, w.worker, w.last_heartbeat, w.heartbeat_age_seconds, w.alive, w.restarts FROM operator_workers w
                         WHERE w.range = operator_panels.range AND (operator_panels.environment IS NULL OR w.environment = operator_panels.environment)
                           AND (num_nonnulls(operator_panels.artist, operator_panels.release) = 0 OR EXISTS (SELECT FROM job j WHERE j.worker = w.worker))) w),
        'playback', (SELECT json_build_object('attempts', coalesce(sum(p.n), 0), 'failures', coalesce(sum(p.n) FILTER (WHERE NOT p.ok), 0),
                         'failure_rate', round(coalesce(sum(p.n) FILTER (WHERE NOT p.ok), 0) / nullif(sum(p.n), 0), 4)) FROM play p),
        'playback_clients', (SELECT coalesce(json_agg(json_build_object('platform', x.platform, 'browser', x.browser, 'attempts', x.n, 'failures', x.bad,
                                 'failure_rate', round(x.bad::numeric / nullif(x.n, 0), 4)) ORDER BY x.bad DESC, x.n DESC, x.platform, x.browser), '[]')
                               FROM (SELECT p.platform, p.browser, sum(p.n) AS n, coalesce(sum(p.n) FILTER (WHERE NOT p.ok), 0) AS bad
                                       FROM play p GROUP BY 1, 2) x),
        'stream_errors', (SELECT coalesce(json_agg(json_build_object('error_code', s.code, 'error_message', s.message, 'failures', s.failures)
                                                   ORDER BY s.failures DESC, s.code, s.message), '[]') FROM stream s),
        'failure_causes', (SELECT coalesce(json_agg(json_build_object('service', x.service, 'cause', x.cause, 'failures', x.n)
                                                    ORDER BY x.n DESC, x.service, x.cause), '[]')
                             FROM (SELECT 'playback' AS service, concat_ws(': ', s.code, nullif(s.message, '(none)')) AS cause, s.failures AS n FROM stream s
                                   UNION ALL SELECT 'transcode', e.cause, count(*) FROM ended e WHERE e.status = 'failed' GROUP BY e.cause) x))
      INTO result;
    RETURN result;
END $f$;
COMMENT ON FUNCTION operator_panels(text, text, text, text) IS
'Every panel as JSON, of one artist or release (null: all), for support: ingest, rejection_reasons, queue, transcodes, retries, workers that had its jobs, '
    'playback, playback_clients, stream_errors, failure_causes. Exact at this moment, read from the source tables.';
