-- Owns: alter_threshold, and replay and test_threshold of rules that are not stored: tuning never touches what is evaluated.
SELECT plan(30);
SET client_min_messages = warning;
CREATE SCHEMA app;
CREATE TABLE app.events (at timestamptz NOT NULL, kind text, ms float8);
-- Hours 0 to 9 of a day: 100, 200, … 1000 ms, each an hour's only value.
INSERT INTO app.events SELECT '2026-03-01Z'::timestamptz + h * interval '1 hour', 'a', (h + 1) * 100 FROM generate_series(0, 9) h;
SELECT tally.create_rollup('app.hours', 'app.events', time_column => 'at', bucket => '1 hour', dimensions => '["kind"]',
    measures => '{"ms": "max(ms)", "n": "count(*)"}', with_data => true);
SELECT tally.create_metric('worst_ms', 'hours', 'ms', unit => 'ms');
SELECT tally.create_metric('events', 'hours', 'n');
SELECT tally.create_threshold('slow', 'worst_ms', '> 750', per => '{kind}', severity => 'info', over => '2 hours', description => 'as it was',
    search_path => 'pg_catalog');
\ir ../message_of.psql

-- Alter changes what is named and nothing else.
CREATE TEMP TABLE was AS SELECT to_jsonb(t) - '{updated_at}'::text[] AS t FROM tally.thresholds t;
SELECT lives_ok($$SELECT tally.alter_threshold('slow', '{}')$$, 'no change is a change that changes nothing');
SELECT is((SELECT to_jsonb(t) - '{updated_at}'::text[] FROM tally.thresholds t), (SELECT t FROM was), 'indeed');
SELECT is(tally.alter_threshold('slow', '{"condition": "> 850", "for": "15 minutes"}'), 'slow', 'two arguments');
SELECT is((SELECT to_jsonb(t) - '{updated_at,condition,for_,rule}'::text[] FROM tally.thresholds t),
    (SELECT t - '{updated_at,condition,for_,rule}'::text[] FROM was), 'the others stay');
SELECT is((SELECT t.condition || ' ' || t.for_ || ' ' || (t.rule ->> 'for')::float8 FROM tally.thresholds t), '> 850 00:15:00 900',
    'these are as asked, and in the rule');
SELECT tally.alter_threshold('slow',
    '{"per": null, "over": null, "for": null, "where": {"kind": "a"}, "suggested_actions": ["restart"], "metric": "events", "min_samples": 3}') AS x \gset
SELECT is((SELECT jsonb_build_array(t.per, t.over, t.for_, t.filter, t.suggested_actions, t.min_samples, m.name, t.description) FROM tally.thresholds t
    JOIN tally.metrics m ON m.id = t.metric_id),
    '[[], null, "00:00:00", {"kind": "a"}, ["restart"], 3, "events", "as it was"]',
        'null puts back the default, lists and objects are taken, another metric is watched');
SELECT tally.alter_threshold('slow', '{"query": "SELECT 1 AS value", "where": null, "min_samples": null}') AS x \gset
SELECT is((SELECT format('%s %s', t.query, t.metric_id) FROM tally.thresholds t), 'SELECT 1 AS value ', 'a query instead of the metric');
SELECT tally.alter_threshold('slow', '{"metric": "worst_ms", "per": ["kind"], "condition": "> 750", "suggested_actions": null}') AS x \gset
SELECT is((SELECT format('%s %s', t.query, m.name) FROM tally.thresholds t JOIN tally.metrics m ON m.id = t.metric_id), ' worst_ms', 'and back');

-- Errors, all four parts.
SELECT is((SELECT state FROM message_of(statement) WHERE num_nulls(message, detail, hint) = 0 AND '' NOT IN (message, detail, hint)), expected,
    statement) FROM (VALUES
    ($$SELECT tally.alter_threshold('slow', '{"conditon": "> 3"}')$$, '42P02'),
    ($$SELECT tally.alter_threshold('slow', '[1]')$$, '22023'),
    ($$SELECT tally.alter_threshold('slow', NULL)$$, '22023'),
    ($$SELECT tally.alter_threshold('slow', '{"for": "soon"}')$$, '22007'),
    ($$SELECT tally.alter_threshold('slow', '{"min_samples": "many"}')$$, '22P02'),
    ($$SELECT tally.alter_threshold('slow', '{"metric": "worst"}')$$, '42704'),
    ($$SELECT tally.alter_threshold('slwo', '{}')$$, '42704'),
    ($$SELECT * FROM tally.replay('slow', changes => '{"for": "soon"}')$$, '22007'),
    ($$SELECT * FROM tally.replay('slow', changes => '{"severity": "loud"}')$$, '22023'),
    ($$SELECT * FROM tally.replay('new', changes => '{"condition": "> 3"}')$$, '22023'),
    ($$SELECT * FROM tally.test_threshold('new', '[1]')$$, '42704')) e(statement, expected);

