-- Owns: an experiment and a metric of experiments have their names within a schema. Two teams write the same statements. A bare name goes by the
-- search_path of the caller, and where that does not decide, the caller is asked. See also 46_names_of_kinds.sql.
SELECT no_plan();
\ir ../hosted.psql
SET client_min_messages = warning;
\ir ../message_of.psql

-- In schema b the new arm gives 3 for each unit, in schema d 2; the control gives 1.
CREATE SCHEMA trials_b;
CREATE SCHEMA trials_d;
SET search_path = trials_b, public;
CREATE PROCEDURE public.make_experiment(gain int) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE seen (at timestamptz, unit int, arm text);
    CREATE TABLE paid (at timestamptz, unit int, amount int);
    INSERT INTO seen SELECT '2026-03-01', i, CASE i % 2 WHEN 0 THEN 'control' ELSE 'new' END FROM generate_series(1, 40) i;
    INSERT INTO paid SELECT '2026-03-01 01:00', i, CASE i % 2 WHEN 0 THEN 1 ELSE gain END FROM generate_series(1, 40) i;
    PERFORM tally.create_experiment_metric('revenue', 'paid', expression => 'amount', unit => 'unit');
    PERFORM tally.create_experiment('price', 'seen', 'unit', '{"control": 1, "new": 1}', '{revenue}', "window" => '1 day', covariate_days => 0);
END $$;
CALL make_experiment(3);
SET search_path = trials_d, public;
SELECT lives_ok('CALL make_experiment(2)', 'another schema has an experiment and a metric of the same names');
SELECT bag_eq($$SELECT e.schema, e.name, m.schema AS of_metric, m.source::text FROM tally.experiments e JOIN tally.experiment_cells c ON c.experiment_id = e.id
                  JOIN tally.experiment_metrics m ON m.id = c.metric_id$$,
    $$VALUES ('trials_b', 'price', 'trials_b', 'trials_b.paid'), ('trials_d', 'price', 'trials_d', 'paid')$$, 'each measures the metric of its schema');
SELECT is((SELECT value FROM tally.experiment_report('price', '2026-03-05') WHERE arm = 'new'), 2::float8, 'a bare name is that of the caller''s schema');
SELECT is((SELECT value FROM tally.experiment_report('trials_b.price', '2026-03-05') WHERE arm = 'new'), 3::float8, 'a name with its schema is that one');
SELECT lives_ok($$SELECT * FROM tally.experiment_summary('trials_b.price', '2026-03-05')$$, 'a summary');
SELECT lives_ok($$SELECT * FROM tally.experiment_timeseries('trials_b.price', '{revenue}', '2026-03-05')$$, 'days');
SELECT lives_ok($$SELECT * FROM tally.experiment_health('trials_b.price', '2026-03-05')$$, 'and what is odd');
SET search_path = public;
SELECT is((SELECT string_agg(m.state || ' ' || m.message, '; ' ORDER BY n)
             FROM unnest(ARRAY['SELECT * FROM tally.experiment_report(''price'')', 'SELECT tally.drop_experiment(''price'')',
                               'SELECT tally.drop_experiment_metric(''revenue'')']) WITH ORDINALITY u(q, n), message_of(u.q) m),
    '42P09 experiment ''price'' must be one, got 2 of that name; 42P09 experiment ''price'' must be one, got 2 of that name; '
    || '42P09 experiment metric ''revenue'' must be one, got 2 of that name', 'where nothing decides, the caller is asked');
SELECT is((SELECT (state, hint)::text FROM message_of($$SELECT tally.drop_experiment_metric('trials_b.revenue')$$)),
    $$(2BP01,"SELECT tally.drop_experiment('trials_b.price');")$$, 'a hint names the experiment with its schema');
