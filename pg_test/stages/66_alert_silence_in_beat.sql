-- Bug: a silence that began between an incident's opening and the beat of its group kept nothing back. And what labels can do to a message.
SELECT no_plan();
SET client_min_messages = error;
SET timezone = 'UTC';
CREATE FUNCTION at(seconds int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00Z'::timestamptz + seconds * interval '1 second'$$;
CREATE TABLE hosts (host text, load float8);
INSERT INTO hosts VALUES ('a', 9), ('b', 9);
SELECT tally.create_channel('ops', kind => 'table', group_by => '{threshold}', group_wait => '5 minutes', group_interval => '5 minutes');
SELECT tally.create_threshold('hot', query => 'SELECT host, load AS value FROM hosts', condition => '> 5');
SELECT count(*) FROM tally.evaluate(at(0));
SELECT tally.silence('{"host": "a"}', 'we work on it', starts_at => at(60), "for" => '20 minutes');
CREATE FUNCTION told(moment int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE n record;
BEGIN
    FOR n IN SELECT * FROM tally.claim_notifications('ops', as_of => at(moment)) LOOP
        RETURN QUERY SELECT format('%s %s', e ->> 'event', e #>> '{labels,host}') FROM jsonb_array_elements(n.body -> 'events') e;
        PERFORM tally.report_notification(n.id, true, as_of => at(moment));
    END LOOP;
END $$;
SELECT is_empty('SELECT told(240)', 'before the beat nothing is told');
SELECT results_eq('SELECT told(300)', $$VALUES ('opened b')$$, 'at the beat only what is not silenced since');
SELECT is((SELECT suppressed_by FROM tally.incidents WHERE labels ->> 'host' = 'a'), 'silence 1: we work on it', 'the incident says why');
SELECT is((SELECT count(*) FROM tally.incident_events e JOIN tally.incidents i ON i.id = e.incident_id
    WHERE i.labels ->> 'host' = 'a' AND e.event = 'silenced'), 1::bigint, 'so does its timeline, once');
SELECT is_empty('SELECT told(900)', 'nothing more while it lasts');
SELECT count(*) FROM tally.evaluate(at(1320));
SELECT results_eq('SELECT told(2000)', $$VALUES ('unsilenced a')$$, 'what still fires when it is over is told then');
-- Opened, silenced and recovered before anybody was told: not news.
INSERT INTO hosts VALUES ('c', 9);
SELECT count(*) FROM tally.evaluate(at(2400));
SELECT tally.silence('{"host": "c"}', 'we work on it', starts_at => at(2430), "for" => '1 hour');
SELECT is_empty($$SELECT t FROM told(3000) t WHERE t LIKE '%c'$$, 'not told at the beat');
DELETE FROM hosts WHERE host = 'c'; INSERT INTO hosts VALUES ('c', 0);
SELECT count(*) FROM tally.evaluate(at(3060));
SELECT is_empty($$SELECT t FROM told(3600) t WHERE t LIKE '%c'$$, 'nor that it is over');

-- Labels are data: they give no orders to the receiver of a message.
SELECT tally.create_channel('slack', kind => 'table', template => 'slack');
SELECT tally.create_threshold('said', query => $$SELECT '<!channel> & <https://evil.example|runbook>' AS host, 9 AS value$$, condition => '> 5',
    impact => 'host {{labels.host}} is hot',
    runbook => 'https://runbooks.example/a|b', suggested_actions => '["ask <@U1>"]');
SELECT count(*) FROM tally.evaluate(at(4000));
CREATE TABLE message AS SELECT body ->> 'text' AS words FROM tally.claim_notifications('slack', as_of => at(4000));
SELECT is((SELECT string_agg(m[1], ' ') FROM message, regexp_matches(words, '(<[^>]*>)', 'g') m), '<https://runbooks.example/a%7Cb|runbook>',
    'the runbook is the only thing that Slack acts on');
SELECT matches((SELECT words FROM message), 'host &lt;!channel&gt; &amp; &lt;https://evil.example', 'and the label is shown as it is');
SELECT throws_ok(format('SELECT tally.create_channel(''x'', url => %L, secret => %L, headers => %L)', url, secret, headers), '22023', NULL,
    'refused: ' || what) FROM (VALUES
    ('a line break in a header', 'https://h.example', 's', '{"X-A": "a\r\nX-B: b"}'), ('in its name', 'https://h.example', 's', '{"X-A\nX-B": "a"}'),
        ('a colon in its name', 'https://h.example', 's', '{"X-A: b": "a"}'),
    ('in the secret', 'https://h.example', E's\r\nX-B: b', '{}'), ('in the url', E'https://h.example\r\nX-B: b', 's', '{}'),
        ('a blank in the url', 'https://h.example/ HTTP/1.1', 's', '{}')) x(what, url, secret, headers);
SELECT is_empty($$SELECT name FROM tally.channels WHERE name = 'x'$$, 'nothing half-created');
SELECT * FROM finish();
