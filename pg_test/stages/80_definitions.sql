-- Owns one promise: tally.definitions() is an export. Its statements make the same definitions again in an empty catalogue, change nothing
-- where they come from, and read the same whatever the session's settings are.
SELECT no_plan();
SET client_min_messages = warning;
DROP ROLE IF EXISTS tally_test_reader_of_definitions;
CREATE ROLE tally_test_reader_of_definitions ROLE CURRENT_USER;
CREATE SCHEMA "My App";
CREATE TABLE "My App"."Events" (at timestamptz NOT NULL, "user" text, kind text, "It's" numeric, tags jsonb DEFAULT '[]');
CREATE TABLE "My App".days (day date NOT NULL, kind text, n int);
INSERT INTO "My App"."Events" SELECT '2026-03-01Z'::timestamptz + i * interval '7 minutes', 'u' || i % 7, (ARRAY['visit', 'pay'])[1 + i % 2], i
    FROM generate_series(1, 500) i;

SELECT tally.create_rollup('"My App"."By hour"', '"My App"."Events"', time_column => 'at', bucket => '1 day', zone => 'Asia/Kathmandu',
    dimensions => '["kind", {"Odd": "(\"It''s\"::int % 2)::text"}]',
        measures => '{"n": "count(*)", "p": "tally.tdigest(\"It''s\")", "people": "tally.hll(\"user\")"}',
    "where" => '"user" <> ''it''''s me''', retain => '400 days', description => E'Two lines,\nwith a \\ in them.');
SELECT tally.create_rollup('"My App".weeks', '"My App"."By hour"', bucket => '7 days', origin => '2026-03-01 00:00+05:45', zone => 'Asia/Kathmandu',
    emptied => 'keep', schedule => NULL,
    measures => '{"n": "sum(n)", "people": "tally.rollup(people)"}');
SELECT tally.create_rollup('"My App".looks_back', '"My App".days', time_column => 'day', bucket => '1 day', lookback => '7 days',
    measures => '{"n": "sum(n)"}');
SELECT tally.create_rollup('"My App".people', '"My App"."Events"', key => '["user", "kind"]',
    measures => '{"first": "min(at)", "all": "array_agg(at ORDER BY at)"}');
SELECT tally.create_rollup('"My App".tags', '"My App"."Events"', time_column => 'at', expand => 'jsonb_array_elements_text(tags) AS tag',
    dimensions => '["tag"]', measures => '{"n": "count(*)"}');
SELECT tally.create_sessions('"My App"."Stays"', '"My App"."Events"', 'at', 'user', gap => '45 minutes', page => 'kind',
    dimensions => '[{"first_kind": "kind"}]', "where" => 'kind <> ''x''', zone => 'Asia/Kathmandu',
    description => 'stays');
SELECT tally.create_funnel('"My App"."Buying"', '"My App"."Events"', 'at', 'user', '{"visit": "kind = ''visit''", "pay": "kind = ''pay''"}',
    "window" => '3 days', dimensions => '["kind"]',
    exclude => '[{"after": "visit", "before": "pay", "when": "kind = ''x''"}]', description => E'Who buys.\nAnd when.');
SELECT tally.create_retention('"My App".back', '"My App"."Events"', 'at', 'user', "start" => 'kind = ''visit''', period => '1 week', periods => 6,
    zone => 'Europe/Rome');
SELECT tally.retain_source('"My App".days', '90 days') WHERE false;
SELECT tally.create_metric('rate', 'By hour', 'n / 2.0', unit => '%', direction => 'up_is_good', samples => 'n', description => 'it''s half');
SELECT tally.create_metric('p95', 'By hour', 'tally.percentile(p, 0.95)', unit => 'ms');
SELECT tally.create_probe('depth', 'SELECT 3 AS value', every => '5 minutes', keep => '1 day', enabled => false);
SELECT tally.create_threshold('slow', 'p95', '> 2500', "for" => '10 minutes', per => '{kind}', "where" => '{"Odd": "1"}', severity => 'critical',
    owner => 'on-call', runbook => 'https://example.org/slow',
    suggested_actions => '["restart", {"do": "roll back", "above": 5000}]', recovery_condition => '< 2000', keep_firing_for => '5 minutes', over => '3 hours',
        no_data => 'ok', impact => 'it''s {{value}}');
