-- Owns: settings that are stored: tally.set(), the view tally.settings, who may, what wins over what, what is refused; and that every function reads them.
\ir ../hosted.psql
SET client_min_messages = warning;
-- What ALTER DATABASE and ALTER ROLE say: a new session begins with it. Only a superuser may. In front of the plan, which a session keeps.
\if :hosted
\else
SELECT current_database() AS db, current_user AS who \gset
SELECT tally.set('most_label_sets', '5'), tally.set('most_per_role', '2') \g /dev/null
ALTER DATABASE :"db" SET tally.most_label_sets = '6';
ALTER DATABASE :"db" SET tally.most_per_role = '1';
ALTER DATABASE :"db" SET tally.keep_runs = '8 days';
ALTER ROLE :"who" IN DATABASE :"db" SET tally.keep_runs = '9 days';
\connect
SET client_min_messages = warning;
CREATE TABLE public.begun AS SELECT * FROM tally.settings;
SET tally.keep_runs = '8 days';
CREATE TABLE public.said AS SELECT * FROM tally.settings;
SELECT tally.create_channel('one', kind => 'table') \g /dev/null
\set ON_ERROR_STOP off
SELECT tally.create_channel('two', kind => 'table') \g /dev/null
\set ON_ERROR_STOP on
CREATE TABLE public.bound AS SELECT count(*) FROM tally.channels;
SELECT tally.drop_channel('one'), tally.set('most_label_sets', NULL), tally.set('most_per_role', NULL) \g /dev/null
ALTER ROLE :"who" IN DATABASE :"db" RESET tally.keep_runs;
ALTER DATABASE :"db" RESET ALL;
\connect
SET client_min_messages = warning;
\endif
SELECT no_plan();
\if :hosted
\else
SELECT results_eq($$SELECT name, value, source, stored FROM public.begun WHERE name ~ 'most_' OR name = 'tally.keep_runs' ORDER BY name$$,
    $$VALUES ('tally.keep_runs', '9 days', 'role', NULL), ('tally.most_label_sets', '6', 'database', '5'), ('tally.most_per_role', '1', 'database', '2')$$,
    'the database wins over what is stored, the role over the database');
SELECT is((SELECT source FROM public.said WHERE name = 'tally.keep_runs'), 'session', 'a SET is the session''s, also where it says what the database says');
SELECT is((TABLE public.bound), 1::bigint, 'the quota of the database binds');
\endif
DROP ROLE IF EXISTS tally_settings_reader;
CREATE ROLE tally_settings_reader ROLE CURRENT_USER;
CREATE SCHEMA app;
\ir ask.psql

-- What the pages say.
CREATE TEMP TABLE page (name text, library text, hosted text);
INSERT INTO page VALUES
    ('query_timeout', '30 seconds', '30 seconds'), ('task_timeout', '1 hour', '1 hour'), ('refresh_timeout', '1 hour', '1 hour'),
    ('role_timeout', '1 minute', '1 minute'), ('role_refresh_timeout', '10 minutes', '8 minutes'), ('role_task_timeout', '1 hour', '8 minutes'),
    ('job_timeout', '0', '10 minutes'), ('lock_timeout', '5 seconds', '5 seconds'), ('keep_runs', '14 days', '14 days');
SELECT is((SELECT s.value::interval FROM tally.settings s WHERE s.name = 'tally.' || p.name),
          CASE WHEN :'hosted' THEN p.hosted ELSE p.library END::interval, format('the usual value of %s', p.name)) FROM page p;
SELECT results_eq($$SELECT name, value, source FROM tally.settings WHERE name LIKE 'tally.most%'$$,
    $$VALUES ('tally.most_label_sets', '10000', 'default'), ('tally.most_per_role', '1000', 'default')$$, 'the usual numbers');
SELECT bag_eq($$SELECT name FROM tally.settings$$, $$SELECT 'tally.' || name FROM page UNION ALL
    VALUES ('tally.most_label_sets'), ('tally.most_per_role'), ('tally.person'), ('tally.as_of'), ('tally.search_path')$$, 'the view has every setting');
