-- Owns: pages of incidents, limits, experiments and the status, and what their forms do: with the rights of who sends them, told in words where that is
-- refused, and nothing of users' text run.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'Asia/Kathmandu';
CREATE TABLE events (at timestamptz NOT NULL, world text, ms float8);
CREATE INDEX ON events (at);
INSERT INTO events SELECT date_trunc('hour', now(), 'UTC') - i * interval '10 minutes', (ARRAY['w1', '<script>alert(1)</script>'])[1 + i % 2], CASE WHEN i <
    20 THEN 900 ELSE 100 END
  FROM generate_series(1, 500) i;
CREATE ROLE operations_owner;
CREATE ROLE operations_other;
GRANT USAGE, CREATE ON SCHEMA public TO operations_owner;
GRANT USAGE ON SCHEMA public TO operations_other;
ALTER TABLE events OWNER TO operations_owner;
SET ROLE operations_owner;
SELECT tally.create_rollup('hourly', 'events', 'at', dimensions => '["world"]', measures => '{"n": "count(*)", "total": "sum(ms)"}', with_data => true);
SELECT tally.create_metric('mean', 'hourly', 'total / nullif(n, 0)', unit => 'ms', samples => 'n');
SELECT tally.create_threshold('slow <b>', metric => 'mean', condition => '> 500', per => '{world}', owner => 'team <i>x</i>', runbook =>
    'javascript:alert(2)',
    suggested_actions => '["Do <img src=x onerror=alert(3)>"]', area => 'web');
RESET ROLE;
SELECT tally.evaluate(now());
SELECT is((SELECT count(*) FROM tally.incidents), 2::bigint, 'two worlds are slow');
SELECT min(id) AS id, max(id) AS second FROM tally.incidents \gset
-- Limits and incidents on a board obey its filters: what is of one world says nothing of another.
SELECT tally.create_threshold('slow in w1', metric => 'mean', condition => '> 800', "where" => '{"world": "w1"}');
SELECT tally.create_board('watch', 'Watch', variables => '{world}', panels => '[{"title": "Mean", "metric": "mean"}, {"title": "Limits", "slo": true},
    {"title": "Incidents", "incidents": true}]');
