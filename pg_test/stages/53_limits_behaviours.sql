-- Owns: limits of readers in funnels, retentions, paths and reports of experiments: they hold as in metrics (53_limits.sql).
SELECT no_plan();
SET client_min_messages = warning;
DROP ROLE IF EXISTS tally_limits2_maker, tally_limits2_reader;
CREATE ROLE tally_limits2_maker;
CREATE ROLE tally_limits2_reader;
CREATE SCHEMA app AUTHORIZATION tally_limits2_maker;
SET ROLE tally_limits2_maker;
SET search_path = app, public;
CREATE TABLE app.events (at timestamptz NOT NULL, person int NOT NULL, device text, kind text);
INSERT INTO app.events SELECT timestamptz '2026-01-01 00:00Z' + (p % 20) * interval '1 day' + s * interval '1 hour', p, 'd' || p % 3, (ARRAY['a', 'b', 'c'])[s]
    FROM generate_series(1, 60) p, generate_series(1, 3) s;
SELECT tally.create_funnel('buying', 'app.events', 'at', 'person', '{"a": "kind = ''a''", "b": "kind = ''b''"}', "window" => '2 days',
    dimensions => '["device"]', with_data => true);
SELECT tally.create_retention('back', 'app.events', 'at', 'person', "start" => 'kind = ''a''', return => 'true', periods => 3, dimensions => '["device"]',
    with_data => true);
SELECT tally.create_rollup('walks', 'app.events', key => 'person', measures => '{"times": "array_agg(at ORDER BY at, kind)",
    "events": "array_agg(kind ORDER BY at, kind)", "device": "min(device)"}', with_data => true);
CREATE TABLE app.exposures (experiment text, at timestamptz, person int, arm text);
INSERT INTO app.exposures SELECT 'price', '2026-01-01 00:00Z', p, (ARRAY['old', 'new'])[1 + p % 2] FROM generate_series(1, 60) p;
SELECT tally.create_experiment_metric('did_c', 'app.events', 'proportion', expression => 'kind = ''c''', direction => 'up_is_good');
SELECT tally.create_experiment('price', 'app.exposures', unit => 'person', metrics => '{did_c}', control => 'old',
    arms => '{"old": {"weight": 1}, "new": {"weight": 1}}',
    starts => '2026-01-01', ends => '2026-01-20', planned_units => 60);
CALL tally.backfill();
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC;
REVOKE SELECT ON app.events, app.exposures FROM PUBLIC;

RESET ROLE;
\ir ask.psql
CREATE TEMP TABLE question (n int, text text, rows text);
INSERT INTO question VALUES
    (1, $$SELECT * FROM tally.funnel('buying', '2026-01-01', '2026-01-21', by => '{device}')$$, '6 rows'),
    (2, $$SELECT * FROM tally.retention('back', '2026-01-01', '2026-01-21', by => '{device}', as_of => '2026-02-01')$$, '12 rows'),
    (3, $$SELECT * FROM tally.paths('walks', 'a', steps => 2, since => '2026-01-01', until => '2026-01-22', by => 'device')$$, '3 rows'),
    (4, $$SELECT * FROM tally.experiment_report('price', '2026-02-01')$$, '2 rows');
GRANT SELECT ON question TO PUBLIC;
SET ROLE tally_limits2_reader;
SELECT is(app.ask(q.text), q.rows, 'without limits: ' || q.text) FROM question q ORDER BY n;

SET ROLE tally_limits2_maker;
SELECT tally.set_limits('app', max_range => '10 days');
SELECT is(app.ask(q.text), q.rows, 'the owner is not bound: ' || q.text) FROM question q ORDER BY n;
SET ROLE tally_limits2_reader;
SELECT matches(app.ask(q.text), '^54000 \| a range must be at most 10 days, got .* \| This limit is set by tally_limits2_maker in tally.limits. \| SELECT ',
    'too long a range: ' || q.text) FROM question q WHERE n <= 3 ORDER BY n;
SELECT matches(app.ask(rtrim(split_part(app.ask(q.text), ' | ', 4), ';')), '^\d+ rows$', 'its hint is a statement that fits: ' || q.text) FROM question q
    WHERE n <= 3 ORDER BY n;
SELECT matches(app.ask($$SELECT * FROM tally.retention('back')$$), '^54000', 'nor is all of it let through');
SET ROLE tally_limits2_maker;
SELECT tally.set_limits('app', max_rows => 2);
SET ROLE tally_limits2_reader;
SELECT matches(app.ask(q.text), '^54000 \| .* has at most 2 rows, and this one has more \| Nothing of it is returned', 'too many rows: ' || q.text)
    FROM question q WHERE n <= 3 ORDER BY n;
SELECT is(app.ask(rtrim(split_part(app.ask((SELECT q.text FROM question q WHERE n = 1)), ' | ', 4), ';')) ~ '^[02] rows$', true, 'the hint gives fewer rows');
SET ROLE tally_limits2_maker;
SELECT tally.set_limits('app', min_people => 40);
SELECT is((SELECT count(*) FROM tally.experiment_report('price', '2026-02-01') WHERE reason = 'hidden'), 0::bigint, 'the owner sees arms of 30 units');
SET ROLE tally_limits2_reader;
SELECT is((SELECT array_agg(units) FROM tally.experiment_report('price', '2026-02-01')), '{NULL,NULL}'::bigint[], 'a reader sees none of fewer than 40');
SET ROLE tally_limits2_maker;
SELECT tally.set_limits('app', enabled => false);
SET ROLE tally_limits2_reader;
SELECT matches(app.ask(q.text), '^55000 \| reading what tally_limits2_maker owns in schema app must be enabled for other roles, and is not', 'off: ' || q.text)
    FROM question q ORDER BY n;
RESET ROLE;
SELECT * FROM finish();
SET ROLE tally_limits2_maker;
SELECT tally.drop_limits('app');
SELECT tally.drop_experiment('price');
SELECT tally.drop_experiment_metric('did_c');
SELECT tally.drop_funnel('buying');
SELECT tally.drop_retention('back');
SELECT tally.drop_rollup('walks');
RESET ROLE;
DROP OWNED BY tally_limits2_maker, tally_limits2_reader CASCADE;
DROP ROLE tally_limits2_maker, tally_limits2_reader;