SELECT is_empty($$SELECT name FROM tally.settings WHERE source <> 'default' OR stored IS NOT NULL OR range IS NULL OR description IS NULL$$,
    'none is set, and each is explained');

-- Stored, reset.
SELECT is(tally.set('tally.keep_runs', '3 days'), '3 days', 'set() returns the value in effect');
SELECT results_eq($$SELECT value, source, stored, usual FROM tally.settings WHERE name = 'tally.keep_runs'$$,
    $$VALUES ('3 days', 'stored', '3 days', '14 days')$$, 'the view says that it is stored');
CREATE TABLE public.hits (at timestamptz NOT NULL);
CREATE INDEX ON public.hits (at);
INSERT INTO public.hits SELECT timestamptz '2026-03-01 00:00Z' + i * interval '20 minutes' FROM generate_series(0, 5) i;
SELECT tally.create_rollup('public.hourly', 'public.hits', 'at', '1 hour', measures => '{"n": "count(*)"}', with_data => true);
INSERT INTO tally.runs (rollup_id, started_at, duration_ms)
    SELECT r.id, now() - d, 1 FROM tally.rollups r, unnest('{20 days,4 days,2 days,1 hour}'::interval[]) WITH ORDINALITY x(d, n) ORDER BY n;
SELECT tally.maintain();
SELECT is((SELECT count(*) FROM tally.runs WHERE started_at < now() - interval '3 days'), 0::bigint, 'upkeep, as the job calls it, keeps as long as is stored');
SELECT is((SELECT count(*) FROM tally.runs WHERE started_at < now() - interval '1 day'), 1::bigint, 'and no shorter');
SELECT is(tally.set('keep_runs', NULL), '14 days', 'NULL takes it out; the name goes without tally. too');
SELECT is_empty('SELECT * FROM tally.stored_settings', 'and nothing is left');
SELECT is(tally.set('keep_runs', NULL), '14 days', 'taken out twice is no error');

-- The limits of queries, probes and thresholds.
SELECT tally.set('query_timeout', '200 ms'), tally.set('most_label_sets', '3');
SELECT is((SELECT value::interval FROM tally.settings WHERE name = 'tally.role_timeout'), '400 ms', 'twice what one query may');
SELECT tally.create_threshold('many', query => 'SELECT i AS value, i AS label FROM generate_series(1, 4) i', condition => '> 0');
SELECT matches((SELECT error FROM tally.evaluate('2026-03-01 12:00Z', 'many')), '^54000: threshold ''many'' yields more than 3 label sets',
    'an evaluation keeps to the stored number');
SELECT is((SELECT tally.set('most_label_sets', '4')), '4', 'one more');
SELECT is((SELECT error FROM tally.evaluate('2026-03-01 12:01Z', 'many')), NULL, 'and the next tick has them all');
\if :hosted
\else
SELECT tally.create_threshold('slow', query => 'SELECT 1 AS value FROM pg_sleep(3)', condition => '> 0');
SELECT matches((SELECT error FROM tally.evaluate('2026-03-01 12:00Z', 'slow')), '^54000: the query took longer than 200 ms', 'and to the stored time');
SELECT tally.drop_threshold('slow');
SELECT tally.set('refresh_timeout', '50 ms');
SELECT matches(app.ask($$SELECT tally.run_as(current_user::regrole, 'pg_catalog', 'SELECT pg_sleep(2)')$$), '^54000 \| the query took longer than 50 ms',
    'a refresh keeps to its stored time');
SELECT matches(app.ask($$SELECT tally.run_as(current_user::regrole, 'pg_catalog', 'SELECT pg_sleep(2)')$$), 'SELECT tally.set\(''tally.query_timeout''',
    'and the hint is a statement that works');