-- A replay with changes: 751 is first passed by the hour that ends at 08:00, 900 by that which ends at 10:00.
CREATE TEMP TABLE stored AS SELECT to_jsonb(t) AS t FROM tally.thresholds t;
SELECT is((SELECT min(tick) FROM tally.replay('slow', '2026-03-01 00:00Z', '2026-03-01 12:00Z', as_of => '2026-03-02Z') WHERE transition = 'fired'),
    '2026-03-01 08:00Z', 'as it is stored');
SELECT is((SELECT min(tick) FROM tally.replay('slow', '2026-03-01 00:00Z', '2026-03-01 12:00Z', as_of => '2026-03-02Z', changes => '{"condition": "> 900"}')
    WHERE transition = 'fired'), '2026-03-01 10:00Z', 'with another limit');
SELECT is((SELECT min(tick) FROM tally.replay('slow', '2026-03-01 00:00Z', '2026-03-01 12:00Z', as_of => '2026-03-02Z', changes => '{"for": "30 minutes"}')
    WHERE transition = 'fired'), '2026-03-01 08:30Z', 'or it must last');
SELECT is((SELECT min(tick) FROM tally.replay('never stored', '2026-03-01 00:00Z', '2026-03-01 12:00Z', as_of => '2026-03-02Z',
    changes => '{"metric": "worst_ms", "condition": "> 350", "per": ["kind"]}') WHERE transition = 'fired'), '2026-03-01 04:00Z',
    'one that is not stored at all');
SELECT is((SELECT string_agg(state, ' ' ORDER BY n) FROM tally.test_threshold('slow', '[800, 950]', changes => '{"condition": "> 900"}')), 'inactive firing',
    'test_threshold tries changes too');
SELECT is((SELECT string_agg(state, ' ' ORDER BY n)
    FROM tally.test_threshold('none', '[1, 3]', changes => '{"query": "SELECT 1 AS value", "condition": "> 2"}')), 'inactive firing', 'and what is not stored');
SELECT is((SELECT to_jsonb(t) FROM tally.thresholds t), (SELECT t FROM stored), 'and all that has stored nothing');

-- Another role hears nothing of it: neither its definition nor its name.
DROP ROLE IF EXISTS tally_draft_stranger;
CREATE ROLE tally_draft_stranger ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA app TO tally_draft_stranger;
SET ROLE tally_draft_stranger;
SELECT is((SELECT state || (message || detail || hint ~ 'worst_ms|750')::text
    FROM message_of($$SELECT * FROM tally.replay('slow', changes => '{"severity": "loud"}')$$)), '42501false',
    'a stranger''s replay is refused before its definition is read');
SELECT is((SELECT state || (message || detail || hint ~ '''slow''')::text FROM message_of($$SELECT * FROM tally.replay('slo')$$)), '42704false',
    'and names of others'' thresholds are not told');
SELECT is((SELECT string_agg(DISTINCT reason, '; ')
    FROM tally.replay('mine', '2026-03-01 00:00Z', '2026-03-01 02:00Z', as_of => '2026-03-02Z', changes => '{"metric": "worst_ms", "condition": "> 350"}')
    WHERE transition = 'fired'), NULL,
    'what a draft watches is read with its maker''s rights');
SELECT is((SELECT count(*) FROM tally.replay('mine', '2026-03-01 00:00Z', '2026-03-01 12:00Z', as_of => '2026-03-02Z',
    changes => '{"metric": "worst_ms", "condition": "> 350"}') WHERE value IS NOT NULL), 0::bigint, 'no value comes out');
RESET ROLE;
REVOKE ALL ON SCHEMA app FROM tally_draft_stranger;
DROP ROLE tally_draft_stranger;
SELECT * FROM finish();
