-- Owns: panel 4, playback, and the API behind it.

-- step: view operator_playback_clients
CREATE OR REPLACE VIEW operator_playback_clients AS
SELECT x.range, x.environment, x.platform, x.browser, CASE WHEN x.platform = 'iOS' AND x.browser = 'Safari' THEN 'iOS Safari' ELSE 'other' END AS client,
       coalesce(x.attempts, 0) AS attempts, coalesce(x.failures, 0) AS failures, round(x.failures::numeric / nullif(x.attempts, 0), 4) AS failure_rate
  FROM (SELECT r.range, p.environment, p.platform, p.browser,
               sum(p.attempts) FILTER (WHERE p.bucket >= r.since)::bigint AS attempts, sum(p.failures) FILTER (WHERE p.bucket >= r.since)::bigint AS failures
          FROM operator_playback_5m_live p CROSS JOIN operator_ranges r
         WHERE p.bucket >= (SELECT y.since FROM operator_ranges y WHERE y.range = '7d')
             AND p.bucket < (SELECT y.until FROM operator_ranges y WHERE y.range = '7d')
         GROUP BY r.range, p.environment, p.platform, p.browser) x;
COMMENT ON VIEW operator_playback_clients IS 'Panel 4: attempts to play and failures by platform and browser.';
COMMENT ON COLUMN operator_playback_clients.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_playback_clients.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_playback_clients.platform IS 'Platform of the listener.';
COMMENT ON COLUMN operator_playback_clients.browser IS 'Browser of the listener.';
COMMENT ON COLUMN operator_playback_clients.client IS 'iOS Safari, or other.';
COMMENT ON COLUMN operator_playback_clients.attempts IS 'Attempts to play.';
COMMENT ON COLUMN operator_playback_clients.failures IS 'Of them, those that failed.';
COMMENT ON COLUMN operator_playback_clients.failure_rate IS 'Failures ÷ attempts; null where there was none.';

-- step: view operator_playback
CREATE OR REPLACE VIEW operator_playback AS
SELECT c.range, c.environment, sum(c.attempts)::bigint AS attempts, sum(c.failures)::bigint AS failures,
    round(sum(c.failures) / nullif(sum(c.attempts), 0), 4) AS failure_rate
  FROM operator_playback_clients c GROUP BY c.range, c.environment;
COMMENT ON VIEW operator_playback IS 'Panel 4: attempts to play and failures.';
COMMENT ON COLUMN operator_playback.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_playback.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_playback.attempts IS 'Attempts to play.';
COMMENT ON COLUMN operator_playback.failures IS 'Of them, those that failed.';
COMMENT ON COLUMN operator_playback.failure_rate IS 'Failures ÷ attempts; null where there was none.';

-- step: view operator_playback_ios
CREATE OR REPLACE VIEW operator_playback_ios AS
SELECT c.range, c.environment, c.client, sum(c.attempts)::bigint AS attempts, sum(c.failures)::bigint AS failures,
    round(sum(c.failures) / nullif(sum(c.attempts), 0), 4) AS failure_rate
  FROM operator_playback_clients c GROUP BY c.range, c.environment, c.client;
COMMENT ON VIEW operator_playback_ios IS 'Panel 4: iOS Safari against everything else.';
COMMENT ON COLUMN operator_playback_ios.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_playback_ios.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_playback_ios.client IS 'iOS Safari, or other.';
COMMENT ON COLUMN operator_playback_ios.attempts IS 'Attempts to play.';
COMMENT ON COLUMN operator_playback_ios.failures IS 'Of them, those that failed.';
COMMENT ON COLUMN operator_playback_ios.failure_rate IS 'Failures ÷ attempts; null where there was none.';

-- step: view operator_stream_errors
CREATE OR REPLACE VIEW operator_stream_errors AS
SELECT x.range, x.environment, x.error_code, x.error_message, x.failures,
       round(x.failures / sum(x.failures) OVER (PARTITION BY x.range, x.environment), 4) AS share,
       row_number() OVER (PARTITION BY x.range, x.environment ORDER BY x.failures DESC, x.error_code, x.error_message)::int AS place
  FROM (SELECT r.range, s.environment, s.error_code, s.error_message, sum(s.failures)::bigint AS failures
          FROM operator_stream_errors_5m_live s JOIN operator_ranges r ON s.bucket >= r.since
         WHERE s.bucket >= (SELECT y.since FROM operator_ranges y WHERE y.range = '7d')
             AND s.bucket < (SELECT y.until FROM operator_ranges y WHERE y.range = '7d')
         GROUP BY r.range, s.environment, s.error_code, s.error_message) x;