-- Metrics of two schemas in one experiment: the report tells them apart.
SET search_path = trials_d, public;
SELECT tally.create_experiment('both', 'trials_b.seen', 'unit', '{"control": 1, "new": 1}', '{revenue,trials_b.revenue}', "window" => '1 day',
    covariate_days => 0);
SELECT bag_eq($$SELECT metric, value FROM tally.experiment_report('both', '2026-03-05') WHERE arm = 'new'$$,
    $$VALUES ('trials_d.revenue', 2::float8), ('trials_b.revenue', 3)$$, 'two metrics of one name are two rows');
SELECT bag_eq($$SELECT DISTINCT metric FROM tally.experiment_timeseries('both', '{trials_b.revenue}', '2026-03-05')$$, ARRAY['trials_b.revenue'],
    'one of them is asked for by its schema');
SELECT is((SELECT state FROM message_of($$SELECT tally.create_experiment('twice', 'seen', 'unit', '{"control": 1, "new": 1}', '{revenue,trials_d.revenue}')$$)),
    '22023', 'one metric under two names is refused');
-- A threshold watches the experiment of its schema, and a board shows it, whatever the path of who looks.
SELECT tally.create_experiment_threshold('trials_b.price', 'guardrail');
SELECT tally.create_experiment_threshold('price', 'guardrail');
SELECT bag_eq($$SELECT schema, name FROM tally.thresholds$$, $$VALUES ('trials_b', 'price: guardrail'), ('trials_d', 'price: guardrail')$$,
    'each experiment has its threshold in its own schema');
SELECT tally.create_board('arms', 'Arms', '[{"title": "a", "experiment": "trials_b.price"}, {"title": "b", "experiment": "price"}]');
SET search_path = public;
SELECT is((SELECT count(*) FROM tally.evaluate('2026-03-05 00:00Z') e WHERE e.error IS NOT NULL), 0::bigint, 'their queries find it by any path');
SELECT is((SELECT jsonb_agg((SELECT r -> 3 FROM jsonb_array_elements(tally_internal._panel_experiments(p, '{}', '2026-03-05') -> 'rows') r
                              WHERE r ->> 1 = 'new') ORDER BY n)
             FROM tally.boards b, jsonb_array_elements(b.panels) WITH ORDINALITY x(p, n) WHERE b.name = 'arms'), '["3", "2"]',
    'a panel has the experiment of its board''s maker');
CREATE FUNCTION as_query(q text) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE format('SELECT to_jsonb(x) FROM (%s) x', q); END $$;
SELECT is((SELECT jsonb_agg(DISTINCT r ->> 'value' ORDER BY r ->> 'value')
             FROM tally.boards b, jsonb_array_elements(b.panels) WITH ORDINALITY x(p, n), tally_internal._grafana_queries(b, p) q(q), as_query(q) r
            WHERE b.name = 'arms' AND r ->> 'arm' = 'new'), '["2", "3"]', 'and a dashboard for Grafana');
-- A schema that is renamed.
ALTER SCHEMA trials_d RENAME TO trials_e;
SELECT is((SELECT value FROM trials_e.price_report WHERE arm = 'new'), 2::float8, 'the view follows it');
SET search_path = trials_e, public;
SELECT lives_ok($$SELECT tally.create_experiment('price', 'seen', 'unit', '{"control": 1, "new": 1}', '{revenue}', "window" => '1 day', covariate_days => 0)$$,
    'the same definition again is still the same');
SELECT is((SELECT count(*) FROM tally.evaluate('2026-03-05 01:00Z') e WHERE e.error IS NOT NULL), 0::bigint, 'and so are the thresholds');
CREATE TEMP TABLE trials AS SELECT kind, name, statement FROM tally.definitions() WHERE kind LIKE 'experiment%';
SELECT is((SELECT count(*) FROM trials), 5::bigint, 'definitions() has three experiments and two metrics');
SELECT tally.drop_board('arms');
SELECT lives_ok($$SELECT tally.drop_experiment('both'), tally.drop_experiment('price'), tally.drop_experiment_metric('revenue')$$,
    'each is dropped by its schema');
