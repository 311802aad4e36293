-- Owns: escalation, what pg_tally watches about itself, and limits.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
CREATE TABLE feed (world text, value float8);
INSERT INTO feed VALUES ('w1', 99);

-- Escalation: once per level when the response target passes unacknowledged.
SELECT tally.create_channel('box', kind => 'table', events => '{escalated}');
SELECT tally.create_threshold('t', query => 'SELECT world, value FROM app.feed', condition => '> 10', severity => 'critical', owner => 'on-call',
    runbook => 'https://r', response_target => '10 minutes');
SELECT count(*) FROM tally.evaluate('2026-03-01 12:00Z');
SELECT count(*) FROM tally.evaluate('2026-03-01 12:09Z');
SELECT is((SELECT escalation_level FROM tally.incidents), 0, 'within the response target nothing escalates');
SELECT count(*) FROM tally.evaluate('2026-03-01 12:10Z');
SELECT count(*) FROM tally.evaluate('2026-03-01 12:11Z');
SELECT is((SELECT escalation_level FROM tally.incidents), 1, 'when it passes, once');
SELECT count(*) FROM tally.evaluate('2026-03-01 12:20Z');
SELECT is((SELECT escalation_level FROM tally.incidents), 2, 'a second level after as long again');
SELECT tally.acknowledge(1, as_of => '2026-03-01 12:25Z');
SELECT count(*) FROM tally.evaluate('2026-03-01 12:40Z');
SELECT is((SELECT escalation_level FROM tally.incidents), 2, 'acknowledged, no further');
SELECT results_eq('SELECT events #>> ''{0,event}'', events #>> ''{0,escalation_level}'' FROM tally.notifications ORDER BY id',
    $$VALUES ('escalated', '1'), ('escalated', '2')$$, 'each level is told');
SELECT is((SELECT value FROM tally.health('2026-03-01 12:41Z') WHERE "check" = 'time to acknowledge'), 1500::float8, 'time to acknowledge: 25 minutes');
UPDATE feed SET value = 1;
SELECT count(*) FROM tally.evaluate('2026-03-01 12:50Z');
SELECT tally.resolve(1, 'a', 'b', 'c', '2026-03-01 13:00Z');
SELECT is((SELECT value FROM tally.health('2026-03-01 13:01Z') WHERE "check" = 'time to resolve'), 3600::float8, 'time to resolve: an hour');

-- Evaluation stopped for two hours: seen at the next run that does happen.
SELECT is((SELECT count(*) FROM tally.watch_itself(owner => 'on-call')), 2::bigint, 'the built-in thresholds');
SELECT count(*) FROM tally.evaluate('2026-03-01 13:04Z');
SELECT count(*) FROM tally.evaluate('2026-03-01 13:05Z');
DELETE FROM tally.thresholds WHERE name = 'tally evaluation stopped';
SELECT count(*) FROM tally.watch_itself(owner => 'on-call');
SELECT is((SELECT status FROM tally.health(now() + interval '1 hour') WHERE "check" = 'evaluation lag'), 'late', 'health tells the lag by the clock');
SELECT count(*) FROM tally.evaluate('2026-03-01 15:05Z');
SELECT results_eq($$SELECT area, value, status FROM tally.incidents WHERE threshold = 'tally evaluation stopped' AND threshold_id IS NOT NULL$$,
    $$VALUES ('pg_tally', 7200::float8, 'new')$$, 'evaluation had stopped for 7200 seconds');
SELECT count(*) FROM tally.evaluate('2026-03-01 15:06Z');
SELECT results_eq($$SELECT status, resolved_by FROM tally.incidents WHERE threshold = 'tally evaluation stopped' AND threshold_id IS NOT NULL$$,
    $$VALUES ('resolved', 'pg_tally')$$, 'and closes itself when it runs again');

-- Rollups that nobody refreshes.
CREATE TABLE events (at timestamptz NOT NULL);
SELECT tally.create_rollup('hours', 'events', 'at', '1 hour', measures => '{"n": "count(*)"}', schedule => '*/5 * * * *', with_data => true);
SELECT count(*) FROM tally.evaluate(date_trunc('minute', now()));
SELECT is((SELECT count(*) FROM tally.incidents WHERE threshold = 'tally refresh stopped'), 0::bigint, 'fresh');
INSERT INTO events VALUES (now());
SELECT count(*) FROM tally.evaluate(date_trunc('minute', now()) + interval '2 hours');
SELECT is((SELECT labels FROM tally.incidents WHERE threshold = 'tally refresh stopped'), '{"rollup": "hours"}', 'changes wait for two hours');