COMMENT ON VIEW operator_stream_errors IS 'Panel 4: stream errors by code and message, most frequent first.';
COMMENT ON COLUMN operator_stream_errors.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_stream_errors.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_stream_errors.error_code IS 'Code of the error; (none) where there was none.';
COMMENT ON COLUMN operator_stream_errors.error_message IS 'Its message.';
COMMENT ON COLUMN operator_stream_errors.failures IS 'Attempts that failed with it.';
COMMENT ON COLUMN operator_stream_errors.share IS 'Of all failures of the range.';
COMMENT ON COLUMN operator_stream_errors.place IS '1 is the most frequent.';

-- step: view operator_api
CREATE OR REPLACE VIEW operator_api AS
SELECT x.range, x.environment, x.endpoint, coalesce(x.requests, 0) AS requests, coalesce(x.errors_4xx, 0) AS errors_4xx,
    coalesce(x.errors_5xx, 0) AS errors_5xx,
       round(x.errors::numeric / nullif(x.requests, 0), 4) AS error_rate
  FROM (SELECT r.range, a.environment, a.endpoint,
               sum(a.requests) FILTER (WHERE a.bucket >= r.since)::bigint AS requests,
                   sum(a.errors_4xx) FILTER (WHERE a.bucket >= r.since)::bigint AS errors_4xx,
               sum(a.errors_5xx) FILTER (WHERE a.bucket >= r.since)::bigint AS errors_5xx, sum(a.errors) FILTER (WHERE a.bucket >= r.since)::bigint AS errors
          FROM operator_api_5m_live a CROSS JOIN operator_ranges r
         WHERE a.bucket >= (SELECT y.since FROM operator_ranges y WHERE y.range = '7d')
             AND a.bucket < (SELECT y.until FROM operator_ranges y WHERE y.range = '7d')
         GROUP BY r.range, a.environment, a.endpoint) x;
COMMENT ON VIEW operator_api IS 'Errors of the API gateway and functions; the document asks for an alert on them, this is what it looks at.';
COMMENT ON COLUMN operator_api.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_api.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_api.endpoint IS 'Route or function.';
COMMENT ON COLUMN operator_api.requests IS 'Requests answered.';
COMMENT ON COLUMN operator_api.errors_4xx IS 'With 400 to 499.';
COMMENT ON COLUMN operator_api.errors_5xx IS 'With 500 to 599.';
COMMENT ON COLUMN operator_api.error_rate IS 'Errors ÷ requests; null where there was none.';

-- step: view operator_failure_causes
CREATE OR REPLACE VIEW operator_failure_causes AS
SELECT x.range, x.environment, x.service, x.cause, x.failures,
       row_number() OVER (PARTITION BY x.range, x.environment ORDER BY x.failures DESC, x.service, x.cause)::int AS place
  FROM (SELECT s.range, s.environment, 'playback' AS service, concat_ws(': ', s.error_code, nullif(s.error_message, '(none)')) AS cause, s.failures
        FROM operator_stream_errors s
        UNION ALL
        SELECT r.range, t.environment, 'transcode', t.cause, sum(t.failed)::bigint
          FROM operator_transcodes_5m_live t JOIN operator_ranges r ON t.bucket >= r.since
         WHERE t.bucket >= (SELECT y.since FROM operator_ranges y WHERE y.range = '7d')
             AND t.bucket < (SELECT y.until FROM operator_ranges y WHERE y.range = '7d')
           AND t.failed > 0
         GROUP BY r.range, t.environment, t.cause) x;
COMMENT ON VIEW operator_failure_causes IS
'What fails most, over playback and transcoding; the active cause is the first of range 1h. A rejected upload is no failure.';
COMMENT ON COLUMN operator_failure_causes.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_failure_causes.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_failure_causes.service IS 'playback or transcode.';
COMMENT ON COLUMN operator_failure_causes.cause IS 'The stream error, or the error of the job.';
COMMENT ON COLUMN operator_failure_causes.failures IS 'Attempts or jobs that failed of it.';
COMMENT ON COLUMN operator_failure_causes.place IS '1 is the most frequent.';