SELECT bag_eq($$SELECT schema, name FROM tally.experiments UNION ALL SELECT schema, name FROM tally.experiment_metrics$$,
    $$VALUES ('trials_b', 'price'), ('trials_b', 'revenue')$$, 'and the other''s are left');
SET search_path = public;
SELECT lives_ok($$SELECT tally.drop_experiment('price'), tally.drop_experiment_metric('revenue')$$, 'whose bare names are clear again');
SELECT statement FROM trials \gexec
SELECT bag_eq($$SELECT kind, name, statement FROM tally.definitions() WHERE kind LIKE 'experiment%'$$, 'TABLE trials', 'definitions() makes all again');

\if :hosted
SELECT skip('experiments are the installing role''s', 2);
\else
-- A superuser's metric is read with the rights and by the search_path of the experiment's maker. Where that gives another meaning it is refused.
CREATE ROLE names57_other ROLE CURRENT_USER;
CREATE SCHEMA names57_m;
CREATE SCHEMA names57_o AUTHORIZATION names57_other;
CREATE FUNCTION names57_m.worth(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1;
CREATE FUNCTION names57_o.worth(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN 7;
CREATE TABLE names57_o.bought (unit int, at timestamptz, amount int);
INSERT INTO names57_o.bought VALUES (1, '2026-03-01 12:00Z', 3);
CREATE TABLE names57_o.shown (unit int, at timestamptz, arm text);
INSERT INTO names57_o.shown VALUES (1, '2026-03-01 10:00Z', 'new'), (2, '2026-03-01 10:00Z', 'control');
ALTER TABLE names57_o.bought OWNER TO names57_other;
ALTER TABLE names57_o.shown OWNER TO names57_other;
SET search_path = names57_m, public;
SELECT tally.create_experiment_metric('worth', 'names57_o.bought', expression => 'worth(amount)');
SET ROLE names57_other;
SET search_path = names57_o, public;
CREATE TEMP TABLE worths (n int, state text, message text, detail text, hint text);
INSERT INTO worths SELECT 1, m.* FROM message_of($$SELECT tally.create_experiment('worths', 'shown', 'unit', '{"control": 1, "new": 1}',
    '{names57_m.worth}', "window" => '1 day', covariate_days => 0)$$) m;
RESET ROLE;
GRANT USAGE ON SCHEMA names57_m TO names57_other;
SET ROLE names57_other;
INSERT INTO worths SELECT 2, m.* FROM message_of($$SELECT tally.create_experiment('worths', 'shown', 'unit', '{"control": 1, "new": 1}',
    '{names57_m.worth}', "window" => '1 day', covariate_days => 0)$$) m;
SELECT hint FROM worths WHERE n = 2 \gexec
SELECT tally.create_experiment('names57_o.worths', 'names57_o.shown', 'unit', '{"control": 1, "new": 1}', '{worth}', "window" => '1 day',
    covariate_days => 0);
SELECT value FROM tally.experiment_report('names57_o.worths', '2026-03-05', k => 1) WHERE arm = 'new' \gset
RESET ROLE;
SET search_path = public;
SELECT bag_eq($$SELECT n, state, hint FROM pg_temp.worths$$, $$VALUES (1, '42501', 'GRANT USAGE ON SCHEMA names57_m TO names57_other;'),
    (2, '42P09', 'SET search_path = names57_m, public;')$$, 'a metric that would mean something else to the experiment''s maker is refused');
SELECT is(:'value'::float8, 3::float8, 'by the search_path that the hint names it means what its maker meant');
SELECT tally.drop_experiment('worths'), tally.drop_experiment_metric('worth');
DROP SCHEMA names57_m, names57_o CASCADE;
DROP OWNED BY names57_other;
DROP ROLE names57_other;
\endif
SELECT * FROM finish();
