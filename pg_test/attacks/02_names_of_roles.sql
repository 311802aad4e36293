-- Attack 2: a role's name decides whose rights its definitions have. current_user::regrole folds "Postgres" to postgres and takes "10" for
-- the OID 10, which is the superuser; roles like "Alice Smith" could neither define nor read (42602).
-- As it was (commit 382f689), seen there: a row of tally.rollups that "Postgres" wrote by hand belonged to postgres; rollups, probes, thresholds and tasks
-- of "Postgres" and "10" were refused by the policies of other tables (42501), those of "Alice Smith" with 42602. Channels and silences were right
-- already. That a definition ran as the superuser is taken from the list of attacks.
\ir prelude.psql
\connect - :superuser
SET client_min_messages = error;
DROP ROLE IF EXISTS "Postgres", "10", "Alice Smith";
CREATE ROLE "Postgres"; CREATE ROLE "10"; CREATE ROLE "Alice Smith";
GRANT INSERT, SELECT ON evil.log TO PUBLIC;
CREATE TABLE evil.made (as_who text, what text, outcome text);
GRANT ALL ON evil.made TO PUBLIC;
CREATE FUNCTION evil.note(what text, statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    INSERT INTO evil.made VALUES (current_user, what, 'done');
EXCEPTION WHEN OTHERS THEN
    INSERT INTO evil.made VALUES (current_user, what, SQLSTATE);
END $$;
SELECT format('CREATE SCHEMA %I AUTHORIZATION %I; SET ROLE %2$I; CREATE TABLE %1$I.t (at timestamptz NOT NULL, ms int); '
              'SELECT evil.note(''rollup'', %3$L); SELECT evil.note(''metric'', %4$L); SELECT evil.note(''probe'', %5$L); SELECT evil.note(''threshold'', '
                  '%6$L); SELECT evil.note(''task'', %7$L); SELECT evil.note(''read'', %8$L); '
              'SELECT evil.note(''channel'', %9$L); SELECT evil.note(''silence'', %10$L); RESET ROLE;',
              's' || n, r, format('SELECT tally.create_rollup(''s%s.r%1$s'', ''s%1$s.t'', ''at'', measures => ''{"n": "count(*)"}'', with_data => true)', n),
              format('SELECT tally.create_metric(''m%s'', ''r%1$s'', ''n'')', n), format('SELECT tally.create_probe(''p%s'', ''SELECT 1 AS value'')', n),
              format('SELECT tally.create_threshold(''t%s'', query => ''SELECT 1 AS value'', condition => ''> 10'')', n),
              format('SELECT tally.create_task(''k%s'', ''0 3 * * *'', ''SELECT current_user'')', n), format('SELECT * FROM tally.timeseries(''m%s'')', n),
              format('SELECT tally.create_channel(''c%s'', kind => ''table'')', n), 'SELECT tally.silence(''{}'', ''quiet'')')
  FROM (VALUES (1, 'Postgres'), (2, '10'), (3, 'Alice Smith')) x(n, r) \gexec
-- What is theirs, and then looks at what is not.
UPDATE tally.thresholds SET query = 'SELECT count(*) AS value FROM public.treasure' WHERE name IN ('t1', 't2', 't3');
UPDATE tally.tasks SET statement = 'SELECT * FROM public.treasure' WHERE name IN ('k1', 'k2', 'k3');
CREATE TABLE evil.ran AS SELECT threshold, error FROM tally.evaluate('2026-03-02 13:00+00') WHERE threshold IN ('t1', 't2', 't3');
CREATE TABLE evil.tasks_ran AS SELECT task, error FROM tally.run_tasks('0 3 * * *');
UPDATE public.before SET state = public.state();
\ir verdict.psql
SELECT is_empty($$SELECT * FROM evil.made WHERE outcome <> 'done'$$, 'roles of any name define and read');
SELECT is((SELECT count(*) FROM evil.made), 24::bigint, 'eight things each');
SELECT results_eq($$SELECT owner::text FROM tally.thresholds WHERE name IN ('t1', 't2', 't3') ORDER BY name$$,
    $$VALUES ('"Postgres"'), ('"10"'), ('"Alice Smith"')$$, 'and own what they define');
SELECT is((SELECT count(*) FROM evil.ran WHERE error LIKE '42501%'), 3::bigint,
    'a threshold has the rights of the role of that name, not of the one it is folded to');
SELECT is((SELECT count(*) FROM evil.tasks_ran WHERE error LIKE '42501%'), 3::bigint, 'so has a task');
SELECT is_empty($$SELECT name FROM tally.channels WHERE owner = 'postgres'::regrole AND name IN ('c1', 'c2', 'c3')$$, 'and a channel is its maker''s');
SELECT tally.drop_threshold(name) FROM tally.thresholds WHERE name IN ('t1', 't2', 't3');
SELECT tally.drop_task(name) FROM tally.tasks WHERE name IN ('k1', 'k2', 'k3');
SELECT tally.drop_probe(name) FROM tally.probes WHERE name IN ('p1', 'p2', 'p3');
SELECT tally.drop_rollup(name) FROM tally.rollups WHERE name IN ('r1', 'r2', 'r3');
DROP OWNED BY "Postgres", "10", "Alice Smith" CASCADE;
DROP ROLE "Postgres", "10", "Alice Smith";
SELECT * FROM finish();