SELECT tally.set('refresh_timeout', NULL);
SET tally.refresh_timeout = '-1 s';
SELECT matches(app.ask($$SELECT tally.run_as(current_user::regrole, 'pg_catalog', 'SELECT 1')$$),
    '^22023 \| tally.refresh_timeout must be an interval of 0 or more, got ''-1 s''', 'a time below zero is refused where it is read');
RESET tally.refresh_timeout;
\endif

-- A session wins over what is stored, and so does what ALTER ROLE or ALTER DATABASE says.
SET tally.most_label_sets = '2';
SELECT matches((SELECT error FROM tally.evaluate('2026-03-01 12:02Z', 'many')), 'more than 2 label sets', 'what the session says wins');
SELECT results_eq($$SELECT value, source, stored FROM tally.settings WHERE name = 'tally.most_label_sets'$$, $$VALUES ('2', 'session', '4')$$,
    'the view says so');
SELECT is(tally.set('most_label_sets', '5'), '2', 'set() returns what is in effect, not what it stores');
RESET tally.most_label_sets;
SELECT results_eq($$SELECT value, source FROM tally.settings WHERE name = 'tally.most_label_sets'$$, $$VALUES ('5', 'stored')$$,
    'after RESET it is what is stored');

-- Channels of a role: what is stored counts, and what a session says does not.
SELECT tally.set('most_per_role', '1');
SELECT tally.create_channel('one', kind => 'table');
SET tally.most_per_role = 1000;
SELECT matches(app.ask($$SELECT tally.create_channel('two', kind => 'table')$$),
    '^54000 \| role .* may have 1 channels at most, and has 1 \| .* SELECT tally.set\(''tally.most_per_role'', ''2''\);$', 'a quota that is stored binds');
SELECT results_eq($$SELECT value, source FROM tally.settings WHERE name = 'tally.most_per_role'$$, $$VALUES ('1', 'stored')$$, 'the view says the same');
RESET tally.most_per_role;
SELECT tally.set('tally.most_per_role', '2');
SELECT is(tally.create_channel('two', kind => 'table'), 'two', 'the hint works');

-- Refusals, in four parts.
CREATE TEMP TABLE wrong (call text, says text);
INSERT INTO wrong VALUES
    ($$tally.set('tally.keep_run', '1 day')$$,
        $$42704 | the name of a setting of pg_tally expected, got 'tally.keep_run' | The closest are 'tally.keep_runs'$$),
    ($$tally.set('work_mem', '1 GB')$$, $$42704 | the name of a setting of pg_tally expected, got 'tally.work_mem' | $$),
    ($$tally.set(NULL, '1')$$, $$42704 | the name of a setting of pg_tally expected, got NULL | $$),
    ($$tally.set('tally.actor', '10')$$, $$42704 | the name of a setting of pg_tally expected, got 'tally.actor' | $$),
    ($$tally.set('person', 'mia')$$, $$22023 | tally.person is of a session alone, and cannot be stored for the database | $$),
    ($$tally.set('keep_runs', 'soon')$$, $$22007 | tally.keep_runs must be an interval, got 'soon' | $$),
    ($$tally.set('keep_runs', '')$$, $$22007 | tally.keep_runs must be an interval, got '' | $$),
    ($$tally.set('lock_timeout', '-5 s')$$, $$22023 | tally.lock_timeout must be an interval of 0 or more, got '-5 s' | $$),
    ($$tally.set('task_timeout', '99999999999 years')$$, $$22015 | tally.task_timeout must be an interval, got '99999999999 years' | $$),
    ($$tally.set('most_label_sets', '0')$$, $$22023 | tally.most_label_sets must be a whole number from 1 to 10000000, got '0' | $$),
    ($$tally.set('most_label_sets', '1e3')$$, $$22023 | tally.most_label_sets must be a whole number from 1 to 10000000, got '1e3' | $$),
    ($$tally.set('most_per_role', '-1')$$, $$22023 | tally.most_per_role must be a whole number from 0 to 999999999, got '-1' | $$),
    ($$tally.set('keep_runs', repeat('1 day ', 40))$$, $$22023 | tally.keep_runs must have a value of 200 bytes at most, got 240 | $$);