SELECT tally.create_threshold('deep', 'depth', '> 120', auto_resolve => true, enabled => false);
SELECT tally.create_threshold('stuck', query => 'SELECT count(*) AS value, kind FROM "My App"."Events" WHERE at < :as_of GROUP BY kind', condition => '> 1e6',
    every => '1 hour');
CREATE TABLE "My App"."Exposures" (at timestamptz NOT NULL, "user" text, arm text, place text);
INSERT INTO "My App"."Exposures" SELECT '2026-03-01Z'::timestamptz + i * interval '1 hour', 'u' || i, (ARRAY['old', 'a new', 'b'])[1 + i % 3], 'p'
    FROM generate_series(1, 30) i;
SELECT tally.create_experiment_metric('spent', '"My App"."Events"', 'ratio', expression => '"It''s"', denominator => '1', unit => 'user', cap => 12.5,
    "window" => '2 days', direction => 'down_is_good');
SELECT tally.create_experiment_metric('buys', '"My App"."Events"', 'funnel', unit => 'user', steps => '{"visit": "kind = ''visit''", "pay": "kind = ''pay''"}',
    description => 'in order');
SELECT tally.create_experiment('"My App".budgets', '"My App"."Exposures"', 'user', '{"old": 2, "a new": {"weight": 1, "budget": 100}, "b": 1}', '{spent,buys}',
    control => 'old', dimensions => '["place"]', twice => 'first',
    starts => '2026-03-01', planned_units => 600, alpha => 0.01, zone => 'Europe/Rome', description => 'it''s about budgets');
SELECT tally.create_channel('desk', kind => 'table', matchers => '{"severity": "critical"}', group_by => '{kind}', group_wait => '30 seconds');
SELECT tally.create_channel('hook', url => 'https://example.org/hook', secret => 'open sesame', headers => '{"Authorization": "Bearer abc"}');
SELECT tally.create_inhibition('one page', '{"severity": "critical"}', '{"severity": "warning"}', '{kind}');
SELECT tally.create_board('overview', 'It''s all',
    '[{"title": "Slow", "metric": "p95", "by": ["kind"], "thresholds": ["slow"]}, {"title": "Raw", "relation": "\"My App\".\"Events\"", "limit": 3}]',
    variables => '{kind}', refresh => '5 minutes', place => 3, since => '3 days', description => 'What is up');
SELECT tally.create_task('nightly', '0 3 * * *', 'DELETE FROM "My App"."Events" WHERE at < :as_of - interval ''9 years''', 'keeps nine years');

CREATE TEMP TABLE before AS SELECT * FROM tally.definitions();
SELECT is((SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (SELECT kind, count(*) AS n FROM before GROUP BY kind) k),
    'board 1, channel 2, experiment 1, experiment metric 2, funnel 1, inhibition 1, metric 2, probe 1, retention 1, rollup 5, sessions 1, task 1, threshold 3',
        'each definition is one statement');
SELECT is_empty($$SELECT name FROM before WHERE statement ~ 'sesame|Bearer'$$, 'no secret is written out');
SELECT ok((SELECT statement FROM before WHERE name = 'hook') LIKE '%-- say secret and headers again%', 'and where there is one, the statement says so');

-- No argument is forgotten, one that a later version adds least of all.
SELECT is((SELECT string_agg(a.name, ', ' ORDER BY a.name) FROM unnest(p.proargnames, p.proargmodes) a(name, mode)
            WHERE (a.mode IS NULL OR a.mode = 'i') AND a.name NOT IN ('name', 'who', 'with_data', 'secret', 'headers')
              AND NOT EXISTS (SELECT FROM pg_proc d WHERE d.proname LIKE '\_%\_definitions' AND d.pronamespace = 'tally_internal'::regnamespace
                                                      AND strpos(d.prosrc, format('[%L, ', a.name)) > 0)), NULL, p.proname || ': every argument is written out')
  FROM pg_proc p WHERE p.pronamespace = 'tally'::regnamespace AND p.proname LIKE 'create\_%'
   -- It makes a threshold, which is written out as one.
   AND p.proname <> 'create_experiment_threshold';

-- Settings of the session.
CREATE TEMP TABLE odd (setting text, value text);
INSERT INTO odd VALUES ('DateStyle', 'SQL, DMY'), ('IntervalStyle', 'iso_8601'), ('TimeZone', 'Asia/Tokyo'), ('search_path', '"My App"'),
    ('quote_all_identifiers', 'on'), ('standard_conforming_strings', 'off');
