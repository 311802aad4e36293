-- Owns: probes: sampling, reading, and thresholds on them.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
CREATE TABLE beats (worker text, at timestamptz);
INSERT INTO beats VALUES ('a', '2026-03-01 11:59:30Z'), ('b', '2026-03-01 11:50Z');
SELECT is(tally.create_probe('heartbeat age', 'SELECT worker, extract(epoch FROM :as_of - max(at)) AS value FROM beats GROUP BY worker;', unit => 's',
    direction => 'down_is_good'), 'heartbeat age', 'a probe');
SELECT lives_ok($$SELECT tally.create_threshold('worker lost', metric => 'heartbeat age', condition => '> 120', severity => 'critical', owner => 'on-call',
    runbook => 'https://r')$$, 'a threshold on it, by name');
SELECT results_eq($$SELECT series, breaches, opened FROM tally.evaluate('2026-03-01 12:00Z')$$, 'VALUES (2, 1, 1)', 'sampled and evaluated in one go');
SELECT results_eq('SELECT labels, value, unit FROM tally.probe_values ORDER BY labels',
    $$VALUES ('{"worker": "a"}'::jsonb, 30::float8, 's'), ('{"worker": "b"}', 600, 's')$$, 'a beat 30 s ago, b 10 minutes');
SELECT is((SELECT impact FROM tally.incidents), 'heartbeat age is 600 (> 120) in worker b', 'the incident says which');
INSERT INTO beats VALUES ('b', '2026-03-01 12:00:50Z');
SELECT results_eq($$SELECT breaches, recovered FROM tally.evaluate('2026-03-01 12:01Z')$$, 'VALUES (0, 1)', 'it is back');
SELECT results_eq($$SELECT bucket, series, value FROM tally.probe_series('heartbeat age', as_of => '2026-03-01 12:02Z') WHERE series = 'b'$$,
    $$VALUES ('2026-03-01 12:00Z'::timestamptz, 'b', 600::float8), ('2026-03-01 12:01Z', 'b', 10)$$, 'over time');
SELECT is_empty($$SELECT * FROM tally.sample_probes('2026-03-01 12:01:30Z')$$, 'once per tick');
ALTER TABLE beats RENAME TO gone;
SELECT results_eq($$SELECT error FROM tally.sample_probes('2026-03-01 12:02Z')$$, $$VALUES ('42P01: relation "beats" does not exist')$$,
    'a failing probe says why');
SELECT is((SELECT sqlstate FROM tally.probes), '42P01', 'and keeps it');
SELECT results_eq($$SELECT series, error FROM tally.evaluate('2026-03-01 12:03Z')$$, 'VALUES (0, NULL::text)',
    'its threshold has no data, as soon as what was seen is too old');
SELECT throws_ok($$SELECT tally.create_probe('x', 'SELECT 1 AS number')$$, '42703', NULL, 'a query without a value');
SELECT throws_ok($$SELECT tally.create_probe('x', 'SELEC 1')$$, '42601', NULL, 'no query');
SELECT throws_ok($$SELECT tally.create_threshold('x', query => 'SELECT 1 AS number', condition => '> 1')$$, '42703', NULL, 'nor does a threshold take one');
SELECT throws_ok($$SELECT tally.drop_probe('heartbeat age')$$, '2BP01', NULL, 'a watched probe stays');
SELECT lives_ok($$SELECT tally.drop_threshold('worker lost'), tally.drop_probe('heartbeat age')$$, 'dropped');
SELECT throws_ok($$SELECT tally.drop_probe('heartbeat age')$$, '42704', NULL, 'it is gone');
-- Bug: :as_of within a string, a quoted name or a comment became $1 too.
SELECT tally.create_probe('in quotes', $$SELECT count(*) AS value FROM (VALUES (':as_of'), (E'\':as_of'), ($x$:as_of$x$)) v(":as_of") /* :as_of */
    WHERE v.":as_of" ~ (chr(58) || 'as_of') AND :as_of::timestamptz = timestamptz '2026-03-02 00:00Z' -- :as_of$$);
SELECT tally.sample_probes('2026-03-02 00:00Z');
SELECT is((SELECT value FROM tally.probe_values WHERE probe = 'in quotes'), 3::float8, ':as_of in quotes stays what it is');
-- Bug: equal labels that are written in two ways were two labels, each with an incident of its own.
CREATE EXTENSION citext;
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE labels (n numeric, f float8, j jsonb, c citext, i interval, t text COLLATE ci);
INSERT INTO labels VALUES (1.0, 0, '{"a": 1.0}', 'A', '1 day', 'A');
SELECT tally.create_threshold('label ' || c, query => format('SELECT %I, 5 AS value FROM labels', c), condition => '> 1') FROM unnest('{n,f,j}'::text[]) c;
SELECT count(*) FROM tally.evaluate('2026-04-01 12:00Z');
UPDATE labels SET n = 1.00, f = '-0', j = '{"a": 1.00}';
SELECT count(*) FROM tally.evaluate('2026-04-01 12:01Z');
SELECT bag_eq($$SELECT threshold, labels FROM tally.incidents WHERE threshold LIKE 'label %'$$,
    $$VALUES ('label n', '{"n": "1"}'::jsonb), ('label f', '{"f": "0"}'), ('label j', '{"j": "{\"a\": 1}"}')$$, 'equal numbers are one label');
SELECT throws_like(format($$SELECT tally.create_threshold('x', query => 'SELECT %I, 5 AS value FROM labels', condition => '> 1')$$, c),
    'label %of a type whose equal values have one text, got %', 'a label that is written in several ways is refused: ' || c) FROM unnest('{c,i,t}'::text[]) c;
SELECT throws_ok($$SELECT tally.create_probe('x', 'SELECT 1 AS value, 2 AS a, 3 AS a')$$, '42701', NULL, 'so is a label that stands twice');
SELECT lives_ok($$SELECT tally.create_threshold('lower', query => 'SELECT lower(c::text) COLLATE "default" AS c, 5 AS value FROM labels', condition => '> 1')$$,
    'and the form of the hint works');
SELECT * FROM finish();