SELECT is(left(app.ask('SELECT ' || w.call), length(w.says)), w.says, format('%s is refused', w.call)) FROM wrong w;
SELECT matches(app.ask('SELECT ' || w.call), ' \| (SELECT|SET) [^|]*;', format('the hint of %s is a statement', w.call)) FROM wrong w;
SELECT is((SELECT value FROM tally.settings WHERE name = 'tally.keep_runs'), '14 days', 'none of them has stored anything');
-- The same checks where a setting is read.
SET tally.keep_runs = 'soon';
SELECT matches(app.ask('SELECT tally.maintain()'), '^22007 \| tally.keep_runs must be an interval, got ''soon'' \| .* SELECT tally.set',
    'bug: maintain() said PostgreSQL''s bare error of a wrong tally.keep_runs');
SELECT is((SELECT value FROM tally.settings WHERE name = 'tally.keep_runs'), 'soon', 'the view shows what is wrong');
RESET tally.keep_runs;
SET tally.query_timeout = 'soon';
SELECT is((SELECT value::interval FROM tally.settings WHERE name = 'tally.role_timeout'), '1 minute', 'what is made of a wrong one is as usual');
RESET tally.query_timeout;

-- Who may: the role that installed pg_tally, and who is granted the function. Everybody may look.
GRANT USAGE ON SCHEMA app TO tally_settings_reader;
SET ROLE tally_settings_reader;
SELECT matches(app.ask($$SELECT tally.set('query_timeout', '0')$$),
    '^42501 \| tally.set acts for every owner, so only a superuser .* \| GRANT EXECUTE ON ROUTINE tally.set\(text,text\) TO tally_settings_reader;',
    'another role is refused');
SELECT throws_ok($$INSERT INTO tally.stored_settings VALUES ('tally.query_timeout', '0')$$, '42501', NULL, 'by hand too');
SELECT is((SELECT source FROM tally.settings WHERE name = 'tally.most_label_sets'), 'stored', 'but it reads what is stored');
SELECT is_empty($$SELECT * FROM tally.definitions() WHERE kind = 'setting'$$, 'its definitions hold no statement that it may not run');
RESET ROLE;
GRANT EXECUTE ON ROUTINE tally.set(text, text) TO tally_settings_reader;
SET ROLE tally_settings_reader;
SELECT is(tally.set('lock_timeout', '7 seconds'), '7 seconds', 'with the grant of the hint it may');
RESET ROLE;
SELECT results_eq($$SELECT actor, name, action, old ->> 'value', new ->> 'value' FROM tally.audit WHERE kind = 'stored_settings' ORDER BY id DESC LIMIT 1$$,
    $$VALUES ('tally_settings_reader', 'tally.lock_timeout', 'create', NULL, '7 seconds')$$, 'the audit names who did it');
SELECT bag_eq($$SELECT statement FROM tally.definitions() WHERE kind = 'setting'$$,
    $$SELECT format('SELECT tally.set(%L, %L);', name, value) FROM tally.stored_settings$$, 'what is stored is among the definitions');
SELECT is((SELECT count(*) FROM tally.stored_settings), 4::bigint, 'all four');

-- Nobody reads them in another way.
SELECT is_empty($$SELECT p.oid::regprocedure, s.name FROM pg_proc p JOIN tally.settings s
       ON concat(p.prosrc, pg_get_expr(p.proargdefaults, 0)) ~ format('(current_setting|get_setting)\(''%s''', s.name)
    WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND s.range !~ 'session'$$,
    'every function asks the one that reads settings');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
    AND p.prosrc ~ 'ALTER DATABASE %I SET tally'$$, 'and no hint says ALTER DATABASE … SET, which in the hosted edition needs a superuser');

REVOKE ALL ON ROUTINE tally.set(text, text) FROM tally_settings_reader;
DROP SCHEMA app CASCADE;
DROP ROLE tally_settings_reader;
SELECT * FROM finish();
