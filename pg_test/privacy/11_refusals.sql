-- Owns: what a refusal leaves behind, and what it says. A refusal raises, so that its transaction can keep no row; a reader may catch the error, and
-- then the server logs no error either. The log has the refusal all the same. And the report of an experiment: whoever may not read its units is told
-- what can be published.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
-- The server's log: where its standard error goes.
CREATE FUNCTION public.log_name() RETURNS text LANGUAGE sql AS
    $$SELECT format('/proc/%s/fd/2', (string_to_array(pg_read_file('postmaster.pid'), E'\n'))[1])$$;
CREATE TEMP TABLE before AS SELECT (pg_stat_file(public.log_name())).size AS at;
CREATE FUNCTION public.logged() RETURNS text LANGUAGE sql AS $$
    SELECT encode(pg_read_binary_file(public.log_name(), b.at, (pg_stat_file(public.log_name())).size - b.at), 'escape') FROM before b $$;
SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT tally.create_rollup('app.by_second', 'app.visits', 'at', '1 second', dimensions => '["world"]', measures => '{"n": "count(*)"}', with_data => true);
CREATE TABLE app.trials (LIKE app.visits INCLUDING ALL);
SELECT tally.create_experiment_metric('visits made', 'app.trials', time_column => 'at', unit => 'person');
INSERT INTO app.trials SELECT '2026-01-05 10:00Z', 10000 + i, CASE WHEN i % 2 = 0 THEN 'e1' ELSE 'e2' END, 'd' FROM generate_series(1, 800) i;
INSERT INTO app.trials SELECT '2026-01-05 10:30Z', 10000 + i, CASE WHEN i % 2 = 0 THEN 'e1' ELSE 'e2' END, 'd' FROM generate_series(1, 280) i
 WHERE i <= 200 OR i % 2 = 1;
SELECT tally.create_experiment('two_worlds', 'app.trials', unit => 'person', arms => '{"e1": 1, "e2": 1}', metrics => '{"visits made"}', arm => 'world',
    time_column => 'at', control => 'e1', "window" => '1 hour', covariate_days => 0, with_data => true);

RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SET search_path = evil, public;
CREATE TEMP TABLE refused (what text, query text, parts text[]);
INSERT INTO refused (what, query) VALUES
('a metric of a range that is not released', $$SELECT tally.metric_value('visits', '2026-01-01 10:00Z', '2026-01-01 11:00Z')$$),
('a label that is not released', $$SELECT * FROM tally.released('seen', by => '{hour}')$$),
('an export', $$SELECT tally.export_csv('{visits}', since => '2026-01-01', until => '2026-01-02')$$),
('a release of his own', $$SELECT tally.create_release('evil.mine', 'app.by_second', '{world}', '{n}')$$),
('a report of an experiment', $$SELECT * FROM tally.experiment_report('two_worlds', as_of => '2026-02-01')$$);
UPDATE refused SET parts = evil.parts(query);
SELECT is(parts[1], '42501', 'refused: ' || what) FROM refused;
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
CREATE TEMP TABLE log AS SELECT public.logged() AS lines;
SELECT ok(l.lines ~ format('%s LOG:  pg_tally refused [^ ]+ in a session of tally_reader: ', current_database())
          AND position(format('in a session of tally_reader: %s', r.parts[2]) IN l.lines) > 0, 'the log has ' || r.what) FROM refused r, log l;
-- The lines of this database alone: other tests run beside this one.
SELECT ok(position(format('%s ERROR:  %s', current_database(), r.parts[2]) IN l.lines) = 0,
    'which it has not as an error, because that was caught: ' || r.what) FROM refused r, log l;

-- Every form of a report says the same, in four parts, and its hint is a statement that works for the owner.
SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
CREATE TEMP TABLE form AS SELECT q, evil.parts(format(q, 'two_worlds')) AS parts FROM unnest(ARRAY[
    'SELECT * FROM tally.experiment_report(%L, as_of => ''2026-02-01'')', 'SELECT * FROM tally.experiment_summary(%L, as_of => ''2026-02-01'')',
    'SELECT * FROM tally.experiment_timeseries(%L, as_of => ''2026-02-01'')', 'SELECT tally.experiment_json(%L, as_of => ''2026-02-01'')',
    'SELECT tally.experiment_csv(%L, as_of => ''2026-02-01'')', 'SELECT * FROM tally.experiment_health(%L, as_of => ''2026-02-01'')']) q;
GRANT SELECT ON form TO PUBLIC;
SELECT matches(parts[2], '^the report of experiment .two_worlds. is for roles that may read [^ ]*, got tally_reader$', q) FROM form;
SELECT is((SELECT count(DISTINCT parts[3:4]) FROM form), 1::bigint, 'they say the same');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT matches((SELECT parts[4] FROM form LIMIT 1), 'CREATE TABLE app\.two_worlds_verdict AS SELECT', 'the hint publishes the verdict');
DO $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY (string_to_array((SELECT parts[4] FROM form LIMIT 1), ';'))[1:2] LOOP EXECUTE statement; END LOOP;
END $$;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
-- By hand: 400 units in each arm; 100 of e1 came twice and 140 of e2, so their means are 1.25 and 1.35.
SELECT results_eq('SELECT metric, arm, lift FROM app.two_worlds_verdict', $$VALUES ('visits made', 'e2', 0.08)$$, 'the reader reads the lift, to the percent');
SELECT matches(string_agg(badge, ' '), '^(win|not_significant)$', 'and the badge') FROM app.two_worlds_verdict;
SELECT bag_eq('SELECT column_name FROM information_schema.columns WHERE table_schema = ''app'' AND table_name = ''two_worlds_verdict''',
    $$VALUES ('metric'), ('arm'), ('badge'), ('lift')$$, 'which holds no number of people, mean or share');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
DROP TABLE app.two_worlds_verdict;
SELECT tally.drop_experiment('two_worlds'), tally.drop_rollup('by_second');
\ir epilogue.psql
SELECT * FROM finish();
