-- Owns: the runbooks of the pack operator_dashboard: a page for each alert. They are rows, so that you write your own hosts and people into them.

-- step: table operator_runbooks
CREATE TABLE IF NOT EXISTS operator_runbooks (
    name   text PRIMARY KEY,
    title  text NOT NULL,
    alerts text NOT NULL,
    page   text NOT NULL
);
COMMENT ON TABLE operator_runbooks IS 'What to do when an alert of the pack fires: a page each, in Markdown. UPDATE them as you like.';
COMMENT ON COLUMN operator_runbooks.name IS 'Short name, as in the runbook of a threshold.';
COMMENT ON COLUMN operator_runbooks.title IS 'Title that people see.';
COMMENT ON COLUMN operator_runbooks.alerts IS 'Alerts that point to it.';
COMMENT ON COLUMN operator_runbooks.page IS 'The page: what it means, what to look at, what to do, when it is over.';

-- step: rows operator_runbooks
INSERT INTO operator_runbooks VALUES
    ('queue-age', 'Jobs wait too long', 'operator queue age', $page$
# Jobs wait too long

A job has been queued for more than 15 minutes, so releases go live late.

## Look

    SELECT * FROM operator_queue;
    SELECT * FROM operator_workers WHERE range = '1h';
    SELECT id, queued_at, attempt, error FROM transcode_jobs WHERE status IN ('queued', 'retrying') ORDER BY queued_at LIMIT 20;

## Do

1. No worker is alive: see the page worker-heartbeat.
2. Workers are alive and claim nothing: restart one, and look whether it claims the oldest job.
3. All workers are busy: add workers.
4. The same job comes back again and again: read its error, take it out of the queue, tell its artist.

## Over when

oldest_queued_minutes of operator_queue falls, minute by minute.

Close the incident with root cause, mitigation and prevention: `SELECT tally.resolve(…);`
$page$),
    ('queue-failure-rate', 'Transcodes fail', 'operator queue failure rate', $page$
# Transcodes fail

More than a tenth of the transcodes of half an hour failed.

## Look

    SELECT * FROM operator_failure_causes WHERE range = '1h' AND service = 'transcode';
    SELECT * FROM operator_transcodes WHERE range IN ('1h', '24h');

## Do

1. One cause stands for most of them and began with a release of the transcoder: roll the image back.
2. The cause is storage or memory: free it, then restart the workers one after another.
3. The causes are bad files of one artist: reject the upload with its reason.
4. Once it is mended, queue the failed jobs again: UPDATE transcode_jobs SET status = 'queued', attempt = 1 WHERE status = 'failed' AND …;

## Over when

failure_rate of operator_transcodes for 1h is below 0.02.

Close the incident with root cause, mitigation and prevention: `SELECT tally.resolve(…);`
$page$),
    ('worker-heartbeat', 'A worker is silent', 'operator worker heartbeat', $page$
# A worker is silent

A worker has given no sign of life for more than two minutes.

## Look

    SELECT * FROM operator_workers WHERE range = '1h' ORDER BY heartbeat_age_seconds DESC;

## Do

1. The host does not answer: start the worker on another host.
2. The host answers and the process is gone: start it, and read its last lines.
3. The process runs and is silent: it hangs; take a stack, then restart it.
4. It restarts again and again: drain it, and look at the job that it claimed last.

## Over when

alive is true for every worker that should be.

Close the incident with root cause, mitigation and prevention: `SELECT tally.resolve(…);`
$page$),
    ('playback-failure-rate', 'Plays fail', 'operator playback failure rate', $page$
# Plays fail

More than one of twenty attempts to play of the last quarter of an hour failed.

## Look

    SELECT * FROM operator_stream_errors WHERE range = '1h' AND place <= 5;
    SELECT * FROM operator_playback_ios WHERE range = '1h';
    SELECT * FROM operator_api WHERE range = '1h' ORDER BY errors_5xx DESC LIMIT 5;

## Do

1. All platforms fail with network errors: fail over to the second CDN.
2. Only iOS Safari fails: roll back the player, or the playlists' last change.
3. A 404 of a manifest: the transcode is missing; see the page queue-failure-rate.
4. The API answers 5xx: see the page api-errors.

## Over when

failure_rate of operator_playback for 1h is below 0.02.

Close the incident with root cause, mitigation and prevention: `SELECT tally.resolve(…);`
$page$),
    ('api-errors', 'The API answers with errors', 'operator api error spike, operator api 5xx', $page$
# The API answers with errors

Requests end in 4xx or 5xx three times as often as in the seven days before, or one of twenty in 5xx.

## Look

    SELECT * FROM operator_api WHERE range = '1h' ORDER BY error_rate DESC LIMIT 10;

## Do

1. One endpoint, since a deployment: roll the deployment back.
2. All endpoints with 5xx: look at the database: SELECT state, count(*) FROM pg_stat_activity GROUP BY 1;
3. 4xx of one client: it repeats a bad request; block it or ask its owner.
4. 429: a limit is too low for today's traffic, or somebody crawls.

## Over when

error_rate of operator_api for 1h is what it was yesterday.

Close the incident with root cause, mitigation and prevention: `SELECT tally.resolve(…);`
$page$),
    ('upload-to-live', 'Uploads go live late', 'operator slo upload to live', $page$
# Uploads go live late

Of the uploads accepted within 24 hours, more than one of twenty were not live after 30 minutes.

## Look

    SELECT * FROM operator_slo WHERE slo = 'upload to live';
    SELECT id, uploaded_at, live_at, artist, release FROM uploads
     WHERE status = 'accepted' AND (live_at IS NULL OR live_at - uploaded_at > interval '30 minutes') ORDER BY uploaded_at DESC LIMIT 20;

## Do

1. The queue is long: see the page queue-age.
2. Transcodes fail: see the page queue-failure-rate.
3. Transcodes are done and the releases are not live: look at the step that publishes them.

## Over when

actual of operator_slo for upload to live is at least 0.95.

Close the incident with root cause, mitigation and prevention: `SELECT tally.resolve(…);`
$page$)
ON CONFLICT DO NOTHING;

-- step: function operator_runbook(text)
CREATE OR REPLACE FUNCTION operator_runbook(name text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$ SELECT btrim(r.page, E'\n') FROM operator_runbooks r WHERE r.name = $1 $f$;
COMMENT ON FUNCTION operator_runbook(text) IS 'The page of a runbook.';