-- A session that writes times its own way: IST is India's time here, and Israel's when read back.
SELECT tally.create_metric('n', 'hours', 'n');
SELECT tally.create_threshold('local', 'n', '> 1');
INSERT INTO events SELECT '2026-04-01 10:30Z' FROM generate_series(1, 7);
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Kolkata';
SELECT count(*) FROM tally.evaluate('2026-04-01T11:00:00Z', 'local');
SELECT is((SELECT value FROM tally.incidents WHERE threshold = 'local'), 7::float8, 'moments are read as they were meant');
SET datestyle = 'ISO';
SET timezone = 'UTC';

-- Limits and bad input of the kernel.
SELECT tally.create_threshold('long', query => 'SELECT repeat(''x'', 3000) AS label, 99 AS value', condition => '> 10');
SELECT matches((SELECT error FROM tally.evaluate('2030-01-01') WHERE threshold = 'long'), '^54000: threshold ''long'' yields a label set of 30',
    'a label set has a limit');
SELECT tally.create_threshold('long', query => 'SELECT repeat(''x'', 1900) AS label, 99 AS value', condition => '> 10', runbook => repeat('r', 8000));
SELECT is((SELECT opened FROM tally.evaluate('2030-01-02') WHERE threshold = 'long'), 1, 'a payload too long for NOTIFY is cut to what fits');
SELECT throws_ok($$SELECT tally.alert_step('{"state": "asleep"}', '{}', '{"condition": {"kind": "absent"}}', now())$$, '22023', NULL, 'a state that is none');
SELECT throws_ok($$SELECT tally.alert_step(NULL, '3', '{"condition": {"kind": "absent"}}', now())$$, '22023', NULL, 'a sample that is none');
SELECT throws_ok($$SELECT tally.alert_step(NULL, '{}', '{}', now())$$, '22023', NULL, 'a rule that is none');
SELECT throws_ok($$SELECT tally.alert_step(NULL, '{"value": 1}', '{"condition": {"kind": "compare", "op": ">", "limit": 1e999, "decimals": 0}}', now())$$,
    '22023', NULL, 'a number past float8');
SELECT throws_ok($$SELECT tally.alert_step(NULL, '{}', '{"condition": {"kind": "absent"}}', 'infinity')$$, '22023', NULL, 'a tick that is none');
SELECT is(tally.alert_step(NULL, '{"value": 3}', '{"condition": {"kind": "compare", "op": ">", "limit": 2, "decimals": 0}}', '2026-03-01 12:00Z'),
    '{"state": "firing", "active_at": "2026-03-01T12:00:00Z", "keep_since": null, "paused": 0.0, "missing": 0, "last_tick": "2026-03-01T12:00:00Z", '
        '"transition": "fired", "verdict": "breach", "observed": 3.0}', 'one step');
SELECT is(tally.parse_condition('>= 0.50'), '{"kind": "compare", "op": ">=", "limit": 0.5, "decimals": 2}', 'a condition, read');
-- Releases that leak statistics are named (the release notes of 15.14, 16.10 and 17.6); 18 never did.
SELECT results_eq($$SELECT v, tally_internal._leaks_statistics(v)
    FROM unnest('{150013,150014,150020,160009,160010,170005,170006,180000,190000}'::int[]) WITH ORDINALITY u(v, n) ORDER BY n$$,
                  $$VALUES (150013, '15.14'), (150014, NULL), (150020, NULL), (160009, '16.10'), (160010, NULL), (170005, '17.6'), (170006, NULL),
                      (180000, NULL), (190000, NULL)$$,
                  'CVE-2025-8713 by version');
SELECT is((SELECT status FROM tally.health WHERE "check" = 'server'),
          CASE WHEN current_setting('server_version') ~ '^(15\.(\d|1[0-3])|16\.\d|17\.[0-5])\M' THEN 'failing' ELSE 'ok' END, 'health says so of this server');
SELECT * FROM finish();