SELECT results_eq($$SELECT w, jsonb_array_length(m #> '{panels,1,rows}'), jsonb_array_length(m #> '{panels,2,rows}') FROM unnest('{NULL,w1,w2}'::text[]) w,
    LATERAL (SELECT tally_internal._board_model(b, CASE WHEN w IS NULL THEN '{}' ELSE jsonb_build_object('world', w) END, '24 hours', NULL, 'auto', false,
                                                now())
               FROM tally.boards b WHERE b.name = 'watch') x(m)$$, $$VALUES (NULL, 3, 2), ('w1', 2, 1), ('w2', 0, 0)$$,
    'bug: limits on a board were those of all worlds under a filter of one');
SELECT tally.drop_board('watch'), tally.drop_threshold('slow in w1');


SET ROLE operations_owner;
CREATE TEMP TABLE pages AS SELECT name, page FROM (VALUES ('incidents', tally.page_incidents()::text), ('all', tally.page_incidents('all')::text),
    ('one', tally.page_incident(:id)::text), ('other', tally.page_incident(:second, 'dark')::text), ('limits', tally.page_thresholds()::text),
    ('experiments', tally.page_experiments()::text), ('status', tally.page_status('light')::text)) v(name, page);
SELECT unalike(page, pattern, format('no %s on the page %s', pattern, name)) FROM pages, unnest(ARRAY['%<script%', '%<img%', '%href="javascript:%',
    '%<b>%</b> mean%', '%<i>x%', '% style=%']) pattern;
SELECT alike(page, '%default-src &#39;none&#39;; style-src &#39;sha256-%form-action &#39;self&#39;%', name || ' may load and run nothing') FROM pages;
SELECT alike(page, format('%%<a href="page_incident?id=%s&amp;theme=auto">#%1$s</a>%%', :id), 'the list leads to an incident') FROM pages WHERE name =
    'incidents';
SELECT alike(page, '%' || w || '%', 'the page of an incident has ' || w) FROM pages, unnest(ARRAY['What is known', 'mean around it', 'What to try',
    'Evidence', 'Timeline', 'opened',
    'value="acknowledge"', 'value="resolve"', 'value="silence"', 'value="comment"', 'team &lt;i&gt;x&lt;/i&gt;', 'Do &lt;img src=x']) w WHERE name = 'one';
SELECT unalike(page, '%permission denied%', 'nor an error: ' || name) FROM pages;
SELECT unalike(page, '%class="fault"%', 'no panel is in error: ' || name) FROM pages;
SELECT alike(page, '%&lt;script&gt;alert(1)&lt;/script&gt;%', 'what users wrote is shown') FROM pages WHERE name = 'one';
SELECT alike(page, '%<html lang="en" class="dark">%', 'the theme') FROM pages WHERE name = 'other';
SELECT alike(page, '%> 500%', 'limits with their conditions') FROM (SELECT replace(page, '&gt;', '>') AS page FROM pages WHERE name = 'limits') p;
SELECT alike(page, '%<h1>Status</h1>%hourly%', 'the status names the rollups') FROM pages WHERE name = 'status';
-- The picture holds the numbers of timeseries() for the same labels: one of them by plain SQL.
SELECT alike(page, '%900%', 'the metric around the incident') FROM pages WHERE name = 'one';
-- A board's list of incidents leads to each; at the prompt and in the CSV the link is its words.
SELECT tally.create_board('leads', 'Leads', '[{"title": "Wrong", "incidents": true}]');
SELECT alike(tally.page('leads')::text, format('%%<a href="page_incident?id=%s">%s</a>%%', id, to_char(opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')),
    'a board leads to incident ' || id) FROM tally.incidents;
SELECT unalike(tally.board_text('leads') || tally.page('leads'), '%{%address%', 'and writes no JSON');
SELECT throws_ok(format('SELECT tally.page_incident(%s)', 4711), '42704', 'incident 4711 does not exist, or belongs to another role',
    'an incident that is not there');
SELECT throws_ok($$SELECT tally.page_incidents('closed')$$, '22023', NULL, 'a status that is none');
SELECT throws_ok($$SELECT tally.page_status('pink')$$, '22023', 'theme must be auto, light or dark, got ''pink''', 'a theme that is none');

-- What a form does is what the function does.
SELECT alike(tally.page_incident_do(:id, 'acknowledge', ' I look ', person => 'ann <b>')::text, '%ann &lt;b&gt;%I look%', 'acknowledged on the page');
SELECT is((SELECT status || acknowledged_person FROM tally.incidents WHERE id = :id), 'acknowledgedann <b>', 'and in the incident');
SELECT alike(tally.page_incident_do(:id, 'comment', 'a <script>note</script>')::text, '%a &lt;script&gt;note%', 'a note');
SELECT alike(tally.page_incident_do(:id, 'resolve', root_cause => 'x', mitigation => '', prevention => 'z')::text, '%This was not done%missing mitigation%',
    'what is refused is said');
SELECT is((SELECT status FROM tally.incidents WHERE id = :id), 'acknowledged', 'and not done');
SELECT unalike(tally.page_incident_do(:id, 'resolve', root_cause => 'x', mitigation => 'y', prevention => 'z')::text, '%This was not done%', 'resolved');
SELECT is((SELECT status || root_cause || mitigation || prevention FROM tally.incidents WHERE id = :id), 'resolvedxyz', 'with its three notes');
SELECT alike(tally.page_incident(:id)::text, '%value="review"%', 'then it can be looked back on');
SELECT unalike(tally.page_incident(:id)::text, '%value="acknowledge"%', 'and not be taken on');
SELECT unalike(tally.page_incident_do(:second, 'silence', 'deploy', hours => 4)::text, '%This was not done%', 'silenced');
SELECT is((SELECT (matchers - 'world', ends_at - starts_at)::text FROM tally.silences), '("{""threshold"": ""slow <b>""}",04:00:00)',
    'by its limit and labels, for so long');
SELECT alike(tally.page_incident_do(:second, 'explode')::text, '%action must be one of%', 'an action that is none');
-- A form of another site is not done; what is no browser says nothing of sites.
CREATE FUNCTION pg_temp.sent(id bigint, headers text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.headers', headers, true), tally.page_incident_do(id, 'comment', 'sent: ' || headers);
    RETURN 'done';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLERRM;
END $$;
SELECT is(pg_temp.sent(:second, c.headers), c.says, 'a form with ' || c.headers) FROM (VALUES
    ('{"sec-fetch-site": "cross-site", "origin": "https://evil.example"}', 'a form must come from the site of its own page, got one from https://evil.example'),
    ('{"sec-fetch-site": "same-site"}', 'a form must come from the site of its own page, got one from another site'),
    ('{"origin": "null", "host": "db.example"}', 'a form must come from the site of its own page, got one from another site'),
    ('{"origin": "http://db.example.evil", "host": "db.example"}', 'a form must come from the site of its own page, got one from http://db.example.evil'),
    ('{"origin": "http://evil.example"}', 'a form must come from the site of its own page, got one from http://evil.example'),
    ('{"sec-fetch-site": "same-origin", "origin": "https://db.example"}', 'done'), ('{"origin": "http://db.example:80", "host": "db.example:80"}', 'done'),
    ('{"origin": "https://db.example", "host": "10.0.0.1", "x-forwarded-host": "db.example"}', 'done'), ('{"host": "db.example"}', 'done'), ('', 'done'))
    c(headers, says);
SELECT is((SELECT count(*) FROM tally.incident_events WHERE incident_id = :second AND note LIKE 'sent:%'), 5::bigint,
    'those that were done stand in the timeline');
BEGIN;
SELECT set_config('request.headers', '{"sec-fetch-site": "cross-site"}', true) IS NOT NULL AS asked \gset
SELECT throws_ok($$SELECT tally.page_threshold_do('slow <b>', 'disable')$$, '42501', NULL, 'nor is a limit turned off');
-- What the web server is told of a page, once.
SELECT set_config('request.method', 'GET', true), tally.page_status(), tally.page_boards() \g /dev/null
SELECT is(current_setting('response.headers')::jsonb, '[{"Content-Security-Policy": "frame-ancestors ''self''"}, {"Cache-Control": "no-store"},
    {"X-Content-Type-Options": "nosniff"}]', 'no other site frames a page, and no cache keeps it');
ROLLBACK;
SELECT tally.page_status() \g /dev/null
SELECT is(COALESCE(current_setting('response.headers', true), ''), '', 'without a web server nothing is said');
-- Annotations of Grafana.
SELECT bag_eq('SELECT time, timeend > time AS lasts, text, tags, labels FROM tally.grafana_alert_annotations',
    $$SELECT opened_at AS time, true AS lasts, impact AS text, 'warning,web,slow <b>' AS tags, labels FROM tally.incidents$$, 'incidents as annotations');
SELECT is((SELECT timeend FROM tally.grafana_alert_annotations WHERE incident = :id), (SELECT resolved_at FROM tally.incidents WHERE id = :id),
    'one that was closed ends there');
SELECT is(tally.page_incidents('resolved')::text ~ ('#' || :id), true, 'the list by status');
SELECT is(tally.page_incidents('open')::text ~ ('#' || :id || '<'), false, 'and the open ones without it');

-- Limits: tried first, then made, changed, turned off.
SELECT alike(tally.page_threshold_do('new one', 'replay', 'mean', '> 500', '', 'critical', '', 'ann', 'https://runbooks.example/1')::text,
    '%new one would have said this%fired%', 'a trial says when it would have fired');
SELECT is((SELECT count(*) FROM tally.thresholds), 1::bigint, 'and makes nothing');
SELECT alike(tally.page_threshold_do('new one', 'create', 'mean', '> 500', '', 'critical')::text, '%This was not done%needs owner and runbook%',
    'one that wakes nobody is refused');
SELECT unalike(tally.page_threshold_do('new one', 'create', 'mean', '> 500', '10 minutes', 'critical', 'web', 'ann', 'https://runbooks.example/1')::text,
    '%This was not done%', 'made');
SELECT is((SELECT (condition, for_, severity, area)::text FROM tally.thresholds WHERE name = 'new one'), '("> 500",00:10:00,critical,web)',
    'as it was filled in');
SELECT alike(tally.page_threshold_do('new one', 'alter', condition => '>> 500')::text, '%This was not done%', 'what is no condition');
SELECT unalike(tally.page_threshold_do('new one', 'alter', condition => '> 700', hold => '')::text, '%This was not done%', 'changed');
SELECT is((SELECT (condition, for_)::text FROM tally.thresholds WHERE name = 'new one'), '("> 700",00:10:00)', 'and the rest left as it was');
SELECT unalike(tally.page_threshold_do('new one', 'disable')::text, '%This was not done%', 'turned off');
SELECT is((SELECT enabled FROM tally.thresholds WHERE name = 'new one'), false, 'off');
RESET ROLE;

-- Another role sees nothing of it and does nothing to it.
SET ROLE operations_other;
SELECT unalike(tally.page_incidents('all')::text, '%slow%', 'another role sees no incident');
SELECT is_empty('SELECT FROM tally.grafana_alert_annotations', 'nor an annotation');
SELECT throws_ok(format('SELECT tally.page_incident(%s)', :second), '42704', NULL, 'nor its page');
SELECT throws_ok(format($$SELECT tally.page_incident_do(%s, 'acknowledge')$$, :second), '42704', NULL, 'and does nothing to it');
SELECT unalike(tally.page_thresholds()::text, '%new one%', 'nor a limit');
SELECT alike(tally.page_threshold_do('new one', 'enable')::text, '%This was not done%', 'which it does not turn on');
RESET ROLE;
SELECT is((SELECT status FROM tally.incidents WHERE id = :second) || (SELECT enabled FROM tally.thresholds WHERE name = 'new one'), 'newfalse',
    'all is as it was');
-- A reader alone: he sees what he is granted, and is refused on the page.
SELECT is((SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'tally' AND p.proname LIKE 'page%' AND
    p.prosecdef), 0::bigint,
    'no page runs with other rights than those of who asks');
SELECT is((SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'tally' AND p.proname LIKE 'page%' AND p.proname
    NOT LIKE '%\_do'
    AND p.provolatile = 'v'), 0::bigint, 'what is asked by GET writes nothing');
DROP OWNED BY operations_owner CASCADE;
DROP OWNED BY operations_other;
DROP ROLE operations_owner;
DROP ROLE operations_other;
SELECT * FROM finish();