CREATE FUNCTION pg_temp.under(setting text, value text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config(setting, value, true);
    RETURN (SELECT count(*) FROM tally.definitions() d JOIN before b USING (ordinal, kind, name, owner) WHERE d.statement = b.statement);
END $$;
CREATE TEMP TABLE alike AS SELECT setting, value, pg_temp.under(setting, value) AS n FROM odd;
SELECT is(n, 22::bigint, format('with %s = %s it reads the same', setting, value)) FROM alike;
SELECT is((SELECT count(*) FROM alike), 6::bigint, 'six settings were tried');
RESET ALL;
SET client_min_messages = warning;

-- Where they come from they change nothing.
CREATE TEMP TABLE catalogue AS SELECT 'rollups' AS place, to_jsonb(r) AS row FROM tally.rollups r UNION ALL SELECT 'metrics', to_jsonb(m) FROM tally.metrics m
    UNION ALL SELECT 'thresholds', to_jsonb(t) FROM tally.thresholds t UNION ALL SELECT 'measures', to_jsonb(t) FROM tally.measures t
        UNION ALL SELECT 'dimensions', to_jsonb(t) FROM tally.dimensions t;
SELECT statement FROM before WHERE name <> 'hook' ORDER BY ordinal \gexec
SELECT bag_eq($$SELECT 'rollups' AS place, to_jsonb(r) AS row FROM tally.rollups r UNION ALL SELECT 'metrics', to_jsonb(m) FROM tally.metrics m
    UNION ALL SELECT 'thresholds', to_jsonb(t) FROM tally.thresholds t UNION ALL SELECT 'measures',
        to_jsonb(t) FROM tally.measures t UNION ALL SELECT 'dimensions', to_jsonb(t) FROM tally.dimensions t$$,
    'TABLE catalogue', 'run again where they come from, they change nothing');

-- In an empty catalogue they make the same again.
SELECT tally.drop_threshold(name) FROM tally.thresholds;
SELECT tally.drop_experiment('budgets');
SELECT tally.drop_experiment_metric(name) FROM tally.experiment_metrics;
SELECT tally.drop_metric(name) FROM tally.metrics;
SELECT tally.drop_probe(name) FROM tally.probes;
SELECT tally.drop_channel(name) FROM tally.channels;
SELECT tally.drop_inhibition(name) FROM tally.inhibitions;
SELECT tally.drop_board(name) FROM tally.boards;
SELECT tally.drop_task(name) FROM tally.tasks;
SELECT tally.drop_funnel('Buying'), tally.drop_retention('back'), tally.drop_sessions('Stays');
SELECT tally.drop_rollup(name) FROM (SELECT name FROM tally.rollups ORDER BY id DESC) r;
SELECT is((SELECT count(*) FROM tally.definitions()), 0::bigint, 'nothing is defined any more');
SET search_path = "$user", public, pg_temp;
SET "TimeZone" = 'America/New_York';
SET "DateStyle" = 'German';
SELECT statement FROM before ORDER BY ordinal \gexec
RESET "TimeZone";
RESET "DateStyle";
SELECT bag_eq('SELECT kind, name, owner, replace(statement, ''  -- say secret and headers again: they are not written out'', '''') FROM tally.definitions()',
    'SELECT kind, name, owner, replace(statement, ''  -- say secret and headers again: they are not written out'', '''') FROM before',
        'the statements make the same definitions again');
CALL tally.backfill('By hour');
SELECT bag_eq('SELECT bucket, kind, n FROM "My App"."By hour_live" WHERE "Odd" = ''1''',
    $$SELECT date_trunc('day', at, 'Asia/Kathmandu'), kind, count(*) FROM "My App"."Events" WHERE "It's"::int % 2 = 1 GROUP BY 1, 2$$,
    'which count what the source holds');

-- Everybody gets what he may see.
GRANT USAGE ON SCHEMA "My App" TO tally_test_reader_of_definitions;
SET ROLE tally_test_reader_of_definitions;
SELECT is_empty($$SELECT name FROM tally.definitions() WHERE kind NOT IN ('rollup', 'metric', 'funnel', 'retention', 'sessions', 'experiment',
    'experiment metric', 'board')$$, 'an ordinary role does not see others'' thresholds, channels and tasks');
RESET ROLE;
REVOKE ALL ON SCHEMA "My App" FROM tally_test_reader_of_definitions;
DROP ROLE tally_test_reader_of_definitions;
SELECT * FROM finish();
