-- What one role defines, read by another: a threshold on its metric, and its experiment. A guard parses such a query before it is run, and does not know the
-- types of its parameters. Bug: it took no array of moments, so thresholds that compare with the past were errors at each tick and never fired, and nobody
-- but its owner could read an experiment.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE ROLE read_by_others_maker;
CREATE ROLE read_by_others_reader;
GRANT CREATE, USAGE ON SCHEMA public TO read_by_others_maker, read_by_others_reader;
SET ROLE read_by_others_maker;
CREATE TABLE e (at timestamptz NOT NULL, u bigint, k text, v float8);
CREATE INDEX ON e (at);
CREATE INDEX ON e (u);
-- From 26 January on the value is 9, before it is 1.
INSERT INTO e SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 hour', i % 40, 'k' || i % 2, CASE WHEN i < 600 THEN 1 ELSE 9 END
  FROM generate_series(0, 1000) i;
CREATE TABLE x (at timestamptz NOT NULL, u bigint, arm text);
CREATE INDEX ON x (u);
INSERT INTO x SELECT timestamptz '2026-01-24 00:00Z' + i * interval '1 hour', i,
                     CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END FROM generate_series(0, 39) i;
SELECT tally.create_rollup('days', 'e', 'at', bucket => '1 day', dimensions => '["k"]', measures => '{"n": "count(*)", "s": "sum(v)"}', with_data => true);
SELECT tally.create_metric('mean', 'days', 's / nullif(n, 0)');
SELECT tally.create_experiment_metric('total', 'e', expression => 'v', cap => 30), tally.create_experiment_metric('middle', 'e', 'quantile', expression => 'v',
    level => 0.5), tally.create_experiment_metric('ratio', 'e', 'ratio', expression => 'v', denominator => '1');
SELECT tally.create_experiment('x', 'x', 'u', '{"control": 1, "new": 1}', '{total,middle,ratio}', with_data => true);
CREATE TABLE own AS SELECT metric, arm, units, value FROM tally.experiment_report('x', as_of => '2026-03-01 00:00Z');
GRANT SELECT ON own, x, x_report TO read_by_others_reader;
DO $$ BEGIN
    EXECUTE (SELECT format('GRANT SELECT ON %s TO read_by_others_reader', string_agg(concat_ws(', ', r.relation, r.live_view), ', ')) FROM tally.rollups r);
END $$;
SELECT bag_eq('SELECT metric, arm, units, value FROM own WHERE metric = ''total''', $$
    SELECT 'total', arm, count(*), avg(LEAST(total, 30)) FROM (
        SELECT arm, (SELECT COALESCE(sum(v), 0) FROM e WHERE e.u = x.u AND e.at >= x.at AND e.at < x.at + interval '7 days') AS total FROM x) y GROUP BY arm$$,
    'the owner reads what plain SQL gives');
SET ROLE read_by_others_reader;
SELECT bag_eq($$SELECT metric, arm, units, value FROM tally.experiment_report('x', as_of => '2026-03-01 00:00Z')$$, 'TABLE own', 'and another role the same');
SELECT bag_eq('SELECT metric, arm FROM x_report', 'SELECT metric, arm FROM own', 'also by the view');
SELECT isnt_empty($$SELECT FROM tally.experiment_health('x', as_of => '2026-03-01 00:00Z')$$, 'its health too');
SELECT throws_ok($$SELECT * FROM tally.move_experiment_caps('x')$$, '42501',
    'caps of experiment ''x'' can only be moved by its owner read_by_others_maker, got read_by_others_reader', 'but its caps are the owner''s');
SELECT results_eq($$SELECT tally_internal._unsafe_function('SELECT count(*), count(*) FROM public.e')$$, 'SELECT NULL::regprocedure',
    'bug: hosted: a query with two columns of one name was no query');
-- The tested day is 26 January: 9 after 1. Thresholds of the hosted edition are its owner's alone.
\ir ../hosted.psql
\if :hosted
SET ROLE read_by_others_maker;
\endif
SELECT tally.create_threshold(c, 'mean', c, owner => 'on-call')
  FROM unnest('{> 5,> 20% vs 7 days,> 1.5 x baseline of 7 days,> 0.1 per 1 hour,z > 4 over 3 weeks,poisson < 0.1 over 3 weeks,
               burn rate 99% over 30 days}'::text[]) c;
SELECT tally.create_threshold('absent', 'mean', 'absent', per => '{k}', owner => 'on-call');
RESET ROLE;
SELECT tally.evaluate('2026-01-27 00:30Z');
SELECT is((SELECT string_agg(DISTINCT message, ' ') FROM tally.evaluations), NULL, 'no condition is an error');
SELECT bag_eq($$SELECT DISTINCT t.condition FROM tally.threshold_states s JOIN tally.thresholds t ON t.id = s.threshold_id WHERE s.state = 'firing'$$,
    $$SELECT condition FROM tally.thresholds WHERE condition <> 'absent'$$, 'and each fires');
DROP OWNED BY read_by_others_reader, read_by_others_maker CASCADE;
DROP ROLE read_by_others_reader, read_by_others_maker;
SELECT * FROM finish();
